//! A member of a hub, driven period by period: what it says at the door, what it sends first, and where it goes when the
//! hub has gone. The hub is a TCP listener and UDP sockets of the test.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail as the test does")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::time::{Duration, Instant};

use assert_no_alloc::{AllocDisabler, assert_no_alloc};
use farsend::audio::AudioPath;
use farsend::backend::Paced as _;
use farsend::engine::{Desk, Session};
use farsend::membership::Told;
use farsend::settings::{Role, SessionSettings};
use farsend_units::{Channels, Frames, SampleRate, SeqNum};
use farsend_wire::jacktrip::{Header, Hello, Name, Reply, is_stop};

#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

const PERIOD: usize = 64;

#[test]
fn one_datagram_calls_the_hub_and_the_rest_follow_its_answer() {
    let hub = Hub::open();
    let place = hub.place();
    let mut member = Member::join(&hub, SessionSettings::default());
    member.run_until(|told| matches!(told, Told::Knocking { again: false, .. }));
    let hello = hub.let_in(&place);
    assert_eq!(hello.name, Name::new("alice"));
    assert_eq!(hello.port, member.desk.port);
    member.run_until(|told| matches!(told, Told::Inside { .. }));

    member.run_for(Duration::from_millis(100));
    let calls = place.received();
    let [(from, call)] = &calls[..] else {
        panic!("one call, not {}", calls.len());
    };
    let header = Header::parse(call).unwrap();
    assert_eq!((header.incoming, header.outgoing), (2, 0));
    place.answer(*from, 0);
    member.run_for(Duration::from_millis(100));
    assert!(place.received().len() > 20);
    assert!(member.path.has_peer());
}

#[test]
fn after_the_hubs_goodbye_it_is_joined_anew_at_another_port() {
    let hub = Hub::open();
    let (first, second) = (hub.place(), hub.place());
    let mut member = Member::join(&hub, SessionSettings::default());
    member.enter(&hub, &first);
    let [(from, _)] = first.received()[..] else {
        panic!("one call");
    };
    first.answer(from, 0);
    member.run_for(Duration::from_millis(50));
    first.received();
    for _ in 0..2 {
        first.0.send_to(&[0xff; 63], from).unwrap();
    }
    member.run_until(|told| matches!(told, Told::Knocking { again: true, .. }));
    assert!(
        first
            .received()
            .iter()
            .all(|(_, payload)| !is_stop(payload)),
        "whoever has our place now is not to hear a goodbye"
    );
    hub.let_in(&second);
    member.run_until(|told| matches!(told, Told::Inside { .. }));
    member.run_for(Duration::from_millis(50));
    let calls = second.received();
    assert_eq!(calls.len(), 1);
    assert!(Header::parse(&calls[0].1).is_ok() && !is_stop(&calls[0].1));
    assert!(first.received().is_empty());
    second.answer(from, 9);
    member.run_for(Duration::from_millis(50));
    assert!(member.path.has_peer());
}

#[test]
fn a_hub_that_lets_us_in_and_is_not_heard_is_called_every_second_and_joined_anew_after_ten() {
    let hub = Hub::open();
    let (first, second) = (hub.place(), hub.place());
    let mut member = Member::join(&hub, SessionSettings::default());
    member.enter(&hub, &first);
    let told = member.run_until(|_| true);
    assert!(matches!(told, Told::Unanswered(_)), "{told}");
    let calls = first.received();
    assert!((9..=11).contains(&calls.len()), "{} calls", calls.len());
    member.enter(&hub, &second);
    assert_eq!(second.received().len(), 1);
    assert!(first.received().is_empty(), "no goodbye");
}

#[test]
fn a_hub_that_has_gone_hears_nothing_until_it_lets_us_in_again() {
    let hub = Hub::open();
    let place = hub.place();
    let address = place.0.local_addr().unwrap();
    let mut member = Member::join(&hub, SessionSettings::default());
    member.enter(&hub, &place);
    let [(from, _)] = place.received()[..] else {
        panic!("one call");
    };
    place.answer(from, 0);
    member.run_for(Duration::from_millis(50));
    drop(place);
    let told = member.run_until(|_| true);
    assert!(matches!(told, Told::Lost(_)), "{told}");
    let place = Place::at(address);
    member.run_until(|told| matches!(told, Told::Knocking { again: true, .. }));
    member.run_for(Duration::from_millis(100));
    assert!(place.received().is_empty());
    hub.let_in(&place);
    member.run_until(|told| matches!(told, Told::Inside { .. }));
    member.run_for(Duration::from_millis(50));
    assert_eq!(place.received().len(), 1, "a call");
}

#[test]
fn a_hub_that_was_not_heard_is_not_said_goodbye_to() {
    let hub = Hub::open();
    let place = hub.place();
    let mut member = Member::join(&hub, SessionSettings::default());
    member.enter(&hub, &place);
    assert_eq!(place.received().len(), 1);
    member.path.leave();
    assert!(place.received().is_empty());
}

#[test]
fn a_hub_that_was_heard_is_said_goodbye_to_twice() {
    let hub = Hub::open();
    let place = hub.place();
    let mut member = Member::join(&hub, SessionSettings::default());
    member.enter(&hub, &place);
    let [(from, _)] = place.received()[..] else {
        panic!("one call");
    };
    place.answer(from, 0);
    member.run_for(Duration::from_millis(50));
    place.received();
    member.path.leave();
    let goodbyes = place.received();
    assert_eq!(goodbyes.len(), 2);
    assert!(goodbyes.iter().all(|(_, payload)| is_stop(payload)));
}

#[test]
fn a_hub_that_says_no_is_not_asked_again_and_one_that_is_not_there_is() {
    let hub = Hub::open();
    let mut member = Member::join(&hub, SessionSettings::default());
    member.run_until(|told| matches!(told, Told::Knocking { .. }));
    hub.say(Reply::AuthenticationRequired);
    let told = member.run_until(|_| true);
    assert!(matches!(told, Told::Failed(_)), "{told}");
    assert!(told.to_string().contains("password"), "{told}");
    member.run_for(Duration::from_millis(100));
    assert!(member.desk.poll_membership().is_none());

    let hub = Hub::open();
    let patience = Some(Duration::from_millis(900));
    let settings = SessionSettings {
        give_up: patience,
        ..SessionSettings::default()
    };
    let mut member = Member::join(&hub, settings);
    drop(hub);
    member.run_until(|told| matches!(told, Told::Knocking { .. }));
    let told = member.run_until(|_| true);
    assert!(matches!(told, Told::Waiting { .. }), "{told}");
    assert!(told.to_string().contains("nothing listens"), "{told}");
    member.run_until(|told| matches!(told, Told::Failed(_)));
}

/// The door of a hub.
struct Hub(TcpListener);

impl Hub {
    fn open() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    fn place(&self) -> Place {
        Place::at(([127, 0, 0, 1], 0).into())
    }

    /// Answers whoever knocks next with this place's port.
    fn let_in(&self, place: &Place) -> Hello {
        self.say(Reply::Port(place.0.local_addr().unwrap().port()))
    }

    fn say(&self, reply: Reply) -> Hello {
        let (mut stream, _) = self.0.accept().unwrap();
        let mut hello = [0; Hello::LEN];
        stream.read_exact(&mut hello).unwrap();
        stream.write_all(&reply.to_bytes()).unwrap();
        Hello::parse(&hello)
    }
}

/// Where the hub expects one member.
struct Place(UdpSocket);

impl Place {
    fn at(address: SocketAddr) -> Self {
        let socket = UdpSocket::bind(address).unwrap();
        socket.set_nonblocking(true).unwrap();
        Self(socket)
    }

    /// All that has come.
    fn received(&self) -> Vec<(SocketAddr, Vec<u8>)> {
        let mut buffer = [0; 2000];
        std::iter::from_fn(|| {
            let (len, from) = self.0.recv_from(&mut buffer).ok()?;
            Some((from, buffer[..len].to_vec()))
        })
        .collect()
    }

    /// A packet of silence, as a JackTrip hub sends it.
    fn answer(&self, to: SocketAddr, seq: u16) {
        let header = Header {
            time_stamp: 1,
            seq: SeqNum(seq),
            frames: PERIOD as u16,
            rate_code: 3,
            bits: 16,
            incoming: 2,
            outgoing: 0,
        };
        let mut bytes = header.to_bytes().to_vec();
        bytes.resize(Header::LEN + PERIOD * 2 * 2, 0);
        self.0.send_to(&bytes, to).unwrap();
    }
}

struct Member {
    path: Box<AudioPath>,
    desk: Desk,
}

impl Member {
    fn join(hub: &Hub, settings: SessionSettings) -> Self {
        let settings = SessionSettings {
            role: Role::Member {
                host: "127.0.0.1".into(),
                port: hub.0.local_addr().unwrap().port(),
                name: Name::new("alice"),
            },
            bind_port: 0,
            send: Channels(2),
            receive: Channels(2),
            ..settings
        };
        let period = Frames(PERIOD as u32);
        let Session { path, desk } =
            Session::build(&settings, SampleRate::HZ_48000, period, period).unwrap();
        Self { path, desk }
    }

    /// Joins, and has called.
    fn enter(&mut self, hub: &Hub, place: &Place) {
        self.run_until(|told| matches!(told, Told::Knocking { .. }));
        hub.let_in(place);
        self.run_until(|told| matches!(told, Told::Inside { .. }));
        self.run_for(Duration::from_millis(20));
    }

    /// Goes on until the control thread is told this; gives it.
    fn run_until(&mut self, enough: impl Fn(&Told) -> bool) -> Told {
        let limit = Instant::now() + Duration::from_secs(15);
        while Instant::now() < limit {
            self.period();
            if let Some(told) = self.desk.poll_membership()
                && enough(&told)
            {
                return told;
            }
        }
        panic!("it did not come to that");
    }

    /// As many periods as are so long.
    fn run_for(&mut self, time: Duration) {
        let period = Frames(PERIOD as u32).duration(SampleRate::HZ_48000);
        for _ in 0..time.as_nanos().div_ceil(period.as_nanos()) {
            self.period();
        }
    }

    fn period(&mut self) {
        let input = [0.25; PERIOD];
        let mut outputs = [[0.0; PERIOD]; 2];
        let [left, right] = &mut outputs;
        assert_no_alloc(|| self.path.period(&[&input, &input], &mut [left, right]));
        while let Ok(event) = self.desk.events.pop() {
            if let Some(membership) = &mut self.desk.membership {
                membership.note(&event);
            }
        }
        std::thread::sleep(Duration::from_micros(1333));
    }
}
