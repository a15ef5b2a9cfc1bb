//! Any audio and repair datagrams, lost, late, twice, of other streams or made up: what is calculated is what was
//! sent, and comes once.
#![no_main]

use farsend_protocol::repair::{Decoder, Encoder};
use farsend_units::SeqNum;
use farsend_wire::jacktrip::{Header, Reception, Wanted};
use farsend_wire::repair::Repair;
use libfuzzer_sys::arbitrary::{self, Arbitrary, Result, Unstructured};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
enum Step {
    /// The next datagram, and whether it and its parity come.
    Next {
        comes: bool,
        parity_comes: bool,
    },
    /// One of the last, once more.
    Again {
        back: u8,
    },
    Jump {
        by: i16,
    },
    /// The peer is another program now.
    Stream,
    Length {
        length: u8,
    },
    Every {
        every: Option<u8>,
    },
    Ask,
    Wanted {
        first: u16,
        missing: u64,
    },
    /// A repair datagram that nobody has sent.
    Made {
        back: u8,
        count: u8,
        index: u8,
        fill: u8,
    },
    Bytes(Vec<u8>),
    Times {
        round_trip: u8,
        depth: u16,
    },
    Reset,
}

fuzz_target!(|bytes: &[u8]| {
    let _ = run(&mut Unstructured::new(bytes));
});

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
    let (mut number, mut stream, mut length) = (0_u16, 0_u8, 60_usize);
    let mut before = Reception::default();
    while !input.is_empty() {
        match input.arbitrary()? {
            Step::Next {
                comes,
                parity_comes,
            } => {
                number = number.wrapping_add(1);
                let bytes = audio(stream, number, length);
                let parity = encoder.handle_datagram(SeqNum(number), &bytes);
                if comes {
                    decoder.handle_datagram(SeqNum(number), &bytes);
                }
                if let Some(parity) = parity.filter(|_| parity_comes) {
                    decoder.handle_repair(&Repair::parse(parity).expect("it was just made"));
                }
            }
            Step::Again { back } => {
                let number = number.wrapping_sub(back.into());
                decoder.handle_datagram(SeqNum(number), &audio(stream, number, length));
            }
            Step::Jump { by } => number = number.wrapping_add_signed(by),
            Step::Stream => stream = stream.wrapping_add(1),
            Step::Length { length: other } => length = 16 + usize::from(other),
            Step::Every { every } => encoder.set_every(every),
            Step::Ask => {
                if let Some(wanted) = decoder.next_wanted() {
                    encoder.handle_wanted(wanted);
                }
                while let Some(answer) = encoder.next_answer() {
                    decoder.handle_repair(&Repair::parse(answer).expect("it was just made"));
                    look(&mut decoder);
                }
            }
            Step::Wanted { first, missing } => encoder.handle_wanted(Wanted {
                first: SeqNum(first),
                missing,
            }),
            Step::Made {
                back,
                count,
                index,
                fill,
            } => {
                let first = SeqNum(number.wrapping_sub(back.into()));
                let mut bytes = Repair::header(first, count, index, length as u16).to_vec();
                bytes.resize(20 + length, fill);
                if let Ok(repair) = Repair::parse(&bytes) {
                    decoder.handle_repair(&repair);
                }
            }
            Step::Bytes(bytes) => {
                decoder.handle_datagram(SeqNum(number), &bytes);
                let _ = encoder.handle_datagram(SeqNum(number), &bytes);
                if let Ok(repair) = Repair::parse(&bytes) {
                    decoder.handle_repair(&repair);
                }
                // Its bytes are not those that `look` expects.
                decoder.reset();
                encoder.reset();
            }
            Step::Times { round_trip, depth } => decoder.set_times(round_trip, depth),
            Step::Reset => decoder.reset(),
        }
        look(&mut decoder);
        let now = decoder.reception();
        assert!(now.lost - before.lost <= now.due - before.due && now.bursts <= now.lost);
        before = now;
    }
    Ok(())
}

fn look(decoder: &mut Decoder) {
    while let Some(bytes) = decoder.next_recovered() {
        let header = Header::parse(bytes).expect("it has one");
        // Of which stream it is does not matter, but it is whole.
        let stream = bytes.get(16).copied().unwrap_or(0);
        assert_eq!(bytes, audio(stream, header.seq.0, bytes.len()));
    }
}

fn audio(stream: u8, number: u16, length: usize) -> Vec<u8> {
    let header = Header {
        time_stamp: u64::from(number),
        seq: SeqNum(number),
        frames: 64,
        rate_code: 3,
        bits: 8,
        incoming: 1,
        outgoing: 0,
    };
    let mut bytes = header.to_bytes().to_vec();
    bytes.extend((16..length).map(|i| {
        if i == 16 {
            stream
        } else {
            (i as u8).wrapping_mul(number as u8 | 1) ^ stream
        }
    }));
    bytes
}
