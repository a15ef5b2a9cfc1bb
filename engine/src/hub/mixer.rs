//! The mixes of all players from one total: what each hears is the total less what is not meant for them, so that a
//! period costs as much a player with five hundred as with five. What single listeners wish otherwise is added on top, at a cost
//! of its own ([`Strips`]).
//!
//! Whatever is changed while it runs glides in a straight line from the mix before to the mix after.
//!
//! Sums are in double precision: the total of hundreds less one of them is the rest of them to the last bit of a sample.

use std::time::Duration;

use farsend_ipc::hub::MOST_BOUND_MS;
use farsend_stream::Glide;
use farsend_units::{Channels, Frames, SampleRate};
use pulp::Arch;

use super::delay::Delay;
use super::group_mixes::{Group, GroupMixes, Heard};
use super::lanes::Lanes;
use super::strips::{Deviation, Pair, Strip, Strips};
use super::{HubSettings, PatchMode};
use crate::settings::MAX_CHANNELS;

/// The total of a period, and what is made of it for each place.
#[derive(Debug)]
pub(super) struct Mixer {
    total: Box<[f64]>,
    /// One channel of a mix that has to be summed up apart.
    sum: Box<[f64]>,
    period: usize,
    /// Channels of the total that hold anything.
    channels: usize,
    rate: SampleRate,
    patch: PatchMode,
    upmix: bool,
    /// What is captured at the hub, and whether the players' mixes have it in them.
    local: Lanes,
    /// Before that.
    local_delay: Delay,
    include_local: bool,
    seats: Box<[Seat]>,
    strips: Strips,
    group_mixes: GroupMixes,
}

/// How a place's mix is made from the total and from what is sent from there.
#[derive(Debug, Clone)]
struct Seat {
    total: Glide,
    own: Glide,
    /// Of what is captured at the hub, beyond what the total has.
    local: Glide,
    /// Channels there and back.
    sends: usize,
    hears: usize,
}

impl Mixer {
    /// Allocates.
    pub(super) fn new(settings: &HubSettings) -> Self {
        let rate = settings.rate;
        let period = settings.period.get().max(1);
        let local = settings.local.as_ref();
        let local = local.map_or(Channels(0), |local| local.channels);
        let seat = Seat::new(rate, [0.0; 3]);
        Self {
            total: vec![0.0; MAX_CHANNELS * period].into(),
            sum: vec![0.0; period].into(),
            period,
            channels: 0,
            rate,
            patch: settings.patch,
            upmix: settings.upmix,
            local: Lanes::new(local, settings.period),
            local_delay: Delay::new(local, settings.period, rate, MOST_DELAY),
            include_local: settings.include_local,
            seats: vec![seat; settings.players].into(),
            strips: Strips::new(rate),
            group_mixes: GroupMixes::new(settings),
        }
    }

    /// Somebody takes a place in a group, who sends and hears so many channels.
    pub(super) fn seat(&mut self, place: u16, sends: usize, hears: usize, group: Group) {
        self.leave(place);
        self.group_mixes.seat(place, group);
        let new = Seat::new(self.rate, self.weights(place));
        if let Some(seat) = self.seats.get_mut(usize::from(place)) {
            *seat = Seat {
                sends,
                hears,
                ..new
            };
        }
    }

    /// Nobody is there any more, nor anything that was wished there or of them.
    pub(super) fn leave(&mut self, place: u16) {
        self.group_mixes.seat(place, 0);
        if self.strips.forget(place) {
            self.aim_all();
        }
    }

    /// Who hears whom from now on.
    pub(super) fn set_patch(&mut self, patch: PatchMode) {
        self.patch = patch;
        self.aim_all();
    }

    /// In which group the one in this place is from now on.
    pub(super) fn set_group(&mut self, place: u16, group: Group) {
        self.group_mixes.set(place, group);
    }

    /// In which group the one in this place is.
    pub(super) fn group(&self, place: u16) -> Group {
        self.group_mixes.group(place)
    }

    /// How loud other groups are heard from now on, 0 to 1.
    pub(super) fn set_between(&mut self, factor: f32) {
        self.group_mixes.set_between(factor);
    }

    /// What a listener wishes of a player from now on.
    pub(super) fn set_strip(&mut self, listener: u16, source: u16, strip: Strip) {
        let taken = |place: u16| usize::from(place) < self.seats.len();
        if listener != source && taken(listener) && taken(source) {
            self.strips.set(listener, source, strip);
            self.aim(listener);
        }
    }

    /// A new period.
    pub(super) fn clear(&mut self) {
        self.total[..self.channels * self.period].fill(0.0);
        if self.group_mixes.begin(self.channels) {
            self.aim_all();
        }
        self.channels = 0;
        self.strips.tidy();
    }

    /// Adds what the player in this place sends.
    pub(super) fn add(&mut self, place: u16, heard: &Lanes) {
        let Self {
            total, group_mixes, ..
        } = self;
        add_heard(
            (total, self.period),
            group_mixes,
            Some(place),
            heard,
            self.upmix,
        );
        self.channels = self.channels.max(spread(heard, self.upmix));
    }

    /// Writes what is to be heard at the hub: all players. Before [`add_local`](Self::add_local).
    pub(super) fn mix_local(&mut self, mix: &mut Lanes) {
        let Self {
            sum, group_mixes, ..
        } = self;
        for (channel, out) in mix.iter_mut().enumerate() {
            if group_mixes.is_empty() {
                match total_of(&self.total, channel, self.period, self.channels) {
                    Some(total) => copy(total, out),
                    None => out.fill(0.0),
                }
            } else {
                sum.fill(0.0);
                group_mixes.add_up(channel, sum);
                copy(sum, out);
            }
        }
    }

    /// Adds what is captured at the hub, which all players hear or none does.
    pub(super) fn add_local(&mut self, input: &Lanes) {
        self.local_delay.pass(input, &mut self.local);
        if self.include_local {
            let Self {
                total,
                group_mixes,
                local,
                ..
            } = self;
            add_heard((total, self.period), group_mixes, None, local, self.upmix);
            self.channels = self.channels.max(spread(local, self.upmix));
        }
    }

    /// For how long what is captured at the hub is kept back from now on.
    pub(super) fn delay_local(&mut self, wait: Duration) {
        self.local_delay.set(wait, self.period());
    }

    /// Frames that what is captured at the hub waits before it is mixed.
    pub(super) fn local_wait(&self) -> u64 {
        self.local_delay.frames()
    }

    /// When all were added: there is a total, and what is heard in each group.
    pub(super) fn complete(&mut self) {
        let Self {
            total,
            group_mixes,
            period,
            channels,
            ..
        } = self;
        if group_mixes.is_empty() {
            return;
        }
        let total = &mut total[..*channels * *period];
        for (channel, total) in total.chunks_exact_mut(*period).enumerate() {
            group_mixes.add_up(channel, total);
        }
        group_mixes.complete(total);
    }

    /// What was captured at the hub.
    pub(super) fn local(&self) -> &Lanes {
        &self.local
    }

    /// The same in a channel, where the total does not have it.
    pub(super) fn local_apart(&self, channel: usize) -> Option<&[f32]> {
        let apart = Some(&self.local).filter(|_| !self.include_local);
        apart.and_then(|local| of(local, channel, self.upmix))
    }

    /// Frames of a period.
    pub(super) fn period(&self) -> Frames {
        Frames(u32::try_from(self.period).unwrap_or(u32::MAX))
    }

    /// The total of a channel, if anything is in it.
    pub(super) fn total(&self, channel: usize) -> Option<&[f64]> {
        total_of(&self.total, channel, self.period, self.channels)
    }

    /// Writes what the player in this place, who sends `heard`, is to hear, when it is [complete](Self::complete); `others` are those in the other places.
    /// Once a period for each.
    pub(super) fn mix<'a>(
        &mut self,
        place: u16,
        heard: &Lanes,
        others: impl Fn(u16) -> Option<&'a Lanes>,
        mix: &mut Lanes,
    ) {
        let Self {
            total,
            sum,
            period,
            channels,
            upmix,
            local,
            seats,
            strips,
            group_mixes,
            ..
        } = self;
        let Some(seat) = seats.get_mut(usize::from(place)) else {
            return mix.iter_mut().for_each(|out| out.fill(0.0));
        };
        let deviations = strips.of_mut(place);
        for (channel, out) in mix.iter_mut().enumerate() {
            let total = total_of(total, channel, *period, *channels);
            let total = total.map(|total| group_mixes.heard(place, channel, total));
            let (before, total) = match (total, group_mixes.fade()) {
                (Some(Heard::Both(before, now)), Some(fade)) => (Some((before, fade)), Some(now)),
                (Some(Heard::Both(_, now) | Heard::One(now)), _) => (None, Some(now)),
                (None, _) => (None, None),
            };
            let parts = Parts {
                total,
                own: of(heard, channel, *upmix),
                local: local.get(channel),
            };
            if before.is_none() && deviations.is_empty() && seat.writes(&parts, out) {
                continue;
            }
            sum.fill(0.0);
            let total = parts.total.unwrap_or_default();
            match before {
                Some((before, fade)) => add_fading(sum, before, total, fade, &seat.total),
                None => add_part(sum, total, &seat.total),
            }
            add_part(sum, parts.own.unwrap_or_default(), &seat.own);
            add_part(sum, parts.local.unwrap_or_default(), &seat.local);
            add_deviations(sum, deviations, &others, channel);
            copy(sum, out);
        }
        for glide in [&mut seat.total, &mut seat.own, &mut seat.local] {
            glide.pass(*period);
        }
        deviations.iter_mut().for_each(|one| one.pass(*period));
    }

    fn aim_all(&mut self) {
        for place in 0..self.seats.len() {
            self.aim(place as u16);
        }
    }

    /// Lets a place's mix glide to what it is to be.
    fn aim(&mut self, place: u16) {
        let [total, own, local] = self.weights(place);
        let Self {
            patch,
            upmix,
            seats,
            strips,
            group_mixes,
            ..
        } = self;
        let Some(seat) = seats.get_mut(usize::from(place)) else {
            return;
        };
        seat.total.set(total);
        seat.own.set(own);
        seat.local.set(local);
        let sides = seat.hears > 1;
        strips.aim(place, patch.weights(), |source| Pair {
            mono: seats
                .get(usize::from(source))
                .is_some_and(|seat| seat.sends == 1),
            upmix: *upmix,
            sides,
            level: group_mixes.level(place, source),
        });
    }

    /// How much of the total, and of oneself and the hub's own beyond what the total has.
    fn weights(&self, place: u16) -> [f32; 3] {
        let weights = self.patch.weights();
        let total = if self.strips.has_solo(place) {
            0.0
        } else {
            weights.others
        };
        [total, weights.own - total, weights.local]
    }
}

/// What a channel of a mix is made of.
#[derive(Debug, Clone, Copy)]
struct Parts<'a> {
    total: Option<&'a [f64]>,
    own: Option<&'a [f32]>,
    local: Option<&'a [f32]>,
}

impl Seat {
    /// One at rest.
    fn new(rate: SampleRate, weights: [f32; 3]) -> Self {
        let [total, own, local] = weights.map(|weight| Glide::new(rate, weight));
        Self {
            total,
            own,
            local,
            sends: 0,
            hears: 0,
        }
    }

    /// Writes a channel, if it is one of the ordinary cases, at rest.
    fn writes(&self, parts: &Parts<'_>, out: &mut [f32]) -> bool {
        let resting = [&self.total, &self.own, &self.local].map(Glide::resting);
        let [Some(of_total), Some(of_own), Some(of_local)] = resting else {
            return false;
        };
        let total = parts.total.filter(|_| of_total != 0.0);
        let own = parts.own.filter(|_| of_own != 0.0);
        let local = parts.local.filter(|_| of_local != 0.0);
        match (total, own, local) {
            (Some(total), Some(own), None) if (of_total, of_own) == (1.0, -1.0) => {
                Arch::new().dispatch(|| {
                    for ((out, total), own) in out.iter_mut().zip(total).zip(own) {
                        *out = (*total - f64::from(*own)) as f32;
                    }
                });
            }
            (Some(total), None, None) if of_total == 1.0 => copy(total, out),
            (None, Some(own), None) if of_own == 1.0 => out.copy_from_slice(own),
            (None, None, Some(local)) if of_local == 1.0 => out.copy_from_slice(local),
            (None, None, None) => out.fill(0.0),
            _ => return false,
        }
        true
    }
}

fn copy(sum: &[f64], out: &mut [f32]) {
    Arch::new().dispatch(|| {
        for (out, sum) in out.iter_mut().zip(sum) {
            *out = *sum as f32;
        }
    });
}

fn add_deviations<'a>(
    sum: &mut [f64],
    deviations: &[Deviation],
    others: &impl Fn(u16) -> Option<&'a Lanes>,
    channel: usize,
) {
    for one in deviations {
        if let Some((lane, factor)) =
            others(one.source()).and_then(|heard| one.part(heard, channel))
        {
            add_part(sum, lane, factor);
        }
    }
}

/// Adds a cross-fade from a channel to another, so much of it.
fn add_fading(sum: &mut [f64], from: &[f64], to: &[f64], fade: &Glide, factor: &Glide) {
    let factors = factor.values().zip(fade.values());
    for (((sum, from), to), (factor, fade)) in sum.iter_mut().zip(from).zip(to).zip(factors) {
        *sum += f64::from(factor) * (from + f64::from(fade) * (to - from));
    }
}

/// Adds what the player in this place sends (none: the hub itself) to the total of their group, or to that of all.
fn add_heard(
    (total, period): (&mut [f64], usize),
    group_mixes: &mut GroupMixes,
    place: Option<u16>,
    heard: &Lanes,
    upmix: bool,
) {
    if group_mixes.is_empty() {
        add_lanes(total, period, heard, upmix);
    } else {
        group_mixes.add(place, heard, upmix);
    }
}

/// Adds what a player sends to a total, a lane a channel.
pub(super) fn add_lanes(total: &mut [f64], period: usize, heard: &Lanes, upmix: bool) {
    for (channel, total) in total
        .chunks_exact_mut(period)
        .take(spread(heard, upmix))
        .enumerate()
    {
        let lane = of(heard, channel, upmix).unwrap_or_default();
        Arch::new().dispatch(|| {
            for (total, sample) in total.iter_mut().zip(lane) {
                *total += f64::from(*sample);
            }
        });
    }
}

/// A channel of a total that has so many.
fn total_of(total: &[f64], channel: usize, period: usize, channels: usize) -> Option<&[f64]> {
    let lane = total.get(channel * period..)?.get(..period);
    lane.filter(|_| channel < channels)
}

/// Adds so much of a channel.
fn add_part<T: Copy + Into<f64>>(sum: &mut [f64], lane: &[T], factor: &Glide) {
    match factor.resting() {
        Some(0.0) => {}
        Some(factor) => {
            for (sum, sample) in sum.iter_mut().zip(lane) {
                *sum += f64::from(factor) * (*sample).into();
            }
        }
        None => {
            for ((sum, sample), factor) in sum.iter_mut().zip(lane).zip(factor.values()) {
                *sum += f64::from(factor) * (*sample).into();
            }
        }
    }
}

/// Channels that a player is heard in.
fn spread(heard: &Lanes, upmix: bool) -> usize {
    if upmix && heard.channels() == 1 {
        2
    } else {
        heard.channels()
    }
}

/// What a player contributes to a channel.
fn of(heard: &Lanes, channel: usize, upmix: bool) -> Option<&[f32]> {
    if upmix && heard.channels() == 1 && channel == 1 {
        return heard.get(0);
    }
    heard.get(channel)
}

/// What is captured at the hub is kept back for no longer.
const MOST_DELAY: Duration = Duration::from_millis(MOST_BOUND_MS as u64);

#[cfg(test)]
pub(super) mod tests;
