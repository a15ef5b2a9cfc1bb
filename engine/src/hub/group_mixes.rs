//! Groups of players, such as the sections of an orchestra: those of a group hear one another, and the others less or not
//! at all. Who is in no group hears everybody, and is heard by everybody: a conductor.
//!
//! ```text
//!   what is heard in a group  =  between * all  +  (1 - between) * (the group's total + that of those in none)
//! ```
//! So a mix costs as much as without groups: a total for each, and what is heard there less oneself.
//!
//! A change is a cross-fade from all groups as they were to all as they are to be, so that who moves together stays together and
//! nobody hears a click. What is changed while one is under way waits for its end. Until then everybody is added up twice.

use farsend_stream::Glide;
use farsend_units::SampleRate;

use super::HubSettings;
use super::lanes::Lanes;
use super::mixer::add_lanes;
use crate::settings::MAX_CHANNELS;

/// A group, from 1 to [`MOST_GROUPS`]; 0 is none.
pub(super) type Group = u8;

/// Who is in which group, and what is heard there.
#[derive(Debug)]
pub(super) struct GroupMixes {
    before: Room,
    now: Room,
    /// What is to be next.
    wanted: Plan,
    is_changed: bool,
    /// How much of what is heard is `now`, while that differs from `before`.
    fade: Option<Glide>,
    period: usize,
    rate: SampleRate,
}

/// Who is where.
#[derive(Debug, Clone)]
struct Plan {
    of: Box<[Group]>,
    /// How loud other groups are heard, 0 to 1.
    between: f32,
    /// No group beyond this one has anybody.
    end: Group,
}

/// A plan, and the total of each of its groups; later what is heard in each.
#[derive(Debug)]
struct Room {
    plan: Plan,
    sums: Box<[f64]>,
    /// So many of the totals, from the first on, may hold something.
    filled: usize,
}

/// A channel of what is heard somewhere.
#[derive(Debug, Clone, Copy)]
pub(super) enum Heard<'a> {
    One(&'a [f64]),
    /// From the first to the second.
    Both(&'a [f64], &'a [f64]),
}

impl GroupMixes {
    /// All in none. Allocates (what is never used the system only promises).
    pub(super) fn new(settings: &HubSettings) -> Self {
        let period = settings.period.get().max(1);
        let plan = Plan {
            of: vec![0; settings.players].into(),
            between: 0.0,
            end: 0,
        };
        let room = || Room {
            plan: plan.clone(),
            sums: vec![0.0; (usize::from(MOST_GROUPS) + 1) * MAX_CHANNELS * period].into(),
            filled: 0,
        };
        Self {
            before: room(),
            now: room(),
            wanted: plan.clone(),
            is_changed: false,
            fade: None,
            period,
            rate: settings.rate,
        }
    }

    /// Somebody takes a place, or it becomes empty: at once.
    pub(super) fn seat(&mut self, place: u16, group: Group) {
        for plan in [&mut self.before.plan, &mut self.now.plan, &mut self.wanted] {
            plan.put(place, group);
        }
    }

    /// In which group they are to be.
    pub(super) fn set(&mut self, place: u16, group: Group) {
        self.is_changed |= self.wanted.put(place, group);
    }

    /// In which group they are, or are about to be.
    pub(super) fn group(&self, place: u16) -> Group {
        self.wanted.of(place)
    }

    /// How loud other groups are to be heard, 0 to 1.
    pub(super) fn set_between(&mut self, factor: f32) {
        self.is_changed |= self.wanted.between != factor;
        self.wanted.between = factor;
    }

    /// A new period, after one of so many channels. Whether what is heard begins to change.
    pub(super) fn begin(&mut self, channels: usize) -> bool {
        for room in [&mut self.before, &mut self.now] {
            room.clear(channels, self.period);
        }
        if let Some(fade) = &mut self.fade {
            fade.pass(self.period);
            if fade.resting().is_some() {
                self.fade = None;
            }
        }
        if self.fade.is_some() || !self.is_changed {
            return false;
        }
        self.is_changed = false;
        self.before.plan.become_like(&self.now.plan);
        self.now.plan.become_like(&self.wanted);
        let mut fade = Glide::new(self.rate, 0.0);
        fade.set(1.0);
        self.fade = Some(fade);
        true
    }

    /// Whether nobody is in any group: then the total of all is what all hear.
    pub(super) fn is_empty(&self) -> bool {
        self.now.plan.end == 0 && (self.before.plan.end == 0 || self.fade.is_none())
    }

    /// The way from what was heard to what is to be heard, while it is under way.
    pub(super) fn fade(&self) -> Option<&Glide> {
        self.fade.as_ref()
    }

    /// Adds what somebody sends; without a place it is for all groups.
    pub(super) fn add(&mut self, place: Option<u16>, heard: &Lanes, upmix: bool) {
        let Self {
            before,
            now,
            fade,
            period,
            ..
        } = self;
        now.add(place, heard, upmix, *period);
        if fade.is_some() {
            before.add(place, heard, upmix, *period);
        }
    }

    /// Adds a channel of all groups up.
    pub(super) fn add_up(&self, channel: usize, total: &mut [f64]) {
        for group in 0..=self.now.plan.end {
            let lane = self.now.lane(group, channel, self.period);
            for (total, sample) in total.iter_mut().zip(lane) {
                *total += *sample;
            }
        }
    }

    /// From the groups' totals to what is heard in them, when all were added; `total` is that of all, a lane a channel.
    pub(super) fn complete(&mut self, total: &[f64]) {
        self.now.complete(total, self.period);
        if self.fade.is_some() {
            self.before.complete(total, self.period);
        }
    }

    /// A channel of what is heard in this place, where `total` is all of it.
    pub(super) fn heard<'a>(&'a self, place: u16, channel: usize, total: &'a [f64]) -> Heard<'a> {
        let of = |room: &'a Room| match room.plan.of(place) {
            0 => total,
            group => room.lane(group, channel, self.period),
        };
        let is_same = self.before.plan.of(place) == 0 && self.now.plan.of(place) == 0;
        if self.fade.is_some() && !is_same {
            Heard::Both(of(&self.before), of(&self.now))
        } else {
            Heard::One(of(&self.now))
        }
    }

    /// How loud they hear somebody.
    pub(super) fn level(&self, listener: u16, source: u16) -> f32 {
        let Plan { between, .. } = self.now.plan;
        match (self.now.plan.of(listener), self.now.plan.of(source)) {
            (0, _) | (_, 0) => 1.0,
            (one, other) if one == other => 1.0,
            _ => between,
        }
    }
}

impl Plan {
    fn of(&self, place: u16) -> Group {
        self.of.get(usize::from(place)).copied().unwrap_or(0)
    }

    /// Whether that is a change.
    fn put(&mut self, place: u16, group: Group) -> bool {
        let Some(seat) = self.of.get_mut(usize::from(place)) else {
            return false;
        };
        let group = if group > MOST_GROUPS { 0 } else { group };
        let before = std::mem::replace(seat, group);
        self.end = self.end.max(group);
        if before != group && before == self.end {
            self.end = self.of.iter().copied().max().unwrap_or(0);
        }
        before != group
    }

    /// The same without allocating: hubs keep their size.
    fn become_like(&mut self, other: &Self) {
        self.of.copy_from_slice(&other.of);
        (self.between, self.end) = (other.between, other.end);
    }
}

impl Room {
    fn lane(&self, group: Group, channel: usize, period: usize) -> &[f64] {
        let at = (usize::from(group) * MAX_CHANNELS + channel) * period;
        self.sums.get(at..at + period).unwrap_or_default()
    }

    fn clear(&mut self, channels: usize, period: usize) {
        for group in 0..std::mem::take(&mut self.filled) {
            self.sums[group * MAX_CHANNELS * period..][..channels * period].fill(0.0);
        }
    }

    fn add(&mut self, place: Option<u16>, heard: &Lanes, upmix: bool, period: usize) {
        let group = place.map_or(0, |place| self.plan.of(place));
        self.filled = self.filled.max(usize::from(group) + 1);
        let at = usize::from(group) * MAX_CHANNELS * period;
        let sum = &mut self.sums[at..][..MAX_CHANNELS * period];
        add_lanes(sum, period, heard, upmix);
    }

    fn complete(&mut self, total: &[f64], period: usize) {
        let Self { plan, sums, filled } = self;
        *filled = usize::from(plan.end) + 1;
        let between = f64::from(plan.between);
        let (none, groups) = sums.split_at_mut(MAX_CHANNELS * period);
        let groups = groups.chunks_exact_mut(MAX_CHANNELS * period);
        for group in groups.take(plan.end.into()) {
            for ((sum, none), total) in group.iter_mut().zip(&*none).zip(total) {
                *sum = between * total + (1.0 - between) * (*sum + none);
            }
        }
    }
}

/// As many groups may have somebody at a time.
pub(super) const MOST_GROUPS: Group = 32;

#[cfg(test)]
mod tests;
