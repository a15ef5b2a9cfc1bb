//! Inputs that several targets build: streams and datagrams, mostly sound and now and then not.

use farsend_units::{Channels, Frames, SampleRate, SeqNum};
use farsend_wire::SampleFormat;
use farsend_wire::jacktrip::{Format, Header, HeaderKind, channel_bytes, rate_code};
use libfuzzer_sys::arbitrary::{Arbitrary, Result, Unstructured};

/// Any kind of header.
pub fn kind(input: &mut Unstructured<'_>) -> Result<HeaderKind> {
    input
        .choose(&[
            HeaderKind::Default,
            HeaderKind::Default,
            HeaderKind::JamLink,
            HeaderKind::Empty,
        ])
        .copied()
}

/// A format that a stream can have.
pub fn format(input: &mut Unstructured<'_>) -> Result<Format> {
    Ok(Format {
        rate: SampleRate(*input.choose(&[22_050, 44_100, 48_000, 96_000, 192_000])?),
        period: Frames(input.int_in_range(1..=80)?),
        channels: Channels(input.int_in_range(1..=4)?),
        wants: Channels(input.int_in_range(0..=4)?),
        samples: samples(input)?,
    })
}

/// Any sample format.
pub fn samples(input: &mut Unstructured<'_>) -> Result<SampleFormat> {
    input.choose(&SampleFormat::ALL).copied()
}

/// A payload as it might come from the network.
#[derive(Debug, Clone)]
pub struct Payload(pub Vec<u8>);

impl<'a> Arbitrary<'a> for Payload {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        if input.ratio(1, 8)? {
            return Ok(Self(Vec::arbitrary(input)?));
        }
        let mut bytes = datagram(
            format(input)?,
            input.arbitrary()?,
            input.int_in_range(1..=4)?,
            input.arbitrary()?,
        );
        for _ in 0..input.int_in_range(0..=2)? {
            let at = input.choose_index(bytes.len())?;
            match input.int_in_range(0..=7)? {
                0 => bytes.truncate(at.max(1)),
                1 => bytes.push(input.arbitrary()?),
                2 => bytes[..at.min(32)].fill(0),
                3..5 => bytes[at] = input.arbitrary()?,
                _ => {}
            }
        }
        Ok(Self(bytes))
    }
}

/// A sound datagram of `copies` packets, the newest with number `seq`; `fill` is in all its samples.
pub fn datagram(format: Format, seq: u16, copies: u16, fill: u8) -> Vec<u8> {
    let (incoming, outgoing) = channel_bytes(format.wants, format.channels);
    let packet = |age: u16| {
        let header = Header {
            time_stamp: 1,
            seq: SeqNum(seq.wrapping_sub(age)),
            frames: u16::try_from(format.period.0).expect("a period of a few frames"),
            rate_code: rate_code(format.rate).expect("one of the nominal rates"),
            bits: format.samples.bits(),
            incoming,
            outgoing,
        };
        let mut bytes = header.to_bytes().to_vec();
        bytes.resize(Header::LEN + format.samples_len(), fill);
        bytes
    };
    (0..copies).flat_map(packet).collect()
}
