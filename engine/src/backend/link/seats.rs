//! All instances of a session: who of them is its clock, who comes and goes, and what they send together.

use std::time::Duration;

use farsend_ipc::message::Loop;
use farsend_ipc::segment::{HostCall, Stretch};
use farsend_stream::DepthPolicy;
use farsend_units::{Frames, MonoTime, SampleRate};

use super::line::TimeLine;
use super::seat::Seat;
use super::{Lines, MOST_SEATS, Order};

/// The instance whose calls are the clock, and the others. Owned by the session's thread.
#[derive(Debug)]
pub(super) struct Seats {
    pub(super) lead: Box<Seat>,
    #[expect(
        clippy::vec_box,
        reason = "they come and go in boxes, which this thread must not free"
    )]
    pub(super) guests: Vec<Box<Seat>>,
    lines: Lines,
    rate: SampleRate,
    /// What is sent is heard again so late: told since it was asked last.
    looped: Option<Loop>,
    /// Whether the delay is to stay, and how deep it is to be: likewise.
    delay: DelayOrders,
}

/// What was ordered about the delay of what comes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct DelayOrders {
    /// Whether it is to stay as it is.
    pub(super) keep: Option<bool>,
    /// How it is chosen.
    pub(super) depth: Option<DepthPolicy>,
}

impl Seats {
    /// With the first one. Allocates.
    pub(super) fn new(mut lead: Box<Seat>, lines: Lines) -> Self {
        let rate = lead.end.config().rate;
        lead.line = TimeLine::of_the_session();
        Self {
            lead,
            guests: Vec::with_capacity(MOST_SEATS),
            lines,
            rate,
            looped: None,
            delay: DelayOrders::default(),
        }
    }

    /// Of the session.
    pub(super) fn rate(&self) -> SampleRate {
        self.rate
    }

    /// Instances come and go. The last call of the one that is the clock now, if it is another one.
    pub(super) fn obey(&mut self) -> Option<HostCall> {
        let mut new_clock = None;
        for _ in 0..MOST_SEATS {
            let Ok(order) = self.lines.orders.pop() else {
                break;
            };
            match order {
                Order::Join(seat) if self.guests.len() < self.guests.capacity() => {
                    self.guests.push(seat);
                }
                Order::Join(seat) => self.give_back(seat),
                Order::Loop(measured) => self.looped = Some(measured),
                Order::KeepDelay(keep) => self.delay.keep = Some(keep),
                Order::Depth(depth) => self.delay.depth = Some(depth),
                Order::Leave(id) if id == self.lead.id() => {
                    if !self.guests.is_empty() {
                        new_clock = Some(self.hand_over(0));
                        let gone = self.guests.swap_remove(0);
                        self.give_back(gone);
                    }
                }
                Order::Listen(id, output, source) => {
                    if let Some(seat) = self.iter_mut().find(|seat| seat.id() == id) {
                        seat.want(output, source);
                    }
                }
                Order::Leave(id) => {
                    if let Some(index) = self.guests.iter().position(|seat| seat.id() == id) {
                        let gone = self.guests.swap_remove(index);
                        self.give_back(gone);
                    }
                }
            }
        }
        new_clock
    }

    /// What is sent is heard again so late, if somebody has said so since this was asked last.
    pub(super) fn take_loop(&mut self) -> Option<Loop> {
        self.looped.take()
    }

    /// What was ordered about the delay since this was asked last.
    pub(super) fn take_delay(&mut self) -> DelayOrders {
        std::mem::take(&mut self.delay)
    }

    /// All of them.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Box<Seat>> {
        std::iter::once(&mut self.lead).chain(&mut self.guests)
    }

    /// To be dropped. The ring has room for all there can be.
    fn give_back(&mut self, seat: Box<Seat>) {
        if let Err(rtrb::PushError::Full(seat)) = self.lines.returns.push(seat) {
            // Nobody collects: keeping the memory is better than freeing it here.
            std::mem::forget(seat);
        }
    }

    /// The calls of the guest at this index are the clock from now on, and the lead is a guest. Gives the last of these calls.
    pub(super) fn hand_over(&mut self, index: usize) -> HostCall {
        let before = self.lead.session_call().unwrap_or_default();
        let next = &mut self.guests[index];
        let own = next.end.host_call().unwrap_or_default();
        next.line.take_over(&before, &own);
        std::mem::swap(&mut self.lead, next);
        next.end.listen(false);
        own
    }

    /// Lays the guests' time lines along the session's. `played`: the clock had all it needed.
    pub(super) fn follow(&mut self, now: MonoTime, played: bool) {
        if self.guests.is_empty() {
            return;
        }
        let lead = self.lead.session_call();
        for guest in &mut self.guests {
            guest.end.beat(now);
            if let Some(lead) = &lead {
                guest.follow(lead, self.rate, played);
            }
        }
    }

    /// Where the clock has stood still for so long, another instance whose host calls.
    pub(super) fn awake(&mut self, now: MonoTime, idle: Duration) -> Option<usize> {
        self.guests.iter_mut().position(|guest| {
            let call = guest.end.host_call();
            call.is_some_and(|call| now.since(call.at) < idle / 2)
        })
    }

    /// Whether somebody's part of what is due is on its way, as it always comes soon after the clock's.
    pub(super) fn is_awaiting(&mut self, now: MonoTime, due: Frames) -> bool {
        if self.guests.is_empty() {
            return false;
        }
        let position = self.lead.line.session(self.lead.end.taken());
        let patience = (due.duration(self.rate) / 4).min(LONGEST_PATIENCE);
        let called = self.lead.session_call().map(|call| call.at);
        called.is_some_and(|at| now < at + patience)
            && self
                .guests
                .iter()
                .any(|guest| guest.is_awaited(position, due))
    }

    /// What the host does, with the session's positions: as the clock's instance says, or another whose place is known.
    pub(super) fn transport(&self) -> Option<Stretch> {
        let seats = std::iter::once(&self.lead).chain(&self.guests);
        seats.filter_map(|seat| seat.stretch()).next()
    }

    /// Takes the next `frames` of what all send together. Gives how many there were, and where on the session's line they begin.
    pub(super) fn take(&mut self, to: &mut [Vec<f32>], frames: usize) -> (Frames, u64) {
        let (taken, position) = self.lead.lead_in(to, frames);
        if taken > Frames::ZERO {
            for guest in &mut self.guests {
                guest.join_in(position, to, taken.get());
            }
        }
        (taken, position)
    }
}

/// For how long an instance is awaited after the first one's call.
const LONGEST_PATIENCE: Duration = Duration::from_millis(1);
