//! A project with the VST3 in Ardour: opened, it connects by itself, its tracks through one connection; it survives an
//! export, a killed engine and being saved, and says goodbye when it is closed. It prints how long it is until audio is there:
//!
//! ```sh
//! cargo test -p farsend-tests --test vst3_studio -- --nocapture
//! ```

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use farsend_tests::lab::farsend::Farsend;
use farsend_tests::lab::hub::{player, wait_for_players};
use farsend_tests::lab::jack::{JackClock, JackServer};
use farsend_tests::lab::probe::{Plan, Probe};
use farsend_tests::lab::studio::Studio;
use farsend_tests::lab::vst3::{engines, kill_engine};
use farsend_tests::lab::{Need, on_a_private_machine};
use serde_json::json;

const TRACKS: usize = 3;
/// So much louder than the input is what all hear, in dB: three sends of -20 dB.
const SUM: f64 = -20.0 + 9.5;

/// Where the machine is too slow for Ardour's engine, guests of a session may starve for seconds.
const LIMIT: Duration = Duration::from_secs(40);

#[test]
fn a_project_connects_when_it_is_opened_and_again_when_its_engine_was_killed() {
    on_a_private_machine(&[Need::Ardour], |machine| {
        let mut peer = Farsend::start_looping(machine, &["-q", "16"]);
        let studio = Studio::make(machine, TRACKS);
        let session = json!({
            "version": 1, "connected": true, "role": "client", "host": "127.0.0.1", "queue": 16, "share": "Band",
        });
        assert_eq!(studio.want(&session), TRACKS);

        let mut ardour = studio.open(machine);
        let heard = ardour.wait_levels("all tracks hear the sum of all", LIMIT, all_hear_the_sum);
        println!("opening the project to audio: {:?}", heard - ardour.loading);

        ardour.order("roll");
        let killed = Instant::now();
        kill_engine();
        ardour.wait_levels("silence is seen", LIMIT, |levels| !all_hear(levels, 0.3));
        let heard = ardour.wait_levels("all hear the sum again", LIMIT, |levels| {
            all_hear(levels, 0.2)
        });
        println!("engine killed to audio back: {:?}", heard - killed);

        let connections = peer.events("connected").len();
        ardour.order("export");
        ardour.wait_levels("after an export all hear the sum", LIMIT, all_hear_the_sum);
        let after = peer.events("connected").len();
        assert_eq!(after, connections, "the export left the connection alone");

        ardour.order("back");
        ardour.order("save");
        let kept = studio.wanted();
        assert_eq!(kept.len(), TRACKS);
        for saved in kept {
            for (field, value) in session.as_object().expect("it is one") {
                assert_eq!(&saved[field], value, "{field}");
            }
        }
        ardour.close();
        let is_alone = (0..5).any(|_| !peer.next_statistics().connected);
        assert!(is_alone, "nobody said goodbye");
        assert!(engines().len() <= 1, "{:?}", engines());
    });
}

#[test]
fn jacktrips_at_a_hub_that_ardour_hosts_are_on_a_track_each() {
    on_a_private_machine(&[Need::Ardour, Need::Jackd, Need::Jacktrip], |machine| {
        let clock = JackClock::CALM;
        let jack = JackServer::start(machine, "players", clock);
        let studio = Studio::make(machine, 2);
        let session = json!({
            "version": 1, "connected": true, "role": "hub", "queue": 16, "share": "Band", "listen": "free",
        });
        assert_eq!(studio.want(&session), 2);
        let mut ardour = studio.open(machine);
        wait_for_players(machine, &[]);
        let _alto = player(machine, &jack, "alto", 4471, &["-q", "8"]);
        wait_for_players(machine, &["alto"]);
        let _bass = player(machine, &jack, "bass", 4472, &["-q", "8"]);
        wait_for_players(machine, &["alto", "bass"]);
        // Which of the tracks came first, and so has the alto, is for Ardour to say.
        let mut has: Option<(&str, &str)> = None;
        for (turn, singer) in ["alto", "bass"].into_iter().enumerate() {
            let plan = Plan {
                name: &format!("voice-{turn}"),
                play: Some((&format!("{singer}:send_"), 1)),
                record: None,
                frames: clock.rate,
                sine: Some(440),
            };
            let _voice = Probe::start(machine, &jack, &plan);
            let what = format!("{singer} is on one track, and the other is silent");
            let pairs = match has {
                None => vec![("Far1", "Far2"), ("Far2", "Far1")],
                Some((first, other)) => vec![(other, first)],
            };
            let is_so = |levels: &BTreeMap<String, f64>, (on, off): (&str, &str)| {
                let level = |track: &str| levels.get(track).copied().unwrap_or_default();
                level(on) > -10.0 && level(off) < -60.0
            };
            ardour.wait_levels(&what, LIMIT, |levels| {
                pairs.iter().any(|pair| is_so(levels, *pair))
            });
            let levels = ardour.levels();
            println!("{singer}: {levels:?}");
            has = pairs.into_iter().find(|pair| is_so(&levels, *pair));
        }
        ardour.close();
    });
}

fn all_hear_the_sum(levels: &BTreeMap<String, f64>) -> bool {
    all_hear(levels, 1.5)
}

/// Within so many dB; in silence the meters fall by 13 dB a second.
fn all_hear(levels: &BTreeMap<String, f64>, tolerance: f64) -> bool {
    let Some(plain) = levels.get("Plain") else {
        return false;
    };
    let far = |number: usize| levels.get(&format!("Far{number}"));
    (1..=TRACKS)
        .all(|number| far(number).is_some_and(|level| (level - plain - SUM).abs() < tolerance))
}
