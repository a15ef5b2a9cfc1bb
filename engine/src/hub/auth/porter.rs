//! The thread behind the door: TLS, passwords, and who has to wait. The hub's control thread only says who gets a place.

use std::collections::VecDeque;
use std::net::{IpAddr, TcpStream};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{
    Receiver, RecvTimeoutError, Sender, SyncSender, TryRecvError, TrySendError, channel,
    sync_channel,
};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use farsend_protocol::jacktrip::{Judgement, Moment};
use farsend_wire::jacktrip::{Hello, Reply};
use nix::poll::{PollFd, PollTimeout, poll};
use rustls::ServerConfig;

use super::Auth;
use super::book::Book;
use super::guest::{Guest, Standing};
use super::throttle::Throttle;
use crate::hub::door::{Answer, Welcome};
use crate::hub::fair::{crowd, network};
use crate::hub::tidings::Tidings;

/// The control thread's end.
#[derive(Debug)]
pub(in crate::hub) struct Porter {
    newcomers: Option<SyncSender<Newcomer>>,
    answers: Sender<Verdict>,
    words: Receiver<Word>,
    asked: VecDeque<Question>,
    tidings: Vec<Tidings>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Somebody whose password is right: is there a place?
#[derive(Debug, Clone)]
pub(in crate::hub) struct Question {
    host: IpAddr,
    hello: Hello,
    user: Option<String>,
    id: u64,
    until: Instant,
}

pub(in crate::hub) type Newcomer = (TcpStream, IpAddr, Vec<u8>);

/// To whom, and what.
type Verdict = (u64, Answer);

#[derive(Debug)]
enum Word {
    Asks(Question),
    Tells(Tidings),
}

impl Porter {
    /// Starts the thread.
    pub(in crate::hub) fn start(auth: Auth) -> std::io::Result<Self> {
        let (newcomers, arrivals) = sync_channel(MOST_NEWCOMERS);
        let (answers, answered) = channel();
        let (say, words) = sync_channel(MOST_WORDS);
        let stop = Arc::new(AtomicBool::new(false));
        let mut lodge = Lodge {
            config: auth.config,
            book: auth.book,
            throttle: Throttle::default(),
            guests: Vec::new(),
            last_id: 0,
            say,
            stop: stop.clone(),
        };
        let run = move || lodge.run(&arrivals, &answered);
        let thread = std::thread::Builder::new()
            .name("porter".into())
            .spawn(run)?;
        Ok(Self {
            newcomers: Some(newcomers),
            answers,
            words,
            asked: VecDeque::new(),
            tidings: Vec::new(),
            stop,
            thread: Some(thread),
        })
    }

    /// Hands a connection over that was told to go on with TLS. `early`: what came from it already. Gives it back if it
    /// cannot be taken yet.
    pub(in crate::hub) fn receive(
        &self,
        stream: TcpStream,
        host: IpAddr,
        early: Vec<u8>,
    ) -> Result<(), Newcomer> {
        let Some(newcomers) = &self.newcomers else {
            return Ok(());
        };
        match newcomers.try_send((stream, host, early)) {
            Err(TrySendError::Full(newcomer)) => Err(newcomer),
            Ok(()) | Err(TrySendError::Disconnected(_)) => Ok(()),
        }
    }

    /// Calls `welcome` for each who waits for an answer: one who is to wait is asked about again the next time.
    pub(in crate::hub) fn attend(&mut self, now: Instant, welcome: &mut Welcome<'_>) {
        loop {
            match self.words.try_recv() {
                Ok(Word::Asks(question)) => self.asked.push_back(question),
                Ok(Word::Tells(tidings)) => self.tidings.push(tidings),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        let Self {
            asked,
            answers,
            tidings,
            ..
        } = self;
        asked.retain(|question| {
            if now >= question.until {
                let host = question.host;
                tidings.push(Tidings::NoRoom { host });
                return false;
            }
            let answer = welcome(question.host, &question.hello, question.user.as_deref());
            if matches!(answer, Answer::Port(_)) {
                tidings.push(Tidings::LoggedIn {
                    user: question.user.clone(),
                    name: question.hello.name,
                    host: question.host,
                });
            }
            if answer != Answer::Later {
                _ = answers.send((question.id, answer));
            }
            answer == Answer::Later
        });
    }

    /// What has happened since the last time.
    pub(in crate::hub) fn tidings(&mut self) -> Vec<Tidings> {
        std::mem::take(&mut self.tidings)
    }
}

impl Drop for Porter {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        self.newcomers = None;
        if let Some(thread) = self.thread.take() {
            _ = thread.join();
        }
    }
}

/// The thread's own.
struct Lodge {
    config: Arc<ServerConfig>,
    book: Book,
    throttle: Throttle,
    /// Those who came first are first.
    guests: Vec<Guest>,
    last_id: u64,
    say: SyncSender<Word>,
    stop: Arc<AtomicBool>,
}

impl Lodge {
    fn run(&mut self, arrivals: &Receiver<Newcomer>, answers: &Receiver<Verdict>) {
        let mut look_at = Instant::now() + REREAD_EVERY;
        while !self.stop.load(Relaxed) {
            if self.guests.is_empty() {
                match arrivals.recv_timeout(REREAD_EVERY) {
                    Ok(newcomer) => self.admit(newcomer),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            } else {
                self.wait();
            }
            while let Ok(newcomer) = arrivals.try_recv() {
                self.admit(newcomer);
            }
            if Instant::now() >= look_at {
                self.reread();
                look_at = Instant::now() + REREAD_EVERY;
            }
            while let Ok((id, answer)) = answers.try_recv() {
                self.answer(id, answer);
            }
            self.attend();
        }
    }

    fn wait(&self) {
        let interest = |guest: &Guest| guest.interest();
        let mut all: Vec<PollFd<'_>> = self
            .guests
            .iter()
            .map(|guest| PollFd::new(guest.as_fd(), interest(guest)))
            .collect();
        // Whatever it says: all are looked at.
        _ = poll(&mut all, PollTimeout::from(LOOK_EVERY_MS));
    }

    /// Makes room for one more: a crowded host loses its oldest whose password is not known to be right.
    fn admit(&mut self, newcomer: Newcomer) {
        let hosts = self.guests.iter().map(|guest| network(guest.host));
        if let Some(crowd) = crowd(hosts, network(newcomer.1), MOST_GUESTS) {
            let oldest = |guest: &Guest| network(guest.host) == crowd && guest.is_unknown();
            match self.guests.iter().position(oldest) {
                Some(index) => drop(self.guests.remove(index)),
                None => return,
            }
        }
        self.last_id += 1;
        let guest = Guest::new(&self.config, self.last_id, newcomer, Instant::now());
        self.guests.extend(guest);
    }

    fn answer(&mut self, id: u64, answer: Answer) {
        let Some(index) = self.guests.iter().position(|guest| guest.id == id) else {
            return;
        };
        let reply = match answer {
            Answer::Port(port) => Reply::Port(port),
            Answer::NotNow => Reply::NotAtThisTime,
            // JackTrip's hub closes without a word where it is full.
            Answer::Full | Answer::Later => return drop(self.guests.remove(index)),
        };
        self.guests[index].say(reply, Instant::now());
    }

    /// Looks at each once, so that none keeps the others waiting for longer than it takes to check a password each.
    fn attend(&mut self) {
        let Self {
            guests,
            book,
            throttle,
            say,
            ..
        } = self;
        guests.retain_mut(|guest| {
            let now = Instant::now();
            match guest.attend(now) {
                Standing::Stays => true,
                Standing::Gone => false,
                Standing::Spoke => {
                    // Without a try left they wait, and are cut off in the end.
                    !throttle.take(guest.host, now) || judge(guest, book, throttle, say)
                }
            }
        });
    }

    fn reread(&mut self) {
        let Some(read) = self.book.reread() else {
            return;
        };
        let tidings = match read {
            Ok(bad) => Tidings::Users {
                count: self.book.users().count(),
                bad,
            },
            Err(error) => Tidings::NoUsers(error.to_string()),
        };
        _ = self.say.try_send(Word::Tells(tidings));
    }
}

/// Checks user, password and time. False: they cannot even be told.
fn judge(guest: &mut Guest, book: &Book, throttle: &mut Throttle, say: &SyncSender<Word>) -> bool {
    let Some(log_in) = guest.log_in() else {
        return false;
    };
    let (host, hello) = (guest.host, log_in.hello);
    let judgement = book.users().judge(&log_in, now_here());
    // Not of a user who is not known: people type their password there.
    let user = std::str::from_utf8(log_in.user).ok();
    let user = user.filter(|user| book.users().knows(user));
    let user = user.map(str::to_owned);
    let asks = user.clone();
    let now = Instant::now();
    let refused = match judgement {
        Judgement::WrongCredentials => {
            Some((Tidings::Wrong { user, host }, Reply::WrongCredentials))
        }
        Judgement::NotAtThisTime => Some((Tidings::NotNow { user, host }, Reply::NotAtThisTime)),
        // Told of once there is a place for them.
        Judgement::Welcome => None,
    };
    if judgement != Judgement::WrongCredentials {
        throttle.give_back(host, now);
    }
    if let Some((tidings, reply)) = refused {
        // With nobody listening it is not told; the answer is given.
        _ = say.try_send(Word::Tells(tidings));
        guest.say(reply, now);
        return true;
    }
    guest.wait();
    let question = Question {
        host,
        hello,
        user: asks,
        id: guest.id,
        until: guest.deadline(),
    };
    say.try_send(Word::Asks(question)).is_ok()
}

/// In the hub's own time zone.
fn now_here() -> Moment {
    let now = jiff::Zoned::now();
    Moment {
        weekday: now.weekday().to_monday_zero_offset().unsigned_abs(),
        minute: 60 * u16::from(now.hour().unsigned_abs()) + u16::from(now.minute().unsigned_abs()),
    }
}

/// Log-ins at once: each holds some ten kB. With those at the door they are fewer than the 1024 open files that a
/// program may have.
const MOST_GUESTS: usize = 256;
/// Others wait at the door.
const MOST_NEWCOMERS: usize = 32;
const MOST_WORDS: usize = 4 * MOST_GUESTS;
/// How often newcomers and answers are looked for, while somebody is there.
const LOOK_EVERY_MS: u8 = 10;
/// How often the file of users is.
const REREAD_EVERY: Duration = Duration::from_millis(500);
