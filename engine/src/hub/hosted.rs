//! A hub's floor for the plugin's instances: what they send is captured at the hub, and each of them may hear any player.
//!
//! ```text
//!   instances ──▶ captured ──▶ Floor ──▶ mix, players, groups ──▶ instances
//! ```
//! Whoever has it paces it, a period of the mix at a time ([`crate::backend::link`]).

#[cfg(test)]
mod echo;

use std::net::SocketAddr;
use std::time::Duration;

use arrayvec::ArrayVec;
use farsend_ipc::segment::Stretch;
use farsend_rt::{LatestWriter, clock};
use farsend_stream::Meter;
use farsend_units::{Channels, SampleRate};

use super::HubSettings;
use super::floor::Floor;
use super::lanes::Lanes;
use crate::settings::MAX_CHANNELS;
use crate::statistics::{PeriodNumbers, Statistics};

/// A hub's audio, to be paced by the calls of others. Made on a control thread, used by an audio thread: nothing but
/// [`new`](Self::new) allocates, locks or waits.
#[derive(Debug)]
pub struct HostedFloor {
    floor: Floor,
    /// What the next period of the mix hears of us, and all players of the last one.
    captured: Lanes,
    mix: Lanes,
    rate: SampleRate,
    period: usize,
    meter_out: Meter,
    meter_in: Meter,
    statistics: LatestWriter<Statistics>,
    numbers: PeriodNumbers,
    /// Whether the mix is what was captured.
    #[cfg(test)]
    is_echo: bool,
}

/// Lanes of audio, planar and of one length.
pub type Sound<'a> = ArrayVec<&'a [f32], MAX_CHANNELS>;

impl HostedFloor {
    /// For a hub with local channels. Allocates.
    pub(super) fn new(
        floor: Floor,
        settings: &HubSettings,
        statistics: LatestWriter<Statistics>,
    ) -> Self {
        let channels = settings.local.as_ref().map(|local| local.channels);
        let channels = channels.unwrap_or(Channels(0));
        Self {
            floor,
            captured: Lanes::new(channels, settings.period),
            mix: Lanes::new(channels, settings.period),
            rate: settings.rate,
            period: settings.period.get().max(1),
            meter_out: Meter::new(channels, settings.rate),
            meter_in: Meter::new(channels, settings.rate),
            statistics,
            numbers: PeriodNumbers::default(),
            #[cfg(test)]
            is_echo: false,
        }
    }

    /// The floor, for the end.
    pub(super) fn into_floor(self) -> Floor {
        self.floor
    }

    /// Frames of a period of the mix; never 0.
    pub fn period(&self) -> usize {
        self.period
    }

    /// Of the mix.
    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    /// Puts the first `frames` of these channels into what the next period hears of us, from frame `at` on. What has no place is left out.
    pub fn capture(&mut self, at: usize, channels: &[Vec<f32>], frames: usize) {
        for (lane, channel) in self.captured.iter_mut().zip(channels) {
            if let (Some(lane), Some(channel)) =
                (lane.get_mut(at..at + frames), channel.get(..frames))
            {
                lane.copy_from_slice(channel);
            }
        }
    }

    /// The next period hears nothing of us from frame `at` on.
    pub fn capture_silence(&mut self, at: usize) {
        for lane in self.captured.iter_mut() {
            lane.iter_mut().skip(at).for_each(|sample| *sample = 0.0);
        }
    }

    /// One period: what was captured to the players, and what they play to whoever looks.
    pub fn run(&mut self) {
        let begun = clock::now();
        self.floor.period(Some((&self.captured, &mut self.mix)));
        #[cfg(test)]
        self.echo_back();
        self.meter_out.update(&lanes(&self.captured));
        self.meter_in.update(&lanes(&self.mix));
        if self.numbers.finish(begun, PUBLISH_EVERY) {
            let now = self.numbers.report(&self.meter_out, &self.meter_in);
            self.statistics.write(now);
        }
    }

    /// The last period was at `position` of the host's own time line: told where takes of players are recorded.
    pub fn note_sent(&mut self, position: u64) {
        let block = self.captured.get(0).unwrap_or_default();
        self.floor.note_sent(position, self.period, block);
    }

    /// Likewise where what is played next is heard.
    pub fn note_heard(&mut self, position: u64) {
        self.floor.note_heard(position);
    }

    /// What is heard lies differently behind what is sent from now on: every loop is another one. `stood`: the host's time line stood still, while
    /// players played on.
    pub fn shift(&mut self, stood: bool) {
        self.floor.shift(stood);
    }

    /// Likewise what the host's transport does, and where it is now, if what has come is to be noted.
    pub fn tell_taking(&mut self, stretch: Stretch, position: Option<u64>) {
        self.floor.tell_taking(stretch, position, self.rate);
    }

    /// What the last period heard of us.
    pub fn captured(&self) -> Sound<'_> {
        lanes(&self.captured)
    }

    /// Takes what has come, between two periods: a socket holds only so much.
    pub fn listen(&mut self) {
        self.floor.receive();
    }

    /// All players of the last period, together.
    pub fn mix(&self) -> Sound<'_> {
        lanes(&self.mix)
    }

    /// What the player in this place played in the last period, if it is still the one with this address.
    pub fn heard(&self, place: u16, address: SocketAddr) -> Option<Sound<'_>> {
        let (of, heard) = self.floor.heard(place)?;
        (of == address).then(|| lanes(heard))
    }

    /// Adds up what the players of this group played in the last period, one channel in both of two. How many they are. `sum` is at least
    /// a period long.
    pub fn sum_group(&self, group: u8, sum: &mut [Vec<f32>]) -> usize {
        for lane in sum.iter_mut() {
            lane[..self.period].fill(0.0);
        }
        let mut members = 0;
        for heard in self.floor.of_group(group) {
            members += 1;
            let upmix = heard.channels() == 1 && sum.len() == 2;
            for (channel, lane) in sum.iter_mut().enumerate() {
                let from = heard.get(if upmix { 0 } else { channel });
                for (sum, sample) in lane.iter_mut().zip(from.unwrap_or_default()) {
                    *sum += sample;
                }
            }
        }
        members
    }
}

fn lanes(lanes: &Lanes) -> Sound<'_> {
    lanes.iter().take(MAX_CHANNELS).collect()
}

/// How old the published numbers may be.
const PUBLISH_EVERY: Duration = Duration::from_millis(100);
