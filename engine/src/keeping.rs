//! Memory for what a peer wants to be kept that records: from the control thread, and back to it.

use farsend_protocol::repair::{History, HistorySize};
use farsend_rt::{MailboxReader, MailboxSender, mailbox};

use crate::statistics::Statistics;

/// The control thread's end. What is kept is in the audio thread's hands while a peer records, and nowhere else.
#[derive(Debug)]
pub struct Keeping {
    histories: MailboxSender<History>,
    /// What the audio thread has, or is to have.
    size: HistorySize,
}

/// Both ends of it. Nothing is kept.
pub fn keeping() -> (Keeping, MailboxReader<History>) {
    let (histories, reader) = mailbox();
    let size = HistorySize::NONE;
    (Keeping { histories, size }, reader)
}

impl Keeping {
    /// Gives what is wanted now, and takes back what is not any more. Some times a second; allocates and frees megabytes where something changes.
    pub fn attend(&mut self, now: &Statistics) {
        drop(self.histories.collect());
        let wanted = now.fetching.wanted;
        if wanted != self.size && !self.histories.is_pending() {
            self.size = wanted;
            drop(self.histories.install(Box::new(History::new(wanted))));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::FetchStatistics;

    #[test]
    fn there_is_as_much_memory_as_is_wanted_and_none_when_nothing_is() {
        let (mut keeping, mut reader) = keeping();
        let mut wants = |wanted| {
            let fetching = FetchStatistics {
                wanted,
                ..FetchStatistics::default()
            };
            keeping.attend(&Statistics {
                fetching,
                ..Statistics::default()
            });
            reader.newest().is_some_and(|history| history.is_of_use())
        };
        assert!(!wants(HistorySize::NONE));
        let some = HistorySize {
            bytes: 10_000,
            packets: 100,
        };
        assert!(wants(some) && wants(some));
        assert!(!wants(HistorySize::NONE));
        assert!(wants(some), "again");
    }
}
