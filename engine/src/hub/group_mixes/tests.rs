//! Groups against mixes that are made the long way, and listened to for clicks.

use farsend_units::{Channels, Frames};

use super::super::PatchMode;
use super::super::mixer::Mixer;
use super::super::mixer::tests::play_period;
use super::super::strips::Strip;
use super::*;

const PERIOD: Frames = Frames(8);
/// Periods after which all glides are over: two of them, as one may wait for the other.
const SETTLED: usize = 2 * 960 / 8 + 4;

/// Players who each send a constant, so that any click is a step.
struct Hall {
    mixer: Mixer,
    players: Vec<Lanes>,
    mixes: Vec<Lanes>,
    groups: Vec<Group>,
    between: f32,
    patch: PatchMode,
    muted: Option<(usize, usize)>,
}

impl Hall {
    fn new(levels: &[f32], patch: PatchMode) -> Self {
        let lanes = |level: &f32| {
            let mut lanes = Lanes::new(Channels(1), PERIOD);
            lanes.iter_mut().for_each(|lane| lane.fill(*level));
            lanes
        };
        let mut mixer = Mixer::new(&HubSettings {
            period: PERIOD,
            players: levels.len(),
            patch,
            ..HubSettings::default()
        });
        for place in 0..levels.len() {
            mixer.seat(place as u16, 1, 1, 0);
        }
        Self {
            mixer,
            players: levels.iter().map(lanes).collect(),
            mixes: levels.iter().map(|_| lanes(&0.0)).collect(),
            groups: vec![0; levels.len()],
            between: 0.0,
            patch,
            muted: None,
        }
    }

    fn put(&mut self, place: usize, group: Group) {
        self.groups[place] = group;
        self.mixer.set_group(place as u16, group);
    }

    fn between(&mut self, factor: f32) {
        self.between = factor;
        self.mixer.set_between(factor);
    }

    fn mute(&mut self, listener: usize, source: usize) {
        self.muted = Some((listener, source));
        let strip = Strip {
            mute: true,
            ..Strip::NEUTRAL
        };
        self.mixer.set_strip(listener as u16, source as u16, strip);
    }

    fn period(&mut self) {
        play_period(&mut self.mixer, &self.players, &mut self.mixes);
    }

    /// Plays until nothing moves any more, and gives all that each has heard.
    fn settle(&mut self) -> Vec<Vec<f32>> {
        let mut all: Vec<Vec<f32>> = self.mixes.iter().map(|mix| vec![end(mix)]).collect();
        for _ in 0..SETTLED {
            self.period();
            for (mix, all) in self.mixes.iter().zip(&mut all) {
                all.extend(mix.get(0).expect("a channel"));
            }
        }
        all
    }

    /// What this one should hear, added up player by player.
    fn expected(&self, listener: usize) -> f64 {
        let weights = self.patch.weights();
        let mut sum = 0.0;
        for (source, player) in self.players.iter().enumerate() {
            let [own, other] = [self.groups[listener], self.groups[source]];
            let level = if own == 0 || other == 0 || own == other {
                1.0
            } else {
                self.between
            };
            let factor = match self.muted {
                _ if source == listener => weights.own,
                Some(muted) if muted == (listener, source) => 0.0,
                _ => weights.others * level,
            };
            sum += f64::from(factor) * f64::from(end(player));
        }
        sum
    }

    #[track_caller]
    fn check(&self) {
        for (listener, mix) in self.mixes.iter().enumerate() {
            let (heard, expected) = (f64::from(end(mix)), self.expected(listener));
            assert!(
                (heard - expected).abs() < 1e-6,
                "{listener} hears {heard}, not {expected}: {:?} at {}",
                self.groups,
                self.between
            );
        }
    }
}

fn end(lanes: &Lanes) -> f32 {
    let lane = lanes.get(0).expect("a channel");
    lane[lane.len() - 1]
}

fn steepest(heard: &[f32]) -> f32 {
    let steps = heard.windows(2).map(|pair| (pair[1] - pair[0]).abs());
    steps.fold(0.0, f32::max)
}

const LEVELS: &[f32] = &[0.5, 0.25, 0.125, 0.0625, 0.03125];

#[test]
fn those_of_a_group_hear_one_another_and_who_is_in_none_hears_all_and_is_heard_by_all() {
    for patch in PatchMode::ALL {
        let mut hall = Hall::new(LEVELS, patch);
        for (place, group) in [(0, 1), (1, 1), (2, 2), (3, 2)] {
            hall.put(place, group);
        }
        for between in [0.0, 0.25, 1.0] {
            hall.between(between);
            hall.settle();
            hall.check();
        }
    }
    let mut hall = Hall::new(LEVELS, PatchMode::Others);
    hall.put(0, 1);
    hall.put(1, 1);
    hall.put(2, 9);
    hall.settle();
    let ends: Vec<f32> = hall.mixes.iter().map(end).collect();
    let none = 0.0625 + 0.03125;
    assert_eq!(ends, [0.25 + none, 0.5 + none, none, 0.90625, 0.9375]);
}

#[test]
fn no_change_of_groups_clicks() {
    let mut hall = Hall::new(LEVELS, PatchMode::Others);
    hall.settle();
    // Alone in the first group: all others are in none, so that nothing changes yet.
    hall.put(0, 1);
    hall.settle();
    for (place, group) in [(1, 2), (2, 2), (0, 2), (3, 7), (0, 0), (2, 0)] {
        hall.put(place, group);
        let steps: Vec<f32> = hall.settle().iter().map(|heard| steepest(heard)).collect();
        assert!(steps.iter().any(|step| *step > 0.0), "{place} {group}");
        assert!(steps.iter().all(|step| *step < 1.1 / 960.0), "{steps:?}");
        hall.check();
    }
    for between in [1.0, 0.1, 0.0] {
        hall.between(between);
        let heard = hall.settle();
        assert!(heard.iter().all(|heard| steepest(heard) < 1.1 / 960.0));
        hall.check();
    }
}

#[test]
fn changes_in_the_middle_of_a_change_neither_click_nor_are_forgotten() {
    let mut hall = Hall::new(LEVELS, PatchMode::Others);
    hall.settle();
    let mut last: Vec<f32> = hall.mixes.iter().map(end).collect();
    for step in 0..400usize {
        hall.put(step % 5, (step / 3 % 4) as Group);
        if step % 17 == 0 {
            hall.between((step % 3) as f32 / 2.0);
        }
        for _ in 0..step % 40 {
            hall.period();
            for (mix, last) in hall.mixes.iter().zip(&mut last) {
                for sample in mix.get(0).expect("a channel") {
                    assert!((sample - *last).abs() < 2.0 / 960.0, "{last} to {sample}");
                    *last = *sample;
                }
            }
        }
    }
    hall.settle();
    hall.check();
}

#[test]
fn those_who_move_together_hear_no_difference_in_each_other_and_who_is_muted_stays_so() {
    // Nobody else sends anything.
    let mut hall = Hall::new(&[0.5, 0.25, 0.0], PatchMode::Others);
    hall.put(0, 1);
    hall.put(1, 1);
    hall.settle();
    hall.put(0, 2);
    hall.put(1, 2);
    let heard = hall.settle();
    assert!(heard[0].iter().all(|sample| *sample == 0.25));
    assert!(heard[1].iter().all(|sample| *sample == 0.5));
    hall.mute(0, 1);
    hall.settle();
    for [one, other] in [[1, 1], [3, 2], [3, 3], [0, 3], [1, 0]] {
        hall.put(0, one);
        hall.put(1, other);
        let heard = hall.settle();
        assert!(heard[0].iter().all(|sample| sample.abs() < 1e-6));
    }
    hall.between(0.5);
    assert!(hall.settle()[0].iter().all(|sample| sample.abs() < 1e-6));
}

#[test]
fn nobody_hears_what_is_left_of_those_who_were_in_a_group_before() {
    let mut hall = Hall::new(&[0.5, 0.25], PatchMode::Others);
    for round in 0..3 {
        hall.mixer.seat(0, 1, 1, 5);
        hall.mixer.seat(1, 1, 1, 5);
        for _ in 0..round * 100 + 1 {
            hall.period();
        }
        assert_eq!(
            end(&hall.mixes[0]),
            0.25,
            "at once, as it is where one comes"
        );
        hall.mixer.seat(1, 1, 1, 6);
        hall.period();
        assert_eq!([end(&hall.mixes[0]), end(&hall.mixes[1])], [0.0, 0.0]);
        hall.mixer.leave(0);
        hall.mixer.leave(1);
    }
}

#[test]
fn what_is_recorded_and_heard_at_the_hub_is_everybody_and_the_hub_is_heard_in_all_groups() {
    let mut hall = Hall::new(&[0.5, 0.25], PatchMode::Others);
    hall.put(0, 1);
    hall.put(1, 2);
    hall.settle();
    let Hall {
        mixer,
        players,
        mixes,
        ..
    } = &mut hall;
    mixer.clear();
    for (place, player) in (0..).zip(&*players) {
        mixer.add(place, player);
    }
    let mut here = Lanes::new(Channels(2), PERIOD);
    mixer.mix_local(&mut here);
    assert_eq!(
        here.iter().map(|lane| lane[3]).collect::<Vec<_>>(),
        [0.75, 0.0]
    );
    mixer.complete();
    let total = mixer.total(0).map(|total| total[3]);
    assert_eq!(total, Some(0.75));
    // As a settled player in no group is.
    mixer.leave(1);
    mixer.clear();
    mixer.add(0, &players[0]);
    mixer.add(1, &players[1]);
    mixer.complete();
    mixer.mix(0, &players[0], |_| None, &mut mixes[0]);
    assert_eq!(end(&mixes[0]), 0.25);
}

#[test]
fn numbers_of_no_group_and_places_that_are_none_are_nothing() {
    let mut hall = Hall::new(LEVELS, PatchMode::Others);
    hall.mixer.set_group(99, 1);
    hall.mixer.set_group(0, MOST_GROUPS + 1);
    hall.mixer.seat(99, 1, 1, 1);
    hall.mixer.leave(99);
    hall.settle();
    hall.check();
}
