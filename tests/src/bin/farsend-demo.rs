//! Plays music through the plugin to a peer and back, in real time, and reports on it: `cargo xtask demo`.

use std::fs;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Parser, ValueEnum};
use farsend_tests::demo::compare::compare;
use farsend_tests::demo::music::{self, Stereo};
use farsend_tests::demo::report::Facts;
use farsend_tests::host::{Host, Plan, Progress, Take, allocations};
use farsend_tests::lab::farsend::Farsend;
use farsend_tests::lab::jack::{JackClock, JackServer};
use farsend_tests::lab::jacktrip::{self, Jacktrip};
use farsend_tests::lab::{Machine, Need, machine};
use serde_json::json;

const RATE: u32 = 48_000;
/// Frames of the periods that are tried, one after the other where a machine does not keep up.
const PERIODS: [u32; 2] = [128, 512];
/// The share that has to come back as it was sent, for a machine to have kept up.
const KEPT_UP: f64 = 0.9;
const QUEUE: u16 = 4;
const PORT: u16 = 4464;

/// How long the peer may take to be heard through the plugin.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);

/// Between the first sound from the peer and the music: buffers settle.
const SETTLE: Duration = Duration::from_secs(2);

/// Plays music through the plugin to a peer and back, and reports on it.
#[derive(Debug, Parser)]
struct Args {
    /// The plugin.
    #[arg(long)]
    clap: PathBuf,
    /// The engine that the plugin starts.
    #[arg(long)]
    engine: PathBuf,
    /// Where the recordings and the report go.
    #[arg(long)]
    out: PathBuf,
    /// Who plays back what it gets.
    #[arg(long, value_enum, default_value_t = PeerChoice::Auto)]
    peer: PeerChoice,
    /// Already on a private machine (how the program starts itself).
    #[arg(long, hide = true)]
    inside: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PeerChoice {
    /// The real JackTrip if it is installed, else Farsend.
    Auto,
    Jacktrip,
    Farsend,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let result = if args.inside {
        machine::end_on_signals();
        perform(&args).map(|()| ExitCode::SUCCESS)
    } else {
        start_inside(&args)
    };
    result.unwrap_or_else(|error| {
        eprintln!("The demo failed: {error:#}");
        ExitCode::FAILURE
    })
}

/// Starts this program once more: on a private machine where that is allowed, so that no JACK server, port or
/// engine of the user's is met; and with what the plugin reads from its environment.
fn start_inside(args: &Args) -> Result<ExitCode> {
    let program = std::env::current_exe()?;
    let runtime = machine::private_folder()?;
    let mut command = if machine::can_be_made() {
        let mut command = machine::unshare();
        command.arg(program);
        command
    } else {
        eprintln!(
            "No private namespaces here: the demo uses this machine's own network and JACK servers."
        );
        Command::new(program)
    };
    command.args(std::env::args_os().skip(1)).arg("--inside");
    command.env(
        "FARSEND_ENGINE",
        fs::canonicalize(&args.engine).context("the engine is missing")?,
    );
    command.env("FARSEND_RUNTIME_DIR", runtime.path());
    command.env(
        "FARSEND_PRIVATE",
        if machine::can_be_made() { "1" } else { "" },
    );
    let status = command.status()?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn perform(args: &Args) -> Result<()> {
    if std::env::var_os("FARSEND_PRIVATE").is_some_and(|value| !value.is_empty()) {
        machine::prepare();
    }
    let machine = Machine::new();
    let clock = Instant::now();
    say(clock, "computing the music");
    let sent = music::render(RATE);
    let facts = play_at_some_period(args, &machine, &sent, clock)?;
    save(&args.out, &facts)?;
    let page = fs::canonicalize(args.out.join("report.html"))?;
    println!("\nReport: {}", page.display());
    for line in facts.summary() {
        println!("  {line}");
    }
    ensure!(
        facts.comparison.is_some(),
        "nothing came back from the peer"
    );
    Ok(())
}

/// Plays at the shortest period; where the machine does not keep up with that, as one that is shared may not, at the next one,
/// too. What came back best.
fn play_at_some_period(
    args: &Args,
    machine: &Machine,
    sent: &Stereo,
    clock: Instant,
) -> Result<Facts> {
    let mut best: Option<Facts> = None;
    let mut trouble = None;
    for block in PERIODS {
        if block != PERIODS[0] {
            say(
                clock,
                &format!(
                    "this machine does not keep up: once more, with periods of {block} frames"
                ),
            );
        }
        match play(args, machine, sent, block, clock) {
            Ok(facts) => {
                say(
                    clock,
                    &format!("{:.1} % came back as sent", 100.0 * kept(&facts)),
                );
                if best.as_ref().is_none_or(|best| kept(&facts) > kept(best)) {
                    best = Some(facts);
                }
            }
            Err(error) => {
                say(clock, &format!("{error:#}"));
                trouble = Some(error);
            }
        }
        if best.as_ref().is_some_and(|best| kept(best) >= KEPT_UP) {
            break;
        }
    }
    match (best, trouble) {
        (Some(best), _) => Ok(best),
        (None, trouble) => Err(trouble.context("no period was tried")?),
    }
}

/// The share of the music that came back as it was sent.
fn kept(facts: &Facts) -> f64 {
    facts.comparison.as_ref().map_or(0.0, |found| {
        found.same as f64 / found.compared.max(1) as f64
    })
}

/// Plays the music once, with blocks and packets of so many frames.
fn play(
    args: &Args,
    machine: &Machine,
    sent: &Stereo,
    block: u32,
    clock: Instant,
) -> Result<Facts> {
    let mut peer = Peer::start(machine, args.peer, block, clock)?;
    say(
        clock,
        "loading the plugin into the host, and calling the peer",
    );
    let mut host = Host::load(&args.clap)?;
    host.want_session(&json!({
        "connected": true, "role": "client", "host": "127.0.0.1", "port": PORT,
        "bits": 16, "queue": QUEUE, "period": block,
    }))?;
    let plan = Plan {
        rate: RATE,
        blocks: vec![block],
        input: Arc::new(sent.to_vec()),
        before: clicks(),
        at_once: false,
        freewheel: false,
        hurry: false,
    };
    let mut conductor = Conductor::new(&mut peer, clock);
    let take = host.perform(&plan, |progress| conductor.look(progress))?;
    say(clock, "comparing what came back");
    Ok(gather(sent.clone(), take, &peer, block, host.latency()))
}

/// What is played until the peer is heard: a quiet click four times a second.
fn clicks() -> Vec<f32> {
    let mut samples = vec![0.0; RATE as usize / 4];
    samples[0] = 0.25;
    samples
}

/// Opens the gate for the music when the peer is heard, and shows how far it is.
struct Conductor<'a> {
    peer: &'a mut Peer,
    clock: Instant,
    started: Instant,
    heard: Option<Instant>,
    open: bool,
    shown: u64,
}

impl<'a> Conductor<'a> {
    fn new(peer: &'a mut Peer, clock: Instant) -> Conductor<'a> {
        Conductor {
            peer,
            clock,
            started: Instant::now(),
            heard: None,
            open: false,
            shown: 0,
        }
    }

    fn look(&mut self, progress: &Progress) -> Result<()> {
        if self.heard.is_none() {
            self.peer.patch();
        }
        let peak = progress.take_peak();
        match self.heard {
            None if peak > 0.1 => {
                say(
                    self.clock,
                    "the peer is heard through the plugin; letting the buffers settle",
                );
                self.heard = Some(Instant::now());
            }
            None if self.started.elapsed() > CONNECT_LIMIT => {
                bail!(
                    "after {CONNECT_LIMIT:?} nothing is heard from the peer:\n{}",
                    self.peer.output()
                );
            }
            Some(heard) if !self.open && heard.elapsed() > SETTLE => {
                say(self.clock, "playing");
                self.open = true;
                progress.open_gate();
            }
            _ => {}
        }
        self.show(progress.recorded() / u64::from(RATE));
        Ok(())
    }

    fn show(&mut self, second: u64) {
        if second == self.shown {
            return;
        }
        self.shown = second;
        let whole = music::SECONDS as u64;
        if std::io::stderr().is_terminal() {
            let bar: String = (0..whole)
                .map(|i| if i < second { '█' } else { '░' })
                .collect();
            eprint!("\r           {bar} {second:2} of {whole} s");
            if second == whole {
                eprintln!();
            }
            // A terminal that is gone is no reason to stop.
            let _ = std::io::stderr().flush();
        } else if second.is_multiple_of(5) {
            say(self.clock, &format!("{second} of {whole} s"));
        }
    }
}

/// Who plays back what it gets.
struct Peer {
    name: String,
    stations: Vec<(String, String)>,
    commands: Vec<(String, String)>,
    kind: PeerKind,
}

enum PeerKind {
    Jacktrip {
        jacktrip: Box<Jacktrip>,
        jackd: Box<JackServer>,
        patched: bool,
    },
    Farsend(Box<Farsend>),
}

impl Peer {
    fn start(machine: &Machine, choice: PeerChoice, block: u32, clock: Instant) -> Result<Peer> {
        let there = Need::Jackd.is_met() && Need::Jacktrip.is_met();
        match choice {
            PeerChoice::Jacktrip if !there => bail!("JackTrip or jackd is not installed"),
            PeerChoice::Auto if !there => {
                say(
                    clock,
                    "JackTrip is not installed: Farsend itself plays the peer",
                );
                Ok(Peer::farsend(machine, block))
            }
            PeerChoice::Farsend => Ok(Peer::farsend(machine, block)),
            _ => {
                say(
                    clock,
                    "starting a JACK server without a sound card, and JackTrip on it",
                );
                Ok(Peer::jacktrip(machine, block))
            }
        }
    }

    /// The real JackTrip, whose outputs are joined to its inputs; its own `-l` does nothing.
    fn jacktrip(machine: &Machine, block: u32) -> Peer {
        let jackd = JackServer::start(
            machine,
            "demo",
            JackClock {
                rate: RATE,
                period: block,
            },
        );
        let (queue, port) = (QUEUE.to_string(), PORT.to_string());
        let options = ["-s", "-n", "2", "-q", &queue, "-B", &port];
        let jacktrip = Jacktrip::start(machine, &jackd, "peer", &options);
        jackd.wait_for_port("peer:send_2", Duration::from_secs(10));
        let name = jacktrip::version()
            .map_or_else(|| "JackTrip".into(), |number| format!("JackTrip {number}"));
        Peer {
            stations: vec![(
                name.clone(),
                "outputs joined to its inputs, on a JACK dummy server".into(),
            )],
            commands: vec![
                (
                    "JACK".into(),
                    format!("jackd -n demo -d dummy -r {RATE} -p {block}"),
                ),
                (
                    "peer".into(),
                    format!("jacktrip -J peer -D {}", options.join(" ")),
                ),
                (
                    "patch".into(),
                    "jack_connect peer:receive_N peer:send_N, for both channels".into(),
                ),
            ],
            name,
            kind: PeerKind::Jacktrip {
                jacktrip: Box::new(jacktrip),
                jackd: Box::new(jackd),
                patched: false,
            },
        }
    }

    /// Our own engine, sending back what it gets.
    fn farsend(machine: &Machine, block: u32) -> Peer {
        let (port, block, queue) = (PORT.to_string(), block.to_string(), QUEUE.to_string());
        let options = [
            "server",
            "--port",
            &port,
            "--backend",
            "timer",
            "--loopback",
            "--period",
            &block,
            "-q",
            &queue,
        ];
        let farsend = Farsend::start_without_jack(machine, "peer", &options);
        Peer {
            name: "Farsend".into(),
            stations: vec![("Farsend".into(), "sends back what it gets".into())],
            commands: vec![("peer".into(), format!("farsend {}", options.join(" ")))],
            kind: PeerKind::Farsend(Box::new(farsend)),
        }
    }

    /// Joins JackTrip's outputs to its inputs, as soon as that can be done: when its caller is there.
    fn patch(&mut self) {
        if let PeerKind::Jacktrip { jackd, patched, .. } = &mut self.kind
            && !*patched
        {
            *patched = jackd.try_connect_all("peer:receive_", "peer:send_", 2);
        }
    }

    fn output(&self) -> String {
        match &self.kind {
            PeerKind::Jacktrip { jacktrip, .. } => jacktrip.running.output(),
            PeerKind::Farsend(farsend) => farsend.running.output(),
        }
    }
}

fn gather(sent: Stereo, take: Take, peer: &Peer, block: u32, latency: u32) -> Facts {
    let comparison = compare(&sent, &take.output, RATE);
    let station = |name: &str, note: &str| (name.to_owned(), note.to_owned());
    let mut stations = vec![
        station(
            "Host",
            &format!("{block} frames a block, {} kHz", RATE / 1000),
        ),
        station("Farsend.clap", "an insert on a stereo track"),
        station("Farsend engine", "a process of its own"),
        station("UDP", "one datagram a block, 16 bit"),
    ];
    stations.extend(peer.stations.iter().cloned());
    stations.extend([
        station("UDP", "the way back"),
        station(
            "Farsend engine",
            &format!("jitter buffer of {QUEUE} packets"),
        ),
        station("Farsend.clap", "the track sounds again"),
    ]);
    let detail = |name: &str, value: String| (name.to_owned(), value);
    let mut details = vec![
        detail(
            "plugin",
            format!(
                "Farsend {} as a CLAP, session {QUEUE} packets, 16 bit",
                env!("CARGO_PKG_VERSION")
            ),
        ),
        detail("latency that it reports", format!("{latency} frames")),
    ];
    details.extend(peer.commands.iter().cloned());
    let priority = if take.realtime {
        "real-time"
    } else {
        "ordinary (real-time is not allowed here)"
    };
    details.push(detail(
        "host's audio thread",
        format!("{priority} priority, paced by the machine's clock"),
    ));
    if allocations::COUNTS {
        let count: u64 = take.calls.iter().map(|call| call.allocations).sum();
        let text = format!("{count} in {} calls of process()", take.calls.len());
        details.push(detail("allocations", text));
    }
    details.push(detail("machine", processor()));
    let [left, right] = <[Vec<f32>; 2]>::try_from(take.output).unwrap_or_default();
    Facts {
        rate: RATE,
        block,
        sent,
        returned: [left, right],
        comparison,
        calls: take.calls,
        peer: peer.name.clone(),
        stations,
        details,
    }
}

fn save(folder: &Path, facts: &Facts) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    save_wav(&folder.join("sent.wav"), &facts.sent)?;
    save_wav(&folder.join("returned.wav"), &facts.returned)?;
    fs::write(folder.join("report.html"), facts.page()).context("cannot write the report")
}

/// 24 bit, which holds both what was computed and what 16 bit made of it.
fn save_wav(path: &Path, [left, right]: &Stereo) -> Result<()> {
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: RATE,
        bits_per_sample: 24,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer =
        hound::WavWriter::create(path, spec).with_context(|| format!("{}", path.display()))?;
    for sample in left
        .iter()
        .zip(right)
        .flat_map(|(left, right)| [left, right])
    {
        writer.write_sample(
            (sample * 8_388_608.0)
                .round()
                .clamp(-8_388_608.0, 8_388_607.0) as i32,
        )?;
    }
    Ok(writer.finalize()?)
}

/// The first line of `PROGRAM --version`: JackTrip's says what and which.
fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "{}, {cores} cores, {}",
        model.unwrap_or("unknown processor"),
        std::env::consts::OS
    )
}

fn say(clock: Instant, text: &str) {
    eprintln!("[{:5.1} s]  {text}", clock.elapsed().as_secs_f64());
}
