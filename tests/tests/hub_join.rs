//! `farsend join` at a real JackTrip hub: what it plays comes back to the bit, its place is free when it leaves, and
//! what is wrong at the door has a sentence and an exit code.

use std::io::Read as _;
use std::net::TcpListener;
use std::time::Duration;

use farsend_tests::lab::farsend::{Farsend, command};
use farsend_tests::lab::hub::{jacktrips_hub, join, member};
use farsend_tests::lab::jack::{JackClock, JackServer};
use farsend_tests::lab::probe::{Plan, Probe, Recording};
use farsend_tests::lab::{Machine, Need, Running, on_a_private_machine, wait_until};
use farsend_tests::signal::{Depth, Heard, Tone, listen, listen_to_tone};
use nix::sys::signal::Signal;

const NEEDS: &[Need] = &[Need::Jackd, Need::Jacktrip];

const SOON: Duration = Duration::from_secs(10);

/// Where JackTrip's hubs listen.
const HUB_PORT: u16 = 4464;

#[test]
fn what_is_played_comes_back_from_a_loopback_hub_to_the_bit() {
    comes_back("1", &[], Depth::Bits16);
}

#[test]
fn what_is_played_comes_back_in_a_full_mix_to_the_bit() {
    comes_back("4", &[], Depth::Bits16);
}

#[test]
fn a_hub_of_24_bit_is_sent_24_bit() {
    comes_back("1", &["-b", "24"], Depth::Bits24);
}

#[test]
fn a_hub_of_another_rate_and_period_is_sent_its_own_and_heard_at_ours() {
    on_a_private_machine(NEEDS, |machine| {
        let clock = JackClock {
            rate: 44_100,
            period: 256,
        };
        let at_hub = JackServer::start(machine, "a", clock);
        let at_home = JackServer::start(machine, "b", JackClock::CALM);
        let hub = open_hub(machine, &at_hub, "1", &[]);
        let mut member = Farsend::start(machine, &at_home, "alice", &join(&[]));
        member.wait_for_peer();
        let mut heard = Vec::new();
        let is_whole = |tone: &Tone| tone.seconds >= 0.5 && (tone.hertz - 1000.0).abs() < 1.0;
        for attempt in 1..5 {
            std::thread::sleep(Duration::from_secs(attempt));
            let recording = play_and_record(machine, &at_home, "alice", 96_000, Some(1000));
            let tone = listen_to_tone(&recording.channels[0], 1000, 48_000);
            if is_whole(&tone) {
                return;
            }
            heard.push(tone);
        }
        panic!("{heard:?}\n{}", hub.output());
    });
}

#[test]
fn a_hub_is_joined_by_ipv6() {
    on_a_private_machine(NEEDS, |machine| {
        let at_hub = JackServer::start(machine, "a", JackClock::CALM);
        let _hub = open_hub(machine, &at_hub, "1", &[]);
        let words = ["join", "::1", "--bind-port", "0", "--backend", "timer"];
        let mut member = Farsend::start_without_jack(
            machine,
            "alice",
            &[&words[..], &["--name", "alice"]].concat(),
        );
        member.wait_for_peer();
        at_hub.wait_for_port("alice:receive_2", SOON);
        assert_eq!(member.events("joined")[0]["remote"], "[::1]:61002");
    });
}

#[test]
fn the_hub_knows_our_name_and_has_our_place_again_when_we_leave() {
    on_a_private_machine(NEEDS, |machine| {
        let at_hub = JackServer::start(machine, "a", JackClock::CALM);
        let at_home = JackServer::start(machine, "b", JackClock::CALM);
        let mut hub = open_hub(machine, &at_hub, "1", &[]);
        for name in ["alice", "bob"] {
            let mut member = Farsend::start(machine, &at_home, name, &join(&[]));
            member.wait_for_peer();
            at_hub.wait_for_port(&format!("{name}:receive_2"), SOON);
            let joined = &member.events("joined")[0];
            assert_eq!(joined["remote"], "127.0.0.1:61002", "the first place");
            member.running.signal(Signal::SIGINT);
            assert_eq!(member.running.wait_exit_code(SOON), 0);
            wait_until("the hub frees the place", SOON, || {
                !at_hub.ports().iter().any(|port| port.starts_with(name))
            });
        }
        assert!(hub.is_running());
    });
}

#[test]
fn our_jacktrip_joins_a_hub_by_jacktrips_own_options() {
    on_a_private_machine(NEEDS, |machine| {
        let at_hub = JackServer::start(machine, "a", JackClock::CALM);
        let at_home = JackServer::start(machine, "b", JackClock::CALM);
        let _hub = jacktrips_hub(machine, &at_hub, HUB_PORT + 10, &["-p", "1"]);
        let words = [
            "jacktrip",
            "-C",
            "127.0.0.1",
            "-K",
            "carol",
            "-J",
            "me",
            "-o",
            "10",
            "-B",
            "4480",
            "-n",
            "1",
        ];
        let mut member = Running::start(machine, "me", at_home.used_by(&mut command(&words)));
        at_hub.wait_for_port("carol:receive_1", SOON);
        at_home.wait_for_port("me:send_1", SOON);
        member.signal(Signal::SIGTERM);
        assert_eq!(member.wait_exit_code(SOON), 0, "{}", member.output());
    });
}

#[test]
fn a_hub_that_is_started_again_is_joined_again() {
    on_a_private_machine(NEEDS, |machine| {
        let at_hub = JackServer::start(machine, "a", JackClock::CALM);
        let at_home = JackServer::start(machine, "b", JackClock::CALM);
        let mut hub = open_hub(machine, &at_hub, "1", &[]);
        let mut member = Farsend::start(machine, &at_home, "alice", &join(&[]));
        member.wait_for_peer();
        hub.signal(Signal::SIGTERM);
        member.wait_for_event("left", 1, SOON);
        hub.wait_exit(SOON);
        member.wait_for_event("waiting", 1, SOON);
        let hub = open_hub(machine, &at_hub, "1", &[]);
        member.wait_for_event("connected", 2, Duration::from_secs(20));
        let heard = record(machine, &at_home, "alice", 48_000);
        let heard = listen(&heard.channels[0], 0, Depth::Bits16, 2);
        assert!(heard.exact > 40_000, "{heard:?}\n{}", hub.output());
    });
}

#[test]
fn a_hub_that_is_killed_is_noticed_and_joined_again() {
    on_a_private_machine(NEEDS, |machine| {
        let at_hub = JackServer::start(machine, "a", JackClock::CALM);
        let mut hub = open_hub(machine, &at_hub, "1", &[]);
        let mut member = member(machine, "alice", &[]);
        member.wait_for_peer();
        hub.signal(Signal::SIGKILL);
        hub.wait_exit(SOON);
        member.wait_for_event("lost", 1, SOON);
        let _hub = open_hub(machine, &at_hub, "1", &[]);
        member.wait_for_event("connected", 2, Duration::from_secs(20));
    });
}

#[test]
fn with_once_it_ends_with_the_hub() {
    on_a_private_machine(NEEDS, |machine| {
        let at_hub = JackServer::start(machine, "a", JackClock::CALM);
        let mut hub = open_hub(machine, &at_hub, "5", &[]);
        let mut member = member(machine, "alice", &["--once"]);
        member.wait_for_peer();
        hub.signal(Signal::SIGTERM);
        assert_eq!(member.running.wait_exit_code(SOON), 0);
    });
}

#[test]
fn where_nothing_listens_it_waits_and_then_says_so() {
    on_a_private_machine(&[], |machine| {
        let mut member = member(machine, "alice", &["--timeout", "3"]);
        assert_eq!(member.running.wait_exit_code(SOON), 10);
        assert!(member.events("waiting").len() >= 2);
        let said = member.running.output();
        assert!(said.contains("nothing listens on TCP port 4464"), "{said}");
    });
}

#[test]
fn a_hub_that_says_nothing_a_full_one_and_one_with_users_have_a_sentence_each() {
    on_a_private_machine(&[], |machine| {
        for (answer, code, sentence) in [
            (Some(&[][..]), 11, "is full"),
            (Some(&[0, 0, 2, 0][..]), 11, "password"),
            (Some(&b"HTTP"[..]), 10, "no JackTrip hub"),
            (None, 10, "says nothing"),
        ] {
            let door = TcpListener::bind(("127.0.0.1", HUB_PORT)).expect("the port is ours");
            let mut member = member(machine, "alice", &[]);
            let (mut stream, _) = door.accept().expect("somebody knocks");
            let mut hello = [0; 68];
            stream.read_exact(&mut hello).expect("a whole hello comes");
            if let Some(answer) = answer {
                std::io::Write::write_all(&mut stream, answer).expect("it listens");
                drop(stream);
            }
            let limit = Duration::from_secs(15);
            assert_eq!(member.running.wait_exit_code(limit), code, "{sentence}");
            let said = member.running.output();
            assert!(said.contains(sentence), "{said}");
        }
    });
}

/// What a member at its own JACK server plays comes back through a hub of this patch mode, twice through the wire.
///
/// JackTrip's threads have no real-time priority here, and its buffer moves when other programs are busy: half a second
/// without a wrong sample will do, and a recording without one is made again, a few times.
fn comes_back(patch: &str, options: &[&str], depth: Depth) {
    on_a_private_machine(NEEDS, |machine| {
        let at_hub = JackServer::start(machine, "a", JackClock::CALM);
        let at_home = JackServer::start(machine, "b", JackClock::CALM);
        let hub = open_hub(machine, &at_hub, patch, options);
        let mut member = Farsend::start(machine, &at_home, "alice", &join(&["-q", "8"]));
        member.wait_for_peer();
        at_hub.wait_for_port("alice:receive_2", SOON);
        let mut last = Vec::new();
        for attempt in 0..5 {
            std::thread::sleep(Duration::from_secs(attempt));
            let recording = record(machine, &at_home, "alice", 96_000);
            let heard: Vec<Heard> = (0..)
                .zip(&recording.channels)
                .map(|(channel, samples)| listen(samples, channel, depth, 2))
                .collect();
            if heard.iter().all(|one| longest_exact(one, 96_000) > 24_000) {
                return;
            }
            last = heard;
        }
        panic!("{last:?}\n{}", hub.output());
    });
}

/// The longest stretch of a recording of so many frames without a wrong sample or a move of the time line.
fn longest_exact(heard: &Heard, frames: usize) -> usize {
    let moves = heard.lines.iter().map(|line| line.at..line.at);
    let mut breaks: Vec<_> = heard.wrong.iter().cloned().chain(moves).collect();
    breaks.push(frames..frames);
    breaks.sort_by_key(|stretch| stretch.start);
    // What comes before the first line is no ramp.
    let gaps = breaks
        .windows(2)
        .map(|two| two[1].start.saturating_sub(two[0].end));
    gaps.max().unwrap_or(0)
}

/// The real JackTrip as a hub of this patch mode.
fn open_hub(machine: &Machine, server: &JackServer, patch: &str, options: &[&str]) -> Running {
    jacktrips_hub(
        machine,
        server,
        HUB_PORT,
        &[&["-p", patch], options].concat(),
    )
}

/// Plays to the member and records what it hears, on its own JACK server.
fn record(machine: &Machine, server: &JackServer, name: &str, frames: u32) -> Recording {
    play_and_record(machine, server, name, frames, None)
}

/// The same with a sine of so many hertz in place of the ramp.
fn play_and_record(
    machine: &Machine,
    server: &JackServer,
    name: &str,
    frames: u32,
    sine: Option<u32>,
) -> Recording {
    let (play, hear) = (format!("{name}:send_"), format!("{name}:receive_"));
    let plan = Plan {
        name: "probe",
        play: Some((&play, 2)),
        record: Some((&hear, 2)),
        frames,
        sine,
    };
    Probe::start(machine, server, &plan).recording()
}
