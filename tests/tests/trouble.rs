//! What goes wrong before a session, said in words and by the exit code.

use std::net::UdpSocket;
use std::time::Duration;

use farsend_tests::lab::farsend::{Farsend, command};
use farsend_tests::lab::{Machine, Need, Running, on_a_private_machine};

const SOON: Duration = Duration::from_secs(15);

/// As docs/numbers.md lists them.
mod exit {
    pub(super) const USAGE: i32 = 2;
    pub(super) const PORT_BUSY: i32 = 3;
    pub(super) const NO_SUCH_HOST: i32 = 4;
    pub(super) const NO_JACK: i32 = 5;
    pub(super) const PEER_SILENT: i32 = 7;
    pub(super) const FILE: i32 = 8;
}

/// Runs the program to its end: its exit code and what it printed.
fn run(machine: &Machine, arguments: &[&str]) -> (i32, String) {
    let mut running = Running::start(machine, "farsend", &mut command(arguments));
    let code = running.wait_exit_code(SOON);
    (code, running.output())
}

#[track_caller]
fn assert_says(machine: &Machine, arguments: &[&str], code: i32, words: &[&str]) {
    let (got, output) = run(machine, arguments);
    assert_eq!(got, code, "farsend {}\n{output}", arguments.join(" "));
    for word in words {
        assert!(
            output.contains(word),
            "farsend {}: no \"{word}\" in\n{output}",
            arguments.join(" ")
        );
    }
}

#[test]
fn a_busy_port_is_named_with_the_program_that_has_it() {
    on_a_private_machine(&[], |machine| {
        let _taken = UdpSocket::bind("0.0.0.0:4464").expect("nobody else is here");
        let arguments = ["server", "--backend", "timer"];
        // This test has it.
        let id = std::process::id().to_string();
        assert_says(
            machine,
            &arguments,
            exit::PORT_BUSY,
            &["4464", "trouble", &id],
        );
    });
}

#[test]
fn who_calls_takes_another_port_where_the_usual_one_is_taken_and_nobody_named_it() {
    on_a_private_machine(&[], |machine| {
        // It has port 4464, as a hub on this machine would.
        let _hub = farsend_tests::lab::hub::start(machine, &[]);
        let mut member = Farsend::start_without_jack(
            machine,
            "ann",
            &["join", "127.0.0.1", "--backend", "timer"],
        );
        member.wait_for_peer();
        let started = &member.events("started")[0];
        assert_ne!(started["port"], 4464);
        let text = started["text"].as_str().unwrap_or_default();
        assert!(text.contains("4464 is taken"), "{text}");
        let named = [
            "join",
            "127.0.0.1",
            "--bind-port",
            "4464",
            "--backend",
            "timer",
        ];
        assert_says(
            machine,
            &named,
            exit::PORT_BUSY,
            &["4464", "farsend", "--bind-port"],
        );
    });
}

#[test]
fn without_a_jack_server_it_says_how_to_start_one() {
    on_a_private_machine(&[Need::Jackd], |machine| {
        for (arguments, advice) in [
            (&["server"][..], "--backend timer"),
            (&["hub", "-i"], "leave -i out"),
            (&["hub", "-p", "server"], "-p others"),
            (&["jacktrip", "-S"], "-p 2"),
            (&["jacktrip", "-s"], "`farsend server`"),
        ] {
            assert_says(
                machine,
                arguments,
                exit::NO_JACK,
                &["JACK", "start one", advice],
            );
        }
    });
}

#[test]
fn a_host_that_is_none_is_named() {
    on_a_private_machine(&[], |machine| {
        let arguments = ["client", "no-such-host.invalid", "--backend", "timer"];
        assert_says(
            machine,
            &arguments,
            exit::NO_SUCH_HOST,
            &["no-such-host.invalid"],
        );
    });
}

#[test]
fn a_peer_that_never_answers_ends_the_wait_that_was_asked_for() {
    on_a_private_machine(&[], |machine| {
        let arguments = [
            "client",
            "127.0.0.1",
            "--bind-port",
            "4470",
            "--backend",
            "timer",
            "--timeout",
            "1.5",
        ];
        assert_says(machine, &arguments, exit::PEER_SILENT, &["127.0.0.1"]);
    });
}

#[test]
fn settings_that_make_no_packet_are_refused() {
    on_a_private_machine(&[], |machine| {
        for arguments in [
            &["server", "-n", "0"][..],
            &["server", "-n", "65"],
            &["server", "-b", "7"],
            &["server", "-q", "0"],
            &["server", "-r", "17"],
            &["client"],
            &["server", "--backend", "timer", "--rate", "12345"],
            // 64 channels of 8192 frames at 32 bit are far beyond a datagram.
            &[
                "server",
                "--backend",
                "timer",
                "-n",
                "64",
                "--period",
                "8192",
                "-b",
                "32",
            ],
        ] {
            assert_says(machine, arguments, exit::USAGE, &[]);
        }
    });
}

#[test]
fn wav_files_that_cannot_be_played_are_refused_with_the_reason() {
    on_a_private_machine(&[], |machine| {
        let file = |name: &str, bytes: &[u8]| {
            let path = machine.path(name);
            std::fs::write(&path, bytes).expect("the test's folder is writable");
            path
        };
        let good = wav(2, 1, 16, 48_000, 4_800);
        let text = b"this is no WAV file, it only says so, at some length";
        for (path, code, word) in [
            (file("empty.wav", &[]), exit::FILE, "fewer than a header"),
            (
                file("cut-in-header.wav", &good[..20]),
                exit::FILE,
                "fewer than a header",
            ),
            (
                file("cut-in-samples.wav", &good[..good.len() / 2 + 1]),
                exit::FILE,
                "is cut: its header promises",
            ),
            (file("text.wav", text), exit::FILE, "is no WAV file"),
            (
                file("64-bit.wav", &wav(2, 3, 64, 48_000, 480)),
                exit::FILE,
                "convert it",
            ),
            (
                file("no-samples.wav", &wav(2, 1, 16, 48_000, 0)),
                exit::FILE,
                "zero frames",
            ),
            (
                file("odd-rate.wav", &wav(2, 1, 16, 12_345, 480)),
                exit::USAGE,
                "header cannot say",
            ),
            (
                machine.path("is-not-there.wav"),
                exit::FILE,
                "is-not-there.wav",
            ),
        ] {
            let name = path.to_str().expect("plain letters");
            let port = ["client", "127.0.0.1", "--bind-port", "4470"];
            assert_says(
                machine,
                &[&port[..], &["--input", name]].concat(),
                code,
                &[word],
            );
        }
    });
}

#[test]
fn a_wav_file_of_three_channels_is_played_and_comes_back_as_one() {
    on_a_private_machine(&[], |machine| {
        let _peer = Farsend::start_looping(machine, &["-n", "3"]);
        let (input, record) = (machine.path("three.wav"), machine.path("back.wav"));
        std::fs::write(&input, wav(3, 1, 24, 48_000, 24_000))
            .expect("the test's folder is writable");
        let (input, record) = (
            input.to_str().expect("letters"),
            record.to_str().expect("letters"),
        );
        let port = [
            "client",
            "127.0.0.1",
            "--bind-port",
            "4470",
            "--tail",
            "0.3",
        ];
        let files = ["--input", input, "--record", record];
        let (code, output) = run(machine, &[&port[..], &files].concat());
        assert_eq!(code, 0, "{output}");
        let back = hound::WavReader::open(record).expect("a recording is there");
        assert_eq!(back.spec().channels, 3);
        assert!(back.duration() > 20_000, "{} frames", back.duration());
    });
}

/// A WAV file by hand, so that it can be wrong. `tag` is 1 for whole numbers, 3 for floats.
fn wav(channels: u16, tag: u16, bits: u16, rate: u32, frames: u32) -> Vec<u8> {
    let frame = u32::from(channels) * u32::from(bits / 8);
    let data = frame * frames;
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + data).to_le_bytes());
    bytes.extend(b"WAVEfmt ");
    bytes.extend(16_u32.to_le_bytes());
    bytes.extend([tag, channels].map(u16::to_le_bytes).concat());
    bytes.extend([rate, rate * frame].map(u32::to_le_bytes).concat());
    bytes.extend([frame as u16, bits].map(u16::to_le_bytes).concat());
    bytes.extend(b"data");
    bytes.extend(data.to_le_bytes());
    bytes.extend((0..data).map(|i| (i % 13) as u8));
    bytes
}
