//! The plugin's calls as pacer of a hub: what the instances send is captured at it, and each of them hears the players it has picked.
//!
//! ```text
//!   host's calls     │ block k-1 │  block k  │ block k+1 │
//!   sent             ▏▔▔▔▔▔▔▔▔▔▔▔▏───┐
//!   floor            periods:        ▏▁▏▁▏▁▏───┐  as soon as the call has been
//!   heard                                      ▏▔▔▔▔▔▔▔▔▔▔▔▏  by the next call
//! ```
//! What is heard lies behind what is sent by a constant number of frames: a block, and where blocks are not whole periods as much of a
//! period as is needed. What is late for its place is left out, so that a hesitation costs what it lasted and nothing more.
//!
//! While the host stands still the machine's clock paces the hub: players hear each other as before.

mod taking;

use std::os::fd::AsFd;
use std::time::Duration;

use arrayvec::ArrayVec;
use farsend_ipc::segment::HostCall;
use farsend_rt::{MailboxReader, clock};
use farsend_units::{Channels, Frames, MonoTime, SampleRate};
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;

use super::ear::Source;
use super::pace::{HostBeat, Pace};
use super::seat::Seat;
use super::seats::Seats;
use super::{CHUNK, LONGEST_WAIT, Lines, SHORT_WAIT};
use crate::hub::HostedFloor;
use crate::takes::Tap;

/// The thread's state: owned whole by it, and run in plain tests. Nothing but [`House::new`] allocates, and nothing but
/// [`House::wait`] waits.
#[derive(Debug)]
pub(super) struct House {
    floor: Box<HostedFloor>,
    seats: Seats,
    /// What the instances send together; what a group plays.
    scratch: Vec<Vec<f32>>,
    /// Channels of what they send.
    channels: usize,
    /// Frames of the next period that have been captured.
    filled: usize,
    /// Host calls seen, and when the last one was.
    calls: u64,
    called_at: MonoTime,
    /// Whether the last one had all there was to hear.
    served: bool,
    awaiting: bool,
    beat: HostBeat,
    pace: Pace,
    blocks: Blocks,
    /// How far what is heard lay behind what is sent, last.
    behind: u64,
    /// While the host stands still: when the next period is due.
    standing: Option<Standing>,
    /// Where what is sent is recorded, while somebody wants that.
    taps: MailboxReader<Option<Tap>>,
    /// When the next look at what has come is due.
    next_look: MonoTime,
}

impl House {
    /// With its first instance. Allocates.
    pub(super) fn new(
        floor: Box<HostedFloor>,
        lead: Box<Seat>,
        channels: Channels,
        lines: Lines,
        taps: MailboxReader<Option<Tap>>,
    ) -> Self {
        let now = clock::now();
        let seats = Seats::new(lead, lines);
        let rate = seats.rate();
        let width = channels.get().max(2);
        Self {
            seats,
            scratch: vec![vec![0.0; CHUNK]; width],
            channels: channels.get(),
            filled: 0,
            calls: 0,
            called_at: now,
            served: false,
            awaiting: false,
            beat: HostBeat::new(rate),
            pace: Pace::new(rate, now),
            blocks: Blocks::new(floor.period()),
            behind: 0,
            standing: None,
            taps,
            next_look: now,
            floor,
        }
    }

    /// The floor, for the end.
    pub(super) fn into_floor(self) -> Box<HostedFloor> {
        self.floor
    }

    /// Sleeps until the host's next call, by the clock where it calls regularly, or until the next period is due.
    pub(super) fn wait(&mut self) {
        let now = clock::now();
        let due = self.beat.next_call().filter(|due| *due > now);
        let end = &mut self.seats.lead.end;
        end.listen(due.is_none());
        if due.is_none() && !self.awaiting && end.available() > Frames::ZERO {
            return;
        }
        let longest = if self.awaiting {
            SHORT_WAIT
        } else {
            LONGEST_WAIT
        };
        let period = self.standing.as_ref().map(|standing| standing.next);
        let until = [due, period]
            .into_iter()
            .flatten()
            .fold(now + longest, MonoTime::min);
        let timeout = TimeSpec::from_duration(until.since(now));
        let mut watched = [PollFd::new(end.as_fd(), PollFlags::POLLIN)];
        // An interrupted wait is a short one.
        _ = ppoll(&mut watched, Some(timeout), None);
    }

    /// One look at everything.
    pub(super) fn turn(&mut self, now: MonoTime) {
        if let Some(call) = self.seats.obey() {
            self.follow_anew(&call, now);
        }
        self.seats.lead.end.hush();
        self.seats.lead.end.beat(now);
        self.note_host_calls(now);
        self.seats.follow(now, self.served);
        if !self.take_down(now) {
            self.floor.listen();
        }
        self.tell_taking(now);
    }

    /// Another instance's calls are the clock from now on, of which this was the last.
    fn follow_anew(&mut self, own: &HostCall, now: MonoTime) {
        (self.calls, self.called_at) = (own.number, own.at.min(now));
        (self.served, self.awaiting) = (false, false);
        self.beat = HostBeat::new(self.seats.rate());
    }

    fn note_host_calls(&mut self, now: MonoTime) {
        let Some(call) = self.seats.lead.end.host_call() else {
            return;
        };
        if call.number == self.calls {
            return;
        }
        (self.calls, self.called_at) = (call.number, call.at.min(now));
        self.served = self.seats.lead.end.ahead_of(call.position) >= 0;
        self.beat.note(&call);
        self.blocks.note(call.block, self.seats.rate());
    }

    /// What the instances wrote is captured, at the pace of real time at the most. Whether a period was played.
    fn take_down(&mut self, now: MonoTime) -> bool {
        let mut due = self.seats.lead.end.available();
        if due > Frames::ZERO {
            self.standing = None;
        } else {
            let idle = self.idle();
            if now.since(self.called_at) <= idle {
                return false;
            }
            return match self.seats.awake(now, idle) {
                Some(index) => {
                    let call = self.seats.hand_over(index);
                    self.follow_anew(&call, now);
                    false
                }
                None => self.keep_time(now),
            };
        }
        self.awaiting = self.seats.is_awaiting(now, due);
        if self.awaiting {
            return false;
        }
        let allowed = self.pace.allow(now, due);
        self.seats.lead.end.skip(due - allowed);
        due = allowed;
        let mut played = false;
        while due > Frames::ZERO {
            let length = due.get().min(self.floor.period() - self.filled).min(CHUNK);
            let (taken, position) = self.seats.take(&mut self.scratch[..self.channels], length);
            if taken == Frames::ZERO {
                break;
            }
            self.floor
                .capture(self.filled, &self.scratch[..self.channels], taken.get());
            self.filled += taken.get();
            due = due.saturating_sub(taken);
            if self.filled >= self.floor.period() {
                self.filled = 0;
                self.floor.run();
                let end = position.wrapping_add(taken.0.into());
                self.release(end);
                self.note_sent(end);
                played = true;
            }
        }
        played
    }

    /// Periods that are due by the machine's clock. Whether there was one.
    fn keep_time(&mut self, now: MonoTime) -> bool {
        let length = period_of(&self.floor);
        if self.standing.is_none() {
            self.floor.shift(true);
        }
        let standing = self.standing.get_or_insert(Standing::new(now));
        let mut played = false;
        for _ in 0..MOST_PERIODS {
            if standing.next > now {
                break;
            }
            self.floor.capture_silence(self.filled);
            self.filled = 0;
            self.floor.run();
            standing.pass(length, self.floor.period(), self.floor.rate(), now);
            played = true;
        }
        played
    }

    /// What the last period sounded like, to everybody: it is that of what was sent until `end`.
    fn release(&mut self, end: u64) {
        let Self {
            floor,
            seats,
            scratch,
            blocks,
            behind,
            ..
        } = self;
        let frames = floor.period();
        let before = std::mem::replace(behind, blocks.behind());
        if *behind != before {
            floor.shift(false);
        }
        let heard_until = end.wrapping_add(*behind);
        let position = heard_until.wrapping_sub(frames as u64);
        floor.note_heard(heard_until);
        let mix = floor.mix();
        for seat in seats.iter_mut() {
            for output in 0..seat.outputs() {
                match seat.source(output) {
                    Source::Mix => seat.hear(output, Some(&mix), frames),
                    Source::Player { place, address } => {
                        let heard = floor.heard(place, address);
                        seat.hear(output, heard.as_deref(), frames);
                    }
                    Source::Group(group) => {
                        let sum = &mut scratch[..seat.hears(output).clamp(1, 2)];
                        let members = floor.sum_group(group, sum);
                        let sum: ArrayVec<&[f32], 2> =
                            sum.iter().map(|lane| &lane[..frames]).collect();
                        seat.hear(output, Some(&sum[..]).filter(|_| members > 0), frames);
                    }
                    Source::Nothing => seat.hear(output, None, frames),
                }
            }
            seat.put_at(position, frames);
        }
    }

    /// A host that has not called for so long stands still.
    fn idle(&self) -> Duration {
        let block = Frames(self.blocks.largest).duration(self.seats.rate());
        HOST_IDLE.max(block * 3)
    }
}

fn period_of(floor: &HostedFloor) -> Duration {
    Frames(floor.period() as u32).duration(floor.rate())
}

/// How large the host's blocks are, and how far behind what is sent they make what is heard.
#[derive(Debug)]
struct Blocks {
    period: usize,
    /// In this second and the one before, and so far in this one.
    largest: u32,
    so_far: u32,
    /// Frames of this second.
    frames: u32,
}

impl Blocks {
    fn new(period: usize) -> Self {
        Self {
            period,
            largest: 0,
            so_far: 0,
            frames: 0,
        }
    }

    fn note(&mut self, block: Frames, rate: SampleRate) {
        let block = block.0.min(CHUNK as u32);
        self.so_far = self.so_far.max(block);
        self.largest = self.largest.max(block);
        self.frames = self.frames.saturating_add(block);
        if self.frames >= rate.0.saturating_mul(SECONDS) {
            // Smaller ones for as long as that, and the delay is theirs.
            self.largest = self.so_far;
            (self.so_far, self.frames) = (0, 0);
        }
    }

    /// Frames between a frame that is sent and the one that is heard with it.
    fn behind(&self) -> u64 {
        let (block, period) = (u64::from(self.largest), self.period as u64);
        if block.is_multiple_of(period) {
            block
        } else {
            block + period - greatest_common_divisor(block, period)
        }
    }
}

fn greatest_common_divisor(mut one: u64, mut other: u64) -> u64 {
    // Fewer turns than a number has bits, twice.
    while other > 0 {
        (one, other) = (other, one % other);
    }
    one
}

/// The machine's clock as pacer.
#[derive(Debug)]
struct Standing {
    since: MonoTime,
    frames: u64,
    next: MonoTime,
}

impl Standing {
    fn new(now: MonoTime) -> Self {
        Self {
            since: now,
            frames: 0,
            next: now,
        }
    }

    /// A period was played. One that is late by more than can be of use goes on from there.
    fn pass(&mut self, length: Duration, period: usize, rate: SampleRate, now: MonoTime) {
        self.frames += period as u64;
        let nanos = u128::from(self.frames) * 1_000_000_000 / u128::from(rate.0.max(1));
        self.next = self.since + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        if self.next + MOST_BEHIND < now {
            *self = Self {
                next: now + length,
                frames: period as u64,
                since: now,
            };
        }
    }
}

/// A host that has not called for this long, and for three blocks, stands still.
const HOST_IDLE: Duration = Duration::from_millis(60);

/// A hub that stood for longer goes on from there.
const MOST_BEHIND: Duration = Duration::from_millis(20);

/// Periods of one turn by the machine's clock: as many of the shortest as that lasts.
const MOST_PERIODS: usize = 256;

/// For how long blocks have to be smaller until the delay is.
const SECONDS: u32 = 2;

#[cfg(test)]
mod tests;
