//! A machine of its own for every test: processes, network, shared memory.
//!
//! JACK servers find one another through `/dev/shm` and programs meet on ports, so tests that run
//! side by side would disturb each other, and what a failing test leaves behind would disturb the
//! next. So [`on_a_private_machine`] starts the running test program once more, for this one test,
//! in namespaces of its own: a private `/dev/shm`, a loopback interface that nobody else sees, and
//! a process tree that ends with the test, whatever happens.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal};

use super::need::{self, Need};

/// Tells the second start that it is on the private machine.
const INSIDE: &str = "FARSEND_LAB_INSIDE";

/// Longest life of one test.
const LIMIT: Duration = Duration::from_secs(170);

/// The private machine, as its one test sees it.
#[derive(Debug)]
pub struct Machine {
    folder: PathBuf,
}

impl Machine {
    /// The machine that this process is on, private or not, with a folder of its own.
    ///
    /// # Panics
    ///
    /// If the folder for temporary files is not writable.
    #[expect(clippy::new_without_default, reason = "it makes a folder")]
    pub fn new() -> Machine {
        let folder = private_folder().expect("the folder for temporary files is writable");
        Machine {
            folder: folder.keep(),
        }
    }

    /// A folder of this test: logs, recordings, sockets. Its path is short enough for a socket's.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A path in [`Self::folder`].
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "logs and recordings of this failure: {}",
                self.folder.display()
            );
        } else {
            // Nothing depends on it: it is in the folder for temporary files.
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

/// Runs `test` on a machine of its own; skips it where one of `needs` is missing, outside CI.
///
/// To be called once in a `#[test]` function, on its own thread: the thread's name is the test's.
///
/// # Panics
///
/// If the test fails there, takes longer than a few minutes, or something is missing in CI.
pub fn on_a_private_machine<T: FnOnce(&Machine)>(needs: &[Need], test: T) {
    if let Some(mark) = std::env::var_os(INSIDE) {
        std::fs::write(mark, "here").expect("the folder for temporary files is writable");
        prepare();
        return test(&Machine::new());
    }
    if !need::all_met(&[&[Need::Namespaces], needs].concat()) {
        return;
    }
    let thread = std::thread::current();
    let name = thread
        .name()
        .expect("the test harness names the thread after the test");
    let program = std::env::current_exe().expect("a running test has a path");
    let folder = private_folder().expect("the folder for temporary files is writable");
    let mark = folder.path().join("was-here");
    let mut child = unshare()
        .arg(program)
        .args(["--exact", name, "--nocapture"])
        .arg("--test-threads=1")
        .env(INSIDE, &mark)
        // For plugins: no other engine than this build's, and not where the user's own plugins meet theirs.
        .env("FARSEND_ENGINE", need::build_folder().join("farsend"))
        .env("FARSEND_RUNTIME_DIR", folder.path())
        .stdin(Stdio::null())
        .spawn()
        .expect("unshare was there a moment ago");
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("it is our child") {
            assert!(
                status.success(),
                "failed on its private machine, see above ({status})"
            );
            assert!(mark.exists(), "no test called {name} was run");
            return;
        }
        if started.elapsed() > LIMIT {
            child.kill().expect("it is our child");
            panic!("not done after {} s", LIMIT.as_secs());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Gives this process a private `/dev/shm` and a loopback interface. Only for a program that was
/// started by [`unshare`].
pub fn prepare() {
    run("mount", &["-t", "tmpfs", "tmpfs", "/dev/shm"]);
    run("ip", &["link", "set", "lo", "up"]);
}

/// A folder for temporary files that is only this user's, as the engine demands of the one where it meets its plugins.
/// Removed when dropped.
///
/// # Errors
///
/// If it cannot be made.
pub fn private_folder() -> std::io::Result<tempfile::TempDir> {
    let only_ours = std::fs::Permissions::from_mode(0o700);
    tempfile::Builder::new()
        .prefix("farsend-")
        .permissions(only_ours)
        .tempdir()
}

/// Ends this program on Ctrl-C or SIGTERM. To be called first, while there is one thread: on a private machine the
/// program is the first process, which such signals would otherwise pass by.
pub fn end_on_signals() {
    let signals = SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]);
    // Where that fails the program ends a little later.
    if signals.thread_block().is_ok() {
        std::thread::spawn(move || {
            let _ = signals.wait();
            std::process::exit(130);
        });
    }
}

/// The command that starts the program of its next argument on a private machine.
pub fn unshare() -> Command {
    let mut command = Command::new("unshare");
    if !nix::unistd::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args([
        "--mount",
        "--net",
        "--ipc",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "--",
    ]);
    command
}

/// Whether this user may make such a machine, found by making one.
pub fn can_be_made() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        let script = "mount -t tmpfs tmpfs /dev/shm && ip link set lo up";
        let tried = unshare()
            .args(["sh", "-c", script])
            .stderr(Stdio::null())
            .status();
        tried.is_ok_and(|status| status.success())
    })
}

/// Whether a program of this machine listens on this TCP port; it is not to notice that we look.
pub fn is_listening(port: u16) -> bool {
    ["tcp", "tcp6"].iter().any(|family| {
        let table = std::fs::read_to_string(format!("/proc/net/{family}")).unwrap_or_default();
        // proc(5): the local address is the second field, the state the fourth; 0A is listening.
        table.lines().any(|line| {
            let mut fields = line.split_whitespace().skip(1);
            let local = fields.next().unwrap_or_default();
            local.ends_with(&format!(":{port:04X}")) && fields.nth(1) == Some("0A")
        })
    })
}

fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "failed: {program} {}",
        arguments.join(" ")
    );
}
