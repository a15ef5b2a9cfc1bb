//! What one period does: input to packets, packets to output, and the numbers of both.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arrayvec::ArrayVec;
use farsend_rt::{LatestWriter, clock};
use farsend_stream::Meter;
use farsend_units::{Channels, MonoTime, SampleRate};

use crate::net::udp::AudioSocket;
use crate::peers::PeerLink;
use crate::settings::MAX_CHANNELS;
use crate::statistics::Statistics;

/// The audio of one session. Built on the control thread, then owned by whoever paces it; nothing in
/// [`AudioPath::period`] allocates, locks, waits or logs.
#[derive(Debug)]
pub struct AudioPath {
    link: PeerLink,
    loopback: bool,
    meter_out: Meter,
    meter_in: Meter,
    statistics: LatestWriter<Statistics>,
    periods: u64,
    longest: Duration,
    publish_at: MonoTime,
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
            meter_out: Meter::new(send, rate),
            meter_in: Meter::new(receive, rate),
            statistics,
            periods: 0,
            longest: Duration::ZERO,
            publish_at: MonoTime::default(),
        }
    }

    /// One period of a backend that plays as it captures: `inputs` goes out, `outputs` is filled. Planar, all of
    /// one length. The input leaves before anything else is done, since others wait for it.
    pub fn period(&mut self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        let begun = clock::now();
        if !self.loopback {
            self.send(begun, inputs);
        }
        self.link.receive(begun);
        _ = self.link.play(begun, outputs);
        if self.loopback {
            let back: ArrayVec<&[f32], MAX_CHANNELS> =
                outputs.iter().map(|channel| &**channel).collect();
            self.send(begun, &back);
        }
        self.note_played(outputs);
        self.finish_period(begun);
    }

    /// Sends one block, for a backend with halves of its own.
    pub fn send(&mut self, now: MonoTime, block: &[&[f32]]) {
        self.link.send(now, wall_us(), block);
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
        self.periods += 1;
        let ended = clock::now();
        self.longest = self.longest.max(ended.since(begun));
        if ended >= self.publish_at {
            self.publish_at = ended + PUBLISH_EVERY;
            self.publish();
        }
    }

    fn publish(&mut self) {
        let mut now = Statistics {
            periods: self.periods,
            longest: self.longest,
            ..Statistics::default()
        };
        self.link.report(&mut now);
        fill(&mut now.peaks_out, self.meter_out.peaks());
        fill(&mut now.peaks_in, self.meter_in.peaks());
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

    /// The audio clock stood still (a JACK server went and came back).
    pub fn resume(&mut self) {
        self.link.resume();
    }
}

fn fill(to: &mut [f32; MAX_CHANNELS], peaks: &[f32]) {
    to.iter_mut().zip(peaks).for_each(|(to, peak)| *to = *peak);
}

/// Microseconds since the Unix epoch, as JackTrip stamps its packets. No receiver uses it.
fn wall_us() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
        })
}

/// How old the published numbers may be.
const PUBLISH_EVERY: Duration = Duration::from_millis(20);
