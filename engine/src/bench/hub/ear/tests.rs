//! What an ear makes of the mixes of a hub that is made up: who was missing, what was lost, repeated or late.

use std::time::Duration;

use super::super::marker::Marker;
use super::super::player::packet;
use super::*;

const PERIOD: u32 = 128;
const PERIOD_TIME: Duration = Duration::from_nanos(2_666_667);

/// A hub in virtual time and one listener: 15 others, of whom one is marked.
struct Room {
    form: Form,
    ear: Ear,
    times: Times,
    marker: Marker,
    /// What the marked player sent, oldest first.
    marked: Vec<i16>,
    period: u32,
    seq: u16,
}

/// What a hub can do to a listener.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// So many of the others are silent for some frames.
    Missing(i16, usize),
    /// The marked player's packet before comes again.
    Repeat,
    /// The datagram is lost.
    Lose,
    /// The datagram comes again.
    Twice,
}

const OTHERS: u32 = 15;
const MARKED_PLAYER: u32 = 0;
const LISTENER: u32 = 7;

impl Room {
    fn new() -> Self {
        let form = Form {
            rate: SampleRate::HZ_48000,
            period: Frames(PERIOD),
            channels: Channels(2),
            levels: Levels::for_players(16),
        };
        let mut marker = Marker::new();
        marker.start(16);
        Self {
            form,
            ear: Ear::new(form),
            times: Times::default(),
            marker,
            marked: vec![form.levels.plain(); 4],
            period: 0,
            // So that numbers wrap on the way.
            seq: 65_500,
        }
    }

    fn now(&self) -> MonoTime {
        MonoTime::from_nanos(1_000_000_000) + PERIOD_TIME * self.period
    }

    /// One period: the marked player sends, the hub mixes what it sent two packets ago, shifted by `shift` frames.
    fn period(&mut self, shift: usize, fault: Fault) {
        let level = match self.marker.symbol_for(MARKED_PLAYER) {
            Some(symbol) => {
                self.marker.note_sent(self.now());
                self.form.levels.marked(symbol)
            }
            None => self.form.levels.plain(),
        };
        let back = self.marked.len() - 2;
        let (mut older, mut newer) = (self.marked[back - 1], self.marked[back]);
        if fault == Fault::Repeat {
            (older, newer) = (self.marked[back - 1], self.marked[back - 1]);
        }
        self.marked.push(level);
        self.period += 1;
        let seq = self.seq;
        self.seq = self.seq.wrapping_add(1);
        let rest = (OTHERS as i16 - 1) * self.form.levels.plain();
        let mut mix = [0; PERIOD as usize];
        for (frame, sample) in mix.iter_mut().enumerate() {
            let silent = match fault {
                Fault::Missing(players, frames) if frame < frames => {
                    players * self.form.levels.plain()
                }
                _ => 0,
            };
            *sample = rest - silent + if frame < shift { older } else { newer };
        }
        match fault {
            Fault::Lose => {}
            Fault::Twice => {
                self.hear(seq, &mix);
                self.hear(seq, &mix);
            }
            _ => self.hear(seq, &mix),
        }
    }

    fn hear(&mut self, seq: u16, mix: &[i16]) {
        let mut bytes = packet(self.form, 0).unwrap();
        bytes[8..10].copy_from_slice(&seq.to_le_bytes());
        for (place, sample) in bytes[Header::LEN..]
            .as_chunks_mut::<2>()
            .0
            .iter_mut()
            .zip(mix.iter().chain(mix))
        {
            *place = sample.to_le_bytes();
        }
        let at = self.now();
        let mut scene = Scene {
            others: OTHERS,
            counting: true,
            marked: self.marker.sent_to(LISTENER),
            times: Some(&mut self.times),
        };
        assert_eq!(self.ear.hear(at, &bytes, &mut scene), Word::Audio);
    }

    /// A whole marking, with a fault at its 50th packet.
    fn marking(shift: usize, fault: Fault) -> (Counts, Proven, Times) {
        let mut room = Self::new();
        let mut period = 0;
        while !room.marker.period_passed() {
            room.period(shift, if period == 50 { fault } else { Fault::None });
            period += 1;
        }
        let proven = room.ear.close_proof(room.marker.sent());
        (*room.ear.counts(), proven, room.times)
    }
}

#[test]
fn of_a_whole_mix_nothing_is_missing_however_the_hub_cuts_it() {
    for shift in [0, 1, 40, 64, 127] {
        let (counts, proven, times) = Room::marking(shift, Fault::None);
        let Counts {
            packets,
            expected,
            silent,
            unheard,
            extra,
            lost,
            uneven,
            ..
        } = counts;
        assert_eq!(expected, packets * u64::from(PERIOD * OTHERS));
        assert_eq!([silent, unheard, extra, lost, uneven], [0; 5], "{shift}");
        assert_eq!(proven.heard, proven.expected);
        assert_eq!(proven.expected, 126);
        let delay = times.delay.quantiles().unwrap();
        // Three periods, and the frames of the packet before.
        let due = PERIOD_TIME * 3 + Frames(shift as u32).duration(SampleRate::HZ_48000);
        assert!(
            (delay.median - due.as_secs_f64() * 1e3).abs() < 0.02,
            "{delay:?}"
        );
        assert!((delay.longest - delay.median).abs() < 0.02, "{delay:?}");
    }
}

#[test]
fn silence_is_counted_to_the_frame() {
    let (counts, ..) = Room::marking(0, Fault::Missing(3, 128));
    assert_eq!(counts.silent, 3 * 128);
    let (counts, ..) = Room::marking(0, Fault::Missing(1, 5));
    assert_eq!(counts.silent, 5);
}

#[test]
fn a_repeated_packet_is_not_silent_but_not_proven_either() {
    for shift in [0, 50] {
        let (counts, proven, _) = Room::marking(shift, Fault::Repeat);
        assert_eq!(counts.silent, 0);
        assert_eq!(proven.expected - proven.heard, 1, "{shift}");
        assert_eq!(proven.repeated, 1, "{shift}");
    }
}

#[test]
fn a_lost_datagram_takes_everybodys_contribution_with_it() {
    let (counts, proven, _) = Room::marking(0, Fault::Lose);
    assert_eq!((counts.lost, counts.gaps, counts.longest_gap), (1, 1, 1));
    assert_eq!(
        (counts.unheard, counts.silent),
        (u64::from(PERIOD * OTHERS), 0)
    );
    assert_eq!(proven.expected, 0, "the marks say nothing of the mix then");
}

#[test]
fn a_datagram_that_comes_twice_counts_once() {
    let (once, ..) = Room::marking(0, Fault::None);
    let (twice, ..) = Room::marking(0, Fault::Twice);
    assert_eq!(twice.behind, 1);
    assert_eq!(twice.packets, once.packets);
    assert_eq!(twice.expected, once.expected);
}

#[test]
fn only_audio_of_the_right_kind_is_listened_to_and_nothing_panics() {
    let form = Room::new().form;
    let mut ear = Ear::new(form);
    let mut times = Times::default();
    let mut scene = Scene {
        others: 1,
        counting: true,
        marked: &[],
        times: Some(&mut times),
    };
    let mut hear = |bytes: &[u8]| ear.hear(MonoTime::default(), bytes, &mut scene);
    let whole = packet(form, 100).unwrap();
    for length in (0..whole.len()).filter(|&length| length != 63) {
        assert_eq!(hear(&whole[..length]), Word::Audio);
    }
    for (place, value) in [
        (10, 0),
        (10, 255),
        (11, 255),
        (12, 2),
        (13, 24),
        (14, 1),
        (15, 255),
    ] {
        let mut other = whole.clone();
        other[place] = value;
        assert_eq!(hear(&other), Word::Audio);
    }
    assert_eq!(hear(&[0; 63]), Word::Audio);
    assert_eq!(hear(&[0xff; 63]), Word::Stop);
    assert_eq!(ear.counts().packets, 0);
    assert_eq!(ear.counts().foreign, 528 - 1 + 7);
}
