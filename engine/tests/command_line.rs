//! The program as it is called: files that are there already, a reader that goes, options that say nothing.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail as the test does")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use farsend_ipc::runtime::RuntimeDir;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn farsend(runtime: &Path, options: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_farsend"));
    command
        .args(options.split_whitespace())
        .env("FARSEND_RUNTIME_DIR", runtime)
        .current_dir(runtime);
    command
}

fn refused(options: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let Output { status, stderr, .. } = farsend(folder.path(), options).output().unwrap();
    (status.code(), String::from_utf8_lossy(&stderr).into_owned())
}

/// Its first line, and the program, which nobody reads any more.
fn first_line(command: &mut Command) -> (String, Child) {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let stdout = child.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    (line, child)
}

/// Asks it to end, as Ctrl-C does.
fn ended(child: &mut Child) -> Option<i32> {
    kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).unwrap();
    child.wait().unwrap().code()
}

fn one_second_of_silence(path: &Path) -> Vec<u8> {
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = hound::WavWriter::create(path, spec).unwrap();
    (0..96_000).for_each(|_| file.write_sample(0_i16).unwrap());
    file.finalize().unwrap();
    std::fs::read(path).unwrap()
}

#[test]
fn a_recording_to_the_input_itself_leaves_it_alone_and_says_where_it_goes() {
    let folder = tempfile::tempdir().unwrap();
    let take = folder.path().join("take.wav");
    let before = one_second_of_silence(&take);
    let mut command = farsend(
        folder.path(),
        "server --port 0 --json --input take.wav --record take.wav",
    );
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let told = stdout
        .lines()
        .map_while(Result::ok)
        .find(|line| line.contains("\"recording\""));
    assert_eq!(ended(&mut child), Some(0));
    assert!(told.is_some_and(|line| line.contains("\"file\":\"take (2).wav\"")));
    assert_eq!(std::fs::read(take).unwrap(), before);
}

#[test]
fn a_hub_that_cannot_begin_neither_touches_nor_makes_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let before = one_second_of_silence(&folder.path().join("out.wav"));
    let taken = TcpListener::bind("[::]:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    for output in ["out.wav", "new.wav"] {
        let options = format!("hub --port {port} -p server --output {output}");
        let status = farsend(folder.path(), &options).output().unwrap().status;
        assert!(!status.success());
    }
    assert_eq!(
        std::fs::read(folder.path().join("out.wav")).unwrap(),
        before
    );
    let names = std::fs::read_dir(folder.path()).unwrap().flatten();
    let waves = names.filter(|entry| entry.path().extension().is_some_and(|end| end == "wav"));
    assert_eq!(waves.count(), 1);
}

#[test]
fn a_hub_whose_output_has_no_room_says_so_and_ends_with_that() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = farsend(
        folder.path(),
        "hub --port 0 -p server --output /dev/full --json",
    );
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let mut lines = stdout.lines().map_while(Result::ok);
    assert!(lines.next().is_some_and(|line| line.contains("\"event\"")));
    assert_eq!(ended(&mut child), Some(8));
    let told: Vec<String> = lines.collect();
    let failed = |line: &String| line.contains("output_failed") && line.contains("No space left");
    assert!(told.iter().any(failed), "{told:?}");
}

#[test]
fn a_certificate_that_has_no_room_leaves_nothing_in_the_way_of_the_next_try() {
    let folder = tempfile::tempdir().unwrap();
    // No file may have a byte.
    let limited = r#"trap '' XFSZ; ulimit -f 0; exec "$0" "$@""#;
    let output = Command::new("sh")
        .args(["-c", limited, env!("CARGO_BIN_EXE_farsend")])
        .args(["hub", "--make-cert", "--key", "k.pem", "--cert", "c.pem"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("k.pem"), "{said}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_certificate_and_its_key_are_two_files() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("in")).unwrap();
    let options = "hub --make-cert --cert in/a.pem --key in/../in/a.pem";
    let output = farsend(folder.path(), options).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("another for the key"), "{said}");
    assert_eq!(
        std::fs::read_dir(folder.path().join("in")).unwrap().count(),
        0
    );
}

#[test]
fn numbers_that_were_asked_for_are_printed_into_a_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = farsend(folder.path(), "jacktrip -S -p 2 -I 1 -o 21000 -U 46871");
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let lines = stdout.lines().map_while(Result::ok);
    let tables: Vec<String> = lines
        .filter(|line| line.contains("nobody is here"))
        .take(2)
        .collect();
    assert_eq!(ended(&mut child), Some(0));
    assert_eq!(tables.len(), 2);
    assert!(!tables[1].contains('\u{1b}'), "{tables:?}");
}

#[test]
fn times_and_shares_that_cannot_be_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for options in [
        "--timeout nan",
        "--timeout=-5",
        "--timeout 1e99",
        "--input a.wav --tail inf",
        "--input a.wav --tail=-1",
        "--dry-target 5%%%",
        "--dry-target 1e-300",
        "--dry-target nan",
    ] {
        let command = format!("server --port 0 {options}");
        let output = farsend(folder.path(), &command).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{options}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("expected "), "{options}: {said}");
        let is_time = !options.contains("dry");
        assert!(!is_time || said.contains("a year"), "{options}: {said}");
    }
}

#[test]
fn a_reader_of_the_json_that_goes_ends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for options in [
        "hub --port 0 --json",
        "server --port 0 --backend timer --json",
    ] {
        let mut command = farsend(folder.path(), options);
        let (line, mut child) = first_line(command.stderr(Stdio::null()));
        assert!(line.contains("\"event\""), "{line}");
        // Numbers are told once a second.
        let until = Instant::now() + Duration::from_millis(2500);
        while Instant::now() < until {
            assert_eq!(child.try_wait().unwrap(), None, "{options}");
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(ended(&mut child), Some(0), "{options}");
    }
}

#[test]
fn a_hub_refuses_by_name_what_would_say_nothing() {
    for (options, named) in [
        ("hub --port 0 --cert c.pem", "--auth"),
        ("hub --port 0 --key k.pem", "--auth"),
        ("hub --port 0 --creds users", "--auth"),
        ("hub --port 0 -n 4", "-n"),
        ("hub --port 0 -D", "-D"),
        ("hub --port 0 --name choir", "--name"),
        ("hub --port 0 -i --output o.wav --name choir", "--name"),
        ("hub --port 0 -i --output o.wav -D", "-D"),
    ] {
        let (code, said) = refused(options);
        assert_eq!(code, Some(2), "{options}: {said}");
        assert!(said.contains(named), "{options}: {said}");
    }
}

#[test]
fn the_log_of_an_engine_is_kept_once_when_it_has_become_large_and_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = folder.path().join("farsend");
    let directory = RuntimeDir::at(&runtime).unwrap();
    let mut log = directory.begin_log().unwrap();
    let large = vec![b'-'; 5 << 20];
    log.write_all(&large).unwrap();
    let mut engine = farsend(&runtime, "engine").stderr(log).spawn().unwrap();
    let begun = Instant::now();
    while !directory.log_before().exists() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it is not cut");
        std::thread::sleep(Duration::from_millis(20));
    }
    // Once it serves it hears of somebody who is no plugin, and says so.
    std::os::unix::net::UnixStream::connect(directory.socket())
        .and_then(|mut stranger| stranger.write_all(&[0xff; 64]))
        .unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(ended(&mut engine), Some(0));
    let before = std::fs::read(directory.log_before()).unwrap();
    assert!(before.starts_with(&large));
    let said = std::fs::read_to_string(directory.log()).unwrap();
    assert!(said.contains("no plugin of ours"), "{said}");
}

#[test]
fn a_file_of_somebody_else_that_an_engine_writes_to_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = folder.path().join("farsend");
    let directory = RuntimeDir::at(&runtime).unwrap();
    let own = folder.path().join("own.log");
    std::fs::write(&own, vec![b'-'; 5 << 20]).unwrap();
    let file = std::fs::OpenOptions::new().append(true).open(&own).unwrap();
    let mut engine = farsend(&runtime, "engine").stderr(file).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(ended(&mut engine), Some(0));
    assert!(std::fs::metadata(own).unwrap().len() >= 5 << 20);
    assert!(!directory.log().exists() && !directory.log_before().exists());
}
