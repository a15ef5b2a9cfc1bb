//! Lays what came back over what went out: how late it is, and where it is not the same.

use serde::Serialize;

/// Frames that one look at the delay takes in.
const WINDOW: usize = 4_096;

/// Steps of 16 bit samples that two encodings may be off, and a third for a host in between.
const STEPS: f32 = 3.0;

/// Longest delay that is looked for, in seconds.
const LONGEST: f64 = 0.5;

/// What came of it.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// Round trip of the whole: the delay at which most is the same. Frames.
    pub delay: usize,
    /// The delay of each window, where there is enough sound to tell.
    pub windows: Vec<Window>,
    /// Frames compared, of each channel.
    pub compared: usize,
    /// Of these, frames that are the same but for the bit depth, in all channels.
    pub same: usize,
    /// The largest difference of those that are the same, in steps of 16 bit.
    pub largest_step: f32,
    /// Stretches that are not the same: (first frame of what went out, frames).
    pub altered: Vec<(usize, usize)>,
    /// What came back, by channel, each frame moved back by the delay that it had.
    #[serde(skip)]
    pub aligned: Vec<Vec<f32>>,
}

/// One look.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Window {
    /// Where it begins in what went out, in frames.
    pub at: usize,
    /// How much later it came back, in frames.
    pub delay: usize,
}

/// Compares two recordings by channel that began at the same moment. `None` if nothing of it came back.
pub fn compare(sent: &[Vec<f32>], returned: &[Vec<f32>], rate: u32) -> Option<Comparison> {
    let longest = (LONGEST * f64::from(rate)) as usize;
    let first = (0..sent[0].len().saturating_sub(WINDOW + longest))
        .step_by(WINDOW)
        .find_map(|at| find_delay(&sent[0], &returned[0], at, 0..longest))?;
    let mut delay = first;
    let mut windows = Vec::new();
    for at in (0..sent[0].len().saturating_sub(WINDOW)).step_by(WINDOW) {
        // Near the last one first: it hardly ever moves, and then the search is short.
        let near = delay.saturating_sub(1)..delay + 2;
        let found = find_delay(&sent[0], &returned[0], at, near)
            .or_else(|| find_delay(&sent[0], &returned[0], at, 0..longest));
        if let Some(found) = found {
            delay = found;
            windows.push(Window { at, delay });
        }
    }
    let delay = most_frequent(&windows).unwrap_or(first);
    Some(lay_over(sent, returned, delay, windows))
}

fn lay_over(
    sent: &[Vec<f32>],
    returned: &[Vec<f32>],
    delay: usize,
    windows: Vec<Window>,
) -> Comparison {
    let aligned = align(sent[0].len(), returned, delay, &windows);
    let compared = sent[0].len().min(returned[0].len().saturating_sub(delay));
    let (mut same, mut largest_step) = (0, 0.0_f32);
    let mut altered: Vec<(usize, usize)> = Vec::new();
    for frame in 0..compared {
        let difference = sent
            .iter()
            .zip(&aligned)
            .map(|(sent, aligned)| (sent[frame] - aligned[frame]).abs() * 32_768.0)
            .fold(0.0, f32::max);
        if difference <= STEPS {
            same += 1;
            largest_step = largest_step.max(difference);
            continue;
        }
        match altered.last_mut() {
            Some((at, length)) if *at + *length + 64 >= frame => *length = frame + 1 - *at,
            _ => altered.push((frame, 1)),
        }
    }
    Comparison {
        delay,
        windows,
        compared,
        same,
        largest_step,
        altered,
        aligned,
    }
}

/// Moves what came back by the delay of the window that each frame is in; silence after the end.
fn align(frames: usize, returned: &[Vec<f32>], delay: usize, windows: &[Window]) -> Vec<Vec<f32>> {
    let mut delays = vec![delay; frames];
    for (window, next) in windows
        .iter()
        .zip(windows.iter().skip(1).map(Some).chain([None]))
    {
        let end = next.map_or(frames, |next| next.at);
        delays[window.at..end].fill(window.delay);
    }
    let aligned = |channel: &Vec<f32>| {
        let at =
            |(frame, delay): (usize, &usize)| channel.get(frame + delay).copied().unwrap_or(0.0);
        delays.iter().enumerate().map(at).collect()
    };
    returned.iter().map(aligned).collect()
}

/// The delay at which this window of `sent` is found in `returned`, sample by sample.
fn find_delay(
    sent: &[f32],
    returned: &[f32],
    at: usize,
    delays: std::ops::Range<usize>,
) -> Option<usize> {
    let window = &sent[at..at + WINDOW];
    let moving = window.iter().filter(|sample| sample.abs() > 0.01).count();
    if moving < WINDOW / 8 {
        return None;
    }
    let matches = |delay: &usize| {
        let Some(candidate) = returned.get(at + delay..at + delay + WINDOW) else {
            return false;
        };
        // Most of them; a lost period does not hide the delay of the rest.
        let mut wrong = 0;
        for (sent, returned) in window.iter().zip(candidate) {
            wrong += usize::from((sent - returned).abs() * 32_768.0 > STEPS);
            if wrong > WINDOW / 4 {
                return false;
            }
        }
        true
    };
    delays.into_iter().find(matches)
}

fn most_frequent(windows: &[Window]) -> Option<usize> {
    let count = |delay: usize| {
        windows
            .iter()
            .filter(|window| window.delay == delay)
            .count()
    };
    windows
        .iter()
        .map(|window| window.delay)
        .max_by_key(|delay| count(*delay))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn music() -> Vec<f32> {
        (0..96_000_u32)
            .map(|t| 0.4 * (t as f32 * 0.031).sin() + 0.2 * (t as f32 * t as f32 * 1e-6).sin())
            .collect()
    }

    #[test]
    fn a_delayed_copy_is_found_and_a_hole_in_it_too() {
        let sent = music();
        let mut returned = vec![0.0; 640];
        returned.extend(
            sent.iter()
                .map(|sample| (sample * 32_767.0).round() / 32_768.0),
        );
        returned[50_000 + 640..50_128 + 640].fill(0.0);
        let found = compare(&[sent], &[returned], 48_000).expect("it came back");
        assert_eq!(found.delay, 640);
        assert!(found.windows.iter().all(|window| window.delay == 640));
        assert_eq!(found.altered.len(), 1);
        assert!(
            found.altered[0].0.abs_diff(50_000) < 8 && found.altered[0].1 > 100,
            "{:?}",
            found.altered
        );
        assert!(found.largest_step <= 1.5, "{}", found.largest_step);
    }

    #[test]
    fn silence_in_return_is_nothing() {
        assert!(compare(&[music()], &[vec![0.0; 96_000]], 48_000).is_none());
    }
}
