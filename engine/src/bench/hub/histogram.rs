//! Times by the million, and what share of them was below which.

use std::time::Duration;

use serde_json::{Value, json};

/// Counts times in cells of [`CELL`]. Allocates when made and never after.
#[derive(Debug, Clone)]
pub struct Histogram {
    cells: Box<[u64]>,
    longest: Duration,
    count: u64,
}

/// Some quantiles of a [`Histogram`], in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantiles {
    /// Half of the times are no longer.
    pub median: f64,
    /// Nine of ten.
    pub p90: f64,
    /// 99 %.
    pub p99: f64,
    /// 99.9 %.
    pub p999: f64,
    /// All.
    pub longest: f64,
}

impl Histogram {
    /// An empty one. What is longer than [`SPAN`] counts as that long, but for [`Quantiles::longest`].
    pub fn new() -> Self {
        Self {
            cells: vec![0; (SPAN.as_nanos() / CELL.as_nanos()) as usize].into(),
            longest: Duration::ZERO,
            count: 0,
        }
    }

    /// Counts one time. For the audio thread.
    pub fn record(&mut self, time: Duration) {
        let cell = (time.as_nanos() / CELL.as_nanos()) as usize;
        let last = self.cells.len() - 1;
        self.cells[cell.min(last)] += 1;
        self.longest = self.longest.max(time);
        self.count += 1;
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The quantiles; none if nothing was counted.
    pub fn quantiles(&self) -> Option<Quantiles> {
        (self.count > 0).then(|| Quantiles {
            median: self.quantile(0.5),
            p90: self.quantile(0.9),
            p99: self.quantile(0.99),
            p999: self.quantile(0.999),
            longest: millis(self.longest),
        })
    }

    /// The upper edge of the cell that holds it, but never more than the longest.
    fn quantile(&self, share: f64) -> f64 {
        let wanted = (share * self.count as f64).ceil() as u64;
        let mut seen = 0;
        let cell = self.cells.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        let edge = CELL * (cell.unwrap_or(self.cells.len()) as u32 + 1);
        millis(edge.min(self.longest))
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl Quantiles {
    /// An object of milliseconds.
    pub fn as_json(&self) -> Value {
        let &Self {
            median,
            p90,
            p99,
            p999,
            longest,
        } = self;
        json!({ "median": median, "p90": p90, "p99": p99, "p999": p999, "longest": longest })
    }
}

/// In milliseconds.
pub(super) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The width of a cell.
const CELL: Duration = Duration::from_micros(5);

/// All cells together.
const SPAN: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_to_a_cell() {
        let mut times = Histogram::new();
        assert_eq!(times.quantiles(), None);
        (1..=1000).for_each(|tenth| times.record(Duration::from_micros(tenth * 100)));
        times.record(Duration::from_secs(3));
        let all = times.quantiles().unwrap();
        for (got, expected) in [
            (all.median, 50.1),
            (all.p90, 90.1),
            (all.p99, 99.1),
            (all.longest, 3000.0),
        ] {
            assert!((got - expected).abs() < 0.011, "{got} {expected}");
        }
        assert_eq!(times.count(), 1001);
    }
}
