//! Any datagrams, times and calls in any order: the promises of the peer machine hold.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use farsend_protocol::jacktrip::{Depacketizer, Event, Peer, PeerConfig, Remark, Taken, Verdict};
use farsend_units::{Channels, MonoTime, SeqNum};
use farsend_wire::jacktrip::{Control, Format, HeaderKind, Piece, Reception, STOP, Wanted};
use farsend_wire::repair::Repair;
use proptest::prelude::*;
use support::{FORMAT, audio, drain, host};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_server_keeps_its_promises(steps in prop::collection::vec(any_step(), 0..120), config in any_config()) {
        story(Peer::server(config), None, steps)?;
    }

    #[test]
    fn a_client_keeps_its_promises(steps in prop::collection::vec(any_step(), 0..120), config in any_config()) {
        story(Peer::client(config, host(1)), Some(host(1)), steps)?;
    }

    #[test]
    fn peer_and_depacketizer_agree_on_the_format(
        steps in prop::collection::vec(any_step(), 0..200),
        seqs in prop::collection::vec(any::<u16>(), 3),
    ) {
        let mut peer = Peer::server(PeerConfig::default());
        let mut depacketizer = Depacketizer::new(HeaderKind::Default, None);
        let mut now = MonoTime::from_nanos(0);
        for mut step in steps {
            // Around a few numbers, some of them far from each other.
            if let Step::Datagram { payload, .. } = &mut step && payload.len() > 63 {
                let seq = u16::from_le_bytes([payload[8], payload[9]]);
                let near = seqs[usize::from(seq % 3)].wrapping_add(seq % 64);
                payload[8..10].copy_from_slice(&near.to_le_bytes());
            }
            let (next, verdict) = apply_and_judge(&mut peer, now, &step);
            now = next;
            let events = drain(&mut peer).events;
            if let (Step::Datagram { payload, .. }, Some(Verdict::Audio(continuity))) = (&step, verdict) {
                depacketizer.note(continuity);
                let taken = depacketizer.take(payload, &mut |arrival| {
                    assert_eq!(Some(arrival.format), peer.format());
                });
                prop_assert_eq!(depacketizer.format(), peer.format());
                let (told, changed) = (
                    events.iter().any(|event| matches!(event, Event::FormatChanged { .. })),
                    matches!(taken, Taken::FormatChanged { .. }),
                );
                prop_assert_eq!(told, changed);
            }
        }
    }

    #[test]
    fn events_that_nobody_polls_are_bounded_and_the_newest_are_kept(
        steps in prop::collection::vec(any_step(), 0..200)
    ) {
        let mut peer = Peer::server(PeerConfig::default());
        let mut now = MonoTime::from_nanos(0);
        for step in steps {
            now = apply(&mut peer, now, &step);
        }
        prop_assert!(drain(&mut peer).events.len() <= 8);
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// A datagram so many milliseconds later (or earlier), from one of a few hosts.
    Datagram {
        later: i64,
        from: u8,
        payload: Vec<u8>,
    },
    Timeout {
        later: i64,
    },
    SendAway {
        seconds: u32,
    },
    Say,
    Leave,
}

/// What is known of the session from its events alone.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Known {
    Nobody,
    Present(SocketAddr),
    Quiet(SocketAddr),
    Over,
}

fn story(
    mut peer: Peer,
    called: Option<SocketAddr>,
    steps: Vec<Step>,
) -> Result<(), TestCaseError> {
    let mut now = MonoTime::from_nanos(1_000_000_000);
    let mut known = Known::Nobody;
    for step in steps {
        let before = peer.remote();
        let (next, verdict) = apply_and_judge(&mut peer, now, &step);
        now = next;
        if matches!(step, Step::Leave) {
            known = Known::Over;
        }
        let wants = drain(&mut peer);
        for event in wants.events {
            known = follow(known, event, called)?;
        }

        let remote = match known {
            Known::Nobody => called,
            Known::Present(remote) | Known::Quiet(remote) => Some(remote),
            Known::Over => None,
        };
        prop_assert_eq!(peer.remote(), remote);
        prop_assert_eq!(peer.is_present(), matches!(known, Known::Present(_)));
        prop_assert_eq!(peer.is_over(), known == Known::Over);

        if let (Step::Datagram { from, payload, .. }, Some(verdict)) = (&step, verdict) {
            match verdict {
                Verdict::Audio(_) => prop_assert_eq!(peer.remote(), Some(host(*from))),
                Verdict::Stranger => prop_assert_ne!(before, Some(host(*from))),
                Verdict::Consumed => prop_assert_eq!(payload.len(), 63),
                Verdict::Repair | Verdict::Malformed(_) | Verdict::Ignored => {}
            }
            let answers = [before, called, peer.remote()];
            prop_assert!(
                wants
                    .sends
                    .iter()
                    .all(|(to, _)| answers.contains(&Some(*to)))
            );
        }
        // At most: a word for one who is sent away, two stops, a pong, a ping, a piece of a line and the answer to one.
        prop_assert!(wants.sends.len() <= 7);

        if let Some(wait) = wants.wait.filter(|&wait| wait <= now) {
            // Due: after it is handled the machine waits for something later.
            peer.handle_timeout(now);
            let then = drain(&mut peer);
            for event in then.events {
                known = follow(known, event, called)?;
            }
            prop_assert!(
                then.wait.is_none_or(|then| then > now),
                "waits for {wait:?} again at {now:?}"
            );
        }
    }
    Ok(())
}

/// Each event in its turn, and no other.
fn follow(known: Known, event: Event, called: Option<SocketAddr>) -> Result<Known, TestCaseError> {
    let gone = if called.is_some() {
        Known::Over
    } else {
        Known::Nobody
    };
    Ok(match (known, event) {
        (Known::Nobody, Event::Arrived { from, .. }) => {
            prop_assert!(called.is_none_or(|called| called == from));
            Known::Present(from)
        }
        (Known::Present(remote), Event::FellQuiet) => Known::Quiet(remote),
        (Known::Quiet(remote), Event::Returned) => Known::Present(remote),
        (Known::Present(_) | Known::Quiet(_), Event::Left | Event::GaveUp) => gone,
        (Known::Present(_) | Known::Quiet(_), Event::Forgotten) => {
            prop_assert!(called.is_none());
            Known::Nobody
        }
        (Known::Nobody, Event::Left | Event::GaveUp) if called.is_some() => gone,
        (Known::Present(remote), Event::FormatChanged { from, to }) => {
            prop_assert_ne!(from, to);
            Known::Present(remote)
        }
        (Known::Present(remote) | Known::Quiet(remote), Event::Replaced { from, to, .. }) => {
            prop_assert!(called.is_none() && remote == from && from != to);
            Known::Present(to)
        }
        (known @ (Known::Present(_) | Known::Quiet(_)), Event::SentAway { .. }) => {
            prop_assert!(called.is_some());
            known
        }
        (known, event) => {
            return Err(TestCaseError::fail(format!("{event:?} while {known:?}")));
        }
    })
}

fn apply(peer: &mut Peer, now: MonoTime, step: &Step) -> MonoTime {
    apply_and_judge(peer, now, step).0
}

fn apply_and_judge(peer: &mut Peer, now: MonoTime, step: &Step) -> (MonoTime, Option<Verdict>) {
    let shift = |later: i64| {
        let by = Duration::from_millis(later.unsigned_abs());
        if later < 0 {
            now.saturating_sub(by)
        } else {
            now + by
        }
    };
    match step {
        Step::Datagram {
            later,
            from,
            payload,
        } => {
            let now = shift(*later);
            (now, Some(peer.handle_datagram(now, host(*from), payload)))
        }
        Step::Timeout { later } => {
            let now = shift(*later);
            peer.handle_timeout(now);
            (now, None)
        }
        Step::SendAway { seconds } => {
            peer.handle_send_away(now, *seconds);
            (now, None)
        }
        Step::Say => {
            peer.write(now, Remark::new("Ready?").unwrap());
            (now, None)
        }
        Step::Leave => {
            peer.handle_leave(now);
            (now, None)
        }
    }
}

fn any_step() -> impl Strategy<Value = Step> {
    let later =
        || prop_oneof![8 => 0_i64..20, 2 => 0_i64..1200, 1 => 0_i64..12_000, 1 => -50_i64..0];
    let other = Format {
        channels: Channels(1),
        ..FORMAT
    };
    let payload = prop_oneof![
        10 => (0_u16..50).prop_map(|seq| audio(FORMAT, seq)),
        2 => any::<u16>().prop_map(move |seq| audio(other, seq)),
        1 => Just(STOP.to_vec()),
        1 => any::<u64>().prop_map(|stamp| Control::Ping { stamp }.to_bytes().to_vec()),
        1 => any::<u64>().prop_map(|stamp| Control::Pong { stamp }.to_bytes().to_vec()),
        1 => any::<u32>().prop_map(|lost| Control::Reception(Reception { lost, ..Reception::default() }).to_bytes().to_vec()),
        1 => any::<u16>().prop_map(|n| Control::Wanted(Wanted { first: SeqNum(n), missing: 1 }).to_bytes().to_vec()),
        1 => any::<u32>().prop_map(|seconds| Control::SentAway { seconds }.to_bytes().to_vec()),
        1 => (0_u16..5, any::<[bool; 2]>()).prop_map(|(number, ends)| Control::Chat(Piece::new(1, number, ends, b"Yes.")).to_bytes().to_vec()),
        1 => (0_u32..5, 0_u16..3).prop_map(|(talk, number)| Control::Heard { talk, number }.to_bytes().to_vec()),
        1 => any::<u16>().prop_map(repair),
        1 => prop::collection::vec(any::<u8>(), 0..70),
        1 => prop::collection::vec(any::<u8>(), 63),
    ];
    prop_oneof![
        40 => (later(), prop_oneof![3 => Just(1_u8), 1 => 2_u8..4], payload)
            .prop_map(|(later, from, payload)| Step::Datagram { later, from, payload }),
        10 => later().prop_map(|later| Step::Timeout { later }),
        1 => any::<u32>().prop_map(|seconds| Step::SendAway { seconds }),
        2 => Just(Step::Say),
        1 => Just(Step::Leave),
    ]
}

fn any_config() -> impl Strategy<Value = PeerConfig> {
    let time = || prop_oneof![0_u64..3, 0_u64..1000, 0_u64..20_000].prop_map(Duration::from_millis);
    (time(), prop::option::of(time()), time(), time(), time()).prop_map(
        |(quiet_limit, give_up, takeover_after, forget_after, ping_every)| PeerConfig {
            quiet_limit,
            give_up,
            takeover_after,
            forget_after,
            ping_every,
            ..PeerConfig::default()
        },
    )
}

fn repair(first: u16) -> Vec<u8> {
    let mut bytes = Repair::header(SeqNum(first), 3, 1, 100).to_vec();
    bytes.resize(120, 9);
    bytes
}
