//! How far a player is: the path, as far as anything is known of it, and the wait here.

use std::time::Duration;

use farsend_stream::Wait;

use super::align::Age;
use super::roster::Entry;
use crate::statistics::Statistics;

/// From a player's capture into the mix, but for their sound card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Distance {
    /// From there to here: half the round trip.
    pub(super) path: Duration,
    pub(super) basis: Basis,
    pub(super) wait: Wait,
}

/// How the path is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Basis {
    /// The shortest round trip of the last minute, which another Farsend answers.
    Measured,
    /// The round trip at the log-in: paths change.
    LogIn,
    /// Not at all: it counts as nothing.
    Unknown,
}

impl Distance {
    /// What is known of this player; nothing before they play.
    pub(super) fn of(entry: &Entry, now: &Statistics) -> Option<Self> {
        let measured = entry.watch.minute.so_far().round_trip;
        let (trip, basis) = match (measured, entry.round_trip) {
            (Some(trip), _) => (trip, Basis::Measured),
            (None, Some(trip)) => (trip, Basis::LogIn),
            (None, None) => (Duration::ZERO, Basis::Unknown),
        };
        Some(Self {
            path: trip / 2,
            basis,
            wait: now.wait.filter(|_| now.present)?,
        })
    }

    /// How old what is mixed is.
    pub(super) fn delay(&self) -> Duration {
        self.path + self.wait.now
    }

    /// The same for who aligns them.
    pub(super) fn age(&self, place: u16) -> Age {
        Age {
            place,
            path: self.path,
            wait: self.wait.own,
        }
    }
}

impl Basis {
    /// For programs.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::LogIn => "log_in",
            Self::Unknown => "unknown",
        }
    }
}
