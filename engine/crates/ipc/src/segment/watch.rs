//! A look at a segment from a control thread.

use std::sync::Arc;
use std::time::Duration;

use farsend_units::MonoTime;

use super::layout::Word;
use super::shared::Shared;
use super::{HostCall, SegmentConfig, SegmentCounts};

/// A segment as seen by a thread that is not for audio: whether the other side lives, and counts.
///
/// Keeps the memory mapped for as long as it lives. What it tells came from the other process, so it
/// may be anything if that is broken.
#[derive(Debug, Clone)]
pub struct Watch {
    shared: Arc<Shared>,
}

impl Watch {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self {
            shared: Arc::clone(shared),
        }
    }

    /// What the segment was made for.
    pub fn config(&self) -> SegmentConfig {
        self.shared.geometry().config()
    }

    /// Tells this segment from the others of the same engine.
    pub fn generation(&self) -> u64 {
        self.shared.generation()
    }

    /// The host's last call into the plugin, `None` before the first.
    pub fn host_call(&self) -> Option<HostCall> {
        self.shared.call().filter(|call| call.number > 0)
    }

    /// How long ago the engine's audio thread gave a sign of life, `None` if it never did.
    pub fn engine_silence(&self, now: MonoTime) -> Option<Duration> {
        (self.engine_beats() > 0)
            .then(|| now.since(MonoTime::from_nanos(self.shared.get(Word::BeatAt))))
    }

    /// Signs of life of the engine's audio thread, so far.
    pub fn engine_beats(&self) -> u64 {
        self.shared.get(Word::BeatCount)
    }

    /// What went wrong, of both sides.
    pub fn counts(&self) -> SegmentCounts {
        self.shared.counts()
    }
}
