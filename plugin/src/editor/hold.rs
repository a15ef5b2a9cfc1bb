//! What a meter shows of the peaks that it is given: fast up, slow down, and the highest of late.

/// The lowest level that is shown, in dB of full scale.
pub(super) const FLOOR_DB: f32 = -60.0;

/// The meters of one direction, a bar a channel. Times are in seconds and run on from any beginning.
#[derive(Debug, Default)]
pub(super) struct Meters {
    bars: Vec<Bar>,
    /// The highest since it was reset, in dB.
    top: Option<f32>,
    at: Option<f64>,
}

/// One channel's, in dB of full scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bar {
    /// Falls from peaks.
    pub(super) level: f32,
    /// The highest of late.
    pub(super) held: f32,
    held_at: f64,
}

impl Meters {
    /// Takes the peaks since the last time, linear, a channel each; without any the bars fall.
    pub(super) fn follow(&mut self, now: f64, peaks: impl ExactSizeIterator<Item = f32>) {
        let since = self.at.replace(now).map_or(0.0, |at| (now - at).max(0.0));
        if peaks.len() > 0 {
            self.bars.resize(peaks.len(), SILENT);
        }
        for bar in &mut self.bars {
            bar.fall(now, since);
        }
        for (bar, peak) in self.bars.iter_mut().zip(peaks) {
            let peak = decibels(peak);
            bar.rise(now, peak);
            if peak > FLOOR_DB && self.top.is_none_or(|top| peak > top) {
                self.top = Some(peak);
            }
        }
    }

    /// Each channel.
    pub(super) fn bars(&self) -> &[Bar] {
        &self.bars
    }

    /// The highest since the last reset; `None`: there was only silence.
    pub(super) const fn top(&self) -> Option<f32> {
        self.top
    }

    /// Forgets the highest levels.
    pub(super) fn reset(&mut self) {
        self.top = None;
        for bar in &mut self.bars {
            bar.held = bar.level;
        }
    }

    /// Whether anything of them would look otherwise soon, by itself.
    pub(super) fn moves(&self) -> bool {
        let moves = |bar: &Bar| bar.level > FLOOR_DB || bar.held > FLOOR_DB;
        self.bars.iter().any(moves)
    }
}

impl Bar {
    /// What it shows `since` seconds later, at `now`, without another peak.
    fn fall(&mut self, now: f64, since: f64) {
        let over = (now - self.held_at - HELD_FOR).clamp(0.0, since);
        self.level = (self.level - since as f32 * FALL_DB_PER_SECOND).max(FLOOR_DB);
        self.held = (self.held - over as f32 * FALL_DB_PER_SECOND).max(self.level);
    }

    fn rise(&mut self, now: f64, peak: f32) {
        self.level = self.level.max(peak);
        if peak > FLOOR_DB && peak >= self.held {
            (self.held, self.held_at) = (peak, now);
        }
    }
}

fn decibels(peak: f32) -> f32 {
    (20.0 * peak.log10()).clamp(FLOOR_DB, MOST_DB)
}

const SILENT: Bar = Bar {
    level: FLOOR_DB,
    held: FLOOR_DB,
    held_at: 0.0,
};

const FALL_DB_PER_SECOND: f32 = 30.0;
/// For how long a peak is held, in seconds.
const HELD_FOR: f64 = 2.0;
/// Nobody wants to know how far beyond full scale.
const MOST_DB: f32 = 24.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn follow(meters: &mut Meters, now: f64, peaks: &[f32]) {
        meters.follow(now, peaks.iter().copied());
    }

    #[test]
    fn a_peak_is_held_then_falls_and_its_number_stays_until_it_is_reset() {
        let mut meters = Meters::default();
        follow(&mut meters, 10.0, &[0.5, 0.0]);
        follow(&mut meters, 11.0, &[0.0, 0.0]);
        let [left, right] = meters.bars() else {
            panic!("there are two channels");
        };
        assert!((left.level + 36.0).abs() < 0.1, "{left:?}");
        assert!((left.held + 6.0).abs() < 0.1, "{left:?}");
        assert_eq!((right.level, right.held), (FLOOR_DB, FLOOR_DB));
        follow(&mut meters, 13.0, &[0.0, 0.0]);
        assert_eq!(meters.bars()[0].level, FLOOR_DB);
        assert!(meters.moves());
        follow(&mut meters, 16.0, &[0.0, 0.0]);
        assert!(!meters.moves(), "what does not move need not be drawn");
        assert!(meters.top().is_some_and(|top| (top + 6.0).abs() < 0.1));
        meters.reset();
        assert_eq!(meters.top(), None);
    }

    #[test]
    fn without_a_session_the_bars_fall_and_no_number_is_too_odd() {
        let mut meters = Meters::default();
        follow(&mut meters, 0.0, &[f32::NAN, f32::INFINITY, -1.0, 1e-30]);
        assert_eq!(meters.bars().len(), 4);
        assert!(
            meters
                .bars()
                .iter()
                .all(|bar| (FLOOR_DB..=MOST_DB).contains(&bar.level))
        );
        // A clock that goes back, or stands.
        follow(&mut meters, -5.0, &[]);
        follow(&mut meters, 100.0, &[]);
        follow(&mut meters, 200.0, &[]);
        assert_eq!(meters.bars().len(), 4);
        assert!(!meters.moves());
    }
}
