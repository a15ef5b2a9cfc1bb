//! Clicks: steps that were not there when it was sent.

use farsend_units::SampleRate;

use crate::align::Aligned;

/// Where the second difference of what is heard is more than [`FACTOR`] times the greatest that was
/// sent within [`NEAR`] of there (and of wherever the delays of the blocks around say), and more than [`LEAST`]; those nearer to each other than [`APART`]
/// are one. Frames of what was sent.
pub(crate) fn find(sent: &[f32], aligned: &Aligned<'_>, rate: SampleRate) -> Vec<usize> {
    let near = (NEAR * f64::from(rate.0)) as usize;
    let apart = (APART * f64::from(rate.0)) as usize;
    let bent = |at: i64, sample: &dyn Fn(i64) -> f64| {
        (sample(at + 1) - 2.0 * sample(at) + sample(at - 1)).abs()
    };
    let sent_at = |at: i64| crate::sinc::get(sent, at);
    let original: Vec<f64> = (0..sent.len() as i64)
        .map(|at| bent(at, &sent_at))
        .collect();
    let around = greatest_around(&original, near);
    let mut clicks: Vec<usize> = Vec::new();
    let mut last = None;
    for (at, around) in around.iter().enumerate() {
        let place = at as i64 + aligned.whole_delay(at);
        let heard = bent(place, &|at| aligned.heard(at));
        let stands_out = |around: f64| heard > LEAST.max(FACTOR * around);
        // Where the delay moves, what is heard here may have been sent somewhat earlier or later.
        let moved = || {
            let (least, most) = aligned.delays_around(at);
            let from = usize::try_from(place - most)
                .unwrap_or(0)
                .saturating_sub(near);
            let to = usize::try_from(place - least).unwrap_or(0) + near;
            let there = original.get(from..=to.min(original.len() - 1));
            there
                .unwrap_or_default()
                .iter()
                .copied()
                .fold(0.0, f64::max)
        };
        if stands_out(*around) && stands_out(moved()) {
            if last.is_none_or(|last| at - last > apart) {
                clicks.push(at);
            }
            last = Some(at);
        }
    }
    clicks
}

/// The greatest of the values within `near` of each.
fn greatest_around(values: &[f64], near: usize) -> Vec<f64> {
    // Places of falling values, the greatest of the present window first.
    let mut falling: std::collections::VecDeque<usize> = std::collections::VecDeque::new();
    let mut greatest = Vec::with_capacity(values.len());
    let mut next = 0;
    for at in 0..values.len() {
        while next < values.len().min(at + near + 1) {
            while falling.back().is_some_and(|i| values[*i] <= values[next]) {
                falling.pop_back();
            }
            falling.push_back(next);
            next += 1;
        }
        while falling.front().is_some_and(|i| i + near < at) {
            falling.pop_front();
        }
        greatest.push(falling.front().map_or(0.0, |i| values[*i]));
    }
    greatest
}

/// As a step of -46 dB of full scale makes it.
const LEAST: f64 = 0.005;

/// Over what was sent around there.
const FACTOR: f64 = 2.0;

/// What is around a place, in seconds each way.
const NEAR: f64 = 0.005;

/// Seconds between two clicks that can be told apart.
const APART: f64 = 0.01;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_around_each_place_is_found() {
        let values = [1.0, 5.0, 2.0, 0.0, 3.0, 1.0];
        assert_eq!(greatest_around(&values, 1), [5.0, 5.0, 5.0, 3.0, 3.0, 3.0]);
        assert_eq!(greatest_around(&values, 0), values);
        assert_eq!(greatest_around(&[], 3), [0.0; 0]);
    }
}
