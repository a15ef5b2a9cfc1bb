//! Takes of a real engine: what comes back while the host rolls, in files that lie where it was played.

use std::path::{Path, PathBuf};

use farsend_ipc::message::{
    HubWish, Listening, Loop, Patch, Placement, SessionState, Take, TakeState, TakeWishes,
    WantedSession,
};
use farsend_tests::lab::farsend::Farsend;
use farsend_tests::lab::hub::member;
use farsend_tests::lab::instance::{BLOCK, Host, Instance, call, engine, hub};
use farsend_tests::lab::looping::LoopingPlayer;
use farsend_tests::lab::{Machine, on_a_private_machine, voices};

const PORT: u16 = 4464;
/// Where the host's timeline is when it begins to roll.
const FROM: i64 = 44_100;
/// How long a take is.
const SECOND: i64 = 22_050;
const TRIES: usize = 5;

/// A Farsend that sends back what it gets.
fn far_end(machine: &Machine) -> Farsend {
    let options = [
        "-n", "2", "-q", "8", "--rate", "22050", "--period", "256", "-b", "24",
    ];
    Farsend::start_looping(machine, &options)
}

fn wanted() -> WantedSession {
    WantedSession {
        bits: 24,
        ..call(PORT, Some("🎻 Band"))
    }
}

/// An instance that wants this, sends the number of each frame of its host's timeline, and hears it.
fn ramping(wanted: &WantedSession) -> Host {
    let mut instance = Instance::new(wanted, &[0.0; 2]);
    instance.ramps = true;
    let mut host = Host::default();
    host.instances.push(instance);
    host
}

fn record(host: &mut Host, folder: &Path) {
    let wishes = TakeWishes {
        record: true,
        folder: folder.to_string_lossy().into_owned(),
    };
    host.instances[0].want_takes(&wishes);
}

fn of_far_end(instances: &[Instance]) -> Vec<&Take> {
    let takes = instances[0].takes.iter();
    takes.filter(|take| take.player != "send").collect()
}

fn is_done(take: &Take) -> bool {
    take.state == TakeState::Done
}

/// The first channel of a take.
fn read(take: &Take) -> Vec<f32> {
    let mut reader = hound::WavReader::open(&take.path).expect("it is a WAV file");
    let channels = usize::from(reader.spec().channels);
    let samples = reader.samples::<i32>().step_by(channels);
    samples
        .map(|sample| sample.expect("it is whole") as f32 / 8_388_608.0)
        .collect()
}

/// How many frames the take is off its place, wherever that can be told: a frame has its number on the timeline in it.
fn off(take: &Take) -> Vec<i64> {
    let samples = read(take);
    let places = samples
        .iter()
        .enumerate()
        .filter(|(_, sample)| **sample > 0.0);
    let off =
        places.map(|(at, sample)| Instance::ramp_place(*sample) - (take.begins as i64 + at as i64));
    off.collect()
}

#[test]
fn a_take_dropped_at_its_time_stamp_lies_on_what_was_played_to_and_so_does_the_next() {
    on_a_private_machine(&[], |machine| {
        let _engine = engine(machine);
        let _far = far_end(machine);
        let folder = tempfile::tempdir().expect("there is room for temporary files");
        let mut host = ramping(&wanted());
        record(&mut host, folder.path());
        host.play_until("they are connected", |all| {
            matches!(all[0].state, Some(SessionState::Connected { .. }))
        });
        // On a machine that stalls the far end misses periods and bends its queue in mid-take: then the loop is another one than was measured.
        let good = (0..TRIES).any(|n| two_takes(&mut host, 2 * n));
        assert!(good, "{:#?}", host.instances[0].takes);
        // What was sent has files, too, in the same folder.
        let names: Vec<PathBuf> = std::fs::read_dir(folder.path().join("🎻 Band"))
            .expect("the session has a folder")
            .map(|entry| entry.expect("it can be read").path())
            .collect();
        assert!(names.len() >= 4, "{names:?}");
    });
}

/// Rolls from one place and then from another. Whether one of the takes lies where it belongs, long enough to be no chance; `before` there were so many.
fn two_takes(host: &mut Host, before: usize) -> bool {
    host.play_until("the far end is heard", |all| all[0].heard_ramp().is_some());
    // Some instances measure the loop; here it is seen.
    let measured = host.instances[0].measured();
    host.instances[0].note_loop(measured);
    for from in [FROM, 0] {
        host.instances[0].rolls_at = Some(from);
        host.play_until("it rolls for a second", move |all| {
            all[0].rolls_at.is_some_and(|at| at - from > SECOND)
        });
    }
    host.instances[0].rolls_at = None;
    host.play_until("both takes are done", |all| {
        let takes = of_far_end(all);
        takes.len() >= before + 2 && takes.iter().all(|take| is_done(take))
    });
    let takes = of_far_end(&host.instances);
    let mut new = takes.iter().filter(|take| take.number as usize > before);
    new.any(|take| {
        let begins = if take.number % 2 == 1 { FROM as u64 } else { 0 };
        assert_eq!(take.begins, begins, "{take:?}");
        assert_ne!(take.placement, Placement::Estimated, "{take:?}");
        let frames = take.frames.abs_diff(SECOND as u64);
        assert!(frames < 4 * BLOCK as u64, "{take:?}");
        let off = off(take);
        let near = off.iter().filter(|off| off.abs() <= 10).count();
        let some: Vec<_> = off.iter().step_by(off.len() / 20 + 1).collect();
        eprintln!(
            "{take}: {near} frames of {} in their place: {some:?}",
            take.frames
        );
        near as u64 > take.frames / 10
    })
}

#[test]
fn each_player_at_a_hub_of_the_plugin_has_a_file_of_the_same_take() {
    on_a_private_machine(&[], |machine| {
        let _engine = engine(machine);
        let folder = tempfile::tempdir().expect("there is room for temporary files");
        let mut host = ramping(&WantedSession {
            hub: HubWish {
                patch: Patch::Nobody,
                ..HubWish::default()
            },
            ..hub(PORT, Some("Choir"))
        });
        record(&mut host, folder.path());
        let clock = ["--rate", "22050", "--period", "256", "-b", "24", "-q", "8"];
        let _ann = member(machine, "ann", &[&clock[..], &["--loopback"]].concat());
        let _ben = voices::join(machine, "ben", 0.25, 4472);
        host.play_until("both are there", |all| {
            let hosting = &all[0].state;
            matches!(hosting, Some(SessionState::Hosting { players: 2, .. }))
        });
        let good = (0..TRIES).any(|before| take_at_a_hub(&mut host, before));
        assert!(good, "{:#?}", host.instances[0].takes);
    });
}

#[test]
fn takes_of_a_plain_player_at_a_hub_of_the_plugin_are_placed_by_the_loop_that_was_measured_until_they_leave()
 {
    on_a_private_machine(&[], |machine| {
        let _engine = engine(machine);
        let folder = tempfile::tempdir().expect("there is room for temporary files");
        let mut host = ramping(&WantedSession {
            listening: Listening::Player("echo".into()),
            ..hub(PORT, Some("Duo"))
        });
        record(&mut host, folder.path());
        let echo = LoopingPlayer::join("echo", 4);
        let _ = measured(&mut host);
        assert_eq!(placed(&mut host).placement, Placement::Estimated);
        // What was measured before the delay moved is not taken.
        let old = measured(&mut host);
        host.instances[0].note_loop(Loop {
            moves: old.moves - 1,
            ..old
        });
        assert_eq!(placed(&mut host).placement, Placement::Estimated);
        let good = (0..TRIES).any(|_| {
            let measured = measured(&mut host);
            host.instances[0].note_loop(measured);
            let take = placed(&mut host);
            let off = off(&take);
            // While it is not sure yet that clocks are even, samples are between ours.
            let right = off.iter().filter(|off| off.abs() <= 1).count();
            let some: Vec<_> = off.iter().step_by(off.len() / 20 + 1).collect();
            eprintln!(
                "{take}: {right} frames of {} in their place: {some:?}",
                take.frames
            );
            take.placement == Placement::Measured && right > off.len() * 9 / 10
        });
        assert!(good, "{:#?}", host.instances[0].takes);
        let old = measured(&mut host);
        drop(echo);
        host.play_until("the player has left", |all| all[0].delay.player == 0);
        let _echo = LoopingPlayer::join("echo", 9);
        assert_ne!(measured(&mut host).player, old.player);
        assert_eq!(placed(&mut host).placement, Placement::Estimated);
        host.instances[0].note_loop(old);
        assert_eq!(placed(&mut host).placement, Placement::Estimated);
    });
}

/// The loop to the player whom the first instance hears at its hub, as soon as they are heard.
fn measured(host: &mut Host) -> Loop {
    host.play_until("the player is heard", |all| {
        all[0].heard_ramp().is_some() && all[0].delay.player > 0
    });
    host.instances[0].measured()
}

/// Rolls for a second, and gives the player's take of that.
fn placed(host: &mut Host) -> Take {
    let before = of_far_end(&host.instances).len();
    host.instances[0].rolls_at = Some(FROM);
    host.play_until("it rolls for a second", |all| {
        all[0].rolls_at.is_some_and(|at| at - FROM > SECOND)
    });
    host.instances[0].rolls_at = None;
    host.play_until("the take is done", |all| {
        let takes = of_far_end(all);
        takes.len() > before && takes.iter().all(|take| is_done(take))
    });
    let takes = of_far_end(&host.instances);
    let newest = takes.iter().max_by_key(|take| take.number);
    (*newest.expect("there is one")).clone()
}

/// Rolls for a second. Whether ann, who sends back what she hears, played it where it belongs; `before` there were so many takes.
fn take_at_a_hub(host: &mut Host, before: usize) -> bool {
    host.instances[0].rolls_at = Some(FROM);
    host.play_until("it rolls for a second", |all| {
        all[0].rolls_at.is_some_and(|at| at - FROM > SECOND)
    });
    host.instances[0].rolls_at = None;
    let number = before as u32 + 1;
    let of_this = |all: &[Instance]| -> Vec<Take> {
        let takes = all[0].takes.iter();
        takes
            .filter(|take| take.number == number)
            .cloned()
            .collect()
    };
    host.play_until("all three files are done", |all| {
        let takes = of_this(all);
        takes.len() == 3 && takes.iter().all(is_done)
    });
    let takes = of_this(&host.instances);
    let of = |player: &str| {
        let mut takes = takes.iter();
        let take = takes.find(|take| take.player == player);
        take.unwrap_or_else(|| panic!("{player} has no take"))
    };
    let (send, ann, ben) = (of("send"), of("ann"), of("ben"));
    for take in [send, ann, ben] {
        assert_eq!(take.begins, FROM as u64, "{take:?}");
        assert_eq!(take.frames, send.frames, "{take:?}");
    }
    let level = |sample: f32| (sample - 0.25).abs() < 0.01;
    let bens = read(ben)
        .into_iter()
        .filter(|sample| level(*sample))
        .count();
    let near = off(ann).iter().filter(|off| off.abs() <= 10).count();
    eprintln!(
        "ann: {ann}, {near} frames of {} in their place; ben: {ben}, {bens} frames of his level",
        ann.frames
    );
    ann.placement == Placement::Exact
        && near as u64 > ann.frames / 10
        && bens as u64 > ben.frames / 2
}
