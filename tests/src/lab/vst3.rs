//! The VST3 as it is bundled, in hosts that others wrote: pedalboard (JUCE) and Ardour.
//!
//! A host has a home, a configuration and a runtime directory of its own in the machine's folder: it sees one
//! plugin, ours, and no settings of the user. The scripts that it runs are in `tests/hosts/`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::unistd::Pid;

use super::jack::{JackClock, JackServer};
use super::program::{self, Running};
use super::stops::Stops;
use super::{Machine, engines, need};
use crate::signal::{Depth, listen};

/// What the instances in a host are to do, given in the environment.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// Whom to call: `HOST:PORT`.
    pub connect: &'a str,
    /// Packets kept, as `-q`.
    pub queue: u16,
}

/// `program` as a host of the plugin; its arguments are to follow.
pub(super) fn host(machine: &Machine, program: impl AsRef<Path>, wish: Wish<'_>) -> Command {
    let folder = |path| {
        let folder = machine.path(path);
        std::fs::create_dir_all(&folder).expect("the test's folder is writable");
        folder
    };
    let link = folder("home/.vst3").join("Farsend.vst3");
    if !link.exists() {
        std::os::unix::fs::symlink(need::own_vst3(), link).expect("the test's folder is writable");
    }
    let mut command = Command::new(program.as_ref());
    command
        .env("HOME", folder("home"))
        .env("XDG_CONFIG_HOME", folder("home/config"))
        .env("XDG_CACHE_HOME", folder("home/cache"))
        .env("XDG_DATA_HOME", folder("home/data"))
        .env("TMPDIR", folder("tmp"))
        .env("FARSEND_RUNTIME_DIR", machine.path("run"))
        .env("FARSEND_CONNECT", wish.connect)
        .env("FARSEND_SESSION", format!(r#"{{"queue":{}}}"#, wish.queue))
        // The engine is to be found inside the bundle.
        .env_remove("FARSEND_ENGINE")
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY");
    command
}

/// pedalboard with the plugin loaded; it plays the ramp through it and ends by itself. Killed when dropped.
#[derive(Debug)]
pub struct Pedalboard {
    /// The host.
    pub running: Running,
    recording: PathBuf,
}

/// How the host's calls went.
#[derive(Debug, Clone, Copy, PartialEq, serde::Deserialize)]
#[expect(missing_docs, reason = "the names are those of the host's line")]
pub struct Calls {
    pub took_s: f64,
    pub render_s: f64,
    pub longest_call_ms: f64,
    pub most_behind_ms: f64,
}

impl Pedalboard {
    /// Starts the host for `seconds` of audio; `options` are those of `pedalboard_host.py`.
    ///
    /// # Panics
    ///
    /// If there is no such Python, or no bundle.
    pub fn start(machine: &Machine, wish: Wish<'_>, seconds: f64, options: &[&str]) -> Pedalboard {
        Self::start_with(machine, wish, seconds, options, |_| {})
    }

    /// The same, after `change` has had a look at the command.
    ///
    /// # Panics
    ///
    /// As [`Self::start`].
    pub fn start_with(
        machine: &Machine,
        wish: Wish<'_>,
        seconds: f64,
        options: &[&str],
        change: impl FnOnce(&mut Command),
    ) -> Pedalboard {
        let python = need::find_pedalboard().expect("the test said that it needs pedalboard");
        let recording = machine.path("returned.wav");
        let mut command = host(machine, python, wish);
        command
            .arg(script("pedalboard_host.py"))
            .args([&need::own_vst3(), &recording])
            .args(["--seconds", &seconds.to_string()])
            .args(options);
        change(&mut command);
        Pedalboard {
            running: Running::start(machine, "pedalboard", &mut command),
            recording,
        }
    }

    /// Waits until all is played; gives what came out, by channel, and how the calls went.
    ///
    /// # Panics
    ///
    /// If the host fails, or is not done `limit` after this call.
    pub fn returned(&mut self, limit: Duration) -> (Vec<Vec<f32>>, Calls) {
        let code = self.running.wait_exit_code(limit);
        assert_eq!(code, 0, "{}", self.running.output());
        let output = self.running.stdout();
        let last = output.lines().last().unwrap_or_default();
        let calls = serde_json::from_str(last).unwrap_or_else(|error| panic!("{error} in {last}"));
        (read_wav(&self.recording), calls)
    }
}

/// Runs `dawdreamer_host.py` to its end, with these options; gives its report.
///
/// # Panics
///
/// If there is no such Python or no bundle, or the host fails.
pub fn dawdreamer(machine: &Machine, wish: Wish<'_>, options: &[&str]) -> serde_json::Value {
    let python = need::find_python_with("dawdreamer").expect("the test said that it needs it");
    let mut command = host(machine, python, wish);
    command
        .arg(script("dawdreamer_host.py"))
        .arg(need::own_vst3())
        .args(options);
    let limit = Duration::from_secs(90);
    let output = program::run_to_end(machine, "dawdreamer", &mut command, limit);
    let last = output.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|error| panic!("{error} in {last}"))
}

/// A headless Ardour with the session of `ardour.lua`, on a JACK server of its own. Killed when dropped.
///
/// JACK, because Ardour's own dummy engine sleeps a nominal period after each one: it is a percent slow.
#[derive(Debug)]
pub struct Ardour {
    /// The program.
    pub running: Running,
    folder: PathBuf,
    jack: JackServer,
}

/// Ardour starts twice, to make the session and to load it, and its scanner looks at the plugin.
const ARDOUR_START: Duration = Duration::from_secs(40);

/// Ardour's threads share one connection to JACK without a lock: now and then their words mix, and JACK hangs up.
const ARDOUR_STARTS: usize = 8;

/// Frames of a cycle of Ardour's.
pub const ARDOUR_BLOCK: u32 = 256;

/// What Ardour does beside playing a take through the plugin.
#[derive(Debug, Clone)]
pub struct ArdourPlan {
    /// Frames of a cycle.
    pub block: u32,
    /// Whether another track records what comes back.
    pub records: bool,
    /// The plugin's session, in place of the [wish](Wish)'s queue alone: as in `FARSEND_SESSION`.
    pub session: Option<serde_json::Value>,
}

impl Default for ArdourPlan {
    fn default() -> Self {
        Self {
            block: ARDOUR_BLOCK,
            records: true,
            session: None,
        }
    }
}

impl Ardour {
    /// Starts it with `take`, planar samples of 16 bits, on a track with the plugin, and waits until the session is
    /// loaded. The transport stands, but the plugin is called.
    ///
    /// # Panics
    ///
    /// If there is no Ardour, or the session cannot be made.
    pub fn start(machine: &Machine, wish: Wish<'_>, take: &[Vec<f32>]) -> Ardour {
        Self::start_with(machine, wish, take, &ArdourPlan::default())
    }

    /// The same, by a plan of its own.
    ///
    /// # Panics
    ///
    /// As [`Self::start`].
    pub fn start_with(
        machine: &Machine,
        wish: Wish<'_>,
        take: &[Vec<f32>],
        plan: &ArdourPlan,
    ) -> Ardour {
        for _ in 1..ARDOUR_STARTS {
            match Self::try_start(machine, wish, take, plan) {
                Ok(ardour) => return ardour,
                Err(said) => eprintln!("Ardour did not start, once more. It said:\n{said}"),
            }
        }
        Self::try_start(machine, wish, take, plan).unwrap_or_else(|said| panic!("{said}"))
    }

    fn try_start(
        machine: &Machine,
        wish: Wish<'_>,
        take: &[Vec<f32>],
        plan: &ArdourPlan,
    ) -> Result<Ardour, String> {
        let program = need::find_ardour().expect("the test said that it needs Ardour");
        let name = (1..)
            .map(|number| format!("ardour-{number}"))
            .find(|name| !machine.path(name).exists())
            .expect("there are enough numbers");
        let folder = machine.path(&name);
        std::fs::create_dir(&folder).expect("the test's folder is writable");
        write_wav(&folder.join("take.wav"), take);
        let clock = JackClock {
            period: plan.block,
            ..JackClock::default()
        };
        let jack = JackServer::start(machine, &name, clock);
        scan(machine, wish);
        let mut command = host(machine, program, wish);
        command.arg(script("ardour.lua")).arg(&folder);
        if !plan.records {
            command.arg("plays");
        }
        if let Some(session) = &plan.session {
            command.env("FARSEND_SESSION", session.to_string());
        }
        let mut running = Running::start(machine, &name, jack.used_by(&mut command));

        let started = Instant::now();
        while !running.stdout().lines().any(|line| line == "ready") {
            let output = running.output();
            let failed = output.contains("JACK HALTED") || !running.is_running();
            if failed || started.elapsed() > ARDOUR_START {
                return Err(output);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Ardour {
            running,
            folder,
            jack,
        })
    }

    /// Gives a parameter of the plugin's a value, before the transport starts.
    ///
    /// # Panics
    ///
    /// If there is no such parameter.
    pub fn set(&mut self, parameter: &str, value: f64) {
        // It is to be there with its line at once.
        let draft = self.folder.join("set.draft");
        std::fs::write(&draft, format!("{parameter}={value}\n"))
            .expect("the test's folder is writable");
        std::fs::rename(draft, self.folder.join("set")).expect("the test's folder is writable");
        let done = format!("set {parameter}\n");
        self.running.wait_for(&done, Duration::from_secs(10));
    }

    /// Cycles that its JACK server has missed so far.
    pub fn xruns(&self) -> usize {
        let said = self.jack.running.output();
        said.lines().filter(|line| line.contains("XRun")).count()
    }

    /// Starts the transport at the session's start, with the second track recording, and waits until it moves.
    ///
    /// # Panics
    ///
    /// If it does not.
    pub fn roll(&mut self) {
        self.order("roll");
        self.wait_position(1, Duration::from_secs(10));
    }

    /// Waits until the transport is at or beyond `frame`.
    ///
    /// # Panics
    ///
    /// If it does not come there within `limit`.
    pub fn wait_position(&mut self, frame: usize, limit: Duration) {
        self.running
            .wait_until(&format!("come to frame {frame}"), limit, |output| {
                position(output) >= Some(frame)
            });
    }

    /// Where the transport was seen last, within some hundredths of a second.
    pub fn position(&self) -> usize {
        position(&self.running.stdout()).unwrap_or(0)
    }

    /// Stops the transport, lets Ardour save the session and end, and gives what it recorded, by channel; frame 0
    /// is the session's start.
    ///
    /// # Panics
    ///
    /// If Ardour does not end, or there are not two files of a recording.
    pub fn recording(mut self) -> Vec<Vec<f32>> {
        self.order("stop");
        self.running.wait_for("saved", Duration::from_secs(20));
        self.running.wait_exit(Duration::from_secs(20));
        let files = self.folder.join("farsend/interchange/farsend/audiofiles");
        ["L", "R"]
            .into_iter()
            .flat_map(|side| read_wav(&files.join(format!("Take1_Back-1%{side}.wav"))))
            .collect()
    }

    /// Stops the transport of one that does not record; what the plugin has begun goes on.
    pub fn stop(&self) {
        self.order("stop");
    }

    /// Lets one that was [stopped](Self::stop) export what the plugin gives, six seconds from the session's start, by channel. In 16 bits,
    /// with noise of some of their steps.
    ///
    /// # Panics
    ///
    /// If it does not.
    pub fn export(&mut self) -> Vec<Vec<f32>> {
        self.order("export");
        self.running.wait_for("exported", Duration::from_secs(40));
        let mut reader =
            hound::WavReader::open(self.folder.join("export.wav")).expect("Ardour has written it");
        let channels = usize::from(reader.spec().channels);
        let mut planar = vec![Vec::new(); channels];
        for (index, sample) in reader.samples::<i16>().enumerate() {
            let sample = sample.expect("the file is whole");
            planar[index % channels].push(f32::from(sample) / 32_768.0);
        }
        planar
    }

    /// Lets one that was [stopped](Self::stop) save the session and end.
    ///
    /// # Panics
    ///
    /// If it does not.
    pub fn close(mut self) {
        self.order("quit");
        self.running.wait_for("saved", Duration::from_secs(20));
        self.running.wait_exit(Duration::from_secs(20));
    }

    fn order(&self, name: &str) {
        std::fs::write(self.folder.join(name), []).expect("the test's folder is writable");
    }
}

fn position(output: &str) -> Option<usize> {
    let newest = output
        .lines()
        .filter_map(|line| line.strip_prefix("at "))
        .next_back();
    newest?.parse().ok()
}

/// Lets Ardour's scanner look at the plugin, in a process of its own as always; without it, the Lua shell knows none.
///
/// # Panics
///
/// If it finds no plugin.
pub(super) fn scan(machine: &Machine, wish: Wish<'_>) {
    let mut command = ardours_scanner(machine, wish);
    let said = program::run_to_end(machine, "scanner", &mut command, Duration::from_secs(20));
    assert!(said.contains("Found Plugin: Farsend"), "{said}");
}

/// Ardour's scanner, to be started: it looks at the VST3 anew, says what it finds, and ends.
///
/// # Panics
///
/// If there is no Ardour.
pub fn ardours_scanner(machine: &Machine, wish: Wish<'_>) -> Command {
    let folder = ["/usr/lib/ardour9", "/usr/lib/ardour8", "/usr/lib/ardour7"]
        .map(Path::new)
        .into_iter()
        .find(|folder| folder.is_dir())
        .expect("Ardour is installed");
    let mut command = host(machine, folder.join("ardour-vst3-scanner"), wish);
    command
        .env("LD_LIBRARY_PATH", folder)
        .arg("-f")
        .arg(machine.path("home/.vst3/Farsend.vst3"));
    command
}

/// Asserts that the last `frames` of what `perform` returns are the ramp to the sample, as [`delay_of_end`] has it, at most so late, in
/// one of some attempts. Where the machine stops [often](CALM) in all of them most has to be there, in one.
///
/// # Panics
///
/// If it is not so.
pub fn assert_to_the_sample(
    attempts: usize,
    frames: usize,
    longest_delay: u32,
    mut perform: impl FnMut() -> Vec<Vec<f32>>,
) {
    let (mut calm, mut heard) = (false, false);
    let exact = (0..attempts).any(|_| {
        let stops = Stops::watch();
        let returned = perform();
        let stops = stops.number();
        let share = share_of_ramp(&returned, frames);
        let delay = delay_of_end(&returned, frames);
        println!("the machine stopped {stops} times, {share:.2} are there: {delay:?}");
        calm |= stops <= CALM;
        heard |= share > MOST;
        delay.is_ok_and(|frames| frames <= longest_delay)
    });
    assert!(exact || heard && !calm, "not once, see above");
}

/// The delay, in frames, in the last `frames` of a recording that began with frame 0 of the ramp.
///
/// The longest stretch there that is the ramp to the sample, after 16 bits there and back, is an eighth of them at least, and the
/// same on all channels. A machine that hesitates makes holes, and for a while after them nothing is exact; most is the ramp all
/// the same.
///
/// # Errors
///
/// What is wrong.
fn delay_of_end(recording: &[Vec<f32>], frames: usize) -> Result<u32, String> {
    let mut delays = Vec::new();
    for (channel, samples) in (0..).zip(recording) {
        let from = samples.len().saturating_sub(frames);
        let end = &samples[from..];
        let heard = listen(end, channel, Depth::Bits16, 2);
        let exact = heard.longest_exact(end.len());
        if exact.len() < frames / 8 {
            return Err(format!("channel {channel}, from frame {from}: {heard:?}"));
        }
        delays.extend(heard.delay_at(exact.start, from as u32));
    }
    let share = share_of_ramp(recording, frames);
    match delays[..] {
        _ if share < MOST => Err(format!("only {share:.2} are the ramp")),
        [left, right] if left == right => Ok(left),
        _ => Err(format!("delays of {delays:?}")),
    }
}

/// How much has to be heard at all.
const MOST: f64 = 0.6;

/// Stops in an attempt of some seconds after which there is still time to be exact.
const CALM: usize = 4;

/// How much of the last `frames` of a recording rises as the ramp does, played a little faster or slower perhaps; 0 to 1, of the
/// channel that has least of it. Silence, holes and what is repeated do not.
pub fn share_of_ramp(recording: &[Vec<f32>], frames: usize) -> f64 {
    let share_of = |samples: &Vec<f32>| {
        let end = &samples[samples.len().saturating_sub(frames)..];
        rising(end) as f64 / frames as f64
    };
    recording.iter().map(share_of).fold(1.0, f64::min)
}

/// How often the ramp rises in there.
fn rising(samples: &[f32]) -> usize {
    let rises = |pair: &&[f32]| {
        let step = f64::from(pair[1] - pair[0]) * 32_768.0;
        (step - 37.0).abs() < 4.0
    };
    samples.windows(2).filter(rises).count()
}

/// The longest time without the ramp, on any channel, after it was heard first; in frames, to a hundredth of a second.
pub fn longest_gap(recording: &[Vec<f32>]) -> usize {
    const BLOCK: usize = 480;
    let gap = |samples: &Vec<f32>| {
        let blocks = samples.chunks(BLOCK);
        let heard: Vec<bool> = blocks
            .map(|block| rising(block) > block.len() / 2)
            .skip_while(|heard| !heard)
            .collect();
        let silent = heard.split(|heard| *heard).map(<[bool]>::len);
        BLOCK * silent.max().unwrap_or(0)
    };
    recording.iter().map(gap).max().unwrap_or(0)
}

/// The engines that plugins have started on this machine and that run now: those of the bundle.
pub fn engines() -> Vec<Pid> {
    let mut engines = engines::all();
    engines.retain(|engine| engines::program(*engine).ends_with("farsend-engine"));
    engines
}

/// Kills the one engine that there is, with SIGKILL; gives its process id.
///
/// # Panics
///
/// If there is none, or more than one.
pub fn kill_engine() -> Pid {
    engines::kill_the_one(&engines())
}

pub(super) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("hosts")
        .join(name)
}

/// A WAV file of floats, planar.
///
/// # Panics
///
/// If it is none.
fn read_wav(path: &Path) -> Vec<Vec<f32>> {
    let mut reader =
        hound::WavReader::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let channels = usize::from(reader.spec().channels);
    let mut planar = vec![Vec::new(); channels];
    for (index, sample) in reader.samples::<f32>().enumerate() {
        planar[index % channels].push(sample.expect("the host has completed its file"));
    }
    planar
}

/// A WAV file of 16 bits from planar samples that have no more.
fn write_wav(path: &Path, planar: &[Vec<f32>]) {
    let spec = hound::WavSpec {
        channels: planar.len() as u16,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).expect("the test's folder is writable");
    for frame in 0..planar[0].len() {
        for channel in planar {
            let sample = (channel[frame] * 32_768.0) as i16;
            writer.write_sample(sample).expect("the disk has room");
        }
    }
    writer.finalize().expect("the disk has room");
}
