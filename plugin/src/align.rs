//! What the host is told of the delay, and what makes that true.
//!
//! ```text
//!   Live ────── aligned is wished ──────▶ Unmeasured ── ping heard ──▶ Aligned
//!     ▲                                        ▲                         │
//!     └──────────── live is wished ────────────┴── another session ──────┘
//!                                                  or player, or the delay moved
//! ```
//! In *live* the host is told 0. In *aligned* it is told the measured loop and a little more; what comes back is held back by that little.
//! A host restarts its audio to take up another latency, and the loop may be another one after it: so it is measured once more
//! then, and with the little there is to play with that needs no further restart.

use std::time::{Duration, Instant};

use farsend_units::SampleRate;

/// A stretch in which the delay is one: a session, whom the track hears there, and how often the delay has been changed so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch {
    /// Tells the session's segment from others.
    pub generation: u64,
    /// As [`farsend_ipc::message::Delay::player`].
    pub player: u64,
    /// As [`farsend_ipc::message::Delay::moves`].
    pub moves: u64,
}

/// How the delay stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Standing {
    /// The host is told 0.
    #[default]
    Live,
    /// It is to be told the truth, which is not known yet.
    Unmeasured,
    /// It is told the truth.
    Aligned,
    /// It was, until the delay had to change.
    Moved,
    /// It was, in a session that has ended.
    Past,
    /// It was, of another player at a hub of ours, or before that one left.
    OtherPlayer,
    /// The loop is another one after every restart of the host's audio.
    Restless,
}

impl Standing {
    /// A sentence; empty where there is nothing to say.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Live | Self::Aligned => "",
            Self::Unmeasured => "Ping to measure the delay, so that the host can compensate it.",
            Self::Moved => "The delay had to change since it was measured: ping again.",
            Self::Past => "The delay was measured in another session: ping again.",
            Self::OtherPlayer => {
                "The delay was measured with another player, or before they left: ping again."
            }
            Self::Restless => {
                "The delay is another one each time the host restarts its audio: it is not compensated to the sample."
            }
        }
    }
}

/// The loop as it was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// Frames there and back.
    pub frames: u32,
    /// When that was so.
    pub epoch: Epoch,
}

/// Decides. Knows no thread and no clock; times come with the calls.
#[derive(Debug)]
pub struct Aligner {
    aligned: bool,
    measured: Option<Measured>,
    /// As it is now.
    epoch: Option<Epoch>,
    latency: u32,
    hold_back: u32,
    slack: u32,
    waste: u32,
    tries: u8,
    verify: Option<Instant>,
}

impl Default for Aligner {
    fn default() -> Self {
        let mut aligner = Self {
            aligned: false,
            measured: None,
            epoch: None,
            latency: 0,
            hold_back: 0,
            slack: 0,
            waste: 0,
            tries: 0,
            verify: None,
        };
        aligner.set_rate(SampleRate::HZ_48000);
        aligner
    }
}

impl Aligner {
    /// The host's rate. What was measured at another one is forgotten.
    pub fn set_rate(&mut self, rate: SampleRate) {
        let frames = |seconds: f64| (seconds * f64::from(rate.0)) as u32;
        let (slack, waste) = (frames(SLACK_S), frames(WASTE_S));
        if (slack, waste) != (self.slack, self.waste) {
            (self.slack, self.waste) = (slack, waste);
            self.measured = None;
            (self.latency, self.hold_back, self.verify) = (0, 0, None);
        }
    }

    /// What is wished: the truth, or 0.
    pub fn set_aligned(&mut self, aligned: bool, now: Instant) {
        if aligned == self.aligned {
            return;
        }
        self.aligned = aligned;
        self.tries = 0;
        (self.latency, self.hold_back, self.verify) = (0, 0, None);
        if aligned && self.is_current() {
            self.fit(now);
        }
    }

    /// The session as it is now; `None`: there is none.
    pub fn set_epoch(&mut self, epoch: Option<Epoch>) {
        self.epoch = epoch.or(self.epoch);
    }

    /// A ping was heard.
    pub fn heard(&mut self, measured: Measured, now: Instant) {
        if self.verify.is_none() {
            self.tries = 0;
        }
        self.measured = Some(measured);
        self.epoch = Some(measured.epoch);
        if self.aligned {
            self.fit(now);
        }
    }

    /// The host has started its audio anew: what is to be measured then is measured after that.
    pub fn host_restarted(&mut self, now: Instant) {
        if self.verify.is_some() {
            self.verify = Some(now + VERIFY_AFTER);
        }
    }

    /// Whether it is to be measured once more, now.
    pub fn is_to_verify(&self, now: Instant) -> bool {
        self.verify.is_some_and(|at| at <= now)
    }

    /// It could not be measured once more.
    pub fn give_up_verifying(&mut self) {
        self.verify = None;
    }

    /// Frames that the host is to be told.
    pub fn latency(&self) -> u32 {
        self.latency
    }

    /// Frames by which what comes back is to be held back.
    pub fn hold_back(&self) -> u32 {
        self.hold_back
    }

    /// The loop, if it is known as it is now.
    pub fn current(&self) -> Option<Measured> {
        self.measured.filter(|_| self.is_current())
    }

    /// The loop as it was measured last.
    pub fn measured(&self) -> Option<Measured> {
        self.measured
    }

    /// How it stands.
    pub fn standing(&self) -> Standing {
        let Some(measured) = self.measured.filter(|_| self.aligned) else {
            return if self.aligned {
                Standing::Unmeasured
            } else {
                Standing::Live
            };
        };
        match self.epoch {
            Some(epoch) if epoch.generation != measured.epoch.generation => Standing::Past,
            Some(epoch) if epoch.player != measured.epoch.player => Standing::OtherPlayer,
            Some(epoch) if epoch != measured.epoch => Standing::Moved,
            _ if self.latency != measured.frames + self.hold_back => Standing::Unmeasured,
            _ if self.tries > MOST_TRIES => Standing::Restless,
            _ => Standing::Aligned,
        }
    }

    fn is_current(&self) -> bool {
        self.measured.map(|measured| measured.epoch) == self.epoch
    }

    /// Makes what the host is told true.
    fn fit(&mut self, now: Instant) {
        let Some(Measured { frames, .. }) = self.measured else {
            return;
        };
        let spare = self.latency.checked_sub(frames);
        if let Some(spare) = spare.filter(|spare| *spare <= self.waste) {
            (self.hold_back, self.verify) = (spare, None);
            return;
        }
        self.hold_back = self.slack;
        self.latency = frames.saturating_add(self.slack);
        self.tries = self.tries.saturating_add(1);
        self.verify = (self.tries <= MOST_TRIES).then(|| now + VERIFY_AFTER);
    }
}

/// What is held back beyond need, so that a loop that becomes a little longer needs no restart.
const SLACK_S: f64 = 0.005;
/// More than this is not held back for nothing.
const WASTE_S: f64 = 0.06;
/// How long after a restart all flows again.
const VERIFY_AFTER: Duration = Duration::from_millis(2_500);
/// Restarts that one ping may lead to.
const MOST_TRIES: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(generation: u64, moves: u64) -> Epoch {
        Epoch {
            generation,
            player: 0,
            moves,
        }
    }

    fn measured(frames: u32, epoch: Epoch) -> Measured {
        Measured { frames, epoch }
    }

    #[test]
    fn live_tells_nothing_and_aligned_tells_the_loop_once_it_is_known() {
        let now = Instant::now();
        let mut aligner = Aligner::default();
        assert_eq!((aligner.latency(), aligner.standing()), (0, Standing::Live));
        aligner.heard(measured(3_000, epoch(1, 4)), now);
        assert_eq!((aligner.latency(), aligner.standing()), (0, Standing::Live));
        aligner.set_aligned(true, now);
        assert_eq!(aligner.standing(), Standing::Aligned);
        assert_eq!(aligner.latency(), 3_000 + aligner.hold_back());
        aligner.set_aligned(false, now);
        assert_eq!((aligner.latency(), aligner.hold_back()), (0, 0));
    }

    #[test]
    fn without_a_ping_aligned_tells_nothing_and_asks_for_one() {
        let mut aligner = Aligner::default();
        aligner.set_aligned(true, Instant::now());
        assert_eq!(
            (aligner.latency(), aligner.standing()),
            (0, Standing::Unmeasured)
        );
        assert!(aligner.standing().sentence().contains("Ping"));
    }

    #[test]
    fn a_loop_that_is_a_little_longer_after_the_restart_needs_no_other() {
        let now = Instant::now();
        let mut aligner = Aligner::default();
        aligner.set_aligned(true, now);
        aligner.heard(measured(3_000, epoch(1, 0)), now);
        let told = aligner.latency();
        assert!(!aligner.is_to_verify(now));
        let later = now + Duration::from_secs(1);
        aligner.host_restarted(later);
        assert!(!aligner.is_to_verify(now + VERIFY_AFTER));
        assert!(aligner.is_to_verify(later + VERIFY_AFTER));
        for frames in [3_100, 2_900, 3_240] {
            aligner.heard(measured(frames, epoch(1, 2)), later);
            assert_eq!(aligner.latency(), told);
            assert_eq!(frames + aligner.hold_back(), told);
            assert!(!aligner.is_to_verify(later + Duration::from_secs(60)));
        }
    }

    #[test]
    fn a_loop_that_never_is_the_same_ends_in_a_sentence() {
        let now = Instant::now();
        let mut aligner = Aligner::default();
        aligner.set_aligned(true, now);
        let mut pings = 0;
        for round in 0..10 {
            aligner.heard(measured(1_000 + 2_000 * round, epoch(1, 0)), now);
            pings += 1;
            if !aligner.is_to_verify(now + VERIFY_AFTER) {
                break;
            }
        }
        assert_eq!((pings, aligner.standing()), (4, Standing::Restless));
    }

    #[test]
    fn a_delay_that_moved_or_a_new_session_asks_for_another_ping_and_the_host_keeps_what_it_was_told()
     {
        let now = Instant::now();
        let mut aligner = Aligner::default();
        aligner.set_aligned(true, now);
        aligner.heard(measured(3_000, epoch(1, 4)), now);
        let told = aligner.latency();
        aligner.set_epoch(Some(epoch(1, 5)));
        assert_eq!(aligner.standing(), Standing::Moved);
        aligner.set_epoch(None);
        assert_eq!(aligner.standing(), Standing::Moved);
        aligner.set_epoch(Some(epoch(2, 0)));
        assert_eq!(
            (aligner.standing(), aligner.latency()),
            (Standing::Past, told)
        );
        assert_eq!(aligner.current(), None);
        aligner.heard(measured(2_000, epoch(2, 0)), now);
        assert_eq!(
            (aligner.standing(), aligner.latency()),
            (Standing::Aligned, told)
        );
        assert_eq!(aligner.hold_back(), told - 2_000);
    }

    #[test]
    fn each_player_at_a_hub_has_a_delay_of_their_own() {
        let now = Instant::now();
        let mut aligner = Aligner::default();
        aligner.set_aligned(true, now);
        let of = |player| Epoch {
            player,
            ..epoch(1, 2)
        };
        aligner.heard(measured(3_000, of(7)), now);
        let told = aligner.latency();
        // Nobody in particular, another one, or the same who has been away.
        for player in [0, 8] {
            aligner.set_epoch(Some(of(player)));
            assert_eq!(
                (aligner.standing(), aligner.current(), aligner.latency()),
                (Standing::OtherPlayer, None, told)
            );
        }
        aligner.set_epoch(Some(of(7)));
        assert_eq!(aligner.standing(), Standing::Aligned);
    }

    #[test]
    fn another_rate_makes_what_was_measured_worthless() {
        let now = Instant::now();
        let mut aligner = Aligner::default();
        aligner.set_aligned(true, now);
        aligner.heard(measured(3_000, epoch(1, 4)), now);
        aligner.set_rate(SampleRate::HZ_44100);
        assert_eq!(
            (aligner.latency(), aligner.standing()),
            (0, Standing::Unmeasured)
        );
    }
}
