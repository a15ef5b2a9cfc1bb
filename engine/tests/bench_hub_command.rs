//! `farsend bench hub` at the command line, where no hub is.

use std::net::TcpListener;
use std::process::{Command, Output};

#[test]
fn what_cannot_be_measured_is_said_in_a_sentence_with_a_code_of_its_own() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port().to_string();
    drop(free);
    let nobody = ["--port", &port, "--clients", "2"];
    for (arguments, code, says) in [
        (&[][..], 2, "--clients"),
        (&["--clients", "0"], 2, "1..=1000"),
        (&["--clients", "1001"], 2, "1..=1000"),
        (&["--clients", "2", "--seconds", "0"], 2, "0.1 to 86400"),
        (&["--clients", "2", "--join-rate", "0"], 2, "0.1 to 10000"),
        (&["--clients", "2", "--rate", "47000"], 2, "47000 Hz"),
        (
            &["--clients", "2", "--period", "8192", "-n", "64"],
            2,
            "1048592 bytes",
        ),
        (&["--clients", "2", "--pid", "0"], 2, "no process 0"),
        (&["--clients", "2", "--cpu", "900"], 2, "core 900"),
        (&["--clients", "2", "no host"], 4, "no host"),
        (&["--clients", "2", "nowhere.invalid"], 4, "nowhere.invalid"),
        (&nobody, 10, "no hub answers at 127.0.0.1"),
    ] {
        let output = bench_hub(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(says), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_hub_that_is_full_is_told_from_one_that_is_not_there() {
    let hub = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = hub.local_addr().unwrap().port().to_string();
    // Takes the connection, reads nothing and closes it, as JackTrip does without a free port.
    let porter = std::thread::spawn(move || drop(hub.accept().unwrap()));
    let output = bench_hub(&["--clients", "2", "--port", &port]);
    porter.join().unwrap();
    assert_eq!(output.status.code(), Some(11));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("it is full"), "{said}");
}

fn bench_hub(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_farsend"));
    command.args(["bench", "hub"]).args(arguments);
    command.output().expect("it was just built")
}
