//! Being a member of a hub: logging in, and again after it has gone. Control thread.
//!
//! ```text
//!   Outside ──▶ Knocking ──a port──▶ Called ──audio──▶ Heard ──quiet──▶ Quiet
//!      ▲           (a thread)          │                 │  ◀──audio────┘ │
//!      │                               └──10 s────────┐  └──goodbye──┐    └─10 s, or nothing listens there
//!      └──────────────────────────────────────────────┴──────────────┴───────────────┘
//! ```
//! The audio thread goes on all the while: what a log-in yields, an address to call, reaches it through a ring, and so does
//! the word to be silent.
//! JackTrip's hubs free the place of whoever is silent for ten seconds, so after as long it is logged in anew.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::time::{Duration, Instant};

use farsend_protocol::jacktrip::Event;
use farsend_wire::jacktrip::Hello;
use rtrb::{Consumer, Producer, RingBuffer};

use crate::credentials::Credentials;
use crate::net::fingerprint::Fingerprint;
use crate::net::tcp::{Entrance, LogInError, log_in};
use crate::peers::{Invitation, LinkEvent};

/// One session's membership. To be [polled](Self::poll) some times a second.
#[derive(Debug)]
pub struct Membership {
    hub: SocketAddr,
    hello: Hello,
    /// Who we are, at a hub that asks. Once let in, its certificate is to stay the one it was.
    credentials: Option<Credentials>,
    /// How long to go on where nobody answers; the first time [`FIRST_PATIENCE`] without it, later for ever.
    patience: Option<Duration>,
    invitations: Producer<Invitation>,
    state: State,
    /// The hub's address for us, by the newest log-in.
    remote: Option<SocketAddr>,
    /// When that was.
    entered: Instant,
    /// How long to stay away after the next goodbye, if it comes soon.
    rest: Duration,
}

/// What a musician should know of it.
#[derive(Debug)]
pub enum Told {
    /// Logging in begins.
    Knocking {
        /// Where.
        hub: SocketAddr,
        /// It was inside before.
        again: bool,
    },
    /// Nobody lets us in yet, and it is tried again.
    Waiting {
        /// What was wrong.
        why: LogInError,
        /// When.
        pause: Duration,
    },
    /// The hub expects us at this address of its own.
    Inside {
        /// The address.
        remote: SocketAddr,
        /// The hub's certificate, if it asked who we are.
        certificate: Option<Fingerprint>,
    },
    /// It expected us, but nothing came from there.
    Unanswered(SocketAddr),
    /// It has been silent for too long.
    Lost(SocketAddr),
    /// It does not let us in, and waiting would not change that.
    Failed(LogInError),
}

#[derive(Debug)]
enum State {
    Outside {
        knock_at: Instant,
    },
    Knocking(Knocker),
    /// Let in, and not heard yet.
    Called {
        since: Instant,
    },
    Heard,
    /// Heard before. `refused`: datagrams that had found nobody when that was noticed.
    Quiet {
        since: Instant,
        refused: Option<u64>,
    },
    /// By the hub's host, who lets us in again after so many seconds.
    SentAway {
        seconds: u32,
    },
    /// Not let in for good.
    Over,
}

impl Membership {
    /// Will knock at `hub` with the first [`poll`](Self::poll), as a user if there are `credentials`. `patience`: how long to go on where nobody answers.
    /// The other half is for the audio thread.
    pub fn new(
        hub: SocketAddr,
        hello: Hello,
        credentials: Option<Credentials>,
        patience: Option<Duration>,
    ) -> (Self, Consumer<Invitation>) {
        let (invitations, received) = RingBuffer::new(INVITATIONS);
        let state = State::Outside {
            knock_at: Instant::now(),
        };
        let membership = Self {
            hub,
            hello,
            credentials,
            patience,
            invitations,
            state,
            remote: None,
            entered: Instant::now(),
            rest: REST,
        };
        (membership, received)
    }

    /// Whom the hub expects us to call, once it has let us in.
    pub fn remote(&self) -> Option<SocketAddr> {
        self.remote
            .filter(|_| self.is_heard() || matches!(self.state, State::Called { .. }))
    }

    /// Whether the hub has answered. Before, it may not be said goodbye to: a JackTrip 2.7.2 hub hangs for ever if
    /// that is the first it hears.
    pub fn is_heard(&self) -> bool {
        matches!(self.state, State::Heard | State::Quiet { .. })
    }

    /// Takes in what the audio thread says.
    pub fn note(&mut self, event: &LinkEvent) {
        let LinkEvent::Peer(event) = event else {
            return;
        };
        match (event, &self.state) {
            // Not what comes after an invitation was withdrawn.
            (Event::Arrived { .. }, State::Called { .. })
            | (Event::Returned, State::Quiet { .. }) => self.state = State::Heard,
            (Event::FellQuiet, State::Heard) => {
                self.state = State::Quiet {
                    since: Instant::now(),
                    refused: None,
                };
            }
            // To come back all the same would be to stand before a door that stays closed. One who may come at once does.
            (
                Event::SentAway {
                    seconds: seconds @ 1..,
                },
                _,
            ) => {
                self.state = State::SentAway { seconds: *seconds };
            }
            (Event::Left, State::SentAway { .. } | State::Over) => {}
            (Event::Left, _) => {
                if self.entered.elapsed() >= HUB_PATIENCE {
                    self.rest = REST;
                }
                self.state = State::Outside {
                    knock_at: Instant::now() + self.rest,
                };
                self.rest = (2 * self.rest).min(LONGEST_REST);
            }
            _ => {}
        }
    }

    /// Moves on; what happened, if anything. `refused_now`: how many datagrams have found nobody so far.
    pub fn poll(&mut self, refused_now: u64) -> Option<Told> {
        let (now, hub, again) = (Instant::now(), self.hub, self.remote.is_some());
        let remote = self.remote.unwrap_or(hub);
        match &mut self.state {
            State::Outside { knock_at } if now >= *knock_at => {
                let patience = match again {
                    true => self.patience,
                    false => Some(self.patience.unwrap_or(FIRST_PATIENCE)),
                };
                let visit = Visit {
                    hub,
                    hello: self.hello,
                    credentials: self.credentials.clone(),
                    patience,
                    again,
                };
                let knocker = Knocker::start(visit);
                self.state = State::Knocking(knocker);
                Some(Told::Knocking { hub, again })
            }
            State::Knocking(knocker) => match knocker.heard.try_recv() {
                Ok(Knocked::Waiting { why, pause }) => Some(Told::Waiting { why, pause }),
                Ok(Knocked::In(entrance)) => Some(self.enter(entrance)),
                Ok(Knocked::Failed(why)) => {
                    self.state = State::Over;
                    Some(Told::Failed(why))
                }
                Err(TryRecvError::Empty) => None,
                // The system gave no thread.
                Err(TryRecvError::Disconnected) => {
                    let knock_at = now + REST;
                    self.state = State::Outside { knock_at };
                    None
                }
            },
            State::Called { since } if now >= *since + HUB_PATIENCE => {
                self.withdraw();
                Some(Told::Unanswered(remote))
            }
            State::SentAway { seconds } => {
                let seconds = *seconds;
                self.state = State::Over;
                Some(Told::Failed(LogInError::SentAway { hub, seconds }))
            }
            State::Quiet { since, refused } => {
                // A hub that has ended is told of by the first datagram that comes back.
                let is_closed = refused_now > *refused.get_or_insert(refused_now);
                let patience = if is_closed {
                    CLOSED_PATIENCE
                } else {
                    HUB_PATIENCE
                };
                if now < *since + patience {
                    return None;
                }
                self.withdraw();
                Some(Told::Lost(remote))
            }
            _ => None,
        }
    }

    fn enter(&mut self, entrance: Entrance) -> Told {
        let Entrance { port, certificate } = entrance;
        if let Some(credentials) = &mut self.credentials {
            credentials.fingerprint = credentials.fingerprint.or(certificate);
        }
        let mut remote = self.hub;
        remote.set_port(port);
        // With no room nobody takes what is there (JACK's server has gone, say), and it is logged in again later.
        _ = self.invitations.push(Invitation::To(remote));
        self.remote = Some(remote);
        self.entered = Instant::now();
        self.state = State::Called {
            since: self.entered,
        };
        Told::Inside {
            remote,
            certificate,
        }
    }

    fn withdraw(&mut self) {
        _ = self.invitations.push(Invitation::Withdrawn);
        self.state = State::Outside {
            knock_at: Instant::now(),
        };
    }
}

impl Told {
    /// A short name for programs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Knocking { .. } => "joining",
            Self::Waiting { .. } => "waiting",
            Self::Inside { .. } => "joined",
            Self::Unanswered(_) => "unanswered",
            Self::Lost(_) => "lost",
            Self::Failed(_) => "not_let_in",
        }
    }

    /// The hub's address that it is about.
    pub const fn remote(&self) -> Option<SocketAddr> {
        match self {
            Self::Knocking { hub: remote, .. }
            | Self::Inside { remote, .. }
            | Self::Unanswered(remote)
            | Self::Lost(remote) => Some(*remote),
            Self::Waiting { .. } | Self::Failed(_) => None,
        }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Knocking { hub, again: false } => write!(f, "logging in at the hub {hub}"),
            Self::Knocking { hub, again: true } => write!(f, "logging in anew at the hub {hub}"),
            Self::Waiting { why, pause } => {
                write!(f, "{why} (trying again in {:.1} s)", pause.as_secs_f64())
            }
            Self::Inside {
                remote,
                certificate,
            } => {
                write!(f, "the hub lets us in, on its UDP port {}", remote.port())?;
                match certificate {
                    Some(met) => write!(f, "; its certificate's SHA-256 fingerprint is {met}"),
                    None => Ok(()),
                }
            }
            Self::Unanswered(remote) => write!(
                f,
                "nothing has come from {remote} for {} s: the hub has given our place away by now",
                HUB_PATIENCE.as_secs(),
            ),
            Self::Lost(remote) => write!(f, "the hub has gone silent at {remote}"),
            Self::Failed(why) => why.fmt(f),
        }
    }
}

/// A thread that knocks until it is let in, there is no point any more, or it is dropped.
#[derive(Debug)]
struct Knocker {
    heard: Receiver<Knocked>,
    stop: Arc<AtomicBool>,
}

#[derive(Debug)]
enum Knocked {
    Waiting { why: LogInError, pause: Duration },
    In(Entrance),
    Failed(LogInError),
}

impl Knocker {
    fn start(visit: Visit) -> Self {
        let (say, heard) = channel();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let knock = move || knock(&visit, &say, &stopped);
        // Without a thread nobody speaks, which is noticed.
        _ = std::thread::Builder::new()
            .name("log-in".into())
            .spawn(knock);
        Self { heard, stop }
    }
}

impl Drop for Knocker {
    /// The thread ends by itself, some seconds later if it is waiting for an answer: nobody listens any more.
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
    }
}

/// What a thread that knocks has to know.
#[derive(Debug)]
struct Visit {
    hub: SocketAddr,
    hello: Hello,
    credentials: Option<Credentials>,
    /// How long to go on where nobody answers.
    patience: Option<Duration>,
    /// We were inside before.
    again: bool,
}

fn knock(visit: &Visit, say: &Sender<Knocked>, stop: &AtomicBool) {
    let begun = Instant::now();
    let mut pauses = Pauses::default();
    while !stop.load(Relaxed) {
        let said = match log_in(visit.hub, &visit.hello, visit.credentials.as_ref()) {
            Ok(entrance) => Knocked::In(entrance),
            Err(why) => {
                let pause = pauses.next();
                let hopeless = match visit.again {
                    // It let us in before: it may be full, or half started, for a while.
                    true => matches!(
                        why,
                        LogInError::Denied { .. } | LogInError::OtherCertificate { .. }
                    ),
                    false => !why.may_pass(),
                };
                let impatient = visit
                    .patience
                    .is_some_and(|limit| begun.elapsed() + pause > limit);
                match hopeless || impatient {
                    true => Knocked::Failed(why),
                    false => Knocked::Waiting { why, pause },
                }
            }
        };
        let pause = match &said {
            Knocked::Waiting { pause, .. } => Some(*pause),
            Knocked::In(_) | Knocked::Failed(_) => None,
        };
        let (Ok(()), Some(pause)) = (say.send(said), pause) else {
            return;
        };
        let until = Instant::now() + pause;
        while Instant::now() < until && !stop.load(Relaxed) {
            std::thread::sleep(LOOK_EVERY.min(until.saturating_duration_since(Instant::now())));
        }
    }
}

/// Growing pauses, each with a part that differs from client to client: a hub that comes back is not to be met by all
/// its players at once.
#[derive(Debug, Default)]
struct Pauses {
    count: u32,
}

impl Pauses {
    fn next(&mut self) -> Duration {
        let whole =
            (SHORTEST_PAUSE * 3_u32.pow(self.count) / 2_u32.pow(self.count)).min(LONGEST_PAUSE);
        self.count = (self.count + 1).min(MOST_GROWTHS);
        // The low digits of a clock are as good as dice for that.
        let nanos = farsend_rt::clock::now().as_nanos() / 1000 % u64::from(SPREAD_MS * 1000);
        whole + Duration::from_micros(nanos)
    }
}

/// How long to wait for a hub at first, as JackTrip does.
const FIRST_PATIENCE: Duration = Duration::from_secs(30);

/// After so long a hub has freed our place, or forgotten us.
const HUB_PATIENCE: Duration = Duration::from_secs(10);

/// The same where the machine says that nothing listens any more, or that there is no way there.
const CLOSED_PATIENCE: Duration = Duration::from_secs(2);

/// After a hub's goodbye, before it is knocked again. One that sends us away again and again has a reason.
const REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(30);

const SHORTEST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
const SPREAD_MS: u32 = 300;
/// Half a second, times 1.5 to this power, is more than the longest pause.
const MOST_GROWTHS: u32 = 8;

/// How soon a thread that pauses notices that it is to end.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Words on their way to the audio thread.
const INVITATIONS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_sent_away_again_and_again_comes_back_ever_more_rarely() {
        let hello = Hello {
            port: 4464,
            name: farsend_wire::jacktrip::Name::EMPTY,
        };
        let hub = ([127, 0, 0, 1], 4464).into();
        let (mut membership, _invitations) = Membership::new(hub, hello, None, None);
        let send_away = |membership: &mut Membership| {
            membership.note(&LinkEvent::Peer(Event::Left));
            match membership.state {
                State::Outside { knock_at } => knock_at
                    .saturating_duration_since(Instant::now())
                    .as_secs_f64()
                    .round(),
                _ => panic!("{membership:?}"),
            }
        };
        for rest in [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0] {
            membership.enter(Entrance {
                port: 61_002,
                certificate: None,
            });
            assert_eq!(send_away(&mut membership), rest);
        }
        membership.entered = Instant::now() - HUB_PATIENCE;
        assert_eq!(send_away(&mut membership), 1.0);
    }

    #[test]
    fn who_is_sent_away_for_a_while_does_not_knock_again_and_says_why() {
        let hello = Hello {
            port: 4464,
            name: farsend_wire::jacktrip::Name::EMPTY,
        };
        let hub = ([127, 0, 0, 1], 4464).into();
        let (mut membership, _invitations) = Membership::new(hub, hello, None, None);
        membership.enter(Entrance {
            port: 61_002,
            certificate: None,
        });
        for event in [Event::SentAway { seconds: 90 }, Event::Left] {
            membership.note(&LinkEvent::Peer(event));
        }
        let told = membership.poll(0);
        let Some(Told::Failed(why @ LogInError::SentAway { seconds: 90, .. })) = told else {
            panic!("{told:?}");
        };
        assert!(
            why.is_refusal() && why.to_string().contains("2 min"),
            "{why}"
        );
        membership.note(&LinkEvent::Peer(Event::Left));
        assert!(membership.poll(0).is_none());
        // Who may come again at once does.
        membership.enter(Entrance {
            port: 61_002,
            certificate: None,
        });
        membership.note(&LinkEvent::Peer(Event::SentAway { seconds: 0 }));
        membership.note(&LinkEvent::Peer(Event::Left));
        assert!(matches!(membership.state, State::Outside { .. }));
    }

    #[test]
    fn pauses_grow_from_half_a_second_to_ten() {
        let mut pauses = Pauses::default();
        let all: Vec<f64> = (0..20).map(|_| pauses.next().as_secs_f64()).collect();
        assert!((0.5..0.81).contains(&all[0]), "{all:?}");
        assert!(
            all[..7].windows(2).all(|two| two[0] < two[1] + 0.3),
            "{all:?}"
        );
        assert!(
            all[12..].iter().all(|pause| (10.0..10.31).contains(pause)),
            "{all:?}"
        );
    }
}
