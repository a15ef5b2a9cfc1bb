//! The program under test, as a client of a JACK server.

use std::fs::File;
use std::process::Command;
use std::time::Duration;

use nix::pty::openpty;
use serde::Deserialize;
use serde_json::Value;

use super::jack::JackServer;
use super::program::{self, Running};
use super::{Machine, need};

/// A `farsend` that prints JSON lines; killed when dropped.
#[derive(Debug)]
pub struct Farsend {
    /// Its JACK client name.
    pub name: String,
    /// The program.
    pub running: Running,
}

/// What it says once a second about its session; the counts run since its start.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
#[expect(missing_docs, reason = "the names are those of its JSON lines")]
pub struct Statistics {
    pub connected: bool,
    pub sent: u64,
    pub received: u64,
    pub lost: u64,
    pub late: u64,
    pub duplicate: u64,
    pub revived: u64,
    pub repaired: u64,
    pub repair_overhead_percent: f64,
    pub dry: u64,
    pub strangers: u64,
    pub malformed: u64,
    pub xruns: u64,
}

impl Farsend {
    /// Starts `farsend ARGUMENTS` as the JACK client `name` of this server, connected to nothing.
    pub fn start(
        machine: &Machine,
        server: &JackServer,
        name: &str,
        arguments: &[&str],
    ) -> Farsend {
        let mut command = command(arguments);
        command.args(["--name", name, "--no-connect", "--json"]);
        let running = Running::start(machine, name, server.used_by(&mut command));
        Farsend {
            name: name.to_owned(),
            running,
        }
    }

    /// Starts `farsend ARGUMENTS --json` without JACK.
    pub fn start_without_jack(machine: &Machine, name: &str, arguments: &[&str]) -> Farsend {
        let running = Running::start(machine, name, command(arguments).arg("--json"));
        Farsend {
            name: name.to_owned(),
            running,
        }
    }

    /// The same at a terminal, of which it gives the end where somebody types.
    ///
    /// # Panics
    ///
    /// If there is no terminal to be had.
    pub fn start_at_a_terminal(
        machine: &Machine,
        name: &str,
        arguments: &[&str],
    ) -> (Farsend, File) {
        let terminal = openpty(None, None).expect("there are terminals");
        let mut command = command(arguments);
        command.arg("--json");
        let running = Running::start_reading(machine, name, &mut command, terminal.slave.into());
        let name = name.to_owned();
        (Farsend { name, running }, terminal.master.into())
    }

    /// Starts a server without JACK that sends back what it gets, at port 4464 unless `options` say otherwise, and waits until it listens.
    ///
    /// # Panics
    ///
    /// If it does not within ten seconds.
    pub fn start_looping(machine: &Machine, options: &[&str]) -> Farsend {
        let arguments = [&["server", "--backend", "timer", "--loopback"], options].concat();
        let mut farsend = Farsend::start_without_jack(machine, "far", &arguments);
        farsend.wait_for_event("started", 1, Duration::from_secs(10));
        farsend
    }

    /// Waits until it has reported the event `name` at least `times` times.
    ///
    /// # Panics
    ///
    /// If it ends before, or does not within `limit`.
    pub fn wait_for_event(&mut self, name: &str, times: usize, limit: Duration) {
        self.running
            .wait_until(&format!("report \"{name}\""), limit, |output| {
                lines(output).filter(|line| line["event"] == name).count() >= times
            });
    }

    /// Waits until it hears its peer.
    ///
    /// # Panics
    ///
    /// If it does not within ten seconds.
    pub fn wait_for_peer(&mut self) {
        self.wait_for_event("connected", 1, Duration::from_secs(10));
    }

    /// All events of this name so far.
    pub fn events(&self, name: &str) -> Vec<Value> {
        lines(&self.running.stdout())
            .filter(|line| line["event"] == name)
            .collect()
    }

    /// The newest numbers; those of its end, if it has ended.
    pub fn statistics(&self) -> Statistics {
        let output = self.running.stdout();
        let newest = lines(&output)
            .filter(|line| line["event"] == "statistics" || line["event"] == "ended")
            .last();
        let line = newest.unwrap_or_else(|| panic!("no statistics in\n{output}"));
        Statistics::deserialize(&line).unwrap_or_else(|error| panic!("{error} in {line}"))
    }

    /// Waits for the next line of numbers after this moment and gives it.
    ///
    /// # Panics
    ///
    /// If it ends meanwhile.
    pub fn next_statistics(&mut self) -> Statistics {
        let seen = self.events("statistics").len();
        self.wait_for_event("statistics", seen + 1, Duration::from_secs(5));
        self.statistics()
    }
}

/// `farsend ARGUMENTS`, not started yet; no JACK server is ever started by it.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = program::command(need::own_program("farsend", "farsend"), arguments);
    command.env("JACK_NO_START_SERVER", "1");
    command
}

fn lines(output: &str) -> impl Iterator<Item = Value> + '_ {
    output
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
}
