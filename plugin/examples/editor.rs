//! The editor in a window of its own, without a host: `cargo run -p farsend-plugin --example editor`.
//!
//! It shows a made-up session (`connected`, `hub`, `calling`, `missing` or `off`, the first by default), so that
//! its looks can be worked on, and `live` talks to a real engine, though there is no audio to send.

// What a host has to offer an editor is unsafe by the framework's interface.
#![allow(unsafe_code)]

use std::sync::Arc;
use std::time::Duration;

use farsend_ipc::message::{Minute, PeerFormat, SessionState, Sharing, Statistics};
use farsend_ipc::segment::{EngineEnd, PluginEnd, SegmentConfig};
use farsend_plugin::editor::create_editor;
use farsend_plugin::link::link;
use farsend_plugin::shared::{Setup, Shared};
use farsend_plugin::situation::Situation;
use farsend_plugin::state::{Role, Session};
use farsend_plugin::supervisor::{Environment, Supervision};
use farsend_units::{Channels, Frames, SampleRate};
use nice_plug::context::PluginApi;
use nice_plug::context::gui::{GuiContext, GuiContextInner};
use nice_plug::editor::EditorHandle;
use nice_plug::params::Params as _;
use nice_plug::params::internals::ParamPtr;
use nice_plug::prelude::{Editor, PluginState};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let shared = Shared::new();
    shared.set_setup(SETUP);
    shared.set_track(Some("Piano".into()));
    shared.params.session.set(Session {
        connected: true,
        host: "studio.example.org".into(),
        share: "Rehearsal".into(),
        ..Session::default()
    });
    let what = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "connected".into());
    let mut supervision = None;
    match what.as_str() {
        "connected" => {
            std::thread::spawn({
                let shared = Arc::clone(&shared);
                move || play(&shared)
            });
        }
        "hub" => {
            shared.params.session.set(Session {
                connected: true,
                role: Role::Member,
                host: "hub.example.org".into(),
                name: "Piano".into(),
                user: "ada".into(),
                share: "Rehearsal".into(),
                ..Session::default()
            });
            shared.show(|view| {
                view.engine = Some("0.1.0".into());
                view.sharing = Some(Sharing {
                    instances: 3,
                    about: "a place at the hub hub.example.org:4464".into(),
                    as_wanted: true,
                });
                view.situation = Situation::PasswordNeeded {
                    user: "ada".into(),
                    host: "hub.example.org".into(),
                    file: Some("/home/ada/.config/farsend/passwords/ada@hub.example.org".into()),
                };
            });
        }
        "calling" => shared.show(|view| {
            view.engine = Some("0.1.0".into());
            view.situation = Situation::Session(SessionState::Calling {
                host: "studio.example.org".into(),
                port: 4464,
                heard_nothing_s: 7,
            });
        }),
        "missing" => {
            let looked = [
                "/home/ada/.local/lib/farsend",
                "/usr/lib/farsend",
                "/usr/bin",
            ];
            let looked = looked
                .map(|folder| format!("{folder}/farsend").into())
                .to_vec();
            shared.show(|view| view.situation = Situation::NoEngine { looked });
        }
        "off" => shared
            .params
            .session
            .deserialize_fields(&[("session".into(), r#"{"version":3,"bits":20}"#.into())].into()),
        _ => {
            shared.params.session.set(Session::default());
            let (sender, _) = link();
            let environment = Environment::read();
            supervision = Some(Supervision::start(Arc::clone(&shared), sender, environment));
        }
    }
    let editor = create_editor(Arc::clone(&shared)).ok_or("no editor")?;
    let gui = GuiContext::new(Arc::new(Nobody(shared)));
    let spawned = editor.spawn(None, false, None, gui, None)?;
    run(&editor, spawned.window)?;
    drop(supervision);
    Ok(())
}

fn run<E: Editor>(
    _: &E,
    window: <E::Handle as EditorHandle>::Window,
) -> Result<(), <E::Handle as EditorHandle>::Error> {
    E::Handle::run_until_closed(window)
}

/// Goes on like a good session.
fn play(shared: &Shared) {
    let (mut engine, handle) = EngineEnd::create(SegmentConfig {
        send: SETUP.channels,
        receive: SETUP.channels,
        rate: SETUP.rate,
        capacity: Frames(4096),
    })
    .expect("there is memory");
    let mut end = PluginEnd::open(handle).expect("it was made for this");
    let format = PeerFormat {
        rate: SETUP.rate,
        period: Frames(128),
        channels: SETUP.channels,
        wants: SETUP.channels,
        bits: 16,
        redundancy: 1,
    };
    let statistics = Statistics {
        sent: 48_211,
        received: 48_190,
        lost: 3,
        late: 1,
        minute: Minute {
            seconds: 60,
            lost: 3,
            late: 31,
            dry: 17,
            repaired: 12,
            concealed_ms: 90,
        },
        queued: Frames(256),
        queue_us: 5_333,
        target_us: 5_500,
        jitter_us: [90, 812, 4_250],
        round_trip_us: Some(23_400),
        one_way_us: Some(17_033),
        advice: vec![
            "your Wi-Fi stalls for 40 ms twice a minute: use a cable, or accept 43 ms (queue 16)"
                .into(),
        ],
        drift_ppm: Some(-12.3),
        ..Statistics::default()
    };
    shared.show(|view| {
        view.engine = Some("0.1.0".into());
        view.sharing = Some(Sharing {
            instances: 3,
            about: "a call to studio.example.org:4464".into(),
            as_wanted: true,
        });
        view.levels = Some(end.levels());
        view.statistics = Some(Arc::new(statistics));
        let peer = "203.0.113.7:4464".into();
        view.situation = Situation::Session(SessionState::Connected { peer, format });
    });
    let mut phase = 0.0_f32;
    loop {
        phase += 0.03;
        let left = [0.3 + 0.15 * phase.sin(); 64];
        let right = [0.24 + 0.1 * (phase * 1.3).cos(); 64];
        let _ = engine.release(&[&[0.5 + 0.4 * (phase * 0.7).sin(); 64], &[0.4; 64]]);
        let (mut from_left, mut from_right) = ([0.0; 64], [0.0; 64]);
        let _ = end.exchange(&[&left, &right], &mut [&mut from_left, &mut from_right]);
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The host that there is none of: what is set is set, and nobody hears of it.
struct Nobody(Arc<Shared>);

impl GuiContextInner for Nobody {
    fn plugin_api(&self) -> PluginApi {
        PluginApi::Standalone
    }

    unsafe fn raw_begin_set_parameter(&self, _: ParamPtr) {}

    unsafe fn raw_set_parameter_normalized(&self, param: ParamPtr, normalized: f32) {
        debug_assert!(
            self.0
                .params
                .param_map()
                .iter()
                .any(|(_, known, _)| *known == param)
        );
        // SAFETY: the pointer is to one of the parameters that this holds.
        let _ = unsafe { param._internal_set_normalized_value(normalized) };
    }

    unsafe fn raw_end_set_parameter(&self, _: ParamPtr) {}

    fn get_state(&self) -> PluginState {
        unreachable!("the editor keeps no presets")
    }

    fn set_state(&self, _: PluginState) {}

    fn request_restart(&self) {}
}

const SETUP: Setup = Setup {
    channels: Channels(2),
    rate: SampleRate::HZ_48000,
    block: Frames(64),
};
