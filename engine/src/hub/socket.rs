//! The one UDP socket of all players, or those of each: datagrams in with their time, datagrams out, in batches.

use std::net::SocketAddr;
use std::os::fd::AsFd as _;

use farsend_rt::batch::{Flushed, Inbox, Incoming, Outbox};
use farsend_units::MonoTime;

use crate::net::udp::{AudioSocket, BindError};

/// Owned by the audio thread; allocates nothing after [`HubSocket::bind`].
#[derive(Debug)]
pub(super) struct HubSocket {
    /// None where each player has one.
    socket: Option<AudioSocket>,
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
        let socket = AudioSocket::bind(port, None)
            .map_err(|error| error.chosen_by("--udp-port (`jacktrip -S`: -U)"))?;
        socket.ignore_refusals();
        let mapped = socket.is_mapped();
        Ok(Self::of(Some(socket), mapped))
    }

    /// None of its own, for players with a socket each. `mapped`: these take IPv4 addresses as those of IPv6.
    pub(super) fn of_many(mapped: bool) -> Self {
        Self::of(None, mapped)
    }

    /// Whether each player has a socket.
    pub(super) fn is_of_many(&self) -> bool {
        self.socket.is_none()
    }

    fn of(socket: Option<AudioSocket>, mapped: bool) -> Self {
        Self {
            socket,
            inbox: Inbox::new(AT_ONCE, LARGEST),
            outbox: Outbox::new(AT_ONCE, AT_ONCE * LARGEST / 16, mapped),
            flushed: Flushed::default(),
        }
    }

    pub(super) fn port(&self) -> u16 {
        let port = self.socket.as_ref().and_then(|socket| socket.port().ok());
        port.unwrap_or(0)
    }

    /// Hands out what has come, batch by batch. At most [`MOST_BATCHES`].
    pub(super) fn receive(&mut self, now: MonoTime, each: impl FnMut(Batch<'_>)) {
        if let Some(socket) = &mut self.socket {
            receive(&mut self.inbox, socket, now, MOST_BATCHES, each);
        }
    }

    /// The same through a player's own socket, at most [`MOST_BATCHES_OF_ONE`].
    pub(super) fn receive_through(
        &mut self,
        line: &mut AudioSocket,
        now: MonoTime,
        each: impl FnMut(Batch<'_>),
    ) {
        receive(&mut self.inbox, line, now, MOST_BATCHES_OF_ONE, each);
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

    /// What waits, to be added to.
    pub(super) fn outbox(&mut self) -> &mut Outbox {
        &mut self.outbox
    }

    /// Sends what waits.
    pub(super) fn flush(&mut self) {
        if let Some(socket) = &self.socket {
            note(&mut self.flushed, self.outbox.flush(socket.as_fd()));
        }
    }

    /// The same through a player's own socket.
    pub(super) fn flush_through(&mut self, line: &AudioSocket) {
        note(&mut self.flushed, self.outbox.flush(line.as_fd()));
    }

    /// Datagrams sent, and not sent, so far.
    pub(super) fn flushed(&self) -> Flushed {
        self.flushed
    }
}

/// Datagrams that came together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Batch<'a> {
    inbox: &'a Inbox,
    socket: &'a AudioSocket,
    now: MonoTime,
}

impl<'a> Batch<'a> {
    /// Each of them.
    pub(super) fn iter(self) -> impl Iterator<Item = Incoming<'a>> {
        self.inbox.iter()
    }

    /// When it came.
    pub(super) fn time_of(self, one: Incoming<'_>) -> MonoTime {
        one.stamp().map_or(self.now, |stamp| {
            let nanos = i128::try_from(stamp.as_nanos()).unwrap_or(0);
            self.socket.on_our_clock(self.now, nanos)
        })
    }
}

fn receive(
    inbox: &mut Inbox,
    socket: &mut AudioSocket,
    now: MonoTime,
    most_batches: usize,
    mut each: impl FnMut(Batch<'_>),
) {
    socket.begin(now);
    for _ in 0..most_batches {
        let came = inbox.receive(socket.as_fd()).unwrap_or(0);
        each(Batch { inbox, socket, now });
        if came < AT_ONCE {
            break;
        }
    }
}

fn note(all: &mut Flushed, more: Flushed) {
    all.sent += more.sent;
    all.unsent += more.unsent;
}

/// Datagrams in a batch.
pub(super) const AT_ONCE: usize = 64;
/// The most that UDP can carry.
const LARGEST: usize = 65_507;
/// A bound on one look into the socket.
const MOST_BATCHES: usize = 64;
/// The same of a socket that only one player sends to: a few times what a socket's buffer usually holds of a period.
const MOST_BATCHES_OF_ONE: usize = 4;
