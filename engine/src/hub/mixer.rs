//! The mixes of all players from one total: what each hears is the total less what is not meant for them, so that a
//! period costs as much a player with five hundred as with five.
//!
//! Sums are in double precision: the total of hundreds less one of them is the rest of them to the last bit of a sample.

use farsend_units::{Channels, Frames};

use super::{HubSettings, PatchMode};
use crate::settings::MAX_CHANNELS;

/// Planar audio of one player for a period: `channels` lanes of `period` frames.
#[derive(Debug)]
pub(super) struct Lanes {
    samples: Box<[f32]>,
    channels: usize,
    period: usize,
}

impl Lanes {
    /// Silence. Allocates.
    pub(super) fn new(channels: Channels, period: Frames) -> Self {
        let channels = channels.get().min(MAX_CHANNELS);
        let period = period.get().max(1);
        Self {
            samples: vec![0.0; channels * period].into(),
            channels,
            period,
        }
    }

    pub(super) fn channels(&self) -> usize {
        self.channels
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[f32]> {
        self.samples.chunks_exact(self.period)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        self.samples.chunks_exact_mut(self.period)
    }

    /// One of the lanes.
    pub(super) fn get(&self, channel: usize) -> Option<&[f32]> {
        self.samples
            .get(channel * self.period..)?
            .get(..self.period)
    }
}

/// The total of a period, and what it is made of.
#[derive(Debug)]
pub(super) struct Mixer {
    total: Box<[f64]>,
    period: usize,
    /// Channels of the total that hold anything.
    channels: usize,
    patch: PatchMode,
    upmix: bool,
    /// What is captured at the hub, and whether the players' mixes have it in them.
    local: Lanes,
    include_local: bool,
}

impl Mixer {
    /// Allocates.
    pub(super) fn new(settings: &HubSettings) -> Self {
        let period = settings.period.get().max(1);
        let local = settings.local.as_ref();
        Self {
            total: vec![0.0; MAX_CHANNELS * period].into(),
            period,
            channels: 0,
            patch: settings.patch,
            upmix: settings.upmix,
            local: Lanes::new(
                local.map_or(Channels(0), |local| local.channels),
                settings.period,
            ),
            include_local: settings.include_local,
        }
    }

    /// A new period.
    pub(super) fn clear(&mut self) {
        self.total[..self.channels * self.period].fill(0.0);
        self.channels = 0;
    }

    /// Adds what a player sends.
    pub(super) fn add(&mut self, heard: &Lanes) {
        for channel in 0..self.spread(heard) {
            let Some(lane) = self.of(heard, channel) else {
                continue;
            };
            let total = &mut self.total[channel * self.period..][..self.period];
            for (total, sample) in total.iter_mut().zip(lane) {
                *total += f64::from(*sample);
            }
        }
        self.channels = self.channels.max(self.spread(heard));
    }

    /// Writes what is to be heard at the hub: all players. Before [`add_local`](Self::add_local).
    pub(super) fn mix_local(&self, mix: &mut Lanes) {
        for (channel, out) in mix.iter_mut().enumerate() {
            match self.total(channel) {
                Some(total) => {
                    for (out, total) in out.iter_mut().zip(total) {
                        *out = *total as f32;
                    }
                }
                None => out.fill(0.0),
            }
        }
    }

    /// Adds what is captured at the hub, which all players hear or none does.
    pub(super) fn add_local(&mut self, input: &Lanes) {
        for (local, input) in self.local.iter_mut().zip(input.iter()) {
            local.copy_from_slice(input);
        }
        if self.include_local {
            self.add(input);
        }
    }

    /// What was captured at the hub.
    pub(super) fn local(&self) -> &Lanes {
        &self.local
    }

    /// The same in a channel, where the total does not have it.
    pub(super) fn local_apart(&self, channel: usize) -> Option<&[f32]> {
        let apart = Some(&self.local).filter(|_| !self.include_local);
        apart.and_then(|local| self.of(local, channel))
    }

    /// Frames of a period.
    pub(super) fn period(&self) -> Frames {
        Frames(u32::try_from(self.period).unwrap_or(u32::MAX))
    }

    /// Writes what the player who sends `heard` is to hear, if that was added, too.
    pub(super) fn mix(&self, heard: &Lanes, mix: &mut Lanes) {
        for (channel, out) in mix.iter_mut().enumerate() {
            let total = self.total(channel);
            let own = self.of(heard, channel);
            match (self.patch, total, own) {
                (PatchMode::Others, Some(total), Some(own)) => {
                    for ((out, total), own) in out.iter_mut().zip(total).zip(own) {
                        *out = (*total - f64::from(*own)) as f32;
                    }
                }
                (PatchMode::Others | PatchMode::All, Some(total), _) => {
                    for (out, total) in out.iter_mut().zip(total) {
                        *out = *total as f32;
                    }
                }
                (PatchMode::Loopback, _, Some(own)) => out.copy_from_slice(own),
                (PatchMode::Server, ..) => match self.local.get(channel) {
                    Some(local) => out.copy_from_slice(local),
                    None => out.fill(0.0),
                },
                _ => out.fill(0.0),
            }
        }
    }

    /// The total of a channel, if anything is in it.
    pub(super) fn total(&self, channel: usize) -> Option<&[f64]> {
        self.total
            .get(channel * self.period..)?
            .get(..self.period)
            .filter(|_| channel < self.channels)
    }

    /// Channels that a player is heard in.
    fn spread(&self, heard: &Lanes) -> usize {
        if self.upmix && heard.channels() == 1 {
            2
        } else {
            heard.channels()
        }
    }

    /// What a player contributes to a channel.
    fn of<'a>(&self, heard: &'a Lanes, channel: usize) -> Option<&'a [f32]> {
        if self.upmix && heard.channels() == 1 && channel == 1 {
            return heard.get(0);
        }
        heard.get(channel)
    }
}

#[cfg(test)]
mod tests {
    use super::super::LocalSettings;
    use super::*;

    const PERIOD: Frames = Frames(4);

    /// A player who sends these constants, one a channel.
    fn player(levels: &[f32]) -> Lanes {
        let mut lanes = Lanes::new(Channels(levels.len() as u8), PERIOD);
        for (lane, level) in lanes.iter_mut().zip(levels) {
            lane.fill(*level);
        }
        lanes
    }

    /// What the first of them hears in so many channels.
    fn heard(patch: PatchMode, upmix: bool, players: &[Lanes], channels: u8) -> Vec<f32> {
        let mut mixer = Mixer::new(&HubSettings {
            period: PERIOD,
            patch,
            upmix,
            ..HubSettings::default()
        });
        // A period before this one leaves nothing behind.
        mixer.add(&player(&[9.0; 5]));
        mixer.clear();
        players.iter().for_each(|player| mixer.add(player));
        let mut mix = Lanes::new(Channels(channels), PERIOD);
        mixer.mix(&players[0], &mut mix);
        assert!(mix.iter().all(|lane| lane.iter().all(|x| *x == lane[0])));
        mix.iter().map(|lane| lane[0]).collect()
    }

    #[test]
    fn each_mode_lets_through_whom_it_should() {
        let players = [player(&[0.1, 0.2]), player(&[0.5, 0.25]), player(&[0.125])];
        for (patch, expected) in [
            (PatchMode::Loopback, [0.1, 0.2]),
            (PatchMode::Others, [0.625, 0.25]),
            (PatchMode::All, [0.725, 0.45]),
            (PatchMode::None, [0.0, 0.0]),
        ] {
            assert_eq!(heard(patch, false, &players, 2), expected, "{patch:?}");
        }
    }

    #[test]
    fn one_who_sends_one_channel_is_heard_in_both_if_that_is_wished() {
        let players = [player(&[0.5]), player(&[0.25]), player(&[0.0, 0.125])];
        for (patch, without, with) in [
            (PatchMode::Loopback, [0.5, 0.0], [0.5, 0.5]),
            (PatchMode::Others, [0.25, 0.125], [0.25, 0.375]),
            (PatchMode::All, [0.75, 0.125], [0.75, 0.875]),
        ] {
            assert_eq!(heard(patch, false, &players, 2), without, "{patch:?}");
            assert_eq!(heard(patch, true, &players, 2), with, "{patch:?}");
        }
        assert_eq!(heard(PatchMode::Others, true, &players, 1), [0.25]);
    }

    #[test]
    fn who_receives_more_than_anybody_sends_has_silence_there() {
        let players = [player(&[0.5, 0.5, 0.5]), player(&[0.25])];
        assert_eq!(
            heard(PatchMode::Others, false, &players, 4),
            [0.25, 0.0, 0.0, 0.0]
        );
    }

    #[test]
    fn hundreds_less_one_are_the_others_to_the_last_bit() {
        let players: Vec<Lanes> = (0..500)
            .map(|i| player(&[(i as f32 * 0.7).sin()]))
            .collect();
        let all_but_one: f64 = (1..500).map(|i| f64::from((i as f32 * 0.7).sin())).sum();
        assert_eq!(
            heard(PatchMode::Others, false, &players, 1),
            [all_but_one as f32]
        );
    }

    #[test]
    fn the_hub_takes_part_as_each_mode_has_it_and_never_hears_itself() {
        let (players, ours) = ([player(&[0.5]), player(&[0.25])], player(&[0.125, 0.0625]));
        for (patch, include_local, expected) in [
            (PatchMode::Server, false, [0.125, 0.0625]),
            (PatchMode::Others, true, [0.375, 0.0625]),
            (PatchMode::All, true, [0.875, 0.0625]),
            (PatchMode::Others, false, [0.25, 0.0]),
        ] {
            let mut mixer = Mixer::new(&HubSettings {
                period: PERIOD,
                patch,
                local: Some(LocalSettings {
                    name: String::new(),
                    channels: Channels(2),
                    connect: false,
                }),
                include_local,
                ..HubSettings::default()
            });
            players.iter().for_each(|player| mixer.add(player));
            let mut here = player(&[9.0, 9.0]);
            mixer.mix_local(&mut here);
            mixer.add_local(&ours);
            let mut mix = player(&[9.0, 9.0]);
            mixer.mix(&players[0], &mut mix);
            let first = |lanes: &Lanes| lanes.iter().map(|lane| lane[0]).collect::<Vec<_>>();
            assert_eq!(first(&here), [0.75, 0.0], "{patch:?}");
            assert_eq!(first(&mix), expected, "{patch:?}");
        }
    }
}
