//! A state of a newer Farsend that can be read: what this one does not know of it is saved again, to the letter, in both formats.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unsafe_code, reason = "a host calls native code")]

#[allow(dead_code, reason = "other tests use the rest")]
#[path = "common/raw.rs"]
mod clap;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "common/raw_vst3.rs"]
mod vst3;

use std::collections::BTreeMap;

use proptest::collection::btree_map;
use proptest::prelude::*;
use serde_json::value::RawValue;

/// A JSON object, each member as it is written.
type Object = BTreeMap<String, Box<RawValue>>;

/// What a newer Farsend has beside what there is: in the state, among its parameters and fields, and in the session.
#[derive(Debug, Clone)]
struct Newer {
    beside: Object,
    params: Object,
    fields: Object,
    session: Object,
}

/// A host of either format.
trait Host {
    /// The state that it saves.
    fn save(&self) -> String;
    fn load(&self, state: &str) -> bool;
    /// Sets the mode, of three.
    fn set_mode(&self, value: f64);
}

struct Clap(clap::Raw);

impl Host for Clap {
    fn save(&self) -> String {
        let saved = self.0.save();
        let (length, state) = saved.split_at(8);
        assert_eq!(length, (state.len() as u64).to_le_bytes());
        String::from_utf8(state.to_vec()).unwrap()
    }

    fn load(&self, state: &str) -> bool {
        let length = (state.len() as u64).to_le_bytes();
        // What comes behind is nobody's.
        self.0
            .load(&[&length[..], state.as_bytes(), b"rest"].concat())
    }

    fn set_mode(&self, value: f64) {
        self.0
            .flush(&[clap::Event::Set(self.0.index("Mode"), value)]);
    }
}

struct Vst3(vst3::Raw);

impl Host for Vst3 {
    fn save(&self) -> String {
        String::from_utf8(self.0.save()).unwrap()
    }

    fn load(&self, state: &str) -> bool {
        self.0.load(state.as_bytes())
    }

    fn set_mode(&self, value: f64) {
        assert!(self.0.set(self.0.index("Mode"), value));
    }
}

fn object(text: &str) -> Object {
    serde_json::from_str(text).unwrap()
}

/// The object within an object.
fn within(object: &Object, name: &str) -> Object {
    serde_json::from_str(object[name].get()).unwrap()
}

/// The session's, which is in the fields as a text.
fn session(state: &Object) -> Object {
    let text: String = serde_json::from_str(within(state, "fields")["session"].get()).unwrap();
    object(&text)
}

fn raw(value: &impl serde::Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).unwrap()
}

impl Newer {
    /// Lays it beside what is in this state.
    fn put_into(&self, state: &str) -> String {
        let mut state = object(state);
        let [mut params, mut fields] = ["params", "fields"].map(|name| within(&state, name));
        let mut session = session(&state);
        session.extend(self.session.clone());
        fields.insert(
            "session".into(),
            raw(&serde_json::to_string(&session).unwrap()),
        );
        fields.extend(self.fields.clone());
        params.extend(self.params.clone());
        state.insert("params".into(), raw(&params));
        state.insert("fields".into(), raw(&fields));
        state.extend(self.beside.clone());
        serde_json::to_string(&state).unwrap()
    }

    /// Whether all of it is in this state, as it was written.
    fn is_in(&self, state: &str) -> bool {
        let state = object(state);
        let is_in = |newer: &Object, all: &Object| {
            let mut newer = newer.iter();
            newer.all(|(name, value)| all.get(name).is_some_and(|it| it.get() == value.get()))
        };
        is_in(&self.beside, &state)
            && is_in(&self.params, &within(&state, "params"))
            && is_in(&self.fields, &within(&state, "fields"))
            && is_in(&self.session, &session(&state))
    }
}

fn is_kept_by(host: &impl Host, newer: &Newer) {
    let ours = host.save();
    let theirs = newer.put_into(&ours);
    assert!(host.load(&theirs));
    assert!(newer.is_in(&host.save()));
    // The rest counts as it is.
    host.set_mode(0.0);
    let changed = host.save();
    assert!(newer.is_in(&changed), "{changed}");
    let mode = |state: &str| within(&object(state), "params")["mode"].to_string();
    assert_ne!(mode(&changed), mode(&ours));
    // What was saved is as good as what was loaded.
    assert!(host.load(&ours) && host.load(&changed));
    assert_eq!(host.save(), changed);
    // Another project has nothing of it.
    assert!(host.load(&ours));
    assert_eq!(host.save(), ours);
}

fn named(value: impl Strategy<Value = String>) -> impl Strategy<Value = Object> {
    let value = value.prop_map(|text| RawValue::from_string(text).unwrap());
    btree_map("new-[a-zä\"\\\\]{1,6}", value, 0..4)
}

/// As the framework writes parameters.
fn any_parameter() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i32>().prop_map(|value| format!("{{\"i32\":{value}}}")),
        "0\\.[0-9]{1,30}".prop_map(|value| format!("{{ \"f32\": {value}}}")),
        any::<bool>().prop_map(|value| format!("{{\"bool\":{value}}}")),
        Just(r#"{"string":"spr\u00fcnge"}"#.to_owned()),
    ]
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,20}".prop_map(|text| serde_json::to_string(&text).unwrap()),
        Just(r#""\u00e4\/{\"b\":[ 1]}""#.to_owned()),
    ]
}

fn any_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        "-?[1-9][0-9]{0,40}(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?",
        any_text(),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        proptest::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(" ,")))
    })
}

prop_compose! {
    fn any_newer()(
        beside in named(any_json()),
        params in named(any_parameter()),
        fields in named(any_text()),
        session in named(any_json()),
    ) -> Newer {
        Newer { beside, params, fields, session }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn what_only_a_newer_farsend_knows_is_saved_again_by_the_clap(newer in any_newer()) {
        is_kept_by(&Clap(clap::Raw::new(clap::INSERT)), &newer);
        is_kept_by(&Clap(clap::Raw::new(clap::PLAYERS)), &newer);
    }

    #[test]
    fn what_only_a_newer_farsend_knows_is_saved_again_by_the_vst3(newer in any_newer()) {
        is_kept_by(&Vst3(vst3::Raw::new(vst3::INSERT)), &newer);
        is_kept_by(&Vst3(vst3::Raw::new(vst3::PLAYERS)), &newer);
    }
}
