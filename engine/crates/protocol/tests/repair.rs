//! Lost audio is calculated to the bit, as far as the code goes; and nothing wrong ever.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use assert_no_alloc::{AllocDisabler, assert_no_alloc};
use farsend_protocol::repair::{Decoder, Encoder, MAX_PROTECTED, SPAN};
use farsend_units::SeqNum;
use farsend_wire::jacktrip::{Header, Wanted};
use farsend_wire::repair::Repair;
use proptest::collection::vec;
use proptest::prelude::*;

#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

const LENGTH: usize = 272;

/// The audio datagram `number` of a stream, of any bytes behind its header.
fn audio(stream: u8, number: u16, length: usize) -> Vec<u8> {
    let header = Header {
        time_stamp: 1_700_000_000_000_000 + u64::from(number) * 2667,
        seq: SeqNum(number),
        frames: 128,
        rate_code: 3,
        bits: 16,
        incoming: 1,
        outgoing: 0,
    };
    let mut state = u64::from(number) << 8 | u64::from(stream);
    let mut bytes = header.to_bytes().to_vec();
    bytes.resize_with(length, || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    });
    bytes
}

/// Both ends. What is recovered is checked.
struct Pair {
    encoder: Encoder,
    decoder: Decoder,
    stream: u8,
    length: usize,
    recovered: Vec<u16>,
}

impl Pair {
    fn new(every: Option<u8>) -> Self {
        let mut encoder = Encoder::new();
        encoder.set_every(every);
        Self {
            encoder,
            decoder: Decoder::new(),
            stream: 0,
            length: LENGTH,
            recovered: Vec::new(),
        }
    }

    /// Sends audio; gives it, and the parity behind it.
    fn send(&mut self, number: u16) -> (Vec<u8>, Option<Vec<u8>>) {
        let bytes = audio(self.stream, number, self.length);
        let parity = assert_no_alloc(|| self.encoder.handle_datagram(SeqNum(number), &bytes));
        let parity = parity.map(<[u8]>::to_vec);
        (bytes, parity)
    }

    fn receive(&mut self, number: u16, bytes: &[u8]) {
        assert_no_alloc(|| self.decoder.handle_datagram(SeqNum(number), bytes));
        self.drain();
    }

    fn receive_repair(&mut self, bytes: &[u8]) {
        let repair = Repair::parse(bytes).unwrap();
        assert_no_alloc(|| self.decoder.handle_repair(&repair));
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(bytes) = assert_no_alloc(|| self.decoder.next_recovered()) {
            let number = Header::parse(bytes).unwrap().seq.0;
            assert_eq!(bytes, audio(self.stream, number, bytes.len()), "{number}");
            assert!(!self.recovered.contains(&number), "{number} twice");
            self.recovered.push(number);
        }
    }

    /// Sends and receives `count` datagrams from `first` on, but for those that are lost.
    fn run(
        &mut self,
        first: u16,
        count: u16,
        audio_lost: &[u16],
        parity_lost: impl Fn(u16) -> bool,
    ) {
        for i in 0..count {
            let number = first.wrapping_add(i);
            let (bytes, parity) = self.send(number);
            if !audio_lost.contains(&number) {
                self.receive(number, &bytes);
            }
            if let Some(parity) = parity.filter(|_| !parity_lost(number)) {
                self.receive_repair(&parity);
            }
        }
    }
}

#[test]
fn a_lost_datagram_is_back_with_the_next_parity_also_across_the_wrap() {
    let mut pair = Pair::new(Some(3));
    pair.run(65_500, 100, &[65_530, 65_535, 0, 20, 21], |_| false);
    pair.recovered.sort_unstable();
    assert_eq!(pair.recovered, [0, 20, 21, 65_530, 65_535]);
    assert_eq!(pair.decoder.counts().wrong, 0);
}

#[test]
fn a_burst_is_repaired_by_as_many_parities() {
    for burst in 1..=5_u16 {
        let mut pair = Pair::new(Some(3));
        let lost: Vec<_> = (31..31 + burst).collect();
        pair.run(0, 31 + burst, &lost, |number| number >= 30);
        assert_eq!(pair.recovered, []);
        let mut parities = 0;
        for number in 31 + burst..60 {
            pair.run(number, 1, &[], |_| false);
            parities = pair.decoder.counts().repairs - pair.decoder.counts().spare;
            if pair.recovered.len() == usize::from(burst) {
                break;
            }
        }
        assert_eq!(pair.recovered, lost, "{parities} parities");
        assert_eq!(parities, u64::from(burst));
    }
}

#[test]
fn what_is_asked_for_comes_again_and_no_more_than_a_few_times() {
    let mut pair = Pair::new(None);
    pair.run(0, 40, &[37, 38], |_| false);
    let wanted = assert_no_alloc(|| pair.decoder.next_wanted()).unwrap();
    assert_eq!((wanted.first, wanted.missing), (SeqNum(37), 0b11));
    assert_eq!(
        pair.decoder.next_wanted(),
        None,
        "one more only when another came"
    );
    let mut sent = 0;
    for _ in 0..10 {
        pair.encoder.handle_wanted(wanted);
        while let Some(answer) = pair.encoder.next_answer().map(<[u8]>::to_vec) {
            pair.receive_repair(&answer);
            sent += 1;
        }
    }
    assert_eq!((pair.recovered.clone(), sent), (vec![37, 38], 10));
    pair.run(40, 20, &[], |_| false);
    assert_eq!(pair.decoder.next_wanted(), None);
}

#[test]
fn what_is_still_missing_is_asked_for_five_times_and_then_no_more() {
    let mut pair = Pair::new(None);
    pair.decoder.set_times(5, 100);
    let mut asked = Vec::new();
    for number in 0..60 {
        pair.run(number, 1, &[20], |_| false);
        if let Some(wanted) = pair.decoder.next_wanted() {
            assert_eq!((wanted.first, wanted.missing), (SeqNum(20), 1));
            asked.push(number);
        }
    }
    assert_eq!(asked, [21, 22, 29, 36, 43]);
}

#[test]
fn a_datagram_that_is_only_late_makes_the_next_be_waited_for() {
    let mut pair = Pair::new(None);
    pair.run(0, 21, &[20], |_| false);
    pair.run(21, 1, &[], |_| false);
    assert!(pair.decoder.next_wanted().is_some());
    let late = audio(0, 20, LENGTH);
    pair.receive(20, &late);
    assert_eq!(pair.recovered, []);
    pair.run(22, 10, &[30], |_| false);
    assert_eq!(
        pair.decoder.next_wanted(),
        None,
        "one newer than it is not enough any more"
    );
    pair.run(32, 1, &[], |_| false);
    assert!(pair.decoder.next_wanted().is_some());
}

#[test]
fn more_than_two_fifths_on_top_is_never_sent_whoever_asks() {
    let mut encoder = Encoder::new();
    encoder.set_every(Some(1));
    for number in 0..10_000_u16 {
        encoder.handle_datagram(SeqNum(number), &audio(0, number, LENGTH));
        let first = SeqNum(number.wrapping_sub(63));
        encoder.handle_wanted(Wanted {
            first,
            missing: u64::MAX,
        });
        while encoder.next_answer().is_some() {}
    }
    let counts = encoder.counts();
    let share = counts.repair_bytes as f64 / counts.audio_bytes as f64;
    assert!((0.38..0.40).contains(&share), "{share} {counts:?}");
}

#[test]
fn the_loss_is_told_as_it_was_repaired_or_not() {
    for every in [None, Some(3)] {
        let mut pair = Pair::new(every);
        let lost: Vec<u16> = (100..2000)
            .filter(|n| matches!(n % 100, 10 | 11 | 50))
            .collect();
        pair.run(0, 3016, &lost, |_| false);
        let reception = pair.decoder.reception();
        assert_eq!(reception.due, 3000);
        assert_eq!((reception.lost, reception.bursts), (57, 38));
        assert_eq!(pair.recovered.len(), if every.is_some() { 57 } else { 0 });
    }
}

#[test]
fn a_change_of_length_or_a_jump_begins_anew_and_is_repaired_after() {
    let mut pair = Pair::new(Some(3));
    pair.run(0, 30, &[15], |_| false);
    pair.length = 528;
    pair.run(30, 30, &[44], |_| false);
    pair.run(20_000, 30, &[20_010, 20_011], |_| false);
    pair.length = MAX_PROTECTED;
    pair.run(20_030, 30, &[20_040], |_| false);
    assert_eq!(pair.recovered, [15, 44, 20_010, 20_011, 20_040]);
    pair.length = MAX_PROTECTED + 1;
    pair.run(20_060, 30, &[20_071], |_| false);
    assert_eq!(
        pair.recovered.len(),
        5,
        "too long to be repaired, and nothing bad of it"
    );
}

#[test]
fn datagrams_of_a_sender_before_never_make_wrong_audio() {
    for overlap in 0..20_u16 {
        let mut pair = Pair::new(Some(3));
        pair.run(0, 50, &[], |_| false);
        // The sender starts again some numbers lower, unnoticed: what it sends differs from what we remember.
        pair.stream = 1;
        pair.encoder.reset();
        pair.encoder.set_every(Some(3));
        let first = 50 - overlap;
        pair.run(first, 100, &[52, 53, 60], |_| false);
        let wrong = pair.decoder.counts().wrong;
        assert!(
            pair.recovered.contains(&60) || wrong > 0,
            "overlap {overlap}"
        );
    }
}

#[test]
fn parities_that_come_before_their_datagrams_and_datagrams_that_come_after_all_do_no_harm() {
    let mut pair = Pair::new(Some(3));
    pair.run(0, 20, &[], |_| false);
    let later: Vec<_> = (20..32).map(|number| (number, pair.send(number))).collect();
    for (_, (_, parity)) in &later {
        if let Some(parity) = parity {
            pair.receive_repair(parity);
        }
    }
    for (number, (bytes, _)) in later.iter().rev() {
        pair.receive(*number, bytes);
        pair.receive(*number, bytes);
    }
    // Four equations: the last four that were missing were not needed any more.
    assert_eq!(pair.recovered.len(), 4);
    pair.run(32, 20, &[40], |_| false);
    assert_eq!(pair.recovered.last(), Some(&40));
}

proptest! {
    /// As many parities as are missing, each over all of them: that is what the code promises.
    #[test]
    fn any_loss_that_as_many_parities_are_over_is_repaired(
        first: u16, lost in vec(0_u16..16, 1..=10), order: u64, every in 1_u8..=2,
    ) {
        let mut pair = Pair::new(None);
        let lost: std::collections::BTreeSet<u16> = lost.into_iter().collect();
        pair.run(first, 40, &[], |_| false);
        let first = first.wrapping_add(40);
        for i in 0..16 {
            let (bytes, _) = pair.send(first.wrapping_add(i));
            if !lost.contains(&i) {
                pair.receive(first.wrapping_add(i), &bytes);
            }
        }
        // Parities over just these 16 can be had by another encoder that began with them.
        let mut parities = parities_over(first, lost.len() + usize::from(every));
        let shift = order as usize % parities.len();
        parities.rotate_left(shift);
        for parity in parities.iter().take(lost.len()) {
            pair.receive_repair(parity);
        }
        let mut expected: Vec<u16> = lost.iter().map(|i| first.wrapping_add(*i)).collect();
        expected.sort_unstable();
        pair.recovered.sort_unstable();
        prop_assert_eq!(pair.recovered, expected);
    }

    /// Anything in any order: what is given is what was sent, once.
    #[test]
    fn any_order_of_anything_never_gives_wrong_audio(
        steps in vec((0_u16..8, 0_u8..10, any::<[u8; 24]>()), 0..200), every in 1_u8..=4,
    ) {
        let mut pair = Pair::new(Some(every));
        let mut number = 65_400_u16;
        let mut kept: BTreeMap<u16, (Vec<u8>, Option<Vec<u8>>)> = BTreeMap::new();
        for (back, what, noise) in steps {
            match what {
                0..=4 => {
                    number = number.wrapping_add(1);
                    let sent = pair.send(number);
                    if what < 3 {
                        pair.receive(number, &sent.0);
                        if let Some(parity) = &sent.1 {
                            pair.receive_repair(parity);
                        }
                    }
                    kept.insert(number, sent);
                }
                5 | 6 => if let Some((bytes, parity)) = kept.get(&number.wrapping_sub(back)).cloned() {
                    // Late audio that was given before it came is no second time.
                    pair.receive(number.wrapping_sub(back), &bytes);
                    if let Some(parity) = parity {
                        pair.receive_repair(&parity);
                    }
                },
                7 => {
                    let mut bytes = Repair::header(SeqNum(number.wrapping_sub(back)), noise[0], noise[1], LENGTH as u16).to_vec();
                    bytes.resize(16 + LENGTH + 4, noise[2]);
                    if let Ok(repair) = Repair::parse(&bytes) {
                        pair.decoder.handle_repair(&repair);
                        pair.drain();
                    }
                },
                8 => if let Some(wanted) = pair.decoder.next_wanted() {
                    pair.encoder.handle_wanted(wanted);
                    while let Some(answer) = pair.encoder.next_answer().map(<[u8]>::to_vec) {
                        pair.receive_repair(&answer);
                    }
                },
                _ => {
                    let missing = u64::from_le_bytes(noise[..8].try_into().unwrap());
                    pair.encoder.handle_wanted(Wanted { first: SeqNum(number.wrapping_sub(40)), missing });
                }
            }
        }
    }

    /// No bytes make either end panic, whatever numbers and lengths.
    #[test]
    fn garbage_does_nothing(steps in vec((any::<u16>(), vec(any::<u8>(), 0..90), 0_u8..5), 0..100)) {
        let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
        for (number, bytes, what) in steps {
            match what {
                0 => decoder.handle_datagram(SeqNum(number), &bytes),
                1 => decoder.handle_datagram(SeqNum(number % 64), &[7; 40]),
                2 => {
                    let mut datagram = Repair::header(SeqNum(number % 64), (number >> 8) as u8 % 18, 3, 40).to_vec();
                    datagram.resize(60, 1);
                    if let Ok(repair) = Repair::parse(&datagram) {
                        decoder.handle_repair(&repair);
                    }
                }
                3 => {
                    encoder.set_every((number % 3 > 0).then_some(number as u8 % 5));
                    let _ = encoder.handle_datagram(SeqNum(number % 64), &bytes);
                }
                _ => {
                    encoder.handle_wanted(Wanted { first: SeqNum(number), missing: u64::from(number) << 20 });
                    while encoder.next_answer().is_some() {}
                    let _ = decoder.next_wanted();
                }
            }
            while decoder.next_recovered().is_some() {}
        }
    }
}

/// `count` parities over the 16 datagrams from `first` on, with different factors.
fn parities_over(first: u16, count: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|skipped| {
            let mut encoder = Encoder::new();
            // Other encoders that have made so many parities before have another factor.
            encoder.set_every(Some(SPAN));
            for i in 0..(16 * skipped as u16) {
                let number = 7 + i;
                encoder.handle_datagram(SeqNum(number), &audio(0, number, 100));
            }
            let mut last = None;
            for i in 0..16 {
                let number = first.wrapping_add(i);
                let bytes = audio(0, number, LENGTH);
                let parity = encoder.handle_datagram(SeqNum(number), &bytes);
                last = parity.map(<[u8]>::to_vec).or(last);
            }
            last.unwrap()
        })
        .collect()
}
