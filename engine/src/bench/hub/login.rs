//! A player's way into a hub: the log-in over TCP, then a UDP socket that talks to the port it was told.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use farsend_wire::jacktrip::{Hello, Name, Reply};
use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;

/// Why a player did not get in.
#[derive(Debug, Error)]
pub enum LoginError {
    /// Nobody listens there, or nobody answers.
    #[error(
        "no hub answers at {hub} (TCP): {source}. Start one with `farsend hub` or `jacktrip -S -p 2`, and name its port with --port"
    )]
    NotThere {
        /// Where.
        hub: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The hub closed the connection instead of answering.
    #[error(
        "the hub closed the connection without an answer: it is full, or no hub of JackTrip's protocol"
    )]
    TurnedAway,
    /// It holds the connection and says nothing.
    #[error("the hub took the connection, but did not answer within {} s", .0.as_secs())]
    Silent(Duration),
    /// It lets in only those with a password.
    #[error("the hub asks for a user name and a password (`-A`), which a load test does not have")]
    Authentication,
    /// It answered with something that is no port.
    #[error("the hub answered with {0}, which is no port: it does not speak JackTrip's protocol")]
    NoPort(i32),
    /// No socket to be had.
    #[error(
        "no socket for another player: {0}. If there are too many open files, raise the limit with `ulimit -n`"
    )]
    Socket(io::Error),
}

/// A player that the hub let in.
#[derive(Debug)]
pub struct Seat {
    /// Connected to the hub's port for this player, not blocking.
    pub socket: UdpSocket,
}

/// Logs in player number `index`. Blocks for up to [`PATIENCE`] at each step.
///
/// On loopback every player has an address of its own (127.0.x.y), as hubs tell players apart by address and port;
/// TCP and UDP come from the same one, since a hub sends to the former.
///
/// # Errors
/// [`LoginError`].
pub fn log_in(hub: SocketAddr, index: u32) -> Result<Seat, LoginError> {
    let own: SocketAddr = (own_address(hub, index), 0).into();
    let socket = UdpSocket::bind(own).map_err(LoginError::Socket)?;
    socket.set_nonblocking(true).map_err(LoginError::Socket)?;
    let port = socket.local_addr().map_err(LoginError::Socket)?.port();

    let mut door = knock(hub, own)?;
    let lost = |error: io::Error| match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => LoginError::Silent(PATIENCE),
        _ => LoginError::TurnedAway,
    };
    let name = Name::new(&format!("player {index}"));
    // In one write: a hub counts the name only if it comes with the port.
    door.write_all(&Hello { port, name }.to_bytes())
        .map_err(lost)?;
    let mut reply = [0; Reply::LEN];
    door.read_exact(&mut reply).map_err(lost)?;
    let port = port_of(Reply::parse(reply))?;

    socket
        .connect((hub.ip(), port))
        .map_err(LoginError::Socket)?;
    Ok(Seat { socket })
}

fn knock(hub: SocketAddr, own: SocketAddr) -> Result<TcpStream, LoginError> {
    let door = Socket::new(Domain::for_address(hub), Type::STREAM, Some(Protocol::TCP));
    let door = door.map_err(LoginError::Socket)?;
    door.bind(&own.into()).map_err(LoginError::Socket)?;
    door.connect_timeout(&hub.into(), PATIENCE)
        .map_err(|source| LoginError::NotThere { hub, source })?;
    door.set_read_timeout(Some(PATIENCE))
        .map_err(LoginError::Socket)?;
    Ok(door.into())
}

fn port_of(reply: Reply) -> Result<u16, LoginError> {
    match reply {
        Reply::Port(port @ 1..) => Ok(port),
        Reply::PleaseAuthenticate | Reply::AuthenticationRequired => {
            Err(LoginError::Authentication)
        }
        _ => Err(LoginError::NoPort(i32::from_le_bytes(reply.to_bytes()))),
    }
}

fn own_address(hub: SocketAddr, index: u32) -> IpAddr {
    match hub.ip() {
        IpAddr::V4(Ipv4Addr::LOCALHOST) if cfg!(target_os = "linux") => {
            let (street, house) = (index / 250 % 250, index % 250);
            Ipv4Addr::new(127, 0, street as u8 + 1, house as u8 + 1).into()
        }
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

/// For the TCP connection, and for the answer.
const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// A door that reads a hello and answers with these bytes; gives what it read and the caller's address.
    fn answer_with(reply: Vec<u8>) -> (SocketAddr, std::thread::JoinHandle<(Vec<u8>, SocketAddr)>) {
        let door = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let hub = door.local_addr().unwrap();
        let porter = std::thread::spawn(move || {
            let (mut caller, from) = door.accept().unwrap();
            let mut hello = vec![0; 68];
            caller.read_exact(&mut hello).unwrap();
            caller.write_all(&reply).unwrap();
            (hello, from)
        });
        (hub, porter)
    }

    #[test]
    fn a_player_says_its_port_and_name_and_talks_to_the_port_it_is_told() {
        let (hub, porter) = answer_with(61_002_i32.to_le_bytes().to_vec());
        let seat = log_in(hub, 260).unwrap();
        let (hello, from) = porter.join().unwrap();
        let own = seat.socket.local_addr().unwrap();
        assert_eq!(hello[..4], i32::from(own.port()).to_le_bytes());
        assert_eq!(&hello[4..16], b"player 260\0\0");
        assert_eq!(seat.socket.peer_addr().unwrap().port(), 61_002);
        assert_eq!(from.ip(), own.ip());
        if cfg!(target_os = "linux") {
            assert_eq!(own.ip(), Ipv4Addr::new(127, 0, 2, 11));
        }
    }

    #[test]
    fn each_refusal_has_a_sentence_of_its_own() {
        for (reply, says) in [
            (vec![], "full"),
            (vec![1, 2], "full"),
            (65_536_i32.to_le_bytes().to_vec(), "password"),
            (131_072_i32.to_le_bytes().to_vec(), "password"),
            (0_i32.to_le_bytes().to_vec(), "no port"),
            ((-1_i32).to_le_bytes().to_vec(), "no port"),
        ] {
            let (hub, porter) = answer_with(reply.clone());
            let error = log_in(hub, 0).unwrap_err().to_string();
            porter.join().unwrap();
            assert!(error.contains(says), "{reply:?}: {error}");
        }
        let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let hub = nobody.local_addr().unwrap();
        drop(nobody);
        let error = log_in(hub, 0).unwrap_err();
        assert!(matches!(error, LoginError::NotThere { .. }), "{error}");
    }
}
