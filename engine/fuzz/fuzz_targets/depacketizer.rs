//! Any datagrams in any order: packets keep their place, and copies come once.
#![no_main]

use std::collections::HashSet;

use farsend_fuzz::Payload;
use farsend_protocol::jacktrip::{Continuity, Depacketizer, Taken};
use libfuzzer_sys::arbitrary::{self, Arbitrary, Result, Unstructured};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
enum Step {
    Payload(Payload),
    /// A sound datagram this far from the last one.
    Next {
        by: i8,
        copies: u8,
    },
    Jump {
        seq: u16,
    },
    Break,
    NewSender,
}

fuzz_target!(|bytes: &[u8]| {
    let _ = run(&mut Unstructured::new(bytes));
});

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    let kind = farsend_fuzz::kind(input)?;
    let format = farsend_fuzz::format(input)?;
    let mut depacketizer = Depacketizer::new(kind, Some(format));
    let mut delivered = HashSet::new();
    let mut seq = 0_u16;
    while !input.is_empty() {
        let payload = match input.arbitrary()? {
            Step::Payload(Payload(payload)) => payload,
            Step::Next { by, copies } => {
                seq = seq.wrapping_add_signed(by.into());
                farsend_fuzz::datagram(format, seq, u16::from(copies % 4) + 1, copies)
            }
            Step::Jump { seq: to } => {
                seq = to;
                farsend_fuzz::datagram(format, seq, 1, 0)
            }
            Step::Break => {
                depacketizer.note(Continuity::AfterBreak);
                continue;
            }
            Step::NewSender => {
                depacketizer.note(Continuity::NewSender);
                continue;
            }
        };
        let mut came = Vec::new();
        let taken = depacketizer.take(&payload, &mut |arrival| {
            arrival.packet.decode_channel(0, &mut [0.0; 10]);
            came.push((arrival.number, arrival.redundant, arrival.anew));
        });
        match taken {
            Taken::Malformed(_) | Taken::Stray | Taken::Stale => assert!(came.is_empty()),
            Taken::First { .. } | Taken::Restarted { .. } | Taken::FormatChanged { .. } => {
                assert!(came[0].2);
            }
            Taken::Audio { .. } | Taken::Behind { .. } => assert!(!came[0].2),
        }
        assert!(came.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for (number, redundant, _) in came {
            assert!(delivered.insert(number) || !redundant, "a copy twice");
        }
    }
    Ok(())
}
