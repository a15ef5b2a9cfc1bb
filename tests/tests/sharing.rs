//! Instances of the plugin that name the same session: one connection, what they send summed, what comes back for each.

use farsend_ipc::message::{Role, SessionState, WantedSession};
use farsend_tests::lab::farsend::Farsend;
use farsend_tests::lab::instance::{Host, Instance, call, engine};
use farsend_tests::lab::{Machine, on_a_private_machine};
use farsend_units::{Channels, SampleRate};

const PORT: u16 = 4464;

/// A Farsend that sends back what it gets.
fn far_end(machine: &Machine, channels: &str) -> Farsend {
    let clock = ["--rate", "22050", "--period", "256"];
    Farsend::start_looping(
        machine,
        &[&["-n", channels, "-q", "8"], &clock[..]].concat(),
    )
}

#[test]
fn what_instances_send_is_summed_and_all_hear_the_same_while_they_come_and_go() {
    on_a_private_machine(&[], |machine| {
        let _engine = engine(machine);
        let far = far_end(machine, "2");
        let wanted = call(PORT, Some("Band"));
        let mut host = Host::default();
        for voice in [0.25, 0.125, 0.0] {
            host.instances.push(Instance::new(&wanted, &[voice; 2]));
        }
        // On a mono track, in the middle.
        let mono = WantedSession {
            send: Channels(1),
            receive: Channels(1),
            ..wanted.clone()
        };
        host.instances.push(Instance::new(&mono, &[0.0625]));
        let all_hear = |level: f32| {
            move |instances: &[Instance]| {
                let mut all = instances.iter();
                all.all(|one| one.hears(&vec![level; one.voice.len()]))
            }
        };
        host.play_until("all hear the sum", all_hear(0.4375));
        for instance in &host.instances {
            let sharing = instance.sharing.as_ref().expect("it was told");
            assert_eq!((sharing.instances, sharing.as_wanted), (4, true));
        }
        // The first one is the session's clock.
        drop(host.instances.remove(0));
        host.play_until("the others hear theirs", all_hear(0.1875));
        host.instances.push(Instance::new(&wanted, &[0.25; 2]));
        host.play_until("a new one is heard", all_hear(0.4375));
        assert_eq!(far.events("connected").len(), 1, "one connection");
        assert_eq!(far.events("left").len(), 0);
        drop(host);
    });
}

#[test]
fn an_instance_has_channels_of_its_own_where_it_says_so() {
    on_a_private_machine(&[], |machine| {
        let _engine = engine(machine);
        let _far = far_end(machine, "4");
        let part = |first| {
            let mut wanted = call(PORT, Some("Band"));
            let share = wanted.share.as_mut().expect("it is shared");
            (share.channels, share.first) = (Channels(4), Channels(first));
            wanted
        };
        let mut host = Host::default();
        host.instances.push(Instance::new(&part(1), &[0.25, 0.125]));
        host.instances.push(Instance::new(&part(3), &[0.5, -0.25]));
        host.play_until("each hears its own", |instances| {
            instances[0].hears(&[0.25, 0.125]) && instances[1].hears(&[0.5, -0.25])
        });
        let beyond = Instance::new(&part(5), &[0.5]);
        host.instances.push(beyond);
        host.play_until("there is no fifth", |instances| {
            instances[2].refused.as_deref() == Some("The session \"Band\" has no channel 5")
        });
    });
}

#[test]
fn one_who_says_no_address_waits_for_another_to_open_and_goes_where_that_one_goes() {
    on_a_private_machine(&[], |machine| {
        let _engine = engine(machine);
        let _far = far_end(machine, "2");
        let guest = WantedSession {
            host: String::new(),
            ..call(PORT, Some("Band"))
        };
        let mut host = Host::default();
        host.instances.push(Instance::new(&guest, &[0.25; 2]));
        host.play_until("it waits", |instances| {
            matches!(&instances[0].state, Some(SessionState::Unopened { session }) if session == "Band")
        });
        let nobody_there = call(PORT + 1, Some("Band"));
        host.instances
            .push(Instance::new(&nobody_there, &[0.125; 2]));
        host.play_until("both call", |instances| {
            let calls = |one: &Instance| matches!(&one.state, Some(SessionState::Calling { port, .. }) if *port == PORT + 1);
            instances.iter().all(|one| calls(one) && one.segments == 1)
        });
        // Typed anew in one of them: both go there.
        host.instances[1].want(&call(PORT, Some("Band")));
        host.play_until("both hear both", |instances| {
            instances.iter().all(|one| one.hears(&[0.375; 2]))
        });
        assert!(host.instances.iter().all(|one| one.segments == 2));
    });
}

#[test]
fn another_connection_under_the_same_name_is_that_of_the_first_and_another_rate_is_refused() {
    on_a_private_machine(&[], |machine| {
        let _engine = engine(machine);
        let _far = far_end(machine, "2");
        let mut host = Host::default();
        let first = Instance::new(&call(PORT, Some("Band")), &[0.25; 2]);
        host.instances.push(first);
        host.play_until("the first is heard", |instances| {
            instances[0].hears(&[0.25; 2])
        });
        let elsewhere = call(PORT + 1, Some("Band"));
        host.instances.push(Instance::new(&elsewhere, &[0.25; 2]));
        host.play_until("the second is with the first", |instances| {
            instances[1].hears(&[0.5; 2])
        });
        let sharing = host.instances[1].sharing.as_ref().expect("it was told");
        assert_eq!(sharing.about, "a call to 127.0.0.1:4464");
        assert!(!sharing.as_wanted);
        let faster = WantedSession {
            rate: SampleRate(44_100),
            ..call(PORT, Some("Band"))
        };
        host.instances.push(Instance::new(&faster, &[0.25; 2]));
        host.play_until("another rate is refused", |instances| {
            let why = instances[2].refused.as_deref().unwrap_or_default();
            why.contains("22050 Hz") && why.contains("44100 Hz")
        });
        let nameless = call(PORT, Some("  "));
        host.instances[2].want(&nameless);
        host.play_until("a session needs a name", |instances| {
            instances[2].refused.as_deref() == Some("That is no name of a session")
        });
    });
}

#[test]
fn two_sessions_that_wait_at_one_port_are_told_so_and_one_that_is_shared_is_not() {
    on_a_private_machine(&[], |machine| {
        let _engine = engine(machine);
        let waits = |session| WantedSession {
            role: Role::Server,
            port: PORT,
            ..call(0, session)
        };
        let mut host = Host::default();
        for session in [Some("Band"), Some("Band"), None, Some("Choir")] {
            host.instances
                .push(Instance::new(&waits(session), &[0.25; 2]));
            let count = host.instances.len();
            host.play_until("it is answered", |instances| {
                let last = &instances[count - 1];
                last.refused.is_some() || last.segments > 0
            });
        }
        let refusals: Vec<_> = host
            .instances
            .iter()
            .map(|one| one.refused.as_deref())
            .collect();
        let taken = Some("UDP port 4464 is taken by another instance of the plugin");
        assert_eq!(refusals, [None, None, taken, taken]);
    });
}
