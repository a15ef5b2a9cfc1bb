//! What real JackTrips say to a hub, and what real hubs answer, is read as `golden/README.md` says, and written the same.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use farsend_wire::jacktrip::{Hello, Name, Reply};
use support::{CLIENT, SERVER, Segment, segments};

#[test]
fn a_client_of_1_7_or_2_7_says_its_port_and_its_name_in_one_segment() {
    for (capture, name) in [
        ("jt17_hub_2ch_b16_p128_named", "alice"),
        ("jt17_hub_2ch_b16_p128_unnamed", ""),
        ("jt27_hub_2ch_b16_p128_named", "alice"),
    ] {
        let [(said, answered)] = &log_ins(capture)[..] else {
            panic!("{capture}: one log-in");
        };
        let bytes = <&[u8; Hello::LEN]>::try_from(&said[..]).unwrap();
        let hello = Hello {
            port: 4464,
            name: Name::new(name),
        };
        assert_eq!(Hello::parse(bytes), hello, "{capture}");
        assert_eq!(hello.to_bytes(), *bytes, "{capture}");
        assert_eq!(read(answered), Reply::Port(61_002), "{capture}");
    }
}

#[test]
fn a_hub_without_users_says_so_to_whom_wants_to_authenticate() {
    let [(said, answered)] = &log_ins("jt17_hub_auth_notrequired")[..] else {
        panic!("one log-in");
    };
    assert_eq!(read(said), Reply::PleaseAuthenticate);
    assert_eq!(read(answered), Reply::NotRequired);
}

#[test]
fn a_hub_with_users_lets_nobody_in_who_does_not_ask_to_authenticate() {
    let all = log_ins("jt17_hub_auth_codes");
    let (asking, others) = all.split_at(7);
    for (said, answered) in asking {
        assert_eq!(read(said), Reply::PleaseAuthenticate);
        assert_eq!(read(answered), Reply::PleaseAuthenticate);
    }
    let [(hello, first), (word, second)] = others else {
        panic!("nine log-ins");
    };
    let hello = Hello::parse(hello[..].try_into().unwrap());
    assert_eq!(hello.port, 4464);
    assert_eq!(read(word), Reply::WrongCredentials);
    for answered in [first, second] {
        assert_eq!(read(answered), Reply::AuthenticationRequired);
    }
}

/// Reads a word and sees that it is written the same.
fn read(bytes: &[u8]) -> Reply {
    let bytes = <[u8; Reply::LEN]>::try_from(bytes).unwrap();
    let reply = Reply::parse(bytes);
    assert_eq!(reply.to_bytes(), bytes);
    reply
}

/// The first bytes each way of each connection.
fn log_ins(capture: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    let segments = segments(capture);
    let mut connections: Vec<u16> = segments.iter().map(|segment| segment.connection).collect();
    connections.dedup();
    let first = |connection: u16, from| {
        let is_it = |one: &&Segment| one.connection == connection && one.from == from;
        segments.iter().find(is_it).unwrap().payload.clone()
    };
    connections
        .into_iter()
        .map(|connection| (first(connection, CLIENT), first(connection, SERVER)))
        .collect()
}
