//! Plugins' process calls as pacer: audio comes from and goes to shared segments, one for each instance of the plugin.
//!
//! ```text
//!   plugin ──send ring──▶ take ─▶ packets ─▶ UDP            woken by the plugin's bell
//!   plugin ◀─return ring─ release ◀─ jitter buffer ◀─ UDP   woken by the datagram
//! ```
//! What the plugin wrote leaves at once. What comes in order is released into the return ring at once, so that the
//! ring is the tail of the jitter buffer and the hop costs no block; only a gap waits, until just before the
//! host's next call, and is concealed then.
//!
//! Where several instances share the session, the first one's calls are its clock, and the others' time lines are laid along it
//! ([`line`]). What they send is summed; what is not there shortly after the first one's call is silence in its place. When the first
//! one leaves or is not called any more, another one's calls are the clock.
//!
//! The far end may be a hub's floor here, too ([`hosting`]): then each instance hears what it has picked ([`ear`]).

mod ear;
mod hosting;
mod line;
mod outputs;
mod pace;
mod seat;
mod seats;
mod taking;
#[cfg(test)]
mod tests;
mod turns;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::Duration;

use farsend_ipc::message::Loop;
use farsend_ipc::segment::EngineEnd;
use farsend_rt::{MailboxReader, clock, promote_current_thread};
use farsend_stream::DepthPolicy;
use farsend_units::Channels;
use rtrb::{Consumer, Producer, RingBuffer};

pub use self::ear::Source;
use self::hosting::House;
pub use self::seat::{Place, Seat};
use self::turns::Link;
use super::AUDIO_PRIORITY;
use crate::audio::AudioPath;
use crate::hub::HostedFloor;
use crate::takes::Tap;

/// A thread that serves the plugin instances of one session.
#[derive(Debug)]
pub struct LinkBackend {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Option<Box<AudioPath>>>>,
    orders: Producer<Order>,
    returns: Consumer<Box<Seat>>,
}

/// From the control thread.
#[derive(Debug)]
enum Order {
    Join(Box<Seat>),
    Leave(u64),
    /// What is sent is heard again so late.
    Loop(Loop),
    /// An output of an instance hears this from now on, 0 for the first.
    Listen(u64, usize, Source),
    KeepDelay(bool),
    Depth(DepthPolicy),
}

impl LinkBackend {
    /// Starts the thread, for one instance.
    ///
    /// # Errors
    /// When the system gives none.
    pub fn start(path: Box<AudioPath>, end: EngineEnd) -> io::Result<Self> {
        let config = end.config();
        let seat = Seat::new(0, end, Place::default());
        Self::start_with(path, seat, config.send, config.receive)
    }

    /// Starts the thread, with a first instance. The connection has so many channels there and back.
    ///
    /// # Errors
    /// When the system gives none.
    pub fn start_with(
        path: Box<AudioPath>,
        first: Box<Seat>,
        send: Channels,
        receive: Channels,
    ) -> io::Result<Self> {
        Self::spawn(move |lines, stop| {
            let mut link = Link::new(path, first, [send, receive], lines);
            promote_current_thread(AUDIO_PRIORITY);
            while !stop.load(Relaxed) {
                link.wait();
                link.turn(clock::now());
            }
            Some(link.into_path())
        })
    }

    /// Starts the thread for a hub's floor, with a first instance. At the end the floor goes `back`. What is sent is recorded through `taps`.
    ///
    /// # Errors
    /// When the system gives none.
    pub fn start_hosting(
        floor: Box<HostedFloor>,
        back: Sender<Box<HostedFloor>>,
        first: Box<Seat>,
        channels: Channels,
        taps: MailboxReader<Option<Tap>>,
    ) -> io::Result<Self> {
        Self::spawn(move |lines, stop| {
            let mut house = House::new(floor, first, channels, lines, taps);
            promote_current_thread(AUDIO_PRIORITY);
            while !stop.load(Relaxed) {
                house.wait();
                house.turn(clock::now());
            }
            // A hub that has not waited for it has ended.
            _ = back.send(house.into_floor());
            None
        })
    }

    fn spawn<F>(run: F) -> io::Result<Self>
    where
        F: FnOnce(Lines, &AtomicBool) -> Option<Box<AudioPath>> + Send + 'static,
    {
        let stop = Arc::new(AtomicBool::new(false));
        let (orders, obeyed) = RingBuffer::new(4 * MOST_SEATS);
        let (returning, returns) = RingBuffer::new(2 * MOST_SEATS);
        let lines = Lines {
            orders: obeyed,
            returns: returning,
        };
        let stopped = stop.clone();
        let run = move || run(lines, &stopped);
        let thread = std::thread::Builder::new().name("link".into()).spawn(run)?;
        Ok(Self {
            stop,
            thread: Some(thread),
            orders,
            returns,
        })
    }

    /// Lets an instance take part. Gives it back where there are as many as there can be. At the session's rate.
    ///
    /// # Errors
    /// There are [`MOST_SEATS`] already, or the thread does not look.
    pub fn join(&mut self, seat: Box<Seat>) -> Result<(), Box<Seat>> {
        match self.orders.push(Order::Join(seat)) {
            Ok(()) => Ok(()),
            Err(rtrb::PushError::Full(Order::Join(seat))) => Err(seat),
            Err(rtrb::PushError::Full(_)) => unreachable!("a seat was pushed"),
        }
    }

    /// Lets the instance of this name go. Not the last one: for that, [`stop`](Self::stop). False if the thread does not look.
    pub fn leave(&mut self, id: u64) -> bool {
        self.orders.push(Order::Leave(id)).is_ok()
    }

    /// Somebody has measured that what is sent is heard again so late. False if the thread does not look.
    pub fn note_loop(&mut self, measured: Loop) -> bool {
        self.orders.push(Order::Loop(measured)).is_ok()
    }

    /// Lets the instance of this name hear this from now on, in its first output (0) or another. False if the thread does not look: then it is to be said again.
    pub fn listen(&mut self, id: u64, output: usize, source: Source) -> bool {
        self.orders.push(Order::Listen(id, output, source)).is_ok()
    }

    /// Whether the delay is to stay as it is; see [`JitterBuffer::keep_delay`](farsend_stream::JitterBuffer::keep_delay). False if the
    /// thread does not look.
    pub fn keep_delay(&mut self, keep: bool) -> bool {
        self.orders.push(Order::KeepDelay(keep)).is_ok()
    }

    /// Another depth from now on; what plays jumps there once. False if the thread does not look.
    pub fn set_depth(&mut self, depth: DepthPolicy) -> bool {
        self.orders.push(Order::Depth(depth)).is_ok()
    }

    /// Drops what the thread has given back. Some times a second.
    pub fn collect(&mut self) {
        while let Ok(seat) = self.returns.pop() {
            drop(seat);
        }
    }

    /// Whether the thread still runs; it does until [`LinkBackend::stop`], unless it panicked.
    pub fn is_running(&self) -> bool {
        self.thread
            .as_ref()
            .is_some_and(|thread| !thread.is_finished())
    }

    /// Ends the thread, within 10 ms, and gives the path back. `None` if it panicked, or had a hub's floor.
    pub fn stop(mut self) -> Option<Box<AudioPath>> {
        self.stop.store(true, Relaxed);
        self.thread.take()?.join().ok()?
    }
}

/// The thread's ends of the rings.
#[derive(Debug)]
struct Lines {
    orders: Consumer<Order>,
    returns: Producer<Box<Seat>>,
}

/// Instances that a session can have.
pub const MOST_SEATS: usize = 128;

/// Frames moved at a time.
const CHUNK: usize = 8192;

/// How long the thread sleeps at most.
const LONGEST_WAIT: Duration = Duration::from_millis(10);

/// The same while an instance is awaited.
const SHORT_WAIT: Duration = Duration::from_micros(100);
