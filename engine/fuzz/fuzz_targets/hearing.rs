//! Anything that was played and sent, and anything that is said of it: nothing is told that was not played, and nothing is believed that cannot be.
#![no_main]

use std::time::Duration;

use farsend_protocol::hearing::{Relation, Streams, Teller};
use farsend_units::{Frames, MonoTime, SeqNum};
use farsend_wire::jacktrip::Hearing;
use libfuzzer_sys::arbitrary::{self, Arbitrary, Result, Unstructured};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
enum Step {
    Reset {
        period: u16,
    },
    Converters {
        frames: u32,
    },
    Sent {
        packet: u16,
        at: i64,
    },
    Played {
        at: i64,
        frames: u32,
        from: f64,
        to: f64,
    },
    /// What goes on as it was.
    Block {
        frames: u16,
        step: u8,
    },
    Words {
        later: u32,
    },
    Said {
        packet: u16,
        heard: u16,
        offset: u32,
        step: u32,
        newest: i64,
        next: u64,
        period: u32,
    },
    Anew,
}

fuzz_target!(|bytes: &[u8]| {
    let _ = run(&mut Unstructured::new(bytes));
});

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    let (mut teller, mut relation) = (Teller::new(), Relation::default());
    let mut now = MonoTime::from_nanos(0);
    let (mut at, mut place, mut packet) = (0_i64, 0.0_f64, 0_u16);
    let line = |at: i64| at % (1 << 60);
    while !input.is_empty() {
        match input.arbitrary()? {
            Step::Reset { period } => teller.reset(Frames(period.into())),
            Step::Converters { frames } => teller.set_converters(Frames(frames)),
            Step::Sent { packet, at } => teller.handle_sent(SeqNum(packet), line(at)),
            Step::Played {
                at,
                frames,
                from,
                to,
            } => teller.handle_played(line(at), Frames(frames), from, to),
            Step::Block { frames, step } => {
                packet = packet.wrapping_add(1);
                teller.handle_sent(SeqNum(packet), at);
                let from = place;
                place += f64::from(frames) * f64::from(step) / 128.0;
                teller.handle_played(at, Frames(frames.into()), from, place);
                at += i64::from(frames);
            }
            Step::Words { later } => {
                now = now + Duration::from_micros(later.into());
                for _ in 0..200 {
                    if teller.next_word(now).is_none() {
                        break;
                    }
                }
                assert!(teller.next_word(now).is_none(), "it ends");
            }
            Step::Said {
                packet,
                heard,
                offset,
                step,
                newest,
                next,
                period,
            } => {
                let word = Hearing {
                    packet: SeqNum(packet),
                    heard: SeqNum(heard),
                    offset,
                    step,
                };
                let streams = Streams {
                    newest,
                    next,
                    period: Frames(period),
                };
                let before = relation.newest();
                if let Some(heard) = relation.handle(word, streams) {
                    assert!(heard.heard < next && heard.offset / 256 < period);
                    let newest = relation.newest().map(|newest| newest.packet);
                    assert!(newest >= Some(heard.packet));
                    assert!(newest >= before.map(|before| before.packet));
                }
            }
            Step::Anew => relation.reset(),
        }
    }
    Ok(())
}
