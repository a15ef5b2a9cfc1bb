//! Being sent away by a hub: what a Farsend is told ahead of the goodbye, so that it knows that nothing is broken.

use std::net::SocketAddr;

use farsend_wire::jacktrip::Control;

/// The word for one who is sent away, at both ends.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Farewell {
    /// To whom, and for how many seconds they are to stay away.
    said: Option<(SocketAddr, u32)>,
    due: bool,
    /// The peer has said it to us.
    heard: bool,
}

impl Farewell {
    /// Says it now, ...
    pub(super) const fn say(&mut self, to: SocketAddr, seconds: u32) {
        self.said = Some((to, seconds));
        self.due = true;
    }

    /// ... and once more with the goodbye: one may be lost.
    pub(super) const fn say_again(&mut self) {
        self.due = self.said.is_some();
    }

    /// What is to be sent.
    pub(super) fn poll(&mut self) -> Option<(SocketAddr, Control)> {
        let due = std::mem::take(&mut self.due);
        let (to, seconds) = self.said.filter(|_| due)?;
        Some((to, Control::SentAway { seconds }))
    }

    /// The peer says it. Whether for the first time.
    pub(super) const fn hear(&mut self) -> bool {
        !std::mem::replace(&mut self.heard, true)
    }
}
