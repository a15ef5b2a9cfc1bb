//! Whether takes are still written: who ends this process waits for that, as long as it gets on.
//!
//! One for all sessions, as they have one end. A thread that completes what it has goes on behind its session's back
//! ([`TakeDesk::finish`](super::TakeDesk::finish)): what is laid along the timeline may take minutes on a slow disk.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// Disk threads that there are, and what they have done so far.
static THREADS: AtomicU64 = AtomicU64::new(0);
static STEPS: AtomicU64 = AtomicU64::new(0);

/// A disk thread's, from its beginning to its end, whichever that is.
#[derive(Debug)]
pub(super) struct Underway(());

impl Underway {
    /// One more.
    pub(super) fn begin() -> Self {
        THREADS.fetch_add(1, Relaxed);
        Self(())
    }

    /// It gets on.
    pub(super) fn step() {
        STEPS.fetch_add(1, Relaxed);
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        THREADS.fetch_sub(1, Relaxed);
    }
}

/// Looks after all of them.
#[derive(Debug)]
pub struct Unwritten {
    steps: u64,
    since: Instant,
}

impl Unwritten {
    /// From now on.
    pub fn new(now: Instant) -> Self {
        Self {
            steps: STEPS.load(Relaxed),
            since: now,
        }
    }

    /// Whether something is still to be written, and that has got on within the last [`STALLED`].
    pub fn gets_on(&mut self, now: Instant) -> bool {
        let steps = STEPS.load(Relaxed);
        if steps != self.steps {
            (self.steps, self.since) = (steps, now);
        }
        THREADS.load(Relaxed) > 0 && now.saturating_duration_since(self.since) < STALLED
    }

    /// Waits for it, but no longer than [`LONGEST`]. Whether all is written.
    pub fn wait(mut self) -> bool {
        let begun = Instant::now();
        while self.gets_on(Instant::now()) && begun.elapsed() < LONGEST {
            std::thread::sleep(LOOK_EVERY);
        }
        THREADS.load(Relaxed) == 0
    }
}

/// A disk that has taken nothing for so long is not waited for.
const STALLED: Duration = Duration::from_secs(20);
/// However much there is to do.
const LONGEST: Duration = Duration::from_secs(300);
const LOOK_EVERY: Duration = Duration::from_millis(10);
