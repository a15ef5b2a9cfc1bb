//! Datagrams, addresses and moments for the tests.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::net::SocketAddr;
use std::time::Duration;

use farsend_protocol::jacktrip::{
    Arrival, Depacketizer, Event, Output, Packetizer, PacketizerConfig, Peer, PeerConfig, Taken,
    Talked,
};
use farsend_units::{Channels, Frames, MonoTime, SampleRate, SeqNum};
use farsend_wire::SampleFormat;
use farsend_wire::jacktrip::{Format, Header, HeaderKind, Reception, STOP, Wanted};

/// Stereo, 64 frames, 48 kHz, 16 bits.
pub(crate) const FORMAT: Format = Format {
    rate: SampleRate::HZ_48000,
    period: Frames(64),
    channels: Channels(2),
    wants: Channels(2),
    samples: SampleFormat::I16,
};

/// Sends [`FORMAT`] without redundancy.
pub(crate) const SENDING: PacketizerConfig = PacketizerConfig {
    header: HeaderKind::Default,
    rate: FORMAT.rate,
    period: FORMAT.period,
    send: FORMAT.channels,
    receive: FORMAT.wants,
    samples: FORMAT.samples,
    redundancy: 1,
};

pub(crate) fn ms(ms: u64) -> MonoTime {
    MonoTime::from_nanos(ms * 1_000_000)
}

/// 10.77.0.`host`, JackTrip's port.
pub(crate) fn host(host: u8) -> SocketAddr {
    SocketAddr::from(([10, 77, 0, host], 4464))
}

/// One packet of silence.
pub(crate) fn audio(format: Format, seq: u16) -> Vec<u8> {
    datagram(format, &[seq])
}

/// Packets of silence with these numbers, in this order; `None`-like blanks are not made here.
pub(crate) fn datagram(format: Format, numbers: &[u16]) -> Vec<u8> {
    let (incoming, outgoing) = farsend_wire::jacktrip::channel_bytes(format.wants, format.channels);
    let packet = |&seq: &u16| {
        let header = Header {
            time_stamp: 1,
            seq: SeqNum(seq),
            frames: format.period.0 as u16,
            rate_code: farsend_wire::jacktrip::rate_code(format.rate).unwrap(),
            bits: format.samples.bits(),
            incoming,
            outgoing,
        };
        let mut bytes = header.to_bytes().to_vec();
        bytes.resize(Header::LEN + format.samples_len(), 0);
        bytes
    };
    numbers.iter().flat_map(packet).collect()
}

/// What the machine wants done now: events, and then datagrams; and until when it waits.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Wants {
    pub(crate) events: Vec<Event>,
    pub(crate) sends: Vec<(SocketAddr, [u8; 63])>,
    pub(crate) wait: Option<MonoTime>,
    pub(crate) receptions: Vec<Reception>,
    pub(crate) wanted: Vec<Wanted>,
    /// Of one who records, and for one.
    pub(crate) words: Vec<Output>,
    pub(crate) talked: Vec<Talked>,
    /// What the peer is called.
    pub(crate) names: Vec<String>,
}

impl Wants {
    /// Whom stop datagrams go to.
    pub(crate) fn stops(&self) -> Vec<SocketAddr> {
        self.sends
            .iter()
            .filter(|(_, payload)| *payload == STOP)
            .map(|(to, _)| *to)
            .collect()
    }
}

/// Polls until the machine waits.
pub(crate) fn drain(peer: &mut Peer) -> Wants {
    let mut wants = Wants::default();
    for _ in 0..100 {
        match peer.poll_output() {
            Output::Event(event) => wants.events.push(event),
            Output::Send { to, payload } => wants.sends.push((to, payload)),
            Output::Reception(reception) => wants.receptions.push(reception),
            Output::Wanted(wanted) => wants.wanted.push(wanted),
            word @ (Output::Keep(_) | Output::Kept(_) | Output::Hearing(_)) => {
                wants.words.push(word);
            }
            Output::Talked(talked) => wants.talked.push(talked),
            Output::Called(name) => wants.names.push(name.as_str().to_owned()),
            Output::Wait => {
                wants.wait = peer.next_timeout();
                return wants;
            }
        }
    }
    panic!("the machine never waits");
}

/// Without pings, which only tests about them want to see.
pub(crate) fn config() -> PeerConfig {
    PeerConfig {
        ping_every: Duration::from_secs(1_000_000),
        ..PeerConfig::default()
    }
}

/// A packet as it was handed over.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Delivered {
    pub(crate) number: i64,
    pub(crate) redundant: bool,
    pub(crate) anew: bool,
    pub(crate) samples: Vec<u8>,
}

pub(crate) fn take(depacketizer: &mut Depacketizer, payload: &[u8]) -> (Taken, Vec<Delivered>) {
    let mut delivered = Vec::new();
    let taken = depacketizer.take(payload, &mut |arrival: Arrival<'_>| {
        delivered.push(Delivered {
            number: arrival.number,
            redundant: arrival.redundant,
            anew: arrival.anew,
            samples: arrival.packet.samples.to_vec(),
        });
    });
    (taken, delivered)
}

/// The numbers of what was handed over.
pub(crate) fn numbers(depacketizer: &mut Depacketizer, payload: &[u8]) -> Vec<i64> {
    take(depacketizer, payload)
        .1
        .iter()
        .map(|delivered| delivered.number)
        .collect()
}

/// The datagrams that a block makes.
pub(crate) fn push(packetizer: &mut Packetizer, block: &[&[f32]]) -> Vec<Vec<u8>> {
    let mut datagrams = Vec::new();
    packetizer.push(1, block, &mut |bytes| datagrams.push(bytes.to_vec()));
    datagrams
}
