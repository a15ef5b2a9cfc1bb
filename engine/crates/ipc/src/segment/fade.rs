//! No clicks where audio ends early and where it comes back.
//!
//! ```text
//!   audio      ████████████▌                      ▗▄▄█████████████
//!   gain       1           │ tail: the last 2 ms  │ fade in
//!                          │ mirrored, fading out │
//! ```
//! When audio runs out nobody knew before, so there is nothing left to fade. What was put out last is
//! played backwards instead, fading: it starts at the very sample where the audio stopped, and sounds
//! like it. A tail that still rings when audio returns goes on below it.

use farsend_units::{Channels, SampleRate};

/// Fades the channels of a return. Allocates when made; then works on the audio thread.
#[derive(Debug)]
pub(super) struct Fader {
    /// Length of a fade.
    frames: usize,
    /// Gains of a fade in, from above 0 to 1.
    rise: Box<[f32]>,
    /// Each channel's last `frames` samples put out, the newest last.
    recent: Box<[Box<[f32]>]>,
    /// Each channel's tail, faded already.
    tails: Box<[Box<[f32]>]>,
    /// How much of the tails was played; `frames` when there are none.
    played: usize,
    /// How far the audio has faded in; `frames` when it is in whole.
    risen: usize,
}

impl Fader {
    pub(super) fn new(channels: Channels, rate: SampleRate) -> Self {
        let frames = (rate.0 / 500).clamp(32, 512) as usize;
        let lines = || vec![vec![0.0; frames].into(); channels.get()].into();
        let gain = |i| {
            let angle = std::f64::consts::PI * f64::from(i + 1) / frames as f64;
            (0.5 - 0.5 * angle.cos()) as f32
        };
        let rise = (0..frames as u32).map(gain).collect();
        Self {
            frames,
            rise,
            recent: lines(),
            tails: lines(),
            played: frames,
            risen: 0,
        }
    }

    /// Makes the rest of each `out` from what came, its first `fresh` samples. `out` has one slice for
    /// each channel, possibly fewer.
    pub(super) fn apply<'a>(
        &mut self,
        fresh: usize,
        length: usize,
        outs: impl Iterator<Item = &'a mut [f32]>,
    ) {
        let runs_out = fresh < length;
        let rising = self.risen < self.frames;
        let ringing = self.played < self.frames;
        if fresh == 0 && self.risen == 0 && !ringing {
            // Silent before and after: `recent` holds nothing that was heard, see the end of `tail`.
            outs.for_each(|out| out.fill(0.0));
            return;
        }
        // With audio in it, the tail now running ends and a new one starts.
        let ends = runs_out && (self.risen > 0 || fresh > 0);
        let lines = self.recent.iter_mut().zip(&mut self.tails);
        for (out, (recent, tail)) in outs.zip(lines) {
            let (audio, rest) = out.split_at_mut(fresh.min(out.len()));
            if rising {
                let gains = self.rise[self.risen..].iter();
                audio
                    .iter_mut()
                    .zip(gains)
                    .for_each(|(sample, gain)| *sample *= gain);
            }
            if ringing {
                let more = tail[self.played..].iter();
                audio
                    .iter_mut()
                    .zip(more)
                    .for_each(|(sample, more)| *sample += more);
            }
            remember(recent, audio);
            if runs_out {
                let mut played = self.played + audio.len().min(self.frames - self.played);
                if ends {
                    mirror(recent, &self.rise, tail);
                    played = 0;
                }
                let ringing = rest.len().min(self.frames - played);
                rest[..ringing].copy_from_slice(&tail[played..played + ringing]);
                rest[ringing..].fill(0.0);
                remember(recent, rest);
            }
        }
        self.played = match ends {
            true => (length - fresh).min(self.frames),
            false => (self.played + length).min(self.frames),
        };
        self.risen = if runs_out {
            0
        } else {
            (self.risen + fresh).min(self.frames)
        };
    }
}

/// Keeps the last samples of what was put out.
fn remember(recent: &mut [f32], out: &[f32]) {
    let (kept, new) = (
        recent.len().saturating_sub(out.len()),
        out.len().min(recent.len()),
    );
    recent.copy_within(new.., 0);
    recent[kept..].copy_from_slice(&out[out.len() - new..]);
}

/// The last samples backwards, from 1 fading to 0.
fn mirror(recent: &[f32], rise: &[f32], tail: &mut [f32]) {
    let backwards = recent.iter().rev();
    // `rise` ends with 1, and so must not begin a fall: one on, and 0 at the end.
    let fall = rise.iter().rev().skip(1).chain([&0.0]);
    for ((tail, sample), gain) in tail.iter_mut().zip(backwards).zip(fall) {
        *tail = sample * gain;
    }
}

#[cfg(test)]
mod tests {
    use farsend_units::{Channels, SampleRate};

    use super::Fader;

    /// What one channel of `audio` sounds like, in blocks with so many fresh frames each.
    fn play(audio: impl Fn(usize) -> f32, block: usize, fresh: &[usize]) -> Vec<f32> {
        let mut fader = Fader::new(Channels(1), SampleRate::HZ_48000);
        let mut played = vec![0.0; block * fresh.len()];
        for (i, (out, &fresh)) in played.chunks_mut(block).zip(fresh).enumerate() {
            for (j, sample) in out.iter_mut().enumerate() {
                *sample = if j < fresh {
                    audio(i * block + j)
                } else {
                    99.0
                };
            }
            fader.apply(fresh, block, [out].into_iter());
        }
        played
    }

    fn largest_step(samples: &[f32]) -> f32 {
        samples
            .windows(2)
            .map(|pair| (pair[1] - pair[0]).abs())
            .fold(samples[0].abs(), f32::max)
    }

    /// 500 Hz at 48 kHz: at most 0.066 from one sample to the next.
    fn tone(frame: usize) -> f32 {
        (frame as f32 * std::f32::consts::TAU / 96.0).cos()
    }

    #[test]
    fn whole_blocks_pass_unchanged_once_faded_in() {
        let played = play(tone, 64, &[64; 10]);
        assert!(largest_step(&played) < 0.1);
        for (frame, sample) in played.iter().enumerate().skip(96) {
            assert_eq!(*sample, tone(frame));
        }
    }

    #[test]
    fn audio_that_ends_and_returns_anywhere_does_not_click() {
        for block in [1, 2, 7, 16, 64, 128, 500] {
            for partial in [0, 1, block / 2, block - 1] {
                let on = 1200 / block + 1;
                for off in [1, 2, 60 / block, 400 / block + 1] {
                    let mut fresh = vec![block; on];
                    fresh.push(partial);
                    fresh.extend(vec![0; off]);
                    fresh.extend(vec![block; on]);
                    let step = largest_step(&play(tone, block, &fresh));
                    assert!(
                        step < 0.2,
                        "a step of {step}: blocks of {block}, {partial}, {off} off"
                    );
                }
            }
        }
    }

    #[test]
    fn audio_that_stutters_does_not_click() {
        for block in [8, 32, 100] {
            let fresh: Vec<usize> = (0..200).map(|i| (i * 7919) % (block + 1)).collect();
            let step = largest_step(&play(tone, block, &fresh));
            assert!(step < 0.2, "a step of {step} with blocks of {block}");
        }
    }

    #[test]
    fn silence_follows_the_tail() {
        let played = play(tone, 50, &[50, 50, 50, 0, 0, 0, 0, 0]);
        assert!(played[250..].iter().all(|sample| *sample == 0.0));
        assert!(played[150..160].iter().all(|sample| *sample != 0.0));
    }
}
