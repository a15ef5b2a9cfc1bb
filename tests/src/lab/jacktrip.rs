//! The real JackTrip, as a peer.

use std::ffi::OsStr;
use std::process::Command;
use std::time::Duration;

use super::Machine;
use super::jack::JackServer;
use super::need::find_jacktrip;
use super::program::{self, Running};

/// What the programs print when the first datagram of their peer has come.
const PEER_HEARD: &str = "Received Connection from Peer!";

/// A `jacktrip` that runs as a JACK client of the given name; killed when dropped.
#[derive(Debug)]
pub struct Jacktrip {
    /// Its JACK client name.
    pub name: String,
    /// The program.
    pub running: Running,
}

impl Jacktrip {
    /// Starts `jacktrip -J NAME -D ARGUMENTS` as a client of this server and waits for its ports.
    ///
    /// `ports` is any of its ports, such as `send_1`: with it there, its JACK side is ready.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn start(
        machine: &Machine,
        server: &JackServer,
        name: &str,
        arguments: &[&str],
    ) -> Jacktrip {
        let mut command = command(&["-J", name, "-D"]);
        command.args(arguments);
        let running = Running::start(machine, name, server.used_by(&mut command));
        Jacktrip {
            name: name.to_owned(),
            running,
        }
    }

    /// Waits until it hears its peer.
    ///
    /// # Panics
    ///
    /// If it does not within ten seconds.
    pub fn wait_for_peer(&mut self) {
        self.running.wait_for(PEER_HEARD, Duration::from_secs(10));
    }
}

/// The real JackTrip with these arguments, without Qt's own remarks; not started yet.
///
/// # Panics
///
/// If there is none: see [`Need::Jacktrip`](super::Need::Jacktrip).
pub fn command<A: AsRef<OsStr>>(arguments: &[A]) -> Command {
    let jacktrip = find_jacktrip().expect("the test needs it, or has said what is missing");
    let mut command = program::command(jacktrip, arguments);
    command.env("QT_LOGGING_RULES", "*=false");
    command
}

/// What the real JackTrip says that it is, such as `1.7.0`; `None` if there is none.
pub fn version() -> Option<String> {
    let output = Command::new(find_jacktrip()?)
        .arg("--version")
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut lines = said.lines();
    let number = lines.find_map(|line| line.split("VERSION:").nth(1))?;
    Some(number.trim().to_owned())
}
