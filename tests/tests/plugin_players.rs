//! The plugin as a hub: players join it, and each track of the DAW hears the player it has picked, whoever comes and goes.

use std::time::Duration;

use farsend_ipc::message::{Listening, Role, SessionState, WantedSession};
use farsend_tests::lab::farsend::command;
use farsend_tests::lab::hub::player;
use farsend_tests::lab::instance::{self, Host, Instance, call, engine};
use farsend_tests::lab::jack::{JackClock, JackServer};
use farsend_tests::lab::probe::{Plan, Probe};
use farsend_tests::lab::{Need, on_a_private_machine, voices};
use farsend_units::Channels;
use nix::sys::signal::Signal;

const PORT: u16 = 4464;
const LIMIT: Duration = Duration::from_secs(20);

/// An instance that opens a hub, as the session "Band".
fn hub() -> WantedSession {
    instance::hub(PORT, Some("Band"))
}

/// One that takes part and hears this.
fn track(listening: Listening) -> WantedSession {
    WantedSession {
        host: String::new(),
        listening,
        ..call(0, Some("Band"))
    }
}

fn picked(name: &str) -> Listening {
    Listening::Player(name.into())
}

const FREE: Listening = Listening::Free { had: None };

fn players(instances: &[Instance]) -> Option<u32> {
    match instances[0].state {
        Some(SessionState::Hosting { players, .. }) => Some(players),
        _ => None,
    }
}

/// Whom the engine says that this instance has.
fn has(instance: &Instance) -> Option<&str> {
    instance.players.as_ref()?.heard.as_deref()
}

#[test]
fn tracks_hear_the_players_they_picked_and_one_who_comes_back_has_the_same_track() {
    on_a_private_machine(&[], |machine| {
        let _engine = engine(machine);
        let mut host = Host::default();
        host.instances.push(Instance::new(&hub(), &[0.0625; 2]));
        host.play_until("the hub is open", |all| players(all) == Some(0));
        for listening in [picked("ann"), FREE, FREE] {
            let track = Instance::new(&track(listening), &[0.0; 2]);
            host.instances.push(track);
        }
        let mut ann = voices::join(machine, "ann", 0.5, 4471);
        host.play_until("ann is heard, and nobody else has her", |all| {
            all[0].hears(&[0.5; 2]) && all[1].hears(&[0.5; 2]) && has(&all[2]).is_none()
        });
        assert!(host.instances[2].hears(&[0.0; 2]));
        let ben = voices::join(machine, "ben", 0.25, 4472);
        host.play_until("the first that is free has ben", |all| {
            let heard = [0.75, 0.5, 0.25, 0.0];
            let all_hear = all
                .iter()
                .zip(heard)
                .all(|(one, level)| one.hears(&[level; 2]));
            all_hear && has(&all[2]) == Some("ben") && has(&all[3]).is_none()
        });
        // They hear the DAW, and each other.
        host.play_until("ben hears the track and ann", |_| {
            voices::heard(&ben.running.output(), 0, &[0.0625, 0.5])
        });
        ann.running.signal(Signal::SIGINT);
        host.play_until("ann's track is hers, and silent", |all| {
            let there = all[1]
                .players
                .as_ref()
                .is_some_and(|players| players.is_there);
            players(all) == Some(1) && !there && all[1].hears(&[0.0; 2])
        });
        let _carl = voices::join(machine, "carl", 0.125, 4473);
        host.play_until(
            "carl has a track of his own, though his place was ann's",
            |all| all[3].hears(&[0.125; 2]) && all[1].hears(&[0.0; 2]) && all[2].hears(&[0.25; 2]),
        );
        let _ann = voices::join(machine, "ann", 0.5, 4474);
        host.play_until("ann is back where she was", |all| {
            let heard = [0.875, 0.5, 0.25, 0.125];
            all.iter()
                .zip(heard)
                .all(|(one, level)| one.hears(&[level; 2]))
        });
        // From the command line it is a hub like any other.
        let status = command(&["hub", "group", "ben", "strings"]).output();
        let status = status.expect("the program can be started");
        assert!(status.status.success(), "{status:?}");
        host.instances[3].listen(Listening::Group("Strings".into()));
        host.play_until("a track hears a group", |all| all[3].hears(&[0.25; 2]));
        host.instances[3].listen(Listening::Mix);
        host.play_until("a track hears all again", |all| all[3].hears(&[0.875; 2]));
        assert!(host.instances.iter().all(|one| one.segments == 1));
    });
}

#[test]
fn one_instance_has_an_output_for_each_player() {
    on_a_private_machine(&[], |machine| {
        let _engine = engine(machine);
        let mut host = Host::default();
        let many = WantedSession {
            receive: Channels(6),
            outputs: vec![FREE, FREE],
            ..hub()
        };
        host.instances.push(Instance::new(&many, &[0.0625; 2]));
        host.play_until("the hub is open", |all| players(all) == Some(0));
        let _ann = voices::join(machine, "ann", 0.5, 4471);
        host.play_until("ann is at the first of them", |all| {
            all[0].hears(&[0.5, 0.5, 0.5, 0.5, 0.0, 0.0])
        });
        let _ben = voices::join(machine, "ben", 0.25, 4472);
        host.play_until("ben is at the second", |all| {
            all[0].hears(&[0.75, 0.75, 0.5, 0.5, 0.25, 0.25])
        });
        host.play_until("that is said", |all| {
            let outputs = all[0].players.as_ref().map(|told| told.outputs.clone());
            outputs == Some(vec![Some("ann".into()), Some("ben".into())])
        });
        // And a track beside it finds nobody free, until somebody is.
        let beside = Instance::new(&track(FREE), &[0.0; 2]);
        host.instances.push(beside);
        host.play_until("it waits", |all| {
            let says = all[1].players.as_ref().map(|told| told.says.as_str());
            says.is_some_and(|says| says.contains("waits for the next player"))
        });
        let _carl = voices::join(machine, "carl", 0.125, 4473);
        host.play_until("it has carl", |all| all[1].hears(&[0.125; 2]));
    });
}

#[test]
fn a_hub_goes_on_while_the_host_stands_still_and_ends_with_its_last_track() {
    on_a_private_machine(&[], |machine| {
        let _engine = engine(machine);
        let mut host = Host::default();
        host.instances.push(Instance::new(&hub(), &[0.0625; 2]));
        host.play_until("the hub is open", |all| players(all) == Some(0));
        let mut ann = voices::join(machine, "ann", 0.5, 4471);
        let mut ben = voices::join(machine, "ben", 0.25, 4472);
        host.play_until("both are there", |all| all[0].hears(&[0.75; 2]));
        // Nobody calls: they hear each other, and nothing of us.
        voices::hears(&mut ann, &[0.25], LIMIT);
        voices::hears(&mut ben, &[0.5], LIMIT);
        host.play_until("both are heard again", |all| all[0].hears(&[0.75; 2]));
        let second = Instance::new(&hub(), &[0.125; 2]);
        host.instances.push(second);
        host.play_until("it takes part", |all| all[1].hears(&[0.75; 2]));
        drop(host.instances.remove(0));
        let seen = ann.events("statistics").len();
        host.play_until("the other track paces it", |all| {
            all[0].hears(&[0.75; 2]) && voices::heard(&ann.running.output(), seen, &[0.25, 0.125])
        });
        assert_eq!(ann.events("connected").len(), 1, "one connection");
        drop(host);
        ann.wait_for_event("left", 1, LIMIT);
    });
}

#[test]
fn real_jacktrips_have_a_track_each() {
    on_a_private_machine(&[Need::Jackd, Need::Jacktrip], |machine| {
        let _engine = engine(machine);
        let clock = JackClock {
            rate: 22_050,
            period: 256,
        };
        let jack = JackServer::start(machine, "a", clock);
        let mut host = Host::default();
        host.instances.push(Instance::new(&hub(), &[0.0; 2]));
        for listening in [picked("alto"), FREE] {
            let track = Instance::new(&track(listening), &[0.0; 2]);
            host.instances.push(track);
        }
        host.play_until("the hub is open", |all| players(all) == Some(0));
        let _alto = player(machine, &jack, "alto", 4471, &["-q", "8"]);
        let _bass = player(machine, &jack, "bass", 4472, &["-q", "8"]);
        host.play_until("both are there", |all| {
            players(all) == Some(2) && has(&all[2]) == Some("bass")
        });
        let play = |name: &str, ports: &str| {
            let plan = Plan {
                name,
                play: Some((ports, 1)),
                record: None,
                frames: 22_050,
                sine: Some(440),
            };
            Probe::start(machine, &jack, &plan)
        };
        // In the first channel of two.
        let sounds = |one: &Instance| one.heard[0].1 > 0.1;
        let is_silent = |one: &Instance| one.hears(&[0.0; 2]);
        let alto = play("probe_alto", "alto:send_");
        host.play_until("the alto is on her track", |all| {
            sounds(&all[1]) && is_silent(&all[2]) && sounds(&all[0])
        });
        drop(alto);
        host.play_until("it is silent", |all| is_silent(&all[1]));
        let _bass = play("probe_bass", "bass:send_");
        host.play_until("the bass is on his", |all| {
            sounds(&all[2]) && is_silent(&all[1])
        });
    });
}

#[test]
fn where_no_player_can_be_picked_a_sentence_says_so() {
    on_a_private_machine(&[], |machine| {
        let _engine = engine(machine);
        let member = WantedSession {
            role: Role::Member,
            listening: picked("ann"),
            ..call(PORT, None)
        };
        let taken = WantedSession {
            share: None,
            ..hub()
        };
        let mut host = Host::default();
        host.instances.push(Instance::new(&hub(), &[0.0; 2]));
        host.play_until("the hub is open", |all| players(all) == Some(0));
        host.instances.push(Instance::new(&member, &[0.0; 2]));
        host.instances.push(Instance::new(&taken, &[0.0; 2]));
        host.play_until("a member is told that there is only the mix", |all| {
            let says = all[1].players.as_ref().map(|players| players.says.as_str());
            says.is_some_and(|says| says.starts_with("A hub sends only its mix"))
        });
        host.play_until("a second hub is told whose port it is", |all| {
            let why = all[2].refused.as_deref().unwrap_or_default();
            why.contains("port 4464 is taken")
        });
    });
}

#[test]
fn the_hub_sees_the_colour_of_a_players_track_also_when_it_changes() {
    on_a_private_machine(&[], |machine| {
        let _engine = engine(machine);
        let mut host = Host::default();
        host.instances.push(Instance::new(&hub(), &[0.0; 2]));
        host.play_until("the hub is open", |all| players(all) == Some(0));
        let member = WantedSession {
            role: Role::Member,
            ..call(PORT, None)
        };
        host.instances.push(Instance::new(&member, &[0.25; 2]));
        let sees = |colour| {
            move |all: &[Instance]| {
                let seen = all[0].players.as_ref().map(|players| &players.players[..]);
                matches!(seen, Some([one]) if one.is_farsend && one.colour == colour)
            }
        };
        host.play_until("a player is there, of no colour", sees(None));
        for colour in [Some([206, 130, 58]), Some([0; 3]), None] {
            host.instances[1].tell_about("Track", colour);
            host.play_until("the colour is seen", sees(colour));
        }
    });
}
