//! A plugin's process calls as pacer: audio comes from and goes to a shared segment.
//!
//! ```text
//!   plugin ──send ring──▶ take ─▶ packets ─▶ UDP            woken by the plugin's bell
//!   plugin ◀─return ring─ release ◀─ jitter buffer ◀─ UDP   woken by the datagram
//! ```
//! What the plugin wrote leaves at once. What comes in order is released into the return ring at once, so that the
//! ring is the tail of the jitter buffer and the hop costs no block; only a gap waits, until just before the
//! host's next call, and is concealed then.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use arrayvec::ArrayVec;
use farsend_ipc::segment::{EngineEnd, HostCall};
use farsend_rt::{clock, promote_current_thread};
use farsend_stream::Pulled;
use farsend_units::{Frames, MonoTime, SampleRate};
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;

use crate::audio::AudioPath;
use crate::settings::MAX_CHANNELS;

/// A thread that serves one plugin instance.
#[derive(Debug)]
pub struct LinkBackend {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Box<AudioPath>>>,
}

impl LinkBackend {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives none.
    pub fn start(path: Box<AudioPath>, end: EngineEnd) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut link = Link::new(path, end);
        let stopped = stop.clone();
        let run = move || {
            promote_current_thread(AUDIO_PRIORITY);
            while !stopped.load(Relaxed) {
                link.wait();
                link.turn(clock::now());
            }
            link.path
        };
        let thread = std::thread::Builder::new().name("link".into()).spawn(run)?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }

    /// Whether the thread still runs; it does until [`LinkBackend::stop`], unless it panicked.
    pub fn is_running(&self) -> bool {
        self.thread
            .as_ref()
            .is_some_and(|thread| !thread.is_finished())
    }

    /// Ends the thread, within [`LONGEST_WAIT`], and gives the path back. `None` if it panicked.
    pub fn stop(mut self) -> Option<Box<AudioPath>> {
        self.stop.store(true, Relaxed);
        self.thread.take()?.join().ok()
    }
}

/// The thread's state: owned whole by it, and run in plain tests.
#[derive(Debug)]
struct Link {
    path: Box<AudioPath>,
    end: EngineEnd,
    rate: SampleRate,
    scratch: Vec<Vec<f32>>,
    send: usize,
    receive: usize,
    /// Host calls seen, and the frames played by then.
    calls: u64,
    position: u64,
    /// Frames that the host took with its last calls, and when.
    block: Frames,
    called_at: MonoTime,
    concealed: bool,
    beat: HostBeat,
    /// Whether the buffer has a stream to play, heard or concealed.
    playing: bool,
    pace: Pace,
    /// While the host does not call: when silence was last sent.
    silent_since: Option<MonoTime>,
}

impl Link {
    fn new(path: Box<AudioPath>, end: EngineEnd) -> Self {
        let config = end.config();
        let now = clock::now();
        let channels = config.send.get().max(config.receive.get()).max(1);
        Self {
            path,
            rate: config.rate,
            scratch: vec![vec![0.0; CHUNK]; channels],
            send: config.send.get(),
            receive: config.receive.get(),
            calls: 0,
            position: 0,
            block: Frames::ZERO,
            called_at: now,
            concealed: false,
            beat: HostBeat::new(config.rate),
            playing: false,
            pace: Pace::new(config.rate, now),
            silent_since: None,
            end,
        }
    }

    /// Sleeps until the plugin or the network has something, or a gap has to be concealed.
    ///
    /// While the host calls regularly, the next call is awaited by the clock, so that the plugin need not
    /// wake us from within `process()`; else by the bell.
    fn wait(&mut self) {
        let now = clock::now();
        let due = self.beat.next_call().filter(|due| *due > now);
        self.end.listen(due.is_none());
        if due.is_none() && self.end.available() > Frames::ZERO {
            return;
        }
        let latest = now + LONGEST_WAIT;
        let until = [self.deadline(), due]
            .into_iter()
            .flatten()
            .fold(latest, MonoTime::min);
        let timeout = TimeSpec::from_duration(until.since(now));
        let flags = PollFlags::POLLIN;
        let socket = self.path.socket();
        let mut watched = [
            PollFd::new(socket.as_fd(), flags),
            PollFd::new(self.end.as_fd(), flags),
        ];
        // An interrupted wait is a short one.
        _ = ppoll(&mut watched, Some(timeout), None);
    }

    /// One look at everything.
    fn turn(&mut self, now: MonoTime) {
        self.end.hush();
        self.end.beat(now);
        self.take_down(now);
        self.path.link().receive(now);
        self.note_host_calls(now);
        self.release_ready();
        if self.deadline().is_some_and(|deadline| now >= deadline) {
            self.conceal();
        }
        self.path.finish_period(now);
    }

    /// What the plugin wrote goes out, at the pace of real time at the most.
    fn take_down(&mut self, now: MonoTime) {
        let mut due = self.end.available();
        if due > Frames::ZERO {
            self.silent_since = None;
        } else if now.since(self.called_at) > HOST_IDLE {
            return self.send_silence(now);
        }
        let allowed = self.pace.allow(now, due);
        self.end.skip(due - allowed);
        due = allowed;
        while due > Frames::ZERO {
            let length = due.get().min(CHUNK);
            let taken = self
                .end
                .take(&mut heads_mut(&mut self.scratch[..self.send], length));
            if taken == Frames::ZERO {
                break;
            }
            self.path
                .send(now, &heads(&self.scratch[..self.send], taken.get()));
            due = due.saturating_sub(taken);
        }
    }

    /// A host that does not call (a stopped engine, a suspended plugin) keeps its peer: silence goes out.
    fn send_silence(&mut self, now: MonoTime) {
        let since = *self.silent_since.get_or_insert(now);
        let frames = (now.since(since).as_secs_f64() * f64::from(self.rate.0)) as usize;
        if frames < SILENCE {
            return;
        }
        let frames = frames.min(CHUNK);
        self.silent_since = Some(now);
        self.scratch
            .iter_mut()
            .for_each(|channel| channel[..frames].fill(0.0));
        self.path
            .send(now, &heads(&self.scratch[..self.send], frames));
        // What comes meanwhile is not heard by anybody.
        self.path.link().buffer().reset();
    }

    /// The host has played: the buffer's time line goes on with it.
    fn note_host_calls(&mut self, now: MonoTime) {
        let Some(call) = self.end.host_call() else {
            return;
        };
        if call.number == self.calls {
            return;
        }
        let (position, fill) = (call.position, self.end.ahead_of(call.position));
        let played = (position.wrapping_sub(self.position) as i64).clamp(0, CHUNK as i64);
        (self.calls, self.position, self.concealed) = (call.number, position, false);
        self.beat.note(&call);
        self.called_at = call.at.min(now);
        // The last call's, not what was played since we looked: being late ourselves makes no block larger.
        self.block = call.block.min(Frames(played as u32));
        let buffer = self.path.link().buffer();
        let ahead = (fill + played).clamp(0, MOST_AHEAD);
        let block = i64::from(self.block.0);
        buffer.pass(Frames((played - block) as u32));
        let left = (fill + block).clamp(0, MOST_AHEAD);
        buffer.settle(self.called_at, Frames(left as u32), self.block);
        // What was due in the block just played, and was not there, is past.
        let missed = played - ahead.min(played);
        if missed > 0 && (self.playing || buffer.ready() > Frames::ZERO) {
            self.pull_past(missed as usize);
        }
    }

    /// Takes frames out of the buffer that nobody can play any more.
    fn pull_past(&mut self, frames: usize) {
        let mut past = heads_mut(&mut self.scratch[..self.receive], frames);
        self.playing = self.path.link().buffer().pull(&mut past) != Pulled::Idle;
    }

    /// Whatever is in order goes into the ring.
    fn release_ready(&mut self) {
        for _ in 0..MOST_RELEASES {
            let ready = self.path.link().buffer().ready();
            let frames = ready.min(self.end.room()).get().min(CHUNK);
            if frames == 0 {
                return;
            }
            self.release(frames);
        }
    }

    /// Fills the ring up for the host's next call with what stands in for the gap.
    fn conceal(&mut self) {
        self.concealed = true;
        let lacking = i64::from(self.block.0) - self.end.fill().max(0);
        if lacking > 0 {
            self.release((lacking as usize).min(CHUNK));
        }
    }

    fn release(&mut self, frames: usize) {
        let mut chunk = heads_mut(&mut self.scratch[..self.receive], frames);
        self.playing = self.path.link().buffer().pull(&mut chunk) != Pulled::Idle;
        self.path.note_played(&chunk);
        drop(chunk);
        let released = self
            .end
            .release(&heads(&self.scratch[..self.receive], frames));
        // All of it is written: `frames` is never more than the ring's room.
        let _ = released;
    }

    /// When a gap has to be concealed for the host's next call, if there is one to conceal.
    fn deadline(&self) -> Option<MonoTime> {
        let lacks = self.end.fill() < i64::from(self.block.0);
        if self.concealed || !lacks || !self.playing {
            return None;
        }
        let length = self.block.duration(self.rate);
        Some(self.called_at + length.saturating_sub(MARGIN.min(length / 4)))
    }
}

/// The first `frames` of each channel.
fn heads(channels: &[Vec<f32>], frames: usize) -> ArrayVec<&[f32], MAX_CHANNELS> {
    channels
        .iter()
        .map(|channel| &channel[..frames.min(CHUNK)])
        .collect()
}

/// The first `frames` of each channel, to be filled.
fn heads_mut(channels: &mut [Vec<f32>], frames: usize) -> ArrayVec<&mut [f32], MAX_CHANNELS> {
    channels
        .iter_mut()
        .map(|channel| &mut channel[..frames.min(CHUNK)])
        .collect()
}

/// Whether the host's calls come as regularly as those of a sound card, and when the next one is due.
#[derive(Debug)]
struct HostBeat {
    rate: SampleRate,
    last: HostCall,
    in_time: u8,
}

impl HostBeat {
    fn new(rate: SampleRate) -> Self {
        Self {
            rate,
            last: HostCall::default(),
            in_time: 0,
        }
    }

    /// Takes in the newest call. One that was missed, is of another size or out of time starts the count anew.
    fn note(&mut self, call: &HostCall) {
        let last = std::mem::replace(&mut self.last, *call);
        let off = call
            .at
            .since(last.at)
            .abs_diff(last.block.duration(self.rate));
        let follows = call.number == last.number.wrapping_add(1) && call.block == last.block;
        self.in_time = if follows && off < IN_TIME {
            self.in_time.saturating_add(1)
        } else {
            0
        };
    }

    /// When the next call should have been made, if the calls so far tell.
    fn next_call(&self) -> Option<MonoTime> {
        (self.in_time >= REGULAR)
            .then(|| self.last.at + self.last.block.duration(self.rate) + LEEWAY)
    }
}

/// Tells a host that renders faster than real time: what is beyond real time is not for the network.
#[derive(Debug)]
struct Pace {
    rate: SampleRate,
    allowance: f64,
    since: MonoTime,
}

impl Pace {
    fn new(rate: SampleRate, now: MonoTime) -> Self {
        Self {
            rate,
            allowance: BURST_S * f64::from(rate.0),
            since: now,
        }
    }

    /// How many of `frames` may be sent.
    fn allow(&mut self, now: MonoTime, frames: Frames) -> Frames {
        let rate = f64::from(self.rate.0);
        let earned = now.since(self.since).as_secs_f64() * rate * FASTEST;
        self.since = now;
        self.allowance = (self.allowance + earned).min(BURST_S * rate);
        let allowed = frames.min(Frames(self.allowance as u32));
        self.allowance -= f64::from(allowed.0);
        allowed
    }
}

/// Frames moved at a time.
const CHUNK: usize = 8192;

/// A bound on one turn's releases: the ring is full long before.
const MOST_RELEASES: usize = 64;

/// A bound on how far the ring is taken to be ahead.
const MOST_AHEAD: i64 = 1 << 20;

/// How long before the host's next call a gap is concealed, for blocks of four times that and more.
const MARGIN: Duration = Duration::from_micros(500);

/// How far a call may be from its time, ...
const IN_TIME: Duration = Duration::from_micros(250);

/// ... for so many calls in a row, until they are relied on; ...
const REGULAR: u8 = 16;

/// ... and how long after its time the next one is looked for.
const LEEWAY: Duration = Duration::from_micros(150);

/// How long the thread sleeps at most.
const LONGEST_WAIT: Duration = Duration::from_millis(10);

/// A host that has not called for this long is taken to have stopped.
const HOST_IDLE: Duration = Duration::from_millis(200);

/// Silence goes out in portions of at least this many frames.
const SILENCE: usize = 64;

/// A host may be this much faster than its nominal rate, ...
const FASTEST: f64 = 1.05;

/// ... and this many seconds ahead of it, at a start or after a stall.
const BURST_S: f64 = 0.5;

/// Above everything but the sound card's own threads.
const AUDIO_PRIORITY: u8 = 70;

#[cfg(test)]
mod tests {
    use super::*;

    fn call(number: u64, at_us: u64, block: u32) -> HostCall {
        HostCall {
            number,
            at: MonoTime::from_nanos(at_us * 1000),
            block: Frames(block),
            position: 0,
        }
    }

    /// A host of 128 frames at 48 kHz that has called in time for long.
    fn regular() -> HostBeat {
        let mut beat = HostBeat::new(SampleRate::HZ_48000);
        (1..=20).for_each(|n| beat.note(&call(n, n * 2667, 128)));
        beat
    }

    #[test]
    fn a_regular_host_is_awaited_shortly_after_its_next_call() {
        let due = regular().next_call().expect("it was in time 20 times");
        let expected = MonoTime::from_nanos((21 * 2667 + 150) * 1000);
        assert!(due.since(expected).max(expected.since(due)) < Duration::from_micros(2));
        assert_eq!(HostBeat::new(SampleRate::HZ_48000).next_call(), None);
    }

    #[test]
    fn a_host_that_is_late_or_skips_or_changes_its_block_is_not_relied_on() {
        for odd in [
            call(21, 21 * 2667 + 400, 128),
            call(22, 22 * 2667, 128),
            call(21, 21 * 2667, 64),
        ] {
            let mut beat = regular();
            beat.note(&odd);
            assert_eq!(beat.next_call(), None, "{odd:?}");
        }
    }

    #[test]
    fn what_is_beyond_real_time_is_not_allowed_out() {
        let start = MonoTime::from_nanos(0);
        let mut pace = Pace::new(SampleRate::HZ_48000, start);
        assert_eq!(
            pace.allow(start, Frames(20_000)),
            Frames(20_000),
            "a burst may be"
        );
        assert_eq!(pace.allow(start, Frames(20_000)), Frames(4_000));
        let later = start + Duration::from_millis(100);
        assert_eq!(pace.allow(later, Frames(20_000)), Frames(5_040));
    }
}
