//! The last minute of a session in numbers, for the plot of jitter against the queue.

use std::collections::VecDeque;
use std::time::Duration;

use farsend_ipc::message::Statistics;
use farsend_units::MonoTime;

/// What a session's numbers were in the last [`SPAN`]. Of its supervisor and its editor.
#[derive(Debug, Clone, Default)]
pub struct History {
    samples: VecDeque<Sample>,
    missing: Option<u64>,
}

/// The numbers of one moment, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// When.
    pub at: MonoTime,
    /// How late nearly all packets of late have come, 99.9 %.
    pub jitter_ms: f32,
    /// How long audio waits to be played.
    pub queue_ms: f32,
    /// Packets that were not there in time since the sample before: lost or late.
    pub missing: u32,
}

impl History {
    /// Takes the numbers of now. Of those that follow each other faster than [`EVERY`] only some are kept, but each missing packet
    /// counts.
    pub fn note(&mut self, at: MonoTime, numbers: &Statistics) {
        let missing = numbers.lost + numbers.late;
        // Fewer than before: another session.
        let before = self.missing.filter(|before| *before <= missing);
        if before.is_none() {
            self.samples.clear();
        }
        let (fresh, is_soon) = (
            u32::try_from(missing - before.unwrap_or(missing)).unwrap_or(u32::MAX),
            self.samples.back().is_some_and(|last| at < last.at + EVERY),
        );
        if is_soon {
            return;
        }
        self.missing = Some(missing);
        if self.samples.len() == MOST {
            self.samples.pop_front();
        }
        let ms = |microseconds: u32| microseconds as f32 / 1e3;
        self.samples.push_back(Sample {
            at,
            jitter_ms: ms(numbers.jitter_us[2]),
            queue_ms: ms(numbers.queue_us),
            missing: fresh,
        });
        while self
            .samples
            .front()
            .is_some_and(|first| first.at + SPAN < at)
        {
            self.samples.pop_front();
        }
    }

    /// The session is over.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The samples, the oldest first, each with its age in seconds against the newest.
    pub fn samples(&self) -> impl Iterator<Item = (f32, &Sample)> {
        let newest = self.samples.back().map(|sample| sample.at);
        self.samples.iter().map(move |sample| {
            let age = newest.map_or(Duration::ZERO, |newest| newest.since(sample.at));
            (age.as_secs_f32(), sample)
        })
    }

    /// The largest number, in milliseconds.
    pub fn most_ms(&self) -> f32 {
        let numbers = self
            .samples
            .iter()
            .map(|sample| sample.jitter_ms.max(sample.queue_ms));
        numbers.fold(0.0, f32::max)
    }

    /// Whether there is nothing to draw a line of.
    pub fn is_empty(&self) -> bool {
        self.samples.len() < 2
    }
}

/// How much is kept.
pub const SPAN: Duration = Duration::from_secs(60);

/// Between two samples.
pub const EVERY: Duration = Duration::from_millis(450);

/// However time goes.
const MOST: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> MonoTime {
        MonoTime::from_nanos(ms * 1_000_000)
    }

    fn numbers(lost: u64) -> Statistics {
        Statistics {
            lost,
            queue_us: 5_000,
            jitter_us: [1, 2, 7_500],
            ..Statistics::default()
        }
    }

    #[test]
    fn a_minute_is_kept_and_no_more() {
        let mut history = History::default();
        assert!(history.is_empty());
        (0..1000).for_each(|n| history.note(ms(n * 200), &numbers(0)));
        let samples: Vec<_> = history.samples().collect();
        assert_eq!(samples.len(), 101, "one in 600 ms");
        assert!((samples[0].0 - 60.0).abs() < 0.01, "{:?}", samples[0]);
        assert_eq!(samples[100].0, 0.0);
        assert_eq!(history.most_ms(), 7.5);
    }

    #[test]
    fn each_missing_packet_counts_once_and_none_of_the_session_before() {
        let mut history = History::default();
        for (at, lost) in [(0, 90), (200, 91), (600, 93), (1200, 93), (1800, 96)] {
            history.note(ms(at), &numbers(lost));
        }
        let missing: Vec<_> = history
            .samples()
            .map(|(_, sample)| sample.missing)
            .collect();
        assert_eq!(missing, [0, 3, 0, 3]);
        history.note(ms(2400), &numbers(2));
        assert_eq!(history.samples().count(), 1);
    }

    #[test]
    fn a_clock_that_stands_fills_nothing() {
        let mut history = History::default();
        (0..10_000).for_each(|n| history.note(ms(5), &numbers(n)));
        assert!(history.samples().count() <= MOST);
    }
}
