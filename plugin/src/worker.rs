//! The framework's worker: a thread that all VST3 instances of one kind share. What a host does on another thread than the one
//! that made the instance is done there a moment later: a changed parameter, a loaded state, a new latency.
//!
//! Left to itself it ends hosts. A task that it takes up when the instance is gone ends the thread, for all; whoever goes last
//! then sends it an order, and panics in the middle of the host's `release` because nobody takes that. So an instance that goes
//! waits for its tasks first:
//!
//! ```text
//!   release ──▶ mark ──▶ [task, task, mark] ──▶ worker ── reached ──▶ the instance is dropped
//! ```

use std::cell::RefCell;
use std::fmt::{Debug, Formatter};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use nice_plug::context::gui::AsyncExecutor;
use nice_plug::prelude::Plugin;

/// The only task of our own: all that was queued before it is done.
#[derive(Debug)]
pub struct Mark(Sender<()>);

impl Mark {
    /// Called on the worker's thread.
    pub(crate) fn reach(self) {
        // Whoever waited may have lost patience.
        let _ = self.0.send(());
    }
}

/// The way to the worker, for one instance.
pub(crate) struct Tasks(Box<dyn Fn(Mark)>);

impl Debug for Tasks {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Tasks")
    }
}

impl Tasks {
    /// Waits until what is queued is done, but not for ever: a host may hold what a task of its own waits for.
    pub(crate) fn finish(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (reached, marks) = channel();
            (self.0)(Mark(reached));
            let left = deadline.saturating_duration_since(Instant::now());
            match marks.recv_timeout(left) {
                // The mark is lost: the queue was full, or there is no worker any more.
                Err(RecvTimeoutError::Disconnected) if !left.is_zero() => std::thread::sleep(TURN),
                Err(_) => return,
                Ok(()) => break,
            }
        }
        // It holds the instance until it is through with the mark.
        std::thread::sleep(TURN);
    }
}

thread_local! {
    /// What the instance that is being made on this thread has offered; `None`: nobody wants it.
    static OFFERED: RefCell<Option<Option<Tasks>>> = const { RefCell::new(None) };
}

/// Makes an instance; gives the way to its tasks, too.
pub(crate) fn with_tasks<T>(make: impl FnOnce() -> T) -> (T, Option<Tasks>) {
    OFFERED.set(Some(None));
    let made = make();
    (made, OFFERED.take().flatten())
}

/// An instance that is being made says how its tasks are queued: the framework tells nobody but the plugin itself.
pub(crate) fn offer<P: Plugin<BackgroundTask = Mark> + 'static>(executor: AsyncExecutor<P>) {
    OFFERED.with_borrow_mut(|offered| {
        if let Some(offered) = offered {
            let queue = move |mark| executor.execute_background(mark);
            *offered = Some(Tasks(Box::new(queue)));
        }
    });
}

/// How long a host that takes an instance down is held up at most.
const PATIENCE: Duration = Duration::from_millis(500);
const TURN: Duration = Duration::from_millis(1);
