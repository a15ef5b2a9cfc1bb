//! Plays the ramp (or a sine) into a program's ports and records what comes out of others, by JACK's frame clock.
//!
//! The work is done by the program `farsend-probe`, as one process can be a client of one server only.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::jack::JackServer;
use super::program::{self, Running};
use super::{Machine, need};

/// What one probe is to do.
#[derive(Debug, Clone)]
pub struct Plan<'a> {
    /// Its own JACK client name.
    pub name: &'a str,
    /// Where to play: (ports' name without their number, such as `jts:send_`; how many).
    pub play: Option<(&'a str, u8)>,
    /// What to record: (ports' name without their number, such as `jts:receive_`; how many).
    pub record: Option<(&'a str, u8)>,
    /// How much to record.
    pub frames: u32,
    /// Hertz of a sine to play in place of the ramp.
    pub sine: Option<u32>,
}

/// What the probe reports about a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// JACK's frame time of the first recorded frame.
    pub first: u32,
    /// When that was, in microseconds of the machine's clock, which all servers share.
    pub first_us: u64,
    /// Frames that were never recorded, as JACK skipped cycles or did not call us; not a number in the recording.
    pub missed: u32,
    /// How often JACK reported an xrun meanwhile.
    pub xruns: u32,
}

impl Report {
    /// Whether JACK kept its time throughout.
    pub fn is_undisturbed(&self) -> bool {
        self.missed == 0 && self.xruns == 0
    }
}

/// A recording, by channel.
#[derive(Debug, Clone)]
pub struct Recording {
    /// When it began, and how well it went.
    pub report: Report,
    /// One a channel, of equal length.
    pub channels: Vec<Vec<f32>>,
}

/// A probe at work. It plays until it is dropped, also after the end of its recording.
#[derive(Debug)]
pub struct Probe {
    running: Running,
    save: PathBuf,
    channels: u8,
    limit: Duration,
}

impl Probe {
    /// Starts a probe as a client of `server`; the ports it plays to and records from may come later,
    /// within ten seconds.
    pub fn start(machine: &Machine, server: &JackServer, plan: &Plan<'_>) -> Probe {
        let save = machine.path(&format!("{}.f32", plan.name));
        let mut command = program::command(
            need::own_program("farsend-tests", "farsend-probe"),
            &[
                "run",
                "--name",
                plan.name,
                "--frames",
                &plan.frames.to_string(),
            ],
        );
        if let Some((ports, count)) = plan.play {
            command.args(["--play", ports, "--play-channels", &count.to_string()]);
        }
        if let Some(hertz) = plan.sine {
            command.args(["--sine", &hertz.to_string()]);
        }
        if let Some((ports, count)) = plan.record {
            command.args(["--record", ports, "--record-channels", &count.to_string()]);
            command.arg("--save").arg(&save);
        }
        let running = Running::start(machine, plan.name, server.used_by(&mut command));
        let channels = plan.record.map_or(0, |(_, count)| count);
        // Even the slowest clock in use needs no longer than this.
        let limit = Duration::from_secs_f64(20.0 + f64::from(plan.frames) / 8_000.0);
        Probe {
            running,
            save,
            channels,
            limit,
        }
    }

    /// Starts a probe that plays `clip` once to all of these ports as soon as they are there; silence before and after.
    ///
    /// # Panics
    ///
    /// If the clip cannot be handed over.
    pub fn start_clip(
        machine: &Machine,
        server: &JackServer,
        name: &str,
        (ports, count): (&str, u8),
        clip: &[f32],
    ) -> Probe {
        let file = machine.path(&format!("{name}.clip.f32"));
        let bytes: Vec<u8> = clip
            .iter()
            .flat_map(|sample| sample.to_le_bytes())
            .collect();
        std::fs::write(&file, bytes).expect("the machine's folder is writable");
        let mut command = program::command(
            need::own_program("farsend-tests", "farsend-probe"),
            &["run", "--name", name, "--frames", "0", "--play", ports],
        );
        command
            .args(["--play-channels", &count.to_string(), "--clip"])
            .arg(&file);
        Probe {
            running: Running::start(machine, name, server.used_by(&mut command)),
            save: file,
            channels: 0,
            limit: Duration::from_secs(20),
        }
    }

    /// When the clip began, in microseconds of the machine's clock.
    ///
    /// # Panics
    ///
    /// If it does not begin.
    pub fn begun_us(&mut self) -> u64 {
        self.running.wait_for("playing ", self.limit);
        let output = self.running.stdout();
        let time = output
            .lines()
            .find_map(|line| line.strip_prefix("playing ")?.parse().ok());
        time.expect("the probe says when")
    }

    /// Waits until it is connected and plays.
    ///
    /// # Panics
    ///
    /// If the ports do not appear.
    pub fn wait_connected(&mut self) {
        self.running.wait_for("connected", Duration::from_secs(15));
    }

    /// Processor time that it has used so far.
    ///
    /// # Panics
    ///
    /// If it has ended.
    pub fn processor_time(&self) -> Duration {
        self.running.processor_time()
    }

    /// Waits for the end of the recording and gives it.
    ///
    /// # Panics
    ///
    /// If it fails.
    pub fn recording(&mut self) -> Recording {
        self.running.wait_for("recorded", self.limit);
        let output = self.running.stdout();
        let json = output
            .lines()
            .find_map(|line| line.strip_prefix("recorded "));
        let report = json.and_then(|json| serde_json::from_str(json).ok());
        Recording {
            report: report.expect("the probe reports as this module says"),
            channels: load(&self.save, self.channels),
        }
    }
}

fn load(path: &PathBuf, channels: u8) -> Vec<Vec<f32>> {
    let bytes = std::fs::read(path).expect("the probe has saved its recording");
    let (samples, _) = bytes.as_chunks::<4>();
    let samples: Vec<f32> = samples
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect();
    let frames = samples.len() / usize::from(channels.max(1));
    samples.chunks(frames.max(1)).map(<[f32]>::to_vec).collect()
}
