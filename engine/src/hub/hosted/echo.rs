//! A floor for tests, whose mix is what was captured.

use farsend_rt::latest;
use farsend_units::{Channels, Frames, SampleRate};
use rtrb::RingBuffer;

use super::HostedFloor;
use crate::hub::floor::{Floor, FloorStatistics, Lines};
use crate::hub::socket::HubSocket;
use crate::hub::{HubSettings, LocalSettings, Through};
use crate::statistics::Statistics;

impl HostedFloor {
    /// One without a socket, without players, and whose mix is what was captured.
    pub(crate) fn echo(rate: SampleRate, period: Frames, channels: Channels) -> Box<Self> {
        let lines = Lines {
            orders: RingBuffer::new(1).1,
            knocks: RingBuffer::new(1).0,
            returns: RingBuffer::new(1).0,
            statistics: latest(FloorStatistics::default()).0,
            tapes: RingBuffer::new(1).0,
        };
        let settings = HubSettings {
            rate,
            period,
            local: Some(LocalSettings {
                channels,
                through: Through::Instances,
            }),
            players: 2,
            ..HubSettings::default()
        };
        let socket = HubSocket::of_many(false);
        let floor = Floor::new(&settings, socket, lines);
        let mut hosted = Self::new(floor, &settings, latest(Statistics::default()).0);
        hosted.is_echo = true;
        Box::new(hosted)
    }

    /// How many were played.
    pub(crate) fn periods(&self) -> u64 {
        self.numbers.periods()
    }

    pub(super) fn echo_back(&mut self) {
        if self.is_echo {
            for (mix, captured) in self.mix.iter_mut().zip(self.captured.iter()) {
                mix.copy_from_slice(captured);
            }
        }
    }
}
