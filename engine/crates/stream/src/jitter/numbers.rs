//! What a jitter buffer tells of itself, of the path and of the two clocks.

use std::time::Duration;

use farsend_units::Frames;

use super::JitterBuffer;
use crate::contract::{BufferCounts, Jitter, Wait};
use crate::watch::Irregular;

impl JitterBuffer {
    /// What happened so far.
    pub fn counts(&self) -> BufferCounts {
        let [received, late, lost, duplicate] = self.tally.counts();
        BufferCounts {
            received,
            late,
            lost,
            duplicate,
            revived: self.revived,
            repaired: self.repaired,
            nonsense: self.nonsense,
            dry: self.dry,
            concealed: self.concealed,
            skipped: self.skipped,
            reanchored: self.reanchored,
            moves: self.moves,
        }
    }

    /// Frames from the next one to be pulled to the end of the newest packet: the delay that the
    /// buffer makes.
    pub fn queued(&self) -> Frames {
        let frames = if self.anchored {
            self.end() - self.next + self.hold + self.resampler.lag() as i64
        } else {
            0
        };
        Frames(frames.clamp(0, i64::from(u32::MAX)) as u32)
    }

    /// Which of the peer's frames is pulled next, counted from that with which packet number 0 would begin; none while there is no stream
    /// to play.
    pub fn playhead(&self) -> Option<f64> {
        let base = self.base.filter(|_| self.anchored)?;
        let next = base.saturating_mul(self.period) + self.next - self.hold;
        Some(next as f64 - self.resampler.lag())
    }

    /// What [`queued`](Self::queued) is to be at most, right before a block is played.
    pub fn target(&self) -> Frames {
        Frames(self.depth.target().clamp(0, i64::from(u32::MAX)) as u32)
    }

    /// How much faster than ours the peer's clock is, in ppm; none until some seconds were seen.
    pub fn drift(&self) -> Option<f64> {
        Some(self.depth.drift()? * 1e6)
    }

    /// How much faster than nominal our blocks are played, in ppm, on the clock of the packets' arrival; none until
    /// some seconds were seen. Says whose clock it is that drifts.
    pub fn own_drift(&self) -> Option<f64> {
        Some(self.depth.own_drift()? * 1e6)
    }

    /// The greatest depth of the last quarter of a second or more, each right before a block was played: how long
    /// audio waits here, and what [`target`](Self::target) is to be compared with. Frames of the peer's.
    pub fn depth(&self) -> Frames {
        Frames(self.watch.depth().clamp(0, i64::from(u32::MAX)) as u32)
    }

    /// What the path and our own calls did irregularly.
    pub fn irregular(&self) -> Irregular {
        self.watch.counts()
    }

    /// How late the packets of the last half minute came, after the earliest ones: those that came by themselves.
    pub fn jitter(&self) -> Jitter {
        let [half, most, nearly_all] = self.depth.lateness().map(Duration::from_secs_f64);
        Jitter {
            half,
            most,
            nearly_all,
        }
    }

    /// How late packets may be without being missed, as the depth is meant to be.
    pub fn reserve(&self) -> Duration {
        Duration::from_secs_f64(self.depth.reserve().max(0.0))
    }

    /// How long what is heard waits here; none until that is known, some seconds after a stream has begun.
    pub fn wait(&self) -> Option<Wait> {
        let [now, own] = self.depth.wait()?;
        let [now, own] =
            [now, own].map(|seconds| Duration::from_secs_f64(seconds.clamp(0.0, 60.0)));
        Some(Wait { now, own })
    }
}
