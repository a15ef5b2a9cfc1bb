//! How long what is heard has waited here, and a stream that is held back so that it waits for longer.
//!
//! A frame's wait is counted from when it would have been there had it come as early as any. A stream that is to wait for so long has
//! no more frames to spare than there are beyond that.

use super::{Depth, Place};
use crate::observed::Spare;

/// What is known of it, in seconds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Held {
    /// How long it is to wait at least; 0: no longer than it must.
    goal: f64,
    /// The last block's wait, and what it would be if it were not held back.
    wait: Option<f64>,
    own: Option<f64>,
}

impl Held {
    /// Packets and blocks are others from now on.
    pub(super) fn forget(&mut self) {
        (self.wait, self.own) = (None, None);
    }
}

impl Depth {
    /// Holds the stream back so that what is heard has waited for so many seconds at least, as far as the buffer
    /// reaches. It goes there as to any other depth.
    pub(crate) fn hold(&mut self, seconds: f64) {
        let goal = if seconds.is_finite() { seconds } else { 0.0 };
        if goal != self.held.goal {
            self.held.goal = goal;
            self.spare = Spare::default();
        }
    }

    /// How long the next block has waited, and how long it would have if it were not held back; none until that is known.
    pub(crate) fn wait(&self) -> Option<[f64; 2]> {
        Some([self.held.wait?, self.held.own?])
    }

    /// What it is held back for, in seconds, as far as the buffer reaches.
    pub(super) fn held_for(&self) -> f64 {
        let most = (self.limit - self.gapless()) as f64 / self.theirs;
        self.held.goal.min(most).max(0.0)
    }

    /// The block at this place begins then, in seconds after the place's time. Gives how many frames it has to spare as it is held
    /// back.
    pub(super) fn note_wait(&mut self, begins: Option<f64>, place: &Place) -> f64 {
        let there = self.peer.time_of(place.play, place.now);
        self.held.wait = begins.zip(there).map(|(begins, there)| begins - there);
        match (self.held.wait, self.held_for()) {
            (Some(wait), goal) if goal > 0.0 => (wait - goal) * self.theirs,
            _ => f64::MAX,
        }
    }

    /// So many frames would be to spare now if the stream were not held back.
    pub(super) fn note_own(&mut self, spare: f64) {
        let own = self.held.wait.map(|wait| wait - spare / self.theirs);
        self.held.own = own.or(self.held.own);
    }
}
