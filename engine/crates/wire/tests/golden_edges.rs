//! Awkward samples (full scale and beyond, half steps, tiny values) to bytes and back, against what
//! JackTrip 1.7.0 and 2.7.2 make of them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use farsend_wire::SampleFormat;
use farsend_wire::jacktrip::{Datagram, HeaderKind, is_stop};
use support::capture;

#[test]
fn the_captures_hold_the_bytes_of_the_table() {
    for name in [
        "jt17_p2p_1ch_b8_p64_edge",
        "jt17_p2p_1ch_b16_p64_edge",
        "jt17_p2p_1ch_b24_p64_edge",
        "jt27_p2p_1ch_b24_p128_edge",
    ] {
        let seen = check_capture(name, |edge, format| edge.of_jacktrip(format).to_vec());
        assert!(seen > 30, "{name}: {seen} packets of edges");
    }
}

#[test]
fn the_32_bit_captures_hold_the_low_halves_of_doubles() {
    for name in ["jt17_p2p_1ch_b32_p64_edge", "jt27_p2p_1ch_b32_p128_edge"] {
        let low_half = |edge: &Edge, _| f64::from(edge.0).to_le_bytes()[..4].to_vec();
        let seen = check_capture(name, low_half);
        assert!(seen > 30, "{name}: {seen} packets of edges");
    }
}

#[test]
fn edges_are_encoded_to_the_bytes_of_jacktrip_but_24_bits_do_not_wrap() {
    for edge in EDGES {
        for format in [SampleFormat::I8, SampleFormat::I16, SampleFormat::I24] {
            let wraps = format == SampleFormat::I24 && !(-1.0..1.0).contains(&edge.0);
            let expected = match edge.0 {
                x if wraps && x > 0.0 => vec![0xff, 0x7f, 0xff],
                _ if wraps => vec![0x00, 0x80, 0x00],
                _ => edge.of_jacktrip(format).to_vec(),
            };
            let mut bytes = vec![0xaa; format.bytes()];
            format.encode(&[edge.0], &mut bytes);
            assert_eq!(bytes, expected, "{} as {format:?}", edge.0);
        }
        let mut bytes = [0; 4];
        SampleFormat::F32.encode(&[edge.0], &mut bytes);
        assert_eq!(bytes, edge.0.to_le_bytes());
    }
}

#[test]
fn the_bytes_of_jacktrip_decode_to_the_edges_within_a_step() {
    for edge in EDGES {
        for (format, full_scale) in [
            (SampleFormat::I8, 128.0),
            (SampleFormat::I16, 32_768.0),
            (SampleFormat::I24, 8_388_608.0),
        ] {
            let mut decoded = [9.0];
            format.decode(edge.of_jacktrip(format), &mut decoded);
            let clipped = edge.0.clamp(-1.0, 1.0);
            let expected = match (format, edge.0) {
                (SampleFormat::I24, 1.0) => -1.0,
                (SampleFormat::I24, 1.5) => -0.5,
                (SampleFormat::I24, -1.5) => 0.5,
                _ => clipped,
            };
            let error = decoded[0] - expected;
            assert!(
                error.abs() <= 1.5 / full_scale,
                "{} as {format:?}: {}",
                edge.0,
                decoded[0]
            );
        }
    }
}

/// Compares every packet with the repeated table and gives the number of those that are not silent.
/// The table goes on from where it was, which is found in the packet itself.
fn check_capture(name: &str, bytes_of: impl Fn(&Edge, SampleFormat) -> Vec<u8>) -> usize {
    let mut seen = 0;
    for sent in capture(name).iter().filter(|sent| !is_stop(&sent.payload)) {
        let datagram = Datagram::parse(&sent.payload, HeaderKind::Default, None).unwrap();
        let format = datagram.format().samples;
        let samples = datagram.packets().next().unwrap().samples;
        if samples.iter().all(|&byte| byte == 0) {
            continue;
        }
        seen += 1;
        let whole: Vec<_> = samples.chunks(format.bytes()).map(<[u8]>::to_vec).collect();
        let fits = |start: usize| {
            whole
                .iter()
                .enumerate()
                .all(|(i, got)| *got == bytes_of(&EDGES[(start + i) % EDGES.len()], format))
        };
        assert!(
            (0..EDGES.len()).any(fits),
            "{name}: packet {:?} is a part of the table",
            datagram.newest()
        );
    }
    seen
}

/// A sample, and what JackTrip sends for it with 8, 16 and 24 bits.
struct Edge(f32, [u8; 1], [u8; 2], [u8; 3]);

impl Edge {
    fn of_jacktrip(&self, format: SampleFormat) -> &[u8] {
        match format {
            SampleFormat::I8 => &self.1,
            SampleFormat::I16 => &self.2,
            SampleFormat::I24 => &self.3,
            SampleFormat::F32 => unreachable!("JackTrip destroys it"),
        }
    }
}

/// In the order in which the generator repeats them.
#[rustfmt::skip]
#[allow(clippy::excessive_precision, reason = "as the generator of the captures has them")]
const EDGES: [Edge; 32] = [
    Edge(0.0,                   [0x00], [0x00, 0x00], [0x00, 0x00, 0x00]),
    Edge(1.0,                   [0x7f], [0xff, 0x7f], [0x00, 0x80, 0x00]),
    Edge(-1.0,                  [0x81], [0x01, 0x80], [0x00, 0x80, 0x00]),
    Edge(1.5,                   [0x7f], [0xff, 0x7f], [0x00, 0xc0, 0x00]),
    Edge(-1.5,                  [0x81], [0x01, 0x80], [0x00, 0x40, 0x00]),
    Edge(0.5,                   [0x40], [0x00, 0x40], [0x00, 0x40, 0x00]),
    Edge(-0.5,                  [0xc0], [0x00, 0xc0], [0x00, 0xc0, 0x00]),
    Edge(0.25,                  [0x20], [0x00, 0x20], [0x00, 0x20, 0x00]),
    Edge(-0.25,                 [0xe0], [0x00, 0xe0], [0x00, 0xe0, 0x00]),
    Edge(0.999_969_5,           [0x7f], [0xfe, 0x7f], [0xff, 0x7f, 0x00]),
    Edge(-0.999_969_5,          [0x81], [0x02, 0x80], [0x01, 0x80, 0x00]),
    Edge(1e-5,                  [0x00], [0x00, 0x00], [0x00, 0x00, 0x53]),
    Edge(-1e-5,                 [0x00], [0x00, 0x00], [0xff, 0xff, 0xac]),
    Edge(1.525_925_47e-5,       [0x00], [0x00, 0x00], [0x00, 0x00, 0x80]),
    Edge(-1.525_925_47e-5,      [0x00], [0x00, 0x00], [0xff, 0xff, 0x7f]),
    Edge(2e-5,                  [0x00], [0x01, 0x00], [0x00, 0x00, 0xa7]),
    Edge(-2e-5,                 [0x00], [0xff, 0xff], [0xff, 0xff, 0x58]),
    Edge(0.1,                   [0x0d], [0xcd, 0x0c], [0xcc, 0x0c, 0xcc]),
    Edge(-0.1,                  [0xf3], [0x33, 0xf3], [0x33, 0xf3, 0x33]),
    Edge(0.3,                   [0x26], [0x66, 0x26], [0x66, 0x26, 0x66]),
    Edge(-0.3,                  [0xda], [0x9a, 0xd9], [0x99, 0xd9, 0x99]),
    Edge(0.7,                   [0x59], [0x99, 0x59], [0x99, 0x59, 0x99]),
    Edge(-0.7,                  [0xa7], [0x67, 0xa6], [0x66, 0xa6, 0x66]),
    Edge(0.9,                   [0x72], [0x32, 0x73], [0x33, 0x73, 0x33]),
    Edge(-0.9,                  [0x8e], [0xce, 0x8c], [0xcc, 0x8c, 0xcd]),
    Edge(0.003_906_25,          [0x00], [0x80, 0x00], [0x80, 0x00, 0x00]),
    Edge(-0.003_906_25,         [0x00], [0x80, 0xff], [0x80, 0xff, 0x00]),
    Edge(0.003_937_007_9,       [0x00], [0x81, 0x00], [0x81, 0x00, 0x02]),
    Edge(-0.003_937_007_9,      [0x00], [0x7f, 0xff], [0x7e, 0xff, 0xfd]),
    Edge(3.051_757_812_5e-5,    [0x00], [0x01, 0x00], [0x01, 0x00, 0x00]),
    Edge(-3.051_757_812_5e-5,   [0x00], [0xff, 0xff], [0xff, 0xff, 0x00]),
    Edge(1.192_092_9e-7,        [0x00], [0x00, 0x00], [0x00, 0x00, 0x01]),
];
