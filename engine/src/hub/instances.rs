//! A hub that the plugin's instances open: its control thread, and what they see of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use farsend_ipc::hub::PlayerStatus;
use farsend_ipc::message::Loop;
use farsend_protocol::jacktrip::Remark;
use farsend_rt::{LatestReader, LatestWriter, latest};
use farsend_stream::DepthPolicy;
use parking_lot::Mutex;

use super::HubSettings;
use super::desk::Desk;
use super::desk::chat::SIGN;
use super::hosted::HostedFloor;
use super::report::HubReporter;
use super::track_takes::TakeOrders;
use crate::engine::RunError;
use crate::statistics::Statistics;

/// A running hub, whose floor is with those who pace it. Dropped, it ends; see [`stop`](Self::stop).
#[derive(Debug)]
pub struct HubHost {
    quit: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    sight: Arc<Mutex<Told>>,
    port: u16,
    back: Sender<Box<HostedFloor>>,
    wishes: Sender<SessionWish>,
    talk: Receiver<HubTalk>,
}

/// Something of the chat at a hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HubTalk {
    /// Somebody has written a line.
    Theirs {
        /// A player, as they are called there; or the hub itself, at its command line.
        from: String,
        /// What.
        line: Remark,
    },
    /// What became of a line that was [said](HubHost::say) here.
    Ours {
        /// Its number.
        number: u64,
        /// Whether at least one player has it.
        arrived: bool,
    },
}

/// What was told last, and how often something was.
#[derive(Debug, Default)]
struct Told {
    times: u64,
    sight: HubSight,
}

/// Who plays at a hub, and its groups.
#[derive(Debug, Clone, Default)]
pub struct HubSight {
    /// In the order of their places.
    pub players: Vec<HubPlayer>,
    /// Names and numbers.
    pub groups: Vec<(String, u8)>,
}

/// One who plays.
#[derive(Debug, Clone)]
pub struct HubPlayer {
    /// Theirs on the floor.
    pub place: u16,
    /// No other player has this number, nor do they when they come back; never 0.
    pub admission: u64,
    /// Where they send from.
    pub address: SocketAddr,
    /// As they said it; `status` has what they are called here.
    pub name: Option<String>,
    /// How they do.
    pub status: PlayerStatus,
    /// Their clock against ours, in millionths; positive when it is fast.
    pub drift_ppm: Option<f64>,
    /// How often the delay of what they play was changed since they came.
    pub moves: u64,
    /// The colour of what they play on, where they say it.
    pub colour: Option<[u8; 3]>,
}

/// What the session wants of its hub.
#[derive(Debug)]
pub(super) enum SessionWish {
    /// Write this to all players, and tell what becomes of it under this number.
    Say(u64, Remark),
    /// The delays of these players, by their [admissions](HubPlayer::admission), are to stay as they are, and no others.
    KeepDelays(Vec<u64>),
    /// A loop that was measured, to the player whom it names.
    Loop(Loop),
    /// So much of each player is kept before they are heard, from now on, and of those who come.
    Depth(DepthPolicy),
}

/// The hub's end of what is wished and said here and there.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) wishes: Receiver<SessionWish>,
    pub(super) talk: Sender<HubTalk>,
}

/// How a floor is lent out: whom to, how it comes back, and where its numbers go.
#[derive(Debug)]
pub(super) struct Lend {
    pub(super) to: Sender<Box<HostedFloor>>,
    pub(super) back: Receiver<Box<HostedFloor>>,
    pub(super) numbers: LatestWriter<Statistics>,
}

/// A hub that has begun: it, its floor, the floor's numbers.
type Begun = (HubHost, Box<HostedFloor>, LatestReader<Statistics>);

impl HubHost {
    /// Bytes of a line that the hub's name takes before what is written.
    pub const SIGN: usize = SIGN.len();

    /// Begins. The floor is to be given back through [`back`](Self::back) before this is stopped. `takes`: what is to be recorded of players.
    ///
    /// # Errors
    /// [`RunError`]: a port is taken, a file cannot be read.
    pub fn start(settings: HubSettings, takes: Arc<TakeOrders>) -> Result<Begun, RunError> {
        let system = |source| RunError::System {
            what: "a thread for the hub",
            source,
        };
        let quit = Arc::<AtomicBool>::default();
        let sight = Arc::<Mutex<Told>>::default();
        let (to, lent) = channel();
        let (back, given_back) = channel();
        let (numbers, statistics) = latest(Statistics::default());
        let (tell, told) = channel();
        let (wishes, wished) = channel();
        let (talk, talked) = channel();
        let post = Post {
            wishes: wished,
            talk,
        };
        let lend = Lend {
            to,
            back: given_back,
            numbers,
        };
        let (ends, seen) = (quit.clone(), sight.clone());
        let run = move || {
            let mut reporter = HubReporter::to_the_log();
            match Desk::lend(&settings, lend, takes, &mut reporter) {
                Ok((desk, port)) => {
                    // With nobody there to hear it the quit is on its way.
                    _ = tell.send(Ok(port));
                    desk.serve(&mut reporter, &ends, &post, &mut |sight| {
                        let mut seen = seen.lock();
                        seen.times += 1;
                        seen.sight = sight;
                    });
                }
                Err(error) => _ = tell.send(Err(error)),
            }
        };
        let thread = std::thread::Builder::new().name("hub".into()).spawn(run);
        let thread = thread.map_err(system)?;
        let gone = || system(std::io::ErrorKind::BrokenPipe.into());
        let port = told.recv().map_err(|_| gone())??;
        let host = Self {
            quit,
            thread: Some(thread),
            sight,
            port,
            back,
            wishes,
            talk: talked,
        };
        // It was sent before the port was.
        let floor = lent.try_recv().map_err(|_| gone())?;
        Ok((host, floor, statistics))
    }

    /// Where players log in, and send their audio.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where the floor is to be given back.
    pub fn back(&self) -> Sender<Box<HostedFloor>> {
        self.back.clone()
    }

    /// Who plays, and how they do: told some times a second, and whenever somebody comes or goes. `known` is what this has seen
    /// already, 0 at first; `None`: nothing else since.
    pub fn news(&self, known: &mut u64) -> Option<HubSight> {
        let told = self.sight.lock();
        (told.times != *known).then(|| {
            *known = told.times;
            told.sight.clone()
        })
    }

    /// Writes this to all players. What becomes of it is [told](Self::next_talk) under this number. False: the hub has ended.
    pub fn say(&self, number: u64, line: Remark) -> bool {
        self.wishes.send(SessionWish::Say(number, line)).is_ok()
    }

    /// The delays of these players, by their [admissions](HubPlayer::admission), are to stay as they are from now on, and no others.
    pub fn keep_delays(&self, players: Vec<u64>) {
        // A hub that has ended is told of elsewhere, here and below.
        _ = self.wishes.send(SessionWish::KeepDelays(players));
    }

    /// Somebody has measured the loop to a player: their takes are placed by it.
    pub fn note_loop(&self, measured: Loop) {
        _ = self.wishes.send(SessionWish::Loop(measured));
    }

    /// So much of each player is kept before they are heard, from now on, and of those who come.
    pub fn set_depth(&self, depth: DepthPolicy) {
        _ = self.wishes.send(SessionWish::Depth(depth));
    }

    /// What was written, and what became of what was said here. To be asked some times a second.
    pub fn next_talk(&self) -> Option<HubTalk> {
        self.talk.try_recv().ok()
    }

    /// Whether it still goes on; it does until it is stopped, unless its thread panicked.
    pub fn is_running(&self) -> bool {
        let thread = self.thread.as_ref();
        thread.is_some_and(|thread| !thread.is_finished())
    }

    /// Says goodbye to all and lets go of the ports, when the floor has been given back.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for HubHost {
    fn drop(&mut self) {
        self.quit.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic over there has been reported.
            _ = thread.join();
        }
    }
}
