//! What is changed about a session while it goes on: its queue, and whether its delay is to stay; and the loop that was measured.
//!
//! In a call there is one delay, at a hub of ours one for each player: an instance's is that of the player whom it hears.

use farsend_ipc::message::{Delay, Loop};
use farsend_stream::DepthPolicy;

use super::PluginSession;
use crate::control::wishes::{self, Refused};
use crate::statistics::Statistics;

/// What was wished so far.
#[derive(Debug, Default)]
pub(super) struct Live {
    /// The instances that want the delay to stay.
    keepers: Vec<u64>,
    /// The players at our hub whose delays stay for them, by their admissions.
    kept: Vec<u64>,
}

impl PluginSession {
    /// Whether the delay is to stay as it is, for this instance. As long as one wants it, it stays.
    pub(in crate::control) fn keep_delay(&mut self, seat: u64, keep: bool) {
        let kept = self.keeps_delay();
        self.live.keepers.retain(|keeper| *keeper != seat);
        if keep {
            self.live.keepers.push(seat);
        }
        if self.hub.is_some() {
            self.keep_players();
        } else if self.keeps_delay() != kept {
            // With its ring full the thread does not look any more, and nobody is served.
            _ = self.backend.keep_delay(!kept);
        }
    }

    /// Whether it is to stay for anybody.
    fn keeps_delay(&self) -> bool {
        !self.live.keepers.is_empty()
    }

    /// At a hub of ours: has the delays of those players stay whom instances hear that want it. To be called when either may have changed.
    pub(super) fn keep_players(&mut self) {
        let Some(hub) = &self.hub else {
            return;
        };
        let keepers = self.live.keepers.iter();
        let players = keepers.filter_map(|seat| self.tracks.player(*seat));
        let mut kept: Vec<u64> = players.map(|player| player.admission).collect();
        kept.sort_unstable();
        kept.dedup();
        if kept != self.live.kept {
            hub.keep_delays(kept.clone());
            self.live.kept = kept;
        }
    }

    /// What became of the delay of what this instance hears.
    pub(super) fn delay(&self, seat: u64, now: &Statistics) -> Delay {
        if self.hub.is_none() {
            return Delay {
                kept: self.keeps_delay(),
                player: 0,
                moves: now.buffer.moves,
            };
        }
        let player = self.tracks.player(seat);
        player.map_or_else(Delay::default, |player| Delay {
            kept: self.live.kept.contains(&player.admission),
            player: player.admission,
            moves: player.moves,
        })
    }

    /// An instance has measured that what is sent is heard again so late.
    pub(in crate::control) fn note_loop(&mut self, measured: Loop) {
        match &self.hub {
            Some(hub) => hub.note_loop(measured),
            // With its ring full the thread does not look any more, and nobody is served.
            None => _ = self.backend.note_loop(measured),
        }
    }

    /// Another queue, in packets, 0: automatic; at a hub of ours for each player. Without a break.
    ///
    /// # Errors
    /// [`Refused`], in words for the plugin's window: it is too long.
    pub(in crate::control) fn set_queue(&mut self, queue: u16) -> Result<(), Refused> {
        let depth: DepthPolicy = wishes::depth(queue)?;
        self.wanted.queue = queue;
        self.health.set_depth(depth);
        match &self.hub {
            Some(hub) => hub.set_depth(depth),
            // With its ring full the thread does not look any more, and nobody is served.
            None => _ = self.backend.set_depth(depth),
        }
        Ok(())
    }
}
