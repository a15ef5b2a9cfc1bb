//! Measures Farsend beside JackTrip on one machine, in one run: `cargo xtask bench`. Prints Markdown.

mod hubs;
mod instances;
mod loops;
mod overdub;

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Parser, ValueEnum};
use farsend_netsim::{Jitter, Loss, PathConfig, Stalls};
use farsend_tests::demo::compare::compare;
use farsend_tests::host::{Call, Host, Plan, Take};
use farsend_tests::lab::farsend::Farsend;
use farsend_tests::lab::jack::JackServer;
use farsend_tests::lab::probe::{Plan as ProbePlan, Probe};
use farsend_tests::lab::session::{Kind, Session, Setup};
use farsend_tests::lab::{Machine, jacktrip, machine, program};
use farsend_tests::quality::clips::{self, Clip};
use farsend_tests::quality::{Contender, through};
use farsend_tests::signal::{self, listen};
use serde_json::json;

/// Measures Farsend beside JackTrip and prints Markdown.
#[derive(Debug, Parser)]
struct Args {
    /// Only these; all unless given.
    only: Vec<Measurement>,
    /// The plugin.
    #[arg(long)]
    clap: PathBuf,
    /// The engine that it starts.
    #[arg(long)]
    engine: PathBuf,
    /// How long an overdub is.
    #[arg(long, default_value_t = 600)]
    seconds: u32,
    /// Already on a private machine (how the program starts itself).
    #[arg(long, hide = true)]
    inside: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Measurement {
    RoundTrip,
    Drift,
    Hop,
    Process,
    Instances,
    Processor,
    Hub,
    Quality,
    Overdub,
}

const RATE: u32 = 48_000;
const PERIOD: u32 = 128;

fn main() -> ExitCode {
    let args = Args::parse();
    let result = match &args.inside {
        Some(file) => measure_inside(&args).and_then(|text| Ok(fs::write(file, text)?)),
        None => run_all(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("The measurement failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs each measurement on a private machine of its own and prints what they found.
fn run_all(args: &Args) -> Result<()> {
    ensure!(machine::can_be_made(), "no permission to make namespaces");
    println!("{}", head());
    let chosen = if args.only.is_empty() {
        Measurement::value_variants()
    } else {
        &args.only
    };
    for measurement in chosen {
        let folder = machine::private_folder()?;
        let found = folder.path().join("found.md");
        let name = measurement
            .to_possible_value()
            .context("it has a name")?
            .get_name()
            .to_owned();
        eprintln!("measuring: {name}");
        let status = machine::unshare()
            .arg(std::env::current_exe()?)
            .arg(name)
            .arg("--clap")
            .arg(fs::canonicalize(&args.clap)?)
            .arg("--engine")
            .arg(&args.engine)
            .args(["--seconds", &args.seconds.to_string()])
            .arg("--inside")
            .arg(&found)
            .env("FARSEND_ENGINE", fs::canonicalize(&args.engine)?)
            .env("FARSEND_RUNTIME_DIR", folder.path())
            .status()?;
        ensure!(status.success(), "a measurement failed");
        println!("{}", fs::read_to_string(&found)?);
    }
    Ok(())
}

fn head() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let version = jacktrip::version().unwrap_or_else(|| "?".into());
    format!(
        "# Benchmarks\n\n\
         `cargo xtask bench --save` measures all of this anew, Farsend {} and JackTrip {version} side by side in one \
         run,\nand writes this page but for its last part, the remarks, which are by hand; `cargo xtask bench round-trip` (or \
         another of the\nnames below) measures one part.\n\n\
         This run: {}, {cores} cores, Linux; JACK 2 dummy servers at 48 kHz with periods of 128 frames; release \
         builds.\nTimes depend on the machine and what else it does; the ratios and the frames are what counts.\n",
        env!("CARGO_PKG_VERSION"),
        model.unwrap_or("unknown processor")
    )
}

fn measure_inside(args: &Args) -> Result<String> {
    machine::end_on_signals();
    machine::prepare();
    let machine = Machine::new();
    match args.only.first() {
        Some(Measurement::RoundTrip) => loops::round_trip(&machine),
        Some(Measurement::Drift) => loops::drift(&machine),
        Some(Measurement::Hop) => hop(&machine, args),
        Some(Measurement::Process) => process(args),
        Some(Measurement::Instances) => instances::instances(args),
        Some(Measurement::Processor) => processor(&machine),
        Some(Measurement::Hub) => hubs::hubs(&machine),
        Some(Measurement::Quality) => quality(&machine),
        Some(Measurement::Overdub) => overdub::overdub(&machine, args.seconds),
        None => bail!("nothing to measure"),
    }
}

const FARSENDS: Setup = Setup {
    client: Kind::Farsend,
    ..Setup::MEASURED
};

const JACKTRIPS: Setup = Setup {
    server: Kind::Jacktrip,
    client: Kind::Jacktrip,
    ..Setup::MEASURED
};

/// The plugin in a real-time host against the engine as a JACK client, to the same kind of peer.
fn hop(machine: &Machine, args: &Args) -> Result<String> {
    let jack = {
        let session = Session::start(machine, FARSENDS);
        let recording = session.record_loop(machine, RATE);
        let heard = listen(&recording.channels[0], 0, Setup::MEASURED.depth, 2);
        heard
            .delay(recording.report.first)
            .context("the loop through the JACK backend is not heard")?
    };
    let plugin = {
        let jackd = JackServer::start(machine, "c", Setup::MEASURED.clock);
        let peer = Farsend::start(machine, &jackd, "peer", &["server", "--port", "4465"]);
        jackd.wait_for_port("peer:send_2", Duration::from_secs(10));
        let mut host = Host::load(&args.clap)?;
        let session = json!({ "connected": true, "role": "client", "host": "127.0.0.1", "port": 4465, "queue": 4 });
        host.want_session(&session)?;
        let input: Vec<f32> = (0..4 * RATE)
            .map(|frame| 0.9 * signal::ramp(frame, 0))
            .collect();
        let input = vec![input.clone(), input];
        let mut patched = false;
        let take = play(&mut host, input.clone(), false, || {
            patched = patched || jackd.try_connect_all("peer:receive_", "peer:send_", 2);
        })?;
        drop(peer);
        let found =
            compare(&input, &take.output, RATE).context("nothing came back through the plugin")?;
        found.delay as u32
    };
    let milliseconds = |frames: u32| f64::from(frames) * 1000.0 / f64::from(RATE);
    let more = f64::from(plugin) - f64::from(jack);
    Ok(format!(
        "## hop: through the plugin against the JACK backend\n\n\
         The same peer, a Farsend on JACK with its outputs joined to its inputs, queue 4, periods of 128: once with the \
         plugin at\nthis end, in a host that runs in real time, once with the engine as a JACK client. The aim is at \
         most 1 ms more.\n\n\
         | | frames | ms |\n| --- | ---: | ---: |\n\
         | plugin in a host | {plugin} | {:.2} |\n| engine on JACK | {jack} | {:.2} |\n| difference | {more:+.0} | {:+.2} |\n",
        milliseconds(plugin),
        milliseconds(jack),
        more * 1000.0 / f64::from(RATE),
    ))
}

/// Plays to a session that has had time to come up; then, with `hurry`, as fast as the plugin can.
fn play(
    host: &mut Host,
    input: Vec<Vec<f32>>,
    hurry: bool,
    mut meanwhile: impl FnMut(),
) -> Result<Take> {
    const SETTLE: Duration = Duration::from_secs(5);
    let plan = Plan {
        rate: RATE,
        blocks: vec![PERIOD],
        input: Arc::new(input),
        before: Vec::new(),
        at_once: false,
        hurry,
        freewheel: false,
    };
    let started = std::time::Instant::now();
    host.perform(&plan, |progress| {
        meanwhile();
        if started.elapsed() > SETTLE {
            progress.open_gate();
        }
        Ok(())
    })
}

/// What the DAW pays: time in process(), with a session to a Farsend that sends everything back.
fn process(args: &Args) -> Result<String> {
    let mut text = "## process: what the DAW's audio thread pays\n\n\
        Time in the plugin's `process()` for a block of 128 frames (2667 µs), with a session in which everything comes \
        back. In real\ntime each call comes after a sleep, to cold caches, and wakes the engine on another core; back \
        to back it is the work alone.\nThe aim is under 5 µs for stereo and under 60 µs for 64 channels.\n\n\
        | channels | called | half of the blocks | 99 % | longest | of the block | allocations |\n\
        | ---: | --- | ---: | ---: | ---: | ---: | ---: |\n"
        .to_owned();
    for (index, (channels, hurry)) in [(2_u8, false), (2, true), (64, false), (64, true)]
        .into_iter()
        .enumerate()
    {
        let port = 4466 + index as u16;
        let (count, number) = (channels.to_string(), port.to_string());
        let options = [
            "server",
            "--port",
            &number,
            "--backend",
            "timer",
            "--loopback",
            "-n",
            &count,
        ];
        let mut server = program::command(&args.engine, &options)
            .stdout(std::process::Stdio::null())
            .spawn()?;
        let mut host = Host::load(&args.clap)?;
        host.select_channels(channels)?;
        host.want_session(
            &json!({ "connected": true, "role": "client", "host": "127.0.0.1", "port": port }),
        )?;
        let input = vec![
            (0..5 * RATE)
                .map(|frame| 0.5 * signal::ramp(frame, 0))
                .collect();
            usize::from(channels)
        ];
        let take = play(&mut host, input, hurry, || {})?;
        let heard = take.output[0].iter().any(|sample| sample.abs() > 0.1);
        server.kill()?;
        server.wait()?;
        ensure!(heard || hurry, "{channels} channels: nothing came back");
        writeln!(text, "{}", process_row(channels, hurry, &take.calls))?;
    }
    Ok(text)
}

fn process_row(channels: u8, hurry: bool, calls: &[Call]) -> String {
    let mut took: Vec<f64> = calls
        .iter()
        .map(|call| call.took.as_secs_f64() * 1e6)
        .collect();
    took.sort_by(f64::total_cmp);
    let at = |part: f64| took[(part * (took.len() - 1) as f64) as usize];
    let block = f64::from(PERIOD) * 1e6 / f64::from(RATE);
    let allocations: u64 = calls.iter().map(|call| call.allocations).sum();
    format!(
        "| {channels} | {} | {:.1} µs | {:.1} µs | {:.1} µs | {:.2} % | {allocations} |",
        if hurry {
            "back to back"
        } else {
            "in real time"
        },
        at(0.5),
        at(0.99),
        at(1.0),
        at(0.5) / block * 100.0
    )
}

/// Processor time of a stereo link, by what the kernel has counted for all threads of the program.
fn processor(machine: &Machine) -> Result<String> {
    const SECONDS: u64 = 20;
    let setup = Setup {
        server: Kind::Farsend,
        client: Kind::Jacktrip,
        ..Setup::MEASURED
    };
    let mut session = Session::start(machine, setup);
    let plan = ProbePlan {
        name: "idle",
        play: Some(("server:send_", 2)),
        record: None,
        frames: 0,
        sine: None,
    };
    let mut idle = Probe::start(machine, &session.a, &plan);
    idle.wait_connected();
    std::thread::sleep(Duration::from_secs(2));
    let look = |session: &mut Session| {
        let server = session.server.running().processor_time();
        [
            server,
            session.client.running().processor_time(),
            idle.processor_time(),
        ]
    };
    let before = look(&mut session);
    std::thread::sleep(Duration::from_secs(SECONDS));
    let after = look(&mut session);
    let [ours, theirs, idle] =
        [0, 1, 2].map(|i| (after[i] - before[i]).as_secs_f64() * 1000.0 / SECONDS as f64);
    Ok(format!(
        "## processor: time for a stereo link\n\n\
         One session between the two programs for {SECONDS} s, 16 bit, periods of 128, each on its own JACK server; \
         user and system\ntime of all threads as the kernel counts it, and beside it what a JACK client takes that only \
         fills two ports. The aim is\nat most half.\n\n\
         | | ms per second | without a JACK client's share |\n| --- | ---: | ---: |\n\
         | Farsend | {ours:.1} | {:.1} |\n| JackTrip | {theirs:.1} | {:.1} |\n| ratio | {:.2} | {:.2} |\n\
         | a JACK client that fills two ports | {idle:.1} | |\n",
        ours - idle,
        theirs - idle,
        ours / theirs,
        (ours - idle) / (theirs - idle)
    ))
}

/// What is heard of piano, strings and drums at the far end of a bad network.
fn quality(machine: &Machine) -> Result<String> {
    ensure!(
        clips::can_be_rendered(),
        "no fluidsynth, or no soundfont (fluid-soundfont-gm)"
    );
    let clean = PathConfig {
        seed: 3,
        delay: Duration::from_millis(10),
        ..PathConfig::default()
    };
    let lossy = PathConfig {
        loss: Loss::Bursts {
            rate: 0.03,
            length: 1.5,
        },
        ..clean
    };
    let stalls = PathConfig {
        jitter: Jitter::Exponential(Duration::from_millis(1)),
        stalls: Some(Stalls {
            every: Duration::from_secs(5),
            length: Duration::from_millis(25),
        }),
        ..clean
    };
    use Contender::{Farsend, FarsendAlone, Jacktrip, JacktripAuto, JacktripConceals};
    let networks: [(&str, PathConfig, &[Clip], &[Contender]); 3] = [
        (
            "10 ms, clean",
            clean,
            &[Clip::Strings],
            &[Jacktrip, JacktripAuto, Farsend],
        ),
        (
            "3 % lost in bursts of 1.5",
            lossy,
            &Clip::ALL,
            &[JacktripConceals, FarsendAlone, Farsend],
        ),
        (
            "1 ms of jitter, 25 ms of stall every 5 s",
            stalls,
            &[Clip::Strings],
            &[Jacktrip, JacktripConceals, JacktripAuto, Farsend],
        ),
    ];
    let mut text = format!(
        "## quality: what is heard at the far end\n\n\
         {} s of music rendered by fluidsynth, from one JACK server to another through two programs of a kind and a relay \
         with the same\nseed for all: 48 kHz, 128 frames, mono, 16 bit, no redundancy. [scoring.md](scoring.md) defines \
         the scores. *Delay* is the mean from\nport to port, 10 ms of it the relay's; *dry* is what Farsend counted at \
         the receiving end since its start. A star marks a row\nduring which JACK itself had no time.\n\n\
         | network | clip | program | signal to error | middle | log-mel | clicks a minute | delay | dry |\n\
         | --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
        clips::SECONDS
    );
    for (name, network, played, contenders) in networks {
        for clip in played {
            let samples = clip.render(machine.folder())?;
            for contender in contenders {
                let found = through(machine, *contender, network, &samples)?;
                let row = format!(
                    "| {name} | {} | {}{} | {:.1} dB | {:.1} dB | {:.2} dB | {:.1} | {:.1} ms | {} |",
                    clip.name(),
                    contender.name(),
                    if found.undisturbed { "" } else { " *" },
                    found.score.signal_to_error,
                    found.score.middle,
                    found.score.log_mel,
                    found.score.clicks_per_minute(),
                    found.score.mean_delay(),
                    found.dry.map_or("–".into(), |dry| dry.to_string()),
                );
                eprintln!("  {row}");
                writeln!(text, "{row}")?;
            }
        }
    }
    Ok(text)
}
