//! Command lines that people have written down for JackTrip, given to Farsend.

use std::os::unix::fs::symlink;
use std::time::Duration;

use farsend_tests::lab::farsend::command;
use farsend_tests::lab::jack::{JackClock, JackServer};
use farsend_tests::lab::jacktrip::Jacktrip;
use farsend_tests::lab::probe::{Plan, Probe};
use farsend_tests::lab::{Machine, Need, Running, need, on_a_private_machine};
use farsend_tests::signal::{Depth, listen};

const NEEDS: &[Need] = &[Need::Jackd, Need::Jacktrip];

const SOON: Duration = Duration::from_secs(10);

/// A recipe for each end, and what both should then hear.
struct Recipe<'a> {
    ours: &'a [&'a str],
    theirs: &'a [&'a str],
    /// JACK client name that our end has by this recipe.
    name: &'a str,
    channels: u8,
    depth: Depth,
}

#[test]
fn a_server_of_few_words() {
    works(&Recipe {
        ours: &["-s"],
        theirs: &["-c", "127.0.0.1", "-B", "4470"],
        name: "JackTrip",
        channels: 2,
        depth: Depth::Bits16,
    });
}

#[test]
fn a_client_is_called_like_the_host_it_calls() {
    works(&Recipe {
        ours: &["-c", "127.0.0.1", "-B", "4470"],
        theirs: &["-s"],
        name: "127.0.0.1",
        channels: 2,
        depth: Depth::Bits16,
    });
}

#[test]
fn a_careful_server_with_an_offset_and_a_name() {
    works(&Recipe {
        ours: &[
            "-s", "-n", "1", "-q", "6", "-r2", "-b", "24", "-o", "10", "-D", "-J", "studio", "-z",
        ],
        theirs: &[
            "-c",
            "127.0.0.1",
            "-n",
            "1",
            "-r",
            "2",
            "-b",
            "24",
            "-B",
            "4480",
            "-P",
            "4474",
        ],
        name: "studio",
        channels: 1,
        depth: Depth::Bits24,
    });
}

#[test]
fn long_options_and_those_that_mean_nothing_here() {
    works(&Recipe {
        ours: &[
            "--client=127.0.0.1",
            "--numchannels",
            "2",
            "--queue=auto",
            "--redundancy=1",
            "--bitres",
            "8",
            "--bindport=4470",
            "--clientname",
            "home",
            "--nojackportsconnect",
            "--bufstrategy",
            "3",
            "--udprt",
            "--timeout",
            "--iostat",
            "1",
            "--broadcast",
            "64",
            "-O",
            "io",
            "-a",
            "3",
            "-f",
            "0.3",
        ],
        theirs: &["-s", "-b", "8"],
        name: "home",
        channels: 2,
        depth: Depth::Bits8,
    });
}

#[test]
fn lopsided_channels() {
    on_a_private_machine(NEEDS, |machine| {
        let ours = [
            "-s",
            "--sendchannels",
            "1",
            "--receivechannels",
            "3",
            "-J",
            "studio",
        ];
        let a = JackServer::start(machine, "a", JackClock::PATIENT);
        let mut farsend = start(machine, &a, &ours);
        a.wait_for_port("studio:receive_3", SOON);
        assert!(
            !a.ports().contains(&"studio:send_2".to_owned()),
            "{:?}",
            a.ports()
        );
        farsend.signal(nix::sys::signal::Signal::SIGINT);
        assert_eq!(farsend.wait_exit_code(SOON), 0);
    });
}

#[test]
fn the_program_called_jacktrip_is_one() {
    on_a_private_machine(NEEDS, |machine| {
        let link = machine.path("jacktrip");
        symlink(need::own_program("farsend", "farsend"), &link).expect("a link can be made");
        let a = JackServer::start(machine, "a", JackClock::PATIENT);
        let mut jacktrip = std::process::Command::new(&link);
        jacktrip.args(["-s", "-J", "linked"]);
        let mut running = Running::start(machine, "linked", a.used_by(&mut jacktrip));
        a.wait_for_port("linked:send_1", SOON);
        running.signal(nix::sys::signal::Signal::SIGTERM);
        assert_eq!(running.wait_exit_code(SOON), 0);
    });
}

#[test]
fn what_cannot_be_is_refused_with_a_word() {
    on_a_private_machine(&[], |machine| {
        // Of a wrong command line, and of a password that nobody is there to type.
        for (arguments, code, word) in [
            (&["-s", "-c", "127.0.0.1"][..], 2, "only one of -s, -c"),
            (&[], 2, "choose one of -s"),
            (&["-s", "-b", "12"], 2, "-b takes 8, 16, 24 or 32"),
            (&["-C", "127.0.0.1", "-A"], 12, "holds no password"),
        ] {
            let mut running = Running::start(machine, "farsend", &mut jacktrip_command(arguments));
            let got = running.wait_exit_code(SOON);
            let said = running.output();
            assert_eq!(got, code, "{arguments:?}: {said}");
            assert!(said.contains(word), "{arguments:?}: {said}");
        }
    });
}

fn works(recipe: &Recipe<'_>) {
    on_a_private_machine(NEEDS, |machine| {
        let a = JackServer::start(machine, "a", JackClock::PATIENT);
        let b = JackServer::start(machine, "b", JackClock::PATIENT);
        let we_wait = recipe.ours.contains(&"-s");
        let (mut farsend, mut jacktrip);
        if we_wait {
            farsend = start(machine, &a, recipe.ours);
            jacktrip = Jacktrip::start(machine, &b, "peer", recipe.theirs);
        } else {
            jacktrip = Jacktrip::start(machine, &b, "peer", recipe.theirs);
            jacktrip.running.wait_for("Waiting for Connection", SOON);
            farsend = start(machine, &a, recipe.ours);
        }
        jacktrip.wait_for_peer();
        let (send, receive) = (
            format!("{}:send_", recipe.name),
            format!("{}:receive_", recipe.name),
        );
        let plan = |name, play, record| Plan {
            name,
            play: Some((play, recipe.channels)),
            record: Some((record, recipe.channels)),
            frames: 48_000,
            sine: None,
        };
        let mut at_a = Probe::start(machine, &a, &plan("probe_a", &send, &receive));
        let mut at_b = Probe::start(machine, &b, &plan("probe_b", "peer:send_", "peer:receive_"));
        for (end, probe) in [("we hear", &mut at_a), ("JackTrip hears", &mut at_b)] {
            let recording = probe.recording();
            for (channel, samples) in (0..).zip(&recording.channels) {
                let heard = listen(samples, channel, recipe.depth, 1);
                // A machine that hesitates makes breaks, and for seconds after one the clocks are followed.
                let exact = heard.longest_exact(samples.len()).len();
                assert!(exact > 12_000, "{end} {heard:?}\n{}", farsend.output());
            }
        }
        farsend.signal(nix::sys::signal::Signal::SIGINT);
        assert_eq!(farsend.wait_exit_code(SOON), 0, "{}", farsend.output());
    });
}

fn start(machine: &Machine, server: &JackServer, arguments: &[&str]) -> Running {
    Running::start(
        machine,
        "farsend",
        server.used_by(&mut jacktrip_command(arguments)),
    )
}

fn jacktrip_command(arguments: &[&str]) -> std::process::Command {
    command(&[&["jacktrip"], arguments].concat())
}
