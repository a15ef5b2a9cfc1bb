//! What a server makes of those who come, fall quiet, return, disturb and leave.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use farsend_protocol::jacktrip::{Continuity, Event, Peer, PeerConfig, Verdict};
use farsend_units::{Channels, Frames, SampleRate};
use farsend_wire::jacktrip::{Control, DatagramError, Format, STOP};
use support::{FORMAT, audio, config, drain, host, ms};

#[test]
fn the_first_audio_makes_its_sender_the_peer() {
    let mut server = Peer::server(config());
    assert_eq!((server.remote(), drain(&mut server).wait), (None, None));

    let verdict = server.handle_datagram(ms(0), host(2), &audio(FORMAT, 0));
    assert_eq!(verdict, Verdict::Audio(Continuity::NewSender));
    assert_eq!(
        drain(&mut server).events,
        [Event::Arrived {
            from: host(2),
            format: FORMAT
        }]
    );
    assert_eq!(
        (server.remote(), server.format()),
        (Some(host(2)), Some(FORMAT))
    );

    let verdict = server.handle_datagram(ms(1), host(2), &audio(FORMAT, 1));
    assert_eq!(verdict, Verdict::Audio(Continuity::GoesOn));
    assert_eq!(drain(&mut server).events, []);
}

#[test]
fn nothing_but_well_formed_audio_makes_a_peer() {
    let mut server = Peer::server(config());
    let whole = audio(FORMAT, 0);
    for control in [
        Control::Stop,
        Control::Ping { stamp: 1 },
        Control::Pong { stamp: 1 },
        Control::Unknown,
    ] {
        assert_eq!(
            server.handle_datagram(ms(0), host(2), &control.to_bytes()),
            Verdict::Ignored
        );
    }
    for junk in [
        &[][..],
        &[0],
        &[0; 16],
        &[0xff; 16],
        &[0xff; 1500],
        &whole[..whole.len() - 1],
    ] {
        let verdict = server.handle_datagram(ms(0), host(2), junk);
        assert!(matches!(verdict, Verdict::Malformed(_)), "{verdict:?}");
    }
    assert_eq!(
        (server.remote(), drain(&mut server)),
        (None, support::Wants::default())
    );
    assert_eq!(server.counts().malformed, 6);
}

#[test]
fn strangers_are_neither_heard_nor_obeyed() {
    let mut server = present();
    for payload in [&audio(FORMAT, 1)[..], &STOP, &[0; 63], &[1, 2, 3]] {
        assert_eq!(
            server.handle_datagram(ms(1), host(3), payload),
            Verdict::Stranger
        );
        let other_port = SocketAddr::new(host(2).ip(), 4465);
        assert_eq!(
            server.handle_datagram(ms(1), other_port, payload),
            Verdict::Stranger
        );
    }
    let wants = drain(&mut server);
    assert_eq!((wants.events, wants.sends), (vec![], vec![]));
    assert_eq!(
        (server.counts().strangers, server.counts().stranger_stops),
        (8, 2)
    );
    assert_eq!(server.remote(), Some(host(2)));
}

#[test]
fn what_is_malformed_is_counted_and_keeps_nobody_present() {
    let mut server = present();
    let cut = &audio(FORMAT, 1)[..100];
    let verdict = server.handle_datagram(ms(499), host(2), cut);
    assert_eq!(
        verdict,
        Verdict::Malformed(DatagramError::Length {
            got: 100,
            packet: 272
        })
    );
    server.handle_timeout(ms(500));
    assert_eq!(drain(&mut server).events, [Event::FellQuiet]);
    assert_eq!(server.counts().malformed, 1);
}

#[test]
fn a_quiet_peer_is_reported_once_and_again_on_return() {
    let mut server = present();
    assert_eq!(drain(&mut server).wait, Some(ms(500)));
    server.handle_timeout(ms(499));
    assert_eq!(drain(&mut server).events, []);
    server.handle_timeout(ms(500));
    assert_eq!(drain(&mut server).events, [Event::FellQuiet]);
    assert!(!server.is_present());
    server.handle_timeout(ms(900));
    assert_eq!(drain(&mut server).events, []);
    assert_eq!(server.remote(), Some(host(2)), "we go on sending");

    let verdict = server.handle_datagram(ms(950), host(2), &audio(FORMAT, 700));
    assert_eq!(verdict, Verdict::Audio(Continuity::AfterBreak));
    assert_eq!(drain(&mut server).events, [Event::Returned]);
    assert!(server.is_present());
}

#[test]
fn a_break_is_reported_even_if_nobody_kept_the_time() {
    let mut server = present();
    let verdict = server.handle_datagram(ms(800), host(2), &audio(FORMAT, 600));
    assert_eq!(verdict, Verdict::Audio(Continuity::AfterBreak));
    assert_eq!(
        drain(&mut server).events,
        [Event::FellQuiet, Event::Returned]
    );
}

#[test]
fn a_stop_is_answered_with_two_and_the_next_one_may_come() {
    let mut server = present();
    assert_eq!(
        server.handle_datagram(ms(10), host(2), &STOP),
        Verdict::Consumed
    );
    let wants = drain(&mut server);
    assert_eq!((wants.events, wants.sends.len()), (vec![Event::Left], 2));
    assert_eq!(wants.sends, [(host(2), STOP), (host(2), STOP)]);
    assert_eq!(server.remote(), None);

    assert_eq!(
        server.handle_datagram(ms(10), host(2), &STOP),
        Verdict::Ignored,
        "the second of two"
    );
    assert_eq!(drain(&mut server), support::Wants::default());

    let verdict = server.handle_datagram(ms(11), host(3), &audio(FORMAT, 0));
    assert_eq!(verdict, Verdict::Audio(Continuity::NewSender));
    assert_eq!(
        drain(&mut server).events,
        [Event::Arrived {
            from: host(3),
            format: FORMAT
        }]
    );
}

#[test]
fn audio_overtaken_by_its_stop_does_not_bring_the_peer_back() {
    let mut server = present();
    let _ = server.handle_datagram(ms(10), host(2), &STOP);
    drain(&mut server);
    assert_eq!(
        server.handle_datagram(ms(12), host(2), &audio(FORMAT, 3)),
        Verdict::Ignored
    );
    assert_eq!((drain(&mut server).events, server.remote()), (vec![], None));

    let verdict = server.handle_datagram(ms(400), host(2), &audio(FORMAT, 0));
    assert_eq!(verdict, Verdict::Audio(Continuity::NewSender));
    assert_eq!(
        drain(&mut server).events,
        [Event::Arrived {
            from: host(2),
            format: FORMAT
        }]
    );
}

#[test]
fn another_takes_the_place_of_a_peer_that_was_quiet_for_long() {
    let mut server = present();
    server.handle_timeout(ms(500));
    drain(&mut server);
    assert_eq!(
        server.handle_datagram(ms(4999), host(3), &audio(FORMAT, 0)),
        Verdict::Stranger
    );
    assert_eq!(
        server.handle_datagram(ms(5001), host(3), &STOP),
        Verdict::Stranger
    );
    assert!(matches!(
        server.handle_datagram(ms(5001), host(3), &[1]),
        Verdict::Malformed(_)
    ));
    assert_eq!(server.remote(), Some(host(2)));

    let verdict = server.handle_datagram(ms(5002), host(3), &audio(FORMAT, 0));
    assert_eq!(verdict, Verdict::Audio(Continuity::NewSender));
    let wants = drain(&mut server);
    assert_eq!(
        wants.events,
        [Event::Replaced {
            from: host(2),
            to: host(3),
            format: FORMAT
        }]
    );
    assert_eq!(
        wants.stops(),
        [host(2), host(2)],
        "should it still live, it learns of it"
    );
    assert_eq!(
        server.handle_datagram(ms(5003), host(2), &audio(FORMAT, 9)),
        Verdict::Stranger
    );
    assert_eq!(
        (server.remote(), server.counts().replaced),
        (Some(host(3)), 1)
    );
}

#[test]
fn nobody_takes_the_place_of_a_peer_that_sends() {
    let mut server = Peer::server(config());
    for i in 0..20_000 {
        let _ = server.handle_datagram(ms(u64::from(i)), host(2), &audio(FORMAT, i));
        let stranger = server.handle_datagram(ms(u64::from(i)), host(3), &audio(FORMAT, i));
        assert_eq!(stranger, Verdict::Stranger);
        server.handle_timeout(ms(u64::from(i)));
    }
    assert_eq!(
        drain(&mut server).events,
        [Event::Arrived {
            from: host(2),
            format: FORMAT
        }]
    );
}

#[test]
fn an_ipv4_address_that_came_as_ipv6_is_the_same_and_is_answered_as_it_came() {
    let mapped: SocketAddr = "[::ffff:10.77.0.2]:4464".parse().unwrap();
    let mut server = Peer::server(config());
    let _ = server.handle_datagram(ms(0), mapped, &audio(FORMAT, 0));
    assert_eq!(
        drain(&mut server).events,
        [Event::Arrived {
            from: host(2),
            format: FORMAT
        }]
    );
    assert_eq!(server.remote(), Some(mapped));
    let verdict = server.handle_datagram(ms(1), host(2), &audio(FORMAT, 1));
    assert_eq!(verdict, Verdict::Audio(Continuity::GoesOn));
}

#[test]
fn a_server_that_may_give_up_does_so_and_waits_again() {
    let config = PeerConfig {
        give_up: Some(Duration::from_secs(10)),
        ..config()
    };
    let mut server = Peer::server(config);
    server.handle_timeout(ms(100_000));
    assert_eq!(
        drain(&mut server),
        support::Wants::default(),
        "it awaits without limit"
    );

    let _ = server.handle_datagram(ms(100_000), host(2), &audio(FORMAT, 0));
    server.handle_timeout(ms(100_500));
    let wants = drain(&mut server);
    assert_eq!(
        (wants.events.last(), wants.wait),
        (Some(&Event::FellQuiet), Some(ms(110_000)))
    );
    server.handle_timeout(ms(110_000));
    let wants = drain(&mut server);
    assert_eq!(
        (wants.events.as_slice(), wants.wait),
        (&[Event::GaveUp][..], None)
    );
    assert_eq!(wants.stops(), [host(2), host(2)]);
    assert_eq!((server.remote(), server.is_over()), (None, false));
}

#[test]
fn one_who_was_heard_for_a_moment_only_is_not_sent_audio_for_ever() {
    let mut server = present();
    for i in 1..100 {
        let _ = server.handle_datagram(ms(i), host(2), &audio(FORMAT, i as u16));
    }
    server.handle_timeout(ms(599));
    let wants = drain(&mut server);
    assert_eq!(
        (wants.events, wants.wait),
        (vec![Event::FellQuiet], Some(ms(10_099)))
    );
    server.handle_timeout(ms(10_098));
    assert_eq!(server.remote(), Some(host(2)));
    server.handle_timeout(ms(10_099));
    let wants = drain(&mut server);
    assert_eq!(
        (wants.events, wants.sends, wants.wait),
        (vec![Event::Forgotten], vec![], None),
        "without a word: a JackTrip ends at a goodbye, and may yet be heard"
    );
    assert_eq!((server.remote(), server.is_over()), (None, false));

    let verdict = server.handle_datagram(ms(10_100), host(2), &audio(FORMAT, 100));
    assert_eq!(verdict, Verdict::Audio(Continuity::NewSender));
    let arrived = Event::Arrived {
        from: host(2),
        format: FORMAT,
    };
    assert_eq!(drain(&mut server).events, [arrived]);
    assert_eq!(server.remote(), Some(host(2)));
}

#[test]
fn one_who_has_been_heard_is_sent_audio_however_long_they_are_silent() {
    let day = 24 * 3_600_000;
    // Many datagrams in a moment, and few of them for more than a second; pauses do not count.
    for (datagrams, every, goes_on) in [(101, 1, true), (15, 80, true), (50, 600, false)] {
        let mut server = present();
        for i in 1..datagrams {
            let _ = server.handle_datagram(ms(i * every), host(2), &audio(FORMAT, i as u16));
            server.handle_timeout(ms(i * every));
            drain(&mut server);
        }
        server.handle_timeout(ms(day));
        server.handle_timeout(ms(day));
        let is_sent = server.remote() == Some(host(2));
        assert_eq!(is_sent, goes_on, "{datagrams} datagrams, {every} ms apart");
    }
}

#[test]
fn a_peer_that_announces_something_else_is_reported_once() {
    let mut server = present();
    let other = Format {
        period: Frames(128),
        channels: Channels(1),
        ..FORMAT
    };
    for (at, seq) in [(10, 10), (11, 11)] {
        let verdict = server.handle_datagram(ms(at), host(2), &audio(other, seq));
        assert_eq!(verdict, Verdict::Audio(Continuity::GoesOn));
    }
    assert_eq!(
        drain(&mut server).events,
        [Event::FormatChanged {
            from: FORMAT,
            to: other
        }]
    );

    let _ = server.handle_datagram(ms(12), host(2), &audio(FORMAT, 9));
    assert_eq!(
        drain(&mut server).events,
        [],
        "a late one is of before the change"
    );
    assert_eq!(server.format(), Some(other));
}

#[test]
fn a_peer_that_starts_again_with_lower_numbers_and_another_format_is_believed_in_the_end() {
    let mut server = Peer::server(config());
    let _ = server.handle_datagram(ms(0), host(2), &audio(FORMAT, 900));
    drain(&mut server);
    let other = Format {
        rate: SampleRate::HZ_44100,
        ..FORMAT
    };
    for seq in 0..32 {
        let _ = server.handle_datagram(ms(1), host(2), &audio(other, seq));
    }
    assert_eq!(
        drain(&mut server).events,
        [Event::FormatChanged {
            from: FORMAT,
            to: other
        }]
    );
}

#[test]
fn another_farsend_tells_how_far_away_it_is() {
    let mut server = Peer::server(PeerConfig {
        quiet_limit: Duration::from_secs(9),
        ..PeerConfig::default()
    });
    let _ = server.handle_datagram(ms(7), host(2), &audio(FORMAT, 0));
    let wants = drain(&mut server);
    assert_eq!(
        (wants.sends, wants.wait),
        (vec![], Some(ms(1007))),
        "a JackTrip may take it for audio yet"
    );
    server.handle_timeout(ms(1007));
    let (to, ping) = drain(&mut server).sends[0];
    let Some(Control::Ping { stamp }) = Control::parse(&ping) else {
        panic!("{ping:?} is no ping")
    };
    assert_eq!((to, server.round_trip()), (host(2), None));

    let pong = |stamp| Control::Pong { stamp }.to_bytes();
    let _ = server.handle_datagram(ms(1020), host(2), &pong(stamp + 1));
    let _ = server.handle_datagram(ms(1020), host(3), &pong(stamp));
    assert_eq!(
        server.round_trip(),
        None,
        "neither another answer nor another's answer counts"
    );
    assert_eq!(
        server.handle_datagram(ms(1020), host(2), &pong(stamp)),
        Verdict::Consumed
    );
    assert_eq!(server.round_trip(), Some(Duration::from_millis(13)));
    let _ = server.handle_datagram(ms(1090), host(2), &pong(stamp));
    assert_eq!(
        server.round_trip(),
        Some(Duration::from_millis(13)),
        "an answer counts once"
    );
}

#[test]
fn a_ping_of_the_peer_is_answered_and_one_of_a_stranger_is_not() {
    let mut server = present();
    let ping = Control::Ping { stamp: 42 }.to_bytes();
    assert_eq!(
        server.handle_datagram(ms(1), host(3), &ping),
        Verdict::Stranger
    );
    assert_eq!(drain(&mut server).sends, []);
    assert_eq!(
        server.handle_datagram(ms(1), host(2), &ping),
        Verdict::Consumed
    );
    assert!(
        drain(&mut server)
            .sends
            .contains(&(host(2), Control::Pong { stamp: 42 }.to_bytes()))
    );
}

#[test]
fn a_jacktrip_which_answers_no_ping_is_asked_five_times() {
    let mut server = Peer::server(PeerConfig::default());
    let mut pings = 0;
    for at in 0..60_000 {
        if at % 10 == 0 {
            let _ = server.handle_datagram(ms(at), host(2), &audio(FORMAT, (at / 10) as u16));
        }
        server.handle_timeout(ms(at));
        pings += drain(&mut server).sends.len();
    }
    assert_eq!(pings, 5);

    let _ = server.handle_datagram(ms(60_000), host(2), &Control::Ping { stamp: 1 }.to_bytes());
    drain(&mut server);
    server.handle_timeout(ms(60_001));
    assert_eq!(
        drain(&mut server).sends.len(),
        1,
        "who asks would answer too"
    );
}

#[test]
fn leaving_says_so_twice_and_is_final() {
    let mut server = present();
    server.handle_leave(ms(10));
    let wants = drain(&mut server);
    assert_eq!(
        (wants.stops(), wants.events, wants.wait),
        (vec![host(2); 2], vec![], None)
    );
    assert_eq!((server.is_over(), server.remote()), (true, None));
    for payload in [&audio(FORMAT, 1)[..], &STOP] {
        assert_eq!(
            server.handle_datagram(ms(11), host(2), payload),
            Verdict::Ignored
        );
    }
    server.handle_timeout(ms(100_000));
    assert_eq!(drain(&mut server), support::Wants::default());
}

#[test]
fn leaving_with_nobody_there_sends_nothing() {
    let mut server = Peer::server(config());
    server.handle_leave(ms(10));
    assert_eq!(drain(&mut server), support::Wants::default());
}

/// A server with host 2 as its peer since 0 ms, and nothing left to poll.
fn present() -> Peer {
    let mut server = Peer::server(config());
    let _ = server.handle_datagram(ms(0), host(2), &audio(FORMAT, 0));
    drain(&mut server);
    server
}
