//! What holds for any datagrams in any order: which packets of them are delivered, and as what.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use farsend_protocol::jacktrip::{Continuity, Depacketizer, Packetizer, PacketizerConfig, Taken};
use farsend_units::{Channels, Frames};
use farsend_wire::SampleFormat;
use farsend_wire::jacktrip::{Format, HeaderKind};
use proptest::prelude::*;
use support::{FORMAT, SENDING, datagram, push, take};

proptest! {
    #[test]
    fn redundancy_makes_up_for_as_many_losses_in_a_row_as_it_has_copies(
        redundancy in 1_u8..=3,
        losses in prop::collection::vec((0_usize..=2, 1_usize..6), 1..40),
        first in any::<u16>(),
    ) {
        let config = PacketizerConfig { redundancy, samples: SampleFormat::F32, ..SENDING };
        let mut packetizer = Packetizer::new(config).unwrap();
        let mut depacketizer = depacketizer();
        let mut sent = 0_u32;
        let mut send = || {
            sent += 1;
            let mut bytes = push(&mut packetizer, &[&[sent as f32; 64]]).remove(0);
            // Anywhere in the 65536 numbers, with the copies of the start left blank.
            for packet in bytes.chunks_mut(16 + 512).filter(|packet| packet[10] != 0) {
                let seq = u16::from_le_bytes([packet[8], packet[9]]).wrapping_add(first);
                packet[8..10].copy_from_slice(&seq.to_le_bytes());
            }
            (sent, bytes)
        };
        let mut values = Vec::new();
        let mut last = None;
        for (lost, kept) in losses {
            for i in 0..kept + lost.min(usize::from(redundancy) - 1) {
                let (number, bytes) = send();
                if i < lost.min(usize::from(redundancy) - 1) && number > 1 {
                    continue;
                }
                last = Some(number);
                for delivered in take(&mut depacketizer, &bytes).1 {
                    values.push((delivered.number, f32::from_le_bytes(delivered.samples[..4].try_into().unwrap())));
                }
            }
        }
        let expected: Vec<_> =
            (1..=last.unwrap()).map(|i| (i64::from(first) + i64::from(i) - 1, i as f32)).collect();
        prop_assert_eq!(values, expected);
        prop_assert_eq!(depacketizer.counts().restarts, 0);
    }

    #[test]
    fn whatever_is_lost_or_overtaken_each_packet_that_came_in_any_copy_is_there(
        redundancy in 2_u16..=5,
        first in any::<u16>(),
        // When each datagram comes, later than it was sent; none for those that are lost.
        fate in prop::collection::vec(prop::option::weighted(0.6, 0_usize..12), 30..120),
    ) {
        let mut order: Vec<_> = fate.iter().enumerate().filter_map(|(i, late)| late.map(|late| (i + late, i))).collect();
        order.sort_unstable();
        // What came before the first to come is another matter: that is where the stream begins.
        let Some((_, begin)) = order.first().copied() else { return Ok(()) };
        let mut depacketizer = depacketizer();
        let (mut came, mut promised) = (std::collections::BTreeSet::new(), std::collections::BTreeSet::new());
        for (_, i) in order {
            let newest = first.wrapping_add(i as u16);
            let seqs: Vec<u16> = (0..redundancy).map(|age| newest.wrapping_sub(age)).collect();
            promised.extend(seqs.iter().map(|seq| seq.wrapping_sub(first).wrapping_add(1000)));
            for delivered in take(&mut depacketizer, &datagram(ONE_FRAME, &seqs)).1 {
                let new = came.insert((delivered.number as u16).wrapping_sub(first).wrapping_add(1000));
                prop_assert!(new || !delivered.redundant);
            }
        }
        let since = |set: &std::collections::BTreeSet<u16>| -> Vec<u16> {
            set.iter().copied().filter(|i| *i >= 1000 + begin as u16).collect()
        };
        prop_assert_eq!(since(&came), since(&promised));
        prop_assert_eq!(depacketizer.counts().restarts, 0);
    }

    #[test]
    fn any_datagrams_in_any_order_keep_the_promises(
        steps in prop::collection::vec(any_step(), 0..200)
    ) {
        let mut depacketizer = depacketizer();
        let mut copies_seen = std::collections::HashSet::new();
        let mut highest = None;
        for step in steps {
            let (seq, redundancy, format) = match step {
                Step::Note(continuity) => {
                    depacketizer.note(continuity);
                    continue;
                }
                Step::Bytes(bytes) => {
                    take(&mut depacketizer, &bytes);
                    continue;
                }
                Step::Datagram { seq, redundancy, format } => (seq, redundancy, format),
            };
            let seqs: Vec<u16> = (0..redundancy).map(|age| seq.wrapping_sub(age)).collect();
            let (taken, delivered) = take(&mut depacketizer, &datagram(format, &seqs));
            match taken {
                Taken::Malformed(error) => prop_assert!(false, "{error}"),
                Taken::Stray | Taken::Stale => prop_assert!(delivered.is_empty()),
                _ => {
                    let newest = delivered.last().unwrap();
                    prop_assert!(!newest.redundant);
                    prop_assert_eq!(newest.number as u16, seq);
                    prop_assert!(delivered.windows(2).all(|pair| pair[0].number < pair[1].number));
                }
            }
            let starts = matches!(
                taken,
                Taken::First { .. } | Taken::Restarted { .. } | Taken::FormatChanged { .. }
            );
            prop_assert_eq!(delivered.first().is_some_and(|first| first.anew), starts);
            prop_assert!(delivered.iter().skip(1).all(|delivered| !delivered.anew));
            if starts {
                prop_assert!(highest.is_none_or(|highest| delivered.last().unwrap().number > highest));
            }
            for delivered in &delivered {
                let first_time = copies_seen.insert(delivered.number);
                prop_assert!(first_time || !delivered.redundant, "a copy of {} twice", delivered.number);
                highest = highest.max(Some(delivered.number));
            }
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Note(Continuity),
    Bytes(Vec<u8>),
    Datagram {
        seq: u16,
        redundancy: u16,
        format: Format,
    },
}

fn any_step() -> impl Strategy<Value = Step> {
    let short = Format {
        period: Frames(1),
        ..FORMAT
    };
    let formats = vec![
        short,
        short,
        short,
        Format {
            channels: Channels(1),
            ..short
        },
    ];
    let seq = prop_oneof![0_u16..40, 0_u16..2000, 65_500_u16..=65_535, any::<u16>()];
    let continuity = vec![
        Continuity::GoesOn,
        Continuity::AfterBreak,
        Continuity::NewSender,
    ];
    prop_oneof![
        1 => prop::sample::select(continuity).prop_map(Step::Note),
        1 => prop::collection::vec(any::<u8>(), 0..100).prop_map(Step::Bytes),
        20 => (seq, 1_u16..5, prop::sample::select(formats))
            .prop_map(|(seq, redundancy, format)| Step::Datagram { seq, redundancy, format }),
    ]
}

const ONE_FRAME: Format = Format {
    period: Frames(1),
    ..FORMAT
};

fn depacketizer() -> Depacketizer {
    Depacketizer::new(HeaderKind::Default, None)
}
