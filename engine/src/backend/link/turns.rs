//! What the thread of a session does, turn after turn. Nothing here but [`Link::new`] allocates, locks or logs, and nothing but
//! [`Link::wait`] waits.

use std::os::fd::AsFd;
use std::time::Duration;

use arrayvec::ArrayVec;
use farsend_ipc::segment::HostCall;
use farsend_rt::clock;
use farsend_stream::Pulled;
use farsend_units::{Channels, Frames, MonoTime, SampleRate};
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;

use super::pace::{HostBeat, Pace};
use super::seat::Seat;
use super::seats::{DelayOrders, Seats};
use super::taking::Taking;
use super::{CHUNK, LONGEST_WAIT, Lines, SHORT_WAIT};
use crate::audio::AudioPath;
use crate::settings::MAX_CHANNELS;

/// The thread's state: owned whole by it, and run in plain tests.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) path: Box<AudioPath>,
    pub(super) seats: Seats,
    /// The connection's channels, there or back.
    pub(super) scratch: Vec<Vec<f32>>,
    pub(super) send: usize,
    receive: usize,
    /// Host calls seen, and the frames played by then.
    calls: u64,
    position: u64,
    /// Frames that the host took with its last calls, and when.
    block: Frames,
    called_at: MonoTime,
    /// Whether all of them were there.
    served: bool,
    concealed: bool,
    /// Whether somebody is waited for who has not sent yet.
    awaiting: bool,
    beat: HostBeat,
    /// Whether the buffer has a stream to play, heard or concealed.
    playing: bool,
    pace: Pace,
    /// While the host does not call: when silence was last sent.
    silent_since: Option<MonoTime>,
    pub(super) taking: Taking,
}

impl Link {
    /// With its first instance. Allocates.
    pub(super) fn new(
        path: Box<AudioPath>,
        lead: Box<Seat>,
        [send, receive]: [Channels; 2],
        lines: Lines,
    ) -> Self {
        let now = clock::now();
        let channels = send.get().max(receive.get()).max(1);
        let seats = Seats::new(lead, lines);
        let rate = seats.rate();
        Self {
            path,
            seats,
            scratch: vec![vec![0.0; CHUNK]; channels],
            send: send.get(),
            receive: receive.get(),
            calls: 0,
            position: 0,
            block: Frames::ZERO,
            called_at: now,
            served: false,
            concealed: false,
            awaiting: false,
            beat: HostBeat::new(rate),
            playing: false,
            pace: Pace::new(rate, now),
            silent_since: None,
            taking: Taking::default(),
        }
    }

    /// Sleeps until the plugin or the network has something, or a gap has to be concealed.
    ///
    /// While the host calls regularly, the next call is awaited by the clock, so that the plugin need not
    /// wake us from within `process()`; else by the bell.
    pub(super) fn wait(&mut self) {
        let now = clock::now();
        let due = self.beat.next_call().filter(|due| *due > now);
        self.seats.lead.end.listen(due.is_none());
        if due.is_none() && !self.awaiting && self.seats.lead.end.available() > Frames::ZERO {
            return;
        }
        let longest = if self.awaiting {
            SHORT_WAIT
        } else {
            LONGEST_WAIT
        };
        let until = [self.deadline(), due]
            .into_iter()
            .flatten()
            .fold(now + longest, MonoTime::min);
        let timeout = TimeSpec::from_duration(until.since(now));
        let flags = PollFlags::POLLIN;
        let socket = self.path.socket();
        let mut watched = [
            PollFd::new(socket.as_fd(), flags),
            PollFd::new(self.seats.lead.end.as_fd(), flags),
        ];
        // An interrupted wait is a short one.
        _ = ppoll(&mut watched, Some(timeout), None);
    }

    /// One look at everything.
    pub(super) fn turn(&mut self, now: MonoTime) {
        if let Some(call) = self.seats.obey() {
            self.follow_anew(&call, now);
        }
        if let Some(measured) = self.seats.take_loop() {
            self.note_loop(measured);
        }
        let DelayOrders { keep, depth } = self.seats.take_delay();
        let buffer = self.path.link().buffer();
        keep.into_iter().for_each(|keep| buffer.keep_delay(keep));
        depth.into_iter().for_each(|depth| buffer.set_depth(depth));
        self.seats.lead.end.hush();
        self.seats.lead.end.beat(now);
        self.seats.follow(now, self.playing && self.served);
        self.take_down(now);
        self.path.link().receive(now);
        self.note_host_calls(now);
        self.release_ready();
        if self.deadline().is_some_and(|deadline| now >= deadline) {
            self.conceal();
        }
        self.tell_taking(now);
        self.path.link().tell_heard(now);
        self.path.finish_period(now);
    }

    /// The path, for the end.
    pub(super) fn into_path(self) -> Box<AudioPath> {
        self.path
    }

    /// Another instance's calls are the clock from now on, of which this was the last.
    fn follow_anew(&mut self, own: &HostCall, now: MonoTime) {
        (self.calls, self.position) = (own.number, own.position);
        (self.block, self.called_at) = (own.block, own.at.min(now));
        (self.concealed, self.awaiting) = (false, false);
        self.beat = HostBeat::new(self.rate());
        self.silent_since = None;
    }

    pub(super) fn rate(&self) -> SampleRate {
        self.seats.rate()
    }

    /// What the plugin wrote goes out, at the pace of real time at the most.
    fn take_down(&mut self, now: MonoTime) {
        let mut due = self.seats.lead.end.available();
        if due > Frames::ZERO {
            self.silent_since = None;
        } else if now.since(self.called_at) > HOST_IDLE {
            match self.seats.awake(now, HOST_IDLE) {
                Some(index) => {
                    let call = self.seats.hand_over(index);
                    self.follow_anew(&call, now);
                }
                None => self.send_silence(now),
            }
            return;
        }
        self.awaiting = due > Frames::ZERO && self.seats.is_awaiting(now, due);
        if self.awaiting {
            return;
        }
        let allowed = self.pace.allow(now, due);
        self.seats.lead.end.skip(due - allowed);
        due = allowed;
        while due > Frames::ZERO {
            let length = due.get().min(CHUNK);
            let (taken, position) = self.seats.take(&mut self.scratch[..self.send], length);
            if taken == Frames::ZERO {
                break;
            }
            let before = self.path.link().sent_frames();
            self.path.link().hearing().put_input(position as i64);
            self.path
                .send(now, &heads(&self.scratch[..self.send], taken.get()));
            self.note_sent(position, before, taken.get());
            due = due.saturating_sub(taken);
        }
    }

    /// A host that does not call (a stopped engine, a suspended plugin) keeps its peer: silence goes out.
    fn send_silence(&mut self, now: MonoTime) {
        let since = *self.silent_since.get_or_insert(now);
        let frames = (now.since(since).as_secs_f64() * f64::from(self.rate().0)) as usize;
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
        let Some(call) = self.seats.lead.end.host_call() else {
            return;
        };
        if call.number == self.calls {
            return;
        }
        let (position, fill) = (call.position, self.seats.lead.end.ahead_of(call.position));
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
        self.served = missed == 0;
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
            let frames = ready.min(self.seats.lead.end.room()).get().min(CHUNK);
            if frames == 0 {
                return;
            }
            self.release(frames);
        }
    }

    /// Fills the rings up for the host's next calls with what stands in for the gap.
    fn conceal(&mut self) {
        self.concealed = true;
        let own = i64::from(self.block.0) - self.seats.lead.end.fill().max(0);
        let guests = self
            .seats
            .guests
            .iter()
            .filter(|guest| guest.line.is_in_time());
        let lacking = guests.map(|guest| guest.lacks()).fold(own, i64::max);
        if lacking > 0 {
            self.release((lacking as usize).min(CHUNK));
        }
    }

    fn release(&mut self, frames: usize) {
        let mut chunk = heads_mut(&mut self.scratch[..self.receive], frames);
        self.playing = self.path.link().pull(&mut chunk) != Pulled::Idle;
        self.path.note_played(&chunk);
        drop(chunk);
        let played = heads(&self.scratch[..self.receive], frames);
        // All of it is written: `frames` is never more than the ring's room.
        let released = self.seats.lead.release(&played);
        let position = self.seats.lead.line.session(released.position);
        self.path.link().hearing().handle_played_at(position as i64);
        for guest in &mut self.seats.guests {
            guest.release_at(position, &played);
        }
        drop(played);
        self.note_released(position.wrapping_add(frames as u64));
    }

    /// When a gap has to be concealed for somebody's next call, if there is one to conceal.
    fn deadline(&self) -> Option<MonoTime> {
        if self.concealed || !self.playing {
            return None;
        }
        let due = |called_at: MonoTime, block: Frames| {
            let length = block.duration(self.rate());
            called_at + length.saturating_sub(MARGIN.min(length / 4))
        };
        let lacks = self.seats.lead.end.fill() < i64::from(self.block.0);
        let own = lacks.then(|| due(self.called_at, self.block));
        let guests = self
            .seats
            .guests
            .iter()
            .filter(|guest| guest.line.is_in_time());
        guests
            .filter(|guest| guest.lacks() > 0)
            .map(|guest| due(guest.last_call().at, guest.last_call().block))
            .chain(own)
            .min()
    }
}

/// The first `frames` of each channel.
pub(super) fn heads(channels: &[Vec<f32>], frames: usize) -> ArrayVec<&[f32], MAX_CHANNELS> {
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

/// A bound on one turn's releases: the ring is full long before.
const MOST_RELEASES: usize = 64;

/// A bound on how far the ring is taken to be ahead.
const MOST_AHEAD: i64 = 1 << 20;

/// How long before the host's next call a gap is concealed, for blocks of four times that and more.
const MARGIN: Duration = Duration::from_micros(500);

/// A host that has not called for this long is taken to have stopped.
const HOST_IDLE: Duration = Duration::from_millis(200);

/// Silence goes out in portions of at least this many frames.
const SILENCE: usize = 64;
