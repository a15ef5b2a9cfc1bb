//! The plugin as a player at hubs: JackTrip's, and one that asks for passwords.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use farsend_ipc::message::{HubUser, Role, Secret, SessionState, WantedSession};
use farsend_tests::host::{Host as Clap, Plan};
use farsend_tests::lab::hub::{jacktrips_hub, start};
use farsend_tests::lab::hub_users::HubFiles;
use farsend_tests::lab::instance::{Host, Instance, call, engine};
use farsend_tests::lab::jack::{JackClock, JackServer};
use farsend_tests::lab::{Need, need, on_a_private_machine};
use serde_json::json;

const LIMIT: Duration = Duration::from_secs(20);
const HUB_PORT: u16 = 4464;
/// Twelve milliseconds a block, for machines that hesitate.
const CLOCK: JackClock = JackClock {
    rate: 22_050,
    period: 256,
};

#[test]
fn the_plugin_joins_a_real_jacktrip_hub_under_its_name_and_hears_itself_back() {
    on_a_private_machine(&[Need::Jackd, Need::Jacktrip], |machine| {
        let jack = JackServer::start(machine, "hub", CLOCK);
        // Each player hears what they play.
        let hub = jacktrips_hub(machine, &jack, HUB_PORT, &["-p", "1"]);
        need::own_program("farsend", "farsend");
        let mut host = Clap::load(Path::new(&need::own_plugin())).expect("it can be loaded");
        let session = json!({
            "connected": true, "role": "member", "host": "127.0.0.1", "name": "alto", "queue": 8, "period": 256,
        });
        host.want_session(&session).expect("its state is as it was");
        let mut click = vec![0.0; CLOCK.rate as usize / 10];
        click[0] = 0.5;
        let plan = Plan {
            rate: CLOCK.rate,
            blocks: vec![256],
            input: Arc::new(vec![vec![0.0; 256]; 2]),
            before: click,
            at_once: false,
            freewheel: false,
            hurry: false,
        };
        let mut heard = false;
        let begun = Instant::now();
        let take = host.perform(&plan, |progress| {
            heard = heard || progress.take_peak() > 0.2;
            let at_hub = || jack.ports().iter().any(|port| port == "alto:receive_2");
            if heard && at_hub() {
                progress.open_gate();
            }
            anyhow::ensure!(begun.elapsed() < LIMIT, "heard: {heard}; {}", hub.output());
            Ok(())
        });
        let take = take.expect("it is let in, and hears itself");
        assert!(take.calls.iter().all(|call| call.allocations == 0));
    });
}

#[test]
fn a_member_says_its_password_and_a_wrong_one_once() {
    on_a_private_machine(&[Need::Openssl], |machine| {
        let _engine = engine(machine);
        let files = HubFiles::make(machine);
        let options = files.options(["--cert", "--key", "--creds"]);
        let mut words = vec!["-A", "--rate", "22050", "--period", "256"];
        words.extend(options.iter().map(String::as_str));
        let mut hub = start(machine, &words);
        let ann = |password: &str| WantedSession {
            role: Role::Member,
            user: HubUser {
                name: "Alto".into(),
                user: "ann".into(),
                password: Some(Secret::new(password.into())),
                fingerprint: files.fingerprint(machine),
                ..HubUser::default()
            },
            ..call(HUB_PORT, None)
        };
        let mut host = Host::default();
        host.instances
            .push(Instance::new(&ann("wrong"), &[0.25; 2]));
        host.play_until("it is not let in", |instances| {
            matches!(instances[0].state, Some(SessionState::Denied { .. }))
        });
        host.instances[0].want(&ann("secret"));
        host.play_until("it is let in", |instances| {
            instances[0]
                .state
                .as_ref()
                .is_some_and(SessionState::is_connected)
        });
        hub.wait_for_event("joined", 1, LIMIT);
        assert_eq!(hub.events("joined")[0]["name"], "Alto");
        assert_eq!(hub.events("wrong_password").len(), 1);
        let mut stranger = ann("secret");
        stranger.user.fingerprint = "AB".repeat(32);
        host.instances.push(Instance::new(&stranger, &[0.25; 2]));
        host.play_until("another certificate gets no password", |instances| {
            matches!(&instances[1].state, Some(SessionState::Denied { why, .. }) if why.contains("another fingerprint"))
        });
        stranger.user.fingerprint = "fingers".into();
        host.instances[1].want(&stranger);
        host.play_until("that is no fingerprint", |instances| {
            instances[1].refused.is_some()
        });
        assert!(!hub.running.output().contains("secret"));
    });
}
