//! The way to a peer that answers nothing of ours, sounded: a JackTrip, or a hub.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::net::echo::Echo;
use crate::statistics::Statistics;

/// Sounds while there is such a peer. Control thread.
#[derive(Debug, Default)]
pub struct Sounding {
    /// Who is there, and since when.
    peer: Option<(IpAddr, Instant)>,
    echo: Option<Echo>,
    /// Echoes are not allowed here: not tried again for this peer.
    refused: bool,
    /// The round trip that the audio thread was told.
    told: Option<Duration>,
}

impl Sounding {
    /// Begins and ends as peers come and go. Some times a second.
    pub fn attend(&mut self, now: &Statistics) {
        let silent = now.present && !now.farsend;
        let host = now.remote.filter(|_| silent).map(|remote| remote.ip());
        if host != self.peer.map(|(host, _)| host) {
            self.peer = host.map(|host| (host, Instant::now()));
            (self.echo, self.refused) = (None, false);
        }
        // A Farsend says within moments that it is one.
        if let Some((host, since)) = self.peer
            && since.elapsed() >= PATIENCE
            && self.echo.is_none()
            && !self.refused
        {
            self.echo = Echo::start(host).ok();
            self.refused = self.echo.is_none();
        }
    }

    /// The round trip to the peer's host, as the system there answers echoes: none of its sound card or its queue is in it.
    pub fn round_trip(&self) -> Option<Duration> {
        self.echo.as_ref()?.round_trip()
    }

    /// The round trip, if the audio thread knows another. It keeps that of one who has gone until there is somebody else.
    pub fn news(&self) -> Option<Option<Duration>> {
        let trip = self.round_trip();
        (self.peer.is_some() && trip != self.told).then_some(trip)
    }

    /// The audio thread knows this one.
    pub fn told(&mut self, trip: Option<Duration>) {
        self.told = trip;
    }
}

const PATIENCE: Duration = Duration::from_secs(2);
