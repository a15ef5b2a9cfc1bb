//! What repair makes of some networks, in virtual time: the loss that is left after each wait, and its price.
//!
//! Two ends of 128 frames at 48 kHz, mono, 16 bit, which look into their sockets once a period, out of step. Losses
//! are Gilbert and Elliott's and hit repair datagrams and requests like all others. *Waits* are packets from when
//! the lost one would have come (to its end's next look) until it was calculated. A changed cell is a change of
//! behaviour: look at it, then accept it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write;
use std::time::Duration;

use farsend_netsim::{Loss, Path, PathConfig, Way};
use farsend_protocol::repair::{Decoder, Encoder, Policy, Situation};
use farsend_units::{MonoTime, SeqNum};
use farsend_wire::jacktrip::{Header, Reception, Wanted};
use farsend_wire::repair::Repair;

const PERIOD: Duration = Duration::from_nanos(2_666_667);
const LENGTH: usize = 16 + 256;
const SECONDS: u64 = 240;
/// After this the loss is known, and the rest is measured.
const SETTLED: Duration = Duration::from_secs(10);
const WAITS: [u64; 7] = [2, 4, 6, 8, 12, 16, 24];

#[derive(Debug, Clone, Copy)]
struct Row {
    rate: f64,
    burst: f64,
    one_way_ms: f64,
}

#[derive(Debug, Default)]
struct Outcome {
    /// Audio datagrams sent once settled, and lost.
    sent: u64,
    lost: u64,
    /// Those not there after the wait.
    left: [u64; WAITS.len()],
    never: u64,
    audio_bytes: u64,
    repair_bytes: u64,
    requests: u64,
    parities: u64,
    answers: u64,
}

#[derive(Clone)]
enum Message {
    Audio(u16, Vec<u8>),
    Repair(Vec<u8>),
}

#[derive(Clone)]
enum Word {
    Reception(Reception),
    Wanted(Wanted),
}

/// One direction of the row's network.
fn way<T>(row: Row, seed: u64) -> Way<T> {
    let loss = Loss::Bursts {
        rate: row.rate,
        length: row.burst,
    };
    let delay = Duration::from_secs_f64(row.one_way_ms / 1000.0);
    Way::new(Path::new(PathConfig {
        seed,
        loss,
        delay,
        ..PathConfig::default()
    }))
}

fn run(row: Row, seed: u64) -> Outcome {
    let mut outcome = Outcome::default();
    let (mut encoder, mut decoder, mut policy) = (Encoder::new(), Decoder::new(), Policy::new());
    let (mut forth, mut back) = (way::<Message>(row, seed), way::<Word>(row, seed + 1));
    let situation = Situation {
        round_trip: Some(Duration::from_secs_f64(2.0 * row.one_way_ms / 1000.0)),
        packet: PERIOD,
    };
    let round_trip = (2.0 * row.one_way_ms / 1000.0 / PERIOD.as_secs_f64()).ceil() as u8;
    decoder.set_times(round_trip, 40);
    let periods = SECONDS * 1_000_000_000 / PERIOD.as_nanos() as u64;
    // The look at which each should have been there, and was.
    let mut due = vec![None; periods as usize];
    let mut came = vec![None; periods as usize];
    let mut told: Option<(u64, Reception)> = None;
    let mut begun = None;
    for n in 0..periods {
        let at = MonoTime::from_nanos(1_000_000_000) + PERIOD * n as u32;
        // One end: what is asked for, then the next packet.
        for (_, word) in back.arrivals(at) {
            match word {
                Word::Reception(reception) => policy.handle_reception(at, reception),
                Word::Wanted(wanted) => encoder.handle_wanted(wanted),
            }
            while let Some(answer) = encoder.next_answer() {
                forth.send(at, Message::Repair(answer.to_vec()));
            }
        }
        encoder.set_every(policy.every(situation));
        let bytes = audio(n);
        let sent = forth.send(at, Message::Audio(n as u16, bytes.clone()));
        if let Some(parity) = encoder.handle_datagram(SeqNum(n as u16), &bytes) {
            forth.send(at, Message::Repair(parity.to_vec()));
        }
        if at >= MonoTime::from_nanos(1_000_000_000) + SETTLED {
            let before = *begun.get_or_insert(encoder.counts());
            outcome.sent += 1;
            outcome.lost += u64::from(sent.is_lost());
            outcome.audio_bytes = encoder.counts().audio_bytes - before.audio_bytes;
            outcome.repair_bytes = encoder.counts().repair_bytes - before.repair_bytes;
            outcome.parities = encoder.counts().parities - before.parities;
            outcome.answers = encoder.counts().answers - before.answers;
        }
        // The other end, somewhat later.
        let look = at + PERIOD.mul_f64(0.6);
        let behind = (row.one_way_ms / 1000.0 / PERIOD.as_secs_f64() + 0.4 - 1e-6).floor() as u64;
        if let Some(due) = due.get_mut((n.saturating_sub(behind)) as usize) {
            *due = Some(n);
        }
        for (_, message) in forth.arrivals(look) {
            match message {
                Message::Audio(number, bytes) => {
                    came[unwrap(n, number) as usize] = Some(n);
                    decoder.handle_datagram(SeqNum(number), &bytes);
                }
                Message::Repair(bytes) => decoder.handle_repair(&Repair::parse(&bytes).unwrap()),
            }
            while let Some(bytes) = decoder.next_recovered() {
                let number = unwrap(n, Header::parse(bytes).unwrap().seq.0);
                assert_eq!(bytes, audio(number));
                came[number as usize].get_or_insert(n);
            }
        }
        if let Some(wanted) = decoder.next_wanted() {
            back.send(look, Word::Wanted(wanted));
        }
        let reception = Reception {
            depth: 4,
            ..decoder.reception()
        };
        let period_of = |ms: u64| ms * 1_000_000 / PERIOD.as_nanos() as u64;
        if told.is_none_or(|(when, before)| {
            n >= when
                + period_of(if before.lost == reception.lost {
                    1000
                } else {
                    200
                })
        }) {
            told = Some((n, reception));
            back.send(look, Word::Reception(reception));
        }
    }
    outcome.requests = decoder.counts().requests;
    assert_eq!(decoder.counts().wrong, 0);
    let first = SETTLED.as_nanos() as u64 / PERIOD.as_nanos() as u64;
    for n in first..periods - 200 {
        let (Some(due), came) = (due[n as usize], came[n as usize]) else {
            continue;
        };
        for (wait, left) in WAITS.iter().zip(&mut outcome.left) {
            *left += u64::from(came.is_none_or(|came: u64| came > due + wait));
        }
        outcome.never += u64::from(came.is_none());
    }
    outcome
}

fn audio(n: u64) -> Vec<u8> {
    let header = Header {
        time_stamp: n * 2667,
        seq: SeqNum(n as u16),
        frames: 128,
        rate_code: 3,
        bits: 16,
        incoming: 1,
        outgoing: 0,
    };
    let mut bytes = header.to_bytes().to_vec();
    bytes.resize_with(LENGTH, || 0);
    bytes[16..24].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    bytes
}

/// The number near `n` with these low bits.
fn unwrap(n: u64, number: u16) -> u64 {
    n.wrapping_sub(u64::from((n as u16).wrapping_sub(number)))
}

#[test]
fn four_minutes_on_each_of_some_networks() {
    let mut table = String::from(
        " loss  burst  round trip   overhead  parities  answers  requests    lost    left after ",
    );
    for wait in WAITS {
        write!(table, "{wait:>7}").unwrap();
    }
    table.push_str("   never\n");
    let mut rows = Vec::new();
    for one_way_ms in [0.2, 5.0, 12.0, 30.0] {
        for (rate, burst) in [
            (0.0, 1.0),
            (0.005, 1.5),
            (0.01, 1.5),
            (0.03, 1.5),
            (0.05, 2.0),
            (0.1, 2.0),
        ] {
            rows.push(Row {
                rate,
                burst,
                one_way_ms,
            });
        }
    }
    for row in rows {
        let outcome = run(row, 11);
        let share = |count: u64, of: u64| 100.0 * count as f64 / of.max(1) as f64;
        let Outcome {
            sent,
            lost,
            left,
            never,
            audio_bytes,
            repair_bytes,
            requests,
            parities,
            answers,
        } = outcome;
        write!(
            table,
            "{:4.1} %  {:4.1}  {:7.1} ms   {:6.1} %  {parities:8}  {answers:7}  {requests:8}  {:5.2} %             ",
            row.rate * 100.0,
            row.burst,
            row.one_way_ms * 2.0,
            share(repair_bytes, audio_bytes),
            share(lost, sent),
        )
        .unwrap();
        for count in left {
            write!(table, " {:6.3}", share(count, sent)).unwrap();
        }
        writeln!(table, "  {:6.3}", share(never, sent)).unwrap();
        assert!(share(repair_bytes, audio_bytes) < 40.0);
    }
    insta::assert_snapshot!(table);
}
