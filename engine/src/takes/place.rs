//! Where a far end's frames belong on our own time line: at what the player heard while playing them.
//!
//! ```text
//!   our time line   ──▶ p: sent ───────────────────────────────────▶ r: played here
//!                        \                                          /
//!   the far end           \──▶ heard, and at once m is captured ──▶/
//! ```
//! A player who plays along captures frame m while hearing what we sent at p. Which p that is, is known in one of three ways:
//!
//! - *exact*: the far end says so, to the sample, some times a second;
//! - *measured*: somebody sent a click and heard it come back `lag` frames later: what is played at r was captured at p = r - lag;
//! - *estimated*: m came by the time we had sent up to s, so that p is s less the way there and back, as far as that is known.
//!
//! Pure: knows no clock, file or thread.

use farsend_ipc::message::Placement;

/// All that is known of the relation between one stream of the far end's and our time line.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// Our frames for each of the peer's, by the nominal rates.
    ratio: f64,
    exact: Vec<Pair>,
    measured: Option<Pair>,
    /// What had come when: the latest that each frame can have been captured at.
    came: Vec<Pair>,
    /// How much farther it is there and back than from the newest frame to us, in our frames.
    beyond: f64,
    /// How much faster than ours the far end's clock is, in ppm.
    drift: f64,
}

/// The peer's frame `captured` belongs at `position` of our time line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// A frame of the peer's, counted at its rate.
    pub captured: f64,
    /// On our time line, in frames.
    pub position: f64,
}

impl Pair {
    fn is_sound(&self) -> bool {
        self.captured.is_finite() && self.position.is_finite()
    }
}

impl Place {
    /// Nothing is known yet. `ratio`: our rate over the peer's, as both are announced.
    pub fn new(ratio: f64) -> Self {
        Self {
            ratio,
            ..Self::default()
        }
    }

    /// The far end says so. Words may have overtaken each other.
    pub fn note_exact(&mut self, pair: Pair) {
        let at = self
            .exact
            .partition_point(|known| known.captured < pair.captured);
        let is_known = self
            .exact
            .get(at)
            .is_some_and(|known| known.captured <= pair.captured);
        if pair.is_sound() && !is_known {
            self.exact.insert(at, pair);
            thin(&mut self.exact);
        }
    }

    /// What was sent at a position is heard again `lag` frames later; at `position` the peer's frame `played` is played.
    pub fn note_loop(&mut self, lag: i64, position: f64, played: f64) {
        self.measured = Some(Pair {
            captured: played,
            position: position - lag as f64,
        });
    }

    /// The frames before `end` had come by `position`; there and back it is `beyond` frames more, as is known by now: that
    /// counts for all that came before, too.
    pub fn note_came(&mut self, position: f64, end: f64, beyond: f64) {
        let pair = Pair {
            captured: end,
            position,
        };
        push(&mut self.came, pair);
        if beyond.is_finite() {
            self.beyond = beyond;
        }
    }

    /// The far end's clock is so many ppm faster than ours.
    pub fn note_drift(&mut self, ppm: f64) {
        if ppm.is_finite() {
            self.drift = ppm.clamp(-MOST_DRIFT, MOST_DRIFT);
        }
    }

    /// How what is heard between these positions was captured, as it is known by now.
    pub fn fit(&self, from: f64, to: f64) -> Option<Fit> {
        let step = self.ratio / (1.0 + self.drift * 1e-6);
        let fit = |placement, knots| Fit {
            placement,
            knots,
            step,
        };
        let exact = nearby(&self.exact, from, to);
        if !exact.is_empty() {
            return Some(fit(Placement::Exact, settled(exact, step)));
        }
        if let Some(pair) = self.measured {
            return Some(fit(Placement::Measured, vec![pair]));
        }
        // The earliest that came had no jitter in its way.
        let offset = |pair: &Pair| pair.position - pair.captured * step;
        let came = nearby(&self.came, from + self.beyond, to + self.beyond);
        let earliest = came
            .iter()
            .copied()
            .min_by(|one, other| offset(one).total_cmp(&offset(other)));
        earliest.map(|pair| {
            let position = pair.position - self.beyond;
            fit(Placement::Estimated, vec![Pair { position, ..pair }])
        })
    }
}

/// How a stretch of our time line was captured at the far end.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    placement: Placement,
    /// At least one, in the order of both their coordinates.
    knots: Vec<Pair>,
    /// Beyond them.
    step: f64,
}

impl Fit {
    /// How it is known.
    pub fn placement(&self) -> Placement {
        self.placement
    }

    /// The position at which the player heard what they heard while this frame was captured.
    pub fn position(&self, captured: f64) -> f64 {
        self.through(
            captured,
            |pair| pair.captured,
            |pair| pair.position,
            self.step,
        )
    }

    /// The frame that was captured while this position was heard.
    pub fn captured(&self, position: f64) -> f64 {
        self.through(
            position,
            |pair| pair.position,
            |pair| pair.captured,
            1.0 / self.step,
        )
    }

    /// What is to be added to each captured frame's number to have its position, if that is one number from here to there, within
    /// [`TOLERANCE`] frames: the take is as long as what was played then, and nothing has to be bent.
    pub fn shift(&self, from: f64, to: f64) -> Option<i64> {
        let shift = |captured: f64| self.position(captured) - captured;
        let ends = [self.captured(from), self.captured(to)];
        let within = self.knots.iter().map(|knot| knot.captured);
        let within = within.filter(|captured| (ends[0]..=ends[1]).contains(captured));
        let all: Vec<f64> = ends.into_iter().chain(within).map(shift).collect();
        let least = all.iter().copied().fold(f64::INFINITY, f64::min);
        let most = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        (most - least <= TOLERANCE).then(|| (least.midpoint(most)).round() as i64)
    }

    fn through(
        &self,
        x: f64,
        from: impl Fn(&Pair) -> f64,
        to: impl Fn(&Pair) -> f64,
        beyond: f64,
    ) -> f64 {
        let after = self.knots.partition_point(|knot| from(knot) <= x);
        let (Some(first), Some(last)) = (self.knots.first(), self.knots.last()) else {
            return x;
        };
        let [one, other] = match after {
            0 => return to(first) + (x - from(first)) * beyond,
            after => match self.knots.get(after) {
                None => return to(last) + (x - from(last)) * beyond,
                Some(next) => [self.knots[after - 1], *next],
            },
        };
        let part = (x - from(&one)) / (from(&other) - from(&one));
        to(&one) + part * (to(&other) - to(&one))
    }
}

/// Pairs around a stretch, with the last before it and the first after it; else all there are.
fn nearby(pairs: &[Pair], from: f64, to: f64) -> &[Pair] {
    let first = pairs.partition_point(|pair| pair.position < from - AROUND);
    let last = pairs.partition_point(|pair| pair.position <= to + AROUND);
    if first < last {
        &pairs[first..last]
    } else {
        pairs
    }
}

/// Pairs that are in the order of what was captured, so that they are in the order of positions, too. Where the player heard something once more, since
/// their queue grew, what they played the first time is kept: up to the place where they were before, and from there on as it is after that.
fn settled(pairs: &[Pair], step: f64) -> Vec<Pair> {
    let mut knots: Vec<Pair> = Vec::with_capacity(pairs.len());
    let mut again: Option<Pair> = None;
    for pair in pairs {
        let Some(last) = knots.last().copied() else {
            knots.push(*pair);
            continue;
        };
        let position = last.position + AFTER;
        if pair.position < position {
            let captured = pair.captured + (position - pair.position) / step;
            again = Some(Pair { captured, position });
            continue;
        }
        if let Some(again) = again.take() {
            let fits = again.captured < pair.captured && again.position < pair.position;
            knots.extend(fits.then_some(again));
        }
        knots.push(*pair);
    }
    knots.extend(again);
    knots
}

/// In the order of positions. What is out of order, or no number, is left out.
fn push(pairs: &mut Vec<Pair>, pair: Pair) {
    let goes_on = pairs
        .last()
        .is_none_or(|last| pair.position > last.position);
    if pair.is_sound() && goes_on {
        pairs.push(pair);
        thin(pairs);
    }
}

/// Of very many each second one is kept.
fn thin(pairs: &mut Vec<Pair>) {
    if pairs.len() > MOST_PAIRS {
        let mut kept = false;
        pairs.retain(|_| {
            kept = !kept;
            kept
        });
    }
}

/// How far a take may be off its place at any time before it is bent. The issue asks for 10.
pub const TOLERANCE: f64 = 4.0;
/// Clocks that are further off are not clocks.
const MOST_DRIFT: f64 = 50_000.0;
/// How far before and after a stretch what is said is still of it, in frames.
const AROUND: f64 = 48_000.0;
/// Between two knots at least, in frames.
const AFTER: f64 = 1.0;
/// Four a second for two hours.
const MOST_PAIRS: usize = 1 << 15;

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(captured: f64, position: f64) -> Pair {
        Pair { captured, position }
    }

    #[test]
    fn nothing_is_known_at_first() {
        assert_eq!(Place::new(1.0).fit(0.0, 1000.0), None);
    }

    #[test]
    fn what_the_far_end_says_counts_before_what_was_measured_and_that_before_a_guess() {
        let mut place = Place::new(1.0);
        let placed = |place: &Place| {
            let fit = place.fit(0.0, 96_000.0).expect("something is known");
            (fit.placement(), fit.shift(0.0, 96_000.0))
        };
        // Jitter makes packets later, never earlier.
        for (second, late) in [(1.0, 90.0), (2.0, 0.0), (3.0, 400.0)] {
            let end = second * 48_000.0;
            place.note_came(end + 1500.0 + late, end, 500.0);
        }
        assert_eq!(placed(&place), (Placement::Estimated, Some(1000)));
        place.note_loop(1700, 100_000.0, 97_400.0);
        assert_eq!(placed(&place), (Placement::Measured, Some(900)));
        place.note_exact(pair(10_000.0, 10_880.0));
        assert_eq!(placed(&place), (Placement::Exact, Some(880)));
    }

    #[test]
    fn a_way_that_is_known_later_counts_for_what_came_before() {
        let mut place = Place::new(1.0);
        // The first echo took long.
        for (second, beyond) in [(1.0, 500.0), (2.0, 2900.0), (3.0, 900.0)] {
            let end = second * 48_000.0;
            place.note_came(end + 1500.0, end, beyond);
        }
        let fit = place.fit(0.0, 144_000.0).expect("something is known");
        assert_eq!(fit.shift(0.0, 144_000.0), Some(600));
    }

    #[test]
    fn what_is_said_before_and_after_a_take_does_not_count_for_it() {
        let mut place = Place::new(1.0);
        for second in 0..100 {
            let captured = f64::from(second) * 48_000.0;
            let shift = if second < 50 { 700.0 } else { 1200.0 };
            place.note_exact(pair(captured, captured + shift));
        }
        let shift = |from: f64, to: f64| {
            let fit = place
                .fit(from * 48_000.0, to * 48_000.0)
                .expect("it is known");
            fit.shift(from * 48_000.0, to * 48_000.0)
        };
        assert_eq!(shift(10.0, 40.0), Some(700));
        assert_eq!(shift(60.0, 90.0), Some(1200));
        // The far end's queue grew meanwhile: they played later from then on.
        assert_eq!(shift(40.0, 60.0), None);
    }

    #[test]
    fn a_take_that_has_to_be_bent_lies_at_each_knot() {
        let mut place = Place::new(1.0);
        let said = [(0.0, 500.0), (48_000.0, 48_510.0), (96_000.0, 96_540.0)];
        for (captured, position) in said {
            place.note_exact(pair(captured, position));
        }
        let fit = place.fit(0.0, 96_000.0).expect("it is known");
        assert_eq!(fit.shift(500.0, 96_000.0), None);
        for (captured, position) in said {
            assert!((fit.position(captured) - position).abs() < 1e-6);
            assert!((fit.captured(position) - captured).abs() < 1e-6);
        }
        assert!((fit.position(24_000.0) - 24_505.0).abs() < 1e-6);
    }

    #[test]
    fn a_step_of_the_far_ends_queue_is_where_it_is_in_whichever_order_it_was_told() {
        for later in [-300.0, 300.0] {
            let mut place = Place::new(1.0);
            // Both ends of the step, between words a quarter of a second away; the first end came last.
            let said = [
                (0.0, 700.0),
                (12_000.0, 12_700.0),
                (20_064.0, 20_764.0 - later),
                (20_000.0, 20_700.0),
                (24_000.0, 24_700.0 - later),
                (36_000.0, 36_700.0 - later),
            ];
            for (captured, position) in said {
                place.note_exact(pair(captured, position));
            }
            let fit = place.fit(0.0, 40_000.0).expect("it is known");
            for position in (1000..40_000).step_by(10).map(f64::from) {
                let captured = fit.captured(position);
                let shift = position - captured;
                let expected = if captured <= 20_000.0 {
                    700.0
                } else {
                    700.0 - later
                };
                let on_the_way = (19_990.0..20_400.0).contains(&captured);
                assert!(
                    on_the_way || (shift - expected).abs() < 0.01,
                    "{later}: {shift} at {captured}"
                );
            }
            // What was heard twice is there once; what nobody heard is made of one packet.
            let (end, frames) = if later > 0.0 {
                (20_701.0, 301.0)
            } else {
                (21_064.0, 64.0)
            };
            let gone = fit.captured(end) - fit.captured(20_700.0);
            assert!((gone - frames).abs() < 0.01, "{later}: {gone}");
        }
    }

    #[test]
    fn a_clock_that_drifts_is_followed_where_only_one_moment_was_measured() {
        let mut place = Place::new(1.0);
        place.note_loop(1000, 1000.0, 0.0);
        place.note_drift(20.0);
        let fit = place.fit(0.0, 48_000.0 * 600.0).expect("it is known");
        assert_eq!(fit.shift(0.0, 48_000.0 * 600.0), None);
        let after_ten_minutes = 48_000.0 * 600.0 * (1.0 + 20e-6);
        assert!((fit.position(after_ten_minutes) - 48_000.0 * 600.0).abs() < 0.01);
        // A second of it is not worth it.
        assert!(fit.shift(0.0, 48_000.0).is_some());
    }

    #[test]
    fn another_nominal_rate_is_a_step_of_another_size() {
        let mut place = Place::new(48_000.0 / 44_100.0);
        place.note_loop(480, 960.0, 441.0);
        let fit = place.fit(0.0, 48_000.0).expect("it is known");
        assert!((fit.position(441.0 + 44_100.0) - 48_480.0).abs() < 1e-6);
        assert_eq!(fit.shift(0.0, 48_000.0), None);
    }

    #[test]
    fn what_makes_no_sense_is_left_out() {
        let mut place = Place::new(1.0);
        place.note_exact(pair(f64::NAN, 0.0));
        place.note_exact(pair(0.0, f64::INFINITY));
        assert_eq!(place.fit(0.0, 1.0), None);
        place.note_exact(pair(100.0, 600.0));
        // The same frame cannot be captured twice.
        place.note_exact(pair(100.0, 900.0));
        let fit = place.fit(0.0, 1000.0).expect("it is known");
        assert_eq!(fit.shift(0.0, 1000.0), Some(500));
        place.note_drift(f64::NAN);
        place.note_drift(1e12);
        assert!(place.fit(0.0, 1.0).is_some());
    }
}
