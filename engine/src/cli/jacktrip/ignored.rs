//! Options of JackTrip that are taken, and a word said about.

use clap::ArgAction;

/// What JackTrip 1.7.0 or 2.7.2 knows and has no meaning here.
#[derive(Debug, clap::Args)]
pub(super) struct Ignored {
    #[arg(long = "appendthreadid", hide = true, action = ArgAction::SetTrue)]
    append_thread_id: bool,
    #[arg(
        short = 'L',
        long = "localaddress",
        value_name = "ADDRESS",
        hide = true
    )]
    local_address: Option<String>,
    #[arg(long, value_name = "QUEUE", hide = true)]
    broadcast: Option<String>,
    #[arg(long, hide = true)]
    udprt: bool,
    #[arg(short = 'f', long, value_name = "SPEC", hide = true)]
    effects: Option<String>,
    #[arg(
        short = 'O',
        long = "overflowlimiting",
        value_name = "SPEC",
        hide = true
    )]
    limiter: Option<String>,
    #[arg(short = 'a', long = "assumednumclients", value_name = "N", hide = true)]
    assumed_clients: Option<String>,
    #[arg(short = 'G', long = "iostatlog", value_name = "FILE", hide = true)]
    iostat_log: Option<String>,
    #[arg(
        short = 'x',
        long = "examine-audio-delay",
        value_name = "SECONDS",
        hide = true
    )]
    examine_delay: Option<String>,
    #[arg(long, value_name = "RATE", hide = true)]
    simloss: Option<String>,
    #[arg(long, value_name = "RATE,D", hide = true)]
    simjitter: Option<String>,
    #[arg(short = 'T', long, value_name = "HZ", hide = true)]
    srate: Option<String>,
    #[arg(short = 'F', long, value_name = "FRAMES", hide = true)]
    bufsize: Option<String>,
    #[arg(short = 'R', long, hide = true)]
    rtaudio: bool,
    #[arg(short = 'd', long, value_name = "N", hide = true)]
    deviceid: Option<String>,
    #[arg(long, value_name = "NAME", hide = true)]
    audiodevice: Option<String>,
    #[arg(long, value_name = "NAME", hide = true)]
    audioinputdevice: Option<String>,
    #[arg(long, value_name = "NAME", hide = true)]
    audiooutputdevice: Option<String>,
    #[arg(long, hide = true)]
    listdevices: bool,
    #[arg(long, hide = true)]
    gui: bool,
    #[arg(long = "classic-gui", hide = true)]
    classic_gui: bool,
    #[arg(long, value_name = "URL", num_args = 0..=1, require_equals = true, hide = true)]
    deeplink: Option<Option<String>>,
}

impl Ignored {
    /// What `-f help` and the like print; nothing is run then.
    pub(super) fn help(&self) -> Option<String> {
        let asked = [
            (&self.effects, "-f"),
            (&self.limiter, "-O"),
            (&self.assumed_clients, "-a"),
            (&self.examine_delay, "-x"),
        ];
        let asks =
            |given: &&Option<String>| given.as_deref().is_some_and(|spec| spec.starts_with('h'));
        let (_, option) = asked.iter().find(|(given, _)| asks(given))?;
        let mut remarks = self.remarks().into_iter();
        let remark = remarks.find(|remark| remark.starts_with(option))?;
        Some(format!(
            "{remark}. It is taken, so that recipes run as they are."
        ))
    }

    /// A line for each option given.
    pub(super) fn remarks(&self) -> Vec<String> {
        let given: [(bool, &str, &str); 22] = [
            (
                self.append_thread_id,
                "--appendthreadid",
                "it names clients on a hub",
            ),
            (
                self.local_address.is_some(),
                "-L",
                "JackTrip does not use it either",
            ),
            (
                self.broadcast.is_some(),
                "--broadcast",
                "there are no broadcast ports",
            ),
            (
                self.udprt,
                "--udprt",
                "audio is sent and taken by the audio thread itself",
            ),
            (
                self.effects.is_some(),
                "-f",
                "there are no effects; insert them in JACK or the DAW",
            ),
            (
                self.limiter.is_some(),
                "-O",
                "there is no limiter; insert one in JACK or the DAW",
            ),
            (
                self.assumed_clients.is_some(),
                "-a",
                "it belongs to the limiter",
            ),
            (
                self.iostat_log.is_some(),
                "-G",
                "redirect standard output instead",
            ),
            (
                self.examine_delay.is_some(),
                "-x",
                "the round trip between two Farsends is shown by itself",
            ),
            (
                self.simloss.is_some(),
                "--simloss",
                "bad networks are not simulated here",
            ),
            (
                self.simjitter.is_some(),
                "--simjitter",
                "bad networks are not simulated here",
            ),
            (self.srate.is_some(), "-T", "JACK's rate is used"),
            (self.bufsize.is_some(), "-F", "JACK's period is used"),
            (self.rtaudio, "-R", "JACK is used"),
            (self.deviceid.is_some(), "-d", "JACK is used"),
            (self.audiodevice.is_some(), "--audiodevice", "JACK is used"),
            (
                self.audioinputdevice.is_some(),
                "--audioinputdevice",
                "JACK is used",
            ),
            (
                self.audiooutputdevice.is_some(),
                "--audiooutputdevice",
                "JACK is used",
            ),
            (
                self.listdevices,
                "--listdevices",
                "JACK is used; jack_lsp lists its ports",
            ),
            (self.gui, "--gui", NO_WINDOW),
            (self.classic_gui, "--classic-gui", NO_WINDOW),
            (
                self.deeplink.is_some(),
                "--deeplink",
                "Virtual Studio's links are for JackTrip's own window",
            ),
        ];
        let line =
            |(_, option, why): &(bool, &str, &str)| format!("{option} means nothing here: {why}");
        given.iter().filter(|one| one.0).map(line).collect()
    }
}

const NO_WINDOW: &str = "there is no window; the plugin has one";
