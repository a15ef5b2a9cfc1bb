//! `farsend bench hub`: a hub under load.

use std::io::{self, Write};
use std::time::Duration;

use clap::Args;
use farsend_units::{Channels, Frames, SampleRate};
use farsend_wire::jacktrip::MAX_DATAGRAM;

use crate::bench::hub::levels::MAX_PLAYERS;
use crate::bench::hub::login::LoginError;
use crate::bench::hub::report::Report;
use crate::bench::hub::{self, LoadError, Plan};
use crate::engine;
use crate::exit::Exit;
use crate::net::resolve::{resolve, split_host};
use crate::settings::DEFAULT_PORT;

/// `farsend bench hub`.
#[derive(Debug, Args)]
pub(in crate::cli) struct HubArgs {
    /// The hub: a name or an address, with `:PORT` if it is not 4464.
    #[arg(value_name = "HOST[:PORT]", default_value = "127.0.0.1")]
    host: String,
    /// Players that stay for the whole time.
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=MAX_PLAYERS as i64))]
    clients: u32,
    /// The hub's TCP port, where HOST names none.
    #[arg(long, value_name = "PORT", default_value_t = DEFAULT_PORT)]
    port: u16,
    /// How long to measure.
    #[arg(long, value_name = "SECONDS", default_value_t = 30.0, value_parser = seconds)]
    seconds: f64,
    /// How long to wait before that, once all are in.
    #[arg(long, value_name = "SECONDS", default_value_t = 3.0, value_parser = seconds)]
    settle: f64,
    /// Frames a second: the hub's own rate.
    #[arg(long, value_name = "HZ", default_value_t = 48_000)]
    rate: u32,
    /// Frames a packet.
    #[arg(long, value_name = "FRAMES", default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=8192))]
    period: u32,
    /// Channels each way.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    channels: u8,
    /// A process of the server, to tell the processor time of. May be given again: a JACK server works for JackTrip's hub.
    #[arg(long, value_name = "PID")]
    pid: Vec<u32>,
    /// Keep to this core, so that the hub has the others.
    #[arg(long, value_name = "CORE")]
    cpu: Option<usize>,
    /// Players that log in each second, at the start.
    #[arg(long, value_name = "PER_SECOND", default_value_t = 20.0, value_parser = per_second)]
    join_rate: f64,
    /// While it is measured let so many more players a second log in, stay for a second, silently, and leave.
    #[arg(long, value_name = "PER_SECOND", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=200))]
    churn: u32,
    /// Print a JSON object in place of a table.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) fn main(args: &HubArgs) -> Exit {
    match run(args) {
        Ok(report) => print(args, &report),
        Err((text, exit)) => {
            eprintln!("farsend: {text}");
            exit
        }
    }
}

fn run(args: &HubArgs) -> Result<Report, (String, Exit)> {
    let plan = args.plan()?;
    let failed = |error: io::Error| (format!("no signal handler: {error}"), Exit::Other);
    let quit = engine::quit_on_signals().map_err(failed)?;
    let mut tell = |line: &str| eprintln!("farsend: {line}");
    hub::run(&plan, &quit, &mut tell).map_err(|error| (error.to_string(), exit_for(&error)))
}

impl HubArgs {
    fn plan(&self) -> Result<Plan, (String, Exit)> {
        let bytes = 16 + self.period as usize * usize::from(self.channels) * 2;
        if bytes > MAX_DATAGRAM {
            let text = format!("such packets have {bytes} bytes, more than a datagram can carry");
            return Err((text, Exit::Usage));
        }
        let no_host =
            |error: crate::net::resolve::ResolveError| (error.to_string(), Exit::NoSuchHost);
        let (host, port) = split_host(&self.host, self.port).map_err(no_host)?;
        Ok(Plan {
            hub: resolve(&host, port).map_err(no_host)?,
            clients: self.clients,
            measure: Duration::from_secs_f64(self.seconds),
            settle: Duration::from_secs_f64(self.settle),
            rate: SampleRate(self.rate),
            period: Frames(self.period),
            channels: Channels(self.channels),
            join_rate: self.join_rate,
            churn: self.churn,
            pids: self.pid.clone(),
            cpu: self.cpu,
        })
    }
}

fn print(args: &HubArgs, report: &Report) -> Exit {
    let mut out = io::stdout().lock();
    let printed = if args.json {
        writeln!(out, "{}", report.as_json())
    } else {
        write!(out, "{}", report.as_text())
    };
    match printed.and_then(|()| out.flush()) {
        // Whoever read us has seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("farsend: cannot print: {error}");
            Exit::Other
        }
        _ => Exit::Done,
    }
}

fn exit_for(error: &LoadError) -> Exit {
    match error {
        LoadError::Login(LoginError::NotThere { .. } | LoginError::Silent(_)) => Exit::NoHub,
        LoadError::Login(LoginError::Socket(_)) => Exit::Other,
        LoadError::Login(_) => Exit::HubRefuses,
        LoadError::NoProcess { .. } | LoadError::Core { .. } | LoadError::Form(..) => Exit::Usage,
        LoadError::Thread(_) | LoadError::Lost => Exit::Other,
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    within(
        text,
        0.1..=86_400.0,
        "a number of seconds from 0.1 to 86400",
    )
}

fn per_second(text: &str) -> Result<f64, String> {
    within(text, 0.1..=10_000.0, "a number from 0.1 to 10000")
}

fn within(text: &str, range: std::ops::RangeInclusive<f64>, wanted: &str) -> Result<f64, String> {
    let number: Option<f64> = text.parse().ok();
    number
        .filter(|number| range.contains(number))
        .ok_or_else(|| format!("expected {wanted}"))
}

/// For `--help`.
pub(super) const EXAMPLES: &str = "\
Examples:
  farsend bench hub --clients 16 --pid $(pgrep -x jacktrip) --pid $(pgrep -x jackd)
                                                a hub on this machine, and what it costs
  farsend bench hub studio.example -c 4         one elsewhere: JackTrip's, ours, any of its protocol
  farsend bench hub -c 500 --cpu 1 --join-rate 100 --seconds 600
                                                a big one, with a core for the players
  farsend bench hub -c 100 -n 1 --churn 20      do those who stay hear others come and go?

contributions  one player's part of one packet that another one hears; missing ones are silent, or their packet is lost
proven         of the marked player's packets: not heard as sent are those repeated, left out or invented by the hub
spacing off    how far datagrams are from coming one period apart, to 64 of the players at most
delay          from a packet leaving its player until it comes back to another one, of those 64
DISTURBED      the load test itself was late: give it more of the machine before blaming the hub";
