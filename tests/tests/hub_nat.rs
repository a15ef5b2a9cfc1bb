//! Players whom a hub knows by an address that others name, too, or that others had before; and those who log in and are never
//! heard of again.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use farsend_tests::lab::by_hand::{GOODBYE, header, log_in};
use farsend_tests::lab::hub::{start, status, told};
use farsend_tests::lab::{Need, on_a_private_machine, wait_until};
use serde_json::Value;

const NEEDS: &[Need] = &[Need::Jackd, Need::Jacktrip];
const LIMIT: Duration = Duration::from_secs(10);

#[test]
fn two_behind_one_nat_who_name_the_same_port_both_play() {
    on_a_private_machine(NEEDS, |machine| {
        let hub = start(machine, &[]);
        let ann = Sender::at(4500);
        ann.plays(log_in(4500, "ann"), 2);
        wait_until("ann plays", LIMIT, || names() == ["ann"]);
        let ben = Sender::at(4501);
        let to = log_in(4500, "ben");
        // The NAT, and the way there, take their time.
        std::thread::sleep(Duration::from_millis(100));
        ben.plays(to, 2);
        wait_until("both play", LIMIT, || names() == ["ann", "ben"]);
        let before = ann.heard();
        wait_until("both hear", LIMIT, || {
            ann.heard() > before + 100 && ben.heard() > 100
        });
        assert!(hub.events("left").is_empty(), "{}", hub.running.output());
    });
}

#[test]
fn a_program_that_begins_again_behind_a_nat_is_let_in_as_what_it_is_now() {
    on_a_private_machine(NEEDS, |machine| {
        let mut hub = start(machine, &[]);
        let ann = Sender::at(4501);
        let to = log_in(4500, "ann");
        ann.plays(to, 1);
        wait_until("ann plays", LIMIT, || column("sends") == [1]);
        // Long enough that its numbers are not those of before.
        std::thread::sleep(Duration::from_secs(1));
        drop(ann);
        // A program takes longer than that to begin again.
        std::thread::sleep(Duration::from_millis(700));
        let anna = Sender::at(4501);
        anna.plays(log_in(4500, "anna"), 2);
        wait_until("anna plays", LIMIT, || {
            names() == ["anna"] && column("sends") == [2]
        });
        hub.wait_for_event("left", 1, LIMIT);
        assert_eq!(hub.events("left")[0]["name"], "ann");
    });
}

#[test]
fn one_who_was_sent_away_and_streams_on_is_not_let_in_as_the_next_of_that_host() {
    on_a_private_machine(NEEDS, |machine| {
        let mut hub = start(machine, &[]);
        // All of that network say the same port.
        let ann = Sender::at(4500);
        ann.plays(log_in(4464, "ann"), 1);
        wait_until("ann plays", LIMIT, || names() == ["ann"]);
        told(&["kick", "ann"]);
        hub.wait_for_event("left", 1, LIMIT);
        std::thread::sleep(Duration::from_millis(500));
        let to = log_in(4464, "ben");
        // Long enough for a hundred datagrams of ann's.
        std::thread::sleep(Duration::from_millis(300));
        assert!(names().is_empty(), "{:?}", names());
        let ben = Sender::at(4501);
        ben.plays(to, 2);
        wait_until("ben hears", LIMIT, || ben.heard() > 100);
        assert_eq!(column("address"), ["127.0.0.1:4501"]);
        assert_eq!(
            (names(), column("sends")),
            (vec!["ben".into()], vec![2.into()])
        );
    });
}

#[test]
fn one_who_was_forgotten_and_streams_on_is_not_let_in_as_the_next_of_that_host() {
    on_a_private_machine(NEEDS, |machine| {
        let mut hub = start(machine, &[]);
        let ann = Sender::at(4500);
        ann.plays(log_in(4464, "ann"), 1);
        wait_until("ann plays", LIMIT, || names() == ["ann"]);
        ann.rests();
        hub.wait_for_event("left", 1, 2 * LIMIT);
        // Her network is back.
        ann.plays((Ipv4Addr::LOCALHOST, 4464).into(), 1);
        std::thread::sleep(Duration::from_millis(300));
        let to = log_in(4464, "ben");
        std::thread::sleep(Duration::from_millis(300));
        assert!(names().is_empty(), "{:?}", names());
        let ben = Sender::at(4501);
        ben.plays(to, 2);
        wait_until("ben hears", LIMIT, || ben.heard() > 100);
        assert_eq!(column("address"), ["127.0.0.1:4501"]);
    });
}

#[test]
fn one_who_was_let_in_for_want_of_another_makes_room_when_that_one_comes() {
    on_a_private_machine(NEEDS, |machine| {
        let mut hub = start(machine, &[]);
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, 4464));
        // Never stops, as a player of a hub that was started again.
        let old = Sender::at(4500);
        old.plays(to, 1);
        std::thread::sleep(Duration::from_millis(300));
        let begun = Instant::now();
        log_in(4464, "ann");
        hub.wait_for_event("joined", 1, LIMIT);
        assert!(
            begun.elapsed() >= Duration::from_secs(2),
            "another may come"
        );
        assert_eq!(column("address"), ["127.0.0.1:4500"]);
        let ann = Sender::at(4501);
        ann.plays(to, 2);
        hub.wait_for_event("joined", 2, LIMIT);
        wait_until("ann hears", LIMIT, || ann.heard() > 100);
        assert_eq!(column("address"), ["127.0.0.1:4501"]);
        let (left, name) = (&hub.events("left")[0], names());
        assert_eq!(
            (&left["remote"], &name[0]),
            (&"127.0.0.1:4500".into(), &"ann".into())
        );
    });
}

#[test]
fn one_who_leaves_and_comes_back_at_the_same_address_of_a_nat_is_let_in_at_once() {
    on_a_private_machine(NEEDS, |machine| {
        let mut hub = start(machine, &[]);
        for n in 1..=3 {
            let ann = Sender::at(4500);
            let to = log_in(4464, "ann");
            ann.plays(to, 1);
            let begun = Instant::now();
            hub.wait_for_event("joined", n, LIMIT);
            assert!(begun.elapsed() < Duration::from_secs(1));
            wait_until("ann hears", LIMIT, || ann.heard() > 100);
            let socket = ann.end();
            for _ in 0..2 {
                socket.send_to(&GOODBYE, to).expect("loopback");
            }
            hub.wait_for_event("left", n, LIMIT);
            // Less than any program needs.
            std::thread::sleep(Duration::from_millis(600));
        }
    });
}

#[test]
fn one_who_cannot_be_served_uses_up_nobody_elses_log_in() {
    on_a_private_machine(NEEDS, |machine| {
        let mut hub = start(machine, &[]);
        let to = log_in(4464, "ann");
        let odd = UdpSocket::bind((Ipv4Addr::LOCALHOST, 4500)).expect("a free port");
        // Wants no channel at all.
        let nothing = [&header(0, 128, [3, 16, 0, 1])[..], &[0; 256]].concat();
        odd.send_to(&nothing, to).expect("loopback");
        hub.wait_for_event("refused", 1, LIMIT);
        let said = hub.events("refused")[0]["text"].to_string();
        assert!(said.contains("127.0.0.1:4500"), "{said}");
        let ann = Sender::at(4501);
        ann.plays(to, 2);
        wait_until("ann plays", LIMIT, || names() == ["ann"]);
    });
}

#[test]
fn who_sends_what_is_no_audio_is_told_of_with_what_it_was() {
    on_a_private_machine(NEEDS, |machine| {
        let mut hub = start(machine, &[]);
        let odd = UdpSocket::bind((Ipv4Addr::LOCALHOST, 4500)).expect("a free port");
        let to = log_in(4500, "ann");
        log_in(4501, "ben");
        odd.send_to(b"not a word of audio", to).expect("loopback");
        hub.wait_for_event("never_heard", 2, 2 * LIMIT);
        let told = hub.events("never_heard");
        let of = |name: &str| {
            let one = told.iter().find(|one| one["name"] == name);
            one.expect("both are told of")["text"].to_string()
        };
        let (ann, ben) = (of("ann"), of("ben"));
        assert!(
            ann.contains("127.0.0.1:4500 sends") && !ann.contains("firewall"),
            "{ann}"
        );
        assert!(ben.contains("firewall"), "{ben}");
    });
}

#[test]
fn who_logs_in_and_is_never_heard_of_again_keeps_no_place() {
    on_a_private_machine(NEEDS, |machine| {
        let mut hub = start(machine, &["--players", "2"]);
        // One whose only datagram is longer than what is kept of a first one, and one who leaves in a storm of words.
        let long = UdpSocket::bind((Ipv4Addr::LOCALHOST, 4501)).expect("a free port");
        let to = log_in(4501, "long");
        long.send_to(&datagram(0, 1024, 2), to).expect("loopback");
        let storm = Sender::at(4502);
        let to = log_in(4502, "storm");
        storm.plays(to, 2);
        wait_until("both are in", LIMIT, || names().len() == 2);
        let storm = storm.end();
        for number in 0..60 {
            let changing = datagram(number, if number % 2 == 0 { 64 } else { 256 }, 2);
            storm.send_to(&changing, to).expect("loopback");
        }
        for _ in 0..2 {
            storm.send_to(&GOODBYE, to).expect("loopback");
        }
        hub.wait_for_event("left", 2, 3 * LIMIT);
        assert!(names().is_empty(), "{:?}", names());
    });
}

/// Somebody who plays silence from a port.
struct Sender {
    socket: Arc<UdpSocket>,
    heard: Arc<AtomicU64>,
    quit: Arc<AtomicBool>,
    thread: std::cell::RefCell<Option<JoinHandle<()>>>,
}

impl Sender {
    fn at(port: u16) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).expect("a free port");
        socket.set_nonblocking(true).expect("a socket can do that");
        Self {
            socket: Arc::new(socket),
            heard: Arc::default(),
            quit: Arc::default(),
            thread: None.into(),
        }
    }

    /// Sends so many channels from now on, a packet of 128 frames every 3 ms.
    fn plays(&self, to: SocketAddr, channels: u8) {
        let (socket, heard, quit) = (
            Arc::clone(&self.socket),
            Arc::clone(&self.heard),
            Arc::clone(&self.quit),
        );
        let thread = std::thread::spawn(move || {
            for number in 0_u16.. {
                if quit.load(Relaxed) {
                    return;
                }
                _ = socket.send_to(&datagram(number, 128, channels), to);
                while socket.recv(&mut [0; 2048]).is_ok() {
                    heard.fetch_add(1, Relaxed);
                }
                std::thread::sleep(Duration::from_micros(2_667));
            }
        });
        *self.thread.borrow_mut() = Some(thread);
    }

    fn heard(&self) -> u64 {
        self.heard.load(Relaxed)
    }

    /// Sends no more of itself.
    fn end(self) -> Arc<UdpSocket> {
        self.rests();
        Arc::clone(&self.socket)
    }

    /// Sends nothing until it plays again.
    fn rests(&self) {
        self.quit.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("it only sends");
        }
        self.quit.store(false, Relaxed);
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.rests();
    }
}

/// Silence of 16 bit at 48 kHz.
fn datagram(number: u16, frames: u16, channels: u8) -> Vec<u8> {
    let audio = vec![0; usize::from(frames) * usize::from(channels) * 2];
    [&header(number, frames, [3, 16, channels, 0])[..], &audio].concat()
}

fn column(name: &str) -> Vec<Value> {
    let status = status();
    let players = status["players"].as_array().expect("a list").iter();
    players.map(|player| player[name].clone()).collect()
}

fn names() -> Vec<Value> {
    column("name")
}
