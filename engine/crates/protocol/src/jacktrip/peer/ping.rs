//! How far away another Farsend is.

use std::time::Duration;

use farsend_units::MonoTime;
use farsend_wire::jacktrip::Control;

/// Asks now and then, and answers.
///
/// A JackTrip drops a ping without a word, so a peer that answers none of a few is not asked again until
/// it asks itself.
#[derive(Debug)]
pub(super) struct Pinger {
    every: Duration,
    /// When the next ping is due, while a peer is there.
    due: Option<MonoTime>,
    /// The ping that is not answered yet, and when it was made.
    asked: Option<MonoTime>,
    unanswered: u8,
    ping: Option<u64>,
    pong: Option<u64>,
    round_trip: Option<Duration>,
    /// The peer that is there now has answered.
    answered: bool,
}

impl Pinger {
    pub(super) const fn new(every: Duration) -> Self {
        Self {
            every,
            due: None,
            asked: None,
            unanswered: 0,
            ping: None,
            pong: None,
            round_trip: None,
            answered: false,
        }
    }

    /// A peer is there. It is not asked at once: a JackTrip takes the first datagram that it gets for audio, whatever
    /// its length, and ends the session if that was a ping.
    pub(super) fn start(&mut self, at: MonoTime) {
        self.due = Some(at + self.every.max(MIN_INTERVAL));
        self.unanswered = 0;
        self.answered = false;
    }

    /// Nobody is there to be asked.
    pub(super) const fn pause(&mut self) {
        self.answered = false;
        self.due = None;
        self.asked = None;
        self.ping = None;
    }

    pub(super) fn handle_timeout(&mut self, at: MonoTime) {
        if self.due.is_none_or(|due| at < due) {
            return;
        }
        if self.unanswered >= PATIENCE {
            self.due = None;
            return;
        }
        // Not `due + every`: after a long sleep there is nothing to catch up with.
        self.due = Some(at + self.every.max(MIN_INTERVAL));
        self.unanswered += 1;
        self.asked = Some(at);
        self.ping = Some(at.as_nanos());
    }

    /// The peer asks, so it would also answer.
    pub(super) fn handle_ping(&mut self, at: MonoTime, stamp: u64) {
        self.pong = Some(stamp);
        self.unanswered = 0;
        self.due.get_or_insert(at);
    }

    /// Only the answer to the last ping counts.
    pub(super) fn handle_pong(&mut self, at: MonoTime, stamp: u64) {
        if let Some(asked) = self.asked.take_if(|asked| asked.as_nanos() == stamp) {
            self.round_trip = Some(at.since(asked));
            self.unanswered = 0;
            self.answered = true;
        }
    }

    /// Whether the peer is a Farsend: it has answered, and not left our last pings unanswered.
    pub(super) const fn is_answered(&self) -> bool {
        self.answered && self.unanswered < PATIENCE
    }

    /// What is to be sent.
    pub(super) fn poll(&mut self) -> Option<Control> {
        let pong = self.pong.take().map(|stamp| Control::Pong { stamp });
        pong.or_else(|| self.ping.take().map(|stamp| Control::Ping { stamp }))
    }

    pub(super) const fn next_timeout(&self) -> Option<MonoTime> {
        self.due
    }

    pub(super) const fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }
}

/// Pings in a row without an answer before it is taken for a JackTrip.
const PATIENCE: u8 = 5;

/// Whatever the configuration says: a machine that is always due would never wait.
const MIN_INTERVAL: Duration = Duration::from_millis(10);
