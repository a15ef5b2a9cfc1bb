//! Whether the machine stood still meanwhile, as one does that is shared: audio in real time is not whole then, and for seconds
//! after it clocks are followed, so that nothing is exact.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

/// Watches each of the machine's processors from now on, until it is [asked](Self::number).
#[derive(Debug)]
pub struct Stops {
    over: Arc<AtomicBool>,
    watches: Vec<JoinHandle<usize>>,
}

impl Stops {
    /// Starts to watch.
    pub fn watch() -> Stops {
        let over = Arc::new(AtomicBool::new(false));
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let watch = |processor| {
            let over = Arc::clone(&over);
            std::thread::spawn(move || look(processor, &over))
        };
        Stops {
            watches: (0..processors).map(watch).collect(),
            over,
        }
    }

    /// How often a processor has kept a thread of the highest priority waiting for [`LONG`] and more.
    pub fn number(self) -> usize {
        self.over.store(true, Relaxed);
        let counts = self.watches.into_iter().map(|watch| watch.join());
        counts.map(|count| count.unwrap_or(0)).sum()
    }
}

fn look(processor: usize, over: &AtomicBool) -> usize {
    let mut only = CpuSet::new();
    // Where it may not choose it looks at any of them.
    let _ = only
        .set(processor)
        .and_then(|()| sched_setaffinity(Pid::from_raw(0), &only));
    let _ = farsend_rt::promote_current_thread(PRIORITY);
    let mut stops = 0;
    while !over.load(Relaxed) {
        let slept = Instant::now();
        std::thread::sleep(NAP);
        stops += usize::from(slept.elapsed() >= NAP + LONG);
    }
    stops
}

/// As long as a period of 128 frames at 48 kHz, about.
const LONG: Duration = Duration::from_millis(3);
const NAP: Duration = Duration::from_millis(1);
/// Above all that is tested.
const PRIORITY: u8 = 95;
