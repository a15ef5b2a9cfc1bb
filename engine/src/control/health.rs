//! How a session does: its last minute, and what is wrong with it.

use std::net::SocketAddr;
use std::time::Duration;

use farsend_stream::DepthPolicy;
use farsend_units::{Frames, SampleRate};

use super::advice::Advisor;
use super::minute::{LastMinute, Minute};
use super::trouble::{Caller, Facts, Trouble};
use crate::net::medium::is_wireless;
use crate::statistics::Statistics;

/// Follows one session's numbers. Control thread.
#[derive(Debug, Clone)]
pub struct Health {
    rate: SampleRate,
    depth: DepthPolicy,
    caller: Caller,
    minute: LastMinute,
    advisor: Advisor,
    /// How our way to this peer begins.
    way: Option<(SocketAddr, bool)>,
}

impl Health {
    /// Of a session at `rate` whose depth is chosen so and whose blocks are called for by `caller`.
    pub fn new(rate: SampleRate, depth: DepthPolicy, caller: Caller) -> Self {
        Self {
            rate,
            depth,
            caller,
            minute: LastMinute::default(),
            advisor: Advisor::default(),
            way: None,
        }
    }

    /// The depth is chosen so from now on.
    pub fn set_depth(&mut self, depth: DepthPolicy) {
        self.depth = depth;
    }

    /// Looks at the numbers, `at` after the session's start: once a second or more often. Gives what has begun to be
    /// wrong.
    pub fn look(&mut self, at: Duration, now: &Statistics, xruns: u64) -> Option<Trouble> {
        let news = self.minute.note(at, now, xruns);
        let minute = self.minute.so_far();
        let (Some(remote), Some(format)) = (now.remote.filter(|_| now.present), now.format) else {
            self.advisor.reset();
            return None;
        };
        if !news {
            return None;
        }
        let wireless = match self.way {
            Some((to, wireless)) if to == remote => wireless,
            _ => {
                let wireless = is_wireless(remote);
                self.way = Some((remote, wireless));
                wireless
            }
        };
        let facts = Facts {
            minute,
            packet: format.period.duration(format.rate),
            reserve: now.reserve,
            target: self.duration(now, now.target),
            jitter: now.jitter,
            depth: self.depth,
            redundancy: now.redundancy,
            hub: now.hub,
            farsend: now.farsend,
            repairs: now.repairs,
            drift_ppm: now.drift_ppm,
            own_drift_ppm: now.own_drift_ppm,
            wireless,
            caller: self.caller,
        };
        self.advisor.look(at, &facts)
    }

    /// The last minute.
    pub fn minute(&self) -> Minute {
        self.minute.so_far()
    }

    /// What is wrong now.
    pub fn wrong(&self) -> Option<&Trouble> {
        self.advisor.wrong()
    }

    /// How long audio waits here, and is to wait.
    pub fn queue(&self, now: &Statistics) -> [Duration; 2] {
        [now.queued, now.target].map(|frames| self.duration(now, frames))
    }

    /// The rate of the session at this end.
    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    fn duration(&self, now: &Statistics, frames: Frames) -> Duration {
        now.duration(frames, self.rate)
    }
}
