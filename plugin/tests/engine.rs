//! An instance and its engine: when one is asked for, and what is heard while it comes and goes.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
#[path = "common/instance.rs"]
mod instance;

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use common::{Answer, FakeEngine, wait_until};
use farsend_ipc::message::{
    self, Delay, Hello, Listening, PROTOCOL, SessionState, ToEngine, Version,
};
use farsend_plugin::players::Listen;
use farsend_plugin::shared::{LatencyView, Setup};
use farsend_plugin::situation::Situation;
use farsend_plugin::state::{Role, Session};
use farsend_plugin::supervisor::Environment;
use farsend_units::{Channels, Frames, SampleRate};
use instance::{Instance, Place};

#[test]
fn nobody_is_called_before_the_host_runs_audio() {
    let place = Place::new();
    let engine = FakeEngine::start(&place.directory, Answer::Echo);
    let mut instance = Instance::new(&place);
    instance.want(to_far_example());
    wait_until("it is ready", || {
        instance.situation() == Situation::HostSilent
    });
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(engine.asked(), []);

    wait_until("the engine is asked", || {
        let _ = instance.block(0.5);
        !engine.asked().is_empty()
    });
    let asked = engine.asked().remove(0);
    assert_eq!(
        (asked.role, asked.host.as_str()),
        (message::Role::Client, "far.example")
    );
    assert_eq!(asked.peer_port, 4470);
    assert_eq!((asked.send, asked.receive), (Channels(2), Channels(2)));
    assert_eq!(
        (asked.rate, asked.block),
        (SampleRate::HZ_48000, Frames(64))
    );
    assert_eq!((asked.bits, asked.queue, asked.redundancy), (24, 6, 2));
}

#[test]
fn nobody_is_called_while_the_host_only_tries_the_plugin() {
    let place = Place::new();
    let engine = FakeEngine::start(&place.directory, Answer::Echo);
    let mut instance = Instance::new(&place);
    instance.want(to_far_example());
    for _ in 0..20 {
        let _ = instance.block(0.5);
    }
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(engine.asked(), []);

    let setup = Setup {
        channels: Channels(2),
        rate: SampleRate(96_000),
        block: Frames(32),
    };
    instance.shared.set_setup(setup);
    instance.insert.prepare(2, 32, 96_000.0);
    instance.play_until_heard();
    let rates: Vec<_> = engine.asked().iter().map(|asked| asked.rate).collect();
    assert_eq!(rates, [SampleRate(96_000)]);
}

#[test]
fn a_person_can_connect_before_the_host_runs_audio() {
    let place = Place::new();
    let engine = FakeEngine::start(&place.directory, Answer::Echo);
    let instance = Instance::new(&place);
    instance.want(to_far_example());
    instance.shared.ask();
    wait_until("the engine is asked", || !engine.asked().is_empty());
}

#[test]
fn nothing_is_asked_for_when_nothing_is_wanted() {
    let place = Place::new();
    let engine = FakeEngine::start(&place.directory, Answer::Echo);
    let mut instance = Instance::new(&place);
    instance.want(Session {
        connected: false,
        ..to_far_example()
    });
    instance.play(Duration::from_millis(300));
    assert_eq!(
        (instance.situation(), engine.asked()),
        (Situation::Off, vec![])
    );
}

#[test]
fn audio_goes_both_ways_and_the_numbers_arrive() {
    let place = Place::new();
    let _engine = FakeEngine::start(&place.directory, Answer::Echo);
    let mut instance = Instance::new(&place);
    instance.want(to_far_example());
    instance.play_until_heard();
    let view = instance.shared.view();
    assert!(matches!(
        view.situation,
        Situation::Session(SessionState::Connected { .. })
    ));
    assert_eq!(view.engine.as_deref(), Some("fake"));
    wait_until("statistics come", || {
        instance.shared.view().statistics.is_some()
    });
    let levels = view.levels.unwrap();
    assert_eq!((levels.sent.len(), levels.returned.len()), (2, 2));
    assert_eq!(levels.sent[0].take(), 0.5);
    assert_eq!(levels.returned[0].take(), 0.25);
}

/// Pings, and does this a little more than so many milliseconds later.
fn ping(instance: &mut Instance, mut then: Vec<(u64, Box<dyn Fn() + '_>)>) -> LatencyView {
    instance.shared.ask_for_ping();
    let asked = Instant::now();
    let mut pinging = false;
    loop {
        let _ = instance.block(0.0);
        std::thread::sleep(Duration::from_millis(1));
        let latency = instance.shared.view().latency;
        pinging |= latency.pinging;
        if pinging && !latency.pinging {
            assert!(then.is_empty(), "it was done before: {latency:?}");
            return latency;
        }
        let due = |(ms, _): &(u64, _)| asked.elapsed() > Duration::from_millis(*ms);
        if then.first().is_some_and(due) {
            (then.remove(0).1)();
        }
        assert!(asked.elapsed() < Duration::from_secs(20), "{latency:?}");
    }
}

#[test]
fn a_ping_during_which_the_delay_moves_is_sent_once_more() {
    let place = Place::new();
    let engine = FakeEngine::start(&place.directory, Answer::Echo);
    let mut instance = Instance::new(&place);
    instance.want(to_far_example());
    instance.play_until_heard();
    let moved = |moves| {
        engine.tell_delay(Delay {
            moves,
            ..Delay::default()
        });
    };
    // When it has rested for long enough that the chirps are under way.
    let (once, twice) = (Box::new(|| moved(1)), Box::new(|| moved(2)));
    let latency = ping(&mut instance, vec![(2_300, once), (4_600, twice)]);
    assert_eq!(latency.said, "");
    assert!(latency.loop_frames.is_some(), "{latency:?}");
}

#[test]
fn a_ping_to_a_player_who_has_joined_just_now_waits_until_that_is_told() {
    let place = Place::new();
    let engine = FakeEngine::start(&place.directory, Answer::Hub);
    let mut instance = Instance::new(&place);
    instance.want(Session {
        role: Role::Hub,
        listen: Listen::Player,
        player: "Cid".into(),
        ..to_far_example()
    });
    instance.play_until_heard();
    let nobody = ping(&mut instance, Vec::new());
    assert!(nobody.said.contains("Cid is not here"), "{nobody:?}");
    let joined = Delay {
        player: 3,
        ..Delay::default()
    };
    let join = Box::new(|| engine.tell_delay(joined));
    let latency = ping(&mut instance, vec![(300, join)]);
    assert_eq!(latency.said, "");
    assert!(latency.loop_frames.is_some(), "{latency:?}");
}

/// What was wanted to be heard of a session that was open.
fn listened(engine: &FakeEngine) -> Vec<Listening> {
    let told = engine.told().into_iter();
    told.filter_map(|told| match told {
        ToEngine::Listen(listening) => Some(listening),
        _ => None,
    })
    .collect()
}

#[test]
fn another_player_is_picked_without_another_session_and_one_that_was_got_is_kept() {
    let place = Place::new();
    let engine = FakeEngine::start(&place.directory, Answer::Echo);
    let mut instance = Instance::new(&place);
    instance.want(to_far_example());
    instance.play_until_heard();
    assert_eq!(engine.asked()[0].listening, Listening::Mix);
    instance.want(Session {
        listen: Listen::Free,
        ..to_far_example()
    });
    wait_until("it has Bob, and says so", || {
        let _ = instance.block(0.5);
        listened(&engine).len() == 2
    });
    let had = |name: Option<&str>| Listening::Free {
        had: name.map(str::to_owned),
    };
    assert_eq!(listened(&engine), [had(None), had(Some("Bob"))]);
    assert_eq!(instance.shared.params.session.get().player, "Bob");
    assert_eq!(engine.asked().len(), 1);
    // Together with something else it is all opened anew.
    instance.want(Session {
        listen: Listen::Player,
        player: "Ann".into(),
        bits: 16,
        ..to_far_example()
    });
    wait_until("it is asked for", || {
        let _ = instance.block(0.5);
        engine.asked().len() == 2
    });
    let asked = engine.asked().remove(1);
    assert_eq!(asked.listening, Listening::Player("Ann".into()));
    assert_eq!(listened(&engine).len(), 2);
}

#[test]
fn a_killed_engine_is_silence_and_its_return_is_heard_within_two_seconds() {
    let place = Place::new();
    let mut engine = FakeEngine::start(&place.directory, Answer::Echo);
    let mut instance = Instance::new(&place);
    instance.want(to_far_example());
    instance.play_until_heard();
    let port = engine.asked()[0].port;
    for _ in 0..3 {
        drop(engine);
        wait_until("it is silent", || instance.block(0.5) == 0.0);
        wait_until("it is said", || {
            matches!(
                instance.situation(),
                Situation::Restarting { .. } | Situation::NoEngine { .. }
            )
        });
        engine = FakeEngine::start(&place.directory, Answer::Echo);
        let took = instance.play_until_heard();
        assert!(took < Duration::from_secs(2), "it took {took:?}");
        // From another port, the peer would take it for a stranger.
        assert!(port != 0 && port == engine.asked()[0].port);
    }
}

#[test]
fn a_refusal_is_shown_and_the_session_asked_for_again() {
    let place = Place::new();
    let engine = FakeEngine::start(&place.directory, Answer::Refuse);
    let instance = Instance::new(&place);
    instance.want(to_far_example());
    instance.shared.ask();
    wait_until("the refusal is shown", || {
        let situation = instance.situation();
        situation.reason() == "No." && situation.advice() == "Ask nicely."
    });
    wait_until("it is asked again", || engine.asked().len() > 1);
}

#[test]
fn a_failure_is_shown_with_its_advice() {
    let place = Place::new();
    let _engine = FakeEngine::start(&place.directory, Answer::Fail);
    let instance = Instance::new(&place);
    instance.want(to_far_example());
    instance.shared.ask();
    wait_until("the failure is shown", || {
        instance.situation().advice() == "Look at the name."
    });
}

#[test]
fn another_session_is_asked_for_once_it_is_settled() {
    let place = Place::new();
    let engine = FakeEngine::start(&place.directory, Answer::Echo);
    let mut instance = Instance::new(&place);
    instance.want(to_far_example());
    instance.play_until_heard();
    for redundancy in 3..=8 {
        instance.want(Session {
            redundancy,
            ..to_far_example()
        });
        std::thread::sleep(Duration::from_millis(20));
    }
    wait_until("the last is asked for", || engine.asked().len() == 2);
    assert_eq!(engine.asked()[1].redundancy, 8);
    instance.play_until_heard();
}

#[test]
fn another_rate_and_layout_reopens_the_session() {
    let place = Place::new();
    let engine = FakeEngine::start(&place.directory, Answer::Echo);
    let mut instance = Instance::new(&place);
    instance.want(to_far_example());
    instance.play_until_heard();
    let setup = Setup {
        channels: Channels(8),
        rate: SampleRate(44_100),
        block: Frames(512),
    };
    instance.shared.set_setup(setup);
    wait_until("it is asked for", || {
        // The host goes on with it.
        let _ = instance.block(0.5);
        engine.asked().len() == 2
    });
    let asked = engine.asked().remove(1);
    assert_eq!(
        (asked.send, asked.rate, asked.block),
        (Channels(8), SampleRate(44_100), Frames(512))
    );
}

#[test]
fn a_disconnected_instance_is_silent_and_can_connect_again() {
    let place = Place::new();
    let _engine = FakeEngine::start(&place.directory, Answer::Echo);
    let mut instance = Instance::new(&place);
    for _ in 0..2 {
        instance.want(to_far_example());
        instance.play_until_heard();
        instance.want(Session {
            connected: false,
            ..to_far_example()
        });
        wait_until("it is silent", || instance.block(0.5) == 0.0);
        wait_until("it is off", || instance.situation() == Situation::Off);
    }
}

#[test]
fn many_instances_share_an_engine() {
    let place = Place::new();
    let engine = FakeEngine::start(&place.directory, Answer::Echo);
    let mut instances: Vec<_> = (0..12).map(|_| Instance::new(&place)).collect();
    for instance in &mut instances {
        instance.want(to_far_example());
    }
    for instance in &mut instances {
        instance.play_until_heard();
    }
    assert_eq!(engine.asked().len(), 12);
}

#[test]
fn whichever_instance_opens_a_shared_session_calls_from_the_same_port() {
    let place = Place::new();
    let engine = FakeEngine::start(&place.directory, Answer::Echo);
    let shared = Session {
        share: "Band".into(),
        ..to_far_example()
    };
    let mut instances: Vec<_> = (0..4).map(|_| Instance::new(&place)).collect();
    for (instance, session) in
        instances
            .iter_mut()
            .zip([shared.clone(), shared, to_far_example(), to_far_example()])
    {
        instance.want(session);
        instance.play_until_heard();
    }
    let ports: Vec<u16> = engine.asked().iter().map(|asked| asked.port).collect();
    assert_eq!(ports[0], ports[1]);
    assert!(ports[2] != ports[0] && ports[2] != ports[3], "{ports:?}");
}

#[test]
fn an_instance_goes_away_quickly_however_it_stands() {
    for (engine, session) in [(false, false), (false, true), (true, true)] {
        let place = Place::new();
        let _engine = engine.then(|| FakeEngine::start(&place.directory, Answer::Echo));
        let mut instance = Instance::new(&place);
        instance.want(Session {
            connected: session,
            ..to_far_example()
        });
        instance.play(Duration::from_millis(300));
        let start = Instant::now();
        drop(instance);
        assert!(
            start.elapsed() < Duration::from_millis(400),
            "took {:?}",
            start.elapsed()
        );
    }
}

/// An engine that says that it speaks this protocol; how often somebody has called it.
fn of_protocol(place: &Place, protocol: u32) -> Arc<AtomicU32> {
    use std::io::Write;
    let version = Version {
        protocol,
        program: "9.9.9".into(),
    };
    let hello = Hello { version }.to_bytes();
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let listener = std::os::unix::net::UnixListener::bind(place.directory.socket()).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            counted.fetch_add(1, Relaxed);
            let mut stream = stream.unwrap();
            let _ = stream.write_all(&(hello.len() as u32).to_le_bytes());
            let _ = stream.write_all(&hello);
        }
    });
    calls
}

#[test]
fn an_engine_of_another_protocol_is_named_and_what_to_do_about_it() {
    for (protocol, headline, advice) in [
        (PROTOCOL + 1, "A newer engine", "start the host again"),
        (PROTOCOL - 1, "An older engine", "Another host still has"),
    ] {
        let place = Place::new();
        let _calls = of_protocol(&place, protocol);
        let instance = Instance::new(&place);
        instance.want(to_far_example());
        instance.shared.ask();
        wait_until("it is named", || {
            let now = instance.situation();
            now.reason().contains("9.9.9") && now.headline() == headline
        });
        let said = instance.situation().advice();
        assert!(said.contains(advice), "{said}");
    }
}

#[test]
fn an_engine_that_was_replaced_by_a_newer_one_is_silence_and_not_called_all_the_time() {
    let place = Place::new();
    let engine = FakeEngine::start(&place.directory, Answer::Echo);
    let mut instance = Instance::new(&place);
    instance.want(to_far_example());
    let _ = instance.play_until_heard();
    drop(engine);
    let _ = std::fs::remove_file(place.directory.socket());
    let calls = of_protocol(&place, PROTOCOL + 1);
    wait_until("it is said", || {
        let _ = instance.block(0.5);
        matches!(instance.situation(), Situation::OtherVersion { .. })
    });
    // What was on its way has faded out.
    instance.play(Duration::from_millis(300));
    let before = calls.load(Relaxed);
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(1_500) {
        assert_eq!(instance.block(0.5), 0.0);
        std::thread::sleep(Duration::from_millis(2));
    }
    let called = calls.load(Relaxed) - before;
    assert!(called <= 3, "called {called} times");
    assert!(matches!(
        instance.situation(),
        Situation::OtherVersion { .. }
    ));
    // One that fits is taken up by itself.
    std::fs::remove_file(place.directory.socket()).unwrap();
    let _engine = FakeEngine::start(&place.directory, Answer::Echo);
    let _ = instance.play_until_heard();
}

#[test]
fn what_greets_as_nobody_is_said_to_be_no_engine() {
    use std::io::Write;
    let place = Place::new();
    let listener = std::os::unix::net::UnixListener::bind(place.directory.socket()).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.unwrap().write_all(b"\x04\0\0\0HTTP and more");
        }
    });
    let instance = Instance::new(&place);
    instance.want(to_far_example());
    instance.shared.ask();
    wait_until("it is said", || {
        matches!(instance.situation(), Situation::Unusable { .. })
    });
}

#[test]
fn the_environment_can_name_the_session() {
    let place = Place::new();
    let engine = FakeEngine::start(&place.directory, Answer::Echo);
    let environment = Environment {
        connect: Some("10.1.2.3:4500".into()),
        session: Some(r#"{"queue":2,"bits":8}"#.into()),
        ..place.environment()
    };
    let mut instance = Instance::with(environment);
    wait_until("the engine is asked", || {
        let _ = instance.block(0.5);
        !engine.asked().is_empty()
    });
    let asked = engine.asked().remove(0);
    assert_eq!((asked.host.as_str(), asked.peer_port), ("10.1.2.3", 4500));
    assert_eq!((asked.queue, asked.bits), (2, 8));
    // What is saved is what the user set.
    assert_eq!(instance.shared.params.session.get(), Session::default());
    assert!(
        instance
            .shared
            .view()
            .overridden
            .unwrap()
            .contains("10.1.2.3:4500")
    );
}

fn to_far_example() -> Session {
    Session {
        connected: true,
        role: Role::Client,
        host: "far.example".into(),
        port: 4470,
        bits: 24,
        queue: 6,
        redundancy: 2,
        ..Session::default()
    }
}
