//! What a hub is asked for by OSC.

use std::time::{Duration, Instant};

use farsend_wire::jacktrip::{Format, OscError, OscRequest, latency_response};
use serde_json::json;

use super::Desk;
use crate::engine::RunError;
use crate::hub::floor::Order;
use crate::hub::osc::{MOST_MS, OscPort, OscSocket, QueueWish};
use crate::hub::report::HubReporter;
use crate::hub::roster::Entry;
use crate::hub::tidings::shown;
use crate::net::port_owner;
use crate::net::udp::BindError;

/// The port, and what has come of it.
#[derive(Debug, Default)]
pub(super) struct Osc {
    socket: Option<OscSocket>,
    /// The queue for those who come, since it was asked for.
    queue: Option<QueueWish>,
    /// When it was told last that something was not done.
    refused: Option<Instant>,
}

impl Osc {
    /// Opens the port that is wanted. `door`: the hub's TCP port.
    ///
    /// # Errors
    /// [`RunError::Bind`] where another program has a port that was asked for by number.
    pub(super) fn open(wanted: OscPort, door: u16) -> Result<Self, RunError> {
        let socket = match wanted {
            OscPort::Nowhere => None,
            OscPort::OfDoor => OscSocket::open(door).ok(),
            OscPort::At(port) => {
                Some(OscSocket::open(port).map_err(|source| no_port(port, source))?)
            }
        };
        Ok(Self {
            socket,
            ..Self::default()
        })
    }

    /// Where it is.
    pub(super) fn port(&self) -> Option<u16> {
        self.socket.as_ref().map(OscSocket::port)
    }
}

fn no_port(port: u16, source: std::io::Error) -> BindError {
    if source.kind() != std::io::ErrorKind::AddrInUse {
        return BindError::System { port, source };
    }
    BindError::PortBusy {
        port,
        owner: port_owner::find(port),
        option: "--osc-port",
    }
}

impl Desk<'_> {
    /// Does what has been asked for by OSC, and answers what was asked.
    pub(super) fn obey_osc(&mut self, reporter: &mut HubReporter) {
        if let Some(socket) = self.osc.socket.take() {
            socket.attend(&mut |read| self.obey_packet(read, reporter));
            self.osc.socket = Some(socket);
        }
    }

    /// A queue that was asked for by OSC is that of those who come later, too.
    pub(super) fn recall_queue(&mut self, place: u16, format: &Format) {
        if let Some(queue) = self.osc.queue {
            let policy = queue.policy(format.period, format.rate);
            self.pending.push_back(Order::Depth(place, policy));
        }
    }

    fn obey_packet(
        &mut self,
        read: Result<Vec<OscRequest>, OscError>,
        reporter: &mut HubReporter,
    ) -> Vec<Vec<u8>> {
        let requests = match read {
            Ok(requests) => requests,
            Err(error) => {
                self.refuse(&error.to_string(), reporter);
                return Vec::new();
            }
        };
        let mut asked = false;
        for request in requests {
            match request {
                OscRequest::Get { key } if key == "latency" => asked = true,
                OscRequest::Get { key } => {
                    self.refuse(
                        &format!("/get {}: only latency is told", shown(&key)),
                        reporter,
                    );
                }
                OscRequest::Config { key, value } if key == "queueBuffer" => {
                    self.set_queue(value, reporter);
                }
                OscRequest::Config { key, .. } => {
                    let text = format!("/config {}: only queueBuffer can be changed", shown(&key));
                    self.refuse(&text, reporter);
                }
                OscRequest::Other { address } => {
                    let text = format!("{}: no message that a hub takes", shown(&address));
                    self.refuse(&text, reporter);
                }
            }
        }
        // However often it is asked in one packet.
        if asked {
            latency_response(&self.latencies())
        } else {
            Vec::new()
        }
    }

    fn set_queue(&mut self, value: f32, reporter: &mut HubReporter) {
        let Some(queue) = QueueWish::of(value) else {
            let text = format!("/config queueBuffer {value}: at most {MOST_MS} ms can be kept");
            return self.refuse(&text, reporter);
        };
        if self.osc.queue == Some(queue) {
            return;
        }
        self.osc.queue = Some(queue);
        for (place, entry) in self.roster.iter_mut() {
            if let Some(format) = entry.watch.statistics.read().format {
                let policy = queue.policy(format.period, format.rate);
                self.pending.push_back(Order::Depth(place, policy));
            }
        }
        // JackTrip would add what is less than 0 as so much headroom.
        let (text, ms) = match queue {
            QueueWish::Milliseconds(ms) => (
                format!("by OSC: {ms} ms of each player are kept before they are mixed"),
                Some(ms),
            ),
            QueueWish::Auto => (
                "by OSC: as much of each player is kept as the network's lateness asks for"
                    .to_owned(),
                None,
            ),
        };
        reporter.asked_for(&text, json!({ "do": "queue", "queue_ms": ms }));
    }

    /// What JackTrip's is: how long a player's audio waits here, in milliseconds; -1 for one who has not been heard yet.
    fn latencies(&mut self) -> Vec<(String, f32)> {
        let rate = self.settings.rate;
        let latency = |entry: &mut Entry| {
            let now = entry.watch.statistics.read();
            match now.format {
                Some(_) => now.duration(now.queued, rate).as_secs_f32() * 1e3,
                None => -1.0,
            }
        };
        let players = self.roster.iter_mut();
        players
            .map(|(_, entry)| (entry.called.clone(), latency(entry)))
            .collect()
    }

    /// Says, now and then, what could not be done.
    fn refuse(&mut self, why: &str, reporter: &mut HubReporter) {
        let now = Instant::now();
        if self
            .osc
            .refused
            .is_none_or(|told| now >= told + REFUSED_EVERY)
        {
            self.osc.refused = Some(now);
            reporter.not_by_osc(why);
        }
    }
}

const REFUSED_EVERY: Duration = Duration::from_secs(1);
