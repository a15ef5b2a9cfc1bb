//! The engine as a service: one a user, a connection and a session for each plugin instance.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use farsend_ipc::connection::{BindError, ConnectionError, Pending, Server, ServerConnection};
use farsend_ipc::message::{EngineStatus, FromEngine, ToEngine, WantedSession};
use farsend_ipc::runtime::RuntimeDir;
use parking_lot::Mutex;
use tracing::{info, warn};

use super::own_log::OwnLog;
use super::parts::{Part, Sessions};
use super::waiting::Waiting;
use super::wishes::Refused;
use crate::engine::quit_on_signals;
use crate::exit::Exit;
use crate::takes::Unwritten;

/// `farsend engine`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// End this long after the last plugin has gone [default: only when told].
    #[arg(long, value_name = "SECONDS")]
    grace: Option<f64>,
}

/// Serves plugins until a signal, a plugin's word, or the end of the grace time.
pub fn main(args: &Args) -> Exit {
    drop_inherited_files();
    let served = RuntimeDir::find()
        .map_err(|error| (Exit::Other, describe(&error)))
        .and_then(|directory| {
            let server = Server::bind(&directory).map_err(|error| match &error {
                BindError::AlreadyRunning { .. } => (
                    Exit::AlreadyRunning,
                    "one is enough for all plugins of this user".into(),
                ),
                error => (Exit::Other, describe(error)),
            })?;
            info!("serving plugins at {}", directory.socket().display());
            let quit = quit_on_signals().map_err(|error| (Exit::Other, describe(&error)))?;
            let log = OwnLog::of(&directory);
            Service::new(args, quit).run(&server, log);
            finish_takes();
            Ok(())
        });
    match served {
        Ok(()) => Exit::Done,
        Err((exit, why)) => {
            eprintln!("farsend: an engine cannot be started: {why}");
            exit
        }
    }
}

/// What all connections share.
struct Service {
    quit: Arc<AtomicBool>,
    grace: Option<Duration>,
    started: Instant,
    connections: AtomicU32,
    sessions: Sessions,
    /// What each plugin has a part in.
    titles: Mutex<Vec<(u64, String)>>,
}

impl Service {
    fn new(args: &Args, quit: Arc<AtomicBool>) -> Arc<Self> {
        let grace = args
            .grace
            .map(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX));
        Arc::new(Self {
            quit,
            grace,
            started: Instant::now(),
            connections: AtomicU32::new(0),
            sessions: Sessions::default(),
            titles: Mutex::default(),
        })
    }

    /// Accepts until it is time to end, for which takes have to be written; then waits for the connections to say their goodbyes.
    fn run(self: &Arc<Self>, server: &Server, mut log: Option<OwnLog>) {
        let mut threads: Vec<JoinHandle<()>> = Vec::new();
        let mut number = 0;
        let mut unused_since = Instant::now();
        let mut unwritten = Unwritten::new(unused_since);
        while !self.quit.load(Relaxed) {
            log.iter_mut().for_each(|log| log.attend(Instant::now()));
            match server.accept(ACCEPT_PATIENCE) {
                Ok(Some(pending)) => {
                    number += 1;
                    threads.retain(|thread| !thread.is_finished());
                    let service = Arc::clone(self);
                    let serve = move || service.serve(number, pending);
                    match std::thread::Builder::new()
                        .name("plugin".into())
                        .spawn(serve)
                    {
                        Ok(thread) => threads.push(thread),
                        Err(error) => warn!("no thread for a plugin: {error}"),
                    }
                }
                Ok(None) => {}
                Err(error) => {
                    warn!("no connection could be taken: {error}");
                    std::thread::sleep(ACCEPT_PATIENCE);
                }
            }
            let now = Instant::now();
            if self.connections.load(Relaxed) > 0 {
                (unused_since, unwritten) = (now, Unwritten::new(now));
            } else if unwritten.gets_on(now) {
                unused_since = now;
            }
            if self
                .grace
                .is_some_and(|grace| unused_since.elapsed() >= grace)
            {
                info!("no plugin has needed this engine for a while: ending");
                break;
            }
            if !server.is_reachable() {
                warn!(
                    "the control socket was removed: plugins cannot find this engine any more, ending"
                );
                break;
            }
        }
        self.quit.store(true, Relaxed);
        for thread in threads {
            _ = thread.join();
        }
    }

    /// One plugin, from its greeting to its end.
    fn serve(&self, number: u64, pending: Pending) {
        match pending.greet(env!("CARGO_PKG_VERSION"), GREETING_PATIENCE) {
            Ok(mut connection) => {
                // Not before: one of another version, which comes back again and again, keeps no engine from ending.
                self.connections.fetch_add(1, Relaxed);
                let mut part = None;
                let ended = self.converse(number, &mut connection, &mut part);
                if let Err(error) = ended {
                    info!("plugin {number} is gone: {error}");
                }
                self.close(number, part);
                self.connections.fetch_sub(1, Relaxed);
            }
            Err(error) => warn!(
                "somebody connected who is no plugin of ours: {}",
                describe(&error)
            ),
        }
    }

    fn converse(
        &self,
        number: u64,
        connection: &mut ServerConnection,
        part: &mut Option<Part>,
    ) -> Result<(), ConnectionError> {
        let mut waiting = None;
        while !self.quit.load(Relaxed) {
            match connection.receive(LOOK_EVERY)? {
                None => {}
                Some(ToEngine::Open(wanted)) => {
                    self.open(number, connection, part, &mut waiting, &wanted)?;
                }
                Some(ToEngine::Close) => {
                    waiting = None;
                    self.close(number, part.take());
                    connection.send(&Part::closed(), SAYING_PATIENCE)?;
                }
                Some(ToEngine::Status) => {
                    connection.send(&FromEngine::Status(self.status()), SAYING_PATIENCE)?;
                }
                Some(ToEngine::Listen(listening)) => {
                    if let Some(waiting) = &mut waiting {
                        waiting.wanted.listening = listening;
                    } else if let Some(part) = part {
                        part.listen(listening);
                    }
                }
                Some(ToEngine::Outputs(outputs)) => {
                    if let Some(waiting) = &mut waiting {
                        waiting.wanted.outputs = outputs;
                    } else if let Some(part) = part {
                        part.listen_more(outputs);
                    }
                }
                Some(ToEngine::Say(text)) => part.iter().for_each(|part| part.say(&text)),
                Some(ToEngine::Shutdown) => self.quit.store(true, Relaxed),
                Some(ToEngine::Takes(wishes)) => {
                    if let Some(part) = part {
                        part.want_takes(wishes);
                    }
                }
                Some(ToEngine::Loop(measured)) => {
                    if let Some(part) = part {
                        part.note_loop(measured);
                    }
                }
                Some(ToEngine::KeepDelay(keep)) => {
                    part.iter_mut().for_each(|part| part.keep_delay(keep));
                }
                Some(ToEngine::Queue(queue)) => {
                    let set = part.as_mut().map_or(Ok(()), |part| part.set_queue(queue));
                    if let Err(refused) = set {
                        connection.send(&told(refused), SAYING_PATIENCE)?;
                    }
                }
                Some(ToEngine::About(about)) => {
                    part.iter_mut()
                        .for_each(|part| part.set_about(about.clone()));
                }
            }
            if let Some(moved) = part.as_ref().filter(|part| part.has_moved()) {
                let wanted = moved.wanted().clone();
                self.open(number, connection, part, &mut waiting, &wanted)?;
            }
            self.ask_again(number, connection, part, &mut waiting)?;
            for message in part.iter_mut().flat_map(Part::poll) {
                connection.send(&message, SAYING_PATIENCE)?;
            }
        }
        Ok(())
    }

    fn open(
        &self,
        number: u64,
        connection: &mut ServerConnection,
        part: &mut Option<Part>,
        waiting: &mut Option<Waiting>,
        wanted: &WantedSession,
    ) -> Result<(), ConnectionError> {
        connection.send(&Part::connecting(), SAYING_PATIENCE)?;
        let before = waiting.take();
        if let Some(refused) = self.enter(number, connection, part, wanted)? {
            let mut longer = Waiting::new(wanted, before, Instant::now());
            if !refused.passes || longer.is_to_tell(Instant::now()) {
                info!("plugin {number} is refused: {}", refused.why);
                connection.send(&told(refused.clone()), SAYING_PATIENCE)?;
            }
            *waiting = refused.passes.then_some(longer);
        }
        Ok(())
    }

    /// An instance that waits for its session is let in as soon as that can be, and told why it waits if that takes long.
    fn ask_again(
        &self,
        number: u64,
        connection: &mut ServerConnection,
        part: &mut Option<Part>,
        waiting: &mut Option<Waiting>,
    ) -> Result<(), ConnectionError> {
        let Some(due) = waiting else {
            return Ok(());
        };
        if !due.is_due(Instant::now()) {
            return Ok(());
        }
        let Some(refused) = self.enter(number, connection, part, &due.wanted)? else {
            *waiting = None;
            return Ok(());
        };
        if !refused.passes || due.is_to_tell(Instant::now()) {
            info!("plugin {number} is refused: {}", refused.why);
            connection.send(&told(refused.clone()), SAYING_PATIENCE)?;
        }
        if !refused.passes {
            *waiting = None;
        }
        Ok(())
    }

    /// Opens or joins what is wanted; gives why not.
    fn enter(
        &self,
        number: u64,
        connection: &mut ServerConnection,
        part: &mut Option<Part>,
        wanted: &WantedSession,
    ) -> Result<Option<Refused>, ConnectionError> {
        self.titles.lock().retain(|(owner, _)| *owner != number);
        match self.sessions.open(wanted, part.take()) {
            Ok((opened, segment)) => {
                info!("plugin {number} opens {}", opened.title());
                let title = opened.title().to_owned();
                self.titles.lock().push((number, title));
                *part = Some(opened);
                if let Some(segment) = segment {
                    let (generation, handle) = (segment.generation, segment.handle);
                    connection.send_segment(generation, &handle, SAYING_PATIENCE)?;
                }
            }
            Err(refused) => return Ok(Some(refused)),
        }
        Ok(None)
    }

    fn close(&self, number: u64, part: Option<Part>) {
        if let Some(part) = part {
            self.titles.lock().retain(|(owner, _)| *owner != number);
            info!("plugin {number} closes {}", part.title());
            part.close();
        }
    }

    fn status(&self) -> EngineStatus {
        EngineStatus {
            pid: std::process::id(),
            uptime_s: self.started.elapsed().as_secs(),
            connections: self.connections.load(Relaxed),
            sessions: self
                .titles
                .lock()
                .iter()
                .map(|(_, title)| title.clone())
                .collect(),
            ends_when_unused: self.grace.is_some(),
        }
    }
}

fn told(refused: Refused) -> FromEngine {
    let Refused { why, advice, .. } = refused;
    FromEngine::Refused { why, advice }
}

/// Waits until takes are complete that are laid along the timeline behind their sessions' backs. A second signal ends that.
fn finish_takes() {
    let now = Instant::now();
    let mut unwritten = Unwritten::new(now);
    if unwritten.gets_on(now) {
        info!("takes are still written: ending when that is done, or at once at another signal");
    }
    if !unwritten.wait() {
        warn!("takes could not be completed: they are as they came");
    }
}

/// A DAW may have left files open to us that are not ours to keep: its sound card, say, which would stay busy after
/// its end. Called before anything of our own is opened.
fn drop_inherited_files() {
    #[cfg(target_os = "linux")]
    {
        let open = std::fs::read_dir("/proc/self/fd")
            .into_iter()
            .flatten()
            .flatten();
        let numbers: Vec<i32> = open
            .filter_map(|file| file.file_name().to_string_lossy().parse().ok())
            .collect();
        for number in numbers.into_iter().filter(|number| *number > 2) {
            // The folder that was just read is among them, and closed already.
            _ = nix::unistd::close(number);
        }
    }
}

/// An error with its causes, in one line.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

/// How often the service looks whether it is to end.
const ACCEPT_PATIENCE: Duration = Duration::from_millis(100);

/// How long a plugin may take to say who it is.
const GREETING_PATIENCE: Duration = Duration::from_secs(2);

/// How long a plugin may take to hear what we say.
const SAYING_PATIENCE: Duration = Duration::from_secs(2);

/// How often a session's events are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);
