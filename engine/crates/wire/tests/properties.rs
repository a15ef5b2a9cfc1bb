//! What holds for all values and all bytes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use farsend_units::{Channels, Frames, SampleRate, SeqNum};
use farsend_wire::SampleFormat;
use farsend_wire::jacktrip::{
    Control, Datagram, Format, Header, HeaderKind, Hearing, Hello, Keep, Kept, NAME_ROOM, Name,
    PIECE_TEXT, Piece, Reception, Reply, Wanted, channel_bytes, classify_words, is_unruly,
    rate_code,
};
use farsend_wire::repair::{MAX_SPAN, Repair};
use proptest::collection::vec;
use proptest::prelude::*;

proptest! {
    #[test]
    fn a_header_that_was_written_is_read_back(header in any_header()) {
        let mut bytes = [0xaa; 20];
        header.write(&mut bytes);
        prop_assert_eq!(Header::parse(&bytes), Ok(header));
        prop_assert_eq!(&bytes[16..], [0xaa; 4]);
    }

    #[test]
    fn a_hello_that_was_written_is_read_back(port: u16, name in ".{0,80}") {
        let hello = Hello { port, name: Name::new(&name) };
        prop_assert_eq!(Hello::parse(&hello.to_bytes()), hello);
        if name.len() <= Name::MAX_LEN && !name.contains(is_unruly) {
            prop_assert_eq!(hello.name.as_str(), name);
        }
    }

    #[test]
    fn any_bytes_make_a_name_that_can_be_shown(bytes in vec(any::<u8>(), 0..200)) {
        let name = Name::from_bytes(&bytes);
        prop_assert!(name.as_str().len() <= Name::MAX_LEN);
        prop_assert!(!name.as_str().contains(is_unruly));
        prop_assert_eq!(name.is_empty(), bytes.first().is_none_or(|byte| *byte == 0));
        prop_assert_eq!(Name::from_bytes(name.as_str().as_bytes()), name);
    }

    #[test]
    fn any_word_is_a_reply_and_is_written_the_same(word: [u8; 4]) {
        prop_assert_eq!(Reply::parse(word).to_bytes(), word);
    }

    #[test]
    fn a_datagram_that_was_written_is_read_back(
        format in any_format(), seq: u16, copies in 1_u8..=4, blank_after in 1_u8..=4, seed: u8
    ) {
        let (incoming, outgoing) = channel_bytes(format.wants, format.channels);
        let header = |age: u8| Header {
            time_stamp: u64::from(age) + 1,
            seq: SeqNum(seq.wrapping_sub(u16::from(age))),
            frames: format.period.0 as u16,
            rate_code: rate_code(format.rate).unwrap(),
            bits: format.samples.bits(),
            incoming,
            outgoing,
        };
        let packet = |age: u8| -> Vec<u8> {
            let samples = (0..format.samples_len()).map(|i| (i as u8).wrapping_mul(31) ^ seed ^ age);
            header(age).to_bytes().into_iter().chain(samples).collect()
        };
        let blank = vec![0; Header::LEN + format.samples_len()];
        let bytes: Vec<u8> =
            (0..copies).flat_map(|age| if age < blank_after { packet(age) } else { blank.clone() }).collect();
        prop_assume!(bytes.len() != 63);

        let datagram = Datagram::parse(&bytes, HeaderKind::Default, None).unwrap();
        prop_assert_eq!(datagram.format(), format);
        prop_assert_eq!(datagram.redundancy(), copies);
        prop_assert_eq!(datagram.newest(), SeqNum(seq));
        let packets: Vec<_> = datagram.packets().collect();
        prop_assert_eq!(packets.len(), usize::from(copies.min(blank_after)));
        for (age, read) in (0..).zip(&packets) {
            prop_assert_eq!(read.header, header(age));
            prop_assert_eq!(read.samples, &packet(age)[Header::LEN..]);
        }
    }

    #[test]
    fn no_bytes_panic(bytes in vec(any::<u8>(), 0..600), kind in any_kind(), format in any_format()) {
        for fallback in [None, Some(format)] {
            if let Ok(datagram) = Datagram::parse(&bytes, kind, fallback) {
                look_at(&datagram);
            }
        }
        let _ = (Header::parse(&bytes), Control::parse(&bytes), classify_words(&bytes));
    }

    #[test]
    fn no_header_panics(header in any_header(), copies in 0_usize..5, surplus in 0_usize..3) {
        let announced = header.format().map_or(100, |format| format.samples_len());
        // Few enough bytes that a lot of cases can be tried; larger periods come in the fuzz targets.
        prop_assume!(announced < 10_000);
        let mut bytes = vec![1; (Header::LEN + announced) * copies + surplus];
        for (age, packet) in (0..).zip(bytes.chunks_exact_mut(Header::LEN + announced)) {
            Header { seq: SeqNum(header.seq.0.wrapping_sub(age)), ..header }.write(packet);
        }
        if let Ok(datagram) = Datagram::parse(&bytes, HeaderKind::Default, None) {
            prop_assert_eq!(surplus, 0);
            prop_assert_eq!(usize::from(datagram.redundancy()), copies);
            look_at(&datagram);
        } else {
            prop_assert!(header.format().is_err() || surplus > 0 || copies == 0 || bytes.len() == 63);
        }
    }

    #[test]
    fn a_control_datagram_that_was_written_is_read_back(stamp: u64, [due, lost, bursts]: [u32; 3], depth: u16, ends: [bool; 2], text: Vec<u8>, name: String) {
        let piece = Piece::new(due, depth, ends, &text);
        prop_assert_eq!(piece.text(), &text[..text.len().min(PIECE_TEXT)]);
        let chat = [Control::Chat(piece), Control::Heard { talk: due, number: depth }];
        let reception = Control::Reception(Reception { due, lost, bursts, depth });
        let wanted = Control::Wanted(Wanted { first: SeqNum(depth), missing: stamp });
        let pings = [Control::Ping { stamp }, Control::Pong { stamp }];
        let keep = Control::Keep(Keep { from: SeqNum(depth) });
        let kept = Control::Kept(Kept { oldest: SeqNum(depth), count: lost as u16 });
        let (packet, heard) = (SeqNum(depth), SeqNum(due as u16));
        let hearing = Control::Hearing(Hearing { packet, heard, offset: lost, step: due });
        let name = &name[..name.floor_char_boundary(NAME_ROOM)];
        let called = Name::new(name);
        prop_assume!(called.as_str().len() <= NAME_ROOM);
        let others = [keep, kept, hearing, Control::SentAway { seconds: lost }, Control::Called(called), Control::Coloured(None), Control::Coloured(Some([lost as u8, due as u8, 0]))];
        for control in [Control::Stop, Control::Unknown, reception, wanted].into_iter().chain(others).chain(pings).chain(chat) {
            prop_assert_eq!(Control::parse(&control.to_bytes()), Some(control));
        }
    }

    #[test]
    fn any_bytes_are_a_repair_datagram_or_not_and_never_also_audio(bytes in vec(any::<u8>(), 0..100), honest: bool) {
        let mut bytes = bytes;
        if honest && bytes.len() > 16 {
            bytes[..8].copy_from_slice(b"FARSEND\x01");
            bytes[10..12].fill(0);
            let length = bytes.len().saturating_sub(20) as u16;
            bytes[14..16].copy_from_slice(&length.to_le_bytes());
        }
        if let Ok(repair) = Repair::parse(&bytes) {
            prop_assert!(Datagram::parse(&bytes, HeaderKind::Default, None).is_err());
            prop_assert!((1..=MAX_SPAN).contains(&repair.count));
            let header = Repair::header(repair.first, repair.count, repair.index, repair.length() as u16);
            prop_assert_eq!([&header, repair.parity].concat(), bytes);
        }
    }

    #[test]
    fn floats_come_back_as_they_were(samples in vec(finite(), 0..100)) {
        let decoded = there_and_back(SampleFormat::F32, &samples);
        let bits = |samples: &[f32]| samples.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&decoded), bits(&samples));
    }

    #[test]
    fn samples_come_back_within_a_step_of_their_format(samples in vec(-1.0_f32..=1.0, 0..100)) {
        for format in [SampleFormat::I8, SampleFormat::I16, SampleFormat::I24] {
            let full = 2_f64.powi(i32::from(format.bits()) - 1);
            for (x, back) in samples.iter().zip(there_and_back(format, &samples)) {
                let (x, back) = (f64::from(*x), f64::from(back));
                let expected = if format == SampleFormat::I24 { x } else { x * (full - 1.0) / full };
                prop_assert!((back - expected).abs() <= 1.0 / full, "{x} came back as {back} from {format:?}");
                prop_assert!((-1.0..1.0).contains(&back));
            }
        }
    }

    #[test]
    fn encoding_is_what_the_specification_says_to_the_bit(x in finite()) {
        let mut bytes = [0; 4];
        let wide = f64::from(x);

        SampleFormat::I8.encode(&[x], &mut bytes);
        prop_assert_eq!(f64::from(bytes[0] as i8), (127.0 * wide).round().clamp(-127.0, 127.0));

        SampleFormat::I16.encode(&[x], &mut bytes);
        let value = i16::from_le_bytes([bytes[0], bytes[1]]);
        prop_assert_eq!(f64::from(value), (32_767.0 * wide).round().clamp(-32_767.0, 32_767.0));

        SampleFormat::I24.encode(&[x], &mut bytes);
        let value = i32::from_le_bytes([0, bytes[2], bytes[0], bytes[1]]) >> 8;
        let expected = (8_388_608.0 * wide).floor().clamp(-8_388_608.0, 8_388_607.0);
        prop_assert_eq!(f64::from(value), expected);
    }

    #[test]
    fn integers_survive_any_number_of_trips_at_24_bits(bytes in vec(any::<u8>(), 3..300)) {
        let mut samples = vec![0.0; bytes.len() / 3];
        SampleFormat::I24.decode(&bytes, &mut samples);
        let mut again = vec![0; samples.len() * 3];
        SampleFormat::I24.encode(&samples, &mut again);
        prop_assert_eq!(&again, &bytes[..again.len()]);
    }

    #[test]
    fn slices_of_different_length_use_the_shorter(samples in 0_usize..20, bytes in 0_usize..80) {
        for format in SampleFormat::ALL {
            let mut out = vec![0xaa; bytes];
            format.encode(&vec![0.0; samples], &mut out);
            let whole = samples.min(bytes / format.bytes());
            prop_assert_eq!(out.iter().filter(|&&byte| byte == 0).count(), whole * format.bytes());

            let mut out = vec![9.0; samples];
            format.decode(&vec![0; bytes], &mut out);
            prop_assert_eq!(out.iter().filter(|&&x| x == 0.0).count(), whole);
        }
    }
}

#[test]
fn in_whole_numbers_what_is_none_becomes_silence_and_what_is_infinite_clips() {
    for quiet in [
        f32::NAN,
        -f32::NAN,
        f32::from_bits(0x7fff_ffff),
        f32::from_bits(0xff80_0001),
    ] {
        for format in [SampleFormat::I8, SampleFormat::I16, SampleFormat::I24] {
            assert_eq!(there_and_back(format, &[quiet]), [0.0], "{format:?}");
        }
    }
    for (format, most, least) in [
        (SampleFormat::I8, 127.0 / 128.0, -127.0 / 128.0),
        (SampleFormat::I16, 32_767.0 / 32_768.0, -32_767.0 / 32_768.0),
        (SampleFormat::I24, 8_388_607.0 / 8_388_608.0, -1.0),
    ] {
        assert_eq!(
            there_and_back(format, &[f32::INFINITY, f32::NEG_INFINITY]),
            [most, least]
        );
    }
}

#[test]
fn floats_are_the_bits_that_were_sent() {
    for bits in [
        0,
        0x8000_0000,
        1,
        0x7149_f2ca,
        0x7f80_0000,
        0xffc0_0001,
        0x7fff_ffff,
    ] {
        let back = there_and_back(SampleFormat::F32, &[f32::from_bits(bits)]);
        assert_eq!(back[0].to_bits(), bits);
    }
}

/// Every float between two multiples of 2^-16 around ±0.5, where halves are rounded away from zero.
#[test]
fn halves_round_away_from_zero() {
    for sign in [1.0_f32, -1.0] {
        let half = 0.5 * sign;
        for x in [half, half.next_up(), half.next_down()] {
            let mut bytes = [0; 2];
            SampleFormat::I16.encode(&[x], &mut bytes);
            assert_eq!(
                f64::from(i16::from_le_bytes(bytes)),
                (32_767.0 * f64::from(x)).round()
            );
            SampleFormat::I8.encode(&[x], &mut bytes);
            assert_eq!(f64::from(bytes[0] as i8), (127.0 * f64::from(x)).round());
        }
    }
}

fn there_and_back(format: SampleFormat, samples: &[f32]) -> Vec<f32> {
    let mut bytes = vec![0; samples.len() * format.bytes()];
    format.encode(samples, &mut bytes);
    let mut back = vec![9.0; samples.len()];
    format.decode(&bytes, &mut back);
    back
}

fn look_at(datagram: &Datagram<'_>) {
    let mut out = [9.0; 70];
    for packet in datagram.packets().chain(datagram.packets().rev()) {
        assert_eq!(packet.samples.len(), datagram.format().samples_len());
        for channel in [0, 1, 253, 254, usize::MAX / 1024] {
            packet.decode_channel(channel, &mut out);
            let is_float = packet.header.bits == 32;
            assert!(out.iter().all(|x| is_float || x.abs() <= 1.0));
        }
    }
}

fn any_header() -> impl Strategy<Value = Header> {
    let frames = prop_oneof![any::<u16>(), 1_u16..=256];
    let codes = (
        prop_oneof![any::<u8>(), 0_u8..=7],
        prop_oneof![any::<u8>(), bits()],
    );
    let channels = (
        prop_oneof![any::<u8>(), 0_u8..=4],
        prop_oneof![any::<u8>(), 0_u8..=4],
    );
    (any::<u64>(), any::<u16>(), frames, codes, channels).prop_map(
        |(time_stamp, seq, frames, (rate_code, bits), (incoming, outgoing))| Header {
            time_stamp,
            seq: SeqNum(seq),
            frames,
            rate_code,
            bits,
            incoming,
            outgoing,
        },
    )
}

fn any_format() -> impl Strategy<Value = Format> {
    let rate = prop::sample::select(vec![
        22_050, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000,
    ]);
    (rate, 1_u32..=130, 1_u8..=5, 0_u8..=5, bits()).prop_map(
        |(rate, period, channels, wants, bits)| Format {
            rate: SampleRate(rate),
            period: Frames(period),
            channels: Channels(channels),
            wants: Channels(wants),
            samples: SampleFormat::from_bits(bits).unwrap(),
        },
    )
}

fn any_kind() -> impl Strategy<Value = HeaderKind> {
    prop::sample::select(vec![
        HeaderKind::Default,
        HeaderKind::JamLink,
        HeaderKind::Empty,
    ])
}

fn bits() -> impl Strategy<Value = u8> {
    prop::sample::select(vec![8_u8, 16, 24, 32])
}

/// Any float but NaN and infinities, with many near the range of audio.
fn finite() -> impl Strategy<Value = f32> {
    prop_oneof![
        -1.1_f32..1.1,
        any::<u32>()
            .prop_map(f32::from_bits)
            .prop_filter("finite", |x| x.is_finite()),
        (-65_536_i32..=65_536).prop_map(|k| k as f32 / 65_536.0),
    ]
}
