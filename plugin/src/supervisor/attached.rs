//! A connection to an engine, and what was said over it.

use std::time::{Duration, Instant};

use farsend_ipc::connection::ClientConnection;
use farsend_ipc::message::{TakeWishes, ToEngine, WantedSession};
use farsend_ipc::segment::Watch;
use farsend_rt::clock;

use super::live::{self, Live};
use super::{RETRY, TURN};
use crate::situation::Situation;

/// A connection to an engine.
pub(super) struct Attached {
    pub(super) connection: ClientConnection,
    pub(super) opened: Option<WantedSession>,
    /// Wanted instead of that, since when.
    changed: Option<(WantedSession, Instant)>,
    pub(super) watch: Option<Watch>,
    /// What the engine said last of the session.
    pub(super) situation: Option<Situation>,
    /// When to ask for the session again: it cannot go on as it is.
    pub(super) retry: Option<Instant>,
    /// Whether the peer was there since the session was opened.
    pub(super) reached: bool,
    /// What was said of takes since the session was opened.
    pub(super) takes: Option<TakeWishes>,
    /// What is changed while it goes on.
    pub(super) live: Live,
}

impl Attached {
    pub(super) fn new(connection: ClientConnection) -> Self {
        Self {
            connection,
            opened: None,
            changed: None,
            watch: None,
            situation: None,
            retry: None,
            reached: false,
            takes: None,
            live: Live::default(),
        }
    }

    /// Whether to ask for this session. A wish that replaces another has to last: numbers are dragged.
    pub(super) fn is_time_for(&mut self, wanted: &WantedSession) -> bool {
        match &self.opened {
            None => return true,
            Some(opened) if live::is_one_session(opened, wanted) => {
                self.changed = None;
                return false;
            }
            Some(_) => {}
        }
        match &self.changed {
            Some((changed, since)) if changed == wanted => {
                since.elapsed() >= live::patience(self.opened.as_ref(), wanted)
            }
            _ => {
                self.changed = Some((wanted.clone(), Instant::now()));
                false
            }
        }
    }

    /// Whom to hear from now on, where nothing but that is wanted otherwise than it was opened: that needs no other session.
    pub(super) fn other_listening(&mut self, wanted: &WantedSession) -> Option<[ToEngine; 2]> {
        let opened = self.opened.as_mut()?;
        let hears = |one: &WantedSession| (one.listening.clone(), one.outputs.clone());
        let (before, now) = (hears(opened), hears(wanted));
        if before == now {
            return None;
        }
        (opened.listening, opened.outputs) = now.clone();
        if live::is_one_session(opened, wanted) {
            return Some([ToEngine::Listen(now.0), ToEngine::Outputs(now.1)]);
        }
        // All is opened anew.
        (opened.listening, opened.outputs) = before;
        None
    }

    /// The session cannot be had now.
    pub(super) fn refuse(&mut self, why: String, advice: String) {
        self.retry = Some(Instant::now() + RETRY);
        self.situation = Some(Situation::Refused { why, advice });
    }

    /// For how long the engine's audio thread has given no sign of life, though the host calls.
    pub(super) fn silence(&self) -> Option<Duration> {
        let (watch, now) = (self.watch.as_ref()?, clock::now());
        let called = watch
            .host_call()
            .is_some_and(|call| now.since(call.at) < TURN * 4);
        watch
            .engine_silence(now)
            .filter(|silence| called && *silence > SILENCE_LIMIT)
    }
}

/// How old the last sign of life of the engine's audio thread may be.
const SILENCE_LIMIT: Duration = Duration::from_secs(2);
