//! Against a mix that is made the long way, and listened to for clicks.

use assert_no_alloc::assert_no_alloc;

use super::super::strips::MOST_STRIPS;
use super::super::{LocalSettings, Through};
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

/// One period of all of them, in which nothing may allocate.
pub(in crate::hub) fn play_period(mixer: &mut Mixer, players: &[Lanes], mixes: &mut [Lanes]) {
    assert_no_alloc(|| {
        mixer.clear();
        for (place, player) in (0..).zip(players) {
            mixer.add(place, player);
        }
        mixer.complete();
        for (place, mix) in mixes.iter_mut().enumerate() {
            let others = |other: u16| players.get(usize::from(other));
            mixer.mix(place as u16, &players[place], others, mix);
        }
    });
}

/// What the first of them hears in so many channels.
fn heard(patch: PatchMode, upmix: bool, players: &[Lanes], channels: u8) -> Vec<f32> {
    let mut mixer = Mixer::new(&HubSettings {
        period: PERIOD,
        patch,
        upmix,
        ..HubSettings::default()
    });
    mixer.seat(0, players[0].channels(), usize::from(channels), 0);
    // A period before this one leaves nothing behind.
    mixer.add(0, &player(&[9.0; 5]));
    mixer.clear();
    (0..)
        .zip(players)
        .for_each(|(place, player)| mixer.add(place, player));
    mixer.complete();
    let mut mix = Lanes::new(Channels(channels), PERIOD);
    mixer.mix(0, &players[0], |_| None, &mut mix);
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
                channels: Channels(2),
                through: Through::Files {
                    input: None,
                    output: None,
                },
            }),
            include_local,
            ..HubSettings::default()
        });
        mixer.seat(0, 1, 2, 0);
        (0..)
            .zip(&players)
            .for_each(|(place, player)| mixer.add(place, player));
        let mut here = player(&[9.0, 9.0]);
        mixer.mix_local(&mut here);
        mixer.add_local(&ours);
        mixer.complete();
        let mut mix = player(&[9.0, 9.0]);
        mixer.mix(0, &players[0], |_| None, &mut mix);
        let first = |lanes: &Lanes| lanes.iter().map(|lane| lane[0]).collect::<Vec<_>>();
        assert_eq!(first(&here), [0.75, 0.0], "{patch:?}");
        assert_eq!(first(&mix), expected, "{patch:?}");
        // From another mode to this one without a click.
        mixer.set_patch(PatchMode::Loopback);
        for step in 0..500 {
            if step == 250 {
                mixer.set_patch(patch);
            }
            let before = first(&mix);
            mixer.mix(0, &players[0], |_| None, &mut mix);
            for (before, after) in before.iter().zip(first(&mix)) {
                assert!((before - after).abs() < 0.005, "{before} to {after}");
            }
        }
        assert_eq!(first(&mix), expected, "{patch:?}");
    }
}

/// Players in a room: each sends constants, so that any click is a step.
struct Room {
    mixer: Mixer,
    players: Vec<Lanes>,
    mixes: Vec<Lanes>,
    wishes: Vec<Vec<Strip>>,
    patch: PatchMode,
    upmix: bool,
}

impl Room {
    /// These players, each with what they send, who all hear so many channels.
    fn new(sent: &[&[f32]], hears: u8, patch: PatchMode, upmix: bool) -> Self {
        let count = sent.len();
        let mut mixer = Mixer::new(&HubSettings {
            period: PERIOD,
            players: count,
            patch,
            upmix,
            ..HubSettings::default()
        });
        let players: Vec<Lanes> = sent.iter().map(|levels| player(levels)).collect();
        for (place, player) in (0..).zip(&players) {
            mixer.seat(place, player.channels(), usize::from(hears), 0);
        }
        let mixes = (0..count).map(|_| Lanes::new(Channels(hears), PERIOD));
        Self {
            mixer,
            players,
            mixes: mixes.collect(),
            wishes: vec![vec![Strip::NEUTRAL; count]; count],
            patch,
            upmix,
        }
    }

    fn wish(&mut self, listener: usize, source: usize, strip: Strip) {
        self.wishes[listener][source] = strip;
        self.mixer.set_strip(listener as u16, source as u16, strip);
    }

    fn patch(&mut self, patch: PatchMode) {
        self.patch = patch;
        self.mixer.set_patch(patch);
    }

    fn period(&mut self) {
        play_period(&mut self.mixer, &self.players, &mut self.mixes);
    }

    /// Plays until all glides are over, and says by how much a sample differed from the one before, at most.
    fn settle(&mut self) -> f32 {
        let mut last: Vec<Vec<f32>> = self.mixes.iter().map(ends).collect();
        let mut largest = 0.0f32;
        for _ in 0..=SETTLED / PERIOD.get() {
            self.period();
            for (mix, last) in self.mixes.iter().zip(&mut last) {
                for (lane, last) in mix.iter().zip(last) {
                    for sample in lane {
                        largest = largest.max((sample - *last).abs());
                        *last = *sample;
                    }
                }
            }
        }
        largest
    }

    /// What this one should hear in a channel, added up player by player.
    fn expected(&self, listener: usize, channel: usize) -> f64 {
        let wishes = &self.wishes[listener];
        let solo = wishes.iter().any(|wish| wish.solo);
        let weights = self.patch.weights();
        let mut sum = 0.0;
        for (source, player) in self.players.iter().enumerate() {
            let lane = |channel: usize| player.get(channel).map_or(0.0, |lane| f64::from(lane[0]));
            let mono = player.channels() == 1;
            let usual = if self.upmix && mono && channel == 1 {
                lane(0)
            } else {
                lane(channel)
            };
            if source == listener {
                sum += f64::from(weights.own) * usual;
                continue;
            }
            let wish = wishes[source];
            let sides = self.mixes[listener].channels() > 1;
            let heard = match wish.pan.map(f64::from).filter(|_| sides) {
                Some(pan) if channel == 0 => lane(0) * (1.0 - pan).min(1.0),
                Some(pan) if channel == 1 && mono => lane(0) * (1.0 + pan).min(1.0),
                Some(pan) if channel == 1 => lane(1) * (1.0 + pan).min(1.0),
                _ => usual,
            };
            if !wish.mute && (wish.solo || !solo) {
                sum += f64::from(weights.others) * f64::from(wish.gain) * heard;
            }
        }
        sum
    }

    #[track_caller]
    fn check(&self) {
        for (listener, mix) in self.mixes.iter().enumerate() {
            for (channel, lane) in mix.iter().enumerate() {
                let expected = self.expected(listener, channel);
                let heard = f64::from(lane[lane.len() - 1]);
                assert!(
                    (heard - expected).abs() < 1e-6,
                    "{listener} hears {heard} in {channel}, not {expected}, of {:?} in {:?}",
                    self.wishes[listener],
                    self.patch
                );
            }
        }
    }
}

/// The last sample of each channel.
fn ends(mix: &Lanes) -> Vec<f32> {
    mix.iter().map(|lane| lane[lane.len() - 1]).collect()
}

/// More than a glide's frames.
const SETTLED: usize = 1000;

const TRIO: &[&[f32]] = &[&[0.5, 0.25], &[0.125, 0.0625], &[0.3]];

fn gain(gain: f32) -> Strip {
    Strip {
        gain,
        ..Strip::NEUTRAL
    }
}

fn muted() -> Strip {
    Strip {
        mute: true,
        ..Strip::NEUTRAL
    }
}

fn solo() -> Strip {
    Strip {
        solo: true,
        ..Strip::NEUTRAL
    }
}

fn panned(pan: f32) -> Strip {
    Strip {
        pan: Some(pan),
        ..Strip::NEUTRAL
    }
}

#[test]
fn a_listener_has_a_player_louder_and_nobody_else_has() {
    let mut room = Room::new(TRIO, 2, PatchMode::Others, false);
    room.wish(0, 1, gain(2.0));
    room.settle();
    assert_eq!(ends(&room.mixes[0]), [0.25 + 0.3, 0.125]);
    assert_eq!(ends(&room.mixes[1]), [0.8, 0.25]);
    assert_eq!(ends(&room.mixes[2]), [0.625, 0.3125]);
    room.check();
}

#[test]
fn who_is_muted_is_not_heard_to_the_last_bit_and_again_as_before_when_that_is_over() {
    let mut room = Room::new(TRIO, 2, PatchMode::Others, false);
    room.settle();
    let before = ends(&room.mixes[0]);
    room.wish(0, 2, muted());
    room.settle();
    assert_eq!(ends(&room.mixes[0]), [0.125, 0.0625]);
    room.wish(0, 2, Strip::NEUTRAL);
    room.settle();
    assert_eq!(ends(&room.mixes[0]), before);
    assert!(room.mixer.strips.of(0).is_empty(), "nothing is kept of it");
}

#[test]
fn a_solo_leaves_only_whom_it_names_and_what_one_hears_of_oneself() {
    let mut room = Room::new(TRIO, 2, PatchMode::All, true);
    room.wish(0, 2, solo());
    room.settle();
    assert_eq!(ends(&room.mixes[0]), [0.8, 0.55]);
    room.check();
    room.wish(
        0,
        1,
        Strip {
            gain: 0.5,
            ..solo()
        },
    );
    room.settle();
    room.check();
    // Who was heard alone goes: all are heard again.
    room.wish(0, 1, Strip::NEUTRAL);
    room.mixer.leave(2);
    room.players.pop();
    room.mixes.pop();
    room.wishes[0][2] = Strip::NEUTRAL;
    room.settle();
    room.check();
}

#[test]
fn one_channel_is_put_left_or_right_and_two_are_balanced() {
    let mut room = Room::new(TRIO, 2, PatchMode::Others, false);
    for (pan, mono, two) in [
        (-1.0, [0.3, 0.0], [0.125, 0.0]),
        (-0.5, [0.3, 0.15], [0.125, 0.03125]),
        (0.0, [0.3, 0.3], [0.125, 0.0625]),
        (1.0, [0.0, 0.3], [0.0, 0.0625]),
    ] {
        room.wish(0, 1, panned(pan));
        room.wish(0, 2, panned(pan));
        room.settle();
        let heard = ends(&room.mixes[0]);
        assert!(
            (heard[0] - mono[0] - two[0]).abs() < 1e-6,
            "{pan}: {heard:?}"
        );
        assert!(
            (heard[1] - mono[1] - two[1]).abs() < 1e-6,
            "{pan}: {heard:?}"
        );
        room.check();
    }
}

#[test]
fn a_listener_of_one_channel_has_no_sides() {
    let mut room = Room::new(TRIO, 1, PatchMode::Others, true);
    room.wish(0, 2, panned(1.0));
    room.settle();
    assert_eq!(ends(&room.mixes[0]), [0.425]);
}

#[test]
fn nothing_that_is_changed_clicks() {
    let mut room = Room::new(TRIO, 2, PatchMode::Others, false);
    room.settle();
    // Of at most 1.1 altogether, in 960 steps.
    let most = 1.2 / 960.0;
    for strip in [gain(2.0), muted(), solo(), panned(-1.0), Strip::NEUTRAL] {
        room.wish(0, 1, strip);
        let step = room.settle();
        assert!(step > 0.0 && step < most, "{strip:?}: {step}");
        room.check();
    }
    for patch in [
        PatchMode::All,
        PatchMode::Loopback,
        PatchMode::None,
        PatchMode::Others,
    ] {
        room.patch(patch);
        let step = room.settle();
        assert!(step > 0.0 && step < most, "{patch:?}: {step}");
        room.check();
    }
}

#[test]
fn changes_in_the_middle_of_a_glide_do_not_click_either() {
    let mut room = Room::new(TRIO, 2, PatchMode::Others, false);
    room.settle();
    let mut last = ends(&room.mixes[0]);
    for step in 0..500 {
        match step % 7 {
            0 => room.wish(0, 1, gain(1.5)),
            2 => room.wish(0, 2, solo()),
            3 => room.patch(PatchMode::All),
            4 => room.wish(0, 2, Strip::NEUTRAL),
            5 => room.wish(0, 1, muted()),
            6 => room.patch(PatchMode::Others),
            _ => {}
        }
        for _ in 0..step % 90 {
            room.period();
            for (lane, last) in room.mixes[0].iter().zip(&mut last) {
                for sample in lane {
                    let step = (sample - *last).abs();
                    assert!(step < 2.0 / 960.0, "{last} to {sample}");
                    *last = *sample;
                }
            }
        }
    }
}

#[test]
fn any_wishes_of_anybody_give_the_mix_that_is_made_the_long_way() {
    let sent: Vec<Vec<f32>> = (0..12)
        .map(|i| {
            let levels = (0..1 + i % 3).map(|k| ((i * 3 + k) as f32 * 0.7).sin() / 8.0);
            levels.collect()
        })
        .collect();
    let sent: Vec<&[f32]> = sent.iter().map(Vec::as_slice).collect();
    for upmix in [false, true] {
        let mut room = Room::new(&sent, 3, PatchMode::Others, upmix);
        let mut dice = 1u64;
        let mut roll = |sides: u64| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (dice >> 33) % sides
        };
        for _ in 0..60 {
            for _ in 0..roll(20) {
                let strip = Strip {
                    gain: roll(5) as f32 * 0.5,
                    pan: [None, Some(-0.5), Some(0.25), None][roll(4) as usize],
                    mute: roll(4) == 0,
                    solo: roll(12) == 0,
                };
                let (listener, source) = (roll(12) as usize, roll(12) as usize);
                let neutral = roll(3) == 0 || listener == source;
                let strip = if neutral { Strip::NEUTRAL } else { strip };
                room.wish(listener, source, strip);
            }
            if roll(4) == 0 {
                room.patch(PatchMode::ALL[roll(4) as usize]);
            }
            room.settle();
            room.check();
        }
    }
}

#[test]
fn more_wishes_than_there_may_be_neither_allocate_nor_disturb_others() {
    let sent: Vec<&[f32]> = vec![&[0.001]; 60];
    let mut room = Room::new(&sent, 1, PatchMode::Others, false);
    let Room { mixer, .. } = &mut room;
    assert_no_alloc(|| {
        for n in 0..4 * MOST_STRIPS {
            let (listener, source) = ((n / 60) as u16, (n % 60) as u16);
            if listener < 60 {
                mixer.set_strip(listener, source, muted());
            }
        }
    });
    room.settle();
    assert_eq!(ends(&room.mixes[0]), [0.0]);
    assert!((ends(&room.mixes[59])[0] - 0.059).abs() < 1e-6);
    // Nobody is where this is wished.
    room.mixer.set_strip(0, 60, muted());
    room.mixer.set_strip(60, 0, muted());
    room.mixer.leave(60);
    room.period();
}
