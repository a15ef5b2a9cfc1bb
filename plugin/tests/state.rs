//! What becomes of saved sessions, good and bad.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use farsend_ipc::message::Listening;
use farsend_plugin::players::{Listen, Patch};
use farsend_plugin::shared::Shared;
use farsend_plugin::signal::Signal;
use farsend_plugin::state::{
    BITS, CHANNELS, PERIOD, QUEUE, REDUNDANCY, Role, Session, SessionStore,
};
use nice_plug::prelude::{Param, Params as _};
use proptest::prelude::*;

/// What a host saves of a store, and hands back.
fn saved(store: &SessionStore) -> String {
    store.serialize_fields()["session"].clone()
}

/// The host sets a parameter.
#[allow(unsafe_code, reason = "the framework sets parameters by pointers")]
fn automate(param: &impl Param, normalized: f32) {
    // SAFETY: it points to the parameter that is borrowed.
    let _ = unsafe { param.as_ptr()._internal_set_normalized_value(normalized) };
}

fn restore(store: &SessionStore, text: &str) {
    store.deserialize_fields(&BTreeMap::from([("session".to_owned(), text.to_owned())]));
}

#[test]
fn a_state_that_is_not_understood_is_saved_back_untouched_until_something_is_changed() {
    let store = SessionStore::new(Arc::new(Signal::default()));
    let states = [
        r#"{"version":9,"connected":false,"host":"far.example","codec":{"name":"opus"},"bits":20}"#,
        r#"{"version":1,"host":"far.exam"#,
        "\u{0}\u{ffff} random \"bytes",
        "",
    ];
    for text in states {
        restore(&store, text);
        assert_eq!(saved(&store), text);
        assert!(store.notes().len() > 1, "{text}: {:?}", store.notes());
        // The editor sets what it shows.
        store.set(store.get());
        store.dismiss_notes();
        assert_eq!(saved(&store), text);
        store.set(Session {
            port: 4470,
            ..store.get()
        });
        let now = saved(&store);
        assert_eq!(Session::from_json(&now), (store.get(), vec![]));
        // What only a newer one knows stays.
        let codec = r#""codec":{"name":"opus"}"#;
        assert_eq!(now.contains(codec), text.contains(codec), "{now}");
    }
    let whole = Session::default().to_json();
    restore(&store, &whole);
    assert_eq!((saved(&store), store.notes().len()), (whole, 0));
}

#[test]
fn a_project_from_before_there_were_hubs_and_shared_sessions_is_as_it_was() {
    let text = r#"{"version":1,"connected":true,"role":"client","host":"far.example","port":4464,
        "local_port":0,"bits":16,"queue":4,"redundancy":1,"period":128}"#;
    let (session, notes) = Session::from_json(text);
    let expected = Session {
        connected: true,
        host: "far.example".into(),
        queue: 4,
        ..Session::default()
    };
    assert_eq!((session, notes), (expected, vec![]));
}

#[test]
fn a_part_in_a_session_that_another_instance_opens_needs_no_address() {
    let (session, notes) = Session::from_json(r#"{"connected":true,"share":"Choir"}"#);
    assert_eq!((session.connected, notes), (true, vec![]));
}

#[test]
fn no_password_is_saved() {
    let text = Session::default().to_json();
    assert!(!text.contains("password"), "{text}");
    let (_, notes) = Session::from_json(r#"{"version":1,"password":"secret"}"#);
    assert_eq!(notes, [""; 0]);
    let (session, _) = Session::from_json(r#"{"version":1,"password":"secret"}"#);
    assert!(!session.to_json().contains("secret"));
}

#[test]
fn an_address_after_hub_is_a_hubs() {
    type Taken<'a> = Option<(&'a str, u16, Role)>;
    let cases: [(&str, Taken<'_>); 8] = [
        (
            "hub://hub.example",
            Some(("hub.example", 4464, Role::Member)),
        ),
        (
            "hub://hub.example:4470/",
            Some(("hub.example", 4470, Role::Member)),
        ),
        ("hub://[::1]:5", Some(("::1", 5, Role::Member))),
        ("hub.example", Some(("hub.example", 4464, Role::Client))),
        ("hub://", None),
        ("http://hub.example", None),
        ("http://hub.example:80", None),
        ("hub://a/b", None),
    ];
    for (text, expected) in cases {
        let mut session = Session::default();
        let taken = session.set_address(text);
        let place = taken.then_some((session.host.as_str(), session.port, session.role));
        assert_eq!(place, expected, "{text:?}");
    }
}

#[test]
fn a_session_comes_back_as_it_was_saved() {
    let session = Session {
        connected: true,
        role: Role::Server,
        host: "far.example".into(),
        port: 4470,
        local_port: 4471,
        bits: 24,
        queue: 9,
        redundancy: 3,
        period: 64,
        name: "Alto".into(),
        user: "ann".into(),
        fingerprint: "AB:CD".into(),
        share: "Choir".into(),
        channels: 8,
        channel: 3,
        takes: "/home/ann/takes".into(),
        listen: Listen::Free,
        player: "Bob".into(),
        outputs: vec!["Ann".into(), String::new()],
        places: 12,
        patch: Patch::All,
        certificate: "/a/certificate".into(),
        key: "/a/key".into(),
        users: "/a/file".into(),
        connect_on_load: false,
    };
    assert_eq!(Session::from_json(&session.to_json()), (session, vec![]));
}

#[test]
fn a_session_of_the_future_is_taken_as_far_as_it_is_known() {
    let text = r#"{"version":9,"connected":true,"role":"client","host":"far.example","port":4470,
        "bits":{"adaptive":[16,24]},"queue":"auto","codec":"opus","redundancy":2}"#;
    let (session, notes) = Session::from_json(text);
    let expected = Session {
        connected: true,
        host: "far.example".into(),
        port: 4470,
        redundancy: 2,
        ..Session::default()
    };
    assert_eq!(session, expected);
    assert_eq!(notes.len(), 3, "{notes:?}");
    assert!(notes[0].contains("newer"), "{notes:?}");
}

#[test]
fn fields_that_are_missing_have_their_defaults_without_a_word() {
    let (session, notes) = Session::from_json(r#"{"version":1,"host":"a"}"#);
    assert_eq!(
        session,
        Session {
            host: "a".into(),
            ..Session::default()
        }
    );
    assert_eq!(notes, [""; 0]);
}

#[test]
fn a_session_cut_anywhere_is_the_default_with_a_note() {
    let text = Session {
        host: "far.example".into(),
        ..Session::default()
    }
    .to_json();
    for length in 0..text.len() {
        let (session, notes) = Session::from_json(&text[..length]);
        assert_eq!((session, notes.len()), (Session::default(), 1));
    }
}

#[test]
fn numbers_that_make_no_sense_are_left_out_and_named() {
    let text = r#"{"port":0,"bits":7,"queue":-1,"redundancy":300,"period":0,"role":"sun",
        "host":"a b\n","connected":"yes","local_port":1e9}"#;
    let (session, notes) = Session::from_json(text);
    assert_eq!(session, Session::default());
    assert_eq!(notes.len(), 9, "{notes:?}");
}

#[test]
fn nobody_is_called_without_a_name() {
    let (session, notes) = Session::from_json(r#"{"connected":true}"#);
    assert_eq!((session.connected, notes.len()), (false, 1));
}

#[test]
fn an_address_is_a_host_with_or_without_a_port() {
    let cases: [(&str, Option<(&str, u16)>); 14] = [
        ("far.example", Some(("far.example", 4464))),
        (" far.example:4470 ", Some(("far.example", 4470))),
        ("10.0.0.2:5", Some(("10.0.0.2", 5))),
        ("::1", Some(("::1", 4464))),
        ("fe80::1%eth0", Some(("fe80::1%eth0", 4464))),
        ("[::1]", Some(("::1", 4464))),
        ("[::1]:4470", Some(("::1", 4470))),
        ("", None),
        (":4470", None),
        ("a:", Some(("a", 4464))),
        ("[::1]4470", Some(("::1", 4470))),
        ("a:0", None),
        ("a:65536", None),
        ("a b", None),
    ];
    for (text, expected) in cases {
        let mut session = Session::default();
        let taken = session.set_address(text);
        let place = taken.then_some((session.host.as_str(), session.port));
        assert_eq!(place, expected, "{text:?}");
    }
}

proptest! {
    #[test]
    fn any_text_gives_a_session_that_makes_sense(text in ".*") {
        assert_makes_sense(&Session::from_json(&text).0);
    }

    #[test]
    fn any_json_gives_a_session_that_makes_sense(
        values in proptest::collection::vec(any_value(), 17),
    ) {
        let names = ["version", "connected", "role", "host", "port", "local_port", "bits", "queue",
            "redundancy", "period", "name", "user", "fingerprint", "share", "channels", "channel",
            "connect_on_load"];
        let fields: Vec<_> = names.iter().zip(&values).map(|(n, v)| format!("\"{n}\":{v}")).collect();
        let (session, _) = Session::from_json(&format!("{{{}}}", fields.join(",")));
        assert_makes_sense(&session);
        prop_assert_eq!(Session::from_json(&session.to_json()).0, session);
    }

    #[test]
    fn any_address_is_taken_whole_or_not_at_all(text in ".*") {
        let mut session = Session::default();
        if !session.set_address(&text) {
            prop_assert_eq!(&session, &Session::default());
        }
        assert_makes_sense(&session);
    }
}

fn any_value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|n| n.to_string()),
        (0..600_i32).prop_map(|n| n.to_string()),
        any::<bool>().prop_map(|b| b.to_string()),
        Just("\"client\"".to_owned()),
        Just("\"server\"".to_owned()),
        Just("\"member\"".to_owned()),
        "[a-z:\\[\\]]{0,300}".prop_map(|text| format!("\"{text}\"")),
        Just("null".to_owned()),
        Just("[1,{}]".to_owned()),
    ]
}

fn assert_makes_sense(session: &Session) {
    assert!(BITS.contains(&session.bits));
    assert!(QUEUE.contains(&session.queue));
    assert!(REDUNDANCY.contains(&session.redundancy));
    assert!(PERIOD.contains(&session.period));
    assert!(session.port != 0);
    assert!(CHANNELS.contains(&session.channels) && CHANNELS.contains(&session.channel));
    let names = [
        &session.name,
        &session.user,
        &session.share,
        &session.fingerprint,
    ];
    assert!(
        names
            .iter()
            .all(|name| name.len() <= 200 && !name.chars().any(char::is_control))
    );
    assert!(session.host.len() <= 255 && !session.host.chars().any(char::is_control));
}

#[test]
fn players_that_were_got_are_saved_and_only_where_some_were_wanted() {
    let store = SessionStore::new(Arc::default());
    store.note_players(Some("Ann"), &[]);
    assert_eq!(store.get(), Session::default());
    store.set(Session {
        listen: Listen::Free,
        ..Session::default()
    });
    assert_eq!(store.get().listening(), Listening::Free { had: None });
    store.note_players(Some("Ann"), &[None, Some("Bob".into())]);
    store.note_players(Some("Cid"), &[Some("Cid".into()), Some("Dot".into())]);
    let saved = store.get().to_json();
    let (session, notes) = Session::from_json(&saved);
    let had = |name: &str| Listening::Free {
        had: Some(name.into()),
    };
    assert_eq!((session.listening(), notes), (had("Ann"), vec![]));
    let expected = [had("Cid"), had("Bob"), Listening::Free { had: None }];
    assert_eq!(session.outputs(3), expected);
}

#[test]
fn a_copy_of_a_track_lets_go_of_the_player_whom_the_other_one_has() {
    let store = SessionStore::new(Arc::default());
    restore(
        &store,
        r#"{"role":"hub","listen":"free","player":"Ann","outputs":["Bob","Cid"]}"#,
    );
    // Not of somebody whom it has got meanwhile.
    store.part_copies(&[(0, "Zoe".into()), (9, "Bob".into())]);
    assert_eq!(store.get().player, "Ann");
    store.part_copies(&[(0, "Ann".into()), (2, "Cid".into())]);
    store.note_players(None, &[Some("Bob".into()), Some("Dot".into())]);
    let session = Session::from_json(&saved(&store)).0;
    assert_eq!(session.listening(), Listening::Free { had: None });
    assert_eq!(session.outputs, ["Bob", "Dot"]);
    // Who is picked by name stays.
    restore(&store, r#"{"role":"hub","listen":"player","player":"Ann"}"#);
    store.part_copies(&[(0, "Ann".into())]);
    assert_eq!(store.get().player, "Ann");
}

#[test]
fn a_state_that_cannot_be_read_is_kept_until_somebody_changes_a_setting() {
    let shared = Shared::new();
    let store = &shared.params.session;
    let keep = || store.keep(b"??".to_vec(), "It cannot be read.".into());
    let is_kept = || store.unread().is_some_and(|state| *state == *b"??");
    keep();
    assert_eq!(store.notes().len(), 2);
    // What is no setting: reading, connecting, what the host automates, and whom a track got.
    store.dismiss_notes();
    store.set(store.get());
    store.set(Session {
        connected: true,
        ..store.get()
    });
    assert!(is_kept());
    store.set(Session {
        connected: false,
        ..store.get()
    });
    let start = Instant::now();
    automate(&shared.params.connect, 1.0);
    let _ = shared.follow_automation(start);
    let _ = shared.follow_automation(start + Duration::from_secs(2));
    assert!(store.get().connected && is_kept());
    store.set(Session {
        port: 4470,
        ..store.get()
    });
    assert!(!is_kept());
    keep();
    store.touch();
    assert!(!is_kept());
    keep();
    restore(store, &Session::default().to_json());
    assert!(!is_kept());
}

#[test]
fn a_track_that_gets_a_player_keeps_what_was_not_understood() {
    let store = SessionStore::new(Arc::default());
    let newer = r#"{"version":9,"role":"hub","listen":"free","tuning":"just"}"#;
    restore(&store, newer);
    store.note_players(Some("Ann"), &[]);
    assert_eq!(store.get().player, "Ann");
    assert_eq!(saved(&store), newer);
    store.follow(Session {
        connected: true,
        ..store.get()
    });
    assert_eq!(saved(&store), newer);
}

#[test]
fn a_hub_needs_no_address() {
    let (session, notes) = Session::from_json(r#"{"connected":true,"role":"hub"}"#);
    assert_eq!(
        (session.connected, session.role, notes),
        (true, Role::Hub, vec![])
    );
    assert_eq!(session.hub().users, None);
}
