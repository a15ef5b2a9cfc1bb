//! Starts the engine, for all instances of this process together.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use farsend_ipc::runtime::RuntimeDir;
use parking_lot::Mutex;

use super::finder;

/// What became of a wish for an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Start {
    /// It was started, or was a moment ago: it will answer soon.
    Underway,
    /// It ended by itself, the last times that it was started. Tried again after a while.
    Ends {
        /// How the last one ended.
        why: String,
    },
    /// It runs, and has not answered for long.
    Silent,
    /// It cannot be started at all.
    Fails {
        /// What the system said.
        why: String,
    },
    /// There is none.
    Missing {
        /// Where it was looked for.
        looked: Vec<PathBuf>,
    },
}

/// Starts the engine unless that was done just now; `named` is the user's own choice of one.
///
/// One that ends at once is started again after ever longer pauses, up to [`LONGEST_PAUSE`].
pub(super) fn start(named: Option<&Path>, directory: &RuntimeDir) -> Start {
    STARTS.lock().start(named, directory)
}

/// How the engine that this process started has ended, if it has. Also relieves the system of it.
pub(super) fn ended() -> Option<String> {
    let mut starts = STARTS.lock();
    starts.look_after_child();
    starts
        .child
        .is_none()
        .then(|| starts.last_end.clone())
        .flatten()
}

static STARTS: Mutex<Starts> = Mutex::new(Starts {
    child: None,
    log: None,
    started: None,
    in_a_row: 0,
    last_end: None,
});

#[derive(Debug)]
struct Starts {
    child: Option<Child>,
    /// What the child writes.
    log: Option<PathBuf>,
    started: Option<Instant>,
    /// How many have ended soon after their start, one after the other.
    in_a_row: u32,
    last_end: Option<String>,
}

impl Starts {
    fn start(&mut self, named: Option<&Path>, directory: &RuntimeDir) -> Start {
        self.look_after_child();
        let since = self.started.map(|started| started.elapsed());
        match since {
            Some(since) if self.child.is_some() => {
                return if since < PATIENCE {
                    Start::Underway
                } else {
                    Start::Silent
                };
            }
            Some(since) if since < self.pause() => return self.between_starts(),
            _ => {}
        }

        let looked = finder::candidates(named);
        let Some(program) = looked.iter().find(|path| finder::is_program(path)) else {
            return Start::Missing { looked };
        };
        self.started = Some(Instant::now());
        match launch(program, directory) {
            Ok(child) => {
                (self.child, self.log) = (Some(child), Some(directory.log()));
                self.between_starts()
            }
            Err(error) => {
                self.in_a_row += 1;
                Start::Fails {
                    why: format!("{} cannot be started: {error}.", program.display()),
                }
            }
        }
    }

    fn between_starts(&self) -> Start {
        match &self.last_end {
            Some(why) if self.in_a_row >= SUSPICIOUS => Start::Ends { why: why.clone() },
            _ => Start::Underway,
        }
    }

    fn look_after_child(&mut self) {
        let Some(Ok(Some(status))) = self.child.as_mut().map(Child::try_wait) else {
            return;
        };
        self.child = None;
        let said = self
            .log
            .as_deref()
            .and_then(last_line)
            .filter(|_| !status.success());
        self.last_end = Some(match said {
            Some(said) => format!("{} It said: {said}", words(status)),
            None => words(status),
        });
        let lived = self
            .started
            .map_or(Duration::ZERO, |started| started.elapsed());
        self.in_a_row = if lived < SOON { self.in_a_row + 1 } else { 0 };
    }

    fn pause(&self) -> Duration {
        // Even after a long life the next start is not before this one was.
        let doubled = SHORTEST_PAUSE * 2_u32.saturating_pow(self.in_a_row.min(8));
        doubled.min(LONGEST_PAUSE)
    }
}

/// Starts the program so that it outlives this process, and signals to this one's group pass it by.
fn launch(program: &Path, directory: &RuntimeDir) -> std::io::Result<Child> {
    // Without a log there are no words in it, which is no reason to have no engine.
    let log = directory.begin_log();
    let log = log.map_or_else(|_| Stdio::null(), Stdio::from);
    let mut command = Command::new(program);
    command
        .args(["engine", "--grace", GRACE_SECONDS])
        .env("FARSEND_RUNTIME_DIR", directory.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        command.current_dir("/").process_group(0);
    }
    command.spawn()
}

fn words(status: ExitStatus) -> String {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        if let Some(signal) = status.signal() {
            return format!("The engine was ended by signal {signal}.");
        }
    }
    match status.code() {
        Some(0) => "The engine ended.".into(),
        Some(code) => format!("The engine ended with exit code {code}."),
        None => "The engine ended.".into(),
    }
}

/// The last words of an engine that did not end as it should.
fn last_line(log: &Path) -> Option<String> {
    let text = String::from_utf8_lossy(&std::fs::read(log).ok()?).into_owned();
    let line = text
        .lines()
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty())?;
    Some(line.chars().filter(|c| !c.is_control()).take(200).collect())
}

/// How long an engine stays when the last plugin has left.
const GRACE_SECONDS: &str = "10";

/// Within this an engine that was started should answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// One that ends sooner than this after its start was of no use.
const SOON: Duration = Duration::from_secs(3);

/// So many useless ones are said to the musician.
const SUSPICIOUS: u32 = 3;

/// Between two starts.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);

/// Between two starts: with it, audio is back within two seconds of the engine's recovery.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
