//! The VST3 in Ardour: a track goes to a far end and what comes back is recorded to disk.
//!
//! ```text
//!   take.wav ──▶ Far [Farsend.vst3] ──▶ Back, armed ──▶ disk
//!                     │      ▲
//!                     ▼      │
//!                 farsend-engine ◀──UDP──▶ a peer that plays back what it gets
//! ```

use std::path::Path;
use std::time::Duration;

use farsend_tests::lab::farsend::Farsend;
use farsend_tests::lab::takes;
use farsend_tests::lab::vst3::{
    ARDOUR_BLOCK, Ardour, ArdourPlan, Wish, assert_to_the_sample, engines, kill_engine,
    longest_gap, share_of_ramp,
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

/// What is lost is fetched within the first, and a take is laid along the timeline within the second.
const COMPLETED: (Duration, Duration) = (Duration::from_secs(4), Duration::from_secs(60));

/// What Ardour adds as it writes 16 bits; the ramp rises by more from frame to frame.
const DITHER: f32 = 16.0 / 32_768.0;

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

#[test]
fn an_export_holds_the_take_where_it_was_played_though_the_far_end_has_gone() {
    on_a_private_machine(NEEDS, |machine| {
        let mut peer = Farsend::start_looping(machine, &["-q", "16"]);
        let plan = ArdourPlan {
            records: false,
            ..ArdourPlan::default()
        };
        let mut ardour = start_ardour_by(machine, &mut peer, &plan);
        ardour.set("Record takes", 1.0);
        std::thread::sleep(Duration::from_secs(1));
        ardour.roll();
        ardour.wait_position(3 * RATE, Duration::from_secs(20));
        ardour.stop();
        let folder = machine.path("home/Music/Farsend");
        let path = takes::wait_for_take(&folder, 2 * RATE as u64, COMPLETED).expect("it rolled");
        let take = Take::read(&path);
        let played = share_of_ramp(&take.lanes, RATE);
        assert!(played > 0.6, "{played} of the take is what was played");
        drop(peer);

        let export = ardour.export();
        ardour.close();
        let begins = take.begins;
        let ends = begins + take.lanes[0].len();
        println!(
            "a take from {begins} to {ends}, {} exported",
            export[0].len()
        );
        assert!(
            ends + RATE < export[0].len(),
            "there is something behind it"
        );
        for (exported, taken) in export.iter().zip(&take.lanes) {
            let wrong = taken.iter().zip(&exported[begins..ends]);
            let wrong = wrong.filter(|(taken, exported)| (*taken - *exported).abs() > DITHER);
            // Where it begins to roll Ardour fades in.
            let wrong = wrong.count();
            assert!(wrong < RATE / 10, "{wrong} frames are not as taken");
            let loud = exported[..begins].iter().chain(&exported[ends..]);
            let loud = loud.filter(|sample| sample.abs() > DITHER).count();
            assert_eq!(loud, 0, "frames without a take that are not silent");
        }
    });
}

/// A take as it lies on the disk.
struct Take {
    /// In frames of the timeline.
    begins: usize,
    /// By channel.
    lanes: Vec<Vec<f32>>,
}

impl Take {
    fn read(path: &Path) -> Take {
        let head = takes::head(path).expect("it is a take");
        let mut reader = hound::WavReader::open(path).expect("it is a WAV file");
        let mut lanes = vec![Vec::new(); usize::from(head.channels)];
        for (index, sample) in reader.samples::<i32>().enumerate() {
            let sample = sample.expect("the file is whole");
            lanes[index % usize::from(head.channels)].push(sample as f32 / 8_388_608.0);
        }
        Take {
            begins: head.begins as usize,
            lanes,
        }
    }
}

/// Ardour with twenty seconds of the ramp, and its session with the peer established.
fn start_ardour(machine: &Machine, peer: &mut Farsend) -> Ardour {
    start_ardour_by(machine, peer, &ArdourPlan::default())
}

/// The same, by a plan.
fn start_ardour_by(machine: &Machine, peer: &mut Farsend, plan: &ArdourPlan) -> Ardour {
    let take: Vec<Vec<f32>> = (0..2)
        .map(|channel| {
            (0..20 * RATE as u32)
                .map(|frame| ramp(frame, channel))
                .collect()
        })
        .collect();
    let ardour = Ardour::start_with(machine, TO_THE_PEER, &take, plan);
    // There was another one while Ardour made the session.
    assert!(
        (0..30).any(|_| peer.next_statistics().connected),
        "Ardour does not call"
    );
    ardour
}
