//! What the recording of takes needs of a peer: the tap, what is kept for the other end, and which frame was heard when.

use std::time::Duration;

use farsend_protocol::repair::History;
use farsend_rt::MailboxReader;
use farsend_units::{MonoTime, SampleRate, SeqNum};

use super::Machines;
use crate::hearing::LinkHearing;
use crate::net::Outlet;
use crate::takes::Tap;

impl<O: Outlet> Machines<O> {
    /// Takes are recorded through what is in there. Control thread, before the first period.
    pub fn record_through(&mut self, taps: MailboxReader<Option<Tap>>) {
        self.tap = Some(taps);
    }

    /// Where takes are recorded, while somebody wants that.
    pub fn tap(&mut self) -> Option<&mut Tap> {
        self.tap.as_mut()?.newest()?.as_mut()
    }

    /// Frames that the peer was sent so far, at our own rate: the next block's first frame is this one, counted from 0.
    pub fn sent_frames(&self) -> i64 {
        self.pushed
    }

    /// Which of all frames that were sent the packet of this number begins with, if it is near the newest; as long as the peer is sent our
    /// own rate.
    pub fn sent_frame_of(&self, number: SeqNum) -> i64 {
        let begun = self.pushed - i64::from(self.packetizer.pending().0);
        let back = i64::from(self.packetizer.seq().since(number));
        begun - back * i64::from(self.packetizer.config().period.0)
    }

    /// How long the way to the far end's ear and back is, beyond from its newest packet here to us, as far as that is known: frames at `rate`. What the
    /// far end's queue and sound card are is only guessed, and the round trip to who answers nothing of ours is estimated.
    pub fn beyond(&self, rate: SampleRate) -> u32 {
        let trip = self.peer.round_trip().or(self.sounded);
        let way = trip.unwrap_or_default().as_secs_f64();
        let queue = self.format.map_or(0.0, |format| {
            let packets = f64::from(format.period.0) * GUESSED_PACKETS;
            packets / f64::from(format.rate.0.max(1))
        });
        ((way + queue) * f64::from(rate.0)) as u32
    }

    /// The round trip to the peer's host, as others than the peer tell. Before the first period.
    pub fn sound(&mut self, trip: Option<Duration>) {
        self.sounded = trip;
    }

    /// What the peer wants to be kept is kept in what comes through here. Control thread, before the first period.
    pub fn keep_in(&mut self, histories: MailboxReader<History>) {
        self.fetching.keep_in(histories);
    }

    /// Whether all that comes is to be there in the end, also what is too late for playing: a peer that is a Farsend is asked for it afterwards.
    pub fn keep_all(&mut self, keeps_all: bool) {
        self.keeps_all = keeps_all;
    }

    /// What the player at this end hears, and what they play: told to a peer that is a Farsend.
    pub fn hearing(&mut self) -> &mut LinkHearing {
        &mut self.hearing
    }

    /// Tells the peer what is heard here, if there is anything new. After what was due was played.
    pub fn tell_heard(&mut self, now: MonoTime) {
        for _ in 0..MOST_WORDS {
            let Some(word) = self.hearing.next_word(now, &self.peer) else {
                return;
            };
            self.peer.say(word);
            self.drain(now);
        }
    }
}

/// Whether there is a tap now.
pub(super) fn is_tapped(tap: &mut MailboxReader<Option<Tap>>) -> bool {
    tap.newest().is_some_and(|tap| tap.is_some())
}

/// What the far end's queue and sound card may be in packets: JackTrip's queue of four, and JACK's periods.
const GUESSED_PACKETS: f64 = 6.0;

/// Words of what is heard that leave at once, at most.
const MOST_WORDS: usize = 4;
