//! A floor for tests, whose mix is what was captured.

use farsend_rt::latest;
use farsend_units::{Channels, Frames, SampleRate};

use super::HostedFloor;
use crate::hub::floor::{Floor, Lines};
use crate::hub::socket::HubSocket;
use crate::hub::{HubSettings, LocalSettings, Through};
use crate::statistics::Statistics;

impl HostedFloor {
    /// One without a socket, without players, and whose mix is what was captured.
    pub(crate) fn echo(rate: SampleRate, period: Frames, channels: Channels) -> Box<Self> {
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
        let floor = Floor::new(&settings, socket, Lines::to_nobody());
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
