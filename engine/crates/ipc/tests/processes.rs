//! Plugin and engine as two real processes that share a segment, and what one has of the other's death.
//!
//! The other process is this test program once more, told by a variable which part to play.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use farsend_ipc::connection::{
    ClientConnection, ConnectError, ConnectionError, Server, ServerConnection, connect,
};
use farsend_ipc::message::{
    FromEngine, HubUser, HubWish, Listening, Role, ToEngine, WantedSession,
};
use farsend_ipc::runtime::RuntimeDir;
use farsend_ipc::segment::{EngineEnd, Exchanged, PluginEnd, Watch};
use farsend_rt::clock;
use farsend_units::{Channels, Frames, SampleRate};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use support::{Block, FADE, config, loop_back};

// What fades in at the start is silence.
const _: () = assert!(FADE < LEAD);

const SOON: Duration = Duration::from_secs(20);
const CHANNELS: usize = 3;

#[test]
fn audio_between_two_processes_arrives_in_order_and_exact() {
    let kept = tempfile::tempdir().unwrap();
    let directory = RuntimeDir::at(kept.path().join("run")).unwrap();
    let mut engine = Other::start("engine", &directory);
    let mut plugin = Plugin::join(&directory);

    let (mut first, mut heard) = (0, vec![Vec::new(); CHANNELS]);
    for turn in 0..3000 {
        let size = 1 + (turn * 7919) % 500;
        let mut out = Block::silent(CHANNELS, size);
        let input = Block::ramp(CHANNELS, first, size);
        let exchanged = plugin
            .end
            .exchange(&input.channels(), &mut out.channels_mut());
        assert_eq!(exchanged == Exchanged::Fresh, turn > 0, "turn {turn}");
        first += size;
        if turn > 0 {
            heard
                .iter_mut()
                .zip(out.0)
                .for_each(|(heard, out)| heard.extend(out));
        }
        // The engine beats when it has returned the block: so this runs as fast as the two can.
        plugin.wait_for_beat(turn as u64 + 1);
        if first > 900_000 {
            break;
        }
    }
    let played = heard[0].len() - LEAD;
    let expected = Block::ramp(CHANNELS, 0, played);
    for (heard, expected) in heard.iter().zip(expected.0) {
        assert!(heard[..LEAD].iter().all(|sample| *sample == 0.0));
        assert_eq!(heard[LEAD..], expected);
    }
    let counts = plugin.end.counts();
    assert_eq!(
        (counts.dry, counts.partial, counts.jumped, counts.refused),
        (1, 0, 0, 0)
    );
    engine.kill();
}

#[test]
fn a_plugin_whose_engine_is_killed_has_silence_and_is_back_with_the_next() {
    let kept = tempfile::tempdir().unwrap();
    let directory = RuntimeDir::at(kept.path().join("run")).unwrap();
    for _ in 0..3 {
        let mut engine = Other::start("engine", &directory);
        let mut plugin = Plugin::join(&directory);
        let mut out = Block::silent(CHANNELS, 64);
        let input = Block::ramp(CHANNELS, 0, 64);
        for turn in 0..200 {
            let _ = plugin
                .end
                .exchange(&input.channels(), &mut out.channels_mut());
            plugin.wait_for_beat(turn + 1);
        }
        thread::scope(|scope| {
            // Killed while blocks go on as before: none takes longer, none fails.
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(20));
                engine.kill();
            });
            for _ in 0..200 {
                let _ = plugin
                    .end
                    .exchange(&input.channels(), &mut out.channels_mut());
                thread::sleep(Duration::from_micros(300));
            }
        });
        for _ in 0..LEAD / 64 + 2 {
            let _ = plugin
                .end
                .exchange(&input.channels(), &mut out.channels_mut());
        }
        let exchanged = plugin
            .end
            .exchange(&input.channels(), &mut out.channels_mut());
        assert_eq!(exchanged, Exchanged::Dry);
        assert!(out.samples().all(|sample| sample == 0.0));
        loop {
            match plugin.connection.receive(SOON) {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the engine's end was not noticed"),
                Err(error) => break assert!(matches!(error, ConnectionError::Closed)),
            }
        }
        let error = connect(&directory.socket(), "0.1.0", SOON).unwrap_err();
        assert!(matches!(error, ConnectError::NoEngine { .. }), "{error}");
    }
}

#[test]
fn an_engine_whose_plugin_is_killed_goes_on_with_the_others() {
    let kept = tempfile::tempdir().unwrap();
    let directory = RuntimeDir::at(kept.path().join("run")).unwrap();
    let server = Server::bind(&directory).unwrap();
    let mut survivor = Other::start("plugin", &directory);
    let mut stays = Guest::welcome(&server);
    for _ in 0..3 {
        let mut other = Other::start("plugin", &directory);
        let mut leaves = Guest::welcome(&server);
        assert!(leaves.serve(Duration::from_millis(100)) > 10);
        other.kill();
        // It may have written while it was killed: anything but trouble is right.
        leaves.serve(Duration::from_millis(50));
        assert_eq!(leaves.serve(Duration::from_millis(50)), 0);
        assert!(matches!(
            leaves.connection.receive(SOON),
            Err(ConnectionError::Closed)
        ));
        assert!(stays.serve(Duration::from_millis(100)) > 10);
    }
    survivor.kill();
}

#[test]
fn a_stopped_engine_stops_neither_blocks_nor_the_plugins_control_thread() {
    let kept = tempfile::tempdir().unwrap();
    let directory = RuntimeDir::at(kept.path().join("run")).unwrap();
    let mut engine = Other::start("engine", &directory);
    let mut plugin = Plugin::join(&directory);
    let mut out = Block::silent(CHANNELS, 64);
    let _ = plugin.end.exchange(&[], &mut out.channels_mut());
    plugin.wait_for_beat(1);
    engine.stop();

    let start = Instant::now();
    for _ in 0..20_000 {
        let _ = plugin.end.exchange(&[], &mut out.channels_mut());
    }
    assert!(start.elapsed() < SOON);
    assert!(plugin.watch.engine_silence(clock::now()).unwrap() >= start.elapsed());
    let patience = Duration::from_millis(50);
    let error = connect(&directory.socket(), "0.1.0", patience).unwrap_err();
    assert!(
        matches!(error, ConnectError::Connection(ConnectionError::TimedOut)),
        "{error:?}"
    );

    // It goes on where it would be, not where it was.
    let beats = plugin.watch.engine_beats();
    engine.signal(Signal::SIGCONT);
    let _ = plugin.end.exchange(&[], &mut out.channels_mut());
    plugin.wait_for_beat(beats + 1);
    assert_eq!(
        plugin.end.exchange(&[], &mut out.channels_mut()),
        Exchanged::Fresh
    );
    assert!(plugin.end.counts().jumped > 0);
    engine.kill();
}

/// Silence that the engine of these tests puts before its return, so that a block longer than the one
/// before it finds enough.
const LEAD: usize = 1024;

/// The plugin's side of a meeting.
struct Plugin {
    connection: ClientConnection,
    end: PluginEnd,
    watch: Watch,
}

impl Plugin {
    /// As soon as there is an engine.
    fn join(directory: &RuntimeDir) -> Self {
        let start = Instant::now();
        let mut connection = loop {
            match connect(&directory.socket(), "0.1.0", SOON) {
                Ok(connection) => break connection,
                Err(error) => assert!(start.elapsed() < SOON, "{error}"),
            }
            thread::sleep(Duration::from_millis(5));
        };
        connection
            .send(&ToEngine::Open(Box::new(wanted())), SOON)
            .unwrap();
        let opened = connection.receive(SOON).unwrap();
        assert!(
            matches!(opened, Some(FromEngine::Opened { .. })),
            "{opened:?}"
        );
        let end = PluginEnd::open(connection.take_segment().unwrap()).unwrap();
        let watch = end.watch();
        Self {
            connection,
            end,
            watch,
        }
    }

    fn wait_for_beat(&self, beat: u64) {
        let start = Instant::now();
        while self.watch.engine_beats() < beat {
            assert!(start.elapsed() < SOON, "the engine stands still");
            thread::yield_now();
        }
    }
}

/// The engine's side of a meeting.
struct Guest {
    connection: ServerConnection,
    end: EngineEnd,
    calls: u64,
}

impl Guest {
    fn welcome(server: &Server) -> Self {
        let pending = server.accept(SOON).unwrap().expect("a plugin");
        let mut connection = pending.greet("0.1.0", SOON).unwrap();
        let Some(ToEngine::Open(wanted)) = connection.receive(SOON).unwrap() else {
            panic!("a plugin that wants nothing")
        };
        let (end, handle) = EngineEnd::create(config(wanted.send.0, 1 << 13)).unwrap();
        connection
            .send_segment(end.generation(), &handle, SOON)
            .unwrap();
        Self {
            connection,
            end,
            calls: 0,
        }
    }

    /// Returns what comes for as long. Tells how many blocks that were.
    fn serve(&mut self, time: Duration) -> u64 {
        let (end, before) = (clock::now() + time, self.calls);
        while clock::now() < end {
            self.turn(10);
        }
        self.calls - before
    }

    /// Waits for the plugin's call, but not long, and returns what it sent.
    fn turn(&mut self, patience_ms: u8) {
        let mut polled = [PollFd::new(self.end.as_fd(), PollFlags::POLLIN)];
        if poll(&mut polled, PollTimeout::from(patience_ms)).unwrap() == 0 {
            return;
        }
        self.end.hush();
        let calls = self.end.host_call().map_or(0, |call| call.number);
        if calls == self.calls {
            return;
        }
        if self.end.fill() <= 0 {
            let _ = self.end.release(&Block::silent(CHANNELS, LEAD).channels());
        }
        loop_back(&mut self.end, CHANNELS);
        self.calls = calls;
        self.end.beat(clock::now());
    }
}

fn wanted() -> WantedSession {
    WantedSession {
        role: Role::Server,
        host: String::new(),
        port: 4464,
        peer_port: 4464,
        send: Channels(CHANNELS as u8),
        receive: Channels(CHANNELS as u8),
        bits: 16,
        queue: 4,
        redundancy: 1,
        period: Frames(128),
        rate: SampleRate::HZ_48000,
        block: Frames(512),
        name: "test".into(),
        user: HubUser::default(),
        share: None,
        listening: Listening::Mix,
        outputs: Vec::new(),
        hub: HubWish::default(),
    }
}

/// Another process; killed at the latest when the test ends.
struct Other(Child);

impl Other {
    fn start(part: &str, directory: &RuntimeDir) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["the_other_process", "--exact", "--nocapture"]);
        command
            .env(PART, part)
            .env(DIRECTORY, directory.path())
            .stdout(Stdio::null());
        Self(command.spawn().unwrap())
    }

    fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    /// Stops it, and waits until all its threads have.
    fn stop(&self) {
        self.signal(Signal::SIGSTOP);
        let status = waitpid(self.pid(), Some(WaitPidFlag::WUNTRACED)).unwrap();
        assert_eq!(status, WaitStatus::Stopped(self.pid(), Signal::SIGSTOP));
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.0.id().try_into().unwrap())
    }

    /// Kills it, and waits until it is gone.
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const PART: &str = "FARSEND_TEST_PART";
const DIRECTORY: &str = "FARSEND_TEST_DIRECTORY";

/// Not a test, but what the other process runs: until it is killed, or a minute has passed.
#[test]
fn the_other_process() {
    let Some(part) = std::env::var_os(PART) else {
        return;
    };
    let directory = std::env::var_os(DIRECTORY).unwrap();
    let directory = RuntimeDir::at(Path::new(&directory)).unwrap();
    let end = Instant::now() + Duration::from_secs(60);
    if part == "engine" {
        let server = Server::bind(&directory).unwrap();
        let mut guest = Guest::welcome(&server);
        while Instant::now() < end {
            guest.turn(100);
        }
    } else {
        let mut plugin = Plugin::join(&directory);
        let (mut first, mut out) = (0, Block::silent(CHANNELS, 64));
        while Instant::now() < end {
            let input = Block::ramp(CHANNELS, first % 900_000, 64);
            let _ = plugin
                .end
                .exchange(&input.channels(), &mut out.channels_mut());
            first += 64;
            thread::sleep(Duration::from_millis(1));
        }
    }
}
