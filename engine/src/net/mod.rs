//! Sockets: bytes out, bytes in with their arrival time.

pub mod echo;
pub mod fingerprint;
pub mod medium;
pub(crate) mod port_owner;
pub mod resolve;
pub mod tcp;
mod tls;
pub mod udp;

use std::net::SocketAddr;

/// What takes datagrams away: a socket, or a network that a bench makes up.
pub trait Outlet {
    /// Sends one datagram. `false`: it was not taken and is gone. On an audio thread's way: does not block.
    fn send(&self, to: SocketAddr, payload: &[u8]) -> bool;
}
