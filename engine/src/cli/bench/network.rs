//! `farsend bench network`: what Farsend does on bad networks, measured without one.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use farsend_netsim::{Trace, TraceError};
use farsend_protocol::jacktrip::PacketizerError;
use farsend_units::{Channels, SampleRate};
use thiserror::Error;

use crate::backend::wav::{self, WavError, WavInput};
use crate::bench::scenarios::{self, Scenario};
use crate::bench::take::{Music, Outcome, SETTLE, perform};
use crate::bench::{picture::picture, piece, table};
use crate::exit::Exit;

/// `farsend bench network`.
#[derive(Debug, Args)]
pub(in crate::cli) struct NetworkArgs {
    /// Only this scenario (may be given again); `all` is all of them.
    #[arg(short, long, value_name = "NAME", default_value = "all")]
    scenario: Vec<String>,
    /// Play this WAV file; a piece of our own without it.
    #[arg(short, long, value_name = "WAV")]
    input: Option<PathBuf>,
    /// Replay this file of recorded delays (milliseconds or `lost`, a line each) as a scenario of its own, alone
    /// unless --scenario is given.
    #[arg(short, long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Play so many seconds at most [default: 30, or the input's length up to 600].
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(4..=3600))]
    seconds: Option<u32>,
    /// Write what is heard at both ends as WAV files into this folder. Files that are there already stay: `NAME (2).wav` is
    /// written then.
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Draw each scenario into this folder as NAME.svg: how late datagrams were and how deep the queue, what was lost and what concealed.
    /// Files that are there already stay, as with --out.
    #[arg(short, long, value_name = "DIR")]
    pictures: Option<PathBuf>,
    /// Print a JSON object a line instead of a table.
    #[arg(long)]
    json: bool,
    /// Print the scenarios and what they stand for, and do nothing else.
    #[arg(long)]
    list: bool,
}

/// Why nothing was measured.
#[derive(Debug, Error)]
enum BenchError {
    #[error("no scenario is called {name}. There are: {known}")]
    NoSuchScenario { name: String, known: String },
    #[error(transparent)]
    Wav(#[from] WavError),
    #[error("{} has {frames} frames; the first {SETTLE} seconds are not scored, so at least {least} are needed", .path.display())]
    TooShort {
        path: PathBuf,
        frames: usize,
        least: usize,
    },
    #[error("{} has a rate of {rate}, which cannot be brought to 48000 Hz: 8000 to 384000 Hz are possible", .path.display())]
    Rate { path: PathBuf, rate: SampleRate },
    #[error("cannot read the trace {}: {source}", .path.display())]
    TraceFile { path: PathBuf, source: io::Error },
    #[error("{} is no trace: {source}", .path.display())]
    Trace { path: PathBuf, source: TraceError },
    #[error("cannot make the folder {}: {source}", .path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error("cannot write {}: {source}", .path.display())]
    Picture { path: PathBuf, source: io::Error },
    #[error("such audio cannot be sent: {0}")]
    Packets(#[from] PacketizerError),
    #[error("cannot print: {0}")]
    Print(#[from] io::Error),
}

impl BenchError {
    fn exit(&self) -> Exit {
        match self {
            Self::NoSuchScenario { .. } | Self::Packets(_) => Exit::Usage,
            Self::Print(_) => Exit::Other,
            _ => Exit::File,
        }
    }
}

/// Runs the command.
pub(super) fn main(args: &NetworkArgs) -> Exit {
    match run(args) {
        Ok(()) => Exit::Done,
        // Whoever read us has seen enough.
        Err(BenchError::Print(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(error) => {
            eprintln!("farsend: {error}");
            error.exit()
        }
    }
}

fn run(args: &NetworkArgs) -> Result<(), BenchError> {
    let mut out = io::stdout().lock();
    if args.list {
        for Scenario { name, about, .. } in scenarios::all(Channels(1)) {
            writeln!(out, "{name:<16} {about}")?;
        }
        return Ok(());
    }
    let music = music(args)?;
    let chosen = choose(args, Channels(music.channels.len() as u8))?;
    for folder in args.out.iter().chain(&args.pictures) {
        let failed = |source| BenchError::Folder {
            path: folder.clone(),
            source,
        };
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    if let Some(folder) = &args.out {
        write(&folder.join("sent.wav"), music.rate, &music.channels)?;
    }
    if !args.json {
        writeln!(out, "{}", table::head(true))?;
    }
    for (number, scenario) in (1..).zip(&chosen) {
        let begun = Instant::now();
        eprintln!(
            "{number}/{}: {}, {}",
            chosen.len(),
            scenario.name,
            scenario.about
        );
        let outcomes = perform(&scenario.plan, &music)?;
        for (way, outcome) in WAYS.into_iter().zip(&outcomes) {
            let remarks = [unfinished(scenario, &music), table::remark(way, outcome)];
            let remarks: Vec<String> = remarks.into_iter().flatten().collect();
            tell(&mut out, args, &scenario.name, way, outcome, &remarks)?;
        }
        if let Some(folder) = &args.pictures {
            let [there, back] = &outcomes;
            let ways = [(WAYS[0], there), (WAYS[1], back)];
            draw(
                folder,
                &scenario.name,
                &picture(&scenario.name, &scenario.about, ways),
            )?;
        }
        let took = begun.elapsed().as_secs_f64();
        let played = music.channels[0].len() as f64 / f64::from(music.rate.0);
        eprintln!(
            "    {:.0} times as fast as real time",
            played / took.max(1e-3)
        );
    }
    Ok(())
}

/// What there is to say where the music ends too early.
fn unfinished(scenario: &Scenario, music: &Music) -> Option<String> {
    let seconds = music.channels[0].len() as f64 / f64::from(music.rate.0);
    let last = scenario.last_event()?;
    (seconds < last.as_secs_f64() + 1.0).then(|| {
        format!(
            "it ends after {seconds:.0} s, before all of that has happened: give {} s or more",
            last.as_secs() + 5
        )
    })
}

fn tell(
    out: &mut impl Write,
    args: &NetworkArgs,
    name: &str,
    way: &str,
    outcome: &Outcome,
    remarks: &[String],
) -> Result<(), BenchError> {
    if args.json {
        writeln!(out, "{}", table::as_json(name, way, outcome, remarks))?;
    } else {
        writeln!(out, "{}", table::row(name, way, outcome, true))?;
        for remark in remarks {
            writeln!(out, "    {remark}")?;
        }
    }
    out.flush()?;
    if let Some(folder) = &args.out {
        let path = folder.join(format!("{name}.{way}.wav"));
        write(&path, outcome.rate, &outcome.heard)?;
    }
    Ok(())
}

fn draw(folder: &Path, name: &str, svg: &str) -> Result<(), BenchError> {
    let wanted = folder.join(format!("{name}.svg"));
    let write = || {
        let (path, mut file) = wav::fresh(&wanted)?;
        file.write_all(svg.as_bytes())?;
        say_where(&wanted, &path);
        Ok(())
    };
    write().map_err(|source| BenchError::Picture {
        path: wanted.clone(),
        source,
    })
}

/// Writes what is to be kept, and says so where another name was needed.
fn write(wanted: &Path, rate: SampleRate, channels: &[Vec<f32>]) -> Result<(), WavError> {
    say_where(wanted, &wav::write(wanted, rate, channels)?);
    Ok(())
}

fn say_where(wanted: &Path, path: &Path) {
    if path != wanted {
        eprintln!(
            "farsend: {} is there already and stays: writing {}",
            wanted.display(),
            path.display()
        );
    }
}

fn music(args: &NetworkArgs) -> Result<Music, BenchError> {
    let Some(path) = &args.input else {
        let rate = SampleRate::HZ_48000;
        let seconds = f64::from(args.seconds.unwrap_or(PIECE_SECONDS));
        return Ok(Music {
            rate,
            channels: vec![piece::piece(rate, seconds)],
        });
    };
    let input = WavInput::open(path)?;
    let rate = input.rate();
    if !(8_000..=384_000).contains(&rate.0) {
        let path = path.clone();
        return Err(BenchError::Rate { path, rate });
    }
    let seconds = args.seconds.unwrap_or(LONGEST_INPUT) as usize;
    let channels = input.read(seconds * rate.0 as usize);
    let (frames, least) = (channels[0].len(), (SETTLE + 1.0) * f64::from(rate.0));
    if (frames as f64) < least {
        return Err(BenchError::TooShort {
            path: path.clone(),
            frames,
            least: least as usize,
        });
    }
    Ok(Music { rate, channels })
}

fn choose(args: &NetworkArgs, channels: Channels) -> Result<Vec<Scenario>, BenchError> {
    let all = scenarios::all(channels);
    let known = |all: &[Scenario]| {
        let names: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
        names.join(", ")
    };
    let only_trace = args.trace.is_some() && args.scenario == ["all"];
    let mut chosen = Vec::new();
    for name in args.scenario.iter().filter(|_| !only_trace) {
        if name == "all" {
            chosen.extend(all.iter().cloned());
            continue;
        }
        let found = all.iter().find(|one| one.name == *name);
        chosen.push(found.cloned().ok_or_else(|| BenchError::NoSuchScenario {
            name: name.clone(),
            known: known(&all),
        })?);
    }
    if let Some(path) = &args.trace {
        chosen.push(scenarios::replay(
            &name_of(path),
            read_trace(path)?,
            channels,
        ));
    }
    Ok(chosen)
}

fn read_trace(path: &Path) -> Result<Trace, BenchError> {
    let text = std::fs::read_to_string(path).map_err(|source| BenchError::TraceFile {
        path: path.to_owned(),
        source,
    })?;
    Trace::parse(&text).map_err(|source| BenchError::Trace {
        path: path.to_owned(),
        source,
    })
}

fn name_of(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

/// The called end's music at the caller, and the other direction.
const WAYS: [&str; 2] = ["there", "back"];

/// Of the built-in piece.
const PIECE_SECONDS: u32 = 30;

/// Seconds: whole takes are held in memory.
const LONGEST_INPUT: u32 = 600;

/// For `--help`.
pub(super) const EXAMPLES: &str = "\
Examples:
  farsend bench network                         a piece of our own over all networks
  farsend bench network --list                  which ones there are
  farsend bench network -s loss -s jitter-stalls -i take.wav -o heard
                                                two of them, over a take; WAV files of what is heard
  farsend bench network -t monday.trace -p .    over delays that were recorded, with a picture of how it went
  farsend bench network --json > table.jsonl    for programs

The first two seconds, while queues find their depth, are neither counted nor scored.";
