//! Hosts look at plugins in processes of their own and end those as it pleases them, and hosts crash: nothing of ours is left
//! behind then.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use farsend_ipc::message::{Hello, PROTOCOL, Version};
use farsend_ipc::runtime::RuntimeDir;
use farsend_tests::lab::farsend::{Farsend, command};
use farsend_tests::lab::leftovers::{hasty_engine, leftovers, wait_for_none};
use farsend_tests::lab::vst3::{Pedalboard, Wish, ardours_scanner};
use farsend_tests::lab::{Machine, Need, Running, need, on_a_private_machine};
use nix::sys::signal::Signal;

const WISH: Wish<'_> = Wish {
    connect: "127.0.0.1:4464",
    queue: 8,
};

/// After so many milliseconds a scanner is killed.
const LIVES: [u64; 4] = [0, 20, 60, 150];

/// Until one has said what it has found, ...
const LIMIT: Duration = Duration::from_secs(30);
/// ... which is this.
const ARDOURS_WORD: &str = "Found Plugin: Farsend";
const QTRACTORS_WORD: &str = "CLAP|Farsend|2:2|";

#[test]
fn a_scanner_that_is_killed_at_any_moment_leaves_nothing_behind() {
    on_a_private_machine(&[Need::Ardour, Need::Qtractor], |machine| {
        let (runtime, temporary) = folders(machine);
        let start = || {
            [
                Running::start(machine, "ardour", &mut ardours_scanner(machine, WISH)),
                Running::start(machine, "qtractor", &mut qtractors_scanner(machine)),
            ]
        };
        let kill = |scanners: [Running; 2]| {
            for mut scanner in scanners {
                scanner.signal(Signal::SIGKILL);
                scanner.wait_exit(Duration::from_secs(5));
            }
        };
        for life in LIVES {
            let scanners = start();
            std::thread::sleep(Duration::from_millis(life));
            kill(scanners);
            assert_eq!(leftovers(&runtime, &temporary), [""; 0], "after {life} ms");
        }
        // Those may all have been too early. These have looked into the plugin.
        let mut scanners = start();
        for (scanner, word) in scanners.iter_mut().zip([ARDOURS_WORD, QTRACTORS_WORD]) {
            scanner.wait_for(word, LIMIT);
        }
        kill(scanners);
        assert_eq!(leftovers(&runtime, &temporary), [""; 0], "with the plugin");
    });
}

#[test]
fn a_scanner_that_is_let_finish_knows_the_plugin_and_leaves_nothing_either() {
    on_a_private_machine(&[Need::Ardour, Need::Qtractor], |machine| {
        let (runtime, temporary) = folders(machine);
        let mut scanner = Running::start(machine, "qtractor", &mut qtractors_scanner(machine));
        scanner.wait_exit(LIMIT);
        let said = scanner.output();
        assert!(said.contains(QTRACTORS_WORD), "{said}");
        let mut scanner = Running::start(machine, "ardour", &mut ardours_scanner(machine, WISH));
        scanner.wait_exit(LIMIT);
        let said = scanner.output();
        assert!(said.contains(ARDOURS_WORD), "{said}");
        assert_eq!(leftovers(&runtime, &temporary), [""; 0]);
    });
}

#[test]
fn an_engine_that_only_plugins_of_another_version_call_ends_all_the_same() {
    on_a_private_machine(&[], |machine| {
        let runtime = RuntimeDir::find().expect("the private machine has one");
        let mut command = command(&["engine", "--grace", "1"]);
        let mut engine = Running::start(machine, "engine", &mut command);
        let version = Version {
            protocol: PROTOCOL + 1,
            program: "9.9.9".into(),
        };
        let hello = Hello { version }.to_bytes();
        let (started, mut called) = (Instant::now(), 0);
        while engine.is_running() {
            if let Ok(mut stream) = UnixStream::connect(runtime.socket()) {
                // It may end at any moment.
                _ = stream.write_all(&(hello.len() as u32).to_le_bytes());
                _ = stream.write_all(&hello);
                _ = stream.read_to_end(&mut Vec::new());
                called += 1;
            }
            assert!(started.elapsed() < Duration::from_secs(10), "it still runs");
            std::thread::sleep(Duration::from_millis(50));
        }
        assert!(called > 3, "it was called {called} times");
    });
}

#[test]
fn a_host_that_is_killed_while_it_plays_takes_its_session_and_its_engine_with_it() {
    on_a_private_machine(&[Need::Pedalboard], |machine| {
        let (runtime, temporary) = folders(machine);
        let mut peer = Farsend::start_looping(machine, &["-q", "8"]);
        let engine = hasty_engine(machine.folder());
        let mut host = Pedalboard::start_with(machine, WISH, 60.0, &[], |command| {
            command.env("FARSEND_ENGINE", &engine);
        });
        peer.wait_for_event("connected", 1, Duration::from_secs(30));
        assert_ne!(leftovers(&runtime, &temporary), [""; 0], "an engine runs");
        host.running.signal(Signal::SIGKILL);
        peer.wait_for_event("left", 1, Duration::from_secs(10));
        wait_for_none(&runtime, &temporary, Duration::from_secs(10));
    });
}

/// Where plugins and engines meet, and where a host has its temporary files.
fn folders(machine: &Machine) -> (PathBuf, PathBuf) {
    let temporary = machine.path("tmp");
    std::fs::create_dir_all(&temporary).expect("the test's folder is writable");
    (machine.path("run"), temporary)
}

/// Qtractor's: it is told by lines what to look at.
fn qtractors_scanner(machine: &Machine) -> Command {
    let folder = machine.path("clap");
    let link = folder.join("Farsend.clap");
    if !link.exists() {
        std::fs::create_dir_all(&folder).expect("the test's folder is writable");
        std::os::unix::fs::symlink(need::own_plugin(), &link)
            .expect("the test's folder is writable");
    }
    let orders = machine.path("orders");
    std::fs::write(&orders, format!("CLAP:{}\n", link.display()))
        .expect("the test's folder is writable");
    let scanner = need::find_qtractors_scanner().expect("the test said that it needs Qtractor");
    let mut command = Command::new("sh");
    command
        .args(["-c", "exec \"$0\" < \"$1\""])
        .arg(scanner)
        .arg(&orders)
        .env("QT_QPA_PLATFORM", "offscreen")
        .env("TMPDIR", machine.path("tmp"))
        .env("FARSEND_RUNTIME_DIR", machine.path("run"))
        .env("FARSEND_CONNECT", WISH.connect);
    command
}
