//! How long each player's audio, and what is captured at the hub itself, is to wait here so that all that is mixed was captured at the same time.
//!
//! ```text
//!   age of what is mixed  =  the path from there (half the round trip)  +  its wait here
//!                                                                          └ as short as the jitter allows, or longer: held
//! ```
//! The latest player decides; but nobody is held for longer than a bound. So the moment is chosen that brings most players together
//! within it: who is later than that is not waited for, who is earlier by more than the bound stays early by the rest.
//!
//! What a player is held for moves in steps that the jitter buffer can make by playing a little slower or faster: see
//! [`SPEED`]. Small changes are left alone, and the moment goes back only when nobody has needed it for some seconds.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// The decisions. Control thread; times are seconds.
#[derive(Debug)]
pub(super) struct Aligner {
    is_on: bool,
    bound: f64,
    /// The age that all are to have, while there is somebody.
    moment: Option<f64>,
    /// What was wanted at the last looks.
    recent: VecDeque<f64>,
    given: HashMap<u16, Given>,
}

/// A player, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Age {
    pub(super) place: u16,
    /// From there to here.
    pub(super) path: Duration,
    /// How long their audio waits here if it is not held.
    pub(super) wait: Duration,
}

/// In place of a place: the hub itself, where it takes part.
pub(super) const HERE: u16 = u16::MAX;

/// How a player is to be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hold {
    pub(super) place: u16,
    /// Their audio is to wait here for so long; 0: no longer than it must.
    pub(super) wait: Duration,
}

/// Where a player stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Together with the others, or on the way there.
    With,
    /// Later than the others are held for.
    Late,
    /// Earlier than by the bound.
    Early,
}

#[derive(Debug, Clone, Copy)]
struct Given {
    /// The wait that they are held for; 0: none.
    wait: f64,
    /// By how much that is more than they would wait anyway.
    added: f64,
    /// Looks until it may be changed again.
    rests: u32,
    standing: Standing,
}

impl Aligner {
    /// Which holds nobody yet, and will for at most `bound`.
    pub(super) fn new(is_on: bool, bound: Duration) -> Self {
        Self {
            is_on,
            bound: bound.as_secs_f64(),
            moment: None,
            recent: VecDeque::new(),
            given: HashMap::new(),
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.is_on
    }

    pub(super) fn bound(&self) -> Duration {
        Duration::from_secs_f64(self.bound)
    }

    /// Whether players are held, and for how long at most.
    pub(super) fn set(&mut self, is_on: bool, bound: Duration) {
        (self.is_on, self.bound) = (is_on, bound.as_secs_f64());
        self.recent.clear();
        self.moment = None;
    }

    /// The age that all are to have.
    pub(super) fn moment(&self) -> Option<Duration> {
        self.moment.map(Duration::from_secs_f64)
    }

    /// Where this one stands, and for how much longer they wait than they would.
    pub(super) fn of(&self, place: u16) -> Option<(Standing, Duration)> {
        let given = self.given.get(&place).filter(|_| self.is_on)?;
        Some((given.standing, Duration::from_secs_f64(given.added)))
    }

    /// Nobody is there any more.
    pub(super) fn forget(&mut self, place: u16) {
        self.given.remove(&place);
    }

    /// Looks at all whose ages are known, once a second, and says whose holds are to change.
    pub(super) fn look(&mut self, ages: &[Age]) -> Vec<Hold> {
        self.moment = if self.is_on { self.next(ages) } else { None };
        ages.iter().filter_map(|age| self.hold(age)).collect()
    }

    /// The moment from now on.
    fn next(&mut self, ages: &[Age]) -> Option<f64> {
        let Some(wanted) = self.wanted(ages) else {
            self.recent.clear();
            return None;
        };
        self.recent.push_back(wanted);
        if self.recent.len() > LOOKS {
            self.recent.pop_front();
        }
        let highest = self.recent.iter().copied().fold(wanted, f64::max);
        Some(match self.moment {
            // Below by a little, or not for long: it stays.
            Some(moment)
                if highest <= moment && (moment - highest < WORTH || self.recent.len() < LOOKS) =>
            {
                moment
            }
            _ => highest,
        })
    }

    /// The age to which most can be brought within the bound; of several the least.
    fn wanted(&self, ages: &[Age]) -> Option<f64> {
        // Each with what they count as: who is not waited for has to be some way within before they are.
        let mut all: Vec<(f64, f64)> = ages
            .iter()
            .map(|age| {
                let given = self.given.get(&age.place);
                let is_late = given.is_some_and(|given| given.standing == Standing::Late);
                let margin = if is_late { self.bound * RETURN } else { 0.0 };
                (age.natural() + margin, age.natural())
            })
            .collect();
        all.sort_by(|one, other| one.0.total_cmp(&other.0));
        let mut first = 0;
        let mut best = 0..0;
        for (index, (latest, _)) in all.iter().enumerate() {
            while latest - all[first].0 > self.bound {
                first += 1;
            }
            if index + 1 - first > best.len() {
                best = first..index + 1;
            }
        }
        let together = all.get(best)?.iter().map(|(_, natural)| *natural);
        together.reduce(f64::max)
    }

    fn hold(&mut self, age: &Age) -> Option<Hold> {
        let (own, natural) = (age.wait.as_secs_f64(), age.natural());
        let moment = self.moment;
        let added = moment.map_or(0.0, |moment| (moment - natural).clamp(0.0, self.bound));
        let standing = match moment {
            Some(moment) if natural > moment + WORTH => Standing::Late,
            Some(moment) if natural + self.bound < moment - WORTH => Standing::Early,
            _ => Standing::With,
        };
        let given = self.given.entry(age.place).or_insert(Given {
            wait: 0.0,
            added: 0.0,
            rests: 0,
            standing,
        });
        given.standing = standing;
        given.added = (given.wait - own).max(0.0);
        if given.rests > 0 {
            given.rests -= 1;
            return None;
        }
        let now = given.wait.max(own);
        let wanted = own + added;
        if (wanted - now).abs() < WORTH && (moment.is_some() || given.wait == 0.0) {
            return None;
        }
        let next = now + (wanted - now).clamp(-STEP, STEP);
        given.rests = ((next - now).abs() / SPEED).ceil() as u32;
        given.wait = if next <= own + 1e-6 { 0.0 } else { next };
        given.added = (given.wait - own).max(0.0);
        Some(Hold {
            place: age.place,
            wait: Duration::from_secs_f64(given.wait),
        })
    }
}

impl Age {
    /// What is captured at the hub is mixed at once.
    pub(super) const HERE: Age = Age {
        place: HERE,
        path: Duration::ZERO,
        wait: Duration::ZERO,
    };

    fn natural(&self) -> f64 {
        (self.path + self.wait).as_secs_f64()
    }
}

/// What is not worth a change: nobody hears a millisecond, and each change is a moment of slower or faster playing.
const WORTH: f64 = 1e-3;
/// Looks for which nobody must need the moment before it goes back.
const LOOKS: usize = 10;
/// The part of the bound by which one who was not waited for has to be within.
const RETURN: f64 = 0.1;
/// The most that a hold changes by at once: a jitter buffer does not jump for less than twice as much.
const STEP: f64 = 0.05;
/// Seconds a second that a jitter buffer makes good by playing slower or faster, with time for it to begin.
const SPEED: f64 = 4e-3;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod together;
