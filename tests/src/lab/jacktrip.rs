//! The real JackTrip, as a peer.

use std::time::Duration;

use super::Machine;
use super::jack::JackServer;
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
        let mut command = program::command("jacktrip", &["-J", name, "-D"]);
        command.args(arguments).env("QT_LOGGING_RULES", "*=false");
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
