//! Whether the host renders: calls faster than anybody could hear, whatever it says of itself.
//!
//! Hosts say "offline" while they play (pedalboard always does), and "real time" while they render (Ardour's export, DawDreamer). So what
//! counts is how the calls come; what the host says decides until that is known.

use std::time::Duration;

use farsend_units::MonoTime;

/// Follows the host's calls. Wait-free.
#[derive(Debug, Default)]
pub struct Pace {
    rendering: bool,
    /// The call before, and how long had been waited until then.
    last: Option<(MonoTime, Duration)>,
    /// How much more was called for than time has gone by, as far as that did not pass.
    ahead: Duration,
    /// Audio and time since the pace was looked at last.
    audio: Duration,
    time: Duration,
}

impl Pace {
    /// The host calls at `now` for a block that lasts so long, and says whether it is `offline`. Whether it renders.
    /// `waited`: how long blocks have kept their host waiting so far, which is not its doing.
    pub fn look(
        &mut self,
        now: MonoTime,
        waited: Duration,
        block: Duration,
        offline: bool,
    ) -> bool {
        let last = self.last.replace((now, waited));
        let since = last.map(|(last, before)| {
            now.since(last)
                .saturating_sub(waited.saturating_sub(before))
        });
        let Some(since) = since.filter(|since| *since < PAUSE) else {
            *self = Self {
                rendering: offline,
                last: self.last,
                ..Self::default()
            };
            return self.rendering;
        };
        self.ahead = (self.ahead + block).saturating_sub(since + since / LEAK);
        (self.audio, self.time) = (self.audio + block, self.time + since);
        if !self.rendering && self.ahead > AHEAD {
            self.rendering = true;
            (self.audio, self.time) = (Duration::ZERO, Duration::ZERO);
        } else if self.rendering && self.audio >= WINDOW {
            let leeway = self.audio / 10 + LEEWAY;
            let slow = self.time > self.audio + leeway;
            let fast = self.time + leeway < self.audio;
            // One that says so may also render more slowly than it plays.
            self.rendering = fast || slow && offline;
            (self.audio, self.time, self.ahead) = Default::default();
        }
        self.rendering
    }
}

/// A host that has not called for so long begins anew.
const PAUSE: Duration = Duration::from_secs(1);
/// Hosts call in bursts: for all the blocks of a sound card's period, after a stall, and for what they render ahead of what is
/// heard (REAPER 200 ms, others up to half a second). The rest is for calls that come unevenly.
const AHEAD: Duration = Duration::from_millis(550);
/// A host's clock may be faster than ours: of what it is ahead so much of the time that goes by is forgotten.
const LEAK: u32 = 64;
/// How much audio there has to be to tell a pace, ...
const WINDOW: Duration = Duration::from_millis(500);
/// ... and how far off one that keeps time may be.
const LEEWAY: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls for blocks of 10 ms, so many milliseconds apart; how many of them were taken for a render.
    fn rendered(
        pace: &mut Pace,
        now: &mut u64,
        calls: usize,
        apart_us: u64,
        offline: bool,
    ) -> usize {
        let calls = (0..calls).filter(|_| {
            *now += apart_us * 1000;
            pace.look(
                MonoTime::from_nanos(*now),
                Duration::ZERO,
                Duration::from_millis(10),
                offline,
            )
        });
        calls.count()
    }

    #[test]
    fn a_host_that_plays_is_never_taken_for_one_that_renders() {
        let (mut pace, mut now) = (Pace::default(), 0);
        assert_eq!(rendered(&mut pace, &mut now, 500, 10_000, false), 0);
        // Eight blocks at once, as for a large sound card's period.
        for _ in 0..100 {
            assert_eq!(rendered(&mut pace, &mut now, 7, 10, false), 0);
            assert_eq!(rendered(&mut pace, &mut now, 1, 79_930, false), 0);
        }
    }

    #[test]
    fn a_host_that_renders_half_a_second_ahead_of_what_is_heard_plays() {
        for burst in [20, 50] {
            let (mut pace, mut now) = (Pace::default(), 0);
            assert_eq!(rendered(&mut pace, &mut now, 100, 10_000, false), 0);
            assert_eq!(rendered(&mut pace, &mut now, burst, 100, false), 0);
            assert_eq!(rendered(&mut pace, &mut now, 500, 10_000, false), 0);
            // A stall that is made up for.
            assert_eq!(rendered(&mut pace, &mut now, 1, 200_000, false), 0);
            assert_eq!(rendered(&mut pace, &mut now, 19, 100, false), 0);
            assert_eq!(rendered(&mut pace, &mut now, 500, 10_000, false), 0);
        }
    }

    #[test]
    fn a_host_whose_clock_is_fast_plays_for_hours() {
        let (mut pace, mut now) = (Pace::default(), 0);
        // 1000 ppm, for five hours.
        let calls = 5 * 3600 * 100;
        assert_eq!(rendered(&mut pace, &mut now, calls, 9_990, false), 0);
    }

    #[test]
    fn a_render_is_seen_within_half_a_second_and_a_little_of_audio_even_if_the_host_denies_it_and_so_is_its_end()
     {
        let (mut pace, mut now) = (Pace::default(), 0);
        rendered(&mut pace, &mut now, 100, 10_000, false);
        let seen = rendered(&mut pace, &mut now, 1000, 100, false);
        assert!(seen >= 1000 - 57, "{seen}");
        let still = rendered(&mut pace, &mut now, 200, 10_000, false);
        assert!(still <= 100, "{still}");
    }

    #[test]
    fn a_host_that_says_offline_is_believed_until_it_keeps_time() {
        let (mut pace, mut now) = (Pace::default(), 0);
        assert_eq!(rendered(&mut pace, &mut now, 100, 50, true), 100);
        let (mut pace, mut now) = (Pace::default(), 0);
        // A heavy project renders slowly.
        assert_eq!(rendered(&mut pace, &mut now, 300, 25_000, true), 300);
        let (mut pace, mut now) = (Pace::default(), 0);
        let taken = rendered(&mut pace, &mut now, 300, 10_000, true);
        assert!(taken <= 52, "{taken}");
    }

    #[test]
    fn what_blocks_wait_for_is_no_pause_of_the_host() {
        let (mut pace, mut now) = (Pace::default(), 0);
        rendered(&mut pace, &mut now, 300, 100, false);
        let (block, two) = (Duration::from_millis(10), Duration::from_secs(2));
        let later = MonoTime::from_nanos(now) + two;
        assert!(pace.look(later, two, block, false));
        assert!(!pace.look(later + two, two, block, false));
    }
}
