//! Reads the captures in `tests/golden/`.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::net::Ipv4Addr;
use std::path::PathBuf;

/// The address of the server in all captures.
pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// The address of the client in all captures.
pub(crate) const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);

/// A UDP datagram on the wire.
pub(crate) struct Captured {
    /// Microseconds since the Unix epoch.
    pub(crate) at: u64,
    pub(crate) from: Ipv4Addr,
    pub(crate) payload: Vec<u8>,
}

/// All UDP datagrams of `tests/golden/{name}.pcap`, in order.
pub(crate) fn capture(name: &str) -> Vec<Captured> {
    let mut datagrams = Vec::new();
    each_frame(name, |at, frame| {
        datagrams.extend(udp(frame).map(|(from, payload)| Captured {
            at,
            from,
            payload: payload.to_vec(),
        }));
    });
    datagrams
}

/// Bytes that went through a TCP connection in one segment.
pub(crate) struct Segment {
    /// The port that tells the client's connections apart.
    pub(crate) connection: u16,
    pub(crate) from: Ipv4Addr,
    pub(crate) payload: Vec<u8>,
}

/// All TCP segments with bytes in them of `tests/golden/{name}.pcap`, in order.
pub(crate) fn segments(name: &str) -> Vec<Segment> {
    let mut segments = Vec::new();
    each_frame(name, |_, frame| {
        let segment = tcp(frame).filter(|segment| !segment.payload.is_empty());
        segments.extend(segment);
    });
    segments
}

fn each_frame(name: &str, mut look: impl FnMut(u64, &[u8])) {
    let bytes = std::fs::read(golden(&format!("{name}.pcap"))).unwrap();
    let (header, mut rest) = bytes.split_at(24);
    assert_eq!(
        header[..4],
        0xa1b2_c3d4_u32.to_le_bytes(),
        "{name}: a little-endian pcap with microseconds"
    );
    assert_eq!(u32_at(header, 20), 1, "{name}: of Ethernet frames");
    while !rest.is_empty() {
        let at = u64::from(u32_at(rest, 0)) * 1_000_000 + u64::from(u32_at(rest, 4));
        let (captured, original) = (u32_at(rest, 8), u32_at(rest, 12));
        assert_eq!(captured, original, "{name}: packets are whole");
        let (frame, next) = rest[16..].split_at(captured as usize);
        look(at, frame);
        rest = next;
    }
}

/// A file in `tests/golden/`.
pub(crate) fn golden(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(file)
}

/// Sender and payload of an Ethernet frame, if it is UDP over IPv4.
fn udp(frame: &[u8]) -> Option<(Ipv4Addr, &[u8])> {
    let (from, udp) = ipv4(frame, 17)?;
    let len = usize::from(u16::from_be_bytes([udp[4], udp[5]]));
    Some((from, &udp[8..len]))
}

/// An Ethernet frame, if it is TCP over IPv4.
fn tcp(frame: &[u8]) -> Option<Segment> {
    let (from, tcp) = ipv4(frame, 6)?;
    let port = |at: usize| u16::from_be_bytes([tcp[at], tcp[at + 1]]);
    let header = usize::from(tcp[12] >> 4) * 4;
    Some(Segment {
        connection: port(if from == CLIENT { 0 } else { 2 }),
        from,
        payload: tcp[header..].to_vec(),
    })
}

/// Sender and payload of an Ethernet frame, if it is this protocol over IPv4.
fn ipv4(frame: &[u8], protocol: u8) -> Option<(Ipv4Addr, &[u8])> {
    let ip = frame.get(14..).filter(|_| frame[12..14] == [8, 0])?;
    let (header, total) = (
        usize::from(ip[0] & 15) * 4,
        usize::from(u16::from_be_bytes([ip[2], ip[3]])),
    );
    let payload = ip.get(header..total).filter(|_| ip[9] == protocol)?;
    Some((Ipv4Addr::new(ip[12], ip[13], ip[14], ip[15]), payload))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}
