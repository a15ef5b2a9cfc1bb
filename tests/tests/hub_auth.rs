//! Users with passwords: JackTrip's clients at our hub, our clients at JackTrip's hub, and what is wrong on the way.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use farsend_tests::lab::farsend::{Farsend, command};
use farsend_tests::lab::hub::{self, member, status, told};
use farsend_tests::lab::hub_users::{self, HubFiles};
use farsend_tests::lab::jack::{JackClock, JackServer};
use farsend_tests::lab::jacktrip::Jacktrip;
use farsend_tests::lab::{Machine, Need, Running, on_a_private_machine, program};
use nix::sys::signal::Signal;

const NEEDS: &[Need] = &[Need::Jackd, Need::Jacktrip, Need::Openssl];
const LIMIT: Duration = Duration::from_secs(20);
const PASSWORD: &str = "secret";

#[test]
fn a_real_jacktrip_logs_in_at_our_hub_with_its_password() {
    on_a_private_machine(NEEDS, |machine| {
        let jack = JackServer::start(machine, "a", JackClock::CALM);
        let files = HubFiles::make(machine);
        let mut hub = our_hub(machine, &files, &[]);
        let asks = &hub.events("asks_for_passwords")[0];
        assert_eq!(asks["fingerprint"], files.fingerprint(machine));
        assert_eq!(asks["users"], 2);
        let options = ["-C", "127.0.0.1", "-B", "4471", "-K", "alto", "-A"];
        let user = ["--username", "ann", "--password", PASSWORD];
        let ann = Jacktrip::start(machine, &jack, "ann", &[&options[..], &user].concat());
        hub.wait_for_event("joined", 1, LIMIT);
        jack.wait_for_port("ann:receive_2", LIMIT);
        assert_eq!(hub.events("logged_in")[0]["user"], "ann");
        assert_eq!(hub.events("joined")[0]["name"], "alto");
        hub.wait_for_event("statistics", 3, LIMIT);
        assert!(!hub.running.output().contains(PASSWORD));
        drop(ann);
    });
}

#[test]
fn a_real_jacktrip_logs_in_with_a_certificate_of_our_own_making() {
    on_a_private_machine(NEEDS, |machine| {
        let jack = JackServer::start(machine, "a", JackClock::CALM);
        let mut files = HubFiles::make(machine);
        files.certificate = machine.path("new/cert.pem");
        files.key = machine.path("new/key.pem");
        let made = chore(&files, &["--make-cert"], "");
        assert!(made.status.success(), "{made:?}");
        let mut hub = our_hub(machine, &files, &[]);
        let asks = &hub.events("asks_for_passwords")[0];
        let fingerprint = asks["fingerprint"].as_str().expect("it is a text");
        assert!(String::from_utf8_lossy(&made.stdout).contains(fingerprint));
        assert_eq!(fingerprint, files.fingerprint(machine));
        let options = ["-C", "127.0.0.1", "-B", "4471", "-A"];
        let user = ["--username", "ann", "--password", PASSWORD];
        let _ann = Jacktrip::start(machine, &jack, "ann", &[&options[..], &user].concat());
        hub.wait_for_event("joined", 1, LIMIT);
        jack.wait_for_port("ann:receive_2", LIMIT);
    });
}

#[test]
fn a_real_jacktrip_without_the_right_to_be_there_is_told_so_and_ends() {
    on_a_private_machine(NEEDS, |machine| {
        let jack = JackServer::start(machine, "a", JackClock::CALM);
        let mut hub = our_hub(machine, &HubFiles::make(machine), &[]);
        for (user, event, said) in [
            (Some(("ann", "Secret")), "wrong_password", "Incorrect"),
            (Some(("nobody", PASSWORD)), "wrong_password", "Incorrect"),
            (Some(("never", PASSWORD)), "wrong_time", "not authorized"),
            (None, "", "requires authentication"),
        ] {
            let before = hub.events(event).len();
            let mut options = vec!["-C", "127.0.0.1", "-B", "4471"];
            if let Some((user, password)) = user {
                options.extend(["-A", "--username", user, "--password", password]);
            }
            let mut player = Jacktrip::start(machine, &jack, "player", &options);
            player.running.wait_exit(LIMIT);
            let output = player.running.output();
            assert!(output.contains(said), "{user:?}: {output}");
            if !event.is_empty() {
                hub.wait_for_event(event, before + 1, LIMIT);
            }
        }
        let wrong = hub.events("wrong_password");
        assert_eq!(wrong[0]["user"], "ann");
        assert!(
            wrong[1]["user"].is_null(),
            "it may be a password: {wrong:?}"
        );
        assert_eq!(hub.events("joined"), [""; 0]);
        let told = hub.running.output();
        assert!(
            !told.contains("Secret") && !told.contains(PASSWORD),
            "{told}"
        );
    });
}

#[test]
fn a_user_who_was_sent_away_may_not_come_under_another_name_and_is_told_so() {
    on_a_private_machine(NEEDS, |machine| {
        let jack = JackServer::start(machine, "a", JackClock::CALM);
        let mut hub = our_hub(machine, &HubFiles::make(machine), &[]);
        let options = |name| ["-C", "127.0.0.1", "-B", "4471", "-K", name, "-A"];
        let user = ["--username", "ann", "--password", PASSWORD];
        let as_ann = |name| [&options(name)[..], &user].concat();
        let mut alto = Jacktrip::start(machine, &jack, "alto", &as_ann("alto"));
        hub.wait_for_event("joined", 1, LIMIT);
        assert!(told(&["kick", "alto"]).contains("not the user ann"));
        assert_eq!(status()["kept_out"][0]["user"], "ann");
        alto.running.wait_exit(LIMIT);
        let mut tenor = Jacktrip::start(machine, &jack, "tenor", &as_ann("tenor"));
        tenor.running.wait_exit(LIMIT);
        let said = tenor.running.output();
        assert!(said.contains("not authorized"), "{said}");
        hub.wait_for_event("kept_out", 1, LIMIT);
        let right = password_file(machine, PASSWORD);
        let ann = ["--user", "ann", "--password-file", &right];
        ends(machine, &ann, 13, "or its host has sent us away");
        told(&["unkick", "ann"]);
        let _tenor = Jacktrip::start(machine, &jack, "tenor", &as_ann("tenor"));
        hub.wait_for_event("joined", 2, LIMIT);
    });
}

#[test]
fn a_user_that_several_log_in_as_is_not_kept_out_for_one_of_them() {
    on_a_private_machine(&[Need::Openssl], |machine| {
        let mut hub = our_hub(machine, &HubFiles::make(machine), &[]);
        let right = password_file(machine, PASSWORD);
        let user = ["--user", "ann", "--password-file", &right];
        let mut alto = member(machine, "alto", &user);
        let _tenor = member(machine, "tenor", &user);
        hub.wait_for_event("joined", 2, LIMIT);
        let said = told(&["kick", "alto"]);
        assert!(
            said.contains("nobody of that name") && !said.contains("user"),
            "{said}"
        );
        alto.running.wait_exit(LIMIT);
        let mut alto = member(machine, "alto", &user);
        assert_eq!(alto.running.wait_exit_code(LIMIT), 13);
        let _bass = member(machine, "bass", &user);
        hub.wait_for_event("joined", 3, LIMIT);
    });
}

#[test]
fn we_log_in_at_a_real_jacktrip_hub() {
    on_a_private_machine(NEEDS, |machine| {
        let jack = JackServer::start(machine, "a", JackClock::CALM);
        let files = HubFiles::make(machine);
        let _hub = jacktrips_hub(machine, &jack, &files);
        let fingerprint = files.fingerprint(machine);
        let password = password_file(machine, PASSWORD);
        let user = ["--user", "ann", "--password-file", &password];
        let pinned = [&user[..], &["--fingerprint", &fingerprint]].concat();
        let mut member = member(machine, "alto", &pinned);
        member.wait_for_peer();
        jack.wait_for_port("alto:receive_2", LIMIT);
        assert_eq!(member.events("joined")[0]["certificate"], fingerprint);
        assert!(!member.running.output().contains(PASSWORD));
        let line = std::fs::read(format!("/proc/{}/cmdline", member.running.pid()));
        let line = String::from_utf8(line.expect("it runs")).expect("all of it is text");
        assert!(line.contains("--password-file") && !line.contains(PASSWORD));
    });
}

#[test]
fn our_jacktrip_logs_in_at_a_real_jacktrip_hub_by_jacktrips_own_options() {
    on_a_private_machine(NEEDS, |machine| {
        let at_hub = JackServer::start(machine, "a", JackClock::CALM);
        let at_home = JackServer::start(machine, "b", JackClock::CALM);
        let files = HubFiles::make(machine);
        let _hub = jacktrips_hub(machine, &at_hub, &files);
        let options = [
            "jacktrip",
            "-C",
            "127.0.0.1",
            "-K",
            "carol",
            "-J",
            "me",
            "-B",
            "4480",
        ];
        let user = ["-A", "--username", "ann", "--password", PASSWORD];
        let words = [&options[..], &user].concat();
        let mut member = Running::start(machine, "me", at_home.used_by(&mut command(&words)));
        at_hub.wait_for_port("carol:receive_2", LIMIT);
        assert!(member.is_running());
        let said = member.output();
        assert!(said.contains("can see --password"), "{said}");
        assert!(!said.contains(PASSWORD), "{said}");
    });
}

#[test]
fn each_refusal_of_a_real_jacktrip_hub_has_a_sentence_and_an_exit_code() {
    on_a_private_machine(NEEDS, |machine| {
        let jack = JackServer::start(machine, "a", JackClock::CALM);
        let files = HubFiles::make(machine);
        let _hub = jacktrips_hub(machine, &jack, &files);
        refusals(machine);
    });
}

#[test]
fn each_refusal_of_our_hub_has_a_sentence_and_an_exit_code() {
    on_a_private_machine(&[Need::Openssl], |machine| {
        let _hub = our_hub(machine, &HubFiles::make(machine), &[]);
        refusals(machine);
    });
}

#[test]
fn jacktrips_own_options_make_a_hub_with_passwords() {
    on_a_private_machine(NEEDS, |machine| {
        let clock = JackClock {
            rate: 22_050,
            period: 256,
        };
        let jack = JackServer::start(machine, "a", clock);
        let files = HubFiles::make(machine);
        // Others, so that it needs no JACK of its own.
        let mut hub = command(&["jacktrip", "-S", "-p", "2", "-A", "-V"]);
        hub.args(files.options(["--certfile", "--keyfile", "--credsfile"]));
        let mut hub = Running::start(machine, "hub", &mut hub);
        hub.wait_for("UDP port 61002", LIMIT);
        let options = ["-C", "127.0.0.1", "-B", "4471", "-K", "alto", "-A"];
        let user = ["--username", "ann", "--password", PASSWORD];
        let _ann = Jacktrip::start(machine, &jack, "ann", &[&options[..], &user].concat());
        hub.wait_for("alto (127.0.0.1:4471) plays", LIMIT);
        jack.wait_for_port("ann:receive_2", LIMIT);
        let wrong = machine.path("wrong");
        hub_users::write(&wrong, "Secret\n");
        let wrong = wrong.display().to_string();
        let ben = ["--user", "ben", "--password-file", &wrong];
        ends(machine, &ben, 13, "no such user with this password");
        assert!(!hub.output().contains(PASSWORD));
        hub.signal(Signal::SIGINT);
        assert_eq!(hub.wait_exit_code(LIMIT), 0);
    });
}

#[test]
fn a_hub_without_users_says_so_to_one_who_comes_as_one() {
    on_a_private_machine(&[], |machine| {
        let mut hub = Farsend::start_without_jack(machine, "hub", &["hub"]);
        hub.wait_for_event("started", 1, LIMIT);
        let password = password_file(machine, PASSWORD);
        ends(
            machine,
            &["--user", "ann", "--password-file", &password],
            11,
            "takes no password",
        );
    });
}

#[test]
fn who_is_added_while_the_hub_runs_may_log_in_and_who_is_taken_away_may_not() {
    on_a_private_machine(&[Need::Openssl], |machine| {
        let files = HubFiles::make(machine);
        let mut hub = our_hub(machine, &files, &[]);
        let added = chore(&files, &["--add-user", "ben"], "rosebud\nmore\n");
        assert!(added.status.success(), "{added:?}");
        hub.wait_for_event("users", 1, LIMIT);
        assert_eq!(hub.events("users")[0]["users"], 3);
        let password = password_file(machine, "rosebud");
        let ben = ["--user", "ben", "--password-file", &password];
        member(machine, "ben", &ben).wait_for_peer();

        hub_users::write(&files.users, "nonsense\n");
        hub.wait_for_event("bad_line", 1, LIMIT);
        ends(machine, &ben, 13, "no such user");
        let told = hub.running.output();
        assert!(!told.contains("rosebud"), "{told}");
    });
}

#[test]
fn files_that_cannot_be_used_end_the_hub_with_a_word_about_what_to_do() {
    on_a_private_machine(&[Need::Openssl], |machine| {
        let files = HubFiles::make(machine);
        let open = |path: &std::path::Path| {
            let everyone = std::os::unix::fs::PermissionsExt::from_mode(0o644);
            std::fs::set_permissions(path, everyone).expect("it is our file");
        };
        let good = std::fs::read_to_string(&files.users).expect("it was written");
        let stops = |word: &str| {
            let words = [vec!["hub".to_owned(), "--auth".to_owned()], options(&files)].concat();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let mut hub = Farsend::start_without_jack(machine, "hub", &words);
            assert_eq!(hub.running.wait_exit_code(LIMIT), 12, "{word}");
            let said = hub.running.output();
            assert!(said.contains(word), "{word}: {said}");
        };
        hub_users::write(&files.users, &(good.clone() + "ben:$1$old$hash:*\n"));
        stops("line 3");
        hub_users::write(&files.users, &good);
        open(&files.users);
        stops("chmod 600");
        std::fs::remove_file(&files.users).expect("it is there");
        stops("--add-user");
        let mode = nix::sys::stat::Mode::S_IRUSR | nix::sys::stat::Mode::S_IWUSR;
        nix::unistd::mkfifo(&files.users, mode).expect("a pipe can be made");
        stops("it is no file");
        std::fs::remove_file(&files.users).expect("it is there");
        hub_users::write(&files.users, &good);
        open(&files.key);
        stops("chmod 600");
        std::fs::remove_file(&files.key).expect("it is there");
        stops("--make-cert");
        // Another key than the certificate's.
        let other = ["genpkey", "-algorithm", "ed25519", "-out"];
        let mut other = program::command("openssl", &other);
        program::run_to_end(machine, "openssl", other.arg(&files.key), LIMIT);
        stops("not that of the certificate");
        let again = chore(&files, &["--make-cert"], "");
        assert_eq!(again.status.code(), Some(12));
        let said = String::from_utf8_lossy(&again.stderr).into_owned();
        assert!(said.contains("not overwritten"), "{said}");
    });
}

#[test]
fn noise_and_silence_in_place_of_tls_keep_nobody_out() {
    on_a_private_machine(&[Need::Openssl], |machine| {
        let mut hub = our_hub(machine, &HubFiles::make(machine), &[]);
        let door = (Ipv4Addr::LOCALHOST, 4464);
        let mut held = Vec::new();
        for count in 0..600_u32 {
            let mut stream = TcpStream::connect(door).expect("the hub listens");
            stream.write_all(&[0, 0, 1, 0]).expect("loopback takes it");
            match count % 3 {
                // Silence.
                0 => {}
                // No TLS.
                1 => _ = stream.write_all(&[0x47; 5000]),
                // The beginning of TLS, and half of what it announces.
                _ => _ = stream.write_all(&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]),
            }
            held.push(stream);
        }
        let mut answer = [0; 4];
        let newest = held.last_mut().expect("there are many");
        newest.read_exact(&mut answer).expect("it is told to go on");
        assert_eq!(answer, [0, 0, 1, 0]);
        let password = password_file(machine, PASSWORD);
        let user = ["--user", "ann", "--password-file", &password];
        let mut ann = member(machine, "ann", &user);
        ann.wait_for_peer();
        hub.wait_for_event("joined", 1, LIMIT);
    });
}

/// What members without the right to be there are told, at any hub with `HubFiles`.
fn refusals(machine: &Machine) {
    let right = password_file(machine, PASSWORD);
    let wrong = machine.path("wrong").display().to_string();
    hub_users::write(wrong.as_ref(), "Secret\n");
    let user = |name, file| vec!["--user", name, "--password-file", file];
    ends(
        machine,
        &user("ann", &wrong),
        13,
        "no such user with this password",
    );
    ends(
        machine,
        &user("nobody", &right),
        13,
        "no such user with this password",
    );
    ends(
        machine,
        &user("never", &right),
        13,
        "not let this user in at this time",
    );
    ends(machine, &[], 11, "--user NAME");
    let other = "AB:".repeat(31) + "AB";
    let pinned = [user("ann", &right), vec!["--fingerprint", &other]].concat();
    ends(machine, &pinned, 14, "the password was not sent");
}

/// A member that is not let in.
fn ends(machine: &Machine, options: &[&str], code: i32, word: &str) {
    let mut member = member(machine, "refused", options);
    assert_eq!(member.running.wait_exit_code(LIMIT), code, "{options:?}");
    let said = member.running.output();
    assert!(said.contains(word), "{options:?}: {said}");
}

fn password_file(machine: &Machine, password: &str) -> String {
    let path = machine.path(password).with_extension("password");
    hub_users::write(&path, &format!("{password}\n"));
    // The path itself is in the list of processes.
    let plain = machine.path("password-of-them");
    std::fs::rename(path, &plain).expect("it is our folder");
    plain.display().to_string()
}

fn our_hub(machine: &Machine, files: &HubFiles, more: &[&str]) -> Farsend {
    let options = options(files);
    let mut words = vec!["-A"];
    words.extend(options.iter().map(String::as_str));
    words.extend(more);
    hub::start(machine, &words)
}

fn options(files: &HubFiles) -> Vec<String> {
    files.options(["--cert", "--key", "--creds"])
}

/// `farsend hub` with something to do in place of being one.
fn chore(files: &HubFiles, words: &[&str], typed: &str) -> Output {
    let mut command: Command = command(&["hub"]);
    command.args(options(files)).args(words);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("it was built");
    let mut stdin = child.stdin.take().expect("it is piped");
    // It may not want to hear it.
    _ = stdin.write_all(typed.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("it is our child")
}

/// The real JackTrip as a hub with passwords.
fn jacktrips_hub(machine: &Machine, jack: &JackServer, files: &HubFiles) -> Running {
    let files = files.options(["--certfile", "--keyfile", "--credsfile"]);
    let options = ["-p", "1", "-A"].map(str::to_owned);
    hub::jacktrips_hub(machine, jack, 4464, &[&options[..], &files].concat())
}
