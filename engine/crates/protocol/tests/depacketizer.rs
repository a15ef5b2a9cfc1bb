//! Where a datagram's packets belong: numbers, copies, restarts, changes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use farsend_protocol::jacktrip::{Continuity, Depacketizer, Packetizer, PacketizerConfig, Taken};
use farsend_units::{Channels, Frames};
use farsend_wire::SampleFormat;
use farsend_wire::jacktrip::{DatagramError, Format, HeaderKind, Stamp};
use support::{FORMAT, SENDING, audio, datagram, numbers, push, take};

#[test]
fn packets_in_order_are_numbered_in_order() {
    let mut depacketizer = depacketizer();
    let (first, delivered) = take(&mut depacketizer, &audio(FORMAT, 500));
    assert_eq!(first, Taken::First { format: FORMAT });
    assert_eq!(
        (
            delivered[0].number,
            delivered[0].anew,
            delivered[0].redundant
        ),
        (500, true, false)
    );

    let (next, delivered) = take(&mut depacketizer, &audio(FORMAT, 501));
    assert_eq!(
        next,
        Taken::Audio {
            format: FORMAT,
            redundancy: 1
        }
    );
    assert_eq!((delivered[0].number, delivered[0].anew), (501, false));
    assert_eq!(
        (depacketizer.format(), depacketizer.counts().packets),
        (Some(FORMAT), 2)
    );
}

#[test]
fn numbers_go_on_across_the_wrap() {
    let mut depacketizer = depacketizer();
    let seqs = [65_534, 65_535, 0, 1, 65_535, 2];
    let got: Vec<_> = seqs
        .iter()
        .flat_map(|&seq| numbers(&mut depacketizer, &audio(FORMAT, seq)))
        .collect();
    assert_eq!(got, [65_534, 65_535, 65_536, 65_537, 65_535, 65_538]);
}

#[test]
fn numbers_go_on_for_many_wraps() {
    let mut depacketizer = depacketizer();
    let mut bytes = audio(
        Format {
            period: Frames(1),
            ..FORMAT
        },
        0,
    );
    for number in 0..200_000_i64 {
        bytes[8..10].copy_from_slice(&(number as u16).to_le_bytes());
        assert_eq!(numbers(&mut depacketizer, &bytes), [number]);
    }
}

#[test]
fn what_comes_late_or_twice_is_passed_on_for_the_jitter_buffer_to_count() {
    let mut depacketizer = depacketizer();
    take(&mut depacketizer, &audio(FORMAT, 10));
    take(&mut depacketizer, &audio(FORMAT, 13));
    let (taken, delivered) = take(&mut depacketizer, &audio(FORMAT, 11));
    assert_eq!(
        (taken, delivered[0].number, delivered[0].redundant),
        (Taken::Behind { by: 2 }, 11, false)
    );
    let (taken, delivered) = take(&mut depacketizer, &audio(FORMAT, 13));
    assert_eq!((taken, delivered.len()), (Taken::Behind { by: 0 }, 1));
    assert_eq!(
        (depacketizer.counts().skipped, depacketizer.counts().behind),
        (2, 2)
    );
}

#[test]
fn copies_fill_gaps_and_are_not_delivered_twice() {
    let mut depacketizer = depacketizer();
    assert_eq!(
        numbers(&mut depacketizer, &datagram(FORMAT, &[2, 1, 0])),
        [0, 1, 2]
    );
    assert_eq!(
        numbers(&mut depacketizer, &datagram(FORMAT, &[3, 2, 1])),
        [3]
    );
    let (_, delivered) = take(&mut depacketizer, &datagram(FORMAT, &[6, 5, 4]));
    let got: Vec<_> = delivered
        .iter()
        .map(|delivered| (delivered.number, delivered.redundant))
        .collect();
    assert_eq!(got, [(4, true), (5, true), (6, false)]);
    // 4 and 5 come after all: the newest of a datagram is always passed on, its copies are known.
    assert_eq!(
        numbers(&mut depacketizer, &datagram(FORMAT, &[5, 4, 3])),
        [5]
    );
    assert_eq!(depacketizer.counts().revived, 4);
}

#[test]
fn copies_fill_gaps_across_the_wrap() {
    let mut depacketizer = depacketizer();
    take(&mut depacketizer, &datagram(FORMAT, &[65_534, 65_533]));
    assert_eq!(
        numbers(&mut depacketizer, &datagram(FORMAT, &[0, 65_535])),
        [65_535, 65_536]
    );
    assert_eq!(
        numbers(&mut depacketizer, &datagram(FORMAT, &[2, 1])),
        [65_537, 65_538]
    );
}

#[test]
fn every_copy_is_used_that_a_datagram_has() {
    for redundancy in [2, 5, 16, 64_u16] {
        let mut depacketizer = depacketizer();
        let whole = |newest: u16| {
            let seqs: Vec<u16> = (0..redundancy)
                .map(|age| newest.wrapping_sub(age))
                .collect();
            datagram(ONE_FRAME, &seqs)
        };
        take(&mut depacketizer, &whole(1000));
        let came = numbers(&mut depacketizer, &whole(1000 + redundancy));
        let expected: Vec<_> = (1001..=1000 + i64::from(redundancy)).collect();
        assert_eq!(came, expected, "all lost but one in {redundancy}");
    }
}

#[test]
fn copies_in_a_datagram_that_was_overtaken_are_used() {
    let mut depacketizer = depacketizer();
    take(&mut depacketizer, &datagram(FORMAT, &[2, 1, 0]));
    // 3 to 5 are lost; what brings 4 and 5 along is overtaken by what brings 7.
    assert_eq!(
        numbers(&mut depacketizer, &datagram(FORMAT, &[9, 8, 7])),
        [7, 8, 9]
    );
    let (taken, delivered) = take(&mut depacketizer, &datagram(FORMAT, &[6, 5, 4]));
    assert_eq!(taken, Taken::Behind { by: 3 });
    let got: Vec<_> = delivered
        .iter()
        .map(|one| (one.number, one.redundant))
        .collect();
    assert_eq!(got, [(4, true), (5, true), (6, false)]);
}

#[test]
fn one_far_number_is_not_believed_but_a_second_one_near_it_is() {
    let mut depacketizer = depacketizer();
    take(&mut depacketizer, &audio(FORMAT, 30_000));
    assert_eq!(
        take(&mut depacketizer, &audio(FORMAT, 0)),
        (Taken::Stray, vec![])
    );
    assert_eq!(
        numbers(&mut depacketizer, &audio(FORMAT, 30_001)),
        [30_001],
        "it was a stray"
    );

    assert_eq!(
        take(&mut depacketizer, &audio(FORMAT, 0)),
        (Taken::Stray, vec![])
    );
    let (taken, delivered) = take(&mut depacketizer, &audio(FORMAT, 1));
    assert_eq!(taken, Taken::Restarted { format: FORMAT });
    assert!(delivered[0].anew && delivered[0].number > 30_001);
    assert_eq!(delivered[0].number % 65_536, 1);
    let next = numbers(&mut depacketizer, &audio(FORMAT, 2));
    assert_eq!(next, [delivered[0].number + 1]);
    assert_eq!(
        (depacketizer.counts().restarts, depacketizer.counts().strays),
        (1, 2)
    );
}

#[test]
fn a_thousand_packets_ahead_is_a_gap_and_one_more_is_far() {
    let mut depacketizer = depacketizer();
    take(&mut depacketizer, &audio(FORMAT, 0));
    assert_eq!(numbers(&mut depacketizer, &audio(FORMAT, 1000)), [1000]);
    assert_eq!(
        take(&mut depacketizer, &audio(FORMAT, 2001)).0,
        Taken::Stray
    );
    assert_eq!(
        numbers(&mut depacketizer, &audio(FORMAT, 0)),
        [0],
        "a thousand behind is late"
    );
}

#[test]
fn after_a_break_any_number_is_believed_at_once() {
    for (seq, restarts) in [
        (0, true),
        (499, true),
        (500, true),
        (501, false),
        (1500, false),
        (1501, true),
    ] {
        let mut depacketizer = depacketizer();
        take(&mut depacketizer, &audio(FORMAT, 500));
        depacketizer.note(Continuity::AfterBreak);
        let (taken, delivered) = take(&mut depacketizer, &audio(FORMAT, seq));
        assert_eq!(
            taken == Taken::Restarted { format: FORMAT },
            restarts,
            "{seq}"
        );
        assert_eq!((delivered.len(), delivered[0].anew), (1, restarts), "{seq}");
        assert!(delivered[0].number > 500);
    }
}

#[test]
fn a_sender_that_starts_again_with_slightly_lower_numbers_is_believed_after_31() {
    let mut depacketizer = depacketizer();
    take(&mut depacketizer, &audio(FORMAT, 500));
    for seq in 0..31 {
        assert_eq!(
            take(&mut depacketizer, &audio(FORMAT, seq)).0,
            Taken::Behind { by: 500 - seq }
        );
    }
    assert_eq!(
        take(&mut depacketizer, &audio(FORMAT, 31)).0,
        Taken::Restarted { format: FORMAT }
    );
    assert_eq!(
        take(&mut depacketizer, &audio(FORMAT, 32)).0,
        Taken::Audio {
            format: FORMAT,
            redundancy: 1
        }
    );
}

#[test]
fn a_packet_that_overtakes_thirty_does_not_look_like_a_restart() {
    let mut depacketizer = depacketizer();
    take(&mut depacketizer, &audio(FORMAT, 0));
    take(&mut depacketizer, &audio(FORMAT, 31));
    for seq in (1..=30).chain([32]) {
        assert_eq!(
            numbers(&mut depacketizer, &audio(FORMAT, seq)),
            [i64::from(seq)]
        );
    }
    assert_eq!(depacketizer.counts().restarts, 0);
}

#[test]
fn the_next_sender_has_a_run_of_its_own() {
    let mut depacketizer = depacketizer();
    take(&mut depacketizer, &audio(FORMAT, 500));
    depacketizer.note(Continuity::NewSender);
    let (taken, delivered) = take(&mut depacketizer, &audio(FORMAT, 501));
    assert_eq!(taken, Taken::First { format: FORMAT });
    assert!(delivered[0].anew && delivered[0].number > 1500);
    depacketizer.note(Continuity::NewSender);
    depacketizer.note(Continuity::NewSender);
    let again = numbers(&mut depacketizer, &audio(FORMAT, 3))[0];
    assert!(again > delivered[0].number + 1000 && again % 65_536 == 3);
}

#[test]
fn a_change_of_format_is_a_new_run_and_what_is_late_of_the_old_one_is_stale() {
    let other = Format {
        period: Frames(128),
        channels: Channels(1),
        ..FORMAT
    };
    let mut depacketizer = depacketizer();
    take(&mut depacketizer, &audio(FORMAT, 10));
    let (taken, delivered) = take(&mut depacketizer, &audio(other, 12));
    assert_eq!(
        taken,
        Taken::FormatChanged {
            from: FORMAT,
            to: other
        }
    );
    assert_eq!(
        (
            delivered[0].anew,
            delivered[0].number,
            delivered[0].samples.len()
        ),
        (true, 12, 256)
    );
    assert_eq!(
        take(&mut depacketizer, &audio(FORMAT, 11)),
        (Taken::Stale, vec![])
    );
    assert_eq!(
        take(&mut depacketizer, &audio(other, 13)).0,
        Taken::Audio {
            format: other,
            redundancy: 1
        }
    );

    // The program was started again with other options: far off, and believed at once.
    let (taken, delivered) = take(&mut depacketizer, &audio(FORMAT, 40_000));
    assert_eq!(
        taken,
        Taken::FormatChanged {
            from: other,
            to: FORMAT
        }
    );
    assert!(delivered[0].anew && delivered[0].number >= 40_000);
    assert_eq!(depacketizer.counts().format_changes, 2);
}

#[test]
fn a_packetizer_that_changes_its_samples_is_followed_without_a_gap() {
    let config = PacketizerConfig {
        redundancy: 3,
        ..SENDING
    };
    let (mut packetizer, mut depacketizer) = (Packetizer::new(config).unwrap(), depacketizer());
    let mut got = Vec::new();
    for i in 0..20 {
        if i % 5 == 4 {
            let samples = [SampleFormat::F32, SampleFormat::I24, SampleFormat::I8][i / 5 % 3];
            let PacketizerConfig { rate, period, .. } = config;
            packetizer.set_stream(rate, period, samples).unwrap();
        }
        for bytes in push(&mut packetizer, &[&[0.5; 64]]) {
            got.extend(numbers(&mut depacketizer, &bytes));
        }
    }
    assert_eq!(got, (0..20).collect::<Vec<_>>());
    assert_eq!(depacketizer.counts().format_changes, 4);
}

#[test]
fn what_is_no_audio_changes_nothing() {
    let mut depacketizer = depacketizer();
    let whole = audio(FORMAT, 7);
    take(&mut depacketizer, &whole);
    for junk in [&[][..], &[0xff; 63], &[0; 1500], &whole[..271]] {
        assert!(
            matches!(take(&mut depacketizer, junk), (Taken::Malformed(_), delivered) if delivered.is_empty())
        );
    }
    assert_eq!(
        take(&mut depacketizer, &[0xff; 63]).0,
        Taken::Malformed(DatagramError::Control)
    );
    assert_eq!(numbers(&mut depacketizer, &audio(FORMAT, 8)), [8]);
    assert_eq!(
        (
            depacketizer.counts().malformed,
            depacketizer.counts().datagrams
        ),
        (5, 2)
    );
}

#[test]
fn the_32_bit_bug_of_a_peer_is_reported_and_floats_and_silence_are_not() {
    let wide = Format {
        samples: SampleFormat::F32,
        ..FORMAT
    };
    let with = |word: [u8; 4], seq| {
        let mut bytes = audio(wide, seq);
        bytes[16..].copy_from_slice(&word.repeat(128));
        bytes
    };
    let low_half = |x: f32| <[u8; 4]>::try_from(&f64::from(x).to_le_bytes()[..4]).unwrap();
    assert_eq!(low_half(0.1), [0, 0, 0, 0xa0]);

    let mut depacketizer = depacketizer();
    for (seq, x) in (0..).zip([0.0, 0.5, 0.1, 0.1, 0.1]) {
        assert!(!depacketizer.has_32_bit_bug());
        take(&mut depacketizer, &with(low_half(x), seq));
    }
    assert!(depacketizer.has_32_bit_bug());
    take(&mut depacketizer, &audio(FORMAT, 5));
    assert!(
        !depacketizer.has_32_bit_bug(),
        "at 16 bits there is no such bug"
    );

    let mut healthy = Depacketizer::new(HeaderKind::Default, None);
    for (seq, x) in (0..).zip([0.0_f32, -0.0, 2.0, 0.1, f32::from_bits(0x2000_0000), 0.0]) {
        take(&mut healthy, &with(x.to_le_bytes(), seq));
    }
    assert!(!healthy.has_32_bit_bug());
}

#[test]
fn what_the_32_bit_bug_leaves_of_a_peer_is_silence_from_the_first_packet_on_and_floats_are_what_they_are()
 {
    let wide = Format {
        samples: SampleFormat::F32,
        ..FORMAT
    };
    let with = |words: [f32; 2], seq| {
        let mut bytes = audio(wide, seq);
        let words: Vec<u8> = words.iter().flat_map(|x| x.to_le_bytes()).collect();
        bytes[16..].copy_from_slice(&words.repeat(64));
        bytes
    };
    let heard = |depacketizer: &mut Depacketizer, payload: &[u8]| {
        let mut out = [f32::NAN; 2];
        depacketizer.take(payload, &mut |arrival| {
            arrival.packet.decode_channel(0, &mut out);
        });
        out
    };
    // What it makes of samples with all their bits, and of samples with few.
    let loud = f32::from_bits(0xe000_0000);
    assert!(loud < -1e19);
    let mut disturbed = depacketizer();
    for (seq, words) in (0..).zip([
        [2.0, 0.0],
        [loud, -loud],
        [-2.0, 2.0],
        [loud, 0.0],
        [loud; 2],
    ]) {
        assert_eq!(heard(&mut disturbed, &with(words, seq)), [0.0; 2]);
    }
    assert!(disturbed.has_32_bit_bug());

    let mut healthy = depacketizer();
    for (seq, words) in (0..).zip([[0.1, 2.0], [2.0, -2.0], [0.0, 1.0], [loud, 0.0]]) {
        assert_eq!(heard(&mut healthy, &with(words, seq)), words);
    }
}

#[test]
fn behind_headers_without_numbers_packets_are_numbered_as_they_come() {
    let mut depacketizer = Depacketizer::new(HeaderKind::Empty, Some(FORMAT));
    let one = vec![1; FORMAT.samples_len()];
    let three = vec![1; 3 * FORMAT.samples_len()];
    let got: Vec<_> = [&one, &three, &three, &one]
        .iter()
        .flat_map(|bytes| numbers(&mut depacketizer, bytes))
        .collect();
    assert_eq!(got, [0, 1, 2, 3]);

    let mono = Format {
        channels: Channels(1),
        wants: Channels(1),
        ..FORMAT
    };
    let mut jamlink = Depacketizer::new(HeaderKind::JamLink, Some(mono));
    let mut bytes = vec![0; 136];
    bytes[..2].copy_from_slice(&[0x40, 0x40]);
    let got: Vec<_> = (0..4).flat_map(|_| numbers(&mut jamlink, &bytes)).collect();
    assert_eq!(got, [0, 1, 2, 3]);
}

const ONE_FRAME: Format = Format {
    period: Frames(1),
    ..FORMAT
};

#[test]
fn after_a_pause_a_farsends_run_goes_on_if_its_clock_says_so() {
    // Packets of 64 frames at 48 kHz: 750 a second.
    for (seconds, seq, number, skipped) in [
        (4, 3100, 3100, 2999),
        (60, 45_100, 45_100, 44_999),
        // Across a wrap; and with a clock that was set by 20 ms.
        (87, 65_250, 65_250, 65_149),
    ] {
        let mut depacketizer = depacketizer();
        take(&mut depacketizer, &made(100, 1_000_000));
        depacketizer.note(Continuity::AfterBreak);
        let (taken, delivered) = take(
            &mut depacketizer,
            &made(seq, 1_020_000 + seconds * 1_000_000),
        );
        assert!(matches!(taken, Taken::Audio { .. }), "{seconds}: {taken:?}");
        assert_eq!((delivered[0].number, delivered[0].anew), (number, false));
        assert_eq!(depacketizer.counts().skipped, skipped);
        assert_eq!(numbers(&mut depacketizer, &made(seq + 1, 0)), [number + 1]);
    }
}

#[test]
fn after_a_pause_a_farsend_that_has_begun_again_begins_a_run() {
    for (seconds, seq) in [
        (4_u64, 0),
        (4, 3300),
        (4, 100),
        (4, 99),
        (0, 2000),
        (100, 9464),
    ] {
        let mut depacketizer = depacketizer();
        take(&mut depacketizer, &made(100, 1_000_000));
        depacketizer.note(Continuity::AfterBreak);
        let datagram = made(seq, 1_000_000 + seconds * 1_000_000);
        let (taken, delivered) = take(&mut depacketizer, &datagram);
        assert!(
            matches!(taken, Taken::Restarted { .. }),
            "{seconds} {seq}: {taken:?}"
        );
        assert!(delivered[0].anew && delivered[0].number > 4000);
    }
    // Nor is it believed without a pause.
    let mut depacketizer = depacketizer();
    take(&mut depacketizer, &made(100, 1_000_000));
    let (taken, _) = take(&mut depacketizer, &made(3100, 5_000_000));
    assert_eq!(taken, Taken::Stray);
}

fn depacketizer() -> Depacketizer {
    Depacketizer::new(HeaderKind::Default, None)
}

/// A Farsend's packet that was made at this time.
fn made(seq: u16, micros: u64) -> Vec<u8> {
    let stamp = Stamp {
        micros,
        farsend: true,
        ..Stamp::default()
    };
    let mut bytes = audio(FORMAT, seq);
    bytes[..8].copy_from_slice(&stamp.to_u64().to_le_bytes());
    bytes
}
