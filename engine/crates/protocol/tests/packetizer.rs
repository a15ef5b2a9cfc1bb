//! What leaves for the network when blocks come in.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use farsend_protocol::jacktrip::{Packetizer, PacketizerConfig, PacketizerError};
use farsend_units::{Channels, Frames, SampleRate, SeqNum};
use farsend_wire::SampleFormat;
use farsend_wire::jacktrip::{Datagram, HeaderKind};
use proptest::prelude::*;
use support::{SENDING, push};

#[test]
fn a_block_of_one_period_leaves_at_once() {
    let mut packetizer = Packetizer::new(SENDING).unwrap();
    for seq in 0..3 {
        let datagrams = push(&mut packetizer, &[&[0.5; 64], &[-0.5; 64]]);
        assert_eq!(datagrams.len(), 1);
        assert_eq!(datagrams[0].len(), packetizer.datagram_len());
        // As JackTrip 1.7.0 begins it, but for the period of 64 and the time.
        assert_eq!(datagrams[0][8..16], [seq, 0, 64, 0, 3, 16, 2, 0]);
        assert_eq!(datagrams[0][16..][..128], [0x00, 0x40].repeat(64));
        assert_eq!(datagrams[0][16 + 128..], [0x00, 0xc0].repeat(64));
    }
    assert_eq!(
        (packetizer.seq(), packetizer.pending()),
        (SeqNum(3), Frames(0))
    );
}

#[test]
fn the_time_stamp_is_that_of_the_block_that_completes_the_packet() {
    let mut packetizer = Packetizer::new(SENDING).unwrap();
    let mut stamps = Vec::new();
    for time in [1_800_000_000_000_000_u64, 1_800_000_000_001_000] {
        packetizer.push(time, &[&[0.0; 40]], &mut |bytes| {
            stamps.push(bytes[..8].to_vec());
        });
    }
    assert_eq!(stamps, [1_800_000_000_001_000_u64.to_le_bytes()]);
}

#[test]
fn asymmetric_channels_are_announced() {
    let asymmetric = PacketizerConfig {
        send: Channels(1),
        receive: Channels(2),
        ..SENDING
    };
    let datagrams = push(&mut Packetizer::new(asymmetric).unwrap(), &[&[0.0; 64]]);
    assert_eq!(datagrams[0].len(), 16 + 64 * 2);
    assert_eq!(datagrams[0][14..16], [2, 1]);
    let format = Datagram::parse(&datagrams[0], HeaderKind::Default, None)
        .unwrap()
        .format();
    assert_eq!((format.channels, format.wants), (Channels(1), Channels(2)));
}

#[test]
fn missing_channels_and_short_ones_are_silent_and_surplus_ones_are_dropped() {
    let mut packetizer = Packetizer::new(SENDING).unwrap();
    let one = push(&mut packetizer, &[&[0.5; 64]]);
    assert_eq!(lines(&one[0]), [vec![0.5; 64], vec![0.0; 64]]);

    let uneven = push(&mut packetizer, &[&[0.5; 10], &[0.25; 64]]);
    let expected: Vec<f32> = (0..64).map(|i| if i < 10 { 0.5 } else { 0.0 }).collect();
    assert_eq!(lines(&uneven[0]), [expected, vec![0.25; 64]]);

    let three = push(&mut packetizer, &[&[0.5; 64], &[0.25; 64], &[1.0; 64]]);
    assert_eq!(lines(&three[0]), [vec![0.5; 64], vec![0.25; 64]]);

    assert_eq!(push(&mut packetizer, &[]), Vec::<Vec<u8>>::new());
}

#[test]
fn each_datagram_repeats_the_packets_before_it_and_starts_with_blanks() {
    let mut packetizer = Packetizer::new(PacketizerConfig {
        redundancy: 3,
        ..SENDING
    })
    .unwrap();
    let packet = packetizer.datagram_len() / 3;
    let datagrams: Vec<_> = [0.1, 0.2, 0.3, 0.4]
        .iter()
        .flat_map(|&x| push(&mut packetizer, &[&[x; 64]]))
        .collect();
    assert!(datagrams[0][packet..].iter().all(|&byte| byte == 0));
    assert!(datagrams[1][2 * packet..].iter().all(|&byte| byte == 0));
    for pair in datagrams.windows(2) {
        assert_eq!(pair[0][..2 * packet], pair[1][packet..]);
    }
    let numbers = |bytes: &[u8]| -> Vec<u16> {
        let datagram = Datagram::parse(bytes, HeaderKind::Default, None).unwrap();
        datagram
            .packets()
            .map(|packet| packet.header.seq.0)
            .collect()
    };
    assert_eq!(numbers(&datagrams[0]), [0]);
    assert_eq!(numbers(&datagrams[3]), [3, 2, 1]);
}

#[test]
fn numbers_wrap() {
    let mut packetizer = Packetizer::new(PacketizerConfig {
        period: Frames(1),
        redundancy: 2,
        ..SENDING
    })
    .unwrap();
    let mut numbers = Vec::new();
    packetizer.push(1, &[&vec![0.0; 65_538]], &mut |bytes| {
        let datagram = Datagram::parse(bytes, HeaderKind::Default, None).unwrap();
        numbers.push(
            datagram
                .packets()
                .map(|packet| packet.header.seq.0)
                .collect::<Vec<_>>(),
        );
    });
    assert_eq!(
        numbers[65_534..],
        [[65_534, 65_533], [65_535, 65_534], [0, 65_535], [1, 0]]
    );
}

#[test]
fn the_sample_format_changes_with_the_next_packet_and_copies_of_the_old_one_are_not_sent() {
    let mut packetizer = Packetizer::new(PacketizerConfig {
        redundancy: 2,
        ..SENDING
    })
    .unwrap();
    push(&mut packetizer, &[&[0.1; 64]]);
    push(&mut packetizer, &[&[0.2; 32]]);
    packetizer
        .set_stream(SENDING.rate, SENDING.period, SampleFormat::F32)
        .unwrap();
    let old = push(&mut packetizer, &[&[0.2; 32]]);
    assert_eq!((old[0].len(), old[0][13]), (2 * (16 + 64 * 2 * 2), 16));

    let new = push(&mut packetizer, &[&[0.3; 128]]);
    assert_eq!(new[0].len(), 2 * (16 + 64 * 2 * 4));
    let packets = |bytes: &[u8]| -> Vec<(u16, u8)> {
        let datagram = Datagram::parse(bytes, HeaderKind::Default, None).unwrap();
        datagram
            .packets()
            .map(|packet| (packet.header.seq.0, packet.header.bits))
            .collect()
    };
    assert_eq!(
        (packets(&new[0]), packets(&new[1])),
        (vec![(2, 32)], vec![(3, 32), (2, 32)])
    );
}

#[test]
fn a_format_that_does_not_fit_a_datagram_is_refused_and_nothing_changes() {
    let large = PacketizerConfig {
        send: Channels(16),
        period: Frames(1024),
        ..SENDING
    };
    let mut packetizer = Packetizer::new(large).unwrap();
    let too_large = PacketizerError::TooLarge { bytes: 65_552 };
    assert_eq!(
        packetizer.set_stream(large.rate, large.period, SampleFormat::F32),
        Err(too_large)
    );
    assert_eq!(
        push(&mut packetizer, &[&[0.0; 1024]])[0].len(),
        16 + 16 * 1024 * 2
    );
    assert_eq!(
        Packetizer::new(PacketizerConfig {
            redundancy: 2,
            ..large
        })
        .unwrap_err(),
        too_large_twice()
    );
    assert_eq!(
        too_large.to_string(),
        "datagrams of 65552 bytes, more than the 65507 of UDP: take fewer channels, bits or frames, \
         or less redundancy"
    );
}

#[test]
fn what_the_header_cannot_say_is_refused() {
    let refused = |config| Packetizer::new(config).unwrap_err();
    for period in [Frames(0), Frames(8193), Frames(u32::MAX)] {
        assert_eq!(
            refused(PacketizerConfig { period, ..SENDING }),
            PacketizerError::Period(period)
        );
    }
    for (send, receive) in [(0, 2), (255, 2), (2, 255)].map(|(a, b)| (Channels(a), Channels(b))) {
        let error = PacketizerError::Channels { send, receive };
        assert_eq!(
            refused(PacketizerConfig {
                send,
                receive,
                ..SENDING
            }),
            error
        );
    }
    for redundancy in [0, 65, 255] {
        let error = PacketizerError::Redundancy(redundancy);
        assert_eq!(
            refused(PacketizerConfig {
                redundancy,
                ..SENDING
            }),
            error
        );
    }
    let rate = SampleRate(11_025);
    assert_eq!(
        refused(PacketizerConfig { rate, ..SENDING }),
        PacketizerError::Rate(rate)
    );
    let jamlink = PacketizerConfig {
        header: HeaderKind::JamLink,
        ..SENDING
    };
    assert!(matches!(refused(jamlink), PacketizerError::JamLink { .. }));
    // 63 bytes of samples and no header.
    let control = PacketizerConfig {
        header: HeaderKind::Empty,
        send: Channels(1),
        period: Frames(63),
        samples: SampleFormat::I8,
        ..SENDING
    };
    assert_eq!(refused(control), PacketizerError::LooksLikeControl);
}

#[test]
fn the_other_headers_are_those_of_jacktrip() {
    let jamlink = PacketizerConfig {
        header: HeaderKind::JamLink,
        send: Channels(1),
        ..SENDING
    };
    let mut packetizer = Packetizer::new(jamlink).unwrap();
    for _ in 0..2 {
        let datagrams = push(&mut packetizer, &[&[0.0; 64]]);
        assert_eq!(
            (datagrams[0].len(), &datagrams[0][..8]),
            (136, &[0x40, 0x40, 0, 0, 0, 0, 0, 0][..])
        );
    }
    let empty = PacketizerConfig {
        header: HeaderKind::Empty,
        period: Frames(128),
        ..SENDING
    };
    assert_eq!(
        push(&mut Packetizer::new(empty).unwrap(), &[&[0.0; 128]])[0].len(),
        512
    );
}

#[test]
fn a_reset_forgets_what_was_sent_but_counts_on() {
    let mut packetizer = Packetizer::new(PacketizerConfig {
        redundancy: 2,
        ..SENDING
    })
    .unwrap();
    push(&mut packetizer, &[&[0.5; 100]]);
    packetizer.reset();
    let datagrams = push(&mut packetizer, &[&[0.25; 64]]);
    let datagram = Datagram::parse(&datagrams[0], HeaderKind::Default, None).unwrap();
    assert_eq!(
        (datagram.newest(), datagram.packets().count()),
        (SeqNum(1), 1)
    );
    assert_eq!(lines(&datagrams[0])[0], [0.25; 64]);
}

proptest! {
    #[test]
    fn blocks_of_any_size_leave_as_the_same_audio_in_periods(
        blocks in prop::collection::vec(prop_oneof![1_usize..=4096, 1_usize..=65, 0_usize..=2], 1..12),
        period in prop_oneof![1_u32..=600, Just(64), Just(128)],
        redundancy in 1_u8..=3,
    ) {
        let config =
            PacketizerConfig { period: Frames(period), redundancy, samples: SampleFormat::F32, ..SENDING };
        let mut packetizer = Packetizer::new(config).unwrap();
        let sample = |i: usize, channel: usize| (i + 1) as f32 * if channel == 0 { 1.0 } else { -1.0 };
        let mut pushed = 0;
        let mut came = [Vec::new(), Vec::new()];
        let mut numbers = Vec::new();
        for frames in blocks {
            let block = [0, 1].map(|channel| -> Vec<f32> {
                (pushed..pushed + frames).map(|i| sample(i, channel)).collect()
            });
            pushed += frames;
            for datagram in push(&mut packetizer, &[&block[0], &block[1]]) {
                let parsed = Datagram::parse(&datagram, HeaderKind::Default, None).unwrap();
                numbers.push(usize::from(parsed.newest().0));
                for (line, came) in lines(&datagram).into_iter().zip(&mut came) {
                    came.extend(line);
                }
            }
            // No delay: what makes a whole period has left.
            prop_assert_eq!(came[0].len(), pushed / period as usize * period as usize);
            prop_assert_eq!(packetizer.pending().get(), pushed % period as usize);
        }
        prop_assert_eq!(&numbers, &(0..numbers.len()).map(|i| i % 65_536).collect::<Vec<_>>());
        for (channel, came) in came.iter().enumerate() {
            prop_assert!(came.iter().enumerate().all(|(i, &x)| x == sample(i, channel)));
        }
    }
}

/// The channels of the newest packet.
fn lines(datagram: &[u8]) -> Vec<Vec<f32>> {
    let datagram = Datagram::parse(datagram, HeaderKind::Default, None).unwrap();
    let packet = datagram.packets().next().unwrap();
    let decode = |channel| {
        let mut line = vec![9.0; datagram.format().period.get()];
        packet.decode_channel(channel, &mut line);
        line
    };
    (0..datagram.format().channels.get()).map(decode).collect()
}

fn too_large_twice() -> PacketizerError {
    PacketizerError::TooLarge {
        bytes: 2 * (16 + 16 * 1024 * 2),
    }
}

#[test]
fn another_rate_and_period_begin_with_a_packet_of_their_own_and_the_next_number() {
    let mut packetizer = Packetizer::new(PacketizerConfig {
        header: HeaderKind::Default,
        rate: SampleRate::HZ_48000,
        period: Frames(64),
        send: Channels(1),
        receive: Channels(1),
        samples: SampleFormat::I16,
        redundancy: 2,
    })
    .unwrap();
    packetizer.push(1, &[&[0.5; 100]], &mut |_| {});
    packetizer
        .set_stream(SampleRate::HZ_44100, Frames(96), SampleFormat::I24)
        .unwrap();
    let mut sent = Vec::new();
    packetizer.push(2, &[&[0.25; 96]], &mut |datagram| {
        sent.push(datagram.to_vec());
    });
    assert_eq!(sent.len(), 1, "the 36 frames from before are gone");
    assert_eq!(sent[0].len(), 2 * (16 + 96 * 3));
    let header = farsend_wire::jacktrip::Header::parse(&sent[0]).unwrap();
    assert_eq!(header.rate(), Some(SampleRate::HZ_44100));
    assert_eq!(
        (header.seq, header.frames, header.bits),
        (SeqNum(1), 96, 24)
    );
    let older = &sent[0][16 + 96 * 3..];
    assert!(older.iter().all(|byte| *byte == 0), "no copies of before");
    let refused = packetizer.set_stream(SampleRate(12_345), Frames(96), SampleFormat::I24);
    assert!(refused.is_err());
    assert_eq!(packetizer.config().rate, SampleRate::HZ_44100);
}
