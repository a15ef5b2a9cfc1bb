//! What people write to each other, and what they are called: instances, and programs without a DAW.

use std::io::Write as _;
use std::time::Duration;

use farsend_ipc::message::{HubUser, Role, SessionState, WantedSession};
use farsend_tests::lab::farsend::{Farsend, command};
use farsend_tests::lab::hub::join;
use farsend_tests::lab::instance::{Host, Instance, call, engine, hub};
use farsend_tests::lab::on_a_private_machine;

const PORT: u16 = 4464;
const SOON: Duration = Duration::from_secs(10);

#[test]
fn what_an_instance_writes_and_what_its_track_is_called_is_told_at_the_far_end() {
    on_a_private_machine(&[], |machine| {
        let _engine = engine(machine);
        let clock = ["-n", "2", "-q", "8", "--rate", "22050", "--period", "256"];
        let named = [&clock[..], &["--name", "Cello 2"]].concat();
        let mut far = Farsend::start_looping(machine, &named);
        let mut host = Host::default();
        for _ in 0..2 {
            let wanted = call(PORT, Some("Band"));
            host.instances.push(Instance::new(&wanted, &[0.0; 2]));
        }
        host.play_until("the other end answers", |all| {
            all.iter().all(|one| one.meets_farsend)
        });
        let text = "From bar 17, with the pick-up: the horns were early.";
        host.instances[0].say(text);
        host.play_until("both know that it has arrived", |all| {
            all.iter().all(|one| one.talk() == [(None, text, true)])
        });
        far.wait_for_event("chat", 1, SOON);
        assert_eq!(far.events("chat")[0]["text"], text);

        host.play_until("both know what the far end is called", |all| {
            all.iter().all(|one| one.player_names() == ["Cello 2"])
        });
        let state = host.instances[0].state.as_ref().map(ToString::to_string);
        let state = state.unwrap_or_default();
        assert!(
            state.starts_with("Connected to Cello 2 (127.0.0.1:"),
            "{state}"
        );
        far.wait_for_event("called", 1, SOON);
        host.instances[0].rename("Violin 1");
        far.wait_for_event("called", 2, SOON);
        let names: Vec<_> = far
            .events("called")
            .iter()
            .map(|event| event["name"].clone())
            .collect();
        assert_eq!(names, ["Track", "Violin 1"]);
        drop(host);
    });
}

#[test]
fn a_hub_passes_on_what_a_player_writes_with_their_name() {
    on_a_private_machine(&[], |machine| {
        let _engine = engine(machine);
        let mut hub = Farsend::start_without_jack(machine, "hub", &["hub"]);
        let mut host = Host::default();
        for name in ["Alto", "Tenor"] {
            let member = WantedSession {
                role: Role::Member,
                user: HubUser {
                    name: name.into(),
                    ..HubUser::default()
                },
                ..call(PORT, None)
            };
            host.instances.push(Instance::new(&member, &[0.0; 2]));
        }
        host.play_until("the hub answers", |all| {
            all.iter().all(|one| one.meets_farsend)
        });
        host.instances[0].say("Ready?");
        host.play_until("the other one reads it", |all| {
            all[1].talk() == [(Some("Alto"), "Ready?", true)]
        });
        hub.wait_for_event("chat", 1, SOON);
        let written = &hub.events("chat")[0];
        assert_eq!(
            (&written["text"], &written["name"]),
            (&"Ready?".into(), &"Alto".into())
        );
        drop(host);
    });
}

#[test]
fn a_plugin_that_is_the_hub_and_a_player_at_a_terminal_write_to_each_other() {
    on_a_private_machine(&[], |machine| {
        let _engine = engine(machine);
        let mut host = Host::default();
        let opens = Instance::new(&hub(PORT, None), &[0.0; 2]);
        host.instances.push(opens);
        let hosts = |all: &[Instance], count: u32| matches!(all[0].state, Some(SessionState::Hosting { players, .. }) if players == count);
        host.play_until("the hub is open", |all| hosts(all, 0));
        let clock = ["--backend", "timer", "--rate", "22050", "--period", "256"];
        let join = join(&[&["--name", "alto"], &clock[..]].concat());
        let (mut alto, mut keys) = Farsend::start_at_a_terminal(machine, "alto", &join);
        host.play_until("she is there", |all| {
            let players = all[0].players.as_ref();
            let here = players.is_some_and(|here| here.players.iter().any(|one| one.is_farsend));
            let knows = r#""peer_is_farsend":true"#;
            here && alto.running.stdout().contains(knows)
        });
        keys.write_all(b"Rea\x1b[2Jdy?\n").expect("she listens");
        let asked = (Some("alto"), "Rea[2Jdy?", true);
        host.play_until("what she typed is shown", |all| all[0].talk() == [asked]);
        host.instances[0].say("From bar 17.");
        host.play_until("she has the answer", |all| {
            all[0].talk() == [asked, (None, "From bar 17.", true)]
        });
        let said = command(&["hub", "say", "--to", "alto", "Piano,", "please!"]).output();
        let said = said.expect("the program can be started");
        assert!(said.status.success(), "{said:?}");
        host.play_until("what the hub's host wrote elsewhere is shown", |all| {
            all[0].talk().last() == Some(&(Some("hub"), "Piano, please!", true))
        });
        alto.wait_for_event("chat", 2, SOON);
        let texts = alto
            .events("chat")
            .into_iter()
            .map(|line| line["text"].clone());
        assert_eq!(
            texts.collect::<Vec<_>>(),
            ["hub: From bar 17.", "hub: Piano, please!"]
        );
        drop(host);
    });
}
