//! What one period does: input to packets, packets to output, and the numbers of both.

use std::time::Duration;

use arrayvec::ArrayVec;
use farsend_rt::{LatestWriter, clock};
use farsend_stream::Meter;
use farsend_units::{Channels, Frames, MonoTime, SampleRate};

use crate::backend::{MOST_MISSED, Paced};
use crate::filler::Filler;
use crate::net::udp::AudioSocket;
use crate::peers::PeerLink;
use crate::settings::MAX_CHANNELS;
use crate::statistics::{PeriodNumbers, Statistics};

/// The audio of one session. Built on the control thread, then owned by whoever paces it; nothing in
/// [`Paced::period`] allocates, locks, waits or logs.
#[derive(Debug)]
pub struct AudioPath {
    link: PeerLink,
    loopback: bool,
    filler: Filler,
    missed: Frames,
    meter_out: Meter,
    meter_in: Meter,
    statistics: LatestWriter<Statistics>,
    numbers: PeriodNumbers,
}

impl AudioPath {
    /// A path to `link`. With `loopback`, what comes is sent back and the input is not used.
    pub fn new(
        link: PeerLink,
        loopback: bool,
        rate: SampleRate,
        send: Channels,
        receive: Channels,
        statistics: LatestWriter<Statistics>,
    ) -> Self {
        Self {
            link,
            loopback,
            filler: Filler::new(send),
            missed: Frames::ZERO,
            meter_out: Meter::new(send, rate),
            meter_in: Meter::new(receive, rate),
            statistics,
            numbers: PeriodNumbers::default(),
        }
    }

    /// Sends something for `missed` frames between the last block and `next`, which is to be sent after it.
    fn fill(&mut self, now: MonoTime, missed: Frames, next: &[&[f32]]) {
        if missed > Frames::ZERO {
            let wall_us = clock::wall_us();
            self.filler.fill(missed, next, &mut |block| {
                self.link.send_filler(now, wall_us, block);
            });
        }
        self.filler.note(next);
    }

    /// Sends one block, for a backend with halves of its own.
    pub fn send(&mut self, now: MonoTime, block: &[&[f32]]) {
        self.link.send(now, clock::wall_us(), block);
        self.meter_out.update(block);
    }

    /// The peer, for a backend with halves of its own.
    pub fn link(&mut self) -> &mut PeerLink {
        &mut self.link
    }

    /// Meters what is played.
    pub fn note_played(&mut self, block: &[&mut [f32]]) {
        let played: ArrayVec<&[f32], MAX_CHANNELS> =
            block.iter().map(|channel| &**channel).collect();
        self.meter_in.update(&played);
    }

    /// Counts a period that began at `begun`, and publishes the numbers every [`PUBLISH_EVERY`].
    pub fn finish_period(&mut self, begun: MonoTime) {
        if self.numbers.finish(begun, PUBLISH_EVERY) {
            self.publish();
        }
    }

    fn publish(&mut self) {
        let mut now = self.numbers.report(&self.meter_out, &self.meter_in);
        self.link.report(&mut now);
        self.statistics.write(now);
    }

    /// The socket, to wait on.
    pub fn socket(&self) -> &AudioSocket {
        self.link.socket()
    }

    /// Whether the peer is there and can be heard.
    pub fn has_peer(&self) -> bool {
        self.link.has_peer()
    }

    /// Says goodbye. Control thread, once the audio thread has given the path back.
    pub fn leave(&mut self) {
        self.link.leave(clock::now());
        self.publish();
    }
}

impl Paced for AudioPath {
    /// Both time lines go on: the peer gets something for what was missed, and what came for it is passed over, so that
    /// no delay stays. No more than [`MOST_MISSED`].
    fn miss(&mut self, frames: Frames) {
        self.missed = frames.min(MOST_MISSED);
    }

    /// The input leaves before anything else is done, since others wait for it.
    fn period(&mut self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        let begun = clock::now();
        let missed = std::mem::take(&mut self.missed);
        if !self.loopback {
            self.fill(begun, missed, inputs);
            self.send(begun, inputs);
        }
        self.link.receive(begun);
        if missed > Frames::ZERO {
            self.link.pass_over(missed);
        }
        _ = self.link.play(begun, outputs);
        if self.loopback {
            let back: ArrayVec<&[f32], MAX_CHANNELS> =
                outputs.iter().map(|channel| &**channel).collect();
            self.fill(begun, missed, &back);
            self.send(begun, &back);
        }
        self.note_played(outputs);
        self.finish_period(begun);
    }

    fn set_converters(&mut self, frames: Frames) {
        self.link.hearing().set_converters(frames);
    }

    fn resume(&mut self) {
        self.link.resume();
    }
}

/// How old the published numbers may be.
const PUBLISH_EVERY: Duration = Duration::from_millis(20);
