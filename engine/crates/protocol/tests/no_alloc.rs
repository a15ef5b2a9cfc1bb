//! What runs on the audio and network threads does not allocate.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use assert_no_alloc::{AllocDisabler, assert_no_alloc};
use farsend_protocol::jacktrip::{
    Arrival, Continuity, Depacketizer, Output, Packetizer, PacketizerConfig, Peer, PeerConfig,
};
use farsend_units::Channels;
use farsend_wire::SampleFormat;
use farsend_wire::jacktrip::{Control, HeaderKind, STOP};
use support::{FORMAT, SENDING, audio, host, ms};

#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

#[test]
fn sending_and_receiving_64_channels_with_redundancy_does_not_allocate() {
    let config = PacketizerConfig {
        send: Channels(64),
        receive: Channels(64),
        redundancy: 3,
        samples: SampleFormat::I16,
        ..SENDING
    };
    let mut packetizer = Packetizer::new(config).unwrap();
    let mut depacketizer = Depacketizer::new(HeaderKind::Default, None);
    let channel = [0.25; 100];
    let block = [&channel[..]; 64];
    let mut out = [0.0; 64];
    let mut packets = 0;
    assert_no_alloc(|| {
        for i in 0..100 {
            if i == 50 {
                let PacketizerConfig { rate, period, .. } = config;
                packetizer
                    .set_stream(rate, period, SampleFormat::I24)
                    .unwrap();
            }
            packetizer.push(1, &block, &mut |bytes| {
                depacketizer.take(bytes, &mut |arrival: Arrival<'_>| {
                    packets += 1;
                    for channel in 0..64 {
                        arrival.packet.decode_channel(channel, &mut out);
                    }
                });
            });
        }
        depacketizer.take(&[0; 100], &mut |_| {});
        depacketizer.note(Continuity::NewSender);
        packetizer.reset();
    });
    assert_eq!((packets, depacketizer.counts().datagrams), (156, 156));
}

#[test]
fn a_session_from_first_to_last_does_not_allocate() {
    let payloads: Vec<_> = (0..200).map(|seq| audio(FORMAT, seq)).collect();
    let mut polled = 0;
    for mut peer in [
        Peer::server(PeerConfig::default()),
        Peer::client(PeerConfig::default(), host(2)),
    ] {
        assert_no_alloc(|| {
            let mut drain = |peer: &mut Peer| {
                while !matches!(peer.poll_output(), Output::Wait) {
                    polled += 1;
                }
            };
            for (at, payload) in (0..).step_by(11).zip(&payloads) {
                let _ = peer.handle_datagram(ms(at), host(2), payload);
                let _ = peer.handle_datagram(ms(at), host(3), payload);
                let _ = peer.handle_datagram(ms(at), host(3), &STOP);
                let _ =
                    peer.handle_datagram(ms(at), host(2), &Control::Ping { stamp: at }.to_bytes());
                let _ = peer.handle_datagram(ms(at), host(2), &[0; 100]);
                peer.handle_timeout(ms(at));
                drain(&mut peer);
            }
            for at in [3000, 4000, 9000] {
                peer.handle_timeout(ms(at));
                drain(&mut peer);
            }
            // Unpolled, too.
            for i in 0..50 {
                let _ = peer.handle_datagram(ms(20_000 + i * 600), host(2), &payloads[i as usize]);
            }
            drain(&mut peer);
            peer.handle_leave(ms(90_000));
            drain(&mut peer);
        });
        assert!(peer.is_over());
    }
    assert!(polled > 400, "{polled}");
}
