//! `farsend hub`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use farsend_stream::{Conceal, DepthPolicy};
use farsend_units::{Channels, Frames, SampleRate};
use farsend_wire::sample::SampleFormat;

use super::hub_auth::AuthArgs;
use super::hub_control::{self, Control};
use super::{complain, options, until_signal};
use crate::backend::WavError;
use crate::backend::file::WavInput;
use crate::control::report::Style;
use crate::engine::RunError;
use crate::exit::{self, Exit};
use crate::hub::{
    self, ALIGN_BOUND, HubReporter, HubSettings, LocalSettings, OscPort, PatchMode, RecordSettings,
    Through,
};
use crate::record::Depth;
use crate::settings::DEFAULT_PORT;

/// The options.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = long_help(), args_conflicts_with_subcommands = true)]
pub(super) struct HubArgs {
    /// Ask a hub that runs, in place of being one.
    #[command(subcommand)]
    control: Option<Control>,
    /// The TCP port where players log in; 0 takes any free one.
    #[arg(long, visible_alias = "bind-port", value_name = "PORT", default_value_t = DEFAULT_PORT)]
    port: u16,
    /// The UDP port of everyone's audio [default: that of --port, so that a firewall has one number to open].
    #[arg(long, value_name = "PORT")]
    udp_port: Option<u16>,
    /// A UDP port for each player, as JackTrip's hubs have it, in place of one for all: the lowest that nobody had of late.
    #[arg(long, conflicts_with = "udp_port")]
    port_each: bool,
    /// With --port-each: the first of as many as there may be players [default: 61002, and as much more as --port is above 4464].
    #[arg(short = 'U', long, value_name = "PORT", requires = "port_each", value_parser = clap::value_parser!(u16).range(1..))]
    udp_base: Option<u16>,
    /// Take OSC as JackTrip's hubs do (/config queueBuffer, /get latency) at this UDP port, from this machine only; 0 takes any
    /// free one [default: the number of --port, where audio has another].
    #[arg(long, value_name = "PORT")]
    osc_port: Option<u16>,
    /// Who hears whom: others, all, loopback, server (what is played at the hub, in JACK) or none; or JackTrip's 2, 4, 1, 0 (or 3), 5.
    #[arg(short = 'p', long, value_name = "MODE", default_value = "others")]
    patch: PatchMode,
    /// A player who sends one channel is heard in both, and so is a hub's own (-i, --input). Else in the left one only.
    #[arg(short = 'u', long)]
    upmix: bool,
    /// The hub takes part, as a JACK client or by WAV files: players hear what is played into it, and are heard there. With
    /// others and all.
    #[arg(short = 'i', long)]
    include_server: bool,
    /// With -i or -p server: play this WAV file to the players, in place of JACK, from the moment that the first is there.
    #[arg(long, value_name = "WAV")]
    input: Option<PathBuf>,
    /// With -i or -p server: record to this WAV file what would be heard at the hub, all players together, from the same
    /// moment on. A file that is there already stays: `NAME (2).wav` is written then.
    #[arg(long, value_name = "WAV")]
    output: Option<PathBuf>,
    /// With -i or -p server: channels of the hub's own, each way [default: 2, or those of --input].
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    channels: Option<u8>,
    /// With -i or -p server: the JACK client's name [default: farsend-hub].
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// With -i or -p server: do not connect the JACK client to the sound card's ports.
    #[arg(short = 'D', long)]
    no_connect: bool,
    /// As many players as there may be.
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u16).range(1..=4096))]
    players: u16,
    /// Frames a second of the mix. Players, and --input, may have any other [default: 48000, or JACK's where it is heard].
    #[arg(long, value_name = "HZ", value_parser = clap::value_parser!(u32).range(8000..=192_000))]
    rate: Option<u32>,
    /// Frames that are mixed, and sent, at a time. Players may have any other [default: 128, or JACK's where the hub takes part].
    #[arg(long, value_name = "FRAMES", value_parser = clap::value_parser!(u32).range(16..=2048))]
    period: Option<u32>,
    /// Bits of the samples that are sent: 8, 16, 24 or 32 [default: as each player sends them].
    #[arg(short = 'b', long, value_name = "BITS", value_parser = options::bits)]
    bits: Option<SampleFormat>,
    /// Packets of each player to keep before they are mixed: a number, or auto.
    #[arg(short, long, value_name = "PACKETS", default_value = "auto", value_parser = queue)]
    queue: DepthPolicy,
    /// Everybody is heard as late as the latest, so that all are together as they were played: worth it where that is more to
    /// the players than a short delay.
    #[arg(long)]
    align: bool,
    /// With --align: hold nobody back for longer than this. Who is later than that is not waited for.
    #[arg(long, value_name = "MS", default_value_t = ALIGN_BOUND.as_millis() as f64, requires = "align", value_parser = hub_control::align_bound)]
    align_bound: f64,
    /// Do not repair what is lost on the way from and to players that are Farsends.
    #[arg(long)]
    no_repair: bool,
    /// Record each player and the mix as Broadcast WAV, in a new folder within this one. All files begin together.
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// Bits of a recorded player's samples: 24, or 32 for floats. The mix is always floats.
    #[arg(long, value_name = "BITS", default_value = "24", value_parser = depth, requires = "record")]
    record_bits: Depth,
    #[command(flatten)]
    auth: AuthArgs,
    /// Print JSON lines: events, and statistics once a second.
    #[arg(long)]
    json: bool,
    /// Print no line of numbers.
    #[arg(long, conflicts_with = "json")]
    quiet: bool,
}

/// Runs the hub until a signal, or asks one.
pub(super) fn main(mut args: HubArgs) -> Exit {
    if let Some(control) = args.control.take() {
        return hub_control::main(control);
    }
    let style = match (args.json, args.quiet) {
        (true, _) => Style::Json,
        (_, true) => Style::Quiet,
        _ => Style::Text,
    };
    if let Some(exit) = args.auth.chore() {
        return exit;
    }
    let auth = match args.auth.settings() {
        Ok(auth) => auth,
        Err(exit) => return exit,
    };
    let local = args.include_server || args.patch == PatchMode::Server;
    if args.include_server && !matches!(args.patch, PatchMode::Others | PatchMode::All) {
        return complain(&RunError::Options(
            "-i adds the hub to the mixes of -p others and -p all; with -p server it is all that is heard anyway",
        ));
    }
    let by_files = args.input.is_some() || args.output.is_some();
    if by_files && !local {
        return complain(&RunError::Options(
            "--input and --output are the hub's own voice and ears: add -i (it takes part) or -p server (players hear nothing else)",
        ));
    }
    if local && !by_files && args.rate.is_some() {
        return complain(&RunError::Options(
            "where the hub takes part through JACK the rate is JACK's: leave --rate out",
        ));
    }
    if let Err(error) = args.refuse_idle(local, by_files) {
        return complain(&error);
    }
    let channels = match args.local_channels() {
        Ok(channels) => channels,
        Err(error) => return complain(&error.into()),
    };
    let through = if by_files {
        Through::Files {
            input: args.input.clone(),
            output: args.output.clone(),
        }
    } else {
        Through::Jack {
            name: args.name.clone().unwrap_or_else(|| "farsend-hub".into()),
            connect: !args.no_connect,
        }
    };
    let one = args.udp_port.unwrap_or(args.port);
    let first = args.udp_base.unwrap_or_else(|| first_udp_port(args.port));
    let settings = HubSettings {
        auth,
        port: args.port,
        udp_port: if args.port_each { first } else { one },
        port_each: args.port_each,
        osc: args.osc_port.map_or(OscPort::OfDoor, OscPort::At),
        rate: SampleRate(args.rate.unwrap_or(48_000)),
        period: Frames(args.period.unwrap_or(0)),
        patch: args.patch,
        upmix: args.upmix,
        local: local.then_some(LocalSettings { channels, through }),
        include_local: args.include_server,
        players: usize::from(args.players),
        samples: args.bits,
        depth: args.queue,
        align: args.align,
        align_bound: Duration::from_secs_f64(args.align_bound / 1e3),
        repair: !args.no_repair,
        conceal: Conceal::Predict,
        record: args.record.as_ref().map(|folder| RecordSettings {
            folder: folder.clone(),
            depth: args.record_bits,
        }),
    };
    let without_jack = if args.patch == PatchMode::Server {
        "do without: --input and --output play and record files in its place, -p others lets players hear each other"
    } else {
        "do without: leave -i out, or let files take part in its place (--input, --output)"
    };
    run(&settings, &mut HubReporter::new(style), without_jack)
}

impl HubArgs {
    /// Options that nothing would come of here.
    fn refuse_idle(&self, local: bool, by_files: bool) -> Result<(), RunError> {
        let named = self.name.is_some();
        let idle = [
            (
                !local && self.channels.is_some(),
                "-n counts the hub's own channels: add -i (it takes part) or -p server (players hear nothing else)",
            ),
            (
                !local && named,
                "--name is that of the hub's own JACK client: add -i (it takes part) or -p server (players hear nothing else)",
            ),
            (
                !local && self.no_connect,
                "-D is about the hub's own JACK client: add -i (it takes part) or -p server (players hear nothing else)",
            ),
            (
                by_files && named,
                "--name is a JACK client's, and with --input or --output there is none: leave it out",
            ),
            (
                by_files && self.no_connect,
                "-D is about JACK's ports, and with --input or --output there are none: leave it out",
            ),
        ];
        let found = idle.into_iter().find(|(is_idle, _)| *is_idle);
        found.map_or(Ok(()), |(_, why)| Err(RunError::Options(why)))
    }

    /// Of the hub's own input and output.
    ///
    /// # Errors
    /// [`WavError`]: they are those of a file that cannot be read.
    fn local_channels(&self) -> Result<Channels, WavError> {
        Ok(match (self.channels, &self.input) {
            (Some(channels), _) => Channels(channels),
            (None, Some(path)) => WavInput::open(path)?.channels(),
            (None, None) => Channels(2),
        })
    }
}

/// Runs this hub until a signal.
pub(super) fn run(settings: &HubSettings, reporter: &mut HubReporter, without_jack: &str) -> Exit {
    until_signal(|quit| hub::run(settings, reporter, quit), without_jack)
}

/// The first of the ports that players have of their own, as in JackTrip, whose users' firewalls may know it.
fn first_udp_port(port: u16) -> u16 {
    let above = i64::from(port) - i64::from(DEFAULT_PORT);
    u16::try_from(FIRST_UDP_PORT + above).unwrap_or(FIRST_UDP_PORT as u16)
}

/// The first of a JackTrip hub's UDP ports, one a player, which firewalls let in.
pub(super) const FIRST_UDP_PORT: i64 = 61_002;

fn depth(text: &str) -> Result<Depth, String> {
    match text {
        "24" => Ok(Depth::Int24),
        "32" => Ok(Depth::Float32),
        _ => Err("expected 24 or 32".to_owned()),
    }
}

fn queue(text: &str) -> Result<DepthPolicy, String> {
    match text.parse::<u16>() {
        Ok(packets @ 1..=1000) => Ok(DepthPolicy::Fixed(packets)),
        _ if text == "auto" => Ok(DepthPolicy::AUTO),
        _ => Err("expected a number of packets from 1 to 1000, or auto".to_owned()),
    }
}

fn long_help() -> String {
    format!("{EXAMPLES}\n\n{}", exit::HELP)
}

const EXAMPLES: &str = "\
Examples:
  farsend hub                    at TCP and UDP port 4464; players: `jacktrip -C HOST`, or `farsend join HOST`
  farsend hub -p all -u          everyone hears themselves, too; mono players in both ears
  farsend hub -i                 the hub takes part, through JACK: a conductor's microphone, a PA
  farsend hub -p server --input band.wav --output choir.wav
                                 no JACK: players sing to a file, and all of them are recorded together
  farsend hub --port-each        a UDP port for each player, from 61002 on, as JackTrip's hubs have it
  farsend hub --port 5000 --json for a script
  farsend hub --align            everyone hears everyone at the latest player's delay
  farsend hub --record takes     each player and the mix to files in a new folder under `takes`
  farsend hub --make-cert        once, for users with passwords; and for each of them:
  farsend hub --add-user alice   (also for a new password; a hub that runs takes note)
  farsend hub --auth             players: `jacktrip -C HOST -A`, or `farsend join HOST --user alice`

A hub that runs is asked from the same machine:
  farsend hub status             who is here; --json for a script
  farsend hub gain ann -6        ann is heard at half her level, by everybody
  farsend hub gain ann 3 --for bob; farsend hub pan ann -0.5 --for bob; farsend hub solo ann --for bob
  farsend hub mute ann; farsend hub unmute ann
  farsend hub kick bob --for 30  bob may not log in for half an hour
  farsend hub patch all          everyone hears themselves, too, from now on
  farsend hub align on --bound 60; farsend hub align off
  farsend hub group ann strings  those of a group hear one another; who is in none hears all, and is heard by all
  farsend hub group --between -20; farsend hub group ann --clear; farsend hub group --clear
  farsend hub record start takes; farsend hub record stop
  farsend hub say From bar 17    to all who play with a Farsend; farsend hub say --to ann A little less, please

Recording:
  From the beginning with --record, or by `farsend hub record`: each start makes a folder of its
  own. All files of it begin at the same sample and carry the time of day, so that they line up in a DAW,
  dropped at its beginning or at their time stamps. Who comes later has silence before; who comes
  back under the same name from the same host goes on in the same file. What was lost on the way
  is recorded as it was heard: concealed. Where the disk is too slow there is silence of the same
  length; a full one ends the recording, not the hub. Killed, a hub loses the last two seconds of
  its files.";
