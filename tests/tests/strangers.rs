//! What anybody may send to the port of a session: it is counted, dropped, and not heard.

use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use farsend_tests::lab::by_hand::{GOODBYE, HEADER_LEN, header};
use farsend_tests::lab::farsend::Farsend;
use farsend_tests::lab::jack::{JackClock, JackServer};
use farsend_tests::lab::session::{Session, Setup};
use farsend_tests::lab::{Need, on_a_private_machine};
use farsend_tests::signal::listen;

const NEEDS: &[Need] = &[Need::Jackd, Need::Jacktrip];

#[test]
fn a_strangers_audio_and_goodbyes_do_not_disturb_a_session() {
    on_a_private_machine(NEEDS, |machine| {
        let mut session = Session::start(machine, Setup::STEREO);
        let stranger = stranger();
        let noise = std::thread::spawn(move || {
            for number in 0..600_u16 {
                let audio = datagram(number, 128, 3, 16, 2, 0);
                for payload in [&audio[..], &GOODBYE, &GOODBYE, &[1; 63]] {
                    stranger.send(payload).expect("loopback takes it");
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        let (at_a, _) = session.record(machine, Setup::STEREO.clock.rate);
        noise.join().expect("it only sends");
        let heard = listen(&at_a.channels[0], 0, Setup::STEREO.depth, 1);
        assert!(
            heard.wrong_samples() < 1_000,
            "the stranger is heard: {heard:?}"
        );
        let counts = session.server.farsend().next_statistics();
        assert!(counts.connected && counts.strangers >= 600, "{counts:?}");
    });
}

#[test]
fn whatever_reaches_a_waiting_server_it_still_takes_the_jacktrip_that_calls() {
    on_a_private_machine(NEEDS, |machine| {
        let a = JackServer::start(machine, "a", JackClock::default());
        let mut server = Farsend::start(machine, &a, "server", &["server"]);
        server.wait_for_event("started", 1, Duration::from_secs(10));
        let stranger = stranger();
        for payload in nonsense() {
            stranger.send(&payload).expect("loopback takes it");
        }
        let sorted_out = (0..10).any(|_| server.next_statistics().malformed > 0);
        assert!(sorted_out, "{}", server.running.output());
        // A peer would be told of before the next numbers.
        server.next_statistics();
        assert!(
            server.events("connected").is_empty(),
            "nonsense is no peer: {}",
            server.running.output()
        );
        drop((server, a));

        let mut session = Session::start(machine, Setup::STEREO);
        for payload in nonsense() {
            stranger.send(&payload).expect("loopback takes it");
        }
        let counts = session.server.farsend().next_statistics();
        assert!(counts.connected, "{counts:?}");
    });
}

fn stranger() -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("some port is free");
    socket
        .connect((Ipv4Addr::LOCALHOST, 4464))
        .expect("loopback is reachable");
    socket
}

/// Datagrams that no program should send: cut, oversized, random, and with every field of the header wrong.
fn nonsense() -> Vec<Vec<u8>> {
    let good = datagram(0, 128, 3, 16, 2, 0);
    let mut all = vec![
        vec![],
        vec![0],
        GOODBYE.to_vec(),
        vec![0; 63],
        vec![0x41; 65_000],
    ];
    all.extend(
        (1..good.len())
            .step_by(37)
            .map(|length| good[..length].to_vec()),
    );
    all.push([&good[..], &[0; 5]].concat());
    all.push(datagram(0, 128, 3, 16, 0, 0));
    all.push(datagram(0, 128, 3, 16, 255, 255));
    all.push(datagram(0, 128, 3, 16, 2, 255));
    all.extend([6, 7, 8, 200].map(|rate| datagram(0, 128, rate, 7, 2, 0)));
    all.extend([0, 7, 12, 255].map(|bits| datagram(0, 128, 3, bits, 2, 0)));
    all.extend([0, 65_535].map(|frames| datagram(0, frames, 3, 16, 2, 0)));
    let random = |seed: u32| {
        (0..seed % 1_500)
            .map(move |i| (i.wrapping_mul(seed) >> 7) as u8)
            .collect()
    };
    all.extend((1..60).map(|k: u32| random(k.wrapping_mul(2_654_435_761))));
    all
}

/// A datagram with the default header; its samples are loud where the header leaves a length to them.
fn datagram(number: u16, frames: u16, rate: u8, bits: u8, incoming: u8, outgoing: u8) -> Vec<u8> {
    let channels = if outgoing == 0 { incoming } else { outgoing };
    let samples = usize::from(frames) * usize::from(channels) * usize::from(bits / 8);
    let mut bytes = header(number, frames, [rate, bits, incoming, outgoing]).to_vec();
    bytes.resize(HEADER_LEN + samples.min(60_000), 0x5a);
    bytes
}
