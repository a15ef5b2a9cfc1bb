//! What the system knows of a TCP connection's path.

use std::os::fd::{AsFd, AsRawFd as _};
use std::time::Duration;

/// The round trip as the system has it: of a connection that was just accepted that of its handshake, for which the
/// other end's system answered, whatever its program does. None where the system does not tell (Linux does), or where there is
/// nothing to tell yet.
pub fn round_trip(connection: &impl AsFd) -> Option<Duration> {
    system(connection).filter(|time| !time.is_zero())
}

#[cfg(target_os = "linux")]
fn system(connection: &impl AsFd) -> Option<Duration> {
    let mut length = size_of::<libc::tcp_info>() as libc::socklen_t;
    // SAFETY: numbers only, for which all bits zero are a value.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    // SAFETY: the descriptor is open while it is borrowed, and the system writes `length` bytes at most, which `info` has.
    let got = unsafe {
        libc::getsockopt(
            connection.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut info).cast(),
            &raw mut length,
        )
    };
    (got == 0).then(|| Duration::from_micros(info.tcpi_rtt.into()))
}

#[cfg(not(target_os = "linux"))]
fn system(connection: &impl AsFd) -> Option<Duration> {
    _ = connection.as_fd().as_raw_fd();
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::{TcpListener, TcpStream, UdpSocket};

    use super::*;

    #[test]
    fn one_that_was_accepted_has_a_round_trip_and_what_is_no_connection_has_none() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
        let address = listener.local_addr().expect("it has one");
        let _caller = TcpStream::connect(address).expect("it listens");
        let (accepted, _) = listener.accept().expect("somebody has called");
        let trip = round_trip(&accepted);
        assert!(
            trip.is_some_and(|trip| trip < Duration::from_secs(1)),
            "{trip:?}"
        );
        let socket = UdpSocket::bind("127.0.0.1:0").expect("there is a port");
        assert_eq!(round_trip(&socket), None);
    }
}
