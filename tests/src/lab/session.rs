//! Two programs in a session, each on a JACK server of its own, with or without a bad network between.
//!
//! ```text
//!   JACK server a                                   JACK server b
//!   probe ──▶ send_N [ the server ] ◀──UDP──▶ [ the client ] receive_N ──▶ probe
//!         ◀── receive_N                  (relay)             send_N ◀──
//! ```

use super::Machine;
use super::farsend::Farsend;
use super::jack::{JackClock, JackServer};
use super::jacktrip::Jacktrip;
use super::probe::{Plan, Probe, Recording};
use super::relay::Relay;
use crate::signal::Depth;

/// Which program is at an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Ours.
    Farsend,
    /// The real JackTrip.
    Jacktrip,
}

/// What is at the two ends, and what they agree on.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    /// Waits for the other.
    pub server: Kind,
    /// Calls.
    pub client: Kind,
    /// Of both, or of the server alone.
    pub clock: JackClock,
    /// Of the client, where it is another.
    pub client_clock: Option<JackClock>,
    /// `-b` of both, or of the server alone.
    pub depth: Depth,
    /// `-b` of the client, where it is another.
    pub client_depth: Option<Depth>,
    /// Hertz of a sine that both play, in place of the ramp.
    pub sine: Option<u32>,
    /// `-r` of both.
    pub redundancy: u8,
    /// `-q` of both.
    pub queue: u16,
    /// `-q auto` in place of that.
    pub auto_queue: bool,
    /// Channels that the server sends and the client receives.
    pub down: u8,
    /// Channels that the client sends and the server receives.
    pub up: u8,
    /// The network between; a direct path without it.
    pub network: Option<farsend_netsim::PathConfig>,
}

impl Setup {
    /// Ours as the server, JackTrip as the client, two channels each way, as either would have it unless told, on
    /// [patient](JackClock::PATIENT) JACK servers.
    pub const STEREO: Setup = Setup {
        server: Kind::Farsend,
        client: Kind::Jacktrip,
        clock: JackClock::PATIENT,
        client_clock: None,
        depth: Depth::Bits16,
        client_depth: None,
        sine: None,
        redundancy: 1,
        queue: 4,
        auto_queue: false,
        down: 2,
        up: 2,
        network: None,
    };

    /// The same on the clocks that most people play with: for measurements.
    pub const MEASURED: Setup = Setup {
        clock: JackClock::USUAL,
        ..Setup::STEREO
    };
}

/// One of the two programs.
#[derive(Debug)]
pub enum Peer {
    /// Ours.
    Farsend(Farsend),
    /// The real JackTrip.
    Jacktrip(Jacktrip),
}

/// A session under way. Both ends hear each other.
#[derive(Debug)]
pub struct Session {
    /// The first JACK server, with the session's server on it.
    pub a: JackServer,
    /// The second JACK server, with the session's client on it.
    pub b: JackServer,
    /// JACK client `server`, on `a`.
    pub server: Peer,
    /// JACK client `client`, on `b`.
    pub client: Peer,
    /// The bad network.
    pub relay: Option<Relay>,
    setup: Setup,
}

/// The session's server listens here, and the client calls here unless there is a relay.
const SERVER_PORT: u16 = 4464;
const CLIENT_PORT: u16 = 4470;
const RELAY_PORT: u16 = 4480;

impl Session {
    /// Starts both JACK servers and both programs, and waits until they hear each other.
    ///
    /// # Panics
    ///
    /// If anything does not start, or they do not hear each other within ten seconds.
    pub fn start(machine: &Machine, setup: Setup) -> Session {
        Session::start_with(machine, setup, &[])
    }

    /// The same, with these options more for the client, and for a server that is the same program.
    ///
    /// # Panics
    ///
    /// As [`Self::start`].
    pub fn start_with(machine: &Machine, setup: Setup, extra: &[&str]) -> Session {
        let a = JackServer::start(machine, "a", setup.clock);
        let b = JackServer::start(machine, "b", setup.client_clock.unwrap_or(setup.clock));
        let relay = setup
            .network
            .map(|network| Relay::start(RELAY_PORT, SERVER_PORT, network));
        let called = if relay.is_some() {
            RELAY_PORT
        } else {
            SERVER_PORT
        };
        let both = setup.server == setup.client;
        let server = start_server(machine, &a, &setup, if both { extra } else { &[] });
        let client = start_client(machine, &b, &setup, called, extra);
        let mut session = Session {
            a,
            b,
            server,
            client,
            relay,
            setup,
        };
        session.server.wait_for_peer();
        session.client.wait_for_peer();
        session
    }

    /// Starts the client's program once more, after it has ended.
    pub fn start_client_again(&self, machine: &Machine) -> Peer {
        let called = if self.relay.is_some() {
            RELAY_PORT
        } else {
            SERVER_PORT
        };
        start_client(machine, &self.b, &self.setup, called, &[])
    }

    /// Lets probes at both ends play and record at the same time, for `frames`; gives what was heard at `a`
    /// and at `b`.
    ///
    /// Where JACK itself skipped a cycle, as it does when the machine is busy, that says nothing about the
    /// programs: then it is done again, a few times.
    ///
    /// # Panics
    ///
    /// If a probe fails.
    pub fn record(&self, machine: &Machine, frames: u32) -> (Recording, Recording) {
        let both = || self.record_once(machine, frames);
        let undisturbed = |(at_a, at_b): &(Recording, Recording)| {
            [at_a, at_b]
                .iter()
                .all(|recording| recording.report.is_undisturbed())
        };
        first_good(both, undisturbed)
    }

    fn record_once(&self, machine: &Machine, frames: u32) -> (Recording, Recording) {
        let Setup { down, up, sine, .. } = self.setup;
        let probe = |server, name, play, record| {
            let plan = Plan {
                name,
                play: Some(play),
                record: Some(record),
                frames,
                sine,
            };
            Probe::start(machine, server, &plan)
        };
        let mut at_a = probe(
            &self.a,
            "probe_a",
            ("server:send_", down),
            ("server:receive_", up),
        );
        let mut at_b = probe(
            &self.b,
            "probe_b",
            ("client:send_", up),
            ("client:receive_", down),
        );
        (at_a.recording(), at_b.recording())
    }

    /// Joins the client's outputs to its inputs, plays into the server and records what comes back there.
    ///
    /// # Panics
    ///
    /// If a probe fails.
    pub fn record_loop(&self, machine: &Machine, frames: u32) -> Recording {
        self.loop_back();
        let channels = self.setup.down.min(self.setup.up);
        let plan = Plan {
            name: "probe_loop",
            play: Some(("server:send_", channels)),
            record: Some(("server:receive_", channels)),
            frames,
            sine: self.setup.sine,
        };
        let once = || Probe::start(machine, &self.a, &plan).recording();
        first_good(once, |recording| recording.report.is_undisturbed())
    }

    /// Joins the client's outputs to its inputs.
    pub fn loop_back(&self) {
        for n in 1..=self.setup.down.min(self.setup.up) {
            self.b
                .connect(&format!("client:receive_{n}"), &format!("client:send_{n}"));
        }
    }
}

impl Peer {
    /// Waits until it hears the other.
    ///
    /// # Panics
    ///
    /// If it does not within ten seconds.
    pub fn wait_for_peer(&mut self) {
        match self {
            Peer::Farsend(farsend) => farsend.wait_for_peer(),
            Peer::Jacktrip(jacktrip) => jacktrip.wait_for_peer(),
        }
    }

    /// Whether it is this program.
    pub fn is(&self, kind: Kind) -> bool {
        match self {
            Peer::Farsend(_) => kind == Kind::Farsend,
            Peer::Jacktrip(_) => kind == Kind::Jacktrip,
        }
    }

    /// The program, whichever it is.
    pub fn running(&mut self) -> &mut super::Running {
        match self {
            Peer::Farsend(farsend) => &mut farsend.running,
            Peer::Jacktrip(jacktrip) => &mut jacktrip.running,
        }
    }

    /// Ours.
    ///
    /// # Panics
    ///
    /// If it is JackTrip.
    pub fn farsend(&mut self) -> &mut Farsend {
        match self {
            Peer::Farsend(farsend) => farsend,
            Peer::Jacktrip(_) => panic!("this end is JackTrip"),
        }
    }
}

/// The first result that is good, or the last of a few.
fn first_good<T>(mut attempt: impl FnMut() -> T, is_good: impl Fn(&T) -> bool) -> T {
    const ATTEMPTS: usize = 4;
    let mut result = attempt();
    for _ in 1..ATTEMPTS {
        if is_good(&result) {
            break;
        }
        result = attempt();
    }
    result
}

fn start_server(machine: &Machine, jack: &JackServer, setup: &Setup, extra: &[&str]) -> Peer {
    let port = SERVER_PORT.to_string();
    match setup.server {
        Kind::Farsend => {
            let role = [&["server", "--port", &port], extra].concat();
            farsend(machine, jack, "server", setup, &role)
        }
        Kind::Jacktrip => {
            let role = [&["-s", "-B", &port], extra].concat();
            jacktrip(machine, jack, "server", setup, &role)
        }
    }
}

fn start_client(
    machine: &Machine,
    jack: &JackServer,
    setup: &Setup,
    called: u16,
    extra: &[&str],
) -> Peer {
    let (own, called) = (CLIENT_PORT.to_string(), called.to_string());
    match setup.client {
        Kind::Farsend => {
            let host = format!("127.0.0.1:{called}");
            let role = [&["client", &host, "--bind-port", &own], extra].concat();
            farsend(machine, jack, "client", setup, &role)
        }
        Kind::Jacktrip => {
            let role = ["-c", "127.0.0.1", "-B", &own, "-P", &called];
            jacktrip(machine, jack, "client", setup, &[&role, extra].concat())
        }
    }
}

fn farsend(machine: &Machine, jack: &JackServer, name: &str, setup: &Setup, role: &[&str]) -> Peer {
    let options = options(name, setup, ["--send", "--receive"]);
    let arguments: Vec<&str> = role
        .iter()
        .copied()
        .chain(options.iter().map(String::as_str))
        .collect();
    Peer::Farsend(Farsend::start(machine, jack, name, &arguments))
}

fn jacktrip(
    machine: &Machine,
    jack: &JackServer,
    name: &str,
    setup: &Setup,
    role: &[&str],
) -> Peer {
    let options = options(name, setup, ["--sendchannels", "--receivechannels"]);
    let arguments: Vec<&str> = role
        .iter()
        .copied()
        .chain(options.iter().map(String::as_str))
        .collect();
    Peer::Jacktrip(Jacktrip::start(machine, jack, name, &arguments))
}

/// The options that both programs have under the same letters, and those for lopsided channels.
fn options(name: &str, setup: &Setup, [send, receive]: [&str; 2]) -> Vec<String> {
    let Setup { down, up, .. } = *setup;
    let (sends, receives) = if name == "server" {
        (down, up)
    } else {
        (up, down)
    };
    let depth = match setup.client_depth {
        Some(depth) if name == "client" => depth,
        _ => setup.depth,
    };
    let mut options = vec!["-b".to_owned(), depth.bits().to_owned()];
    options.extend(["-r".to_owned(), setup.redundancy.to_string()]);
    let queue = if setup.auto_queue {
        "auto".to_owned()
    } else {
        setup.queue.to_string()
    };
    options.extend(["-q".to_owned(), queue]);
    if sends == receives {
        options.extend(["-n".to_owned(), sends.to_string()]);
    } else {
        options.extend([
            send.to_owned(),
            sends.to_string(),
            receive.to_owned(),
            receives.to_string(),
        ]);
    }
    options
}
