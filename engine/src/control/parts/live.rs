//! What an instance changes about its session while it goes on.

use farsend_ipc::message::About;

use super::Part;
use crate::control::wishes::Refused;

impl Part {
    /// Whether the delay of its session is to stay as it is.
    pub(in crate::control) fn keep_delay(&mut self, keep: bool) {
        let mut room = self.room.lock();
        if let (Some(session), Some((serial, seat))) = (room.as_mut(), self.place)
            && session.serial() == serial
        {
            session.keep_delay(seat, keep);
        }
    }

    /// Another queue for its session.
    ///
    /// # Errors
    /// [`Refused`], in words for the plugin's window.
    pub(in crate::control) fn set_queue(&mut self, queue: u16) -> Result<(), Refused> {
        self.wanted.queue = queue;
        let mut room = self.room.lock();
        match room.as_mut() {
            Some(session) if self.place.map(|(serial, _)| serial) == Some(session.serial()) => {
                session.set_queue(queue)
            }
            _ => Ok(()),
        }
    }

    /// Whose track it is, from now on.
    pub(in crate::control) fn set_about(&mut self, about: About) {
        self.with_session(|session, seat| session.rename(seat, &about));
        self.wanted.name = about.name;
    }
}
