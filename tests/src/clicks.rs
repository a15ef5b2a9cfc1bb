//! A click track whose clicks tell which of them they are, and where each is found in a recording.
//!
//! Twice a second there is a click of its own noise; between them is a faint bed of noise, another at each place, so that
//! every sample of a recording can be told from every other. All of it is whole in 16 bits.

/// Frames from one click to the next: half a second at 48 kHz.
pub const EVERY: i64 = 24_000;

/// How long a click is, in frames.
pub const LENGTH: i64 = 480;

/// The track's sample at a place of its timeline.
pub fn sample(place: i64) -> f32 {
    let (click, into) = (place.div_euclid(EVERY), place.rem_euclid(EVERY));
    let value = if into < LENGTH {
        let fade = 1.0 - into as f64 / LENGTH as f64;
        noise(click.wrapping_mul(EVERY) + into) * 16_000.0 * fade
    } else {
        noise(place) * 60.0
    };
    value.round() as f32 / 32_768.0
}

/// How many frames later than its place each click of a recording is, whose first frame is at `begins` of the timeline; `None` for a
/// click that is not within `reach` frames of it. Those near either end are left out.
pub fn offsets(recording: &[f32], begins: i64, reach: i64) -> Vec<Option<i64>> {
    let first = (begins + reach).div_euclid(EVERY) + 1;
    let end = begins + recording.len() as i64 - reach - LENGTH;
    let clicks = (first..).take_while(|click| click * EVERY < end);
    let mut last = 0;
    clicks
        .map(|click| {
            let wanted: Vec<f32> = (0..LENGTH)
                .map(|into| sample(click * EVERY + into))
                .collect();
            let at = (click * EVERY - begins - reach) as usize;
            let near = &recording[at..at + (2 * reach + LENGTH) as usize];
            // Mostly it is where the one before was.
            let there = (last + reach) as usize;
            let window = &near[there..there + LENGTH as usize];
            let found = if likeness(window, &wanted) > THE_SAME {
                Some(there)
            } else {
                find(&wanted, near)
            };
            let offset = found.map(|found| found as i64 - reach);
            last = offset.unwrap_or(last);
            offset
        })
        .collect()
}

/// Where in `samples` something is that sounds like `wanted`.
fn find(wanted: &[f32], samples: &[f32]) -> Option<usize> {
    let windows = samples.windows(wanted.len());
    let alike = windows.map(|window| likeness(window, wanted)).enumerate();
    let (at, best) = alike.max_by(|(_, one), (_, other)| one.total_cmp(other))?;
    (best > ALIKE).then_some(at)
}

/// 1: one is the other, louder or softer; about 0: they have nothing in common.
fn likeness(one: &[f32], other: &[f32]) -> f32 {
    let product = |one: &[f32], other: &[f32]| -> f32 {
        one.iter().zip(other).map(|(one, other)| one * other).sum()
    };
    let energy = product(one, one) * product(other, other);
    product(one, other) / energy.sqrt().max(f32::MIN_POSITIVE)
}

/// How much of a recording is what was played, to the bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sameness {
    /// Frames that were compared.
    pub frames: usize,
    /// Of them: the same where most of all is the same, that is with one shift for all.
    pub at_one_shift: usize,
    /// Of them: in a hundredth of a second all of which is the same, at any whole shift.
    pub in_pieces: usize,
}

/// Compares a recording with what was played, which begins before it and ends after it.
pub fn compare(recording: &[i32], played: &[i32]) -> Sameness {
    let mut found = Sameness::default();
    let mut shifts: Vec<(usize, usize)> = Vec::new();
    for piece in 0..recording.len() / PIECE {
        let from = piece * PIECE;
        let wanted = &recording[from..from + PIECE];
        found.frames += PIECE;
        let is_at = |at: usize| played.get(at..at + PIECE) == Some(wanted);
        let last = shifts.last().map(|(shift, _)| *shift);
        let shift = match last {
            Some(shift) if is_at(from + shift) => Some(shift),
            Some(shift) => {
                let near = (from + shift).saturating_sub(REACH)..from + shift + REACH;
                near.into_iter().find(|at| is_at(*at)).map(|at| at - from)
            }
            None => (from..played.len())
                .find(|at| is_at(*at))
                .map(|at| at - from),
        };
        if let Some(shift) = shift {
            found.in_pieces += PIECE;
            match shifts.last_mut() {
                Some((last, pieces)) if *last == shift => *pieces += 1,
                _ => shifts.push((shift, 1)),
            }
        }
    }
    let usual = shifts.iter().max_by_key(|(_, pieces)| *pieces);
    if let Some((shift, _)) = usual {
        let pairs = recording.iter().zip(played.iter().skip(*shift));
        found.at_one_shift = pairs
            .take(found.frames)
            .filter(|(one, other)| one == other)
            .count();
    }
    found
}

/// From -1 to 1, another at each place. (The mixer of SplitMix64.)
fn noise(place: i64) -> f64 {
    let mut x = (place as u64).wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^= x >> 31;
    (x >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

/// What sounds less like a click than this is none, ...
const ALIKE: f32 = 0.5;
/// ... and what sounds as much like it as this is nowhere else.
const THE_SAME: f32 = 0.95;
/// Frames that are compared at once: 10 ms.
const PIECE: usize = 480;
/// How far what is played may have moved from one piece to the next that is the same.
const REACH: usize = 9600;

#[cfg(test)]
mod tests {
    use super::*;

    fn track(places: std::ops::Range<i64>) -> Vec<f32> {
        places.map(sample).collect()
    }

    #[test]
    fn each_click_is_found_where_it_is() {
        // Recorded from 1000 on, but what lies there was played 7 frames later, and from the third click on 130 earlier.
        let mut recording = track(993..100_000);
        recording.drain(60_000..60_130);
        assert_eq!(
            offsets(&recording, 1000, 200),
            [Some(7), Some(7), Some(-123), Some(-123)]
        );
    }

    #[test]
    fn a_click_that_was_lost_is_not_found() {
        let mut recording = track(0..80_000);
        recording[48_000..48_480].fill(0.0);
        assert_eq!(offsets(&recording, 0, 300), [Some(0), None, Some(0)]);
    }

    #[test]
    fn samples_are_whole_in_16_bits_and_differ() {
        let all = track(0..50_000);
        assert!(all.iter().all(|x| (x * 32_768.0).fract() == 0.0));
        assert!(all.iter().any(|x| x.abs() > 0.3));
        let windows = all
            .windows(8)
            .filter(|window| window == &&all[30_000..30_008]);
        assert_eq!(windows.count(), 1);
    }

    #[test]
    fn what_was_moved_is_the_same_in_pieces_and_what_was_changed_is_not() {
        let played: Vec<i32> = track(0..200_000)
            .iter()
            .map(|x| (x * 8_388_608.0) as i32)
            .collect();
        let whole = compare(&played[5000..149_000], &played);
        assert_eq!(
            (whole.frames, whole.at_one_shift, whole.in_pieces),
            (144_000, 144_000, 144_000)
        );
        let mut moved = played[5000..149_000].to_vec();
        moved.drain(100_000..100_020);
        moved[10_000] += 1;
        let found = compare(&moved, &played);
        assert_eq!(found.frames, 143_520);
        // The piece with the changed sample, and the one that is cut.
        assert_eq!(found.in_pieces, 143_520 - 2 * PIECE);
        assert!(
            (99_000..=101_000).contains(&found.at_one_shift),
            "{found:?}"
        );
    }
}
