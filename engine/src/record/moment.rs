//! When a recording begins, as Broadcast WAV wants it.

use farsend_units::SampleRate;
use jiff::Zoned;

/// A moment on the clock on the wall: local date and time of day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    date: [u16; 3],
    since_midnight_ns: u64,
}

impl Moment {
    /// This one, where we are.
    pub fn now() -> Self {
        let now = Zoned::now();
        let (date, time) = (now.date(), now.time());
        let number = |n: i8| u16::try_from(n).unwrap_or(0);
        let seconds = [time.hour(), time.minute(), time.second()]
            .into_iter()
            .fold(0, |sum, n| sum * 60 + u64::from(number(n)));
        let nanos = u64::try_from(time.subsec_nanosecond()).unwrap_or(0);
        Self {
            date: [
                u16::try_from(date.year()).unwrap_or(0),
                number(date.month()),
                number(date.day()),
            ],
            since_midnight_ns: seconds * 1_000_000_000 + nanos,
        }
    }

    /// A given one: year, month, day, and the time since midnight.
    pub fn new(date: [u16; 3], since_midnight: std::time::Duration) -> Self {
        Self {
            date,
            since_midnight_ns: u64::try_from(since_midnight.as_nanos()).unwrap_or(0),
        }
    }

    /// Samples since midnight: the time reference of a file that begins now.
    pub fn time_reference(&self, rate: SampleRate) -> u64 {
        let samples = u128::from(self.since_midnight_ns) * u128::from(rate.0) / 1_000_000_000;
        u64::try_from(samples).unwrap_or(0)
    }

    /// `2026-11-21`.
    pub fn date(&self) -> String {
        let [year, month, day] = self.date;
        format!("{year:04}-{month:02}-{day:02}")
    }

    /// Hours, minutes and seconds, such as `21:37:05` with a colon in between.
    pub fn time(&self, between: char) -> String {
        let seconds = self.since_midnight_ns / 1_000_000_000;
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        format!(
            "{hours:02}{between}{minutes:02}{between}{:02}",
            seconds % 60
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_time_reference_counts_samples_since_midnight() {
        let noon = Moment::new([2026, 1, 9], Duration::from_millis(12 * 3_600_000 + 500));
        assert_eq!(
            noon.time_reference(SampleRate(44_100)),
            43_200 * 44_100 + 22_050
        );
        assert_eq!(noon.date(), "2026-01-09");
        assert_eq!(noon.time('.'), "12.00.00");
        let last = Moment::new([2026, 12, 31], Duration::from_secs(86_399));
        assert_eq!(last.time(':'), "23:59:59");
    }

    #[test]
    fn now_is_today() {
        let now = Moment::now();
        assert!(now.date[0] >= 2024 && (1..=12).contains(&now.date[1]));
        assert!(now.since_midnight_ns < 86_400_000_000_000);
    }
}
