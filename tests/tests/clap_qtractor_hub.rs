//! Qtractor as the host of a hub: real JackTrips join it, and each is heard on the track that has picked them.
//!
//! ```text
//!   JackTrip alto ──┐            ┌──▶ track Alto [Farsend, the hub] ──▶ bus Alto
//!                   ├──▶ engine ─┼──▶ track Bass [Farsend]          ──▶ bus Bass
//!   JackTrip bass ──┘            └──▶ track Both [Farsend Players]  ──▶ bus Both
//! ```
//! Qtractor knows the main output of a CLAP only (`qtractorClapPlugin.cpp` of 0.9.31 as of 1.6.2): of Farsend Players it plays what is there. Its further
//! outputs are heard in `vst3_players.rs`.

use std::path::Path;

use farsend_tests::host::Host;
use farsend_tests::lab::hub::{player, wait_for_players};
use farsend_tests::lab::jack::{JackClock, JackServer};
use farsend_tests::lab::leftovers::hasty_engine;
use farsend_tests::lab::probe::{Plan, Probe};
use farsend_tests::lab::qtractor::{CLIENT, Display, Qtractor, Session, Track, write_session};
use farsend_tests::lab::{Machine, Need, need, on_a_private_machine};
use farsend_tests::signal::listen_to_tone;
use serde_json::{Value, json};

const NEEDS: &[Need] = &[
    Need::Qtractor,
    Need::Xvfb,
    Need::Compiler,
    Need::Jackd,
    Need::Jacktrip,
];

const CLOCK: JackClock = JackClock::PATIENT;
const HERTZ: u32 = 441;

#[test]
fn players_of_a_hub_that_a_daw_hosts_are_on_their_tracks() {
    on_a_private_machine(NEEDS, |machine| {
        let jack = JackServer::start(machine, "q", CLOCK);
        let display = Display::start(machine);
        let engine = hasty_engine(machine.folder());
        let hub = json!({ "role": "hub", "listen": "player", "player": "alto" });
        let bass = json!({ "listen": "player", "player": "bass" });
        let states = [hub, bass, json!({ "listen": "mix" })].map(state);
        let track = |at: usize, name, plugin| Track {
            name,
            bus: name,
            plugin,
            state: &states[at],
            clip: None,
        };
        let (insert, players) = ((0, "Farsend"), (1, "Farsend_Players"));
        let tracks = [
            track(0, "Alto", insert),
            track(1, "Bass", insert),
            track(2, "Both", players),
        ];
        let session = Session {
            tracks: &tracks,
            rate: CLOCK.rate,
        };
        let session = write_session(machine, session);
        let host = Qtractor::start(machine, (&jack, &display), &session, &engine);
        wait_for_players(machine, &[]);
        let _alto = player(machine, &jack, "alto", 4471, &["-q", "8"]);
        let _bass = player(machine, &jack, "bass", 4472, &["-q", "8"]);
        wait_for_players(machine, &["alto", "bass"]);
        for (singer, bus, is_heard) in [
            ("alto", "Alto", true),
            ("bass", "Bass", true),
            ("alto", "Both", true),
            ("bass", "Both", true),
            ("alto", "Bass", false),
            ("bass", "Alto", false),
        ] {
            let ear = Ear {
                machine,
                jack: &jack,
            };
            let tries = if is_heard { 5 } else { 1 };
            let heard = (0..tries).any(|attempt| ear.hears(singer, bus, attempt));
            assert_eq!(
                heard,
                is_heard,
                "{singer} on {bus}\n{}",
                host.running.output()
            );
        }
    });
}

struct Ear<'a> {
    machine: &'a Machine,
    jack: &'a JackServer,
}

impl Ear<'_> {
    /// Lets this player send a tone, and listens at this bus for a moment.
    fn hears(&self, singer: &str, bus: &str, attempt: usize) -> bool {
        let plan = Plan {
            name: &format!("ear-{singer}-{bus}-{attempt}"),
            play: Some((&format!("{singer}:send_"), 1)),
            record: Some((&format!("{CLIENT}:{bus}/out_"), 1)),
            frames: CLOCK.rate / 2,
            sine: Some(HERTZ),
        };
        let recording = Probe::start(self.machine, self.jack, &plan).recording();
        let tone = listen_to_tone(&recording.channels[0], HERTZ, CLOCK.rate);
        println!("{singer} on {bus}: {tone:?}");
        tone.seconds > 0.1
    }
}

/// A state of the plugin's that takes part in the session "Band" and says this besides.
fn state(more: Value) -> Vec<u8> {
    let mut plugin = Host::load(Path::new(&need::own_plugin())).expect("the plugin can be loaded");
    let mut session = json!({ "connected": true, "share": "Band", "queue": 8, "period": 256 });
    for (field, value) in more.as_object().into_iter().flatten() {
        session[field] = value.clone();
    }
    plugin
        .want_session(&session)
        .expect("its state is as it was");
    plugin.state().expect("it has a state")
}
