//! Whether the peer understands repair datagrams, and what both ends say of them.

use std::time::Duration;

use farsend_units::MonoTime;
use farsend_wire::jacktrip::{Control, Reception, Wanted};

/// Says how the peer's audio comes, once it is known that a Farsend listens; hears the same from it.
///
/// ```text
///   ping ──▶ pong: a Farsend, which is told how its audio comes ──▶ its word of ours: it understands repair
/// ```
/// A JackTrip answers no ping, so it is never sent anything of this.
#[derive(Debug)]
pub(super) struct Repairs {
    wished: bool,
    /// When the peer has spoken last.
    heard: Option<MonoTime>,
    /// When we have, and what we knew then.
    said: Option<(MonoTime, Reception)>,
    /// To be sent.
    reception: Option<Reception>,
    wanted: Option<Wanted>,
    /// To be given to the caller.
    told: Option<Reception>,
    asked: Option<Wanted>,
}

impl Repairs {
    pub(super) const fn new(wished: bool) -> Self {
        Self {
            wished,
            heard: None,
            said: None,
            reception: None,
            wanted: None,
            told: None,
            asked: None,
        }
    }

    pub(super) const fn are_wished(&self) -> bool {
        self.wished
    }

    /// Whether a peer that answers pings understands repair, as far as was heard lately.
    pub(super) fn are_understood(&self, at: MonoTime) -> bool {
        self.wished && self.heard.is_some_and(|heard| at < heard + VALID)
    }

    /// How the audio of a peer that answers pings comes: said every second, earlier if more was lost.
    pub(super) fn note(&mut self, at: MonoTime, reception: Reception) {
        if !self.wished {
            return;
        }
        let due = match self.said {
            None => true,
            Some((said, before)) => {
                let soon = before.lost != reception.lost;
                at >= said + if soon { SOON } else { EVERY }
            }
        };
        if due {
            self.said = Some((at, reception));
            self.reception = Some(reception);
        }
    }

    pub(super) fn want(&mut self, at: MonoTime, wanted: Wanted) {
        if self.are_understood(at) {
            self.wanted = Some(wanted);
        }
    }

    pub(super) const fn handle_reception(&mut self, at: MonoTime, reception: Reception) {
        if self.wished {
            self.heard = Some(at);
            self.told = Some(reception);
        }
    }

    pub(super) fn handle_wanted(&mut self, at: MonoTime, wanted: Wanted) {
        if self.are_understood(at) {
            self.asked = Some(wanted);
        }
    }

    /// What is to be sent.
    pub(super) fn poll(&mut self) -> Option<Control> {
        let wanted = self.wanted.take().map(Control::Wanted);
        wanted.or_else(|| self.reception.take().map(Control::Reception))
    }

    pub(super) const fn told(&mut self) -> Option<Reception> {
        self.told.take()
    }

    pub(super) const fn asked(&mut self) -> Option<Wanted> {
        self.asked.take()
    }
}

/// Between two words of ours.
const EVERY: Duration = Duration::from_secs(1);

/// The same, when there is something new.
const SOON: Duration = Duration::from_millis(200);

/// The peer's word holds as long; a few may be lost.
const VALID: Duration = Duration::from_millis(4500);
