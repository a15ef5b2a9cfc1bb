//! Wakes a control thread when there is something new for it.

use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// Given by any control thread, waited for by one. Given before it is waited for, it is kept.
#[derive(Debug, Default)]
pub struct Signal {
    given: Mutex<bool>,
    condition: Condvar,
}

impl Signal {
    /// Wakes the one who waits, now or when it comes to wait.
    pub fn give(&self) {
        *self.given.lock() = true;
        self.condition.notify_one();
    }

    /// Waits until the signal is given, no longer than `most` (`None`: for ever). Takes the signal.
    pub fn wait(&self, most: Option<Duration>) {
        let mut given = self.given.lock();
        match most {
            None => self.condition.wait_while(&mut given, |given| !*given),
            Some(most) => {
                self.condition
                    .wait_while_for(&mut given, |given| !*given, most);
            }
        }
        *given = false;
    }

    /// Whether the signal was given. Takes it.
    pub fn take(&self) -> bool {
        std::mem::take(&mut *self.given.lock())
    }
}
