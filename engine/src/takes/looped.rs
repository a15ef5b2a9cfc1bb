//! A loop that somebody has measured, and where on the time line that was, for each tap that there is from then on.
//!
//! That a frame is heard again so many frames later places takes only along with which of the peer's frames was played where at that time.
//! Both together stay true when our own queue becomes another: what the far end was hearing as it captured a frame is the same.

use farsend_units::SampleRate;

use super::tap::Tap;

/// The loop to one peer. Nothing here allocates.
#[derive(Debug, Default)]
pub struct MeasuredLoop {
    /// The position that is heard next, and the peer's frame that is played there.
    played: Option<(u64, f64)>,
    /// What was measured last: the loop's length, and the above by then.
    measured: Option<(i64, u64, f64)>,
}

impl MeasuredLoop {
    /// The peer's frame `playhead` is heard at `position` of the session's time line; none while nothing is played.
    pub fn note_played(&mut self, position: u64, playhead: Option<f64>) {
        self.played = playhead.map(|playhead| (position, playhead));
    }

    /// A frame is heard again so many frames after it was sent, as it is now.
    pub fn note(&mut self, lag: u32) {
        if let Some((position, played)) = self.played {
            self.measured = Some((lag.into(), position, played));
        }
    }

    /// Tells the tap, unless the stream is another one since. To be told as often as one likes.
    pub fn tell(&mut self, tap: &mut Tap, rate: SampleRate) {
        let (Some((lag, position, played)), Some((now, playing)), Some(theirs)) =
            (self.measured, self.played, tap.rate())
        else {
            return;
        };
        let theirs = f64::from(theirs.0);
        let gone = now.wrapping_sub(position) as f64 * theirs / f64::from(rate.0.max(1));
        let goes_on = ((playing - played) - gone).abs() <= gone * 0.05 + theirs;
        if goes_on {
            tap.looped(lag, position, played);
        } else {
            self.measured = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use assert_no_alloc::assert_no_alloc;
    use farsend_units::{Channels, Frames};
    use farsend_wire::SampleFormat;
    use farsend_wire::jacktrip::Format;

    use super::super::tap::{Drain, Note, Way, tap};
    use super::*;

    const RATE: SampleRate = SampleRate::HZ_48000;

    /// A tap into which a packet of this rate has come.
    fn begun(rate: SampleRate) -> (Tap, Drain) {
        let (mut tap, drain) = tap(RATE, Channels(0), Channels(1));
        come(&mut tap, rate);
        (tap, drain)
    }

    fn come(tap: &mut Tap, rate: SampleRate) {
        let format = Format {
            rate,
            period: Frames(2),
            channels: Channels(1),
            wants: Channels(1),
            samples: SampleFormat::I16,
        };
        assert!(tap.packet(0, true, format, &[0; 4], Way::Direct));
    }

    fn told(drain: &mut Drain) -> Vec<(i64, u64, f64)> {
        let notes = std::iter::from_fn(|| drain.notes.pop().ok());
        let loops = notes.filter_map(|note| match note {
            Note::Looped {
                lag,
                position,
                played,
            } => Some((lag, position, played)),
            _ => None,
        });
        loops.collect()
    }

    #[test]
    fn each_tap_is_told_once_when_its_stream_has_begun() {
        let mut measured = MeasuredLoop::default();
        measured.note(700);
        measured.note_played(9_000, Some(5_000.0));
        measured.note(800);
        let (mut early, mut drain) = tap(RATE, Channels(0), Channels(1));
        assert_no_alloc(|| measured.tell(&mut early, RATE));
        assert_eq!(told(&mut drain), []);
        come(&mut early, RATE);
        for position in [9_128, 9_256] {
            let playhead = (position - 4_000) as f64;
            assert_no_alloc(|| {
                measured.note_played(position, Some(playhead));
                measured.tell(&mut early, RATE);
            });
        }
        assert_eq!(told(&mut drain), [(800, 9_000, 5_000.0)]);
        let (mut next, mut drain) = begun(RATE);
        measured.tell(&mut next, RATE);
        assert_eq!(told(&mut drain), [(800, 9_000, 5_000.0)]);
        measured.note(810);
        measured.tell(&mut next, RATE);
        assert_eq!(told(&mut drain), [(810, 9_256, 5_256.0)]);
    }

    #[test]
    fn a_stream_of_another_rate_is_the_same_one_however_long_it_has_lasted() {
        let mut measured = MeasuredLoop::default();
        measured.note_played(48_000, Some(44_100.0));
        measured.note(800);
        let hour = 3600;
        measured.note_played(48_000 * hour, Some(44_100.0 * hour as f64));
        let (mut tap, mut drain) = begun(SampleRate::HZ_44100);
        measured.tell(&mut tap, RATE);
        assert_eq!(told(&mut drain), [(800, 48_000, 44_100.0)]);
    }

    #[test]
    fn what_was_measured_of_a_stream_that_is_over_is_forgotten() {
        let mut measured = MeasuredLoop::default();
        measured.note_played(9_000, Some(500_000.0));
        measured.note(800);
        measured.note_played(10_000, None);
        let (mut tap, mut drain) = begun(RATE);
        measured.tell(&mut tap, RATE);
        for playhead in [0.0, 501_128.0] {
            measured.note_played(10_128, Some(playhead));
            measured.tell(&mut tap, RATE);
        }
        assert_eq!(told(&mut drain), []);
    }
}
