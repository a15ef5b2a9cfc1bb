//! Any packets, questions and answers, lost, twice or made up, of any lengths and numbers: what is fetched is what was sent, and comes once.
#![no_main]

use std::collections::BTreeMap;

use farsend_protocol::repair::{Fetcher, History, HistorySize, MOST_KEPT};
use farsend_units::SeqNum;
use farsend_wire::jacktrip::{Keep, Kept, Wanted};
use farsend_wire::repair::Repair;
use libfuzzer_sys::arbitrary::{self, Arbitrary, Result, Unstructured};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
enum Step {
    /// So many of the next, of which those come whose bit is set.
    Next {
        count: u8,
        comes: u64,
    },
    Jump {
        by: i32,
        anew: bool,
    },
    Number {
        number: i64,
        anew: bool,
    },
    Length {
        length: u16,
    },
    Ask,
    Answer,
    Wanted {
        first: u16,
        missing: u64,
    },
    Keep {
        from: u16,
    },
    Kept {
        oldest: u16,
        count: u16,
    },
    Told,
    Bytes(Vec<u8>),
    On(bool),
    Reset,
    Clear,
    RoundTrip(u16),
}

fuzz_target!(|bytes: &[u8]| {
    let _ = run(&mut Unstructured::new(bytes));
});

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    let size = HistorySize {
        bytes: input.int_in_range(0..=200_000)?,
        packets: input.int_in_range(0..=2000)?,
    };
    let mut history = History::new(size);
    let mut fetcher = Fetcher::new();
    fetcher.set_on(true);
    let (mut number, mut length) = (0_i64, 100_usize);
    let mut sent = BTreeMap::new();
    while !input.is_empty() {
        match input.arbitrary()? {
            Step::Next { count, comes } => {
                for i in 0..u32::from(count) {
                    number += 1;
                    let bytes = vec![number as u8; length];
                    history.handle_datagram(SeqNum(number as u16), &bytes);
                    sent.insert(number as u16, bytes);
                    if comes >> (i % 64) & 1 == 1 {
                        fetcher.handle_packet(number, false);
                    }
                }
            }
            Step::Jump { by, anew } => {
                number += i64::from(by);
                fetcher.handle_packet(number, anew);
            }
            Step::Number { number, anew } => _ = fetcher.handle_packet(number, anew),
            Step::Length { length: other } => length = other.into(),
            Step::Ask => {
                if let Some(wanted) = fetcher.next_wanted() {
                    history.handle_wanted(wanted);
                }
            }
            Step::Answer => {
                if let Some(answer) = history.next_answer() {
                    let repair = Repair::parse(answer).expect("it was just made");
                    let (datagram, _) = repair.plain().expect("it is one");
                    assert_eq!(sent.get(&repair.first.0).map(Vec::as_slice), Some(datagram));
                    let before = fetcher.settled();
                    if let Some((number, _)) = fetcher.handle_answer(&repair) {
                        assert!((before.to..before.end).contains(&number));
                        fetcher.take(number);
                        assert!(fetcher.handle_answer(&repair).is_none(), "it comes once");
                    }
                }
            }
            Step::Wanted { first, missing } => history.handle_wanted(Wanted {
                first: SeqNum(first),
                missing,
            }),
            Step::Keep { from } => {
                let kept = history.handle_keep(Keep { from: SeqNum(from) });
                assert!(usize::from(kept.count) <= size.packets);
            }
            Step::Kept { oldest, count } => fetcher.handle_kept(Kept {
                oldest: SeqNum(oldest),
                count,
            }),
            Step::Told => {
                if let Some(keep) = fetcher.keep() {
                    fetcher.handle_kept(history.handle_keep(keep));
                }
            }
            Step::Bytes(bytes) => {
                if let Ok(repair) = Repair::parse(&bytes) {
                    let _ = fetcher.handle_answer(&repair);
                }
            }
            Step::On(on) => fetcher.set_on(on),
            Step::Reset => fetcher.reset(),
            Step::Clear => history.clear(),
            Step::RoundTrip(packets) => fetcher.set_round_trip(packets),
        }
        let settled = fetcher.settled();
        assert!(settled.from <= settled.to && settled.to <= settled.end);
        assert!(settled.end - settled.to <= MOST_KEPT as i64);
        assert!(i64::from(settled.missing) <= settled.end - settled.to);
        assert!(history.kept() <= size.packets);
    }
    Ok(())
}
