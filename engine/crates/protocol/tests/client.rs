//! What a client does from the first call to the last goodbye.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use farsend_protocol::jacktrip::{Continuity, Event, Peer, PeerConfig, Verdict};
use farsend_wire::jacktrip::{Control, STOP};
use support::{FORMAT, audio, config, drain, host, ms};

#[test]
fn audio_goes_to_the_server_before_it_is_heard() {
    let mut client = Peer::client(config(), host(1));
    assert_eq!(client.remote(), Some(host(1)));
    assert_eq!(drain(&mut client), support::Wants::default());

    let verdict = client.handle_datagram(ms(30), host(1), &audio(FORMAT, 5));
    assert_eq!(verdict, Verdict::Audio(Continuity::NewSender));
    assert_eq!(
        drain(&mut client).events,
        [Event::Arrived {
            from: host(1),
            format: FORMAT
        }]
    );
}

#[test]
fn only_the_address_that_was_called_counts() {
    let mut client = Peer::client(config(), host(1));
    let other_port = SocketAddr::new(host(1).ip(), 4465);
    for from in [host(3), other_port] {
        assert_eq!(
            client.handle_datagram(ms(1), from, &audio(FORMAT, 5)),
            Verdict::Stranger
        );
        assert_eq!(
            client.handle_datagram(ms(1), from, &STOP),
            Verdict::Stranger
        );
    }
    let mapped: SocketAddr = "[::ffff:10.77.0.1]:4464".parse().unwrap();
    let verdict = client.handle_datagram(ms(1), mapped, &audio(FORMAT, 5));
    assert_eq!(verdict, Verdict::Audio(Continuity::NewSender));
    client.handle_timeout(ms(20_000));
    assert_eq!(
        client.handle_datagram(ms(20_000), host(3), &audio(FORMAT, 5)),
        Verdict::Stranger
    );
    assert_eq!(
        (client.counts().strangers, client.counts().stranger_stops),
        (5, 2)
    );
}

#[test]
fn a_stop_ends_it() {
    let mut client = called();
    assert_eq!(
        client.handle_datagram(ms(10), host(1), &STOP),
        Verdict::Consumed
    );
    let wants = drain(&mut client);
    assert_eq!(
        (wants.events.as_slice(), wants.stops()),
        (&[Event::Left][..], vec![host(1); 2])
    );
    assert_eq!((client.is_over(), client.remote()), (true, None));
    assert_eq!(
        client.handle_datagram(ms(10), host(1), &STOP),
        Verdict::Ignored
    );
    assert_eq!(drain(&mut client), support::Wants::default());
}

#[test]
fn a_server_that_answers_with_a_stop_does_not_want_us() {
    let mut client = Peer::client(config(), host(1));
    client.handle_timeout(ms(1000));
    assert_eq!(
        client.handle_datagram(ms(1010), host(1), &STOP),
        Verdict::Ignored,
        "of a session before"
    );
    assert_eq!(
        client.handle_datagram(ms(1400), host(1), &STOP),
        Verdict::Consumed
    );
    assert_eq!(
        (drain(&mut client).events, client.is_over()),
        (vec![Event::Left], true)
    );
}

#[test]
fn without_an_answer_it_calls_for_ever_or_until_it_may_give_up() {
    let mut patient = Peer::client(config(), host(1));
    patient.handle_timeout(ms(0));
    patient.handle_timeout(ms(86_400_000));
    assert_eq!(
        (drain(&mut patient).events, patient.remote()),
        (vec![], Some(host(1)))
    );

    let config = PeerConfig {
        give_up: Some(Duration::from_secs(10)),
        ..config()
    };
    let mut client = Peer::client(config, host(1));
    assert_eq!(
        drain(&mut client).wait,
        Some(ms(0)),
        "at once, to learn what time it is"
    );
    client.handle_timeout(ms(5000));
    assert_eq!(drain(&mut client).wait, Some(ms(15_000)));
    client.handle_timeout(ms(14_999));
    assert_eq!(drain(&mut client).events, []);
    client.handle_timeout(ms(15_000));
    let wants = drain(&mut client);
    assert_eq!(
        (wants.events.as_slice(), wants.stops()),
        (&[Event::GaveUp][..], vec![host(1); 2])
    );
    assert!(client.is_over());
}

#[test]
fn a_server_that_falls_quiet_is_given_up_ten_seconds_after_its_last_audio() {
    let config = PeerConfig {
        give_up: Some(Duration::from_secs(10)),
        ..config()
    };
    let mut client = Peer::client(config, host(1));
    let _ = client.handle_datagram(ms(100), host(1), &audio(FORMAT, 5));
    let mut events = Vec::new();
    for at in (100..=10_200).step_by(100) {
        client.handle_timeout(ms(at));
        events.extend(
            drain(&mut client)
                .events
                .into_iter()
                .map(|event| (at, event)),
        );
    }
    let arrived = Event::Arrived {
        from: host(1),
        format: FORMAT,
    };
    assert_eq!(
        events,
        [
            (100, arrived),
            (600, Event::FellQuiet),
            (10_100, Event::GaveUp)
        ]
    );
}

#[test]
fn leaving_while_calling_says_goodbye_too() {
    let mut client = Peer::client(config(), host(1));
    client.handle_leave(ms(10));
    assert_eq!(drain(&mut client).stops(), [host(1), host(1)]);
    assert!(client.is_over());
}

#[test]
fn nobody_is_pinged_who_was_not_heard() {
    let mut client = Peer::client(PeerConfig::default(), host(1));
    for at in 0..100 {
        client.handle_timeout(ms(at * 100));
        let _ = client.handle_datagram(
            ms(at * 100),
            host(1),
            &Control::Ping { stamp: at }.to_bytes(),
        );
        assert_eq!(drain(&mut client).sends, []);
    }
}

#[test]
fn two_farsends_meet_measure_each_other_and_part() {
    let mut server = Peer::server(PeerConfig::default());
    let mut client = Peer::client(PeerConfig::default(), host(1));
    let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
    for at in 0..3000_u64 {
        let now = ms(at);
        if at == 2500 {
            client.handle_leave(now);
        }
        // Ten milliseconds each way, a packet every millisecond.
        let arrived = |(sent, _): &(u64, Vec<u8>)| sent + 10 <= at;
        for (_, payload) in to_server.extract_if(.., |sent| arrived(sent)) {
            let _ = server.handle_datagram(now, host(2), &payload);
        }
        for (_, payload) in to_client.extract_if(.., |sent| arrived(sent)) {
            let _ = client.handle_datagram(now, host(1), &payload);
        }
        for (peer, out) in [(&mut server, &mut to_client), (&mut client, &mut to_server)] {
            peer.handle_timeout(now);
            out.extend(
                drain(peer)
                    .sends
                    .into_iter()
                    .map(|(_, payload)| (at, payload.to_vec())),
            );
            if peer.remote().is_some() {
                out.push((at, audio(FORMAT, at as u16)));
            }
        }
        if at == 2499 {
            assert_eq!(client.round_trip(), Some(Duration::from_millis(20)));
            assert_eq!(server.round_trip(), Some(Duration::from_millis(20)));
        }
    }
    assert!(client.is_over());
    assert_eq!((server.remote(), server.is_over()), (None, false));
}

/// A client that hears host 1 since 0 ms, with nothing left to poll.
fn called() -> Peer {
    let mut client = Peer::client(config(), host(1));
    let _ = client.handle_datagram(ms(0), host(1), &audio(FORMAT, 0));
    drain(&mut client);
    client
}
