//! A signal that tells its own position, and what becomes of it at each bit depth.
//!
//! The ramp of channel `c` at frame `t` is `k / 32768` with `k = ((37 t + 4096 c) mod 65536) - 32768`.
//! As 37 is odd, one sample of 16 bits gives the frame back, and a few hundred of 8 bits do: so a recording
//! can be checked sample by sample, and a missing, repeated or shifted period cannot hide.
//!
//! The encodings are written here a second time, from the description of the protocol (section 3) and
//! without a look at the program's own: this is what it is checked against.

use std::f64::consts::TAU;
use std::ops::Range;

/// Frames after which the ramp repeats.
pub const RAMP_PERIOD: u32 = 65_536;

/// Matching samples in a row that are taken for the ramp rather than chance.
const CERTAIN: usize = 300;

/// Wrong samples in a row after which the ramp is searched anew: its time line may have moved.
const LOST: usize = 4_096;

/// The ramp's sample of `channel` at `frame`.
pub fn ramp(frame: u32, channel: u32) -> f32 {
    let k = (frame.wrapping_mul(37).wrapping_add(4096 * channel) & 0xffff) as i32 - 32_768;
    k as f32 / 32_768.0
}

/// A sine of so many hertz at `rate` frames a second, at half of full scale.
pub fn sine(frame: u32, hertz: u32, rate: u32) -> f32 {
    let turns = f64::from(frame) * f64::from(hertz) / f64::from(rate);
    (0.5 * (turns.fract() * TAU).sin()) as f32
}

/// What became of a sine: of its longest stretch without a gap, a jump or anything else beside it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tone {
    /// How long that is.
    pub seconds: f64,
    /// The frequency there.
    pub hertz: f64,
    /// The most that is heard beside it there: in dB, against the sine. A gap or a jump of one period is above -25 dB.
    pub residue: f64,
}

/// Listens to a recording of a sine of about `hertz`, at half of full scale, a tenth of a second at a time.
pub fn listen_to_tone(samples: &[f32], hertz: u32, rate: u32) -> Tone {
    let expected = f64::from(hertz) / f64::from(rate);
    let half = (rate / 20) as usize;
    let fits: Vec<Fit> = samples
        .chunks_exact(2 * half)
        .map(|block| {
            // The frequency is told by how far the phase goes beyond what is expected.
            let (first, second) = block.split_at(half);
            let turns = fit(second, expected).phase - fit(first, expected).phase;
            let beyond = turns - half as f64 * expected;
            fit(block, expected + (beyond - beyond.round()) / half as f64)
        })
        .collect();
    let clean = |fit: &Fit| fit.residue < -40.0 && (0.45..0.55).contains(&fit.level);
    let longest = fits.split(|fit| !clean(fit)).max_by_key(|run| run.len());
    let longest = longest.unwrap_or_default();
    let sum: f64 = longest.iter().map(|fit| fit.frequency).sum();
    Tone {
        seconds: longest.len() as f64 / 10.0,
        hertz: sum / longest.len().max(1) as f64 * f64::from(rate),
        residue: longest
            .iter()
            .map(|fit| fit.residue)
            .fold(f64::NEG_INFINITY, f64::max),
    }
}

/// The sine that fits a block best.
#[derive(Debug, Clone, Copy)]
struct Fit {
    /// Turns a frame.
    frequency: f64,
    level: f64,
    /// In turns, at the block's first frame.
    phase: f64,
    residue: f64,
}

fn fit(block: &[f32], frequency: f64) -> Fit {
    let basis = |k: usize| (k as f64 * frequency * TAU).sin_cos();
    let (mut ss, mut cc, mut sc, mut sy, mut cy) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (k, y) in block.iter().enumerate() {
        let ((s, c), y) = (basis(k), f64::from(*y));
        (ss, cc, sc) = (ss + s * s, cc + c * c, sc + s * c);
        (sy, cy) = (sy + s * y, cy + c * y);
    }
    let determinant = ss * cc - sc * sc;
    let a = (sy * cc - cy * sc) / determinant;
    let b = (cy * ss - sy * sc) / determinant;
    let rest = |(k, y): (usize, &f32)| {
        let (s, c) = basis(k);
        (f64::from(*y) - a * s - b * c).powi(2)
    };
    let rest: f64 = block.iter().enumerate().map(rest).sum();
    let level = a.hypot(b);
    Fit {
        frequency,
        level,
        phase: b.atan2(a) / TAU,
        residue: 10.0 * (rest / block.len() as f64 / (level * level / 2.0)).log10(),
    }
}

/// Bits of a sample on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// One byte.
    Bits8,
    /// Two bytes, what JackTrip sends unless told otherwise.
    Bits16,
    /// Three bytes.
    Bits24,
    /// IEEE floats, unchanged.
    Bits32,
}

impl Depth {
    /// As `-b` has it.
    pub fn bits(self) -> &'static str {
        match self {
            Depth::Bits8 => "8",
            Depth::Bits16 => "16",
            Depth::Bits24 => "24",
            Depth::Bits32 => "32",
        }
    }

    /// What is left of a sample within full scale after one trip over the wire.
    pub fn through(self, sample: f32) -> f32 {
        let x = f64::from(sample);
        let decoded = match self {
            Depth::Bits8 => (127.0 * x).round().clamp(-127.0, 127.0) / 128.0,
            Depth::Bits16 => (32_767.0 * x).round().clamp(-32_767.0, 32_767.0) / 32_768.0,
            Depth::Bits24 => (8_388_608.0 * x).floor() / 8_388_608.0,
            Depth::Bits32 => x,
        };
        decoded as f32
    }

    /// What is left after `trips` trips, each decoding what the one before encoded.
    pub fn through_times(self, sample: f32, trips: u32) -> f32 {
        (0..trips).fold(sample, |sample, _| self.through(sample))
    }
}

/// What a recording of one ramp channel holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// Samples that are exactly the ramp's, after the first ones that are.
    pub exact: usize,
    /// Samples that are not, in stretches; before the first exact one nothing counts.
    pub wrong: Vec<Range<usize>>,
    /// Where exact samples begin and which frame of the ramp is heard there, anew each time that the time line moved.
    pub lines: Vec<Line>,
}

/// From here on the ramp is heard with one constant delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// Index in the recording.
    pub at: usize,
    /// The frame of the ramp that is heard there, modulo [`RAMP_PERIOD`].
    pub frame: u32,
}

impl Heard {
    /// Whether every sample after the first exact one is exact, and the delay never moved.
    pub fn is_whole(&self) -> bool {
        self.wrong.is_empty() && self.lines.len() == 1
    }

    /// Samples that are not the ramp's.
    pub fn wrong_samples(&self) -> usize {
        self.wrong.iter().map(|stretch| stretch.len()).sum()
    }

    /// The longest stretch of a recording of `length` samples that is exact throughout at one delay; empty if there is none.
    pub fn longest_exact(&self, length: usize) -> Range<usize> {
        let ends = self.wrong.iter().map(|stretch| stretch.start);
        let ends = ends.chain(self.lines.iter().map(|line| line.at));
        let starts = self.wrong.iter().map(|stretch| stretch.end);
        let starts = starts.chain(self.lines.iter().map(|line| line.at));
        let mut ends: Vec<usize> = ends.chain([length]).collect();
        ends.sort_unstable();
        let from = |start: usize| {
            let end = ends.iter().find(|end| **end > start).copied();
            start..end.unwrap_or(start)
        };
        let longest = starts.map(from).max_by_key(|stretch| stretch.len());
        longest.unwrap_or(0..0)
    }

    /// As [`Self::delay`], for what is heard at this index; `None`: that is before the first exact sample.
    pub fn delay_at(&self, at: usize, first: u32) -> Option<u32> {
        let line = self.lines.iter().rev().find(|line| line.at <= at)?;
        Some(first.wrapping_add(line.at as u32).wrapping_sub(line.frame) % RAMP_PERIOD)
    }

    /// Frames from the ramp's going out to its return, for a recording that began at JACK frame `first` of
    /// the clock that the ramp was made from.
    pub fn delay(&self, first: u32) -> Option<u32> {
        self.delay_at(self.lines.last()?.at, first)
    }
}

/// Compares a recording with the ramp of `channel` after `trips` over the wire.
///
/// Samples that are not a number (the recorder was not called for them) are neither exact nor wrong.
pub fn listen(recording: &[f32], channel: u32, depth: Depth, trips: u32) -> Heard {
    let table: Vec<f32> = (0..RAMP_PERIOD)
        .map(|frame| depth.through_times(ramp(frame, channel), trips))
        .collect();
    let mut heard = Heard {
        exact: 0,
        wrong: Vec::new(),
        lines: Vec::new(),
    };
    let mut at = 0;
    while let Some(line) = find_line(recording, at, &table) {
        if !heard.lines.is_empty() {
            note_wrong(&mut heard.wrong, at..line.at);
        }
        heard.lines.push(line);
        at = follow(recording, line, &table, &mut heard);
    }
    if !heard.lines.is_empty() {
        note_wrong(&mut heard.wrong, at..recording.len());
    }
    heard
}

/// Follows one line to the end of the recording, or to where it is lost; gives where.
fn follow(recording: &[f32], line: Line, table: &[f32], heard: &mut Heard) -> usize {
    let mut wrong_from = None;
    for at in line.at..recording.len() {
        let expected = table[((line.frame as usize) + at - line.at) % table.len()];
        if recording[at].is_nan() {
            continue;
        }
        if recording[at] == expected {
            heard.exact += 1;
            if let Some(from) = wrong_from.take() {
                note_wrong(&mut heard.wrong, from..at);
            }
        } else {
            let from = *wrong_from.get_or_insert(at);
            if at - from >= LOST {
                return from;
            }
        }
    }
    wrong_from.unwrap_or(recording.len())
}

/// The first place at or after `from` where the ramp is certain.
fn find_line(recording: &[f32], from: usize, table: &[f32]) -> Option<Line> {
    let mut at = from;
    while at + CERTAIN <= recording.len() {
        let window = &recording[at..at + CERTAIN];
        if is_moving(window) {
            let here = |frame: usize| {
                window
                    .iter()
                    .enumerate()
                    .all(|(i, sample)| *sample == table[(frame + i) % table.len()])
            };
            if let Some(frame) = (0..table.len()).find(|frame| here(*frame)) {
                return Some(Line {
                    at,
                    frame: frame as u32,
                });
            }
        }
        at += if is_moving(window) { 1 } else { CERTAIN };
    }
    None
}

/// Neither silence nor a hole.
fn is_moving(window: &[f32]) -> bool {
    window.iter().all(|sample| !sample.is_nan()) && window.iter().any(|sample| *sample != window[0])
}

fn note_wrong(wrong: &mut Vec<Range<usize>>, stretch: Range<usize>) {
    if stretch.is_empty() {
        return;
    }
    match wrong.last_mut() {
        Some(last) if last.end == stretch.start => last.end = stretch.end,
        _ => wrong.push(stretch),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(from: u32, frames: u32, depth: Depth) -> Vec<f32> {
        (from..from + frames)
            .map(|frame| depth.through(ramp(frame, 1)))
            .collect()
    }

    #[test]
    fn an_unharmed_ramp_is_whole_and_its_delay_known_at_every_depth() {
        for depth in [Depth::Bits8, Depth::Bits16, Depth::Bits24, Depth::Bits32] {
            let mut recording = vec![0.0; 1_000];
            recording.extend(take(65_000, 2_000, depth));
            let heard = listen(&recording, 1, depth, 1);
            assert!(heard.is_whole(), "{depth:?}: {heard:?}");
            assert_eq!(heard.exact, 2_000, "{depth:?}");
            assert_eq!(heard.delay(64_000 + 1152), Some(1152), "{depth:?}");
        }
    }

    #[test]
    fn a_lost_period_is_one_wrong_stretch_and_a_dropped_one_moves_the_line() {
        let mut recording = take(0, 20_000, Depth::Bits16);
        recording[6_400..6_528].fill(0.0);
        recording.drain(10_000..10_128);
        let heard = listen(&recording, 1, Depth::Bits16, 1);
        assert_eq!(heard.wrong[0], 6_400..6_528);
        assert_eq!(heard.lines.len(), 2);
        assert_eq!(
            heard.lines[1],
            Line {
                at: 10_000,
                frame: 10_128
            }
        );
        assert_eq!(heard.longest_exact(recording.len()), 10_000..19_872);
        assert_eq!(heard.delay_at(9_999, 0), Some(0));
        assert_eq!(heard.delay_at(10_000, 0), Some(RAMP_PERIOD - 128));
        assert_eq!(heard.delay(0), Some(RAMP_PERIOD - 128));
        assert_eq!(
            listen(&[0.0; 1_000], 1, Depth::Bits16, 1).longest_exact(1_000),
            0..0
        );
    }
}
