//! Takes over a bad network: what it loses is fetched, and the take is whole in the end and in its exact place. Takes some seconds: what is fetched is
//! fetched slowly.

use std::time::{Duration, Instant};

use farsend_ipc::message::{Placement, SessionState, Take, TakeState, TakeWishes, WantedSession};
use farsend_netsim::{Loss, PathConfig};
use farsend_tests::lab::farsend::Farsend;
use farsend_tests::lab::instance::{Host, Instance, call, engine};
use farsend_tests::lab::on_a_private_machine;
use farsend_tests::lab::relay::Relay;

/// Where the relay is called, and what it calls.
const PORTS: [u16; 2] = [4464, 4465];

/// Sometimes as many packets at once as live repair has no time for: each is 6 ms long.
const BURSTS: PathConfig = PathConfig {
    seed: 5,
    delay: Duration::from_millis(5),
    jitter: farsend_netsim::Jitter::None,
    stalls: None,
    loss: Loss::Bursts {
        rate: 0.1,
        length: 20.0,
    },
    duplicate: 0.0,
    reorder: 0.0,
    reorder_by: Duration::ZERO,
};

#[test]
fn what_a_bad_network_has_lost_is_in_the_take_in_the_end() {
    on_a_private_machine(&[], |machine| {
        let _engine = engine(machine);
        let port = PORTS[1].to_string();
        let options = [
            "-n", "2", "-q", "8", "--rate", "22050", "--period", "128", "--port", &port,
        ];
        let _far = Farsend::start_looping(machine, &options);
        let relay = Relay::start(PORTS[0], PORTS[1], BURSTS);
        let folder = tempfile::tempdir().expect("there is room for temporary files");
        let wanted = WantedSession {
            queue: 2,
            ..call(PORTS[0], Some("Band"))
        };
        let mut host = Host::default();
        host.instances.push(Instance::new(&wanted, &[0.25; 2]));
        host.instances[0].want_takes(&TakeWishes {
            record: true,
            folder: folder.path().to_string_lossy().into_owned(),
        });
        host.play_until("they are connected", |all| {
            matches!(all[0].state, Some(SessionState::Connected { .. }))
        });
        // Each is to know that the other is a Farsend, and what is sent is to be kept: two pings and a word.
        play_for(&mut host, Duration::from_millis(2500));
        for take in 1..=4 {
            host.instances[0].rolls_at = Some(0);
            let lost = relay.to_client().lost;
            host.play_until("it rolls while something is lost", |all| {
                let rolled = all[0].rolls_at.is_some_and(|at| at > 22_050);
                rolled && relay.to_client().lost > lost + 10
            });
            host.instances[0].rolls_at = None;
            host.play_until("the take is done", |all| {
                let mut files = all[0].takes.iter().filter(|file| file.number == take);
                let done = |file: &Take| file.state == TakeState::Done;
                files.clone().count() >= 2 && files.all(done)
            });
            if gets_all(&mut host, take) {
                return;
            }
        }
        panic!("{:#?}", host.instances[0].takes);
    });
}

/// Whether the files of this take are whole soon, and the far end has said where they belong.
fn gets_all(host: &mut Host, take: u32) -> bool {
    let good = |all: &[Instance]| {
        let files = all[0].takes.iter();
        let mut theirs = files.filter(|file| file.number == take && file.player != "send");
        let whole = |file: &Take| file.missing == 0 && file.repaired > 0;
        theirs.all(|file| whole(file) && file.placement == Placement::Exact)
    };
    let begun = Instant::now();
    host.play_until("all is there, or does not come", |all| {
        good(all) || begun.elapsed() > Duration::from_secs(4)
    });
    good(&host.instances)
}

fn play_for(host: &mut Host, time: Duration) {
    let begun = Instant::now();
    host.play_until("some time has gone by", |_| begun.elapsed() > time);
}
