//! JACK servers with the dummy driver.

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::program::{self, Running};
use super::{Machine, need};

/// How long a server may take to answer its first client.
const START_LIMIT: Duration = Duration::from_secs(15);

/// How often a client of ours asks, and how long it waits for the server's answer.
const ASKED: u32 = 4;
const ANSWERED_WITHIN: Duration = Duration::from_secs(8);

/// Rate and period of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JackClock {
    /// Frames a second.
    pub rate: u32,
    /// Frames a cycle.
    pub period: u32,
}

impl JackClock {
    /// Periods of 11.6 ms: a machine that hesitates for 5 ms misses none of them.
    ///
    /// Nothing but its rate sets such a session apart, so what does not ask for a rate or a period is tested with these.
    pub const PATIENT: JackClock = JackClock {
        rate: 22_050,
        period: 256,
    };

    /// The same at the rate of hubs: periods of 10.7 ms.
    pub const CALM: JackClock = JackClock {
        rate: 48_000,
        period: 512,
    };

    /// What most people play with, and what is measured.
    pub const USUAL: JackClock = JackClock {
        rate: 48_000,
        period: 128,
    };
}

impl Default for JackClock {
    fn default() -> Self {
        Self::USUAL
    }
}

/// A `jackd` of the private machine. Killed when dropped.
#[derive(Debug)]
pub struct JackServer {
    name: String,
    /// The server itself.
    pub running: Running,
}

impl JackServer {
    /// Starts the server `name` and waits until it serves clients.
    ///
    /// # Panics
    ///
    /// If it does not come up.
    pub fn start(machine: &Machine, name: &str, clock: JackClock) -> JackServer {
        let (rate, period) = (clock.rate.to_string(), clock.period.to_string());
        let arguments = ["-n", name, "-d", "dummy", "-r", &rate, "-p", &period];
        let running = Running::start(
            machine,
            &format!("jackd-{name}"),
            program::command("jackd", &arguments).env("JACK_NO_AUDIO_RESERVATION", "1"),
        );
        let mut server = JackServer {
            name: name.to_owned(),
            running,
        };
        server.wait_until_it_serves();
        server
    }

    /// The name that programs find it by, in `JACK_DEFAULT_SERVER`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Makes `command` find this server and start none of its own.
    pub fn used_by<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("JACK_DEFAULT_SERVER", &self.name)
            .env("JACK_NO_START_SERVER", "1")
    }

    /// The ports there are now.
    pub fn ports(&self) -> Vec<String> {
        let output = self.ask(&["ports"]);
        assert!(
            output.status.success(),
            "the JACK server {} does not answer",
            self.name
        );
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(str::to_owned)
            .collect()
    }

    /// Waits until a port of this name is there.
    ///
    /// # Panics
    ///
    /// If it does not appear within `limit`.
    pub fn wait_for_port(&self, port: &str, limit: Duration) {
        let started = Instant::now();
        while !self.ports().iter().any(|name| name == port) {
            assert!(
                started.elapsed() < limit,
                "{}: no port {port}, only {:?}",
                self.name,
                self.ports()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Joins an output port to an input port.
    ///
    /// # Panics
    ///
    /// If JACK refuses.
    pub fn connect(&self, from: &str, to: &str) {
        let output = self.ask(&["connect", from, to]);
        assert!(
            output.status.success(),
            "{from} -> {to}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// Joins `from_N` to `to_N` for the first `channels`, if their client is active already: JackTrip as a server is
    /// only once its caller is there. False if not.
    pub fn try_connect_all(&self, from: &str, to: &str, channels: u8) -> bool {
        (1..=channels).all(|n| {
            let output = self.ask(&["connect", &format!("{from}{n}"), &format!("{to}{n}")]);
            output.status.success()
        })
    }

    /// Starts JACK's transport, or stops it and goes back to the beginning.
    ///
    /// # Panics
    ///
    /// If JACK refuses.
    pub fn roll(&self, rolling: bool) {
        let output = self.ask(&[if rolling { "roll" } else { "rewind" }]);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// Changes the period while everything runs.
    ///
    /// # Panics
    ///
    /// If JACK refuses.
    pub fn set_period(&self, frames: u32) {
        let output = self.ask(&["period", &frames.to_string()]);
        assert!(
            output.status.success(),
            "{frames}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// A server that stalls at the wrong moment can leave a client that comes waiting for ever; the next one is served.
    fn ask(&self, arguments: &[&str]) -> Output {
        let probe = need::own_program("farsend-tests", "farsend-probe");
        let mut command = program::command(probe, arguments);
        self.used_by(&mut command)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for _ in 0..ASKED {
            let mut child = command.spawn().expect("the probe was just built");
            let started = Instant::now();
            while started.elapsed() < ANSWERED_WITHIN {
                if child.try_wait().expect("it is our child").is_some() {
                    return child.wait_with_output().expect("it is our child");
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            child.kill().expect("it is our child");
            child.wait().expect("it is our child");
        }
        panic!("the JACK server {} lets nobody in", self.name);
    }

    fn wait_until_it_serves(&mut self) {
        let started = Instant::now();
        while !self.ask(&["ports"]).status.success() {
            assert!(
                started.elapsed() < START_LIMIT && self.running.is_running(),
                "jackd did not come up:\n{}",
                self.running.output()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
