//! Finds, starts and watches the engine for one plugin instance, on a thread of its own.
//!
//! ```text
//!   nothing wanted, or nobody ──▶ wait for a change
//!        │ wanted, and in use            ▲
//!        ▼                               │ not wanted any more
//!   no connection ── start, connect ──▶ connected ── open ──▶ watch
//!        ▲                               │
//!        └───────── engine gone ─────────┘
//! ```
//! Each turn of the loop compares what is wanted with what is, takes one step and waits a little; so
//! whatever is killed, changed or installed in the meantime is met by the next turn.

mod attached;
mod environment;
mod finder;
mod host;
mod latency;
mod live;
mod ports;
mod starter;
mod track;
mod wanted;

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use farsend_ipc::connection::{ConnectError, ConnectionError, connect};
use farsend_ipc::message::{FromEngine, SessionState, TakeWishes, ToEngine, WantedSession};
use farsend_ipc::runtime::RuntimeDir;
use farsend_ipc::segment::PluginEnd;

pub use environment::Environment;

use crate::choice::Choice;
use crate::link::LinkSender;
use crate::mapped::part_from;
use crate::password;
use crate::shared::Shared;
use crate::situation::Situation;
use crate::takes;
use attached::Attached;
use host::HostWatch;
use latency::LatencyKeeper;
use live::Live;
use starter::Start;

/// A running supervisor. Dropping it leaves the session, and waits until the thread has ended, but not
/// [for ever](part_from): hosts may unload the module right after.
#[derive(Debug)]
pub struct Supervision {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Supervision {
    /// Starts the thread. Where the system gives none there is no session, and the editor says so.
    pub fn start(shared: Arc<Shared>, link: LinkSender, environment: Environment) -> Self {
        let supervisor = Supervisor::new(Arc::clone(&shared), link, environment);
        let thread = std::thread::Builder::new()
            .name("farsend-plugin".into())
            .spawn(move || supervisor.run())
            .inspect_err(|error| {
                let why = format!("The system gives no thread: {error}.");
                shared.show(|view| view.situation = Situation::Unusable { why });
            });
        Self {
            shared,
            thread: thread.ok(),
        }
    }
}

impl Drop for Supervision {
    fn drop(&mut self) {
        self.shared.leave();
        if let Some(thread) = self.thread.take() {
            part_from(thread, PARTING);
        }
    }
}

struct Supervisor {
    shared: Arc<Shared>,
    link: LinkSender,
    environment: Environment,
    attached: Option<Attached>,
    /// Whether the audio thread may have an end of a segment.
    linked: bool,
    /// Why the last engine is no longer there.
    lost: Option<String>,
    /// How long to wait before an engine is looked for again.
    pause: Duration,
    /// What a client binds that may bind any port.
    port: u16,
    host: HostWatch,
    latency: LatencyKeeper,
}

/// What there is to do.
enum Goal {
    /// No session, for now.
    Nothing(Situation, Option<Duration>),
    /// This one.
    Session(Box<WantedSession>),
}

impl Supervisor {
    fn new(shared: Arc<Shared>, link: LinkSender, environment: Environment) -> Self {
        Self {
            shared,
            link,
            environment,
            attached: None,
            linked: false,
            lost: None,
            pause: TURN,
            port: ports::any_port(),
            host: HostWatch::default(),
            latency: LatencyKeeper::new(),
        }
    }

    fn run(mut self) {
        while !self.shared.is_leaving() {
            self.link.collect();
            let _ = self.shared.follow_automation(Instant::now());
            let heard = self.attached.as_ref().and_then(Attached::heard);
            self.latency.turn(&self.shared, &mut self.link, heard);
            match self.goal() {
                Goal::Nothing(situation, patience) => self.rest(situation, patience),
                Goal::Session(wanted) => self.pursue(&wanted),
            }
        }
    }

    fn goal(&mut self) -> Goal {
        let (session, said) = self.environment.apply(self.shared.params.session.get());
        self.shared.show(|view| view.overridden = said);
        if !session.connected {
            return Goal::Nothing(Situation::Off, Some(AUTOMATION_TURN));
        }
        let Some(setup) = self.shared.setup() else {
            return Goal::Nothing(Situation::HostSilent, None);
        };
        let steady = self.host.look(Instant::now(), setup, self.shared.blocks());
        // Until the host goes on in another way, a session stays as it is.
        let steady = steady.filter(|steady| *steady == setup || self.attached.is_some());
        match steady.or(self.shared.is_asked().then_some(setup)) {
            Some(setup) => {
                let name = self.name(&session);
                let wanted = self.wanted(&session, setup, name);
                let user = &wanted.user;
                let lacks = user.password.is_none() && user.password_file.is_none();
                // Another instance may have opened the session that it names.
                let alone = wanted.share.is_none();
                if password::is_needed(&session) && lacks && alone {
                    return Goal::Nothing(
                        Situation::PasswordNeeded {
                            user: session.user.clone(),
                            host: session.host.clone(),
                            file: password::file(&session),
                        },
                        Some(LOOK_FOR_FILE),
                    );
                }
                Goal::Session(Box::new(wanted))
            }
            // The audio thread gives no signal: look for it.
            None => Goal::Nothing(Situation::HostSilent, Some(TURN)),
        }
    }

    /// Has no session, and waits for something to change.
    fn rest(&mut self, situation: Situation, patience: Option<Duration>) {
        self.attached = None;
        self.lost = None;
        starter::ended();
        self.show(situation);
        self.shared.params.names.set(std::iter::empty());
        self.shared.show(|view| {
            (view.statistics, view.levels, view.engine) = (None, None, None);
            (view.sharing, view.players) = (None, None);
        });
        if self.linked {
            // What the segment still holds fades out by itself; then it is of no more use.
            self.shared.signal().wait(Some(FADE));
            if matches!(self.goal(), Goal::Nothing(..)) {
                self.link.install(None);
                self.linked = false;
            }
        } else {
            self.shared.signal().wait(patience);
        }
    }

    /// One step towards this session, or a look at how it does.
    fn pursue(&mut self, wanted: &WantedSession) {
        let Some(mut attached) = self.attached.take().or_else(|| self.attach()) else {
            self.shared.signal().wait(Some(self.pause));
            return;
        };
        match self.converse(&mut attached, wanted) {
            Ok(()) => self.attached = Some(attached),
            Err(error) => {
                self.lost = Some(starter::ended().unwrap_or_else(|| lost(&error)));
                self.shared
                    .show(|view| (view.statistics, view.engine) = (None, None));
                self.show_lost();
            }
        }
    }

    /// Connects to the engine, or sees to it that one starts.
    fn attach(&mut self) -> Option<Attached> {
        self.pause = TURN;
        let directory = match self.environment.runtime_dir() {
            Ok(directory) => directory,
            Err(error) => {
                self.show(Situation::Unusable {
                    why: sentence(&error),
                });
                return None;
            }
        };
        match connect(&directory.socket(), VERSION, CONNECT_PATIENCE) {
            Ok(connection) => {
                let engine = connection.theirs().program.clone();
                self.shared.show(|view| view.engine = Some(engine));
                self.lost = None;
                Some(Attached::new(connection))
            }
            Err(ConnectError::NoEngine { .. }) => {
                self.start_engine(&directory);
                None
            }
            Err(ConnectError::OtherVersion { ours, theirs }) => {
                // It may serve others for hours.
                self.pause = OTHER_VERSION_TURN;
                self.show(Situation::OtherVersion { theirs, ours });
                None
            }
            Err(error) => {
                self.show(Situation::Unusable {
                    why: sentence(&error),
                });
                None
            }
        }
    }

    fn start_engine(&mut self, directory: &RuntimeDir) {
        match starter::start(self.environment.engine.as_deref(), directory) {
            Start::Underway => self.show_lost(),
            Start::Ends { why } | Start::Fails { why } => {
                self.show(Situation::DoesNotStart { why });
            }
            Start::Silent => {
                let why = "It was started, but it does not answer.".into();
                self.show(Situation::DoesNotStart { why });
            }
            Start::Missing { looked } => self.show(Situation::NoEngine { looked }),
        }
    }

    /// One exchange with the engine, of up to a turn.
    fn converse(
        &mut self,
        attached: &mut Attached,
        wanted: &WantedSession,
    ) -> Result<(), ConnectionError> {
        let due = attached.retry.is_some_and(|retry| retry <= Instant::now());
        for listen in attached.other_listening(wanted).into_iter().flatten() {
            attached.connection.send(&listen, SEND_PATIENCE)?;
        }
        if due || attached.is_time_for(wanted) {
            attached
                .connection
                .send(&ToEngine::Open(Box::new(wanted.clone())), SEND_PATIENCE)?;
            if wanted.share.is_none() {
                self.shared.show(|view| view.sharing = None);
            }
            attached.opened = Some(wanted.clone());
            attached.live = Live::default();
            attached.reached = false;
            attached.retry = None;
            if !due {
                attached.situation = Some(Situation::Session(SessionState::Connecting));
            }
        }
        self.ask_for_takes(attached)?;
        self.update(attached, wanted)?;
        for text in self.shared.take_said() {
            attached
                .connection
                .send(&ToEngine::Say(text), SEND_PATIENCE)?;
        }
        if let Some(message) = attached.connection.receive(TURN)? {
            self.hear(attached, message);
        }
        if let Some(silence) = attached.silence() {
            let seconds = silence.as_secs();
            let why = format!("The engine has given no sign of life for {seconds} s.");
            self.show(Situation::Unusable { why });
        } else if let Some(situation) = &attached.situation {
            self.show(situation.clone());
        }
        Ok(())
    }

    /// Says whether takes are wanted, when that is new to the engine.
    fn ask_for_takes(&self, attached: &mut Attached) -> Result<(), ConnectionError> {
        let (session, _) = self.environment.apply(self.shared.params.session.get());
        let wishes = TakeWishes {
            record: self.shared.params.record.value(),
            folder: session.takes,
        };
        if attached.watch.is_some() && attached.takes.as_ref() != Some(&wishes) {
            let message = ToEngine::Takes(wishes.clone());
            attached.connection.send(&message, SEND_PATIENCE)?;
            attached.takes = Some(wishes);
        }
        Ok(())
    }

    fn hear(&mut self, attached: &mut Attached, message: FromEngine) {
        match message {
            FromEngine::Opened { .. } => self.take_on(attached),
            FromEngine::State(state) => {
                attached.retry = match state {
                    SessionState::Ended { .. } => Some(Instant::now() + RETRY),
                    // The engine goes on trying, if the peer can mend it.
                    SessionState::Failed { .. } => Some(Instant::now() + RETRY_FAILED),
                    _ => None,
                };
                if state.is_connected() && !attached.reached {
                    attached.reached = true;
                    self.environment
                        .note_call(&self.shared.params.session.get());
                }
                attached.situation = Some(Situation::Session(state));
            }
            FromEngine::Statistics(statistics) => {
                attached.live.note(&statistics);
                self.shared
                    .show(|view| view.statistics = Some(Arc::from(statistics)));
            }
            FromEngine::Refused { why, advice } => attached.refuse(why, advice),
            FromEngine::Sharing(sharing) => {
                self.shared.show(|view| view.sharing = Some(sharing));
            }
            FromEngine::Takes(takes) => self.shared.show(|view| {
                let known = Arc::make_mut(&mut view.takes);
                takes::merge(known, takes);
            }),
            FromEngine::Players(players) => {
                let params = &self.shared.params;
                let names = players.players.iter().map(|player| player.name.as_str());
                params.names.set(names);
                // What the host has chosen is not the project's.
                let own = Choice::of(params.player.value()) == Choice::AsChosen;
                let heard = players.heard.as_deref().filter(|_| own);
                params.session.part_copies(&players.copied);
                params.session.note_players(heard, &players.outputs);
                self.shared
                    .show(|view| view.players = Some(Arc::from(players)));
            }
            FromEngine::Chat(line) => self.shared.show(|view| view.hear(line)),
            FromEngine::Status(_) => {}
        }
    }

    /// Gives the audio thread the segment that just came.
    fn take_on(&mut self, attached: &mut Attached) {
        let opened = attached.connection.take_segment().map(PluginEnd::open);
        match opened {
            Some(Ok(end)) => {
                attached.watch = Some(end.watch());
                attached.takes = None;
                attached.live.begin(end.generation());
                let levels = end.levels();
                self.shared.show(|view| view.levels = Some(levels));
                self.link.install(Some(end));
                self.linked = true;
            }
            Some(Err(error)) => attached.refuse(sentence(&error), ONE_VERSION.into()),
            None => {
                attached.refuse(
                    "The engine handed over no memory.".into(),
                    ONE_VERSION.into(),
                );
            }
        }
    }

    fn show_lost(&self) {
        self.show(match &self.lost {
            Some(why) => Situation::Restarting { why: why.clone() },
            None => Situation::Starting,
        });
    }

    fn show(&self, situation: Situation) {
        self.shared.show(|view| view.situation = situation);
    }
}

fn lost(error: &ConnectionError) -> String {
    match error {
        ConnectionError::Closed => "The engine is gone.".into(),
        error => sentence(error),
    }
}

/// An error with its causes.
fn sentence(error: &dyn std::error::Error) -> String {
    let mut words = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        words.push(error.to_string());
        cause = error.source();
    }
    let text = words.join(": ");
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).chain(['.']).collect()
}

/// This plugin's version, for the greeting.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How long a turn waits: so long does a wish take to be noticed.
const TURN: Duration = Duration::from_millis(50);

/// How often it is looked whether an engine of another version has ended.
const OTHER_VERSION_TURN: Duration = Duration::from_secs(1);

/// How long a wish of the host's automation may take to be seen while nothing else goes on.
const AUTOMATION_TURN: Duration = Duration::from_millis(250);

/// How long an instance that goes waits for its supervisor, which leaves at its next turn unless a disk holds it.
const PARTING: Duration = Duration::from_millis(1500);

/// How long a new connection may take; the instance cannot go away in the meantime.
const CONNECT_PATIENCE: Duration = Duration::from_millis(250);

/// How long a message may take to be sent.
const SEND_PATIENCE: Duration = Duration::from_millis(250);

/// How long a change of the wanted session has to last.
const SETTLE: Duration = Duration::from_millis(250);

/// How long after a refusal or an end the session is asked for again.
const RETRY: Duration = Duration::from_secs(3);

/// How long after a failure that the engine lives on with.
const RETRY_FAILED: Duration = Duration::from_secs(30);

/// How often it is looked whether there is a password now.
const LOOK_FOR_FILE: Duration = Duration::from_secs(1);

/// How long a segment lasts that nobody fills.
const FADE: Duration = Duration::from_millis(200);

/// What to do when plugin and engine do not fit together.
const ONE_VERSION: &str = "Install plugin and engine from one version.";
