//! What people write to each other: instances, and programs without a DAW.

use std::time::Duration;

use farsend_ipc::message::{HubUser, Role, WantedSession};
use farsend_tests::lab::farsend::Farsend;
use farsend_tests::lab::instance::{Host, Instance, call, engine};
use farsend_tests::lab::on_a_private_machine;

const PORT: u16 = 4464;
const SOON: Duration = Duration::from_secs(10);

#[test]
fn what_an_instance_writes_is_told_to_its_session_and_at_the_far_end() {
    on_a_private_machine(&[], |machine| {
        let _engine = engine(machine);
        let clock = ["-n", "2", "-q", "8", "--rate", "22050", "--period", "256"];
        let mut far = Farsend::start_looping(machine, &clock);
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
