//! A player of JackTrip's who is played by hand: the log-in at a hub, a datagram's header, a goodbye.
//!
//! All of it is put together byte by byte. What our programs are held against must not come from their own code.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

/// Logs in at the hub of this machine, as one who sends from this port. Where audio is to be sent.
///
/// # Panics
///
/// If the hub does not let us in.
pub fn log_in(port: u16, name: &str) -> SocketAddr {
    try_log_in(port, name).expect("the hub listens and answers")
}

/// The same, where there may be no hub yet.
///
/// # Errors
///
/// If nobody listens, or the connection is closed without an answer.
///
/// # Panics
///
/// If the hub says that it does not let us in.
pub fn try_log_in(port: u16, name: &str) -> std::io::Result<SocketAddr> {
    let mut door = TcpStream::connect((Ipv4Addr::LOCALHOST, 4464))?;
    door.write_all(&hello(port, name))?;
    let mut answer = [0; 4];
    door.read_exact(&mut answer)?;
    let port = u16::try_from(u32::from_le_bytes(answer)).expect("the hub lets us in");
    Ok((Ipv4Addr::LOCALHOST, port).into())
}

/// What is said first at a hub's door.
///
/// # Panics
///
/// If the name is longer than there is room for.
pub fn hello(port: u16, name: &str) -> [u8; 68] {
    let mut hello = [0; 68];
    hello[..2].copy_from_slice(&port.to_le_bytes());
    hello[4..4 + name.len()].copy_from_slice(name.as_bytes());
    hello
}

/// What stands before a packet's samples. Of its last four bytes: the rate (0 is 22.05 kHz, 3 is 48 kHz), a sample's bits,
/// the channels that are wanted, and those of the packet or, as 0, as many.
pub fn header(number: u16, frames: u16, format: [u8; 4]) -> [u8; HEADER_LEN] {
    let mut header = [0; HEADER_LEN];
    header[8..10].copy_from_slice(&number.to_le_bytes());
    header[10..12].copy_from_slice(&frames.to_le_bytes());
    header[12..].copy_from_slice(&format);
    header
}

/// Bytes of a header.
pub const HEADER_LEN: usize = 16;

/// What one who leaves sends, more than once.
pub const GOODBYE: [u8; 63] = [0xff; 63];
