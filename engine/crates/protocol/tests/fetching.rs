//! One end records and asks for what it never got; the other has kept it. In virtual time, with everything lost now and then that goes there and back.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::time::Duration;

use farsend_netsim::{Jitter, Loss, Path, PathConfig, Way};
use farsend_protocol::repair::{Fetcher, History, HistorySize, MOST_KEPT};
use farsend_units::{MonoTime, SeqNum};
use farsend_wire::jacktrip::{Header, Keep, Kept, Wanted};
use farsend_wire::repair::{PLAIN, Repair};

/// Of 64 frames at 48 kHz.
const TICK: Duration = Duration::from_nanos(1_333_333);

#[derive(Debug, Clone)]
enum Word {
    Keep(u16),
    Kept(u16, u16),
    Wanted(u16, u64),
    Datagram(Vec<u8>),
}

/// A sender with its history, and one who records.
struct Two {
    history: History,
    fetcher: Fetcher,
    /// There and back.
    ways: [Way<Word>; 2],
    /// How the sender has numbered so far, and how the receiver does.
    sent: u64,
    newest: Option<i64>,
    now: MonoTime,
    length: usize,
    /// What was recorded.
    take: BTreeMap<i64, Vec<u8>>,
    twice: usize,
    audio_bytes: usize,
    answers: bool,
}

impl Two {
    fn new(there: PathConfig, back: PathConfig) -> Self {
        let way = |config| Way::new(Path::new(config));
        let mut fetcher = Fetcher::new();
        fetcher.set_on(true);
        Self {
            history: History::new(HistorySize::of(22_500, 272, 1 << 24)),
            fetcher,
            ways: [way(there), way(back)],
            sent: 65_000,
            newest: None,
            now: MonoTime::from_nanos(1_000_000_000),
            length: 272,
            take: BTreeMap::new(),
            twice: 0,
            audio_bytes: 0,
            answers: true,
        }
    }

    fn send(&mut self, way: usize, word: Word) {
        self.ways[way].send(self.now, word);
    }

    fn arrived(&mut self, way: usize) -> Vec<Word> {
        let arrivals = self.ways[way].arrivals(self.now);
        arrivals.map(|(_, word)| word).collect()
    }

    /// So many packets. `audio`: they leave; else only what is between them does.
    fn run(&mut self, packets: usize) {
        for _ in 0..packets {
            self.now = self.now + TICK;
            self.sent += 1;
            let datagram = audio(self.sent, self.length);
            self.audio_bytes += datagram.len();
            self.history
                .handle_datagram(SeqNum(self.sent as u16), &datagram);
            self.send(0, Word::Datagram(datagram));
            for word in self.arrived(1) {
                match word {
                    Word::Keep(from) => {
                        let from = SeqNum(from);
                        let Kept { oldest, count } = self.history.handle_keep(Keep { from });
                        self.send(0, Word::Kept(oldest.0, count));
                    }
                    Word::Wanted(first, missing) if self.answers => {
                        let first = SeqNum(first);
                        self.history.handle_wanted(Wanted { first, missing });
                    }
                    _ => {}
                }
            }
            while let Some(answer) = self.history.next_answer() {
                let answer = Word::Datagram(answer.to_vec());
                self.send(0, answer);
            }
            for word in self.arrived(0) {
                match word {
                    Word::Kept(oldest, count) => {
                        let oldest = SeqNum(oldest);
                        self.fetcher.handle_kept(Kept { oldest, count });
                    }
                    Word::Datagram(bytes) if Repair::is_meant(&bytes) => {
                        let repair = Repair::parse(&bytes).unwrap();
                        if let Some((number, datagram)) = self.fetcher.handle_answer(&repair) {
                            self.fetcher.take(number);
                            self.record(number, datagram.to_vec());
                        }
                    }
                    Word::Datagram(bytes) => self.handle_audio(bytes),
                    _ => {}
                }
            }
            self.fetcher.set_round_trip(20);
            if let Some(Wanted { first, missing }) = self.fetcher.next_wanted() {
                self.send(1, Word::Wanted(first.0, missing));
            }
            if self.sent.is_multiple_of(375) {
                let Keep { from } = self.fetcher.keep().unwrap();
                self.send(1, Word::Keep(from.0));
            }
        }
    }

    fn handle_audio(&mut self, bytes: Vec<u8>) {
        let seq = Header::parse(&bytes).unwrap().seq;
        let newest = self.newest.unwrap_or(i64::from(seq.0));
        let number = newest + i64::from(seq.since(SeqNum(newest as u16)));
        self.newest = Some(newest.max(number));
        if self.fetcher.handle_packet(number, false) {
            self.record(number, bytes);
        }
    }

    fn record(&mut self, number: i64, bytes: Vec<u8>) {
        self.twice += usize::from(self.take.insert(number, bytes).is_some());
    }

    /// Whether all from the first to this number are there, and are what was sent.
    fn is_exact_to(&self, to: i64) -> bool {
        let first = *self.take.keys().next().unwrap();
        (first..to).all(|number| {
            let sent = self.take.get(&number);
            sent.is_some_and(|bytes| *bytes == audio(number as u64, bytes.len()))
        })
    }

    fn answer_share(&self) -> f64 {
        self.history.answered().1 as f64 / self.audio_bytes as f64
    }
}

/// A packet that tells its number.
fn audio(number: u64, length: usize) -> Vec<u8> {
    let header = Header {
        time_stamp: number,
        seq: SeqNum(number as u16),
        frames: 64,
        rate_code: 3,
        bits: 16,
        incoming: 2,
        outgoing: 0,
    };
    let mut bytes = header.to_bytes().to_vec();
    bytes.extend((16..length).map(|i| (number as usize * 31 + i * 7) as u8));
    bytes
}

fn lossy(seed: u64, loss: Loss) -> PathConfig {
    PathConfig {
        seed,
        delay: Duration::from_millis(12),
        jitter: Jitter::Exponential(Duration::from_millis(1)),
        reorder: 0.01,
        duplicate: 0.01,
        loss,
        ..PathConfig::default()
    }
}

const SECOND: usize = 750;

#[test]
fn everything_is_there_in_the_end_whatever_is_lost_on_the_way_and_answers_are_a_small_part() {
    for loss in [
        Loss::Independent(0.01),
        Loss::Independent(0.1),
        Loss::Bursts {
            rate: 0.03,
            length: 30.0,
        },
    ] {
        let mut two = Two::new(lossy(1, loss), lossy(2, loss));
        two.run(60 * SECOND);
        // The last of it, over a path that has become better.
        two.ways[0].set_path(Path::new(lossy(3, Loss::Independent(0.001))));
        let end = two.newest.unwrap();
        two.run(15 * SECOND);
        let settled = two.fetcher.settled();
        let counts = two.fetcher.counts();
        assert!(settled.to > end, "{loss:?} {settled:?} {counts:?}");
        assert!(two.is_exact_to(settled.to) && two.twice == 0, "{loss:?}");
        assert_eq!(counts.given_up, 0, "{loss:?}");
        let share = two.answer_share();
        assert!(share < 1.0 / 7.0, "{loss:?} {share}");
    }
}

#[test]
fn lost_questions_are_asked_again_until_they_are_answered() {
    let back = lossy(5, Loss::Independent(0.5));
    let mut two = Two::new(lossy(4, Loss::Independent(0.02)), back);
    two.run(20 * SECOND);
    let settled = two.fetcher.settled();
    assert!(settled.end - settled.to < 1000, "{settled:?}");
    assert!(two.is_exact_to(settled.to) && two.fetcher.counts().given_up == 0);
}

#[test]
fn on_a_clean_path_nothing_is_asked_for() {
    let clean = PathConfig::default();
    let mut two = Two::new(clean, clean);
    two.run(20 * SECOND);
    assert_eq!(two.fetcher.counts().requests, 0);
    let settled = two.fetcher.settled();
    assert_eq!((settled.to, settled.missing), (settled.end, 0));
}

#[test]
fn a_pause_of_seconds_is_fetched_as_far_as_it_was_kept() {
    let mut two = Two::new(lossy(6, Loss::None), lossy(7, Loss::None));
    two.run(5 * SECOND);
    two.ways[0].set_path(Path::new(lossy(8, Loss::Independent(1.0))));
    two.run(3 * SECOND);
    two.ways[0].set_path(Path::new(lossy(9, Loss::None)));
    two.run(30 * SECOND);
    let settled = two.fetcher.settled();
    assert!(settled.missing < 10, "{settled:?}");
    assert!(two.is_exact_to(settled.to));
    assert!(two.fetcher.counts().fetched >= 3 * SECOND as u64 - 5);
}

#[test]
fn what_is_not_kept_any_more_is_given_up_and_the_rest_comes() {
    let mut two = Two::new(lossy(10, Loss::None), lossy(11, Loss::None));
    // A second of it.
    two.history = History::new(HistorySize::of(SECOND, 272, 1 << 24));
    two.run(5 * SECOND);
    two.ways[0].set_path(Path::new(lossy(12, Loss::Independent(1.0))));
    two.run(3 * SECOND);
    two.ways[0].set_path(Path::new(lossy(13, Loss::None)));
    two.run(20 * SECOND);
    let (settled, counts) = (two.fetcher.settled(), two.fetcher.counts());
    assert!(settled.missing < 10, "{settled:?} {counts:?}");
    assert!(counts.given_up > 2 * SECOND as u64, "{counts:?}");
    assert!(counts.fetched > 50, "{counts:?}");
    let all = (settled.end - settled.from) as u64;
    let there = counts.given_up + two.take.len() as u64;
    assert_eq!(there + u64::from(settled.missing), all);
}

#[test]
fn a_peer_that_never_answers_is_asked_for_as_long_as_it_says_that_it_keeps() {
    let mut two = Two::new(lossy(14, Loss::Independent(0.01)), lossy(15, Loss::None));
    two.answers = false;
    two.run(60 * SECOND);
    let (settled, counts) = (two.fetcher.settled(), two.fetcher.counts());
    assert!(counts.given_up > 100 && counts.fetched == 0, "{counts:?}");
    // As much as it keeps, and what is missing of it.
    assert!(
        (settled.end - settled.to) as usize <= 22_500 + 200,
        "{settled:?}"
    );
    // An eighth of all packets would be asked for at most, in questions of up to eight.
    assert!(counts.requests < two.sent / 8, "{counts:?}");
}

#[test]
fn a_peer_that_keeps_nothing_is_not_asked_and_nothing_is_waited_for() {
    let mut two = Two::new(lossy(16, Loss::Independent(0.01)), lossy(17, Loss::None));
    two.history = History::new(HistorySize::NONE);
    two.run(30 * SECOND);
    let (settled, counts) = (two.fetcher.settled(), two.fetcher.counts());
    assert_eq!((counts.requests, counts.fetched), (0, 0));
    assert!(settled.end - settled.to < 300, "{settled:?}");
    assert_eq!(
        counts.given_up + two.take.len() as u64,
        (settled.end - settled.from) as u64 - u64::from(settled.missing)
    );
}

#[test]
fn a_peer_that_begins_anew_is_followed_and_nothing_of_it_is_taken_for_what_is_missing() {
    let mut two = Two::new(lossy(18, Loss::Independent(0.05)), lossy(19, Loss::None));
    two.run(5 * SECOND);
    let before = two.take.len();
    let missing = two.fetcher.settled().missing;
    assert!(before > 0 && missing > 0);
    // Another program under old numbers: what it sends is told from its own beginning.
    two.history = History::new(HistorySize::of(22_500, 272, 1 << 24));
    for way in &mut two.ways {
        way.clear();
    }
    two.sent = 200_000;
    two.take.clear();
    two.newest = None;
    let first = i64::from(two.sent as u16) + 1;
    assert!(two.fetcher.handle_packet(first, true));
    two.record(first, audio(first as u64, 272));
    let counts = two.fetcher.counts();
    assert!(counts.given_up >= u64::from(missing), "{counts:?}");
    two.newest = Some(first);
    two.sent = first as u64;
    two.run(20 * SECOND);
    let settled = two.fetcher.settled();
    assert!(settled.end - settled.to < 1000, "{settled:?}");
    assert!(two.is_exact_to(settled.to));
    assert_eq!(two.fetcher.counts().given_up, counts.given_up);
}

#[test]
fn packets_of_many_channels_are_kept_whole_and_never_more_than_there_is_room_for() {
    let mut two = Two::new(
        lossy(20, Loss::Independent(0.02)),
        lossy(21, Loss::Independent(0.02)),
    );
    // 64 channels of 128 frames of 32 bits, and longer ones than UDP has room for an answer to.
    two.length = 32_784;
    two.history = History::new(HistorySize::of(4000, two.length, 16 << 20));
    two.run(4 * SECOND);
    let (settled, counts) = (two.fetcher.settled(), two.fetcher.counts());
    assert!(
        counts.fetched > 20 && counts.given_up == 0,
        "{settled:?} {counts:?}"
    );
    assert!(two.is_exact_to(settled.to));
    assert!(
        (400..512).contains(&two.history.kept()),
        "{}",
        two.history.kept()
    );
    let mut history = History::new(HistorySize::of(100, 65_500, 16 << 20));
    for number in 0..90 {
        history.handle_datagram(SeqNum(number), &vec![1; 65_500]);
    }
    history.handle_wanted(Wanted {
        first: SeqNum(0),
        missing: u64::MAX,
    });
    assert_eq!(history.next_answer(), None);
}

#[test]
fn lengths_may_change_and_every_answer_is_still_what_was_sent() {
    let lengths = [48, 3000, 16, 65_000, 43, 272, 17, 9000];
    let mut history = History::new(HistorySize {
        bytes: 2_000_000,
        packets: 1000,
    });
    let mut number = 60_000_u64;
    for round in 0..4000_usize {
        number += 1;
        let length = lengths[(round / 7) % lengths.len()];
        history.handle_datagram(SeqNum(number as u16), &audio(number, length));
        let back = 64 + (round % 60) as u64;
        let first = SeqNum(number.saturating_sub(back) as u16);
        history.handle_wanted(Wanted {
            first,
            missing: 0b101,
        });
        while let Some(answer) = history.next_answer() {
            let repair = Repair::parse(answer).unwrap();
            let (datagram, _) = repair.plain().unwrap();
            let age = (number as u16).wrapping_sub(repair.first.0);
            assert_eq!(datagram, audio(number - u64::from(age), datagram.len()));
        }
        assert!(history.kept() <= 1000);
    }
    assert!(history.answered().0 > 50, "{:?}", history.answered());
}

#[test]
fn any_numbers_and_ranges_do_no_harm() {
    let mut fetcher = Fetcher::new();
    fetcher.set_on(true);
    let numbers = [
        0,
        -1,
        5,
        i64::MAX,
        i64::MIN,
        1 << 60,
        -(1 << 60),
        1 << 32,
        (1 << 32) + 40_000,
        3,
    ];
    for number in numbers {
        for anew in [false, true] {
            fetcher.handle_packet(number, anew);
            for oldest in [0, 1, 0x7fff, 0x8000, 0xffff] {
                for count in [0, 1, u16::MAX] {
                    fetcher.handle_kept(Kept {
                        oldest: SeqNum(oldest),
                        count,
                    });
                    fetcher.set_round_trip(count);
                    let _ = fetcher.next_wanted();
                    let settled = fetcher.settled();
                    assert!(settled.from <= settled.to && settled.to <= settled.end);
                }
            }
        }
    }
    let far = fetcher.settled().end;
    fetcher.handle_packet(far + MOST_KEPT as i64 + 700, false);
    let settled = fetcher.settled();
    assert!(settled.end - settled.to <= MOST_KEPT as i64);
    let mut history = History::new(HistorySize::of(100, 272, 1 << 20));
    for number in 0..300_u16 {
        history.handle_datagram(SeqNum(number), &audio(number.into(), 272));
        for first in [0, number, number.wrapping_sub(70), 0x8000, 0xffff] {
            history.handle_wanted(Wanted {
                first: SeqNum(first),
                missing: u64::MAX,
            });
            let _ = history.handle_keep(Keep {
                from: SeqNum(first),
            });
        }
        assert!(std::iter::from_fn(|| history.next_answer().map(<[u8]>::len)).count() <= 8);
    }
}

#[test]
fn a_wrong_answer_is_not_taken() {
    let mut fetcher = Fetcher::new();
    fetcher.set_on(true);
    for number in (0..200).filter(|number| *number != 50) {
        fetcher.handle_packet(number, number == 0);
    }
    let answer = |number: u16, sum: [u8; 4]| {
        let audio = audio(number.into(), 100);
        let header = Repair::header(SeqNum(number), 1, PLAIN, 100);
        [&header[..], &audio, &sum].concat()
    };
    for (number, sum) in [(50, [0; 4]), (49, [0; 4]), (300, [0; 4]), (0x8000, [0; 4])] {
        let bytes = answer(number, sum);
        assert_eq!(fetcher.handle_answer(&Repair::parse(&bytes).unwrap()), None);
    }
    assert_eq!((fetcher.counts().spare, fetcher.settled().to), (4, 50));
}
