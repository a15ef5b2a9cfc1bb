//! Sockets: bytes out, bytes in with their arrival time.

mod port_owner;
pub mod resolve;
pub mod udp;
