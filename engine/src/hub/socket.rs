//! The one UDP socket of all players: datagrams in with their time, datagrams out, in batches.

use std::net::SocketAddr;
use std::os::fd::AsFd as _;

use farsend_rt::batch::{Flushed, Inbox, Outbox};
use farsend_units::MonoTime;

use crate::net::udp::{AudioSocket, BindError};

/// Owned by the audio thread; allocates nothing after [`HubSocket::bind`].
#[derive(Debug)]
pub(super) struct HubSocket {
    socket: AudioSocket,
    inbox: Inbox,
    outbox: Outbox,
    flushed: Flushed,
}

impl HubSocket {
    /// Binds the port on all addresses.
    ///
    /// # Errors
    /// [`BindError`].
    pub(super) fn bind(port: u16) -> Result<Self, BindError> {
        let socket = AudioSocket::bind(port, None)?;
        socket.ignore_refusals();
        let mapped = socket.is_mapped();
        Ok(Self {
            socket,
            inbox: Inbox::new(AT_ONCE, LARGEST),
            outbox: Outbox::new(AT_ONCE, AT_ONCE * LARGEST / 16, mapped),
            flushed: Flushed::default(),
        })
    }

    pub(super) fn port(&self) -> u16 {
        self.socket.port().unwrap_or(0)
    }

    /// Hands out what has come: when, from whom, what. At most [`MOST_BATCHES`] batches.
    pub(super) fn receive(
        &mut self,
        now: MonoTime,
        mut each: impl FnMut(MonoTime, SocketAddr, &[u8]),
    ) {
        self.socket.begin(now);
        for _ in 0..MOST_BATCHES {
            let came = self.inbox.receive(self.socket.as_fd()).unwrap_or(0);
            for one in self.inbox.iter() {
                let at = one.stamp.map_or(now, |stamp| {
                    let nanos = i128::try_from(stamp.as_nanos()).unwrap_or(0);
                    self.socket.on_our_clock(now, nanos)
                });
                each(at, one.from, one.payload);
            }
            if came < AT_ONCE {
                break;
            }
        }
    }

    /// Sends a datagram with the next batch.
    pub(super) fn send(&mut self, to: SocketAddr, payload: &[u8]) {
        if !self.outbox.push(to, payload) {
            self.flush();
            if !self.outbox.push(to, payload) {
                self.flushed.unsent += 1;
            }
        }
    }

    /// Sends what waits.
    pub(super) fn flush(&mut self) {
        let Flushed { sent, unsent } = self.outbox.flush(self.socket.as_fd());
        self.flushed.sent += sent;
        self.flushed.unsent += unsent;
    }

    /// Datagrams sent, and not sent, so far.
    pub(super) fn flushed(&self) -> Flushed {
        self.flushed
    }
}

/// Datagrams in a batch.
const AT_ONCE: usize = 64;
/// The most that UDP can carry.
const LARGEST: usize = 65_507;
/// A bound on one look into the socket.
const MOST_BATCHES: usize = 64;
