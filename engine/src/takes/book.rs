//! What is told of takes: written by the disk thread, read by whoever shows them.

use std::sync::atomic::{AtomicU64, Ordering};

use farsend_ipc::message::Take;
use parking_lot::Mutex;

use super::numbers::Numbers;

/// All takes of a session, in the order in which they began.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// Each with the edition in which it was new or another.
    takes: Mutex<Vec<(u64, Take)>>,
    edition: AtomicU64,
    /// Of those that are recorded now.
    pub(super) numbers: Numbers,
}

impl Book {
    /// This is how it is with this take now. A take that is known by its path is another one's place in the list.
    pub(super) fn tell(&self, take: Take) {
        let mut takes = self.takes.lock();
        let edition = self.edition() + 1;
        match takes.iter_mut().find(|(_, known)| known.path == take.path) {
            Some((_, known)) if *known == take => return,
            Some(known) => *known = (edition, take),
            None => {
                takes.push((edition, take));
                let kept = takes.len().saturating_sub(MOST);
                takes.drain(..kept);
            }
        }
        self.edition.store(edition, Ordering::Release);
    }

    /// Changes whenever something is told.
    pub(super) fn edition(&self) -> u64 {
        self.edition.load(Ordering::Acquire)
    }

    /// Those of which something is new since this edition; 0: all.
    pub(super) fn since(&self, edition: u64) -> Vec<Take> {
        let takes = self.takes.lock();
        let new = takes.iter().filter(|(changed, _)| *changed > edition);
        new.map(|(_, take)| take.clone()).collect()
    }
}

/// Files that are told of.
const MOST: usize = 200;
