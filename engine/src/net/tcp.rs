//! A log-in at a hub over TCP: one hello, one answer.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use farsend_wire::jacktrip::{Hello, Reply};
use thiserror::Error;

/// Why a hub did not let us in.
#[derive(Debug, Error)]
pub enum LogInError {
    /// The machine is there, and no program has the port.
    #[error(
        "nothing listens on TCP port {} of {}: is the hub running there, and is this its port?", hub.port(), hub.ip()
    )]
    NobodyListens {
        /// Where we knocked.
        hub: SocketAddr,
    },
    /// No word from there at all.
    #[error(
        "no answer from TCP port {} of {}: the machine is off, or a firewall on the way lets nothing through", hub.port(), hub.ip()
    )]
    NoConnection {
        /// Where we knocked.
        hub: SocketAddr,
    },
    /// The system knows no way there.
    #[error("{} cannot be reached: {source}", hub.ip())]
    Unreachable {
        /// Where we knocked.
        hub: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody took the connection and our hello, and said nothing.
    #[error(
        "{hub} takes the call and says nothing for {} s: it is no JackTrip hub, or one that hangs and has to be restarted",
        REPLY_PATIENCE.as_secs()
    )]
    Silent {
        /// Who it was.
        hub: SocketAddr,
    },
    /// The connection was closed in place of an answer.
    #[error(
        "{hub} closes the door without an answer: the hub is full. Try again when somebody has left, or ask for one with more places"
    )]
    Full {
        /// Who it was.
        hub: SocketAddr,
    },
    /// A JackTrip hub says no.
    #[error("{}", denied(*.hub, *.reply))]
    Denied {
        /// Who it was.
        hub: SocketAddr,
        /// What it said.
        reply: Reply,
    },
    /// The answer is none that a hub gives.
    #[error("what answers at {hub} is no JackTrip hub: is the port right?")]
    NoHub {
        /// Who it was.
        hub: SocketAddr,
    },
}

impl LogInError {
    /// Whether somebody may be there a little later: the hub is being started, or the way there comes back.
    pub const fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::NobodyListens { .. } | Self::NoConnection { .. } | Self::Unreachable { .. }
        )
    }

    /// Whether there is a hub, which does not let us in.
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::Denied { .. })
    }
}

fn denied(hub: SocketAddr, reply: Reply) -> String {
    match reply {
        Reply::AuthenticationRequired => format!(
            "the hub at {hub} lets in only users with a password, and logging in with one is not there yet: ask its host for a hub without (no -A)"
        ),
        other => format!("the hub at {hub} answers {other:?}, which was not asked for"),
    }
}

/// Knocks once and gives the hub's UDP port for us. Blocks for [`CONNECT_PATIENCE`] and [`REPLY_PATIENCE`] at most.
///
/// # Errors
/// [`LogInError`].
pub fn log_in(hub: SocketAddr, hello: &Hello) -> Result<u16, LogInError> {
    let mut stream = connect(hub)?;
    let answer = converse(&mut stream, hello).map_err(|error| match error.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => LogInError::Silent { hub },
        ErrorKind::InvalidData => LogInError::NoHub { hub },
        _ => LogInError::Full { hub },
    })?;
    match Reply::parse(answer) {
        Reply::Port(port @ 1..) => Ok(port),
        Reply::Port(0) | Reply::Unknown(_) => Err(LogInError::NoHub { hub }),
        reply => Err(LogInError::Denied { hub, reply }),
    }
}

fn connect(hub: SocketAddr) -> Result<TcpStream, LogInError> {
    TcpStream::connect_timeout(&hub, CONNECT_PATIENCE).map_err(|source| match source.kind() {
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => {
            LogInError::NobodyListens { hub }
        }
        ErrorKind::TimedOut | ErrorKind::WouldBlock => LogInError::NoConnection { hub },
        _ => LogInError::Unreachable { hub, source },
    })
}

/// The hello in one piece, as JackTrip's hubs want it; then four bytes. `InvalidData`: fewer came.
fn converse(stream: &mut TcpStream, hello: &Hello) -> io::Result<[u8; Reply::LEN]> {
    let until = Instant::now() + REPLY_PATIENCE;
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(REPLY_PATIENCE))?;
    stream.write_all(&hello.to_bytes())?;
    let mut answer = [0; Reply::LEN];
    let mut got = 0;
    while got < answer.len() {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut answer[got..]) {
            Ok(0) if got == 0 => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(0) => return Err(ErrorKind::InvalidData.into()),
            Ok(more) => got += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(answer)
}

/// How long the connection may take.
pub const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

/// How long a hub may think.
pub const REPLY_PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    use farsend_wire::jacktrip::Name;

    use super::*;

    const HELLO: Hello = Hello {
        port: 4464,
        name: Name::EMPTY,
    };

    /// Somebody who reads a hello, gives this answer, and closes.
    fn hub(answer: &'static [u8]) -> (SocketAddr, JoinHandle<Vec<u8>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let serve = move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut said = [0; 200];
            let len = stream.read(&mut said).unwrap();
            for byte in answer {
                stream.write_all(&[*byte]).unwrap();
                std::thread::sleep(Duration::from_millis(5));
            }
            said[..len].to_vec()
        };
        (address, std::thread::spawn(serve))
    }

    #[test]
    fn the_hello_comes_in_one_piece_and_the_port_back() {
        let (address, hub) = hub(&[0x4a, 0xee, 0, 0]);
        assert_eq!(log_in(address, &HELLO).unwrap(), 61_002);
        assert_eq!(hub.join().unwrap(), HELLO.to_bytes());
    }

    #[test]
    fn each_refusal_has_a_sentence_of_its_own() {
        let mut sentences = Vec::new();
        for (answer, refusal, word) in [
            (&[][..], true, "full"),
            (&[0, 0, 2, 0], true, "password"),
            (&[0, 0, 3, 0], true, "NotRequired"),
            (&[0, 0, 0, 0], false, "no JackTrip hub"),
            (b"HTTP", false, "no JackTrip hub"),
            (&[1, 2], false, "no JackTrip hub"),
        ] {
            let (address, hub) = hub(answer);
            let error = log_in(address, &HELLO).unwrap_err();
            let sentence = error.to_string();
            assert!(sentence.contains(word), "{answer:?}: {sentence}");
            assert_eq!(error.is_refusal(), refusal, "{sentence}");
            assert!(!error.may_pass(), "{sentence}");
            sentences.push(sentence);
            hub.join().unwrap();
        }
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let error = log_in(address, &HELLO).unwrap_err();
        assert!(error.may_pass(), "{error}");
        assert!(error.to_string().contains("nothing listens"), "{error}");
    }
}
