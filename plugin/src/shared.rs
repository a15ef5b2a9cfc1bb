//! What an instance's threads share: the host's, the supervisor's, the editor's.

use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::time::Instant;

use farsend_ipc::message::{ChatLine, MOST_OUTPUTS, Players, Secret, Sharing, Statistics, Take};
use farsend_ipc::segment::Levels;
use farsend_rt::clock;
use farsend_units::{Channels, Frames, SampleRate};
use nice_plug_egui::RepaintNotifier;
use parking_lot::Mutex;

use crate::align::Standing;
use crate::automation::{Automation, Said};
use crate::history::History;

use crate::params::FarsendParams;
use crate::password::Typed;
use crate::playback::Gap;
use crate::signal::Signal;
use crate::situation::Situation;
use crate::state::{Session, SessionStore};

/// What an instance's threads share. The audio thread touches atomics only.
#[derive(Debug)]
pub struct Shared {
    /// What the host automates and saves.
    pub params: Arc<FarsendParams>,
    signal: Arc<Signal>,
    outputs: usize,
    blocks: AtomicU32,
    asked: AtomicBool,
    leaving: AtomicBool,
    pings: Arc<AtomicU32>,
    starts: AtomicU32,
    automation: Arc<Mutex<Automation>>,
    repaint: RepaintNotifier,
    gap: Arc<Gap>,
    control: Mutex<Control>,
}

#[derive(Debug)]
struct Control {
    setup: Option<Setup>,
    track: Option<String>,
    colour: Option<[u8; 3]>,
    typed: Option<Typed>,
    to_say: Vec<String>,
    history: History,
    view: View,
}

/// How the host calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setup {
    /// Of input and output.
    pub channels: Channels,
    /// The host's.
    pub rate: SampleRate,
    /// The largest block, as the host says.
    pub block: Frames,
}

/// What the supervisor has to show.
#[derive(Debug, Clone)]
pub struct View {
    /// How the instance stands.
    pub situation: Situation,
    /// How the session's audio does, while there is one.
    pub statistics: Option<Arc<Statistics>>,
    /// The peaks of what goes through, while there is a session.
    pub levels: Option<Arc<Levels>>,
    /// Which engine it is.
    pub engine: Option<String>,
    /// How the session is shared with other instances, if it is.
    pub sharing: Option<Sharing>,
    /// The takes of this instance's sessions, one for each file, in the order in which they began.
    pub takes: Arc<Vec<Take>>,
    /// Who is in the session, and whom this instance hears, while there is one.
    pub players: Option<Arc<Players>>,
    /// What is to be said of the last render, if there is something.
    pub rendered: Option<String>,
    /// What people have written to each other in this session and those before.
    pub chat: Arc<Vec<ChatLine>>,
    /// What the environment has to say about the session, if it does.
    pub overridden: Option<String>,
    /// What is known of the delay there and back.
    pub latency: LatencyView,
}

/// What is known of the delay there and back.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LatencyView {
    /// Whether it is being measured.
    pub pinging: bool,
    /// The loop as it is now, in frames, if it is known.
    pub loop_frames: Option<u32>,
    /// How sure that is, 0 to 1.
    pub confidence: f32,
    /// What the host is told, in frames.
    pub reported: u32,
    /// How far that is true.
    pub standing: Standing,
    /// What there is to say of the last ping, a sentence; may be empty.
    pub said: String,
}

impl Shared {
    /// With defaults, for a new instance.
    pub fn new() -> Arc<Self> {
        Self::with_outputs(0)
    }

    /// The same for an instance with so many stereo outputs beside its track's.
    pub fn with_outputs(outputs: usize) -> Arc<Self> {
        let signal = Arc::new(Signal::default());
        let session = Arc::new(SessionStore::new(Arc::clone(&signal)));
        let pings = Arc::new(AtomicU32::new(0));
        let params = Arc::new(FarsendParams::new(Arc::clone(&session), Arc::clone(&pings)));
        let automation = Arc::new(Mutex::new(Automation::new(false, 0)));
        let (told, agreed) = (Arc::downgrade(&params), Arc::clone(&automation));
        let asked = Arc::clone(&pings);
        session.on_load(move |session| {
            let mut agreed = agreed.lock();
            if let Some(params) = told.upgrade() {
                params.agree(session);
            }
            agreed.connect.agree(session.connected);
            agreed.queue.agree(session.queue);
            asked.store(0, Relaxed);
        });
        Arc::new(Self {
            params,
            pings,
            starts: AtomicU32::new(0),
            automation,
            signal,
            outputs: outputs.min(MOST_OUTPUTS),
            blocks: AtomicU32::new(0),
            asked: AtomicBool::new(false),
            leaving: AtomicBool::new(false),
            repaint: RepaintNotifier::new(),
            gap: Arc::default(),
            control: Mutex::new(Control {
                setup: None,
                track: None,
                colour: None,
                typed: None,
                to_say: Vec::new(),
                history: History::default(),
                view: View::default(),
            }),
        })
    }

    /// What wakes the supervisor.
    pub fn signal(&self) -> &Signal {
        &self.signal
    }

    /// Stereo outputs beside the track's.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// The host runs a block of audio through the instance. For the audio thread; wait-free.
    pub fn note_block(&self) {
        // Only this thread writes.
        let blocks = self.blocks.load(Relaxed);
        self.blocks.store(blocks.wrapping_add(1), Relaxed);
    }

    /// The blocks that the host has run; wraps.
    pub fn blocks(&self) -> u32 {
        self.blocks.load(Relaxed)
    }

    /// What the last render lacks.
    pub fn gap(&self) -> &Arc<Gap> {
        &self.gap
    }

    /// Asks for a ping: the delay is to be measured once.
    pub fn ask_for_ping(&self) {
        self.pings.fetch_add(1, Relaxed);
        self.signal.give();
    }

    /// Whether a ping was asked for since this was called last.
    pub fn take_ping(&self) -> bool {
        self.pings.swap(0, Relaxed) > 0
    }

    /// The host has started its audio.
    pub fn note_start(&self) {
        self.starts.fetch_add(1, Relaxed);
    }

    /// How often the host has started its audio; wraps.
    pub fn starts(&self) -> u32 {
        self.starts.load(Relaxed)
    }

    /// Has the session say what the host automated, as far as that has rested. Gives what parameters are to become, which the window
    /// can make them: whether there should be a connection, and the queue.
    pub fn follow_automation(&self, now: Instant) -> (Option<bool>, Option<u16>) {
        let mut automation = self.automation.lock();
        let session = self.params.session.get();
        let connect = automation
            .connect
            .look(now, self.params.connect.value(), session.connected);
        let queue = u16::try_from(self.params.queue.value()).unwrap_or(0);
        let queue = automation.queue.look(now, queue, session.queue);
        drop(automation);
        let mut wanted = session.clone();
        let (mut connects, mut queues) = (None, None);
        match connect {
            Said::ByHost(connect) => wanted.connected = connect,
            Said::BySession(connect) => connects = Some(connect),
            Said::Nothing => {}
        }
        match queue {
            Said::ByHost(queue) => wanted.queue = queue,
            Said::BySession(queue) => queues = Some(queue),
            Said::Nothing => {}
        }
        if wanted != session {
            self.params.session.follow(wanted);
        }
        (connects, queues)
    }

    /// Somebody in front of the editor wants the session now, host's audio or not.
    pub fn ask(&self) {
        self.asked.store(true, Release);
        self.signal.give();
    }

    /// Whether somebody did.
    pub fn is_asked(&self) -> bool {
        self.asked.load(Acquire)
    }

    /// The instance goes away: the supervisor is to end.
    pub fn leave(&self) {
        self.leaving.store(true, Release);
        self.signal.give();
    }

    /// Whether the instance goes away.
    pub fn is_leaving(&self) -> bool {
        self.leaving.load(Acquire)
    }

    /// The host calls this way from now on.
    pub fn set_setup(&self, setup: Setup) {
        let changed = self.control.lock().setup.replace(setup) != Some(setup);
        if changed {
            self.signal.give();
        }
    }

    /// How the host calls, once it said so.
    pub fn setup(&self) -> Option<Setup> {
        self.control.lock().setup
    }

    /// The name of the track that the instance is on, if the host told.
    pub fn track(&self) -> Option<String> {
        self.control.lock().track.clone()
    }

    /// The track's colour, red, green, blue, if the host told.
    pub fn colour(&self) -> Option<[u8; 3]> {
        self.control.lock().colour
    }

    /// The host told the name of the track.
    pub fn set_track(&self, name: Option<String>) {
        let changed = std::mem::replace(&mut self.control.lock().track, name.clone()) != name;
        if changed {
            self.signal.give();
        }
    }

    /// The host told the colour of the track.
    pub fn set_colour(&self, colour: Option<[u8; 3]>) {
        let before = std::mem::replace(&mut self.control.lock().colour, colour);
        if before != colour {
            self.repaint.request_repaint();
        }
    }

    /// Somebody typed the password of this session's user. It is kept as long as the instance, and nowhere else.
    pub fn set_password(&self, session: &Session, password: String) {
        self.control.lock().typed = Some(Typed::new(session, password));
        self.signal.give();
    }

    /// The password that was typed for this session, if it was.
    pub fn password(&self, session: &Session) -> Option<Secret> {
        let control = self.control.lock();
        control.typed.as_ref()?.for_session(session).cloned()
    }

    /// Somebody has written this to the other end.
    pub fn say(&self, text: String) {
        let mut control = self.control.lock();
        if control.to_say.len() < MOST_TO_SAY {
            control.to_say.push(text);
        }
        drop(control);
        self.signal.give();
    }

    /// What was written since the last call.
    pub fn take_said(&self) -> Vec<String> {
        std::mem::take(&mut self.control.lock().to_say)
    }

    /// What there is to show.
    pub fn view(&self) -> View {
        self.control.lock().view.clone()
    }

    /// Changes what there is to show. An open editor is drawn again if it would look otherwise.
    pub fn show(&self, change: impl FnOnce(&mut View)) {
        let mut control = self.control.lock();
        let before = control.view.clone();
        change(&mut control.view);
        let Control { view, history, .. } = &mut *control;
        match &view.statistics {
            Some(now) if !is_same(&view.statistics, &before.statistics) => {
                history.note(clock::now(), now);
            }
            None if before.statistics.is_some() => history.clear(),
            _ => {}
        }
        if !view.looks_like(&before) {
            self.repaint.request_repaint();
        }
    }

    /// Has the last minute be this one: for minutes that are made up.
    pub fn remember(&self, minute: History) {
        self.control.lock().history = minute;
    }

    /// Looks at the session's last minute.
    pub fn history<R>(&self, look: impl FnOnce(&History) -> R) -> R {
        look(&self.control.lock().history)
    }

    /// Has an open editor drawn again.
    pub fn repaint(&self) -> &RepaintNotifier {
        &self.repaint
    }
}

impl View {
    /// Takes a line of the chat, or what became of one.
    pub fn hear(&mut self, line: ChatLine) {
        let chat = Arc::make_mut(&mut self.chat);
        match chat
            .iter_mut()
            .rev()
            .find(|known| known.number == line.number)
        {
            Some(known) => *known = line,
            None => chat.push(line),
        }
        let surplus = chat.len().saturating_sub(MOST_LINES);
        chat.drain(..surplus);
    }

    /// Whether nobody would see a difference.
    fn looks_like(&self, other: &Self) -> bool {
        let Self {
            situation,
            statistics,
            levels,
            engine,
            sharing,
            takes,
            players,
            rendered,
            chat,
            overridden,
            latency,
        } = self;
        *situation == other.situation
            && is_same(statistics, &other.statistics)
            && is_same(levels, &other.levels)
            && *engine == other.engine
            && *sharing == other.sharing
            && Arc::ptr_eq(takes, &other.takes)
            && is_same(players, &other.players)
            && *rendered == other.rendered
            && Arc::ptr_eq(chat, &other.chat)
            && *overridden == other.overridden
            && *latency == other.latency
    }
}

/// Whether both are the same one.
fn is_same<T>(one: &Option<Arc<T>>, other: &Option<Arc<T>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        _ => false,
    }
}

/// What may wait to be sent to the engine.
const MOST_TO_SAY: usize = 20;

/// Of the chat, as long as the instance lives.
const MOST_LINES: usize = 200;

impl Default for View {
    fn default() -> Self {
        Self {
            situation: Situation::Off,
            statistics: None,
            levels: None,
            engine: None,
            sharing: None,
            takes: Arc::default(),
            players: None,
            rendered: None,
            chat: Arc::default(),
            overridden: None,
            latency: LatencyView::default(),
        }
    }
}
