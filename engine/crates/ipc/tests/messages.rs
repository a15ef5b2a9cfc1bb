//! Messages as bytes: what was said is heard, and what was never said is an error.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use farsend_ipc::message::{
    About, ChatLine, Deframer, Delay, EngineStatus, Fate, FrameError, FromEngine, Hello, HubUser,
    HubUsers, HubWish, Listening, Loop, MAX_MESSAGE, Minute, Patch, PeerFormat, Placement,
    PlayerInfo, Players, Role, Secret, SessionState, Share, Sharing, Statistics, Take, TakeState,
    TakeWishes, ToEngine, WantedSession, encode,
};
use farsend_units::{Channels, Frames, SampleRate};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

fn wanted() -> WantedSession {
    WantedSession {
        role: Role::Client,
        host: "far.example.org".into(),
        port: 4464,
        peer_port: 4465,
        send: Channels(2),
        receive: Channels(64),
        bits: 16,
        queue: 4,
        redundancy: 2,
        period: Frames(128),
        rate: SampleRate::HZ_48000,
        block: Frames(8192),
        name: "Vocals".into(),
        user: HubUser {
            name: "Alto".into(),
            user: "ann".into(),
            password: Some(Secret::new("secret".into())),
            password_file: Some("a/file".into()),
            fingerprint: "AB:CD".into(),
        },
        share: Some(Share {
            session: "Choir".into(),
            channels: Channels(8),
            first: Channels(6),
        }),
        listening: Listening::Free {
            had: Some("Bob".into()),
        },
        outputs: vec![Listening::Mix, Listening::Free { had: None }],
        hub: HubWish {
            players: 9,
            patch: Patch::All,
            users: Some(HubUsers {
                certificate: "a.pem".into(),
                key: "b.pem".into(),
                users: "c".into(),
            }),
        },
    }
}

fn from_engine() -> Vec<FromEngine> {
    let format = PeerFormat {
        rate: SampleRate::HZ_44100,
        period: Frames(64),
        channels: Channels(2),
        wants: Channels(1),
        bits: 24,
        redundancy: 1,
    };
    let statistics = Statistics {
        sent: u64::MAX,
        minute: Minute {
            seconds: 60,
            lost: u64::MAX,
            concealed_ms: 17,
            ..Minute::default()
        },
        queued: Frames(512),
        queue_us: 10_667,
        jitter_us: [90, 800, u32::MAX],
        one_way_us: Some(16_839),
        round_trip_us: Some(12_345),
        round_trip_about_us: Some(23_456),
        drift_ppm: Some(-3.5),
        sent_peaks: vec![0.5; 64],
        received_peaks: vec![0.25; 64],
        advice: vec!["Use a cable instead of wireless.".into()],
        delay: Delay {
            kept: true,
            player: 7,
            moves: 3,
        },
        ..Statistics::default()
    };
    let status = EngineStatus {
        pid: 77,
        uptime_s: 10,
        connections: 2,
        sessions: vec!["Vocals: connected".into()],
        ends_when_unused: true,
    };
    let peer = String::from("10.0.0.1:4464");
    vec![
        FromEngine::Opened { generation: 5 },
        FromEngine::Refused {
            why: "No.".into(),
            advice: String::new(),
        },
        FromEngine::Status(status),
        FromEngine::Statistics(Box::new(statistics)),
        FromEngine::State(SessionState::Connecting),
        FromEngine::State(SessionState::WaitingForPeer { port: 4464 }),
        FromEngine::State(SessionState::Connected {
            peer: peer.clone(),
            format,
        }),
        FromEngine::State(SessionState::Quiet {
            peer,
            heard_nothing_s: 4,
        }),
        FromEngine::State(SessionState::Failed {
            why: "Port in use.".into(),
            advice: "x".into(),
        }),
        FromEngine::State(SessionState::Ended {
            why: "The peer left.".into(),
        }),
        FromEngine::State(SessionState::Joining {
            host: "hub.example".into(),
            port: 4464,
            why: "It is full.".into(),
        }),
        FromEngine::State(SessionState::Denied {
            why: "Wrong password.".into(),
            advice: "Type it again.".into(),
        }),
        FromEngine::State(SessionState::Unopened {
            session: "Choir".into(),
        }),
        FromEngine::Chat(ChatLine {
            number: 7,
            from: Some("far.example".into()),
            text: "Ready?".into(),
            fate: Fate::Arrived,
        }),
        FromEngine::Sharing(Sharing {
            instances: 3,
            about: "a call to far.example:4464".into(),
            as_wanted: false,
        }),
        FromEngine::Takes(vec![Take {
            path: "/home/ann/takes/1.wav".into(),
            number: 1,
            player: "Ann".into(),
            rate: SampleRate::HZ_48000,
            begins: 96_000,
            frames: 480_000,
            placement: Placement::Exact,
            bent: false,
            repaired: 132,
            missing: 0,
            state: TakeState::Done,
        }]),
        FromEngine::State(SessionState::Hosting {
            port: 4464,
            players: 2,
        }),
        FromEngine::Players(Box::new(Players {
            heard: Some("Bob".into()),
            is_there: true,
            says: "This track is Bob's.".into(),
            outputs: vec![Some("Bob".into()), None],
            copied: vec![(0, "Ann".into())],
            players: vec![PlayerInfo {
                name: "Bob".into(),
                address: "10.0.0.2:4464".into(),
                channels: 1,
                level: 0.25,
                delay_us: Some(9000),
                tracks: vec!["Vocals".into()],
                ..PlayerInfo::default()
            }],
            groups: vec!["Strings".into()],
        })),
    ]
}

fn stream<M: Serialize>(messages: &[M]) -> Vec<u8> {
    messages
        .iter()
        .flat_map(|message| encode(message).unwrap())
        .collect()
}

fn read_all<M: DeserializeOwned>(deframer: &mut Deframer) -> Result<Vec<M>, FrameError> {
    let mut messages = Vec::new();
    while let Some(message) = deframer.next_message()? {
        messages.push(message);
    }
    Ok(messages)
}

#[test]
fn what_is_said_in_pieces_of_any_size_is_heard_whole() {
    let bytes = stream(&from_engine());
    for size in [1, 2, 3, 5, 64, 1000, bytes.len()] {
        let (mut deframer, mut heard) = (Deframer::default(), Vec::new());
        for piece in bytes.chunks(size) {
            deframer.push(piece);
            heard.extend(read_all::<FromEngine>(&mut deframer).unwrap());
        }
        assert_eq!(heard, from_engine());
    }
}

#[test]
fn a_plugin_says_what_it_wants() {
    let said = [
        ToEngine::Open(Box::new(wanted())),
        ToEngine::Close,
        ToEngine::Status,
        ToEngine::Shutdown,
        ToEngine::Takes(TakeWishes {
            record: true,
            folder: "/home/ann/takes".into(),
        }),
        ToEngine::Loop(Loop {
            frames: 1234,
            player: 7,
            moves: 3,
        }),
        ToEngine::Listen(Listening::Player("Bob".into())),
        ToEngine::Listen(Listening::Group("Strings".into())),
        ToEngine::KeepDelay(true),
        ToEngine::Queue(12),
        ToEngine::About(About {
            name: "Vocals".into(),
            colour: Some([255, 128, 0]),
        }),
        ToEngine::Outputs(vec![Listening::Mix]),
    ];
    let mut deframer = Deframer::default();
    deframer.push(&stream(&said));
    assert_eq!(read_all::<ToEngine>(&mut deframer).unwrap(), said);
}

#[test]
fn a_length_beyond_any_message_is_an_error_at_once() {
    for length in [MAX_MESSAGE as u32 + 1, u32::MAX] {
        let mut deframer = Deframer::default();
        deframer.push(&length.to_le_bytes());
        let error = deframer.next_message::<ToEngine>().unwrap_err();
        assert_eq!(
            error,
            FrameError::TooLong {
                length: length as usize
            }
        );
    }
    let mut wanted = wanted();
    wanted.name = "x".repeat(MAX_MESSAGE);
    assert!(matches!(
        encode(&ToEngine::Open(Box::new(wanted))),
        Err(FrameError::TooLong { .. })
    ));
}

#[test]
fn a_message_with_more_in_it_than_it_says_is_an_error() {
    let mut bytes = encode(&ToEngine::Close).unwrap();
    bytes[0] += 3;
    bytes.extend([0; 3]);
    let mut deframer = Deframer::default();
    deframer.push(&bytes);
    assert_eq!(
        deframer.next_message::<ToEngine>(),
        Err(FrameError::TooMuch { left: 3 })
    );
}

#[test]
fn a_message_cut_inside_its_length_is_waited_for_and_one_cut_before_it_is_an_error() {
    let bytes = encode(&ToEngine::Open(Box::new(wanted()))).unwrap();
    for cut in 0..bytes.len() {
        let mut deframer = Deframer::default();
        deframer.push(&bytes[..cut]);
        assert_eq!(deframer.next_message::<ToEngine>(), Ok(None));
    }
    for body in 0..bytes.len() - 4 {
        let mut deframer = Deframer::default();
        deframer.push(&(body as u32).to_le_bytes());
        deframer.push(&bytes[4..][..body]);
        assert!(matches!(
            deframer.next_message::<ToEngine>(),
            Err(FrameError::Unreadable(_))
        ));
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Hello::parse(&bytes);
        let mut deframer = Deframer::default();
        deframer.push(&bytes);
        let _ = read_all::<FromEngine>(&mut deframer);
        // As one message, so that the length lets them through.
        let mut deframer = Deframer::default();
        deframer.push(&(bytes.len() as u32).to_le_bytes());
        deframer.push(&bytes);
        let _ = read_all::<ToEngine>(&mut deframer);
        let mut deframer = Deframer::default();
        deframer.push(&(bytes.len() as u32).to_le_bytes());
        deframer.push(&bytes);
        let _ = read_all::<FromEngine>(&mut deframer);
    }

    #[test]
    fn a_message_with_changed_bytes_is_another_or_an_error(
        which in 0_usize..10,
        changes in prop::collection::vec((0_usize..400, any::<u8>()), 1..4),
    ) {
        let mut bytes = encode(&from_engine()[which]).unwrap();
        for (place, value) in changes {
            let place = 4 + place % (bytes.len() - 4);
            bytes[place] = value;
        }
        let mut deframer = Deframer::default();
        deframer.push(&bytes);
        let _ = read_all::<FromEngine>(&mut deframer);
    }
}
