//! The VST3 in Ardour: a track goes to a far end and what comes back is recorded to disk.
//!
//! ```text
//!   take.wav ──▶ Far [Farsend.vst3] ──▶ Back, armed ──▶ disk
//!                     │      ▲
//!                     ▼      │
//!                 farsend-engine ◀──UDP──▶ a peer that plays back what it gets
//! ```

use std::time::Duration;

use farsend_tests::lab::farsend::Farsend;
use farsend_tests::lab::vst3::{
    ARDOUR_BLOCK, Ardour, Wish, assert_to_the_sample, engines, kill_engine, longest_gap,
};
use farsend_tests::lab::{Machine, Need, on_a_private_machine};
use farsend_tests::signal::ramp;

const NEEDS: &[Need] = &[Need::Ardour, Need::Jackd];

const RATE: usize = 48_000;

const TO_THE_PEER: Wish<'_> = Wish {
    connect: "127.0.0.1:4464",
    queue: 16,
};

/// Two queues of 16 packets of 128 frames, two packets more after a hesitation, and a few cycles where they meet.
const LONGEST_DELAY: u32 = 2 * (16 + 2) * 128 + 4 * ARDOUR_BLOCK;

/// How often a busy machine may spoil it.
const ATTEMPTS: usize = 4;

#[test]
fn a_track_goes_to_the_far_end_and_its_return_is_recorded_to_the_sample() {
    on_a_private_machine(NEEDS, |machine| {
        let mut peer = Farsend::start_looping(machine, &["-q", "16"]);
        assert_to_the_sample(ATTEMPTS, 4 * RATE, LONGEST_DELAY, || {
            let mut ardour = start_ardour(machine, &mut peer);
            ardour.roll();
            ardour.wait_position(5 * RATE, Duration::from_secs(20));
            ardour.recording()
        });
    });
}

#[test]
fn an_engine_killed_while_ardour_rolls_is_back_within_two_seconds() {
    on_a_private_machine(NEEDS, |machine| {
        let mut peer = Farsend::start_looping(machine, &["-q", "16"]);
        assert_to_the_sample(ATTEMPTS, RATE, LONGEST_DELAY, || {
            let mut ardour = start_ardour(machine, &mut peer);
            ardour.roll();
            ardour.wait_position(3 * RATE, Duration::from_secs(20));
            let killed = kill_engine();
            let at = ardour.position();
            // The session goes on: at its pace, the transport is there in four seconds.
            ardour.wait_position(at + 4 * RATE, Duration::from_secs(6));
            let now = engines();
            assert!(now.len() == 1 && now[0] != killed, "{killed}, then {now:?}");
            let recording = ardour.recording();
            // Without the beginning, where Ardour fades in.
            let later: Vec<Vec<f32>> = recording
                .iter()
                .map(|samples| samples[RATE..].to_vec())
                .collect();
            let gap = longest_gap(&later);
            println!("silent for {gap} frames");
            let silence = vec![vec![0.0; RATE]; 2];
            if (1..2 * RATE).contains(&gap) {
                recording
            } else {
                silence
            }
        });
    });
}

/// Ardour with twenty seconds of the ramp, and its session with the peer established.
fn start_ardour(machine: &Machine, peer: &mut Farsend) -> Ardour {
    let take: Vec<Vec<f32>> = (0..2)
        .map(|channel| {
            (0..20 * RATE as u32)
                .map(|frame| ramp(frame, channel))
                .collect()
        })
        .collect();
    let ardour = Ardour::start(machine, TO_THE_PEER, &take);
    // There was another one while Ardour made the session.
    assert!(
        (0..30).any(|_| peer.next_statistics().connected),
        "Ardour does not call"
    );
    ardour
}
