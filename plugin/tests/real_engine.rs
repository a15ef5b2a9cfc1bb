//! The plugin's parts with the engine that it ships with, and a peer that plays back what it gets.
//!
//! Needs the program in the folder in which this test was built: `cargo build -p farsend`. Skips where it is not there,
//! but not in CI (the variable `CI` is set).
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use farsend_ipc::message::SessionState;
use farsend_plugin::insert::Insert;
use farsend_plugin::link::link;
use farsend_plugin::mix::Gains;
use farsend_plugin::shared::{Setup, Shared};
use farsend_plugin::situation::Situation;
use farsend_plugin::supervisor::{Environment, Supervision};
use farsend_rt::clock;
use farsend_units::{Channels, Frames, MonoTime, SampleRate};

#[test]
fn audio_returns_from_a_peer_and_again_after_the_engine_was_killed() {
    let Some(engine) = engine() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let runtime = folder.path().join("run");
    let port = 25_000 + std::process::id() % 20_000;
    let _peer = Peer::start(&engine, port);
    let mut track = Track::new(Environment {
        engine: Some(engine),
        connect: Some(format!("127.0.0.1:{port}")),
        runtime: Some(runtime.clone()),
        ..Environment::default()
    });
    track.play_until(
        "the far end is heard",
        Duration::from_secs(10),
        |heard, _| heard > 0.2,
    );
    track.play_until(
        "the numbers are there",
        Duration::from_secs(2),
        |_, shared| {
            let view = shared.view();
            matches!(
                view.situation,
                Situation::Session(SessionState::Connected { .. })
            ) && view
                .statistics
                .is_some_and(|numbers| numbers.received > 100)
        },
    );

    let pid = std::fs::read_to_string(runtime.join("engine.lock")).unwrap();
    assert!(
        Command::new("kill")
            .args(["-9", pid.trim()])
            .status()
            .unwrap()
            .success()
    );
    track.play_until("it is silent", Duration::from_secs(1), |heard, _| {
        heard == 0.0
    });
    track.play_until("the far end is back", Duration::from_secs(2), |heard, _| {
        heard > 0.2
    });
    drop(track);
    let pid = std::fs::read_to_string(runtime.join("engine.lock")).unwrap();
    let _ = Command::new("kill").arg(pid.trim()).status();
}

#[test]
fn a_project_that_changes_its_rate_hears_all_tracks_of_a_session_again_at_once() {
    let Some(engine) = engine() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let runtime = folder.path().join("run");
    let port = 25_000 + (std::process::id() + 1) % 20_000;
    let _peer = Peer::start(&engine, port);
    let environment = Environment {
        engine: Some(engine),
        connect: Some(format!("127.0.0.1:{port}")),
        runtime: Some(runtime.clone()),
        ..Environment::default()
    };
    let mut tracks: Vec<Track> = (0..3).map(|_| Track::new(environment.clone())).collect();
    let mut play_all = |what: &str, limit: Duration, rate: SampleRate| {
        let start = Instant::now();
        tracks.iter_mut().for_each(|track| track.change_rate(rate));
        // What is heard before the change is asked for is none of this.
        let settled = start + Duration::from_millis(800);
        loop {
            let heard: Vec<f32> = tracks.iter_mut().map(Track::block).collect();
            for track in &tracks {
                let situation = track.shared.view().situation;
                let blamed = matches!(situation, Situation::Refused { .. });
                assert!(!blamed, "{what}: {situation:?}");
            }
            if Instant::now() > settled && heard.iter().all(|heard| *heard > 0.2) {
                return;
            }
            assert!(start.elapsed() < limit, "in vain: {what}; {heard:?}");
        }
    };
    let rates = [SampleRate::HZ_48000, SampleRate(44_100)];
    play_all("all are heard", Duration::from_secs(10), rates[0]);
    play_all("all are back", Duration::from_secs(2), rates[1]);
    drop(tracks);
    let pid = std::fs::read_to_string(runtime.join("engine.lock")).unwrap();
    let _ = Command::new("kill").arg(pid.trim()).status();
}

/// The program as it was built along with this test; says so where it was not.
///
/// # Panics
///
/// In CI, if it is not there.
fn engine() -> Option<PathBuf> {
    let test = std::env::current_exe().unwrap();
    // Above `deps`.
    let folder = test.ancestors().nth(2).unwrap();
    let engine = folder.join(format!("farsend{}", std::env::consts::EXE_SUFFIX));
    if engine.is_file() {
        return Some(engine);
    }
    let missing = engine.display();
    assert!(
        std::env::var_os("CI").is_none(),
        "in CI nothing is skipped; missing: {missing}"
    );
    eprintln!("skipped: {missing} is missing: run `cargo build -p farsend`");
    None
}

/// A server that plays back what it gets.
struct Peer(Child);

impl Peer {
    fn start(program: &PathBuf, port: u32) -> Self {
        let mut command = Command::new(program);
        command.args([
            "server",
            "--backend",
            "timer",
            "--loopback",
            "--port",
            &port.to_string(),
        ]);
        Self(
            command
                .stdout(Stdio::null())
                .stdin(Stdio::null())
                .spawn()
                .unwrap(),
        )
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An instance that is called in real time, with a tone.
struct Track {
    shared: Arc<Shared>,
    insert: Insert,
    next: MonoTime,
    rate: SampleRate,
    frame: u32,
    _supervision: Supervision,
}

impl Track {
    fn new(environment: Environment) -> Self {
        let (sender, link) = link();
        let shared = Shared::new();
        let mut insert = Insert::new(link);
        insert.prepare(2, FRAMES, 48_000.0);
        let block = Frames(FRAMES as u32);
        let setup = Setup {
            channels: Channels(2),
            rate: SampleRate::HZ_48000,
            block,
        };
        shared.set_setup(setup);
        let mut session = shared.params.session.get();
        session.share = "Band".into();
        shared.params.session.set(session);
        let supervision = Supervision::start(Arc::clone(&shared), sender, environment);
        Self {
            shared,
            insert,
            next: clock::now(),
            rate: setup.rate,
            frame: 0,
            _supervision: supervision,
        }
    }

    /// The project has another rate from now on.
    fn change_rate(&mut self, rate: SampleRate) {
        let before = self.shared.setup().unwrap();
        self.shared.set_setup(Setup { rate, ..before });
        self.insert.prepare(2, FRAMES, f64::from(rate.0) as f32);
        self.rate = rate;
    }

    fn play_until(
        &mut self,
        what: &str,
        limit: Duration,
        condition: impl Fn(f32, &Shared) -> bool,
    ) {
        let start = Instant::now();
        loop {
            let heard = self.block();
            if condition(heard, &self.shared) {
                eprintln!("{what}: after {:?}", start.elapsed());
                return;
            }
            assert!(
                start.elapsed() < limit,
                "in vain: {what}; {:?}",
                self.shared.view()
            );
        }
    }

    /// The largest sample of what comes back.
    fn block(&mut self) -> f32 {
        self.next = self.next + Frames(FRAMES as u32).duration(self.rate);
        clock::sleep_until(self.next);
        let mut left = [0.0; FRAMES];
        for sample in &mut left {
            *sample = 0.25 * (self.frame as f32 * 0.05).sin();
            self.frame = (self.frame + 1) % 100_000;
        }
        let mut right = left;
        self.shared.note_block();
        let gains = Gains {
            dry: 0.0,
            send: 1.0,
            returned: 1.0,
        };
        self.insert.process(gains, &mut [&mut left, &mut right]);
        left.iter().fold(0.0, |peak, sample| peak.max(sample.abs()))
    }
}

const FRAMES: usize = 128;
