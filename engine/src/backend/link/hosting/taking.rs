//! What a hub's thread tells of its time line where takes of its players are recorded.

use farsend_units::MonoTime;

use super::House;
use crate::backend::link::taking::{LOOK_EVERY, reached};

impl House {
    /// A period was played: it was that of what was sent until `end`.
    pub(super) fn note_sent(&mut self, end: u64) {
        let position = end.wrapping_sub(self.floor.period() as u64);
        self.floor.note_sent(position);
        if let Some(tap) = self.taps.newest().and_then(Option::as_mut) {
            // To each player it went by itself.
            tap.sent(position, None, &self.floor.captured());
        }
    }

    /// Tells of the host's transport and of what has come.
    pub(super) fn tell_taking(&mut self, now: MonoTime) {
        let Some(stretch) = self.seats.transport() else {
            return;
        };
        if let Some(tap) = self.taps.newest().and_then(Option::as_mut) {
            tap.stretch(stretch);
        }
        let call = self.seats.lead.session_call();
        let call = call.filter(|_| now >= self.next_look);
        let rate = self.seats.rate();
        let position = call.map(|call| {
            self.next_look = now + LOOK_EVERY;
            reached(&call, now, rate)
        });
        self.floor.tell_taking(stretch, position);
    }
}
