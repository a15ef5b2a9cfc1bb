//! A running program: its output in files, its end guaranteed.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use super::Machine;

/// How often a wait looks again.
const POLL: Duration = Duration::from_millis(5);

/// A program that was started on a [`Machine`]. Killed when dropped; when that happens in a panic, the
/// end of its output is shown.
#[derive(Debug)]
pub struct Running {
    name: String,
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

impl Running {
    /// Starts `command` with its output in `NAME.out` and `NAME.err` of the machine's folder.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    pub fn start(machine: &Machine, name: &str, command: &mut Command) -> Running {
        Running::start_reading(machine, name, command, Stdio::null())
    }

    /// The same, and it reads this.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    pub fn start_reading(
        machine: &Machine,
        name: &str,
        command: &mut Command,
        input: Stdio,
    ) -> Running {
        let (out, err) = (
            machine.path(&format!("{name}.out")),
            machine.path(&format!("{name}.err")),
        );
        let file = |path: &PathBuf| File::create(path).expect("the test's folder is writable");
        let child = command
            .stdin(input)
            .stdout(file(&out))
            .stderr(file(&err))
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name} ({command:?}): {error}"));
        Running {
            name: name.to_owned(),
            child,
            out,
            err,
        }
    }

    /// All that it has printed so far: standard output, then standard error.
    pub fn output(&self) -> String {
        self.stdout() + &read(&self.err)
    }

    /// What it has printed to its standard output so far.
    pub fn stdout(&self) -> String {
        read(&self.out)
    }

    /// Waits until it has printed `text`.
    ///
    /// # Panics
    ///
    /// If it ends before, or does not within `limit`.
    pub fn wait_for(&mut self, text: &str, limit: Duration) {
        self.wait_until(&format!("print \"{text}\""), limit, |output| {
            output.contains(text)
        });
    }

    /// Waits until what it has printed satisfies `enough`; `what` completes "X did not ...".
    ///
    /// # Panics
    ///
    /// If it ends before, or does not within `limit`.
    pub fn wait_until(&mut self, what: &str, limit: Duration, enough: impl Fn(&str) -> bool) {
        let started = Instant::now();
        while !enough(&self.output()) {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                if enough(&self.output()) {
                    return;
                }
                panic!(
                    "{} ended ({status}) and did not {what}\n{}",
                    self.name,
                    self.output()
                );
            }
            assert!(
                started.elapsed() < limit,
                "{} did not {what} within {limit:?}\n{}",
                self.name,
                self.output()
            );
            std::thread::sleep(POLL);
        }
    }

    /// Waits for its end and gives its exit status.
    ///
    /// # Panics
    ///
    /// If it is still there after `limit`.
    pub fn wait_exit(&mut self, limit: Duration) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return status;
            }
            assert!(
                started.elapsed() < limit,
                "{} did not end within {limit:?}",
                self.name
            );
            std::thread::sleep(POLL);
        }
    }

    /// Waits for its end and gives its exit code; -N if signal N ended it.
    ///
    /// # Panics
    ///
    /// If it is still there after `limit`.
    pub fn wait_exit_code(&mut self, limit: Duration) -> i32 {
        let status = self.wait_exit(limit);
        status
            .code()
            .unwrap_or_else(|| -status.signal().unwrap_or(0))
    }

    /// Whether it has not ended yet.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_none()
    }

    /// Sends it a signal; nothing happens if it has already ended.
    pub fn signal(&mut self, signal: Signal) {
        if self.is_running() {
            let _ = signal::kill(Pid::from_raw(self.pid() as i32), signal);
        }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Processor time that all its threads have used so far, in user and in kernel mode.
    ///
    /// # Panics
    ///
    /// If it has ended.
    pub fn processor_time(&self) -> Duration {
        processor_time(self.pid()).unwrap_or_else(|| panic!("{} has ended", self.name))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let ended = self.child.try_wait().ok().flatten();
        if ended.is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            let state = ended.map_or("was running".to_owned(), |status| status.to_string());
            eprintln!("--- {} ({state}):\n{}", self.name, tail(&self.output(), 40));
        }
    }
}

/// A program that does one thing and ends: its exit status must be success; gives its standard output.
///
/// # Panics
///
/// If it fails or takes longer than `limit`.
pub fn run_to_end(machine: &Machine, name: &str, command: &mut Command, limit: Duration) -> String {
    let mut running = Running::start(machine, name, command);
    let status = running.wait_exit(limit);
    assert!(
        status.success(),
        "{name} failed ({status}):\n{}",
        running.output()
    );
    running.stdout()
}

/// A command with arguments of any kind of string, to be written in one line.
pub fn command<A: AsRef<OsStr>>(program: impl AsRef<OsStr>, arguments: &[A]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

/// `utime` + `stime` of `/proc/PID/stat` (proc(5)).
pub fn processor_time(pid: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let after_name = stat.rsplit_once(") ")?.1;
    let field = |index: usize| after_name.split(' ').nth(index)?.parse::<u64>().ok();
    let ticks = field(11)? + field(12)?;
    let per_second = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK)
        .ok()
        .flatten()?;
    Some(Duration::from_secs_f64(ticks as f64 / per_second as f64))
}

fn read(path: &PathBuf) -> String {
    std::fs::read(path)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}

fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
