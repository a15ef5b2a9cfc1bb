//! The VST3 in pedalboard, a host that others wrote: block after block at its time, as a sound card would call,
//! and as fast as it goes, as an export does.
//!
//! ```text
//!   pedalboard ── ramp ──▶ Farsend.vst3 ──▶ farsend-engine ──UDP──▶ a peer that plays back what it gets
//!              ◀── recording ──          ◀──                ◀──UDP──
//! ```

use std::time::Duration;

use farsend_tests::lab::farsend::Farsend;
use farsend_tests::lab::jack::{JackClock, JackServer};
use farsend_tests::lab::jacktrip::Jacktrip;
use farsend_tests::lab::vst3::{
    Pedalboard, Wish, assert_to_the_sample, kill_engine, longest_gap, share_of_ramp,
};
use farsend_tests::lab::{Machine, Need, on_a_private_machine};

const WITH_JACKTRIP: &[Need] = &[Need::Pedalboard, Need::Jackd, Need::Jacktrip];

const RATE: usize = 48_000;

/// What the peers have as `-q`, too. Nobody here runs with real-time priority but the engines.
const QUEUE: &str = "16";

const TO_THE_PEER: Wish<'_> = Wish {
    connect: "127.0.0.1:4464",
    queue: 16,
};

/// Seconds that are played, and how many frames, at the end, are listened to.
const PLAYED: f64 = 5.0;
const WHOLE: usize = RATE / 2;

/// How often a busy machine may spoil it.
const ATTEMPTS: usize = 5;

/// Of a call; its time is a few microseconds, and the rest is a busy machine.
const LONGEST_CALL_MS: f64 = 200.0;

/// Two queues of 16 packets of 128 frames, two packets more after a hesitation, and a few blocks where they meet.
const LONGEST_DELAY: u32 = 2 * (16 + 2) * 128 + 4 * 256;

#[test]
fn a_farsend_that_loops_back_is_heard_to_the_sample() {
    on_a_private_machine(&[Need::Pedalboard], |machine| {
        let mut peer = Farsend::start_looping(machine, &["-q", QUEUE]);
        assert_to_the_sample(ATTEMPTS, WHOLE, LONGEST_DELAY, || {
            let mut host = Pedalboard::start(machine, TO_THE_PEER, PLAYED, &[]);
            host.returned(Duration::from_secs(40)).0
        });
        assert_left(&mut peer);
    });
}

#[test]
fn farsend_players_is_heard_in_a_host_that_has_no_use_for_its_further_outputs() {
    on_a_private_machine(&[Need::Pedalboard], |machine| {
        let _peer = Farsend::start_looping(machine, &["-q", QUEUE]);
        let options = ["--name", "Farsend Players"];
        let heard = (0..ATTEMPTS).any(|_| {
            let mut host = Pedalboard::start(machine, TO_THE_PEER, 2.0, &options);
            let (returned, _) = host.returned(Duration::from_secs(40));
            let share = share_of_ramp(&returned, WHOLE);
            println!("{share}");
            share > 0.6
        });
        assert!(heard, "not once, see above");
    });
}

#[test]
fn a_jacktrip_that_loops_back_is_heard_to_the_sample() {
    on_a_private_machine(WITH_JACKTRIP, |machine| {
        let jack = JackServer::start(machine, "peer", JackClock::default());
        assert_to_the_sample(ATTEMPTS, WHOLE, LONGEST_DELAY, || {
            let mut host = Pedalboard::start(machine, TO_THE_PEER, PLAYED + 1.0, &[]);
            let _peer = looping_jacktrip(machine, &jack);
            host.returned(Duration::from_secs(40)).0
        });
    });
}

#[test]
fn an_engine_that_is_killed_is_back_with_a_jacktrip_within_two_seconds() {
    on_a_private_machine(WITH_JACKTRIP, |machine| {
        let jack = JackServer::start(machine, "peer", JackClock::default());
        assert_to_the_sample(ATTEMPTS, WHOLE, LONGEST_DELAY, || {
            let mut host = Pedalboard::start(machine, TO_THE_PEER, PLAYED + 3.0, &[]);
            let _peer = looping_jacktrip(machine, &jack);
            host.running.wait_for("heard", Duration::from_secs(40));
            kill_engine();
            let (returned, calls) = host.returned(Duration::from_secs(40));
            let gap = longest_gap(&returned);
            println!("silent for {gap} frames, {calls:?}");
            let silence = vec![vec![0.0; WHOLE]; 2];
            let is_back = gap < 2 * RATE && calls.longest_call_ms < LONGEST_CALL_MS;
            if is_back { returned } else { silence }
        });
    });
}

#[test]
fn without_a_peer_there_is_silence_and_the_host_goes_on() {
    on_a_private_machine(&[Need::Pedalboard], |machine| {
        let mut host = Pedalboard::start(machine, TO_THE_PEER, 3.0, &[]);
        let (returned, calls) = host.returned(Duration::from_secs(40));
        assert!(returned.iter().flatten().all(|sample| *sample == 0.0));
        assert!(calls.took_s < 4.0, "{calls:?}");
        assert!(calls.longest_call_ms < LONGEST_CALL_MS, "{calls:?}");
    });
}

#[test]
fn a_render_between_neither_hangs_nor_floods_the_peer_and_the_audio_comes_back() {
    on_a_private_machine(&[Need::Pedalboard], |machine| {
        let mut peer = Farsend::start_looping(machine, &["-q", QUEUE]);
        let options = ["--render", "120"];
        // Not to the sample: for a while after such a jump the clocks are followed, and nothing is straight. A busy machine makes
        // holes, too.
        let heard = (0..ATTEMPTS).any(|_| {
            let before = peer.next_statistics().received;
            let mut host = Pedalboard::start(machine, TO_THE_PEER, PLAYED, &options);
            let (returned, calls) = host.returned(Duration::from_secs(90));
            assert!(calls.render_s < 30.0, "{calls:?}");
            assert_left(&mut peer);
            let heard = (peer.statistics().received - before) * 128;
            // Real time and a little more, and what is sent at once at a start.
            let most = ((calls.took_s + calls.render_s) * 1.1 + 1.0) * RATE as f64;
            assert!((heard as f64) < most, "{heard} frames, {calls:?}");
            let share = share_of_ramp(&returned, WHOLE);
            println!("{share}");
            share > 0.6
        });
        assert!(heard, "not once, see above");
    });
}

/// Waits for its caller, too: its ports are of no use before.
fn looping_jacktrip(machine: &Machine, jack: &JackServer) -> Jacktrip {
    let options = ["-s", "-n", "2", "-q", QUEUE];
    let mut peer = Jacktrip::start(machine, jack, "far", &options);
    peer.wait_for_peer();
    for n in 1..=2 {
        let (from, to) = (format!("far:receive_{n}"), format!("far:send_{n}"));
        jack.wait_for_port(&from, Duration::from_secs(5));
        jack.connect(&from, &to);
    }
    peer
}

/// The host has ended, and with it the session.
fn assert_left(peer: &mut Farsend) {
    let is_alone = (0..5).any(|_| !peer.next_statistics().connected);
    assert!(is_alone, "nobody said goodbye");
}
