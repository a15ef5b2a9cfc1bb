//! Engines that end while a take is laid along the timeline, on a disk that takes its time for that: they complete it first, whether their host has gone or
//! somebody ends them, unless they are told twice. Takes some seconds each: longer than the end of a session waits for its takes.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use farsend_ipc::message::{SessionState, TakeWishes};
use farsend_ipc::take_file::TakeHead;
use farsend_tests::lab::farsend::{Farsend, command};
use farsend_tests::lab::instance::{BLOCK, Host, Instance, RATE, call, engine_by};
use farsend_tests::lab::takes::head;
use farsend_tests::lab::{Machine, Need, Running, on_a_private_machine, preload, wait_until};
use farsend_units::SampleRate;
use nix::sys::signal::Signal;

const PORT: u16 = 4464;
/// Where the host's timeline is when it begins to roll, and for how long it does.
const FROM: i64 = 44_100;
const ROLLED: i64 = 3 * 22_050;
const VOICE: [f32; 2] = [0.25; 2];
/// Takes of another rate than the host's are written anew all along.
const THEIR_RATE: SampleRate = SampleRate(32_000);
/// No session waits as long for its takes at its end.
const LONG: Duration = Duration::from_millis(1700);

/// An engine that lays a take along the timeline.
struct AtWork {
    engine: Running,
    host: Host,
    folder: PathBuf,
    _far: Farsend,
}

impl AtWork {
    /// As soon as it has begun with that. `options` are the engine's.
    fn new(machine: &Machine, options: &[&str]) -> Self {
        let mut command = command(&[&["engine"], options].concat());
        let engine = engine_by(
            machine,
            command.env("LD_PRELOAD", preload::bad_disk(machine)),
        );
        let rate = THEIR_RATE.0.to_string();
        let far = ["-n", "2", "-q", "8", "--rate", &rate, "--period", "256"];
        let far = Farsend::start_looping(machine, &far);
        let mut host = Host::default();
        host.instances
            .push(Instance::new(&call(PORT, Some("Band")), &VOICE));
        host.instances[0].want_takes(&TakeWishes {
            record: true,
            folder: machine.folder().to_string_lossy().into_owned(),
        });
        host.play_until("the far end is heard", |all| {
            let connected = matches!(all[0].state, Some(SessionState::Connected { .. }));
            connected && all[0].hears(&VOICE)
        });
        host.instances[0].rolls_at = Some(FROM);
        host.play_until("it rolls for some seconds", |all| {
            all[0].rolls_at.is_some_and(|at| at - FROM >= ROLLED)
        });
        host.instances[0].rolls_at = None;
        let folder = machine.path("Band");
        host.play_until("the take is laid along the timeline", |_| {
            !files(&folder, "part").is_empty()
        });
        Self {
            engine,
            folder,
            host,
            _far: far,
        }
    }

    /// What the far end played, and what was sent.
    fn takes(&self) -> [(PathBuf, TakeHead); 2] {
        let takes = files(&self.folder, "wav").into_iter();
        let mut takes: Vec<_> = takes
            .map(|path| {
                let head = head(&path);
                let head = head.unwrap_or_else(|| panic!("{} is no take", path.display()));
                (path, head)
            })
            .collect();
        takes.sort_by_key(|(_, head)| head.is_send);
        takes.try_into().expect("there are two files")
    }

    /// The take is where it belongs, whole, and as long as what was sent.
    fn is_complete(&self) {
        assert!(files(&self.folder, "part").is_empty());
        let [(path, theirs), (_, send)] = self.takes();
        assert_eq!((theirs.rate, theirs.begins), (RATE, FROM as u64));
        assert_eq!((send.begins, send.frames), (theirs.begins, theirs.frames));
        let frames = theirs.frames.abs_diff(ROLLED as u64);
        assert!(frames <= BLOCK as u64, "{theirs:?}");
        // What is told at the beginning of the file is what there is of it.
        let bytes = std::fs::read(&path).expect("it can be read");
        let told = u32::from_le_bytes(bytes[4..8].try_into().expect("these are four"));
        assert_eq!(u64::from(told) + 8, bytes.len() as u64);
        let audio = theirs.frames * u64::from(theirs.channels) * theirs.samples.bytes() as u64;
        assert_eq!(bytes.len() as u64, theirs.audio + audio);
        let mut reader = hound::WavReader::open(&path).expect("it is a WAV file");
        let samples = reader.samples::<i32>();
        let samples: Vec<f32> = samples
            .map(|sample| sample.expect("it is whole") as f32 / 8_388_608.0)
            .collect();
        let near = |sample: &&f32| (**sample - VOICE[0]).abs() < 0.01;
        // The last of it was written last.
        let last = &samples[samples.len() * 9 / 10..];
        assert!(last.iter().filter(near).count() * 10 > last.len() * 9);
    }
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    paths
        .filter(|path| path.extension().is_some_and(|it| it == ending))
        .collect()
}

#[test]
fn an_engine_that_is_told_to_end_lays_a_take_along_the_timeline_first() {
    on_a_private_machine(&[Need::Compiler], |machine| {
        let mut at_work = AtWork::new(machine, &[]);
        let told = Instant::now();
        at_work.engine.signal(Signal::SIGTERM);
        assert_eq!(at_work.engine.wait_exit_code(Duration::from_secs(60)), 0);
        assert!(told.elapsed() > LONG, "the disk was too fast");
        at_work.is_complete();
    });
}

#[test]
fn an_engine_whose_host_closes_lays_a_take_along_the_timeline_first() {
    on_a_private_machine(&[Need::Compiler], |machine| {
        let mut at_work = AtWork::new(machine, &["--grace", "0.1"]);
        let closed = Instant::now();
        at_work.host.instances.clear();
        assert_eq!(at_work.engine.wait_exit_code(Duration::from_secs(60)), 0);
        assert!(closed.elapsed() > LONG, "the disk was too fast");
        at_work.is_complete();
    });
}

#[test]
fn an_engine_that_is_told_twice_ends_at_once_and_the_take_is_there_as_it_came() {
    on_a_private_machine(&[Need::Compiler], |machine| {
        let mut at_work = AtWork::new(machine, &[]);
        at_work.engine.signal(Signal::SIGTERM);
        wait_until("it waits for its takes", Duration::from_secs(10), || {
            at_work.engine.output().contains("takes are still written")
        });
        assert!(!files(&at_work.folder, "part").is_empty());
        let told = Instant::now();
        at_work.engine.signal(Signal::SIGTERM);
        let _ = at_work.engine.wait_exit(Duration::from_secs(10));
        assert!(told.elapsed() < Duration::from_secs(1));
        assert!(!files(&at_work.folder, "part").is_empty());
        let [(path, theirs), _] = at_work.takes();
        assert_eq!(theirs.rate, THEIR_RATE);
        let reader = hound::WavReader::open(path).expect("it is a WAV file");
        let seconds = f64::from(reader.duration()) / f64::from(THEIR_RATE.0);
        let rolled = ROLLED as f64 / f64::from(RATE.0);
        assert!((seconds - rolled).abs() < 0.5, "{seconds}");
    });
}
