//! The control thread's end of a session's takes.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use farsend_ipc::message::{Take, TakeWishes, WantedSession, session_name, take_folder};
use farsend_rt::{MailboxReader, MailboxSender, mailbox};
use farsend_units::{Channels, SampleRate};
use tracing::warn;

use super::book::Book;
use super::clerk::{Called, Clerk, Setup};
use super::tap::{Tap, tap};

/// What the takes of several players at one session have in common: where they are listed, and their numbers.
#[derive(Debug, Clone, Default)]
pub struct TakeList(Arc<Book>);

/// Begins and ends the taking, and knows what there is.
#[derive(Debug)]
pub struct TakeDesk {
    taps: MailboxSender<Option<Tap>>,
    rate: SampleRate,
    width: [Channels; 2],
    book: Arc<Book>,
    /// Whether what is sent has files, too.
    keeps_send: bool,
    /// What the far end calls itself.
    called: Called,
    /// What is recorded now, and by whom.
    running: Option<(Setup, JoinHandle<()>)>,
    /// Those that complete what they have.
    ending: Vec<JoinHandle<()>>,
}

impl TakeDesk {
    /// For a session that sends and receives so many channels at this rate, and what its audio thread
    /// [records through](crate::peers::PeerLink::record_through).
    pub fn new(rate: SampleRate, width: [Channels; 2]) -> (Self, MailboxReader<Option<Tap>>) {
        Self::build(TakeList::default(), rate, width, true)
    }

    /// For one of several players, who sends so many channels: what they are sent is recorded by somebody else, in takes of the same list.
    pub fn of_player(
        list: &TakeList,
        rate: SampleRate,
        receive: Channels,
    ) -> (Self, MailboxReader<Option<Tap>>) {
        Self::build(list.clone(), rate, [Channels(0), receive], false)
    }

    fn build(
        TakeList(book): TakeList,
        rate: SampleRate,
        width: [Channels; 2],
        keeps_send: bool,
    ) -> (Self, MailboxReader<Option<Tap>>) {
        let (taps, reader) = mailbox();
        let desk = Self {
            taps,
            rate,
            width,
            book,
            keeps_send,
            called: Called::default(),
            running: None,
            ending: Vec::new(),
        };
        (desk, reader)
    }

    /// Where its takes are listed, for the players' own desks.
    pub fn list(&self) -> TakeList {
        TakeList(Arc::clone(&self.book))
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
                keeps_send: self.keeps_send,
            }
        });
        if self.running.as_ref().map(|(setup, _)| setup) == setup.as_ref() {
            return;
        }
        self.end();
        let Some(setup) = setup else {
            return;
        };
        if self.keeps_send {
            // In the midst of a roll it is another take: the one before ended.
            self.book.numbers.forget();
        }
        let [send, receive] = self.width;
        let (tap, drain) = tap(self.rate, send, receive);
        let clerk = Clerk::new(drain, setup.clone(), Arc::clone(&self.book));
        let clerk = clerk.naming(Arc::clone(&self.called));
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

    /// The far end calls itself this; empty: nothing. The files that are made from now on are called so.
    pub fn call(&self, name: &str) {
        name.clone_into(&mut self.called.lock());
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

    /// Nothing more is recorded. What was is written behind our backs; see [`is_over`](Self::is_over).
    pub fn end(&mut self) {
        if let Some((_, thread)) = self.running.take() {
            self.ending.push(thread);
            drop(self.taps.install(Box::new(None)));
        }
    }

    /// Whether nothing is recorded, and all that was is written.
    pub fn is_over(&self) -> bool {
        self.running.is_none() && self.ending.iter().all(JoinHandle::is_finished)
    }

    /// Waits a little until all is written, once the audio thread's end is gone.
    pub fn finish(self) {
        Self::finish_all(std::iter::once(self));
    }

    /// The same for several, with the patience of one.
    pub fn finish_all(desks: impl IntoIterator<Item = Self>) {
        let mut desks: Vec<Self> = desks.into_iter().collect();
        desks.iter_mut().for_each(Self::end);
        let begun = Instant::now();
        while desks.iter().any(|desk| !desk.is_over()) && begun.elapsed() < FINISH_PATIENCE {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// How long the end of a session waits for a disk; what is not written then is written behind its back.
const FINISH_PATIENCE: Duration = Duration::from_millis(1500);
