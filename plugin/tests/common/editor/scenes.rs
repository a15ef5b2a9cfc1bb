//! Made-up sessions, for pictures of the editor and to work on its looks.

use std::sync::Arc;

use farsend_ipc::message::{
    ChatLine, Fate, Minute, PeerFormat, Placement, PlayerInfo, Players, SessionState, Sharing,
    Statistics, Take, TakeState,
};
use farsend_ipc::segment::{EngineEnd, PluginEnd, SegmentConfig};
use farsend_plugin::editor::Page;
use farsend_plugin::history::History;
use farsend_plugin::players::Listen;
use farsend_plugin::shared::{Setup, Shared};
use farsend_plugin::situation::Situation;
use farsend_plugin::state::{Role, Session};
use farsend_units::{Channels, Frames, MonoTime, SampleRate};
use nice_plug::params::Params as _;
use nice_plug::prelude::{BoolParam, Param as _};

/// A made-up session.
pub(crate) struct Scene {
    pub(crate) shared: Arc<Shared>,
    /// The page that it is about.
    pub(crate) page: Page,
    ends: Option<(EngineEnd, PluginEnd)>,
    /// Nothing comes back.
    is_quiet: bool,
    /// Nothing is sent.
    is_muted: bool,
}

/// All of them.
pub(crate) const SCENES: [&str; 18] = [
    "players",
    "takes",
    "off",
    "calling",
    "connected",
    "trouble",
    "quiet",
    "hub",
    "shared",
    "chat",
    "settings",
    "missing",
    "newer",
    "unreadable",
    "muted",
    "named",
    "waiting",
    "many-takes",
];

impl Scene {
    /// The one of this name.
    pub(crate) fn of(name: &str) -> Self {
        let shared = Shared::new();
        shared.set_setup(SETUP);
        shared.set_track(Some("Piano".into()));
        shared.params.session.set(session());
        let mut scene = Self {
            shared,
            page: Page::Session,
            ends: None,
            is_quiet: false,
            is_muted: false,
        };
        scene.show(name);
        scene
    }

    fn show(&mut self, name: &str) {
        let shared = Arc::clone(&self.shared);
        shared.show(|view| view.engine = Some("0.1.0".into()));
        let set = |session: Session| shared.params.session.set(session);
        match name {
            "off" => set(Session {
                connected: false,
                host: String::new(),
                ..session()
            }),
            "calling" => {
                set(Session {
                    host: "203.0.113.7".into(),
                    ..session()
                });
                situation(
                    &shared,
                    SessionState::Calling {
                        host: "203.0.113.7".into(),
                        port: 4464,
                        heard_nothing_s: 7,
                    },
                );
                let advice = vec!["203.0.113.7 is reached, but nothing listens on its UDP port 4464: start `jacktrip -s` or `farsend server` there. Calling on".into()];
                let numbers = Statistics {
                    advice,
                    ..Statistics::default()
                };
                shared.show(|view| view.statistics = Some(Arc::new(numbers)));
            }
            "connected" => self.connect(&numbers()),
            "trouble" => {
                let advice = "your Wi-Fi stalls for 40 ms twice a minute: use a cable, or accept 43 ms (queue 16)";
                self.connect(&Statistics {
                    minute: Minute {
                        lost: 3,
                        late: 131,
                        dry: 17,
                        concealed_ms: 357,
                        repaired: 212,
                        ..numbers().minute
                    },
                    jitter_us: [190, 4_812, 40_250],
                    queue_us: 14_300,
                    target_us: 14_600,
                    advice: vec![advice.into()],
                    ..numbers()
                });
            }
            "quiet" => {
                // Nothing for four seconds, and two blocks to a packet.
                let numbers = Statistics {
                    minute: Minute {
                        dry: 3_000,
                        concealed_ms: 305,
                        ..numbers().minute
                    },
                    ..numbers()
                };
                self.connect(&numbers);
                self.is_quiet = true;
                let peer = "203.0.113.7:4464".into();
                situation(
                    &shared,
                    SessionState::Quiet {
                        peer,
                        heard_nothing_s: 4,
                    },
                );
            }
            "hub" => {
                set(Session {
                    role: Role::Member,
                    host: "hub.example.org".into(),
                    name: "Piano".into(),
                    user: "ada".into(),
                    ..session()
                });
                shared.show(|view| {
                    view.situation = Situation::PasswordNeeded {
                        user: "ada".into(),
                        host: "hub.example.org".into(),
                        file: Some(
                            "/home/ada/.config/farsend/passwords/ada@hub.example.org".into(),
                        ),
                    };
                });
            }
            "shared" => {
                shared.set_colour(Some([206, 130, 58]));
                set(Session {
                    share: "Rehearsal".into(),
                    ..session()
                });
                self.connect(&numbers());
                shared.show(|view| {
                    view.sharing = Some(Sharing {
                        instances: 3,
                        about: "a call to studio.example.org:4464".into(),
                        as_wanted: true,
                    });
                });
            }
            "chat" => {
                self.connect(&numbers());
                self.page = Page::Chat;
                talk(&shared);
            }
            "settings" => {
                set(Session {
                    share: "Rehearsal".into(),
                    ..session()
                });
                self.connect(&numbers());
                self.page = Page::Settings;
            }
            "players" => {
                set(Session {
                    role: Role::Hub,
                    host: String::new(),
                    listen: Listen::Player,
                    player: "Alto".into(),
                    ..session()
                });
                self.connect(&Statistics {
                    one_way_us: Some(18_400),
                    ..numbers()
                });
                situation(
                    &shared,
                    SessionState::Hosting {
                        port: 4464,
                        players: 3,
                    },
                );
                let players = Players {
                    heard: Some("Alto".into()),
                    is_there: true,
                    players: vec![
                        player("Alto", 0.4, 0.0, Some(18_400)),
                        PlayerInfo {
                            drift_ppm: Some(3.4),
                            tracks: vec!["Tenor".into()],
                            ..player("Tenor", 0.12, 0.4, Some(23_900))
                        },
                        PlayerInfo {
                            tracks: vec![],
                            is_muted: true,
                            ..player("Double bass", 0.92, 2.1, None)
                        },
                    ],
                    ..Players::default()
                };
                shared.show(|view| view.players = Some(Arc::new(players)));
            }
            "takes" => {
                self.connect(&numbers());
                self.page = Page::Takes;
                self.record();
                let takes = vec![
                    take(
                        1,
                        "Konzertmeisterin Anna-Magdalena",
                        65.3,
                        [0, 0],
                        TakeState::Failed(FULL.into()),
                    ),
                    take(1, "Ann", 65.3, [132, 0], TakeState::Done),
                    take(2, "Ann", 118.9, [241, 7], TakeState::Done),
                    take(3, "Ann", 12.4, [0, 0], TakeState::Recording),
                ];
                shared.show(|view| view.takes = Arc::new(takes));
            }
            "many-takes" => {
                self.connect(&numbers());
                self.page = Page::Takes;
                let players = ["Alto", "Tenor", "Double bass"];
                let takes = (1..20).flat_map(|number| {
                    players.map(|player| {
                        let seconds = 20.0 + f64::from(number) * 3.7;
                        take(
                            number,
                            player,
                            seconds,
                            [u64::from(number) % 4 * 9, 0],
                            TakeState::Done,
                        )
                    })
                });
                shared.show(|view| view.takes = Arc::new(takes.collect()));
            }
            "named" => {
                self.connect(&numbers());
                let players = Players {
                    is_there: true,
                    players: vec![PlayerInfo {
                        colour: Some([206, 130, 58]),
                        tracks: vec![],
                        ..player("Violin 1", 0.3, 0.0, Some(17_033))
                    }],
                    ..Players::default()
                };
                shared.show(|view| view.players = Some(Arc::new(players)));
            }
            "muted" => {
                self.connect(&numbers());
                set_switch(&shared.params.mute_send);
                self.is_muted = true;
            }
            "waiting" => {
                set(Session {
                    role: Role::Server,
                    host: String::new(),
                    ..session()
                });
                situation(&shared, SessionState::WaitingForPeer { port: 4464 });
            }
            "missing" => shared.show(|view| {
                view.engine = None;
                let looked = [
                    "/home/ada/.local/lib/farsend",
                    "/usr/lib/farsend",
                    "/usr/bin",
                ];
                let looked = looked
                    .map(|folder| format!("{folder}/farsend").into())
                    .to_vec();
                view.situation = Situation::NoEngine { looked };
            }),
            "newer" => shared.params.session.deserialize_fields(
                &[("session".into(), r#"{"version":3,"bits":20}"#.into())].into(),
            ),
            "unreadable" => {
                set(Session::default());
                let why = "This project's settings of this plugin cannot be read: they were saved by a newer Farsend (2.0.0; this is 0.1.0).";
                shared.params.session.keep(b"?".to_vec(), why.into());
            }
            other => panic!("there is no scene {other:?}"),
        }
    }

    /// Takes are wanted.
    fn record(&self) {
        set_switch(&self.shared.params.record);
    }

    fn connect(&mut self, numbers: &Statistics) {
        let (engine, handle) = EngineEnd::create(SegmentConfig {
            send: SETUP.channels,
            receive: SETUP.channels,
            rate: SETUP.rate,
            capacity: Frames(4096),
        })
        .expect("there is memory");
        let end = PluginEnd::open(handle).expect("it was made for this");
        let peer = "203.0.113.7:4464".into();
        situation(
            &self.shared,
            SessionState::Connected {
                peer,
                format: FORMAT,
            },
        );
        self.shared.show(|view| {
            view.levels = Some(end.levels());
            view.statistics = Some(Arc::new(numbers.clone()));
        });
        self.ends = Some((engine, end));
        remember(&self.shared, numbers);
    }

    /// Has these levels go through, linear: two sent, two returned.
    pub(crate) fn play(&mut self, [a, b]: [f32; 2], [c, d]: [f32; 2]) {
        let Some((engine, end)) = &mut self.ends else {
            return;
        };
        let heard = if self.is_quiet { 0.0 } else { 1.0 };
        let _ = engine.release(&[&[c * heard; 64], &[d * heard; 64]]);
        let (mut left, mut right) = ([0.0; 64], [0.0; 64]);
        let sent = if self.is_muted { 0.0 } else { 1.0 };
        let _ = end.exchange(
            &[&[a * sent; 64], &[b * sent; 64]],
            &mut [&mut left, &mut right],
        );
    }
}

fn player(name: &str, level: f32, loss_percent: f32, delay_us: Option<u32>) -> PlayerInfo {
    PlayerInfo {
        name: name.into(),
        address: "203.0.113.7:4464".into(),
        channels: 2,
        is_present: true,
        is_farsend: delay_us.is_some(),
        is_muted: false,
        colour: None,
        level,
        delay_us,
        loss_percent,
        drift_ppm: delay_us.map(|_| -12.3),
        group: None,
        tracks: vec!["Piano".into()],
    }
}

/// Switches it on.
fn set_switch(param: &BoolParam) {
    // SAFETY: it points to the parameter that is borrowed.
    let _ = unsafe { param.as_ptr()._internal_set_normalized_value(1.0) };
}

/// As the engine says it.
const FULL: &str = "The disk is full: /home/ann/Music/Farsend/Band";

fn take(
    number: u32,
    player: &str,
    seconds: f64,
    [repaired, missing]: [u64; 2],
    state: TakeState,
) -> Take {
    Take {
        path: format!("/home/ada/Music/Farsend/{player} {number}.wav"),
        number,
        player: player.into(),
        rate: SETUP.rate,
        begins: 96_000,
        frames: (seconds * 48e3) as u64,
        placement: Placement::Exact,
        bent: false,
        repaired,
        missing,
        state,
    }
}

fn session() -> Session {
    Session {
        connected: true,
        host: "studio.example.org".into(),
        ..Session::default()
    }
}

fn situation(shared: &Shared, state: SessionState) {
    shared.show(|view| view.situation = Situation::Session(state));
}

fn numbers() -> Statistics {
    Statistics {
        sent: 48_211,
        received: 48_190,
        minute: Minute {
            seconds: 60,
            late: 2,
            repaired: 12,
            concealed_ms: 5,
            ..Minute::default()
        },
        queued: Frames(256),
        queue_us: 5_333,
        target_us: 5_500,
        jitter_us: [90, 812, 4_250],
        round_trip_us: Some(23_400),
        one_way_us: Some(17_033),
        drift_ppm: Some(-12.3),
        ..Statistics::default()
    }
}

/// A minute that led to these numbers.
fn remember(shared: &Shared, numbers: &Statistics) {
    let (mut minute, mut missing) = (History::default(), 0);
    for n in 0..120_u32 {
        let wave = (f64::from(n) * 0.7).sin() * 0.12 + (f64::from(n * n % 37) / 37.0) * 0.2;
        let stall = if numbers.queue_us > 10_000 && n % 47 == 20 {
            2.2
        } else {
            1.0
        };
        let of = |number: u32, part: f64| (f64::from(number) * part) as u32;
        missing += u64::from(stall > 1.0) * 9;
        // Of late nothing has come.
        let is_quiet = numbers.minute.dry > 1_000 && n >= 112;
        missing += u64::from(is_quiet) * 187;
        let came = if is_quiet { 0.0 } else { 1.0 };
        let then = Statistics {
            late: missing,
            jitter_us: [
                0,
                0,
                of(numbers.jitter_us[2], (0.6 + wave) * stall / 2.0 * came),
            ],
            queue_us: of(numbers.queue_us, 0.9 + 0.1 * (f64::from(n) / 30.0).sin()),
            ..numbers.clone()
        };
        minute.note(MonoTime::from_nanos(u64::from(n) * 500_000_000), &then);
    }
    shared.remember(minute);
}

fn talk(shared: &Shared) {
    let lines = [
        (None, "Good morning! Can you hear the click?", Fate::Arrived),
        (
            Some("203.0.113.7:4464"),
            "Yes, and the piano. A little less of the hall, please.",
            Fate::Arrived,
        ),
        (None, "Better?", Fate::Arrived),
        (
            Some("203.0.113.7:4464"),
            "Perfect 👍 From bar 17, with the pick-up 🥁",
            Fate::Arrived,
        ),
        (None, "Rolling.", Fate::Sent),
    ];
    for (number, (from, text, fate)) in lines.into_iter().enumerate() {
        let line = ChatLine {
            number: number as u64,
            from: from.map(str::to_owned),
            text: text.into(),
            fate,
        };
        shared.show(|view| view.hear(line));
    }
}

const FORMAT: PeerFormat = PeerFormat {
    rate: SETUP.rate,
    period: Frames(128),
    channels: SETUP.channels,
    wants: SETUP.channels,
    bits: 16,
    redundancy: 1,
};

const SETUP: Setup = Setup {
    channels: Channels(2),
    rate: SampleRate::HZ_48000,
    block: Frames(64),
};
