//! What is changed about a session while it goes on: its queue, and whether its delay is to stay.

use farsend_stream::DepthPolicy;

use super::PluginSession;
use crate::control::wishes::{self, Refused};

/// What was wished so far.
#[derive(Debug, Default)]
pub(super) struct Live {
    /// The instances that want the delay to stay.
    keepers: Vec<u64>,
}

impl PluginSession {
    /// Whether the delay is to stay as it is, for this instance. As long as one wants it, it stays.
    pub(in crate::control) fn keep_delay(&mut self, seat: u64, keep: bool) {
        let kept = self.keeps_delay();
        self.live.keepers.retain(|keeper| *keeper != seat);
        if keep {
            self.live.keepers.push(seat);
        }
        if self.keeps_delay() != kept {
            // With its ring full the thread does not look any more, and nobody is served.
            _ = self.backend.keep_delay(!kept);
        }
    }

    /// Whether it is to stay for anybody.
    pub(super) fn keeps_delay(&self) -> bool {
        !self.live.keepers.is_empty()
    }

    /// Another queue, in packets, 0: automatic. Without a break.
    ///
    /// # Errors
    /// [`Refused`], in words for the plugin's window: it is too long.
    pub(in crate::control) fn set_queue(&mut self, queue: u16) -> Result<(), Refused> {
        let depth: DepthPolicy = wishes::depth(queue)?;
        self.wanted.queue = queue;
        self.health.set_depth(depth);
        _ = self.backend.set_depth(depth);
        Ok(())
    }
}
