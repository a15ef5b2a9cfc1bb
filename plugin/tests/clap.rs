//! The CLAP in a host: any layout, any order of calls, any state.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unsafe_code, reason = "a host calls native code")]

#[path = "common/track.rs"]
mod track;

use proptest::prelude::*;
use track::{Track, state_with};

#[test]
fn every_layout_is_offered_and_stereo_comes_first() {
    let mut track = Track::new();
    assert_eq!(track.layouts(), 7);
    // Without a choice it is stereo.
    track.activate(48_000.0, 64);
    assert_eq!(track.block(64, 0.5), [0.0; 2]);
    for channels in [1, 2, 4, 8, 16, 32, 64] {
        let mut track = Track::new();
        assert!(track.select(channels), "{channels} channels");
        track.activate(48_000.0, 128);
        assert_eq!(track.block(128, 0.5), vec![0.0; channels as usize]);
        assert_eq!(track.latency(), 0);
    }
}

#[test]
fn a_second_plugin_has_an_output_for_each_of_eight_players() {
    let mut track = Track::of(1, "org.farsend.players");
    assert_eq!(track.output_ports(), [2; 9]);
    track.activate(48_000.0, 64);
    assert_eq!(track.block(64, 0.5), [0.0; 18]);
    assert_eq!(track.block(64, 0.5), [0.0; 18]);
    let mut insert = Track::new();
    assert_eq!(insert.output_ports(), [2]);
}

#[test]
fn the_parameters_are_these_with_these_defaults() {
    let mut track = Track::new();
    let names: Vec<_> = track
        .parameters()
        .into_iter()
        .map(|(_, name)| name)
        .collect();
    let expected = [
        "Mode",
        "Dry",
        "Send gain",
        "Return gain",
        "Bypass",
        "Record takes",
        "Latency",
        "Ping",
        "Connect",
        "Queue",
        "Mute send",
        "Mute return",
        "Player",
        "Render from takes",
    ];
    assert_eq!(names, expected);
    assert_eq!(
        (track.parameter("Mode"), track.parameter("Bypass")),
        (2.0, 0.0)
    );
    assert_eq!(track.parameter("Dry"), 0.0);
}

#[test]
fn modes_and_bypass_are_heard_without_an_engine() {
    let mut track = Track::new();
    track.activate(48_000.0, 2048);
    assert_eq!(track.block(2048, 0.5), [0.0; 2]);
    track.set("Mode", 0.0);
    assert_eq!(track.block(2048, 0.5), [0.5; 2]);
    track.set("Mode", 1.0);
    assert_eq!(track.block(2048, 0.5), [0.0; 2]);
    track.set("Bypass", 1.0);
    assert_eq!(track.block(2048, 0.5), [0.5; 2]);
    track.set("Bypass", 0.0);
    assert_eq!(track.block(2048, 0.5), [0.0; 2]);
}

#[test]
fn blocks_may_be_empty_and_longer_than_announced() {
    let mut track = Track::new();
    track.set("Mode", 0.0);
    track.activate(44_100.0, 64);
    for frames in [64, 0, 1, 63, 65, 5000, 0, 64] {
        let expected = if frames == 0 { 0.0 } else { 0.25 };
        assert_eq!(track.block(frames, 0.25), [expected; 2], "{frames} frames");
    }
}

#[test]
fn any_rate_will_do() {
    for rate in [
        1.0, 8_000.0, 11_025.0, 44_100.0, 96_000.0, 192_000.0, 768_000.0, 1e9,
    ] {
        let mut track = Track::new();
        track.set("Mode", 0.0);
        track.activate(rate, 64);
        assert_eq!(track.block(64, 0.25), [0.25; 2], "{rate} Hz");
    }
}

#[test]
fn state_comes_back_before_and_after_activation() {
    let session = r#"{"version":1,"connected":false,"role":"server","port":4477}"#;
    for activated in [false, true] {
        let mut first = Track::new();
        if activated {
            first.activate(48_000.0, 64);
            let _ = first.block(64, 0.5);
        }
        assert!(first.load(&state_with(session)));
        if !activated {
            first.activate(48_000.0, 64);
        }
        first.set("Dry", 0.5);
        let _ = first.block(64, 0.5);
        let saved = first.save();
        assert!(String::from_utf8_lossy(&saved).contains("4477"));

        let mut second = Track::new();
        assert!(second.load(&saved));
        assert_eq!(second.parameter("Dry"), first.parameter("Dry"));
        assert_eq!(second.save(), saved);
    }
}

#[test]
fn a_state_that_is_cut_is_saved_back_untouched() {
    let mut other = Track::new();
    other.set("Send gain", 0.25);
    let whole = other.save();
    let mut track = Track::new();
    let new = track.save();
    track.activate(48_000.0, 64);
    for length in 1..whole.len() {
        let cut = &whole[..length];
        assert!(track.load(cut), "{length} of {} bytes", whole.len());
        assert_eq!(track.save(), cut);
        let _ = track.block(64, 0.5);
    }
    // Automation is no change of the user's.
    track.set("Send gain", 0.75);
    let _ = track.block(64, 0.5);
    assert_eq!(track.save(), whole[..whole.len() - 1]);
    assert!(track.load(&whole));
    assert_eq!(track.save(), whole);
    // It goes on as a new one, whatever was loaded before; of nothing, nothing is kept.
    assert!(track.load(&[]));
    assert_eq!(track.save(), new);
}

#[test]
fn a_state_of_a_newer_version_goes_through_an_older_one_and_comes_back() {
    let state = br#"{"version":"99.0.0","parameters":{"send":{"db":-6}},"session":{"host":"a"}}"#;
    let state = [&(state.len() as u64).to_le_bytes()[..], state].concat();
    let mut old = Track::new();
    assert!(old.load(&state));
    let saved = old.save();
    assert_eq!(saved, state);
    // A track that is duplicated has it, too.
    let mut duplicate = Track::new();
    assert!(duplicate.load(&saved));
    assert_eq!(duplicate.save(), state);
}

#[test]
fn many_instances_live_side_by_side_and_leave_in_any_order() {
    let mut tracks: Vec<_> = (0..16).map(|_| Track::new()).collect();
    for (i, track) in tracks.iter_mut().enumerate() {
        if i % 3 > 0 {
            track.activate(48_000.0, 64);
        }
        if i % 3 > 1 {
            let _ = track.block(64, 0.5);
        }
    }
    while !tracks.is_empty() {
        drop(tracks.remove(tracks.len() / 2));
    }
}

#[derive(Debug, Clone)]
enum Act {
    Activate(u32, u32),
    Deactivate,
    Block(usize),
    Reset,
    Pause,
    Load(Vec<u8>),
    Save,
    Set(usize, f64),
}

fn any_act() -> impl Strategy<Value = Act> {
    let session = prop_oneof![
        Just(r#"{"version":1,"port":4470}"#.to_owned()),
        Just(r#"{"version":77,"host":["?"]}"#.to_owned()),
        ".{0,40}",
    ];
    prop_oneof![
        (8_000..200_000_u32, 1..3000_u32).prop_map(|(rate, frames)| Act::Activate(rate, frames)),
        Just(Act::Deactivate),
        prop_oneof![Just(0), 1..5000_usize].prop_map(Act::Block),
        prop_oneof![Just(0), 1..5000_usize].prop_map(Act::Block),
        Just(Act::Reset),
        Just(Act::Pause),
        session.prop_map(|session| Act::Load(state_with(&session))),
        proptest::collection::vec(any::<u8>(), 0..200).prop_map(Act::Load),
        Just(Act::Save),
        (0..5_usize, 0.0..1.0).prop_map(|(index, value)| Act::Set(index, value)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_calls_does_no_harm(acts in proptest::collection::vec(any_act(), 1..40)) {
        let mut track = Track::new();
        let names = track.parameters();
        let mut active = false;
        for act in acts {
            match act {
                Act::Activate(rate, frames) if !active => {
                    track.activate(rate.into(), frames);
                    active = true;
                }
                Act::Deactivate if active => {
                    track.deactivate();
                    active = false;
                }
                Act::Block(frames) if active => {
                    let heard = track.block(frames, 0.5);
                    prop_assert!(heard.iter().all(|sample| sample.abs() <= 2.0), "{heard:?}");
                }
                Act::Reset if active => track.reset(),
                Act::Pause if active => track.pause(),
                Act::Load(bytes) => {
                    let _ = track.load(&bytes);
                }
                Act::Save => prop_assert!(!track.save().is_empty()),
                Act::Set(index, value) => track.set(&names[index].1, value),
                _ => {}
            }
        }
    }
}
