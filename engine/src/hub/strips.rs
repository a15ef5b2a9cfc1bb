//! What single listeners wish of single players, where it deviates from the mix that everybody gets.

use farsend_stream::Glide;
use farsend_units::SampleRate;

use super::lanes::Lanes;
use super::patch::Weights;

/// As on a mixing desk: what one player is to be in somebody's mix.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Strip {
    /// Linear.
    pub(super) gain: f32,
    /// From -1 (left) to 1 (right), where one side is turned down and the other stays; a player who sends one channel
    /// is then heard in both. `None`: in the channels as they are sent. Nothing to a listener of one channel.
    pub(super) pan: Option<f32>,
    pub(super) mute: bool,
    /// Whether only such players are heard.
    pub(super) solo: bool,
}

impl Strip {
    /// As everybody hears it.
    pub(super) const NEUTRAL: Self = Self {
        gain: 1.0,
        pan: None,
        mute: false,
        solo: false,
    };

    pub(super) fn is_neutral(&self) -> bool {
        *self == Self::NEUTRAL
    }
}

/// All wishes in force, by listener. Holds at most [`MOST_STRIPS`], and never allocates after `new`.
#[derive(Debug)]
pub(super) struct Strips {
    /// Sorted by listener, then by player.
    all: Vec<Deviation>,
    rate: SampleRate,
    /// Whether any of them is neutral, and may go when it has come to rest.
    untidy: bool,
}

/// What is added to a listener's mix for one player, beyond what the total has of that player.
#[derive(Debug)]
pub(super) struct Deviation {
    listener: u16,
    source: u16,
    strip: Strip,
    /// For the first channel, the second, and all others.
    factors: [Glide; 3],
}

impl Deviation {
    /// Whom it is about.
    pub(super) fn source(&self) -> u16 {
        self.source
    }

    /// What is added to a channel of the listener's: this lane of the player's, so much of it.
    pub(super) fn part<'a>(&self, heard: &'a Lanes, channel: usize) -> Option<(&'a [f32], &Glide)> {
        let factor = &self.factors[channel.min(2)];
        let from = if channel == 1 && heard.channels() == 1 {
            0
        } else {
            channel
        };
        Some((heard.get(from)?, factor))
    }

    /// So many frames are over.
    pub(super) fn pass(&mut self, frames: usize) {
        self.factors
            .iter_mut()
            .for_each(|factor| factor.pass(frames));
    }

    fn may_go(&self) -> bool {
        let nothing = |factor: &Glide| factor.resting() == Some(0.0);
        self.strip.is_neutral() && self.factors.iter().all(nothing)
    }
}

/// What has to be known of two players to tell how one is heard by the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    /// Whether the player sends one channel.
    pub(super) mono: bool,
    /// Whether such are heard in both channels without any wish.
    pub(super) upmix: bool,
    /// Whether the listener has a left and a right.
    pub(super) sides: bool,
    /// How loud the listener hears the player without any wish, 0 to 1.
    pub(super) level: f32,
}

impl Strips {
    /// Allocates.
    pub(super) fn new(rate: SampleRate) -> Self {
        Self {
            all: Vec::with_capacity(2 * MOST_STRIPS),
            rate,
            untidy: false,
        }
    }

    pub(super) fn of(&self, listener: u16) -> &[Deviation] {
        &self.all[self.range(listener)]
    }

    pub(super) fn of_mut(&mut self, listener: u16) -> &mut [Deviation] {
        let range = self.range(listener);
        &mut self.all[range]
    }

    /// Whether the listener hears only some.
    pub(super) fn has_solo(&self, listener: u16) -> bool {
        self.of(listener).iter().any(|one| one.strip.solo)
    }

    /// Notes a wish. Of more than [`MOST_STRIPS`] the rest is not heard: whoever gives orders counts them.
    pub(super) fn set(&mut self, listener: u16, source: u16, strip: Strip) {
        self.untidy |= strip.is_neutral();
        let key = (listener, source);
        match self
            .all
            .binary_search_by_key(&key, |one| (one.listener, one.source))
        {
            Ok(index) => self.all[index].strip = strip,
            Err(_) if strip.is_neutral() => {}
            Err(_) => {
                if self.all.len() == self.all.capacity() {
                    // Changes beyond counting within a glide: some are cut short.
                    self.all.retain(|one| !one.strip.is_neutral());
                }
                if self.all.len() < self.all.capacity() {
                    let index = self
                        .all
                        .partition_point(|one| (one.listener, one.source) < key);
                    let nothing = Glide::new(self.rate, 0.0);
                    let new = Deviation {
                        listener,
                        source,
                        strip,
                        factors: [nothing.clone(), nothing.clone(), nothing],
                    };
                    self.all.insert(index, new);
                }
            }
        }
    }

    /// Lets all glide to where they belong in this listener's mix. `pair` tells of the listener and a player.
    pub(super) fn aim(&mut self, listener: u16, weights: Weights, pair: impl Fn(u16) -> Pair) {
        let solo = self.has_solo(listener);
        for one in self.of_mut(listener) {
            let targets = factors(&one.strip, solo, weights, pair(one.source));
            for (factor, target) in one.factors.iter_mut().zip(targets) {
                factor.set(target);
            }
        }
    }

    /// Drops what this one wished and what others wished of this one. Whether there was anything.
    pub(super) fn forget(&mut self, place: u16) -> bool {
        let before = self.all.len();
        self.all
            .retain(|one| one.listener != place && one.source != place);
        before != self.all.len()
    }

    /// Drops what has come to rest at no deviation.
    pub(super) fn tidy(&mut self) {
        if self.untidy {
            self.all.retain(|one| !one.may_go());
            self.untidy = self.all.iter().any(|one| one.strip.is_neutral());
        }
    }

    fn range(&self, listener: u16) -> std::ops::Range<usize> {
        if self.all.is_empty() {
            return 0..0;
        }
        let begin = self.all.partition_point(|one| one.listener < listener);
        let count = self.all[begin..].partition_point(|one| one.listener == listener);
        begin..begin + count
    }
}

/// What is to be added of the player for the first channel, the second and the rest, so that the listener hears what the
/// strip says.
fn factors(strip: &Strip, solo: bool, weights: Weights, pair: Pair) -> [f32; 3] {
    let second = if pair.mono && !pair.upmix { 0.0 } else { 1.0 };
    let usual = [1.0, second, 1.0];
    let sides = match strip.pan.filter(|_| pair.sides) {
        Some(pan) => [(1.0 - pan).min(1.0), (1.0 + pan).min(1.0), 1.0],
        None => usual,
    };
    let gain = if strip.mute || (solo && !strip.solo) {
        0.0
    } else {
        strip.gain
    };
    // With a solo the total is not heard, so nothing has to be taken away from it.
    let there = if solo { 0.0 } else { 1.0 };
    let level = weights.others * pair.level;
    std::array::from_fn(|i| level * (gain * sides[i] - there * usual[i]))
}

/// As many wishes may deviate at once: together they cost, at two channels, about a tenth of a millisecond a period.
pub(super) const MOST_STRIPS: usize = 1024;
