//! How plugin and engine meet, greet, talk and part.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;
use std::time::{Duration, Instant};

use farsend_ipc::connection::{
    BindError, ClientConnection, ConnectError, ConnectionError, Server, ServerConnection, connect,
};
use farsend_ipc::message::{FromEngine, Hello, PROTOCOL, ToEngine, Version};
use farsend_ipc::runtime::RuntimeDir;
use farsend_ipc::segment::{EngineEnd, PluginEnd};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen, socket,
};
use tempfile::TempDir;

const SOON: Duration = Duration::from_secs(5);
const SHORT: Duration = Duration::from_millis(50);

fn directory() -> (TempDir, RuntimeDir) {
    let kept = tempfile::tempdir().unwrap();
    let directory = RuntimeDir::at(kept.path().join("run")).unwrap();
    (kept, directory)
}

fn meet(server: &Server, directory: &RuntimeDir) -> (ServerConnection, ClientConnection) {
    thread::scope(|scope| {
        let client = scope.spawn(|| connect(&directory.socket(), "0.1.0", SOON).unwrap());
        let pending = server.accept(SOON).unwrap().unwrap();
        (
            pending.greet("0.2.0", SOON).unwrap(),
            client.join().unwrap(),
        )
    })
}

#[test]
fn both_learn_the_others_version_and_talk() {
    let (_kept, directory) = directory();
    let server = Server::bind(&directory).unwrap();
    let (mut engine, mut plugin) = meet(&server, &directory);
    assert_eq!(
        engine.theirs(),
        &Version {
            protocol: PROTOCOL,
            program: "0.1.0".into()
        }
    );
    assert_eq!(
        plugin.theirs(),
        &Version {
            protocol: PROTOCOL,
            program: "0.2.0".into()
        }
    );

    plugin.send(&ToEngine::Status, SOON).unwrap();
    plugin.send(&ToEngine::Close, SOON).unwrap();
    assert_eq!(engine.receive(SOON).unwrap(), Some(ToEngine::Status));
    assert_eq!(engine.receive(SOON).unwrap(), Some(ToEngine::Close));
    assert_eq!(engine.receive(SHORT).unwrap(), None);
    let refused = FromEngine::Refused {
        why: "No.".into(),
        advice: "Ask again.".into(),
    };
    engine.send(&refused, SOON).unwrap();
    assert_eq!(plugin.receive(SOON).unwrap(), Some(refused));
    assert_eq!(plugin.receive(Duration::ZERO).unwrap(), None);
}

#[test]
fn segments_come_with_their_messages_in_order() {
    let (_kept, directory) = directory();
    let server = Server::bind(&directory).unwrap();
    let (mut engine, mut plugin) = meet(&server, &directory);
    let refused = FromEngine::Refused {
        why: "Wait.".into(),
        advice: String::new(),
    };
    let mut generations = Vec::new();
    for _ in 0..3 {
        let (end, handle) = EngineEnd::create(support::config(2, 64)).unwrap();
        engine.send(&refused, SOON).unwrap();
        engine
            .send_segment(end.generation(), &handle, SOON)
            .unwrap();
        generations.push(end.generation());
    }
    for expected in generations {
        assert_eq!(plugin.receive(SOON).unwrap(), Some(refused.clone()));
        let opened = plugin.receive(SOON).unwrap();
        assert_eq!(
            opened,
            Some(FromEngine::Opened {
                generation: expected
            })
        );
        let end = PluginEnd::open(plugin.take_segment().unwrap()).unwrap();
        assert_eq!(end.generation(), expected);
    }
    assert!(plugin.take_segment().is_none());
}

#[test]
fn no_engine_is_said_at_once() {
    let (_kept, directory) = directory();
    let error = connect(&directory.socket(), "0.1.0", SOON).unwrap_err();
    assert!(matches!(error, ConnectError::NoEngine { .. }), "{error}");
    // The same with a socket that nobody listens at.
    drop(UnixListener::bind(directory.socket()).unwrap());
    let error = connect(&directory.socket(), "0.1.0", SOON).unwrap_err();
    assert!(matches!(error, ConnectError::NoEngine { .. }), "{error}");
}

#[test]
fn an_engine_of_another_protocol_is_an_error_that_names_both_programs() {
    let (_kept, directory) = directory();
    let server = Server::bind(&directory).unwrap();
    let theirs = Version {
        protocol: 99,
        program: "9.9.9".into(),
    };
    let mut stream = UnixStream::connect(directory.socket()).unwrap();
    stream
        .write_all(&framed(
            &Hello {
                version: theirs.clone(),
            }
            .to_bytes(),
        ))
        .unwrap();
    let error = server
        .accept(SOON)
        .unwrap()
        .unwrap()
        .greet("0.2.0", SOON)
        .unwrap_err();
    let ConnectError::OtherVersion {
        ours,
        theirs: heard,
    } = &error
    else {
        panic!("{error}")
    };
    assert_eq!((ours, heard), (&Version::ours("0.2.0"), &theirs));
    assert!(error.to_string().contains("0.2.0") && error.to_string().contains("9.9.9"));
    // It was greeted all the same, and so can say the same to its user.
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    assert_eq!(
        Hello::parse(&bytes[4..]).unwrap().version,
        Version::ours("0.2.0")
    );
}

#[test]
fn what_does_not_greet_is_told_from_what_greets_wrongly() {
    for (said, is_expected) in [
        (&b""[..], is_closed as fn(&ConnectError) -> bool),
        (b"\x01", is_closed),
        (b"GET / HTTP/1.1\r\n", is_garbage),
        (b"\x05\0\0\0hello", |error| {
            matches!(error, ConnectError::Greeting(_))
        }),
        (b"\x08\0\0\0FARSEND\0", |error| {
            matches!(error, ConnectError::Greeting(_))
        }),
    ] {
        let (_kept, directory) = directory();
        let server = Server::bind(&directory).unwrap();
        let mut stream = UnixStream::connect(directory.socket()).unwrap();
        stream.write_all(said).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let error = server
            .accept(SOON)
            .unwrap()
            .unwrap()
            .greet("0.2.0", SOON)
            .unwrap_err();
        assert!(is_expected(&error), "{said:?}: {error:?}");
    }
}

fn is_closed(error: &ConnectError) -> bool {
    matches!(error, ConnectError::Connection(ConnectionError::Closed))
}

fn is_garbage(error: &ConnectError) -> bool {
    matches!(error, ConnectError::Connection(ConnectionError::Message(_)))
}

#[test]
fn a_client_that_says_nothing_is_given_up() {
    let (_kept, directory) = directory();
    let server = Server::bind(&directory).unwrap();
    let _silent = UnixStream::connect(directory.socket()).unwrap();
    let start = Instant::now();
    let error = server
        .accept(SOON)
        .unwrap()
        .unwrap()
        .greet("0.2.0", SHORT)
        .unwrap_err();
    assert!(
        matches!(error, ConnectError::Connection(ConnectionError::TimedOut)),
        "{error:?}"
    );
    assert!(start.elapsed() >= SHORT && start.elapsed() < SOON);
    assert!(server.accept(SHORT).unwrap().is_none());
}

#[test]
fn an_engine_that_does_not_answer_is_given_up_even_with_its_queue_full() {
    let (_kept, directory) = directory();
    let kind = (AddressFamily::Unix, SockType::Stream);
    let engine = socket(kind.0, kind.1, SockFlag::SOCK_CLOEXEC, None).unwrap();
    bind(
        engine.as_raw_fd(),
        &UnixAddr::new(&directory.socket()).unwrap(),
    )
    .unwrap();
    listen(&engine, Backlog::new(1).unwrap()).unwrap();
    let timed_out = |_| {
        let start = Instant::now();
        let error = connect(&directory.socket(), "0.1.0", SHORT).unwrap_err();
        let expected = ConnectError::Connection(ConnectionError::TimedOut);
        assert_eq!(format!("{error:?}"), format!("{expected:?}"));
        assert!(start.elapsed() >= SHORT && start.elapsed() < SOON);
    };
    // Connections that were given up stay in its queue, so that the later ones do not even connect.
    (0..5).for_each(timed_out);
}

#[test]
fn the_end_of_either_is_noticed_at_once() {
    let (_kept, directory) = directory();
    let server = Server::bind(&directory).unwrap();
    let (engine, mut plugin) = meet(&server, &directory);
    drop(engine);
    assert!(matches!(plugin.receive(SOON), Err(ConnectionError::Closed)));
    assert!(matches!(
        plugin.send(&ToEngine::Close, SOON),
        Err(ConnectionError::Closed)
    ));
    let (mut engine, plugin) = meet(&server, &directory);
    drop(plugin);
    assert!(matches!(engine.receive(SOON), Err(ConnectionError::Closed)));
}

#[test]
fn garbage_in_mid_connection_is_an_error() {
    let (_kept, directory) = directory();
    let server = Server::bind(&directory).unwrap();
    let mut stream = UnixStream::connect(directory.socket()).unwrap();
    stream
        .write_all(&framed(
            &Hello {
                version: Version::ours("0.1.0"),
            }
            .to_bytes(),
        ))
        .unwrap();
    let mut engine = server
        .accept(SOON)
        .unwrap()
        .unwrap()
        .greet("0.2.0", SOON)
        .unwrap();
    stream.write_all(&framed(b"\xff\xff\xff\xff")).unwrap();
    assert!(matches!(
        engine.receive(SOON),
        Err(ConnectionError::Message(_))
    ));
}

#[test]
fn a_plugin_that_does_not_listen_costs_only_patience() {
    let (_kept, directory) = directory();
    let server = Server::bind(&directory).unwrap();
    let (mut engine, mut plugin) = meet(&server, &directory);
    let long = FromEngine::Refused {
        why: "x".repeat(5000),
        advice: String::new(),
    };
    let mut sent = 0;
    let error = loop {
        match engine.send(&long, Duration::ZERO) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
        assert!(sent < 10_000);
    };
    assert!(matches!(error, ConnectionError::TimedOut), "{error:?}");
    for _ in 0..sent {
        assert_eq!(plugin.receive(SOON).unwrap().as_ref(), Some(&long));
    }
    // Nothing was cut: it goes on.
    engine
        .send(&FromEngine::Opened { generation: 1 }, SOON)
        .unwrap();
    assert_eq!(
        plugin.receive(SOON).unwrap(),
        Some(FromEngine::Opened { generation: 1 })
    );
}

#[test]
fn there_is_one_engine_in_a_directory() {
    let (_kept, directory) = directory();
    let server = Server::bind(&directory).unwrap();
    let error = Server::bind(&directory).unwrap_err();
    let BindError::AlreadyRunning { pid } = &error else {
        panic!("{error}")
    };
    assert_eq!(*pid, Some(std::process::id()));
    // The first is not disturbed.
    drop(meet(&server, &directory));
    assert!(server.is_reachable());
    drop(server);
    assert!(!directory.socket().exists());
    drop(Server::bind(&directory).unwrap());
}

#[test]
fn a_stale_socket_is_replaced() {
    let (_kept, directory) = directory();
    drop(UnixListener::bind(directory.socket()).unwrap());
    std::fs::write(directory.lock(), "4194305\n").unwrap();
    let server = Server::bind(&directory).unwrap();
    drop(meet(&server, &directory));
}

#[test]
fn an_engine_whose_socket_was_taken_away_knows_and_leaves_the_others() {
    let (_kept, directory) = directory();
    let server = Server::bind(&directory).unwrap();
    std::fs::remove_file(directory.socket()).unwrap();
    assert!(!server.is_reachable());
    let _other = UnixListener::bind(directory.socket()).unwrap();
    assert!(!server.is_reachable());
    drop(server);
    assert!(directory.socket().exists());
}

#[test]
fn a_path_too_long_for_a_socket_says_what_to_do() {
    let kept = tempfile::tempdir().unwrap();
    let directory = RuntimeDir::at(kept.path().join("x".repeat(120))).unwrap();
    let error = Server::bind(&directory).unwrap_err();
    assert!(matches!(error, BindError::PathTooLong { .. }));
    assert!(error.to_string().contains("FARSEND_RUNTIME_DIR"));
}

/// As a message is on the wire.
fn framed(body: &[u8]) -> Vec<u8> {
    let mut bytes = (body.len() as u32).to_le_bytes().to_vec();
    bytes.extend(body);
    bytes
}
