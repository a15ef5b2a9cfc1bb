//! What a host automates and tells, and what becomes of it: nothing of it makes another call where one can go on.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unsafe_code, reason = "a parameter is set as the framework does it")]

mod common;
#[path = "common/instance.rs"]
mod instance;

use std::collections::BTreeMap;
use std::time::Duration;

use common::{Answer, FakeEngine, wait_until};
use farsend_ipc::message::{About, Listening, Loop, ToEngine};
use farsend_plugin::align::Standing;
use farsend_plugin::players::Listen;
use farsend_plugin::shared::LatencyView;
use farsend_plugin::situation::Situation;
use farsend_plugin::state::{Role, Session};
use instance::{Instance, Place};
use nice_plug::prelude::{Param, Params};

/// Sets a parameter as a host does.
fn set(param: &impl Param, normalized: f32) {
    // SAFETY: it lives as long as the instance, and a value is atomic.
    unsafe { param.as_ptr()._internal_set_normalized_value(normalized) };
}

fn far() -> Session {
    Session {
        connected: true,
        role: Role::Client,
        host: "far.example".into(),
        ..Session::default()
    }
}

/// An instance that is connected.
fn connected(place: &Place) -> Instance {
    let mut instance = Instance::new(place);
    instance.want(far());
    let _ = instance.play_until_heard();
    instance
}

fn load(instance: &Instance, session: &Session) {
    let fields = BTreeMap::from([("session".to_owned(), session.to_json())]);
    instance.shared.params.deserialize_fields(&fields);
}

#[test]
fn connect_is_automated_once_it_has_rested() {
    let place = Place::new();
    let engine = FakeEngine::start(&place.directory, Answer::Echo);
    let mut instance = Instance::new(&place);
    instance.want(Session {
        connected: false,
        ..far()
    });
    instance.play(Duration::from_millis(300));
    assert_eq!(engine.asked(), []);
    set(&instance.shared.params.connect, 1.0);
    let _ = instance.play_until_heard();
    assert_eq!(engine.asked().len(), 1);
    assert!(instance.shared.params.session.get().connected);
    set(&instance.shared.params.connect, 0.0);
    wait_until("it is off", || {
        let _ = instance.block(0.5);
        instance.situation() == Situation::Off
    });
    assert!(!instance.shared.params.session.get().connected);
}

#[test]
fn a_project_connects_when_it_is_opened_unless_it_is_to_wait_and_the_parameters_follow() {
    let place = Place::new();
    let engine = FakeEngine::start(&place.directory, Answer::Echo);
    let mut instance = Instance::new(&place);
    let saved = Session {
        queue: 7,
        connect_on_load: false,
        ..far()
    };
    load(&instance, &saved);
    instance.play(Duration::from_millis(600));
    let params = &instance.shared.params;
    assert_eq!(engine.asked(), []);
    assert_eq!((params.connect.value(), params.queue.value()), (false, 7));
    load(
        &instance,
        &Session {
            connect_on_load: true,
            ..saved.clone()
        },
    );
    assert!(instance.shared.params.connect.value());
    let _ = instance.play_until_heard();
    // An undo that brings the same back ends nothing, whatever it says of opening.
    load(&instance, &saved);
    instance.play(Duration::from_millis(600));
    let _ = instance.play_until_heard();
    assert_eq!(engine.asked().len(), 1);
}

#[test]
fn another_queue_a_new_name_and_a_delay_that_is_to_stay_need_no_other_call() {
    let place = Place::new();
    let engine = FakeEngine::start(&place.directory, Answer::Echo);
    let mut instance = connected(&place);
    let params = instance.shared.params.clone();
    set(&params.queue, params.queue.preview_normalized(9));
    set(&params.latency, 1.0);
    instance.shared.set_track(Some("Alto".into()));
    instance.shared.set_colour(Some([255, 0, 64]));
    let about = About {
        name: "Alto".into(),
        colour: Some([255, 0, 64]),
    };
    let wanted = [
        ToEngine::Queue(9),
        ToEngine::KeepDelay(true),
        ToEngine::About(about),
    ];
    wait_until("the engine knows", || {
        let _ = instance.block(0.5);
        wanted.iter().all(|message| engine.told().contains(message))
    });
    set(&params.latency, 0.0);
    wait_until("it may move again", || {
        engine.told().contains(&ToEngine::KeepDelay(false))
    });
    instance.play(Duration::from_millis(600));
    assert_eq!(engine.asked().len(), 1, "{:?}", engine.asked());
    assert_eq!(params.session.get().queue, 9);
}

#[test]
fn the_player_that_a_host_chooses_is_heard_in_place_of_the_one_of_the_project() {
    let place = Place::new();
    let engine = FakeEngine::start(&place.directory, Answer::Echo);
    let mut instance = connected(&place);
    let params = instance.shared.params.clone();
    assert_eq!(params.player.to_string(), "As chosen");
    let choose = |text: &str| {
        let value = params.player.string_to_normalized_value(text);
        set(&params.player, value.unwrap());
    };
    let mut heard = |name: &str| {
        let wanted = match name {
            "" => Listening::Mix,
            name => Listening::Player(name.into()),
        };
        let is_it = |told: &ToEngine| matches!(told, ToEngine::Listen(told) if *told == wanted);
        wait_until("the engine knows whom", || {
            let _ = instance.block(0.5);
            let told = engine.told();
            let mut listens = told
                .iter()
                .filter(|told| matches!(told, ToEngine::Listen(_)));
            listens.next_back().is_some_and(is_it)
        });
    };
    // Who that is the engine says after that.
    choose("Player 2");
    heard("Ben");
    assert_eq!(params.player.to_string(), "Player 2: Ben");
    choose("anna");
    heard("Anna");
    choose("As chosen");
    heard("");
    assert_eq!(engine.asked().len(), 1);
    assert_eq!(
        params.session.get().player,
        "",
        "the project keeps what was chosen in it"
    );
}

#[test]
fn a_ping_with_nobody_there_is_a_sentence() {
    let place = Place::new();
    let instance = Instance::new(&place);
    set(&instance.shared.params.ping, 1.0);
    let said = || instance.shared.view().latency.said;
    wait_until("it is said", || said().contains("connect first"));
}

/// Pings until an echo is heard, which stumbles where the machine does, and the host is told.
fn ping(instance: &mut Instance) -> LatencyView {
    for _ in 0..8 {
        instance.shared.ask_for_ping();
        wait_until("it has begun", || {
            let _ = instance.block(0.0);
            instance.shared.view().latency.pinging
        });
        while instance.shared.view().latency.pinging {
            let _ = instance.block(0.0);
            std::thread::sleep(Duration::from_millis(1));
        }
        let latency = instance.shared.view().latency;
        if latency.standing == Standing::Aligned {
            return latency;
        }
    }
    panic!("{:?}", instance.shared.view().latency);
}

#[test]
fn at_a_hub_of_its_own_a_ping_is_to_the_player_who_is_heard_and_else_a_sentence_says_why() {
    let place = Place::new();
    let engine = FakeEngine::start(&place.directory, Answer::Hub);
    let mut instance = Instance::new(&place);
    let hub = |listen, player: &str| Session {
        connected: true,
        role: Role::Hub,
        listen,
        player: player.into(),
        ..Session::default()
    };
    set(&instance.shared.params.latency, 1.0);
    let in_vain = |instance: &mut Instance, expected: &str| {
        instance.shared.ask_for_ping();
        wait_until(expected, || {
            let _ = instance.block(0.5);
            instance.shared.view().latency.said.contains(expected)
        });
    };
    instance.want(hub(Listen::Mix, ""));
    let _ = instance.play_until_heard();
    in_vain(&mut instance, "pick whom this track hears");
    let pick = |instance: &mut Instance, listen, name: &str| {
        instance.want(hub(listen, name));
        let is_it = |told: &ToEngine| match told {
            ToEngine::Listen(Listening::Player(told) | Listening::Group(told)) => told == name,
            _ => false,
        };
        wait_until("the engine knows whom", || {
            let _ = instance.block(0.5);
            engine.told().iter().any(is_it)
        });
    };
    pick(&mut instance, Listen::Player, "Carl");
    in_vain(&mut instance, "Carl is not here");
    pick(&mut instance, Listen::Group, "Strings");
    in_vain(&mut instance, "pick whom this track hears");
    pick(&mut instance, Listen::Player, "Ben");
    let latency = ping(&mut instance);
    let frames = latency.loop_frames.unwrap();
    let measured = ToEngine::Loop(Loop {
        frames,
        player: 2,
        moves: 0,
    });
    wait_until("the engine knows the loop to Ben", || {
        let _ = instance.block(0.5);
        engine.told().contains(&measured)
    });
    pick(&mut instance, Listen::Player, "Anna");
    wait_until("that was not Anna's", || {
        let _ = instance.block(0.5);
        let latency = instance.shared.view().latency;
        latency.standing == Standing::OtherPlayer && latency.loop_frames.is_none()
    });
    assert_eq!(instance.shared.view().latency.reported, latency.reported);
    assert_eq!(engine.asked().len(), 1);
}

#[test]
fn a_ping_to_an_echo_is_heard_and_what_the_host_is_told_is_what_it_takes() {
    let place = Place::new();
    let _engine = FakeEngine::start(&place.directory, Answer::Echo);
    let mut instance = connected(&place);
    let params = instance.shared.params.clone();
    set(&params.latency, 1.0);
    wait_until("a ping is asked for", || {
        instance.shared.view().latency.standing == Standing::Unmeasured
    });
    assert_eq!(instance.insert.latency(), 0);
    let latency = ping(&mut instance);
    assert!(latency.confidence > 0.2, "{latency:?}");
    let frames = latency.loop_frames.unwrap();
    assert!((64..9_600).contains(&frames), "{latency:?}");
    assert!(latency.reported >= frames, "{latency:?}");
    wait_until("the audio thread knows", || {
        let _ = instance.block(0.0);
        instance.insert.latency() == instance.shared.view().latency.reported
    });
    // The engine is gone, and what the host was told stays until another ping.
    drop(_engine);
    instance.play(Duration::from_millis(300));
    assert!(instance.insert.latency() >= frames);
}
