//! What is let through as an audio datagram, and what is said of the rest.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use farsend_units::{Channels, Frames, SampleRate, SeqNum};
use farsend_wire::SampleFormat;
use farsend_wire::jacktrip::{
    Control, Datagram, DatagramError, Format, Header, HeaderKind, STOP, channel_bytes, is_control,
    rate_code,
};

#[test]
fn the_first_packet_of_a_jacktrip_is_understood() {
    let bytes = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0, 3, 0x10, 2, 0];
    let header = Header::parse(&bytes).unwrap();
    assert_eq!(header, HEADER);
    assert_eq!(header.format(), Ok(FORMAT));
    assert_eq!(header.to_bytes(), bytes);
}

#[test]
fn a_whole_datagram_gives_its_packets_newest_first() {
    let bytes = datagram(&[header(7), header(6), header(5)]);
    let datagram = parse(&bytes).unwrap();
    assert_eq!(
        (datagram.format(), datagram.redundancy(), datagram.newest()),
        (FORMAT, 3, SeqNum(7))
    );
    assert_eq!(numbers(&datagram), [7, 6, 5]);
}

#[test]
fn copies_count_down_across_the_wrap() {
    let bytes = datagram(&[header(1), header(0), header(65_535)]);
    assert_eq!(numbers(&parse(&bytes).unwrap()), [1, 0, 65_535]);
}

#[test]
fn the_blank_packets_of_a_session_that_starts_are_left_out() {
    let mut bytes = datagram(&[header(0)]);
    bytes.resize(3 * PACKET, 0);
    let datagram = parse(&bytes).unwrap();
    assert_eq!((datagram.redundancy(), numbers(&datagram)), (3, vec![0]));
}

#[test]
fn a_blank_newest_packet_is_an_error() {
    assert_eq!(
        parse(&[0; PACKET]).unwrap_err(),
        DatagramError::Period { frames: 0 }
    );
}

#[test]
fn a_datagram_cut_anywhere_is_an_error() {
    let whole = datagram(&[header(7), header(6)]);
    for got in (0..whole.len()).filter(|&got| got != PACKET) {
        let error = match got {
            0..16 => DatagramError::Truncated { got },
            63 => DatagramError::Control,
            _ => DatagramError::Length {
                got,
                packet: PACKET,
            },
        };
        assert_eq!(parse(&whole[..got]).unwrap_err(), error);
    }
}

#[test]
fn a_datagram_longer_than_announced_is_an_error() {
    let mut bytes = datagram(&[header(7)]);
    bytes.push(0);
    let error = parse(&bytes).unwrap_err();
    assert_eq!(
        error,
        DatagramError::Length {
            got: PACKET + 1,
            packet: PACKET
        }
    );
    assert_eq!(
        error.to_string(),
        "529 bytes, not a whole number of packets of 528 bytes as the header announces"
    );
}

#[test]
fn headers_that_no_stream_can_have_are_errors() {
    let refused = |header: Header| parse(&datagram(&[header])).unwrap_err();
    for frames in [0, 8193, 65_535] {
        assert_eq!(
            refused(Header { frames, ..HEADER }),
            DatagramError::Period { frames }
        );
    }
    for (incoming, outgoing) in [(0, 0), (2, 255), (255, 0), (255, 2), (255, 255), (0, 255)] {
        let error = DatagramError::Channels { incoming, outgoing };
        assert_eq!(
            refused(Header {
                incoming,
                outgoing,
                ..HEADER
            }),
            error
        );
    }
    for code in [8, 99, 255] {
        assert_eq!(
            refused(Header {
                rate_code: code,
                ..HEADER
            }),
            DatagramError::Rate { code }
        );
    }
    for bits in [0, 7, 15, 20, 33, 64, 255] {
        assert_eq!(
            refused(Header { bits, ..HEADER }),
            DatagramError::Bits { bits }
        );
    }
}

#[test]
fn copies_of_another_format_or_number_are_errors() {
    let other = Header {
        rate_code: 2,
        ..header(6)
    };
    let error = parse(&datagram(&[header(7), other])).unwrap_err();
    assert_eq!(error, DatagramError::OlderDiffers { age: 1 });

    let error = parse(&datagram(&[header(7), header(6), header(4)])).unwrap_err();
    assert_eq!(
        error,
        DatagramError::OlderNumber {
            age: 2,
            got: 4,
            expected: 5
        }
    );
}

#[test]
fn more_than_64_packets_are_an_error() {
    let packets = |count: u16| {
        let header = |age| Header {
            frames: 1,
            incoming: 1,
            ..header(1000 - age)
        };
        (0..count)
            .map(header)
            .flat_map(|header| [&header.to_bytes()[..], &[1, 2]].concat())
            .collect::<Vec<_>>()
    };
    assert_eq!(parse(&packets(64)).unwrap().redundancy(), 64);
    assert_eq!(
        parse(&packets(65)).unwrap_err(),
        DatagramError::Redundancy { copies: 65 }
    );
    assert_eq!(
        parse(&packets(1000)).unwrap_err(),
        DatagramError::Redundancy { copies: 1000 }
    );
}

#[test]
fn channels_that_a_packet_does_not_have_decode_to_silence() {
    let mut bytes = datagram(&[header(7)]);
    bytes[16..].fill(0x40);
    let datagram = parse(&bytes).unwrap();
    let packet = datagram.packets().next().unwrap();
    let mut out = [9.0; 130];
    packet.decode_channel(1, &mut out);
    assert!(out[..128].iter().all(|&x| x == 16_448.0 / 32_768.0));
    assert_eq!(out[128..], [0.0, 0.0]);
    packet.decode_channel(2, &mut out);
    assert_eq!(out, [0.0; 130]);
    packet.decode_channel(usize::MAX / 256, &mut out);
    packet.decode_channel(0, &mut []);
}

#[test]
fn headers_that_say_less_take_the_rest_from_the_fallback() {
    let stereo = Format {
        period: Frames(64),
        ..FORMAT
    };
    let empty = |bytes: &[u8], fallback| {
        Datagram::parse(bytes, HeaderKind::Empty, fallback).map(|d| d.format())
    };
    assert_eq!(empty(&[1; 256], Some(stereo)), Ok(stereo));
    assert_eq!(empty(&[1; 512], Some(stereo)), Ok(stereo));
    assert_eq!(
        empty(&[1; 255], Some(stereo)),
        Err(DatagramError::Length {
            got: 255,
            packet: 256
        })
    );
    assert_eq!(
        empty(&[], Some(stereo)),
        Err(DatagramError::Length {
            got: 0,
            packet: 256
        })
    );
    assert_eq!(empty(&[1; 256], None), Err(DatagramError::NoFallback));
    let impossible = Format {
        period: Frames(u32::MAX),
        ..stereo
    };
    assert_eq!(
        empty(&[1; 256], Some(impossible)),
        Err(DatagramError::Period { frames: 65_535 })
    );

    let mono = Format {
        channels: Channels(1),
        wants: Channels(1),
        ..stereo
    };
    let mut bytes = vec![0; 136];
    bytes[..2].copy_from_slice(&[0x40, 0x40]);
    let jamlink =
        |bytes: &[u8]| Datagram::parse(bytes, HeaderKind::JamLink, Some(mono)).map(|d| d.format());
    assert_eq!(jamlink(&bytes), Ok(mono));
    bytes[1] = 0x4a;
    assert_eq!(jamlink(&bytes), Err(DatagramError::Rate { code: 5 }));
    assert_eq!(
        jamlink(&bytes[..7]),
        Err(DatagramError::Truncated { got: 7 })
    );
}

#[test]
fn rates_near_a_nominal_one_have_its_code_and_192000_has_7() {
    let rates = [22_050, 32_000, 44_100, 48_000, 88_200, 96_000];
    for (code, nominal) in (0..).zip(rates) {
        for rate in [nominal - 99, nominal, nominal + 99] {
            assert_eq!(rate_code(SampleRate(rate)), Some(code));
        }
        assert_eq!(rate_code(SampleRate(nominal + 100)), None);
        assert_eq!(rate_code(SampleRate(nominal - 100)), None);
    }
    assert_eq!(rate_code(SampleRate(192_000)), Some(7));
    for rate_code in [6, 7] {
        assert_eq!(
            Header {
                rate_code,
                ..HEADER
            }
            .rate(),
            Some(SampleRate(192_000))
        );
    }
    assert_eq!(rate_code(SampleRate(0)), None);
    assert_eq!(rate_code(SampleRate(16_000)), None);
}

#[test]
fn as_many_channels_both_ways_are_announced_as_jacktrip_1_3_would() {
    assert_eq!(channel_bytes(Channels(2), Channels(2)), (2, 0));
    assert_eq!(channel_bytes(Channels(2), Channels(1)), (2, 1));
    assert_eq!(channel_bytes(Channels(0), Channels(2)), (0, 2));
    assert_eq!(channel_bytes(Channels(2), Channels(0)), (2, 255));
    assert_eq!(channel_bytes(Channels(0), Channels(0)), (0, 255));
}

#[test]
fn control_datagrams_are_known_by_their_length() {
    assert_eq!(Control::parse(&STOP), Some(Control::Stop));
    assert_eq!(Control::parse(&[0xff; 62]), None);
    assert_eq!(Control::parse(&[0xff; 64]), None);
    assert_eq!(Control::parse(&[0; 63]), Some(Control::Unknown));
    let mut almost = STOP;
    almost[62] = 0xfe;
    assert_eq!(Control::parse(&almost), Some(Control::Unknown));
    assert!(is_control(&almost));
}

#[test]
fn a_ping_of_another_version_or_with_something_behind_it_is_not_taken_for_one() {
    let ping = Control::Ping { stamp: u64::MAX }.to_bytes();
    assert_eq!(
        Control::parse(&ping),
        Some(Control::Ping { stamp: u64::MAX })
    );
    for at in [0, 6, 7, 8, 17, 62] {
        let mut other = ping;
        other[at] ^= 4;
        assert_eq!(Control::parse(&other), Some(Control::Unknown), "byte {at}");
    }
}

fn parse(bytes: &[u8]) -> Result<Datagram<'_>, DatagramError> {
    Datagram::parse(bytes, HeaderKind::Default, None)
}

fn numbers(datagram: &Datagram<'_>) -> Vec<u16> {
    datagram
        .packets()
        .map(|packet| packet.header.seq.0)
        .collect()
}

fn header(seq: u16) -> Header {
    Header {
        seq: SeqNum(seq),
        ..HEADER
    }
}

/// Packets of 128 frames of 16-bit stereo.
fn datagram(headers: &[Header]) -> Vec<u8> {
    headers
        .iter()
        .flat_map(|header| [&header.to_bytes()[..], &[0; PACKET - 16]].concat())
        .collect()
}

const PACKET: usize = 528;

const FORMAT: Format = Format {
    rate: SampleRate::HZ_48000,
    period: Frames(128),
    channels: Channels(2),
    wants: Channels(2),
    samples: SampleFormat::I16,
};

const HEADER: Header = Header {
    time_stamp: 1,
    seq: SeqNum(0),
    frames: 128,
    rate_code: 3,
    bits: 16,
    incoming: 2,
    outgoing: 0,
};
