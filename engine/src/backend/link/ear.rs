//! What one instance hears of its session, and how that changes: out with what was heard, in with what is.
//!
//! ```text
//!   wanted  A A A A B B B B B B     is there  ████████████▌         ▐██████
//!   heard   AAAAAAA▙▁▟BBBBBBBBB     heard     ████████████▌◣        ◢██████
//!                  20 + 20 ms                       mirrored, fading   in 20 ms
//! ```

use std::net::SocketAddr;

use arrayvec::ArrayVec;
use farsend_stream::Gain;
use farsend_units::{Channels, SampleRate};

use crate::settings::MAX_CHANNELS;

/// What an instance hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Source {
    /// All that comes.
    #[default]
    Mix,
    /// The player in this place of the hub, as long as it is the one who sends from there.
    Player {
        /// The place.
        place: u16,
        /// Where they send from.
        address: SocketAddr,
    },
    /// All players of this group of the hub.
    Group(u8),
    /// Silence.
    Nothing,
}

/// One instance's. Made on a control thread; then nothing allocates.
#[derive(Debug)]
pub(super) struct Ear {
    now: Source,
    next: Source,
    gain: Gain,
    rate: SampleRate,
    /// The last of what was heard, a lane a channel, `kept` frames of it.
    last: Vec<Vec<f32>>,
    kept: usize,
    /// Whether there was something to hear.
    was_there: bool,
}

impl Ear {
    /// For so many channels. Allocates.
    pub(super) fn new(channels: Channels, rate: SampleRate, source: Source) -> Self {
        Self {
            now: source,
            next: source,
            gain: Gain::new(rate, 1.0),
            rate,
            last: vec![vec![0.0; LONGEST_TAIL]; channels.get()],
            kept: 0,
            was_there: true,
        }
    }

    /// What is heard now.
    pub(super) fn source(&self) -> Source {
        self.now
    }

    /// Wants to hear this from now on.
    pub(super) fn want(&mut self, source: Source) {
        self.next = source;
        if self.next != self.now {
            self.gain.set(0.0);
        } else if self.was_there {
            self.gain.set(1.0);
        }
    }

    /// Whether all is heard as it comes.
    pub(super) fn is_plain(&self) -> bool {
        let at_rest = self.gain.is_at_rest() && self.gain.target() == 1.0;
        self.now == Source::Mix && self.next == Source::Mix && at_rest
    }

    /// Makes what is heard of what [the source](Self::source) has: the first `frames` of these lanes, or nothing where it is not there.
    pub(super) fn hear(&mut self, lanes: &mut [Vec<f32>], frames: usize, is_there: bool) {
        let silent = self.gain.is_at_rest() && self.gain.target() == 0.0;
        if !is_there {
            self.fall_silent(lanes, frames, silent);
        } else {
            if !self.was_there && self.now == self.next {
                self.gain = Gain::new(self.rate, 0.0);
                self.gain.set(1.0);
            }
            self.was_there = true;
            {
                let mut heard: ArrayVec<&mut [f32], MAX_CHANNELS> =
                    lanes.iter_mut().map(|lane| &mut lane[..frames]).collect();
                self.gain.apply(&mut heard);
            }
            self.remember(lanes, frames);
        }
        let silent = self.gain.is_at_rest() && self.gain.target() == 0.0;
        if self.now != self.next && silent {
            self.now = self.next;
            // It comes in when it is there.
            self.was_there = false;
        }
    }

    /// What was heard last backwards, fading.
    fn fall_silent(&mut self, lanes: &mut [Vec<f32>], frames: usize, silent: bool) {
        let tail = if self.was_there && !silent {
            self.kept.min(frames)
        } else {
            0
        };
        for (lane, last) in lanes.iter_mut().zip(&self.last) {
            let backwards = last[..self.kept].iter().rev();
            for (i, (sample, last)) in lane.iter_mut().zip(backwards).take(tail).enumerate() {
                *sample = last * (1.0 - (i + 1) as f32 / tail as f32);
            }
            lane[tail..frames].fill(0.0);
        }
        self.was_there = false;
        self.gain = Gain::new(self.rate, 0.0);
    }

    fn remember(&mut self, lanes: &[Vec<f32>], frames: usize) {
        self.kept = frames.min(LONGEST_TAIL);
        for (last, lane) in self.last.iter_mut().zip(lanes) {
            last[..self.kept].copy_from_slice(&lane[frames - self.kept..frames]);
        }
    }
}

/// Frames that fade out at most, where somebody goes without a word.
const LONGEST_TAIL: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: SampleRate = SampleRate::HZ_48000;

    fn player(place: u16) -> Source {
        Source::Player {
            place,
            address: SocketAddr::from(([10, 0, 0, 1], 4464)),
        }
    }

    /// What is heard of a constant of this level, for so many blocks of 64.
    fn hear(ear: &mut Ear, level: f32, blocks: usize, is_there: bool) -> Vec<f32> {
        let mut heard = Vec::new();
        for _ in 0..blocks {
            let mut lanes = vec![vec![level; 64]; 2];
            assert_no_alloc::assert_no_alloc(|| ear.hear(&mut lanes, 64, is_there));
            assert_eq!(lanes[0], lanes[1]);
            heard.extend(&lanes[0]);
        }
        heard
    }

    fn largest_step(samples: &[f32]) -> f32 {
        let steps = samples.windows(2).map(|two| (two[1] - two[0]).abs());
        steps.fold(0.0, f32::max)
    }

    #[test]
    fn another_source_comes_in_when_the_one_before_is_out() {
        let mut ear = Ear::new(Channels(2), RATE, Source::Mix);
        assert!(ear.is_plain());
        assert_eq!(hear(&mut ear, 0.5, 1, true), [0.5; 64]);
        ear.want(player(3));
        let mut heard = vec![0.5];
        while ear.source() == Source::Mix {
            heard.extend(hear(&mut ear, 0.5, 1, true));
        }
        assert_eq!(ear.source(), player(3));
        heard.extend(hear(&mut ear, -0.25, 40, true));
        assert!(largest_step(&heard) < 0.01, "{}", largest_step(&heard));
        assert_eq!(heard.last(), Some(&-0.25));
        assert!(!ear.is_plain());
    }

    #[test]
    fn who_goes_without_a_word_fades_and_who_comes_back_fades_in() {
        let mut ear = Ear::new(Channels(2), RATE, player(1));
        let mut heard = hear(&mut ear, 0.5, 30, true);
        heard.extend(hear(&mut ear, 0.5, 10, false));
        assert_eq!(heard[30 * 64 + 64..], [0.0; 9 * 64]);
        heard.extend(hear(&mut ear, 0.5, 30, true));
        assert!(largest_step(&heard) < 0.01);
        assert_eq!(heard.last(), Some(&0.5));
    }

    #[test]
    fn who_wants_somebody_who_is_not_there_hears_nothing_until_they_are() {
        let mut ear = Ear::new(Channels(2), RATE, Source::Nothing);
        assert_eq!(hear(&mut ear, 0.5, 3, false), [0.0; 192]);
        ear.want(player(0));
        assert_eq!(hear(&mut ear, 0.5, 1, false), [0.0; 64]);
        assert_eq!(ear.source(), player(0));
        let heard = hear(&mut ear, 0.5, 30, true);
        assert!(heard[0] < 0.01 && largest_step(&heard) < 0.01);
        assert_eq!(heard.last(), Some(&0.5));
    }

    #[test]
    fn who_wants_back_what_is_still_heard_has_it() {
        let mut ear = Ear::new(Channels(2), RATE, Source::Mix);
        ear.want(Source::Nothing);
        hear(&mut ear, 0.5, 2, true);
        ear.want(Source::Mix);
        let heard = hear(&mut ear, 0.5, 40, true);
        assert!(largest_step(&heard) < 0.01);
        assert!(ear.is_plain());
    }
}
