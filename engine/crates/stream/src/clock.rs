//! A delay-locked loop: the line that ties a count of frames to our time.
//!
//! ```text
//!   observe(frames, at) ─▶ the earliest of each 50 ms ─▶ error against the line ─▶ clip ─▶ loop: offset, slope
//! ```
//! After Fons Adriaensen's "Using a DLL to filter time" (2005): second order, acquired at a wide bandwidth that
//! narrows with age. Packets are late by chance and never early, and so are callbacks: the line
//! follows the least delay of each short window, which neither jitter nor a stall moves, and what
//! is far off counts only for as much as the usual error. A delay that stays changed moves it.

use farsend_units::{MonoTime, SampleRate};

/// Where the frames of one clock are in our time. Allocates nothing; a call is a few dozen operations.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    rate: f64,
    /// Seconds for which all must come late until the line is moved, and whether moves tell of the slope.
    patience: f64,
    moves_tilt: bool,
    origin: Option<Origin>,
    /// The loop: at `at` seconds of frames since the origin the delay is `delay` seconds and changes by `slope`.
    at: f64,
    delay: f64,
    slope: f64,
    /// The slope before the line was moved a first time, of several within seconds, and whether it was known by then; and for
    /// how long the line has been moved the same way, and far.
    untilted: f64,
    known: bool,
    pressed: f64,
    window: Option<Least>,
    /// By how much the error of a window usually is another one than that of the window before, apart from their trend.
    noise: f64,
    /// The error of the last window against the line as it is now, and how that usually changes.
    error: f64,
    trend: f64,
    /// Seconds of frames for which the line was followed, and for how long all came later or earlier than it allows.
    age: f64,
    late_for: f64,
    early_for: f64,
    /// The least and the greatest error of the windows of a time when all came late.
    least_late: f64,
    most_late: f64,
    jumps: u64,
    /// The moment that was seen last, and the last shift of the line: when, and by how much.
    last: (f64, f64),
    shifted: (f64, f64),
}

/// The first frame that was seen; all is told from here.
#[derive(Debug, Clone, Copy)]
struct Origin {
    frames: i64,
    at: MonoTime,
}

/// Of the moments within a window the one with the least delay.
#[derive(Debug, Clone, Copy)]
struct Least {
    ends: f64,
    at: f64,
    delay: f64,
}

impl Clock {
    /// The clock of frames that come over a network. Nothing known yet; `rate` is the nominal one.
    pub(crate) fn new(rate: SampleRate) -> Self {
        Self {
            rate: f64::from(rate.0.max(1)),
            patience: LATE_FOR,
            moves_tilt: true,
            origin: None,
            at: 0.0,
            delay: 0.0,
            slope: 0.0,
            untilted: 0.0,
            known: false,
            pressed: 0.0,
            window: None,
            noise: FIRST_NOISE,
            error: 0.0,
            trend: 0.0,
            age: 0.0,
            late_for: 0.0,
            early_for: 0.0,
            least_late: f64::MAX,
            most_late: 0.0,
            jumps: 0,
            last: (0.0, 0.0),
            shifted: (0.0, 0.0),
        }
    }

    /// The clock of our own blocks: a sound server that had an xrun goes on later at once and for good.
    pub(crate) fn of_blocks(rate: SampleRate) -> Self {
        Self {
            patience: BLOCKS_LATE_FOR,
            moves_tilt: false,
            ..Self::new(rate)
        }
    }

    /// Forgets where the frames are: their count or the time jumped. The slope is kept, if it was known.
    pub(crate) fn restart(&mut self) {
        self.begin(None);
        if self.age < SLOPE_KNOWN {
            self.slope = 0.0;
            self.age = 0.0;
        }
        self.noise = self.noise.max(FIRST_NOISE);
        (self.late_for, self.early_for) = (0.0, 0.0);
        (self.least_late, self.most_late) = (f64::MAX, 0.0);
    }

    /// Frame `frames` (a count from anywhere, which may jump) was there at `at`.
    pub(crate) fn observe(&mut self, frames: i64, at: MonoTime) {
        let Some(origin) = self.origin else {
            self.begin(Some(Origin { frames, at }));
            return;
        };
        let stream = frames.saturating_sub(origin.frames) as f64 / self.rate;
        let delay = signed_seconds(at, origin.at) - stream;
        if (delay - self.line(stream)).abs() > JUMP || (stream - self.at).abs() > LONGEST {
            self.restart();
            self.jumps += 1;
            self.begin(Some(Origin { frames, at }));
            return;
        }
        self.last = (stream, delay);
        if self.age < 0.3 {
            // In its first moments the line only knows the least delay.
            self.delay += (delay - self.line(stream)).min(0.0);
        }
        match &mut self.window {
            Some(least) if stream < least.ends => {
                if delay < least.delay {
                    (least.at, least.delay) = (stream, delay);
                }
            }
            _ => {
                let next = Least {
                    ends: stream + WINDOW,
                    at: stream,
                    delay,
                };
                if let Some(least) = self.window.replace(next) {
                    self.step(least);
                }
            }
        }
    }

    /// All that comes is later than the line allows: it goes through the last moment that was seen from now on.
    pub(crate) fn give_way(&mut self) {
        let (at, delay) = self.last;
        self.delay = self.line(at.max(self.at));
        self.at = self.at.max(at);
        self.shift(delay - self.line(at));
        self.window = None;
    }

    fn begin(&mut self, origin: Option<Origin>) {
        self.origin = origin;
        (self.at, self.delay, self.window) = (0.0, 0.0, None);
        (self.last, self.shifted) = ((0.0, 0.0), (0.0, 0.0));
    }

    /// How much later than the line this is, in seconds; below 0: earlier. 0 before all else.
    pub(crate) fn lateness(&self, frames: i64, at: MonoTime) -> f64 {
        let Some(origin) = self.origin else {
            return 0.0;
        };
        let stream = frames.saturating_sub(origin.frames) as f64 / self.rate;
        signed_seconds(at, origin.at) - stream - self.line(stream)
    }

    /// When the line has this frame there: seconds since `epoch`.
    pub(crate) fn time_of(&self, frames: f64, epoch: MonoTime) -> Option<f64> {
        let origin = self.origin?;
        let stream = (frames - origin.frames as f64) / self.rate;
        Some(signed_seconds(origin.at, epoch) + stream + self.line(stream))
    }

    /// How many frames the line has there, `seconds` after `epoch`.
    pub(crate) fn frames_at(&self, seconds: f64, epoch: MonoTime) -> Option<f64> {
        let origin = self.origin?;
        let since = seconds - signed_seconds(origin.at, epoch);
        let stream = (since - self.delay + self.slope * self.at) / (1.0 + self.slope);
        Some(origin.frames as f64 + stream * self.rate)
    }

    /// How much faster than nominal the frames come, as a ratio less 1; 0 until something is known.
    pub(crate) fn drift(&self) -> f64 {
        1.0 / (1.0 + self.slope) - 1.0
    }

    /// How far the drift may be off, as a ratio: wide at first.
    pub(crate) fn uncertainty(&self) -> f64 {
        if self.age < 1.0 {
            return f64::MAX;
        }
        SURE + (120e-6 + 4.0 * self.noise) / self.age
    }

    /// How often the frames were found elsewhere than expected.
    pub(crate) fn jumps(&self) -> u64 {
        self.jumps
    }

    /// Whether all comes later or earlier than the line says, and the line may have to be moved.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.late_for > 0.0 || self.early_for > 0.0
    }

    /// Seconds by which the line was moved last: more than 0, if all comes later than it did.
    pub(crate) fn last_move(&self) -> f64 {
        self.shifted.1
    }

    fn line(&self, stream: f64) -> f64 {
        self.delay + self.slope * (stream - self.at)
    }

    /// The loop's work, once a window.
    fn step(&mut self, least: Least) {
        let passed = (least.at - self.at).max(0.0);
        let error = least.delay - self.line(least.at);
        self.age += passed.min(1.0);
        self.delay = self.line(least.at.max(self.at));
        self.at = self.at.max(least.at);
        let change = error - std::mem::replace(&mut self.error, error);
        if self.follow_a_move(error, passed) {
            return;
        }
        let usual = 4.0 * self.noise + 10e-6;
        let error = error.clamp(-usual, usual);
        self.learn_noise(error, change);
        // Right after a move only the new delay is looked for: the clock goes on as fast as before.
        let (at, by) = self.shifted;
        let found = by == 0.0 || self.at - at > FOUND_WITHIN;
        let bandwidth = if found {
            (0.5 / self.age.max(0.1)).clamp(NARROWEST, WIDEST)
        } else {
            WIDEST
        };
        let omega = (std::f64::consts::TAU * bandwidth * passed).min(0.6);
        let step = std::f64::consts::SQRT_2 * omega * error;
        self.delay += step;
        self.error -= step;
        // What is far off for a while is a move, and tells nothing of the slope.
        if passed > 0.0 && self.age > 0.3 && found && !self.is_in_doubt() {
            self.slope += omega * omega * error / passed;
        }
        self.slope = self.slope.clamp(-STEEPEST, STEEPEST);
    }

    /// How windows differ from each other is noise, how far all of them are from the line is not: else a delay that swells
    /// would be taken for jitter, and the line not be moved any more.
    fn learn_noise(&mut self, error: f64, change: f64) {
        let usual = 4.0 * self.noise + 10e-6;
        let odd = (change - self.trend).clamp(-usual, usual);
        self.trend += odd * TREND_GAIN;
        let odd = if self.age < NOISE_KNOWN { error } else { odd };
        self.noise += (odd.abs() - self.noise) * NOISE_GAIN;
    }

    /// Follows at once what stays away from the line: a path with another delay, a clock that stood.
    fn follow_a_move(&mut self, error: f64, passed: f64) -> bool {
        // At least a window's worth, also where packets are rare.
        let passed = passed.clamp(WINDOW / 2.0, 0.5);
        let far = 6.0 * self.noise + 50e-6;
        self.late_for = if error > far {
            self.late_for + passed
        } else {
            0.0
        };
        self.early_for = if error < -far {
            self.early_for + passed
        } else {
            0.0
        };
        (self.least_late, self.most_late) = if error > far {
            (self.least_late.min(error), self.most_late.max(error))
        } else {
            (f64::MAX, 0.0)
        };
        // A server that had an xrun, or another route, makes all late by as much; a stall by less and less.
        let alike = self.most_late - self.least_late < (0.2 * self.least_late).max(far);
        // A peer's first packets may come in a bunch, before their time.
        let patience = if self.age < YOUNG || alike {
            self.patience.min(EARLY_FOR)
        } else {
            self.patience
        };
        let by = if self.late_for > patience {
            self.least_late
        } else if self.early_for > EARLY_FOR {
            error
        } else {
            return false;
        };
        self.shift(by);
        true
    }

    /// Moves the line. Once, that is a path with another delay; one after the other, that is a
    /// clock which falls behind by jumps, as a sound server's whose machine is too busy; or a path whose delay grows, as
    /// where somebody fills a router's queue, which is no reason to play out of tune. No queue is filled at such a pace for long,
    /// so the slope may follow by more, the longer that lasts; and as soon as the line has to go the other way the slope goes
    /// back, by all that it was wrong, to what it was before.
    fn shift(&mut self, by: f64) {
        let (at, before) = self.shifted;
        let since = self.at - at;
        let again = since > 0.05 && by * before > 0.0;
        self.pressed = if again && since < STILL_PRESSED && by.abs() > MOST_TILT * since {
            self.pressed + since
        } else {
            0.0
        };
        let too_long = if self.known {
            TOO_LONG
        } else {
            TOO_LONG_AT_FIRST
        };
        let longer = (self.pressed - too_long).max(0.0);
        if self.moves_tilt && again && (since < ONE_AFTER_THE_OTHER || longer > 0.0) {
            let tilted = self.slope + 0.3 * by / since;
            let most_tilt = MOST_TILT + MORE_TILT * longer * longer;
            let (least, most) = (self.untilted - most_tilt, self.untilted + most_tilt);
            // Never away from what the loop has found, however far that is.
            let bounded = tilted.clamp(least.min(self.slope), most.max(self.slope));
            self.slope = bounded.clamp(-STEEPEST, STEEPEST);
        } else if since > CALM {
            self.untilted = self.slope;
            self.known = true;
        }
        let back = self.untilted - self.slope;
        if self.moves_tilt && since > 0.05 && since < CALM && by * back > 0.0 {
            self.slope += (by / since).clamp(back.min(0.0), back.max(0.0));
        }
        self.shifted = (self.at, by);
        self.age = self.age.min(WIDE_AGAIN);
        self.jumps += 1;
        self.delay += by;
        self.error -= by;
        (self.late_for, self.early_for) = (0.0, 0.0);
        (self.least_late, self.most_late) = (f64::MAX, 0.0);
    }
}

/// Seconds from `origin` to `at`, below 0 where that is earlier.
fn signed_seconds(at: MonoTime, origin: MonoTime) -> f64 {
    at.since(origin).as_secs_f64() - origin.since(at).as_secs_f64()
}

/// Of so many seconds the earliest moment counts.
const WINDOW: f64 = 0.05;
/// Hz, of the loop: after some seconds, and at first.
const NARROWEST: f64 = 0.02;
const WIDEST: f64 = 0.7;
/// The error that is taken to be usual at first, and how fast the usual error is learnt, a window.
const FIRST_NOISE: f64 = 200e-6;
const NOISE_GAIN: f64 = 0.04;
const TREND_GAIN: f64 = 0.08;
const NOISE_KNOWN: f64 = 4.0;
/// Seconds off the line that mean that a clock or a count jumped.
const JUMP: f64 = 1.0;
/// Seconds without a frame after which the line is begun anew.
const LONGEST: f64 = 30.0;
/// Seconds for which all must come later, or earlier, than the line allows until it is moved there.
const LATE_FOR: f64 = 1.5;
const EARLY_FOR: f64 = 0.2;
const BLOCKS_LATE_FOR: f64 = 0.12;
/// Seconds between two shifts that have one reason; the age whose wide bandwidth a shift brings back; and seconds in which
/// the new delay is found.
const ONE_AFTER_THE_OTHER: f64 = 0.6;
const WIDE_AGAIN: f64 = 6.0;
const FOUND_WITHIN: f64 = 0.4;
/// Until it has seen so many seconds the line is moved up as quickly as down.
const YOUNG: f64 = 1.0;
/// After so many seconds the slope outlives a restart.
const SLOPE_KNOWN: f64 = 8.0;
/// As much the slope is tilted by moves one after the other, at the most: 5 cents.
const MOST_TILT: f64 = 3e-3;
/// What moves the line the same way for so many seconds, again and again within so many, is a clock's doing, and tilts it
/// farther by as much, times the square of the seconds.
const TOO_LONG: f64 = 4.0;
const TOO_LONG_AT_FIRST: f64 = 2.0;
const STILL_PRESSED: f64 = 1.5;
const MORE_TILT: f64 = 1.2e-3;
/// After so many seconds without a move the slope is the clock's own, however it came about.
const CALM: f64 = 10.0;
/// No clock is farther off than this.
const STEEPEST: f64 = 0.06;
/// As sure as the drift ever is.
const SURE: f64 = 1.5e-6;

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: i64 = 128;

    #[test]
    fn a_drift_is_told_to_a_few_ppm_through_jitter_and_stalls() {
        for ppm in [-300.0, -20.0, 0.0, 5.0, 300.0] {
            let clock = after(40.0, ppm, |i| {
                let jitter = ((i * 7919) % 1000) as f64 * 2e-6;
                let stall = if i % 1875 < 10 {
                    (10 - i % 1875) as f64 * 0.00267
                } else {
                    0.0
                };
                jitter + stall
            });
            let told = clock.drift() * 1e6;
            assert!((told - ppm).abs() < 2.0, "{ppm}: {told}");
        }
    }

    #[test]
    fn on_a_clean_path_the_drift_is_known_within_seconds() {
        for (seconds, within) in [(2.0, 60.0), (5.0, 8.0), (20.0, 0.5)] {
            let told = after(seconds, 300.0, |_| 0.0).drift() * 1e6;
            assert!((told - 300.0).abs() < within, "{seconds} s: {told}");
        }
    }

    #[test]
    fn equal_clocks_stay_within_the_uncertainty() {
        for seconds in [2.0, 5.0, 10.0, 30.0, 100.0] {
            let clock = after(seconds, 0.0, |i| ((i * 7919) % 100) as f64 * 2e-6);
            assert!(
                clock.drift().abs() < clock.uncertainty(),
                "{seconds} s: {}",
                clock.drift()
            );
        }
    }

    #[test]
    fn another_delay_for_good_is_followed_and_does_not_tilt_the_line() {
        let clock = after(40.0, 100.0, |i| if i > 7500 { 0.03 } else { 0.0 });
        assert!(
            (clock.drift() * 1e6 - 100.0).abs() < 3.0,
            "{}",
            clock.drift() * 1e6
        );
        assert!(
            clock
                .lateness(15_000 * PERIOD, at(15_000, 100.0, 0.03))
                .abs()
                < 100e-6
        );
    }

    #[test]
    fn a_path_whose_delay_grows_is_followed_and_hardly_tilts_the_line() {
        // 30 ms more within 3 s, and back: for the ear another pitch, for a clock nothing that it does.
        let swell = |i: u64| {
            let frames = i as f64 * PERIOD as f64;
            let seconds = frames / 48_000.0 - 20.0;
            0.01 * (seconds.clamp(0.0, 3.0) - (seconds - 6.0).clamp(0.0, 3.0))
        };
        for tenths in 200..400_u32 {
            let seconds = f64::from(tenths) / 10.0;
            let clock = after(seconds, 50.0, swell);
            let tilt = clock.drift() * 1e6 - 50.0;
            assert!(tilt.abs() < 4000.0, "{tilt} ppm after {seconds} s");
            let i = (seconds * 375.0) as u64;
            let late = clock.lateness(i as i64 * PERIOD, at(i, 50.0, swell(i)));
            assert!(late.abs() < 0.025, "{late} s after {seconds} s");
        }
        let tilt = after(70.0, 50.0, swell).drift() * 1e6 - 50.0;
        assert!(tilt.abs() < 100.0, "{tilt} ppm later");
    }

    #[test]
    fn after_a_path_has_swollen_the_drift_is_soon_what_it_was() {
        // From 14 to 44 ms within 3 s, for good or for 3 s more; through a little jitter.
        let up = |seconds: f64| 0.01 * (seconds - 20.0).clamp(0.0, 3.0);
        let down = |seconds: f64| 0.01 * (seconds - 26.0).clamp(0.0, 3.0);
        for (back, calm) in [(false, 27.0), (true, 34.0)] {
            let delay = |i: u64| {
                let seconds = i as f64 * PERIOD as f64 / 48_000.0;
                let swollen = up(seconds) - if back { down(seconds) } else { 0.0 };
                swollen + ((i * 7919) % 1000) as f64 * 0.2e-6
            };
            for second in 0..30 {
                let seconds = calm + f64::from(second);
                let clock = after(seconds, 50.0, delay);
                let off = clock.drift() * 1e6 - 50.0;
                assert!(off.abs() < 300.0, "{off} ppm after {seconds} s");
                assert!(
                    off.abs() < 50.0 || second < 5,
                    "{off} ppm after {seconds} s"
                );
                let i = (seconds * 375.0) as u64;
                let late = clock.lateness(i as i64 * PERIOD, at(i, 50.0, delay(i)));
                assert!(late.abs() < 0.5e-3, "{late} s after {seconds} s");
            }
        }
    }

    #[test]
    fn a_server_that_goes_on_later_is_followed_within_half_a_second_and_a_stall_is_not() {
        let xrun = |i: u64| if i > 7500 { 0.00267 } else { 0.0 };
        let clock = after(20.5, 50.0, xrun);
        let off = clock.lateness(7680 * PERIOD, at(7680, 50.0, xrun(7680)));
        assert!(off.abs() < 100e-6, "{off}");
        assert!((clock.drift() * 1e6 - 50.0).abs() < 3.0);
        let stall = |i: u64| {
            let left = 7575_i64 - i as i64;
            if i > 7500 && left > 0 {
                left as f64 * 0.00267
            } else {
                0.0
            }
        };
        for seconds in [20.1, 20.15, 20.2, 20.3] {
            assert_eq!(after(seconds, 50.0, stall).jumps(), 0, "{seconds} s");
        }
    }

    #[test]
    fn the_line_tells_time_from_frames_and_frames_from_time() {
        let clock = after(10.0, 200.0, |_| 0.0);
        let epoch = MonoTime::from_nanos(5_000_000_000);
        let time = clock.time_of(480_000.0, epoch).unwrap();
        assert!((time - (5.0 + 10.0 / 1.0002)).abs() < 20e-6, "{time}");
        assert!((clock.frames_at(time, epoch).unwrap() - 480_000.0).abs() < 1e-6);
    }

    #[test]
    fn clocks_and_counts_that_jump_about_do_no_harm() {
        let mut clock = Clock::new(SampleRate::HZ_48000);
        for i in 0..1000 {
            let frames = if i % 2 == 0 { i64::MAX } else { i64::MIN };
            clock.observe(frames, MonoTime::from_nanos(u64::MAX - i * 1_000_000_000));
            assert!(clock.drift().is_finite());
        }
    }

    /// When packet `i` comes, of a clock that is faster by `ppm`.
    fn at(i: u64, ppm: f64, delay: f64) -> MonoTime {
        let period = PERIOD as f64 / 48_000.0 / (1.0 + ppm * 1e-6);
        MonoTime::from_nanos(((10.0 + i as f64 * period + delay) * 1e9) as u64)
    }

    fn after(seconds: f64, ppm: f64, delay: impl Fn(u64) -> f64) -> Clock {
        let mut clock = Clock::new(SampleRate::HZ_48000);
        for i in 0..(seconds * 375.0) as u64 {
            clock.observe(i as i64 * PERIOD, at(i, ppm, delay(i)));
        }
        clock
    }
}
