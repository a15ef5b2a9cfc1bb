//! `jack_iodelay` around a loop: its port into one end, out of the other, back in there, out here.

use std::fmt::Write as _;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};
use farsend_tests::lab::Machine;
use farsend_tests::lab::jack::JackClock;
use farsend_tests::lab::session::{Kind, Session, Setup};

use super::{FARSENDS, JACKTRIPS, PERIOD, RATE};

/// At each queue, and as either program has it by default.
pub(super) fn round_trip(machine: &Machine) -> Result<String> {
    let mut text = format!(
        "## round-trip: JACK port to JACK port and back\n\n\
         Two JACK servers, a program on each, the far one's outputs joined to its inputs, and `jack_iodelay` around the \
         loop.\nThe floor is three periods, 384 frames. The middle of {SESSIONS} sessions, with the range where they \
         differ: JackTrip's buffer\nmay lose packets of its length, and with them what it has in reserve, when the \
         machine hesitates. *Dry* counts both ends'\nperiods without audio, and *xruns* the cycles that JACK itself \
         missed at both, in {HEARD} s ({HEARD_BY_DEFAULT} s by default), of all the\nsessions.\n\n\
         | queue | Farsend, frames | JackTrip, frames | ratio | Farsend dry | xruns |\n\
         | --- | ---: | ---: | ---: | ---: | ---: |\n"
    );
    for queue in [4, 3, 2, 1] {
        let ours = Sessions::of(machine, Setup { queue, ..FARSENDS }, &[], HEARD)?;
        let theirs = Sessions::of(machine, Setup { queue, ..JACKTRIPS }, &[], HEARD)?;
        writeln!(text, "{}", row(&format!("`-q {queue}`"), &ours, &theirs))?;
    }
    let auto = |setup| Setup {
        auto_queue: true,
        ..setup
    };
    let ours = Sessions::of(machine, auto(FARSENDS), &[], HEARD_BY_DEFAULT)?;
    let theirs = Sessions::of(machine, JACKTRIPS, &[], HEARD_BY_DEFAULT)?;
    writeln!(text, "{}", row("as it is by default", &ours, &theirs))?;
    let adaptive = ["--bufstrategy", "3"];
    let theirs = Sessions::of(machine, auto(JACKTRIPS), &adaptive, HEARD_BY_DEFAULT)?;
    let row = row(
        "the same, JackTrip's `-q auto --bufstrategy 3`",
        &ours,
        &theirs,
    );
    writeln!(text, "{row}")?;
    Ok(text)
}

/// Two servers with clocks that differ, for long.
pub(super) fn drift(machine: &Machine) -> Result<String> {
    let slow = JackClock {
        rate: SLOW_RATE,
        period: PERIOD,
    };
    let setup = Setup {
        auto_queue: true,
        client_clock: Some(slow),
        ..FARSENDS
    };
    let mut session = Session::start(machine, setup);
    session.loop_back();
    let heard = listen(machine, &mut session, DRIFT_MINUTES * 60)?;
    // What it finds out in the first seconds is not drift.
    let settled: Vec<f64> = heard.delays.iter().copied().skip(60).collect();
    ensure!(settled.len() > 10, "the loop is not heard");
    let step = settled
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).abs())
        .fold(0.0, f64::max);
    let ppm = (f64::from(SLOW_RATE) / f64::from(RATE) - 1.0) * 1e6;
    let [dry, late, xruns] = heard.counts.unwrap_or_default();
    Ok(format!(
        "## drift: two clocks that differ\n\n\
         Two Farsends with their defaults, {DRIFT_MINUTES} minutes, on two JACK servers, one at {RATE} and one at {SLOW_RATE} Hz \
         ({ppm:.0} ppm), `jack_iodelay` around\nthe loop twice a second. Counts are of both ends; an *xrun* is a cycle \
         that JACK itself missed, which takes audio from\neverybody.\n\n\
         | round trip, frames | largest change in half a second | dry | late packets | xruns |\n\
         | ---: | ---: | ---: | ---: | ---: |\n\
         | {} | {step:.0} | {dry} | {late} | {xruns} |\n",
        range(&settled)
    ))
}

/// Some sessions of one kind.
struct Sessions {
    delays: Vec<f64>,
    counts: Option<[u64; 3]>,
}

impl Sessions {
    fn of(machine: &Machine, setup: Setup, extra: &[&str], seconds: u64) -> Result<Sessions> {
        let mut all = Sessions {
            delays: Vec::new(),
            counts: None,
        };
        for _ in 0..SESSIONS {
            let mut session = Session::start_with(machine, setup, extra);
            session.loop_back();
            sleep(Duration::from_secs(2));
            let heard = listen(machine, &mut session, seconds)?;
            // The last ones count: the first are a guess.
            let last = heard.delays.len().saturating_sub(5);
            all.delays.extend(middle(&heard.delays[last..]));
            if let Some(counts) = heard.counts {
                let sum = all.counts.get_or_insert_default();
                sum.iter_mut()
                    .zip(counts)
                    .for_each(|(sum, count)| *sum += count);
            }
        }
        Ok(all)
    }
}

/// What went around the loop for some seconds.
struct Heard {
    /// What `jack_iodelay` said, in frames.
    delays: Vec<f64>,
    /// Of both ends, if they are Farsends: dry periods, late packets, xruns.
    counts: Option<[u64; 3]>,
}

fn listen(machine: &Machine, session: &mut Session, seconds: u64) -> Result<Heard> {
    let before = counts(session);
    let mut command = Command::new("stdbuf");
    command.args(["-oL", "jack_iodelay"]);
    let mut iodelay =
        farsend_tests::lab::Running::start(machine, "iodelay", session.a.used_by(&mut command));
    session
        .a
        .wait_for_port("jack_delay:out", Duration::from_secs(5));
    session.a.connect("jack_delay:out", "server:send_1");
    session.a.connect("server:receive_1", "jack_delay:in");
    sleep(Duration::from_secs(seconds));
    let output = iodelay.output();
    let after = counts(session);
    iodelay.signal(nix::sys::signal::Signal::SIGTERM);
    Ok(Heard {
        delays: sure_delays(&output),
        counts: before
            .zip(after)
            .map(|(before, after)| [0, 1, 2].map(|i| after[i].saturating_sub(before[i]))),
    })
}

/// What `jack_iodelay` is sure of, in frames. It says "  1152.000 frames     24.000 ms total roundtrip latency", then, some lines
/// on, what to tell the backend with "-I and -O", and there "??" where a break in the sound has spoiled it.
fn sure_delays(output: &str) -> Vec<f64> {
    let mut delays = Vec::new();
    let mut told = None;
    for line in output.lines() {
        if line.contains("total roundtrip latency") {
            told = line
                .split_whitespace()
                .next()
                .and_then(|word| word.parse::<f64>().ok());
        } else if line.contains("-I and -O") {
            delays.extend(told.take().filter(|_| !line.contains("??")));
        }
    }
    delays
}

fn counts(session: &mut Session) -> Option<[u64; 3]> {
    let mut sum = [0; 3];
    for peer in [&mut session.server, &mut session.client] {
        if !peer.is(Kind::Farsend) {
            return None;
        }
        let now = peer.farsend().next_statistics();
        for (sum, count) in sum.iter_mut().zip([now.dry, now.late, now.xruns]) {
            *sum += count;
        }
    }
    Some(sum)
}

fn row(name: &str, ours: &Sessions, theirs: &Sessions) -> String {
    let ratio = match (middle(&ours.delays), middle(&theirs.delays)) {
        (Some(ours), Some(theirs)) => format!("{:.2}", ours / theirs),
        _ => "–".into(),
    };
    let [dry, _, xruns] = ours.counts.unwrap_or_default();
    format!(
        "| {name} | {} | {} | {ratio} | {dry} | {xruns} |",
        range(&ours.delays),
        range(&theirs.delays)
    )
}

fn middle(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

fn range(values: &[f64]) -> String {
    let least = values.iter().copied().fold(f64::MAX, f64::min);
    let most = values.iter().copied().fold(0.0, f64::max);
    match middle(values) {
        Some(middle) if most - least > 1.0 => format!("{middle:.0} ({least:.0} to {most:.0})"),
        Some(middle) => format!("{middle:.0}"),
        None => "not heard".into(),
    }
}

/// How often each round trip is measured, and for how many seconds.
const SESSIONS: usize = 3;
const HEARD: u64 = 5;
const HEARD_BY_DEFAULT: u64 = 20;
/// The slower of two clocks, in hertz, and how long they run.
const SLOW_RATE: u32 = 47_986;
const DRIFT_MINUTES: u64 = 10;
