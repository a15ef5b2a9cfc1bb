//! How the engine is started: a script stands in for it, and writes down how it was called.
//!
//! All instances of a process share what is known of the engine, so the tests take turns.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use farsend_ipc::runtime::RuntimeDir;
use farsend_plugin::link::link;
use farsend_plugin::shared::{Setup, Shared};
use farsend_plugin::situation::Situation;
use farsend_plugin::state::Session;
use farsend_plugin::supervisor::{Environment, Supervision};
use farsend_units::{Channels, Frames, SampleRate};
use parking_lot::{Mutex, MutexGuard};

#[test]
fn an_engine_is_started_once_for_all_instances_and_outlives_them() {
    let place = Place::new("sleep 20");
    let instances: Vec<_> = (0..4).map(|_| place.instance(true)).collect();
    place.wait_until("it is started", || place.starts().len() == 1);
    std::thread::sleep(Duration::from_millis(300));
    let starts = place.starts();
    assert_eq!(starts.len(), 1, "{starts:?}");
    assert!(starts[0].contains(": engine --grace 10"), "{starts:?}");
    assert!(
        starts[0].contains(&format!("in {}", place.directory.path().display())),
        "{starts:?}"
    );
    assert_eq!(instances[0].0.view().situation, Situation::Starting);

    drop(instances);
    let process = starts[0].split(':').next().unwrap();
    assert!(is_running(process), "it went with its plugins");
    place.end(process);
}

#[test]
fn an_engine_that_ends_is_started_again_and_again_but_not_in_a_rush() {
    let place = Place::new("echo 'farsend: no luck today' >&2; exit 7");
    let (shared, _supervision) = place.instance(true);
    let start = Instant::now();
    place.wait_until("it is said", || {
        matches!(&shared.view().situation, Situation::DoesNotStart { why }
            if why.contains("exit code 7") && why.contains("no luck today"))
    });
    place.wait_until("it is started five times", || place.starts().len() >= 5);
    assert!(
        start.elapsed() > Duration::from_secs(1),
        "took {:?}",
        start.elapsed()
    );
    // What is mended is noticed within two seconds.
    let before = place.starts().len();
    place.wait_until("it is started once more", || place.starts().len() > before);
    assert!(
        start.elapsed() < Duration::from_secs(8),
        "took {:?}",
        start.elapsed()
    );
}

#[test]
fn a_program_that_was_replaced_is_started_once_the_one_before_has_ended() {
    let place = Place::new("sleep 20");
    let (_shared, _supervision) = place.instance(true);
    place.wait_until("the old one is started", || place.starts().len() == 1);
    let old = place.starts()[0].clone();
    // As an installer does it: another file of that name.
    let new = place.folder.path().join("new");
    let log = place.folder.path().join("starts");
    let script = format!(
        "#!/bin/sh\necho \"$$: new\" >> {}\nsleep 20\n",
        log.display()
    );
    std::fs::write(&new, script).unwrap();
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::rename(&new, &place.engine).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(place.starts().len(), 1, "the old one still runs");
    place.end(old.split(':').next().unwrap());
    place.wait_until("the new one is started", || {
        place.starts().iter().any(|start| start.ends_with(": new"))
    });
    let new = place.starts()[1].clone();
    place.end(new.split(':').next().unwrap());
}

#[test]
fn nothing_is_started_while_a_host_only_looks() {
    let place = Place::new("exit 0");
    let instance = place.instance(false);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(place.starts(), [""; 0]);
    drop(instance);
}

#[test]
fn where_an_engine_was_looked_for_is_said() {
    let place = Place::new("exit 0");
    let missing = place.folder.path().join("missing");
    let environment = Environment {
        engine: Some(missing.clone()),
        ..place.environment()
    };
    let (shared, _supervision) = instance(environment, true);
    place.wait_until("it is said", || {
        shared.view().situation
            == Situation::NoEngine {
                looked: vec![missing.clone()],
            }
    });
}

/// A folder with an engine that is a script.
struct Place {
    directory: RuntimeDir,
    engine: PathBuf,
    folder: tempfile::TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl Place {
    fn new(script: &str) -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock();
        let folder = tempfile::tempdir().unwrap();
        let engine = folder.path().join("engine");
        let log = folder.path().join("starts");
        let record = format!(
            "echo \"$$: $* in $FARSEND_RUNTIME_DIR\" >> {}",
            log.display()
        );
        std::fs::write(&engine, format!("#!/bin/sh\n{record}\n{script}\n")).unwrap();
        std::fs::set_permissions(&engine, std::fs::Permissions::from_mode(0o755)).unwrap();
        let directory = RuntimeDir::at(folder.path().join("run")).unwrap();
        Self {
            directory,
            engine,
            folder,
            _turn: turn,
        }
    }

    fn environment(&self) -> Environment {
        Environment {
            engine: Some(self.engine.clone()),
            runtime: Some(self.directory.path().into()),
            ..Environment::default()
        }
    }

    fn instance(&self, wanted: bool) -> (Arc<Shared>, Supervision) {
        instance(self.environment(), wanted)
    }

    /// `process: arguments in directory`, of each start.
    fn starts(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.path().join("starts")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn wait_until(&self, what: &str, condition: impl Fn() -> bool) {
        let start = Instant::now();
        while !condition() {
            assert!(
                start.elapsed() < Duration::from_secs(10),
                "in vain: {what}; {:?}",
                self.starts()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn end(&self, process: &str) {
        let status = std::process::Command::new("kill")
            .arg(process)
            .status()
            .unwrap();
        assert!(status.success());
        // Noticed, and counted as no failure of the next test's engine.
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn instance(environment: Environment, wanted: bool) -> (Arc<Shared>, Supervision) {
    let (sender, _) = link();
    let shared = Shared::new();
    shared.params.session.set(Session {
        connected: true,
        host: "far.example".into(),
        ..Session::default()
    });
    let (channels, block) = (Channels(2), Frames(64));
    shared.set_setup(Setup {
        channels,
        rate: SampleRate::HZ_48000,
        block,
    });
    if wanted {
        shared.ask();
    }
    let supervision = Supervision::start(Arc::clone(&shared), sender, environment);
    (shared, supervision)
}

fn is_running(process: &str) -> bool {
    std::process::Command::new("kill")
        .args(["-0", process])
        .status()
        .unwrap()
        .success()
}
