//! JackTrip's own command line, so that recipes people have written down work unchanged.
//!
//! Source: the option tables of JackTrip 1.7.0 and 2.7.2 (`jacktrip --help`), whose defaults are kept: two channels, 16 bit, a
//! queue of 4, the session ends with its peer. Numbers are read as leniently as C's `atoi` does.

mod hub;
mod ignored;

use std::ffi::OsString;
use std::time::Duration;

use clap::Parser;
use farsend_stream::{Conceal, DepthPolicy};
use farsend_units::Channels;
use farsend_wire::jacktrip::{HeaderKind, Name};
use farsend_wire::sample::SampleFormat;

use self::ignored::Ignored;
use super::user::UserOptions;
use crate::control::report::{Reporter, Style};
use crate::engine::Request;
use crate::exit::Exit;
use crate::settings::{BackendSettings, DEFAULT_PORT, MAX_CHANNELS, Role, SessionSettings};

/// JackTrip's options, peer to peer and as a hub's client.
#[derive(Debug, Parser)]
#[command(
    name = "jacktrip",
    bin_name = "jacktrip",
    about = "JackTrip's command line, run by Farsend",
    disable_version_flag = true,
    args_override_self = true
)]
struct Options {
    /// Wait for a peer.
    #[arg(short = 's', long)]
    server: bool,
    /// Call the peer that waits at HOST.
    #[arg(short = 'c', long, value_name = "HOST")]
    client: Option<String>,
    /// Be a hub, for any number of players.
    #[arg(short = 'S', long = "jacktripserver")]
    hub_server: bool,
    /// Join the hub at HOST.
    #[arg(short = 'C', long = "pingtoserver", value_name = "HOST")]
    hub_client: Option<String>,
    /// Channels each way [default: 2].
    #[arg(short = 'n', long = "numchannels", value_name = "N", value_parser = atoi)]
    channels: Option<i64>,
    /// Channels to receive, where they differ.
    #[arg(long = "receivechannels", value_name = "N", value_parser = atoi)]
    receive: Option<i64>,
    /// Channels to send, where they differ.
    #[arg(long = "sendchannels", value_name = "N", value_parser = atoi)]
    send: Option<i64>,
    /// Queue length in packets, or `auto`.
    #[arg(
        short = 'q',
        long = "queue",
        value_name = "N|auto",
        default_value = "4"
    )]
    queue: String,
    /// Packets in each datagram.
    #[arg(short = 'r', long, value_name = "N", default_value = "1", value_parser = atoi)]
    redundancy: i64,
    /// Added to our port and to the peer's.
    #[arg(short = 'o', long = "portoffset", value_name = "N", default_value = "0", value_parser = atoi, allow_hyphen_values = true)]
    offset: i64,
    /// Our UDP port [default: 4464].
    #[arg(short = 'B', long = "bindport", value_name = "PORT", value_parser = atoi)]
    bind_port: Option<i64>,
    /// The peer's UDP port [default: 4464].
    #[arg(short = 'P', long = "peerport", value_name = "PORT", value_parser = atoi)]
    peer_port: Option<i64>,
    /// Bits a sample: 8, 16, 24, 32.
    #[arg(short = 'b', long = "bitres", value_name = "BITS", default_value = "16", value_parser = atoi)]
    bits: i64,
    /// Silence where audio is missing, instead of a repetition.
    #[arg(short = 'z', long = "zerounderrun")]
    zero: bool,
    /// End after 10 s without the peer.
    #[arg(short = 't', long)]
    timeout: bool,
    /// Send back what is received (JackTrip accepts this and does nothing).
    #[arg(short = 'l', long)]
    loopback: bool,
    /// JamLink's header.
    #[arg(short = 'j', long)]
    jamlink: bool,
    /// No header at all.
    #[arg(short = 'e', long = "emptyheader")]
    empty_header: bool,
    /// The JACK client's name [default: JackTrip, or the host].
    #[arg(short = 'J', long = "clientname", value_name = "NAME")]
    name: Option<String>,
    /// What we are called on a hub.
    #[arg(short = 'K', long = "remotename", value_name = "NAME")]
    remote_name: Option<String>,
    /// Do not connect to the sound card's ports.
    #[arg(short = 'D', long = "nojackportsconnect")]
    no_connect: bool,
    /// How JackTrip buffers: -1 plays a wavetable where audio is missing unless `-z` is given.
    #[arg(long = "bufstrategy", value_name = "N", default_value = "1", value_parser = atoi, allow_hyphen_values = true)]
    strategy: i64,
    /// Print numbers every so many seconds.
    #[arg(short = 'I', long = "iostat", value_name = "SECONDS", value_parser = atoi)]
    iostat: Option<i64>,
    /// Print the version.
    #[arg(short = 'v', long)]
    version: bool,
    /// Say more.
    #[arg(short = 'V', long)]
    verbose: bool,
    #[command(flatten)]
    hub: hub::HubOptions,
    #[command(flatten)]
    user: UserOptions,
    #[command(flatten)]
    ignored: Ignored,
}

/// Runs what `jacktrip OPTIONS` would.
pub fn main(options: Vec<OsString>) -> Exit {
    let args = std::iter::once(OsString::from("jacktrip")).chain(options);
    let options = match Options::try_parse_from(args) {
        Ok(options) => options,
        Err(error) => {
            let wrong = error.use_stderr();
            _ = error.print();
            return if wrong { Exit::Usage } else { Exit::Done };
        }
    };
    if options.version {
        println!(
            "farsend {} as jacktrip (protocol of JackTrip 1.4.0 to 2.7.2)",
            env!("CARGO_PKG_VERSION")
        );
        return Exit::Done;
    }
    if let Some(help) = options.ignored.help() {
        println!("{help}");
        return Exit::Done;
    }
    if options.hub_server {
        return hub::main(&options);
    }
    let (mut request, remarks) = match options.request() {
        Ok(request) => request,
        Err(why) => {
            eprintln!("jacktrip: {why}");
            return Exit::Usage;
        }
    };
    if options.hub_client.is_some() {
        match options.user.credentials() {
            Ok(credentials) => request.session.credentials = credentials,
            Err(why) => return super::complain(&why.into()),
        }
    }
    let mut reporter = Reporter::new(options.style()).every(options.interval());
    for remark in remarks {
        reporter.note(&remark);
    }
    super::run(
        &request,
        &mut reporter,
        "do without: `farsend server`, `client` and `join` play and record files (--input, --record), too",
    )
}

impl Options {
    /// How often numbers are printed where they cannot be written over.
    fn interval(&self) -> Option<Duration> {
        let seconds = u64::try_from(self.iostat?).ok()?;
        (seconds > 0).then(|| Duration::from_secs(seconds))
    }

    /// Numbers are printed where they were asked for.
    fn style(&self) -> Style {
        if self.iostat.is_some() || self.verbose {
            Style::Text
        } else {
            Style::Quiet
        }
    }

    /// The session, and what is to be said about options that mean nothing here.
    fn request(&self) -> Result<(Request, Vec<String>), String> {
        let role = self.role()?;
        let both = self
            .channels
            .map_or(Ok(Channels(2)), |n| channels("-n", n))?;
        let send = self
            .send
            .map_or(Ok(both), |n| channels("--sendchannels", n))?;
        let receive = self
            .receive
            .map_or(Ok(both), |n| channels("--receivechannels", n))?;
        let samples = u8::try_from(self.bits)
            .ok()
            .and_then(SampleFormat::from_bits);
        let samples = samples.ok_or("-b takes 8, 16, 24 or 32")?;
        let redundancy = u8::try_from(self.redundancy)
            .ok()
            .filter(|r| (1..=16).contains(r));
        let redundancy = redundancy.ok_or("-r takes a number from 1 to 16")?;
        let mut remarks = self.ignored.remarks();
        remarks.extend(self.hub.remarks());
        remarks.extend(self.user.remarks(self.hub_client.is_some(), false));
        if self.remote_name.is_some() && self.hub_client.is_none() {
            remarks.push("-K means nothing here: it names a client on a hub".into());
        }
        let depth = self.depth()?;
        let header = match (self.jamlink, self.empty_header) {
            (true, _) if send != Channels(1) || receive != Channels(1) => {
                return Err("-j (JamLink) carries one channel: add -n 1".into());
            }
            (true, _) => HeaderKind::JamLink,
            (_, true) => HeaderKind::Empty,
            _ => HeaderKind::Default,
        };
        if !(-1..=4).contains(&self.strategy) {
            return Err("--bufstrategy takes a number from -1 to 4".into());
        }
        remarks.extend(self.strategy_remark());
        let name = self.name.clone().unwrap_or_else(|| match &role {
            Role::Client { host, .. } | Role::Member { host, .. } => host.replace(':', "_"),
            Role::Server => "JackTrip".into(),
        });
        let session = SessionSettings {
            name: Name::EMPTY,
            repair: true,
            bind_port: self.port("-B", self.bind_port)?,
            or_any_port: !self.server && self.bind_port.is_none() && self.offset == 0,
            role,
            send,
            receive,
            samples: Some(samples),
            depth,
            redundancy,
            conceal: match (self.strategy, self.zero) {
                (-1, false) => Conceal::Wavetable,
                (_, true) => Conceal::Zero,
                _ => Conceal::Predict,
            },
            // Asked for when all else is right.
            credentials: None,
            header,
            give_up: self.timeout.then_some(JACKTRIP_TIMEOUT),
            once: true,
            loopback: self.loopback,
        };
        let backend = BackendSettings::Jack {
            name,
            connect: !self.no_connect,
        };
        Ok((Request { session, backend }, remarks))
    }

    fn role(&self) -> Result<Role, String> {
        let chosen = [
            self.server,
            self.client.is_some(),
            self.hub_server,
            self.hub_client.is_some(),
        ];
        match chosen.iter().filter(|one| **one).count() {
            0 => {
                return Err(
                    "choose one of -s (wait for a peer), -c HOST (call one), -S (be a hub) and -C HOST (join a hub)"
                        .into(),
                );
            }
            1 => {}
            _ => return Err("only one of -s, -c, -S and -C can be chosen".into()),
        }
        let port = || self.port("-P", self.peer_port);
        Ok(match (&self.client, &self.hub_client) {
            (Some(host), _) => Role::Client {
                host: host.clone(),
                port: port()?,
            },
            (None, Some(host)) => Role::Member {
                host: host.clone(),
                port: port()?,
                name: Name::new(self.remote_name.as_deref().unwrap_or_default()),
            },
            (None, None) => Role::Server,
        })
    }

    /// The offset is added to a port that was given, too.
    fn port(&self, option: &str, given: Option<i64>) -> Result<u16, String> {
        let given = given.unwrap_or(i64::from(DEFAULT_PORT));
        let port = given.saturating_add(self.offset);
        let wrong =
            || format!("{option} (with -o) leads to port {port}, which is none: 1 to 65535");
        u16::try_from(port)
            .ok()
            .filter(|port| *port > 0)
            .ok_or_else(wrong)
    }

    /// What becomes of `--bufstrategy`.
    fn strategy_remark(&self) -> Option<String> {
        let strategy = self.strategy;
        let what = match (strategy, self.queue.starts_with("auto")) {
            (..=1, _) => return None,
            (3.., false) => "only makes -q milliseconds, at most so many of which are kept",
            _ => "means nothing",
        };
        Some(format!(
            "--bufstrategy {strategy} {what} here: Farsend has one buffer of its own"
        ))
    }

    /// `auto`, `autoK` (about one packet in K may be late), or packets. Strategies 3 and 4 count milliseconds: of
    /// lateness that is waited for, and as K of headroom, which is found without being told.
    fn depth(&self) -> Result<DepthPolicy, String> {
        if self.strategy >= 3 {
            if self.queue.starts_with("auto") {
                return Ok(DepthPolicy::AUTO);
            }
            let ms = u64::try_from(atoi(&self.queue)?).ok();
            let ms = ms.filter(|ms| (1..=MOST_MS).contains(ms)).ok_or_else(|| {
                format!(
                    "-q takes 1 to {MOST_MS} milliseconds or \"auto\" with --bufstrategy {}, not \"{}\"",
                    self.strategy, self.queue
                )
            })?;
            return Ok(DepthPolicy::Auto {
                latency_target: Some(Duration::from_millis(ms)),
                dry_target: None,
            });
        }
        if let Some(one_in) = self.queue.strip_prefix("auto") {
            return Ok(DepthPolicy::Auto {
                latency_target: None,
                dry_target: atoi(one_in)
                    .ok()
                    .filter(|one_in| *one_in > 1)
                    .map(|one_in| 1.0 / one_in as f64),
            });
        }
        let queue = atoi(&self.queue)?;
        u16::try_from(queue)
            .ok()
            .filter(|queue| (1..=1000).contains(queue))
            .map(DepthPolicy::Fixed)
            .ok_or_else(|| {
                format!(
                    "-q takes a number from 1 to 1000 or \"auto\", not \"{}\"",
                    self.queue
                )
            })
    }
}

fn channels(option: &str, count: i64) -> Result<Channels, String> {
    u8::try_from(count)
        .ok()
        .filter(|count| (1..=MAX_CHANNELS).contains(&usize::from(*count)))
        .map(Channels)
        .ok_or_else(|| format!("{option} takes a number from 1 to {MAX_CHANNELS}"))
}

/// The number at the beginning of a text, as C's `atoi` finds it, but an error where there is none.
fn atoi(text: &str) -> Result<i64, String> {
    let text = text.trim_start();
    let sign = usize::from(text.starts_with(['-', '+']));
    let digits = text[sign..].bytes().take_while(u8::is_ascii_digit).count();
    text[..sign + digits]
        .parse()
        .map_err(|_| format!("\"{text}\" does not begin with a number"))
}

/// The longest `-q` of strategies 3 and 4, in milliseconds, as JackTrip has it.
const MOST_MS: u64 = 250;

/// JackTrip's `-t`.
const JACKTRIP_TIMEOUT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use clap::Parser;
    use farsend_stream::DepthPolicy;
    use farsend_wire::jacktrip::Name;

    use super::Options;
    use crate::engine::Request;
    use crate::settings::{BackendSettings, Role};

    fn request(line: &str) -> Result<(Request, Vec<String>), String> {
        let options =
            Options::try_parse_from(line.split_whitespace()).map_err(|e| e.to_string())?;
        options.request()
    }

    #[test]
    fn recipes_mean_what_they_mean_to_jacktrip() {
        let (made, remarks) =
            request("jacktrip -c 10.0.0.7 -n8 -q2 -r 2 -b24 -o 10 -z -D -J me").unwrap();
        assert_eq!(remarks, [""; 0]);
        let session = made.session;
        assert_eq!(
            session.role,
            Role::Client {
                host: "10.0.0.7".into(),
                port: 4474
            }
        );
        assert_eq!(
            (session.bind_port, session.send.0, session.receive.0),
            (4474, 8, 8)
        );
        assert_eq!(
            (session.depth.queue(), session.redundancy, session.once),
            (2, 2, true)
        );
        assert_eq!(
            made.backend,
            BackendSettings::Jack {
                name: "me".into(),
                connect: false
            }
        );

        let (made, _) = request("jacktrip -s").unwrap();
        assert_eq!(
            (made.session.bind_port, made.session.depth.queue()),
            (4464, 4)
        );
        assert_eq!(
            made.backend,
            BackendSettings::Jack {
                name: "JackTrip".into(),
                connect: true
            }
        );
        let (made, _) =
            request("jacktrip --client fe80::1 --sendchannels 1 --receivechannels 2").unwrap();
        assert_eq!(
            made.backend,
            BackendSettings::Jack {
                name: "fe80__1".into(),
                connect: true
            }
        );
        assert_eq!((made.session.send.0, made.session.receive.0), (1, 2));
    }

    #[test]
    fn a_hub_is_joined_under_the_name_of_big_k() {
        let (made, remarks) = request("jacktrip -C 10.0.0.7 -K alice -o 10 -B 4500").unwrap();
        assert_eq!(remarks, [""; 0]);
        let role = Role::Member {
            host: "10.0.0.7".into(),
            port: 4474,
            name: Name::new("alice"),
        };
        assert_eq!((made.session.role, made.session.bind_port), (role, 4510));
        let (made, _) = request("jacktrip -C ::1 -P 5000 -J me").unwrap();
        let role = Role::Member {
            host: "::1".into(),
            port: 5000,
            name: Name::EMPTY,
        };
        let backend = BackendSettings::Jack {
            name: "me".into(),
            connect: true,
        };
        assert_eq!((made.session.role, made.backend), (role, backend));
        let (_, remarks) = request("jacktrip -s -K alice").unwrap();
        assert!(remarks[0].contains("-K"), "{remarks:?}");
    }

    #[test]
    fn what_has_no_meaning_here_is_taken_with_a_word_about_it() {
        let (_, remarks) =
            request("jacktrip -s --udprt -O io -f 0.5 -q auto --bufstrategy 3").unwrap();
        assert_eq!(remarks.len(), 4, "{remarks:?}");
    }

    #[test]
    fn help_for_what_is_not_there_says_so() {
        for option in ["-f help", "-O help", "-a help", "-x h"] {
            let line = format!("jacktrip {option}");
            let options = Options::try_parse_from(line.split(' ')).unwrap();
            let help = options.ignored.help();
            assert!(
                help.is_some_and(|text| text.starts_with(&option[..2])),
                "{option}"
            );
        }
        let options = Options::try_parse_from("jacktrip -s -O io".split(' ')).unwrap();
        assert_eq!(options.ignored.help(), None);
    }

    #[test]
    fn a_port_that_nobody_asked_for_may_be_another() {
        let any = |line: &str| request(line).unwrap().0.session.or_any_port;
        assert!(any("jacktrip -C a") && any("jacktrip -c a"));
        assert!(!any("jacktrip -s") && !any("jacktrip -c a -o 1") && !any("jacktrip -C a -B 5000"));
    }

    #[test]
    fn newer_recipes_count_a_queue_in_milliseconds() {
        let kept = |line: &str| match request(line).unwrap().0.session.depth {
            DepthPolicy::Auto { latency_target, .. } => latency_target.map(|ms| ms.as_millis()),
            DepthPolicy::Fixed(packets) => panic!("{packets} packets"),
        };
        assert_eq!(kept("jacktrip -s --bufstrategy 3 -q 20"), Some(20));
        assert_eq!(kept("jacktrip -s --bufstrategy 4 -q auto8"), None);
        let (_, remarks) = request("jacktrip -s --bufstrategy 3 -q 20").unwrap();
        assert!(remarks[0].contains("milliseconds"), "{remarks:?}");
        let (hub, _) = Options::try_parse_from("jacktrip -S -p 2 --bufstrategy 3 -q 20".split(' '))
            .unwrap()
            .hub()
            .unwrap();
        assert!(matches!(hub.depth, DepthPolicy::Auto { .. }));
        let (_, remarks) = request(
            "jacktrip -s --audioinputdevice a --audiooutputdevice=b --listdevices --gui --classic-gui --deeplink",
        )
        .unwrap();
        assert_eq!(remarks.len(), 6, "{remarks:?}");
    }

    #[test]
    fn contradictions_and_nonsense_are_named() {
        for (line, word) in [
            ("jacktrip", "-s"),
            ("jacktrip -s -c a", "only one"),
            ("jacktrip -s -n 0", "-n"),
            ("jacktrip -s -n 65", "-n"),
            ("jacktrip -s -b 17", "-b"),
            ("jacktrip -s -q many", "number"),
            ("jacktrip -s --bufstrategy 3 -q 9000", "milliseconds"),
            ("jacktrip -s -o 70000", "port"),
            ("jacktrip -S -s", "only one"),
            ("jacktrip -s stray", "stray"),
        ] {
            let error = request(line).unwrap_err();
            assert!(error.contains(word), "{line}: {error}");
        }
    }
}
