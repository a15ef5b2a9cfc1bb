//! Instances and the sessions that they share: who names the same session has a part in the same one.

mod live;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use farsend_ipc::message::{
    FromEngine, Listening, Loop, Players, SessionState, Share, Sharing, TakeWishes, WantedSession,
};
use farsend_ipc::segment::SegmentHandle;
use parking_lot::Mutex;

use super::plugin_session::{Entrance, PluginSession};
use super::wishes::{self, Refused};

/// All sessions that have a name.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    named: Mutex<HashMap<String, Arc<Room>>>,
    serial: AtomicU64,
}

/// Where a session is, while there is one.
type Room = Mutex<Option<PluginSession>>;

/// One instance's part in a session. Belongs to the thread of its connection.
#[derive(Debug)]
pub(super) struct Part {
    room: Arc<Room>,
    /// The session's number, and ours in it; `None`: no session is open.
    place: Option<(u64, u64)>,
    title: String,
    wanted: WantedSession,
    told_state: Option<SessionState>,
    told_sharing: Option<Sharing>,
    /// Which edition of the list of takes.
    told_takes: u64,
    told_players: Option<Players>,
    told_chat: u64,
    next_numbers: Instant,
}

/// An instance's segment, on its way to it.
#[derive(Debug)]
pub(super) struct Segment {
    /// Tells it from others.
    pub(super) generation: u64,
    /// The segment.
    pub(super) handle: SegmentHandle,
}

impl Sessions {
    /// Opens or joins what is wanted. `before`: the instance's part until now, which it leaves. Without a segment, nobody has opened
    /// that session yet.
    ///
    /// Among those who share a session, the wish counts that was changed last. Blocks on the name service.
    ///
    /// # Errors
    /// [`Refused`], in words for the plugin's window.
    pub(super) fn open(
        &self,
        wanted: &WantedSession,
        before: Option<Part>,
    ) -> Result<(Part, Option<Segment>), Refused> {
        let room = self.room(wanted.share.as_ref());
        let before = match before {
            // It stays while it changes its place: its peer does not notice.
            Some(before) if Arc::ptr_eq(&before.room, &room) => Some(before),
            other => {
                if let Some(other) = other {
                    other.close();
                }
                None
            }
        };
        let changed = before.as_ref().is_some_and(|before| {
            !wishes::is_guest(wanted) && !wishes::is_same(&before.wanted, wanted)
        });
        let entrance = self.enter(&room, wanted, changed, before.as_ref());
        if let Some(before) = before {
            before.close();
        }
        let (title, entrance) = entrance?;
        let mut part = Part {
            room,
            place: None,
            title,
            wanted: wanted.clone(),
            told_state: None,
            told_sharing: None,
            told_takes: 0,
            told_players: None,
            told_chat: 0,
            next_numbers: Instant::now(),
        };
        let segment = entrance.map(|(serial, entrance)| {
            part.place = Some((serial, entrance.seat));
            Segment {
                generation: entrance.generation,
                handle: entrance.handle,
            }
        });
        Ok((part, segment))
    }

    fn room(&self, share: Option<&Share>) -> Arc<Room> {
        let Some(share) = share else {
            return Arc::default();
        };
        let mut named = self.named.lock();
        // Nobody else can take one meanwhile.
        named.retain(|_, room| Arc::strong_count(room) > 1);
        let name = share.session.trim().to_owned();
        Arc::clone(named.entry(name).or_default())
    }

    /// A place in the session of this room, which is opened, or with `anew` opened again.
    fn enter(
        &self,
        room: &Room,
        wanted: &WantedSession,
        anew: bool,
        before: Option<&Part>,
    ) -> Result<(String, Option<(u64, Entrance)>), Refused> {
        let mut room = room.lock();
        let alone = |session: &PluginSession| {
            let own = before.and_then(|before| before.place);
            own.is_some_and(|(serial, _)| serial == session.serial()) && session.instances() == 1
        };
        if let Some(session) = room.as_mut().filter(|session| !anew && !session.is_over()) {
            let other_rate = session.rate() != wanted.rate;
            if !other_rate || !alone(session) && session.is_in_use() {
                let entrance = session.join(wanted)?;
                return Ok((
                    session.title().to_owned(),
                    Some((session.serial(), entrance)),
                ));
            }
        }
        if let Some(old) = room.take() {
            old.close();
        }
        if wishes::is_guest(wanted) {
            wishes::check_instance(wanted)?;
            return Ok(("a part in a session that nobody has opened".into(), None));
        }
        let serial = self.serial.fetch_add(1, Relaxed);
        let (session, entrance) = PluginSession::open(serial, wanted)?;
        let title = session.title().to_owned();
        *room = Some(session);
        Ok((title, Some((serial, entrance))))
    }
}

impl Part {
    /// What its session is about.
    pub(super) fn title(&self) -> &str {
        &self.title
    }

    /// What it was opened for.
    pub(super) fn wanted(&self) -> &WantedSession {
        &self.wanted
    }

    /// Its instance hears this from now on in its first output.
    pub(super) fn listen(&mut self, listening: Listening) {
        self.wanted.listening = listening.clone();
        self.listen_from(0, &[listening]);
    }

    /// And these in the others.
    pub(super) fn listen_more(&mut self, outputs: Vec<Listening>) {
        let known = self.wanted.outputs.iter_mut();
        known
            .zip(&outputs)
            .for_each(|(wish, new)| wish.clone_from(new));
        self.listen_from(1, &outputs);
    }

    fn listen_from(&mut self, first: usize, wishes: &[Listening]) {
        let mut room = self.room.lock();
        if let (Some(session), Some((serial, seat))) = (room.as_mut(), self.place)
            && session.serial() == serial
        {
            session.listen(seat, first, wishes);
            self.next_numbers = Instant::now();
        }
    }

    /// Told before a session is opened.
    pub(super) fn connecting() -> FromEngine {
        FromEngine::State(SessionState::Connecting)
    }

    /// Told after one was closed as wanted.
    pub(super) fn closed() -> FromEngine {
        FromEngine::State(SessionState::Ended {
            why: "Disconnected".into(),
        })
    }

    /// Whether another session is in its place, or one where there was none: it is to be opened again.
    pub(super) fn has_moved(&self) -> bool {
        let room = self.room.lock();
        room.as_ref().map(PluginSession::serial) != self.place.map(|(serial, _)| serial)
    }

    /// Takes are wanted, or not any more. Without a session there are none.
    pub(super) fn want_takes(&self, wishes: TakeWishes) {
        self.with_session(|session, seat| session.want_takes(seat, wishes));
    }

    /// What is sent is heard again so late.
    pub(super) fn note_loop(&self, measured: Loop) {
        self.with_session(|session, _| session.note_loop(measured));
    }

    fn with_session(&self, work: impl FnOnce(&mut PluginSession, u64)) {
        let mut room = self.room.lock();
        if let (Some(session), Some((serial, seat))) = (room.as_mut(), self.place)
            && session.serial() == serial
        {
            work(session, seat);
        }
    }

    /// What is to be told now: the state when it changed, the numbers some times a second.
    pub(super) fn poll(&mut self) -> Vec<FromEngine> {
        let mut messages = Vec::new();
        let mut room = self.room.lock();
        let state = match room.as_mut() {
            Some(session) => {
                session.poll();
                let sharing = self
                    .wanted
                    .share
                    .as_ref()
                    .map(|_| session.sharing(&self.wanted));
                if sharing.is_some() && sharing != self.told_sharing {
                    messages.extend(sharing.clone().map(FromEngine::Sharing));
                    self.told_sharing = sharing;
                }
                let edition = session.take_edition();
                if edition != self.told_takes {
                    let takes = session.takes_since(self.told_takes);
                    let some = takes.chunks(MOST_TAKES).map(<[_]>::to_vec);
                    messages.extend(some.map(FromEngine::Takes));
                    self.told_takes = edition;
                }
                let lines = session.chat(&mut self.told_chat);
                messages.extend(lines.into_iter().map(FromEngine::Chat));
                if Instant::now() >= self.next_numbers {
                    self.next_numbers = Instant::now() + NUMBERS_EVERY;
                    let seat = self.place.map_or(0, |(_, seat)| seat);
                    messages.push(FromEngine::Statistics(Box::new(session.statistics(seat))));
                    let players = session.players(seat);
                    // It stays theirs, should the session begin again.
                    keep(&mut self.wanted.listening, &players.heard);
                    let outputs = self.wanted.outputs.iter_mut().zip(&players.outputs);
                    outputs.for_each(|(wish, heard)| keep(wish, heard));
                    if self.told_players.as_ref() != Some(&players) {
                        messages.push(FromEngine::Players(Box::new(players.clone())));
                        self.told_players = Some(players);
                    }
                }
                session.state().clone()
            }
            None => {
                let share = self.wanted.share.as_ref();
                let session = share.map_or_else(String::new, |share| share.session.trim().into());
                SessionState::Unopened { session }
            }
        };
        if self.told_state.as_ref() != Some(&state) {
            self.told_state = Some(state.clone());
            messages.insert(0, FromEngine::State(state));
        }
        messages
    }

    /// Writes this to the other end of its session, if there is one.
    pub(super) fn say(&self, text: &str) {
        if let Some(session) = self.room.lock().as_mut() {
            session.say(text);
        }
    }

    /// Leaves the session; the last one says goodbye to the peer and lets go of everything.
    pub(super) fn close(self) {
        let mut room = self.room.lock();
        let Some((serial, seat)) = self.place else {
            return;
        };
        let is_ours = room
            .as_ref()
            .is_some_and(|session| session.serial() == serial);
        if is_ours
            && room.as_mut().is_some_and(|session| !session.leave(seat))
            && let Some(session) = room.take()
        {
            session.close();
        }
    }
}

/// Files of takes that a message holds, whatever their paths are.
const MOST_TAKES: usize = 12;

/// Notes who came for a wish.
fn keep(wish: &mut Listening, heard: &Option<String>) {
    if let Listening::Free { had } = wish {
        had.clone_from(heard);
    }
}

/// How often the numbers are told.
const NUMBERS_EVERY: Duration = Duration::from_millis(200);
