//! The options of `farsend server`, `farsend client` and `farsend join`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use farsend_stream::{Conceal, DepthPolicy};
use farsend_units::{Channels, Frames, SampleRate};
use farsend_wire::jacktrip::Name;
use farsend_wire::sample::SampleFormat;

use super::user::UserArgs;
use crate::backend::file::WavInput;
use crate::control::report::Style;
use crate::engine::{Request, RunError};
use crate::net::resolve::split_host;
use crate::settings::{BackendSettings, DEFAULT_PORT, MAX_CHANNELS, Role, SessionSettings};

/// `farsend server`.
#[derive(Debug, Args)]
#[command(after_long_help = crate::exit::HELP)]
pub(super) struct ServerArgs {
    /// Our UDP port.
    #[arg(long, visible_alias = "bind-port", value_name = "PORT", default_value_t = DEFAULT_PORT)]
    port: u16,
    /// End with the first peer instead of waiting for the next.
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    pub session: SessionArgs,
}

/// `farsend client`.
#[derive(Debug, Args)]
#[command(after_long_help = crate::exit::HELP)]
pub(super) struct ClientArgs {
    /// Whom to call: a name or an address, with `:PORT` if it is not 4464.
    #[arg(value_name = "HOST[:PORT]")]
    host: String,
    /// The peer's UDP port, where HOST names none.
    #[arg(long, value_name = "PORT", default_value_t = DEFAULT_PORT)]
    port: u16,
    /// Our own UDP port; 0 takes any free one [default: 4464, or any where that is taken].
    #[arg(long, value_name = "PORT")]
    bind_port: Option<u16>,
    /// End when the peer ends the session instead of calling again.
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    pub session: SessionArgs,
}

/// `farsend join`.
#[derive(Debug, Args)]
#[command(after_help = JOIN_EXAMPLES, after_long_help = join_long_help())]
#[command(mut_arg("name", |name| name.help(JOIN_NAME).long_help(JOIN_NAME)))]
pub(super) struct JoinArgs {
    /// The hub: a name or an address, with `:PORT` if it is not 4464.
    #[arg(value_name = "HOST[:PORT]")]
    host: String,
    /// The hub's TCP port, where HOST names none.
    #[arg(long, value_name = "PORT", default_value_t = DEFAULT_PORT)]
    port: u16,
    /// Our own UDP port; 0 takes any free one [default: 4464, or any where that is taken].
    #[arg(long, value_name = "PORT")]
    bind_port: Option<u16>,
    #[command(flatten)]
    user: UserArgs,
    /// The JACK client's name, where it is to be another than --name.
    #[arg(long, value_name = "NAME")]
    jack_name: Option<String>,
    /// End when the hub ends the session or falls silent, instead of logging in anew.
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    pub session: SessionArgs,
}

/// What all have.
#[derive(Debug, Args)]
pub(super) struct SessionArgs {
    /// Channels each way [default: 2, or those of --input].
    #[arg(short = 'n', long, value_name = "N", value_parser = channels)]
    channels: Option<u8>,
    /// Channels that we send, where they differ.
    #[arg(long, value_name = "N", value_parser = channels)]
    send: Option<u8>,
    /// Channels that we receive, where they differ.
    #[arg(long, value_name = "N", value_parser = channels)]
    receive: Option<u8>,
    /// Packets of the peer kept before playing: more ride out more jitter and cost more delay. `auto` keeps as few as
    /// the network's lateness allows.
    #[arg(short, long, value_name = "PACKETS|auto", default_value = "auto", value_parser = queue)]
    queue: Queue,
    /// With `-q auto`: keep no more than this against lateness, and bear the gaps.
    #[arg(long, value_name = "MS", value_parser = latency_target)]
    latency_target: Option<Duration>,
    /// With `-q auto`: keep as much as it takes for at most this percentage of the packets to be late.
    #[arg(long, value_name = "PERCENT", value_parser = dry_target)]
    dry_target: Option<f64>,
    /// Bits a sample that we send: 8, 16, 24, or 32 (float). A server sends what its caller sends unless told.
    #[arg(short, long, value_name = "BITS", value_parser = bits)]
    bits: Option<SampleFormat>,
    /// Packets in each datagram: 2 repairs every single loss, at twice the bytes.
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=16))]
    redundancy: u8,
    /// Repair of lost packets where the peer is a Farsend too: costs bytes only as far as there is loss.
    #[arg(long, value_enum, default_value_t = Repair::Auto)]
    repair: Repair,
    /// What to play where audio is missing.
    #[arg(long, value_enum, default_value_t = ConcealArg::Predict)]
    conceal: ConcealArg,
    /// Who paces the audio [default: jack; file with --input or --record].
    #[arg(long, value_enum)]
    backend: Option<Backend>,
    /// Play this WAV file to the peer, from the moment that it is there; converted, if --rate is another.
    #[arg(long, value_name = "WAV")]
    input: Option<PathBuf>,
    /// Record what the peer sends, from the same moment on. A file that is there already stays: `NAME (2).wav` is written then.
    #[arg(long, value_name = "WAV")]
    record: Option<PathBuf>,
    /// Go on this long after the input's end.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value = "1",
        value_parser = seconds,
        requires = "input"
    )]
    tail: Duration,
    /// Frames a second, without JACK [default: the input's, or 48000].
    #[arg(long, value_name = "HZ")]
    rate: Option<u32>,
    /// Frames a packet, without JACK [default: 128].
    #[arg(long, value_name = "FRAMES", value_parser = clap::value_parser!(u32).range(1..=8192))]
    period: Option<u32>,
    /// What we are called at the far end, if that is a Farsend too, and as a JACK client [default: nothing, and farsend].
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Do not connect to the sound card's ports in JACK.
    #[arg(long)]
    no_connect: bool,
    /// Send back what is received.
    #[arg(long)]
    loopback: bool,
    /// End after this long without the peer [default: wait for ever].
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
    /// Print JSON lines: events, and statistics once a second.
    #[arg(long)]
    json: bool,
    /// Print no line of numbers.
    #[arg(long, conflicts_with = "json")]
    quiet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Backend {
    /// A JACK server (or PipeWire's).
    Jack,
    /// The machine's clock; nothing is played or captured.
    Timer,
    /// The machine's clock and WAV files.
    File,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Repair {
    /// As much as the loss asks for, below 40 % of the bytes.
    Auto,
    /// None, either way.
    Off,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ConcealArg {
    /// What the audio before foretells, joined to what comes after.
    Predict,
    /// Go on from the last frames and fade out.
    Fade,
    /// Silence, without a click.
    Zero,
    /// Repeat the last packet until audio returns.
    Wavetable,
}

impl ServerArgs {
    /// What is asked for.
    ///
    /// # Errors
    /// [`RunError::Wav`] for an input that cannot be read: its channels are the default.
    pub(super) fn request(&self) -> Result<Request, RunError> {
        self.session
            .request(Role::Server, Some(self.port), self.once)
    }
}

impl ClientArgs {
    /// What is asked for.
    ///
    /// # Errors
    /// [`RunError::Resolve`] for a host that is none, [`RunError::Wav`] as above.
    pub(super) fn request(&self) -> Result<Request, RunError> {
        let (host, port) = split_host(&self.host, self.port)?;
        self.session
            .request(Role::Client { host, port }, self.bind_port, self.once)
    }
}

impl JoinArgs {
    /// What is asked for.
    ///
    /// # Errors
    /// As [`ClientArgs::request`], and [`RunError::Secret`] for a password that cannot be had.
    pub(super) fn request(&self) -> Result<Request, RunError> {
        let (host, port) = split_host(&self.host, self.port)?;
        let name = Name::new(self.session.name.as_deref().unwrap_or_default());
        let role = Role::Member { host, port, name };
        let mut request = self.session.request(role, self.bind_port, self.once)?;
        match (&mut request.backend, &self.jack_name) {
            (BackendSettings::Jack { name, .. }, Some(own)) => name.clone_from(own),
            (_, Some(_)) => {
                return Err(RunError::Options(
                    "--jack-name is the JACK client's, and there is no JACK here: leave it out",
                ));
            }
            (_, None) => {}
        }
        request.session.credentials = self.user.credentials()?;
        Ok(request)
    }
}

impl SessionArgs {
    /// How to print.
    pub(super) fn style(&self) -> Style {
        match (self.json, self.quiet) {
            (true, _) => Style::Json,
            (_, true) => Style::Quiet,
            _ => Style::Text,
        }
    }

    fn request(&self, role: Role, bind_port: Option<u16>, once: bool) -> Result<Request, RunError> {
        self.refuse_idle()?;
        let of_input = match (&self.input, self.channels.or(self.send)) {
            (Some(path), None) => Some(WavInput::open(path)?.channels().0),
            _ => None,
        };
        let both = self.channels.or(of_input).unwrap_or(2);
        let called = Name::new(self.name.as_deref().unwrap_or_default().trim());
        let session = SessionSettings {
            name: match role {
                Role::Client { .. } | Role::Server => called,
                Role::Member { .. } => Name::EMPTY,
            },
            role,
            bind_port: bind_port.unwrap_or(DEFAULT_PORT),
            or_any_port: bind_port.is_none(),
            send: Channels(self.send.unwrap_or(both)),
            receive: Channels(self.receive.unwrap_or(both)),
            samples: self.bits,
            depth: self.depth()?,
            redundancy: self.redundancy,
            repair: self.repair == Repair::Auto,
            conceal: match self.conceal {
                ConcealArg::Predict => Conceal::Predict,
                ConcealArg::Fade => Conceal::Fade,
                ConcealArg::Zero => Conceal::Zero,
                ConcealArg::Wavetable => Conceal::Wavetable,
            },
            give_up: self.timeout,
            once,
            loopback: self.loopback,
            ..SessionSettings::default()
        };
        Ok(Request {
            session,
            backend: self.backend(),
        })
    }

    fn depth(&self) -> Result<DepthPolicy, RunError> {
        match self.queue {
            Queue::Packets(_) if self.latency_target.is_some() || self.dry_target.is_some() => {
                Err(RunError::Options(
                    "--latency-target and --dry-target go with -q auto: a number of packets is a target of its own",
                ))
            }
            Queue::Packets(packets) => Ok(DepthPolicy::Fixed(packets)),
            Queue::Auto => Ok(DepthPolicy::Auto {
                latency_target: self.latency_target,
                dry_target: self.dry_target,
            }),
        }
    }

    /// Options that nothing would come of here are a misunderstanding, and better told than passed over.
    fn refuse_idle(&self) -> Result<(), RunError> {
        let (jack, files) = match self.pacer() {
            Backend::Jack => (true, false),
            Backend::Timer => (false, false),
            Backend::File => (false, true),
        };
        let idle = [
            (
                !files && (self.input.is_some() || self.record.is_some()),
                "--input and --record go with --backend file: leave --backend out",
            ),
            (
                jack && (self.rate.is_some() || self.period.is_some()),
                "with JACK the rate and the period are JACK's: leave --rate and --period out, or add --backend timer",
            ),
            (
                !jack && self.no_connect,
                "--no-connect is about JACK's ports, and there is no JACK here: leave it out",
            ),
        ];
        let found = idle.into_iter().find(|(is_idle, _)| *is_idle);
        found.map_or(Ok(()), |(_, why)| Err(RunError::Options(why)))
    }

    /// Who paces the audio.
    fn pacer(&self) -> Backend {
        let with_files = self.input.is_some() || self.record.is_some();
        self.backend.unwrap_or(if with_files {
            Backend::File
        } else {
            Backend::Jack
        })
    }

    fn backend(&self) -> BackendSettings {
        let rate = self.rate.map(SampleRate);
        let period = Frames(self.period.unwrap_or(PERIOD));
        match self.pacer() {
            Backend::Jack => BackendSettings::Jack {
                name: self.name.clone().unwrap_or_else(|| "farsend".into()),
                connect: !self.no_connect,
            },
            Backend::Timer => BackendSettings::Timer {
                rate: rate.unwrap_or(SampleRate::HZ_48000),
                period,
            },
            Backend::File => BackendSettings::File {
                input: self.input.clone(),
                record: self.record.clone(),
                rate,
                period,
                tail: self.tail,
            },
        }
    }
}

fn join_long_help() -> String {
    format!("{JOIN_EXAMPLES}\n\n{}", crate::exit::HELP)
}

const JOIN_NAME: &str =
    "What we are called on the hub, and as a JACK client [default: our address, and farsend]";

const JOIN_EXAMPLES: &str = "\
Examples:
  farsend join hub.example --name alice   join a hub (JackTrip's or Farsend's), as a JACK client
  farsend join hub.example --user alice --password-file ~/.hub-password
                                          at a hub that asks for a password; without the file it is asked for
  farsend join 10.0.0.7 --input take.wav --record mix.wav
                                          no JACK: play a file there, keep what the hub sends

In a terminal a line that you type is written to all at the hub who play with a Farsend; Enter alone makes
room for one.";

/// `-q`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Queue {
    Auto,
    Packets(u16),
}

fn queue(text: &str) -> Result<Queue, String> {
    match text.parse::<u16>() {
        Ok(packets @ 1..=1000) => Ok(Queue::Packets(packets)),
        _ if text == "auto" => Ok(Queue::Auto),
        _ => Err("expected a number of packets from 1 to 1000, or auto".to_owned()),
    }
}

fn latency_target(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(ms) if (0.0..=250.0).contains(&ms) => Ok(Duration::from_secs_f64(ms * 1e-3)),
        _ => Err("expected milliseconds from 0 to 250".to_owned()),
    }
}

fn dry_target(text: &str) -> Result<f64, String> {
    match text.strip_suffix('%').unwrap_or(text).parse::<f64>() {
        Ok(percent) if (1e-6..=50.0).contains(&percent) => Ok(percent * 1e-2),
        _ => Err("expected a percentage from 0.000001 to 50, such as 0.1".to_owned()),
    }
}

fn channels(text: &str) -> Result<u8, String> {
    match text.parse::<usize>() {
        Ok(count) if (1..=MAX_CHANNELS).contains(&count) => Ok(count as u8),
        _ => Err(format!("expected a number from 1 to {MAX_CHANNELS}")),
    }
}

pub(super) fn bits(text: &str) -> Result<SampleFormat, String> {
    text.parse()
        .ok()
        .and_then(SampleFormat::from_bits)
        .ok_or_else(|| "expected 8, 16, 24 or 32".to_owned())
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(number) if (0.0..=A_YEAR).contains(&number) => Ok(Duration::from_secs_f64(number)),
        _ => Err(format!(
            "expected seconds, such as 2.5: 0 or more, and at most a year ({A_YEAR})"
        )),
    }
}

/// In seconds.
const A_YEAR: f64 = 366.0 * 86_400.0;

/// Frames a packet, unless told: as JACK has it mostly.
const PERIOD: u32 = 128;

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Server {
        #[command(flatten)]
        args: ServerArgs,
    }

    #[derive(Debug, Parser)]
    struct Join {
        #[command(flatten)]
        args: JoinArgs,
    }

    fn server(options: &str) -> Result<Request, String> {
        let words = std::iter::once("farsend").chain(options.split_whitespace());
        let parsed = Server::try_parse_from(words).map_err(|error| error.to_string())?;
        parsed.args.request().map_err(|error| error.to_string())
    }

    fn join(options: &str) -> Result<Request, String> {
        let words = ["farsend", "hub.example"].into_iter();
        let parsed = Join::try_parse_from(words.chain(options.split_whitespace()))
            .map_err(|error| error.to_string())?;
        parsed.args.request().map_err(|error| error.to_string())
    }

    #[test]
    fn options_that_nothing_would_come_of_are_refused_by_name() {
        for (options, named) in [
            ("--backend timer --input a.wav", "--input"),
            ("--backend jack --record b.wav", "--record"),
            ("--rate 44100", "--rate"),
            ("--period 64", "--period"),
            ("--tail 3", "--input"),
            ("--backend timer --no-connect", "--no-connect"),
        ] {
            let refused = server(options).expect_err(options);
            assert!(refused.contains(named), "{options}: {refused}");
        }
        let refused = join("--backend timer --jack-name ann").expect_err("no JACK");
        assert!(refused.contains("--jack-name"), "{refused}");
    }

    #[test]
    fn options_are_taken_where_they_say_something() {
        for options in [
            "",
            "--name ann --no-connect",
            "--record b.wav --name ann",
            "--backend timer --rate 44100 --period 64",
            "--record b.wav --rate 44100",
            "--backend file --record b.wav",
        ] {
            server(options).expect(options);
        }
        join("--name ann --backend timer").expect("a member's name is for the hub");
        let renamed = join("--name ann --jack-name bob").expect("both have a meaning");
        assert!(matches!(renamed.backend, BackendSettings::Jack { name, .. } if name == "bob"));
    }
}
