//! The control thread's end of a session's takes.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use farsend_ipc::message::{Take, TakeWishes, WantedSession, session_name, take_folder};
use farsend_rt::{MailboxReader, MailboxSender, mailbox};
use farsend_units::{Channels, SampleRate};
use tracing::warn;

use super::book::Book;
use super::clerk::{Clerk, Setup};
use super::tap::{Tap, tap};

/// Begins and ends the taking, and knows what there is.
#[derive(Debug)]
pub struct TakeDesk {
    taps: MailboxSender<Option<Tap>>,
    rate: SampleRate,
    width: [Channels; 2],
    book: Arc<Book>,
    /// What is recorded now, and by whom.
    running: Option<(Setup, JoinHandle<()>)>,
    /// Those that complete what they have.
    ending: Vec<JoinHandle<()>>,
}

impl TakeDesk {
    /// For a session that sends and receives so many channels at this rate, and what its audio thread
    /// [records through](crate::peers::PeerLink::record_through).
    pub fn new(rate: SampleRate, width: [Channels; 2]) -> (Self, MailboxReader<Option<Tap>>) {
        let (taps, reader) = mailbox();
        let desk = Self {
            taps,
            rate,
            width,
            book: Arc::default(),
            running: None,
            ending: Vec::new(),
        };
        (desk, reader)
    }

    /// Takes are to be recorded as wished, of this session with `player` at the far end, or not at all. Allocates some megabytes
    /// while they are.
    pub fn wish(&mut self, wishes: &TakeWishes, wanted: &WantedSession, player: &str) {
        let setup = wishes.record.then(|| {
            let share = wanted.share.as_ref().map_or("", |share| &share.session);
            let session = session_name(share, wanted.role, wanted.port, &wanted.host);
            Setup {
                rate: self.rate,
                folder: take_folder(&wishes.folder, &session),
                session,
                player: player.to_owned(),
            }
        });
        if self.running.as_ref().map(|(setup, _)| setup) == setup.as_ref() {
            return;
        }
        if let Some((_, thread)) = self.running.take() {
            self.ending.push(thread);
            drop(self.taps.install(Box::new(None)));
        }
        let Some(setup) = setup else {
            return;
        };
        let [send, receive] = self.width;
        let (tap, drain) = tap(self.rate, send, receive);
        let clerk = Clerk::new(drain, setup.clone(), Arc::clone(&self.book));
        let thread = std::thread::Builder::new()
            .name("takes".into())
            .spawn(move || clerk.run());
        match thread {
            Ok(thread) => {
                drop(self.taps.install(Box::new(Some(tap))));
                self.running = Some((setup, thread));
            }
            Err(error) => warn!("no thread for takes: {error}"),
        }
    }

    /// Drops what the audio thread has given back. Some times a second.
    pub fn collect(&mut self) {
        drop(self.taps.collect());
        self.ending.retain(|thread| !thread.is_finished());
    }

    /// Changes whenever there is something new to tell.
    pub fn edition(&self) -> u64 {
        self.book.edition()
    }

    /// The takes of this session of which something is new since this edition, in the order in which they began.
    pub fn since(&self, edition: u64) -> Vec<Take> {
        self.book.since(edition)
    }

    /// Waits a little until all is written, once the audio thread's end is gone.
    pub fn finish(mut self) {
        drop(self.taps.install(Box::new(None)));
        self.ending
            .extend(self.running.take().map(|(_, thread)| thread));
        let begun = Instant::now();
        while self.ending.iter().any(|thread| !thread.is_finished()) {
            if begun.elapsed() > FINISH_PATIENCE {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// How long the end of a session waits for a disk; what is not written then is written behind its back.
const FINISH_PATIENCE: Duration = Duration::from_millis(1500);
