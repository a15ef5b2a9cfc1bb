//! An overdub in Ardour with a player at the far end of a bad network: where the take lies, and whether it is what was played.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use farsend_netsim::{Jitter, Loss, PathConfig};
use farsend_tests::clicks::{self, Sameness};
use farsend_tests::lab::Machine;
use farsend_tests::lab::farsend::Farsend;
use farsend_tests::lab::jack::{JackClock, JackServer};
use farsend_tests::lab::jacktrip::Jacktrip;
use farsend_tests::lab::relay::Relay;
use farsend_tests::lab::takes;
use farsend_tests::lab::vst3::{Ardour, ArdourPlan, Wish};
use nix::sys::signal::Signal;
use serde_json::json;

use super::RATE;

/// A take for each of these players, so long.
pub(super) fn overdub(machine: &Machine, seconds: u32) -> Result<String> {
    let mut text = format!(
        "## overdub: a take in Ardour\n\n\
         Ardour plays a click track of {seconds} s through the VST3 (24 bit, cycles of {BLOCK} frames) to a player who sends it back as it is \
         heard, through\n1 ms of jitter and 1 % of loss each way, and the take is looked at where its time stamp says that it lies. *Off* is how far its \
         clicks are from those\nof the timeline, in frames. *As played* is the share of its samples that are, to the bit, what the far end kept of what it \
         played (a file of its own):\nwith one shift for the whole take, and in pieces of 10 ms with a shift of their own, where the take follows the far end's queue. *Xruns* are \
         those of Ardour's JACK server.\nThe aim: within 10 frames and bit-exact with a Farsend; within 48 (1 ms) with a JackTrip, after a ping.\n\n\
         | player | clicks | not found | off, most | off, 99 % | within 10 | as played | in pieces | datagrams lost | xruns |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
    );
    for player in [Player::Steady, Player::Default, Player::Jacktrip] {
        // Ardour and JACK fail now and then; what was measured before is not to be lost.
        let measure = || player.overdub(machine, seconds);
        let row = match catch_unwind(AssertUnwindSafe(measure)) {
            Ok(Ok(outcome)) => outcome.row(player),
            Ok(Err(error)) => format!("| {} | not measured: {error:#} |", player.name()),
            Err(_) => format!("| {} | not measured |", player.name()),
        };
        eprintln!("  {row}");
        writeln!(text, "{row}")?;
    }
    Ok(text)
}

/// Who plays along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Player {
    /// A Farsend whose queue is fixed.
    Steady,
    /// A Farsend as it is unless told.
    Default,
    /// A JackTrip, after a ping.
    Jacktrip,
}

/// The far end at work.
#[derive(Debug)]
enum Far {
    Farsend(Farsend),
    Jacktrip(Jacktrip, JackServer),
}

/// What became of a take.
#[derive(Debug)]
struct Outcome {
    /// By click.
    off: Vec<Option<i64>>,
    sameness: Option<Sameness>,
    lost: u64,
    xruns: usize,
}

impl Player {
    fn name(self) -> &'static str {
        match self {
            Self::Steady => "Farsend `-q 16`",
            Self::Default => "Farsend",
            Self::Jacktrip => "JackTrip `-q 4`, after a ping",
        }
    }

    fn start(self, machine: &Machine) -> Far {
        let port = FAR_PORT.to_string();
        if self == Self::Jacktrip {
            let clock = JackClock {
                rate: RATE,
                period: u32::from(JACKTRIP_PERIOD),
            };
            let jack = JackServer::start(machine, "jack-far", clock);
            let arguments = ["-s", "-B", &port, "-q", "4", "-b", "24", "-n", "2"];
            let jacktrip = Jacktrip::start(machine, &jack, "far", &arguments);
            return Far::Jacktrip(jacktrip, jack);
        }
        let kept = machine.path(KEPT);
        let kept = kept.to_string_lossy();
        let queue = if self == Self::Steady { "16" } else { "auto" };
        let arguments = [
            "server",
            "--port",
            &port,
            "--loopback",
            "--record",
            &kept,
            "-q",
            queue,
        ];
        Far::Farsend(Farsend::start_without_jack(machine, "far", &arguments))
    }

    fn overdub(self, machine: &Machine, seconds: u32) -> Result<Outcome> {
        // The user's folder for music, where Ardour's user is at home.
        let folder = machine.path("home/Music/Farsend");
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        let network = PathConfig {
            seed: 11,
            delay: Duration::from_millis(5),
            jitter: Jitter::Exponential(Duration::from_millis(1)),
            loss: Loss::Independent(0.01),
            ..PathConfig::default()
        };
        let relay = Relay::start(NEAR_PORT, FAR_PORT, network);
        let period = if self == Self::Jacktrip {
            JACKTRIP_PERIOD
        } else {
            128
        };
        let plan = ArdourPlan {
            block: BLOCK,
            records: false,
            session: Some(json!({
                "queue": 16, "bits": 24, "period": period,
            })),
        };
        let wish = Wish {
            connect: &format!("127.0.0.1:{NEAR_PORT}"),
            queue: 0,
        };
        // Ardour loads the plugin more than once on its way: the far end comes last, since a JackTrip ends with its first caller.
        let frames = (i64::from(seconds) + AFTER_S) * i64::from(RATE);
        let track: Vec<f32> = (0..frames).map(clicks::sample).collect();
        let mut ardour = Ardour::start_with(machine, wish, &[track.clone(), track], &plan);
        let mut far = self.start(machine);
        far.wait_for_peer()?;
        ardour.set("Record takes", 1.0);
        sleep(SETTLE);
        if self == Self::Jacktrip {
            // One is in vain if the delay moves meanwhile.
            for _ in 0..PINGS {
                ardour.set("Ping", 1.0);
                sleep(PING);
                ardour.set("Ping", 0.0);
                sleep(Duration::from_secs(1));
            }
        }
        let before = (
            ardour.xruns(),
            relay.to_server().lost + relay.to_client().lost,
        );
        ardour.roll();
        let begun = Instant::now();
        while ardour.position() < seconds as usize * RATE as usize {
            let longest = Duration::from_secs(u64::from(seconds) * 2 + 60);
            ensure!(begun.elapsed() < longest, "Ardour does not roll any more");
            sleep(Duration::from_millis(500));
        }
        ardour.stop();
        let xruns = ardour.xruns() - before.0;
        let lost = relay.to_server().lost + relay.to_client().lost - before.1;
        let shortest = u64::from(seconds) * u64::from(RATE) / 2;
        let take = takes::wait_for_take(&folder, shortest, (FETCHED, LONGEST_END))?;
        let recording = read_take(&take)?;
        ardour.close();
        let kept = far.end(machine)?;
        let floats: Vec<f32> = recording
            .samples
            .iter()
            .map(|sample| *sample as f32 / FULL_SCALE)
            .collect();
        Ok(Outcome {
            off: clicks::offsets(&floats, recording.begins, REACH),
            sameness: kept.map(|kept| clicks::compare(&recording.samples, &kept)),
            lost,
            xruns,
        })
    }
}

impl Far {
    /// Waits until it hears Ardour's plugin; what it hears goes back from then on.
    fn wait_for_peer(&mut self) -> Result<()> {
        match self {
            Self::Farsend(farsend) => farsend.wait_for_peer(),
            Self::Jacktrip(jacktrip, jack) => {
                jacktrip.wait_for_peer();
                // It has its ports before they can be joined.
                let begun = Instant::now();
                while !jack.try_connect_all("far:receive_", "far:send_", 1) {
                    let elapsed = begun.elapsed();
                    ensure!(
                        elapsed < Duration::from_secs(20),
                        "JackTrip cannot be looped: {:?}",
                        jack.ports()
                    );
                    sleep(Duration::from_millis(200));
                }
                jack.connect("far:receive_2", "far:send_2");
            }
        }
        Ok(())
    }

    /// Ends it. Gives what it kept of the first channel that it played, as whole numbers of 24 bits.
    fn end(self, machine: &Machine) -> Result<Option<Vec<i32>>> {
        let Self::Farsend(mut farsend) = self else {
            return Ok(None);
        };
        // Signals that can be blocked are, here: its file is valid at all times, and all of it is written by then.
        sleep(WRITTEN);
        farsend.running.signal(Signal::SIGKILL);
        farsend.running.wait_exit(Duration::from_secs(20));
        let mut reader = hound::WavReader::open(machine.path(KEPT))?;
        let channels = usize::from(reader.spec().channels);
        let mut kept = Vec::with_capacity(reader.duration() as usize);
        for sample in reader.samples::<f32>().step_by(channels) {
            // As JackTrip writes 24 bits: rounded down.
            let value = (f64::from(sample?) * f64::from(FULL_SCALE)).floor();
            kept.push(value.clamp(-8_388_608.0, 8_388_607.0) as i32);
        }
        Ok(Some(kept))
    }
}

impl Outcome {
    fn row(&self, player: Player) -> String {
        let mut off: Vec<i64> = self.off.iter().flatten().map(|off| off.abs()).collect();
        off.sort_unstable();
        let near = off.iter().filter(|off| **off <= 10).count();
        let at = |part: f64| {
            let index = (part * off.len().saturating_sub(1) as f64).ceil();
            off.get(index as usize)
                .map_or("–".to_owned(), i64::to_string)
        };
        let share =
            |part: usize, of: usize| format!("{:.2} %", 100.0 * part as f64 / of.max(1) as f64);
        let [same, pieces] = match self.sameness {
            Some(found) => [
                share(found.at_one_shift, found.frames),
                share(found.in_pieces, found.frames),
            ],
            None => ["–".to_owned(), "–".to_owned()],
        };
        format!(
            "| {} | {} | {} | {} | {} | {} | {same} | {pieces} | {} | {} |",
            player.name(),
            self.off.len(),
            self.off.len() - off.len(),
            at(1.0),
            at(0.99),
            share(near, self.off.len()),
            self.lost,
            self.xruns,
        )
    }
}

/// A take as it lies on the disk: its first channel.
struct Recording {
    /// In frames of the timeline.
    begins: i64,
    /// Whole numbers of 24 bits.
    samples: Vec<i32>,
}

fn read_take(path: &Path) -> Result<Recording> {
    let head = takes::head(path).context("the take cannot be read")?;
    let mut reader = hound::WavReader::open(path)?;
    let channels = usize::from(reader.spec().channels);
    let samples = reader.samples::<i32>().step_by(channels);
    Ok(Recording {
        begins: i64::try_from(head.begins)?,
        samples: samples.collect::<Result<_, _>>()?,
    })
}

/// The relay's port, which is called, and the far end's.
const NEAR_PORT: u16 = 4480;
const FAR_PORT: u16 = 4464;
/// A cycle of Ardour's: 21 ms. A machine that stops for less misses none, and a JACK server without a sound card that
/// misses one is late for good.
const BLOCK: u32 = 1024;
/// The same of JackTrip's, whose packets are as long.
const JACKTRIP_PERIOD: u16 = 512;
/// What the far end keeps of what it plays.
const KEPT: &str = "kept.wav";
/// How long the track goes on when enough was played.
const AFTER_S: i64 = 5;
/// How long both ends get to know each other before the take.
const SETTLE: Duration = Duration::from_secs(6);
/// A ping waits until the delay rests, and listens.
const PING: Duration = Duration::from_secs(12);
const PINGS: usize = 2;
/// What is lost is fetched within this, or not any more.
const FETCHED: Duration = Duration::from_secs(14);
/// What the far end keeps is on the disk so long after it was played.
const WRITTEN: Duration = Duration::from_secs(4);
/// A take that has to be laid along the timeline is written anew.
const LONGEST_END: Duration = Duration::from_secs(120);
/// How far from its place a click is looked for, in frames: a tenth of a second.
const REACH: i64 = 4800;
const FULL_SCALE: f32 = 8_388_608.0;
