//! A log-in at a hub over TCP: one hello, one answer; or, at a hub that knows its users, more of both inside TLS.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use farsend_wire::jacktrip::{Hello, LogIn, Reply};
use thiserror::Error;

use super::fingerprint::Fingerprint;
use super::tls;
use crate::credentials::Credentials;

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
        "{hub} closes the door without an answer: the hub is full, or its host does not let us in for a while. Try again later, or ask them"
    )]
    Full {
        /// Who it was.
        hub: SocketAddr,
    },
    /// The host of a Farsend hub has sent us away.
    #[error(
        "the host of the hub at {hub} has sent us away, and lets us in again in {} min: ask them why, and come back then", seconds.div_ceil(60)
    )]
    SentAway {
        /// Who it was.
        hub: SocketAddr,
        /// For so long.
        seconds: u32,
    },
    /// A JackTrip hub says no.
    #[error("{}", denied(*.hub, *.reply))]
    Denied {
        /// Who it was.
        hub: SocketAddr,
        /// What it said.
        reply: Reply,
    },
    /// A hub of before there were users, or something else that lets in anybody.
    #[error(
        "the hub at {hub} does not know users with passwords: it is an older one. To play there all the same, leave --user away"
    )]
    TooOld {
        /// Who it was.
        hub: SocketAddr,
    },
    /// The connection was closed before the hub said anything of user and password.
    #[error(
        "the hub at {hub} closes the door during the log-in: it is full, its host does not let us in for a while, or there were too many wrong passwords from here. Try again in a minute, or ask them"
    )]
    ShutOut {
        /// Who it was.
        hub: SocketAddr,
    },
    /// It shows another certificate than it should.
    #[error(
        "the hub at {hub} has a certificate of another fingerprint than it should, so it may be somebody else; the password was not sent. It shows {met}, wanted is {wanted}. Ask the hub's host which is right"
    )]
    OtherCertificate {
        /// Who it was.
        hub: SocketAddr,
        /// The certificate it shows.
        met: Fingerprint,
        /// The one it should.
        wanted: Fingerprint,
    },
    /// There is no common way to encrypt.
    #[error("the log-in at {hub} cannot be encrypted: {why}")]
    NoTls {
        /// Who it was.
        hub: SocketAddr,
        /// What is wrong.
        why: String,
    },
    /// What was typed cannot be sent.
    #[error(
        "a user's name and a password have at most {} bytes each",
        LogIn::MAX_TEXT
    )]
    TooLong,
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
        matches!(
            self,
            Self::Full { .. }
                | Self::SentAway { .. }
                | Self::Denied { .. }
                | Self::TooOld { .. }
                | Self::ShutOut { .. }
        )
    }

    /// Whether it is about this user, their password or their time.
    pub const fn is_about_the_user(&self) -> bool {
        use Reply::{NotAtThisTime, WrongCredentials};
        matches!(
            self,
            Self::TooLong
                | Self::Denied {
                    reply: WrongCredentials | NotAtThisTime,
                    ..
                }
        )
    }
}

fn denied(hub: SocketAddr, reply: Reply) -> String {
    match reply {
        Reply::AuthenticationRequired => format!(
            "the hub at {hub} lets in only users with a password: ask its host for one, and say --user NAME"
        ),
        Reply::NotRequired => format!(
            "the hub at {hub} lets in everybody and takes no password: to play there, leave --user away"
        ),
        Reply::WrongCredentials => format!(
            "the hub at {hub} knows no such user with this password: check both, upper and lower case too"
        ),
        Reply::NotAtThisTime => format!(
            "user and password are right, but the hub at {hub} does not let this user in at this time, or its host has sent us away: ask them when"
        ),
        other => format!("the hub at {hub} answers {other:?}, which was not asked for"),
    }
}

/// How a hub has let us in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entrance {
    /// The hub's UDP port for us.
    pub port: u16,
    /// Its certificate, if it asked who we are.
    pub certificate: Option<Fingerprint>,
}

/// Knocks once, as a user if there are `credentials`. Blocks for [`CONNECT_PATIENCE`] and [`REPLY_PATIENCE`] at most,
/// and for [`REPLY_PATIENCE`] once more with credentials.
///
/// # Errors
/// [`LogInError`].
pub fn log_in(
    hub: SocketAddr,
    hello: &Hello,
    credentials: Option<&Credentials>,
) -> Result<Entrance, LogInError> {
    let mut stream = Patient::new(connect(hub)?);
    let Some(credentials) = credentials else {
        let answer = ask(&mut stream, hub, &hello.to_bytes())?;
        return enter(hub, answer, None);
    };
    match Reply::parse(ask(
        &mut stream,
        hub,
        &Reply::PleaseAuthenticate.to_bytes(),
    )?) {
        Reply::PleaseAuthenticate => {}
        Reply::Port(port @ 1..) => {
            // As JackTrip does, so that the old hub has not to wait for a player who will not come.
            set_free(SocketAddr::new(hub.ip(), port));
            return Err(LogInError::TooOld { hub });
        }
        Reply::Port(0) | Reply::Unknown(_) => return Err(LogInError::NoHub { hub }),
        reply => return Err(LogInError::Denied { hub, reply }),
    }
    stream.begin_anew();
    let (answer, certificate) = tls::introduce(&mut stream, hub, hello, credentials)?;
    enter(hub, answer, Some(certificate))
}

fn enter(
    hub: SocketAddr,
    answer: [u8; Reply::LEN],
    certificate: Option<Fingerprint>,
) -> Result<Entrance, LogInError> {
    match Reply::parse(answer) {
        Reply::Port(port @ 1..) => Ok(Entrance { port, certificate }),
        Reply::Port(0) | Reply::Unknown(_) => Err(LogInError::NoHub { hub }),
        reply => Err(LogInError::Denied { hub, reply }),
    }
}

/// One datagram as long as a header; whether it arrives is no matter.
fn set_free(hub: SocketAddr) {
    let any: IpAddr = match hub {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    if let Ok(socket) = UdpSocket::bind((any, 0)) {
        _ = socket.send_to(&[1; 16], hub);
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

/// Says something in one piece, as JackTrip's hubs want it, and waits for four bytes.
fn ask(
    stream: &mut Patient,
    hub: SocketAddr,
    words: &[u8],
) -> Result<[u8; Reply::LEN], LogInError> {
    converse(stream, words).map_err(|error| match error.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => LogInError::Silent { hub },
        ErrorKind::InvalidData => LogInError::NoHub { hub },
        _ => LogInError::Full { hub },
    })
}

/// `InvalidData`: fewer than four came.
fn converse(stream: &mut Patient, words: &[u8]) -> io::Result<[u8; Reply::LEN]> {
    stream.write_all(words)?;
    let mut answer = [0; Reply::LEN];
    let mut got = 0;
    while got < answer.len() {
        match stream.read(&mut answer[got..]) {
            Ok(0) if got == 0 => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(0) => return Err(ErrorKind::InvalidData.into()),
            Ok(more) => got += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if got > 0 && error.kind() == ErrorKind::ConnectionReset => {
                return Err(ErrorKind::InvalidData.into());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(answer)
}

/// A stream that blocks for [`REPLY_PATIENCE`] in all, however the other end deals its bytes out.
struct Patient {
    stream: TcpStream,
    until: Instant,
}

impl Patient {
    fn new(stream: TcpStream) -> Self {
        // Without it, it is a little slower.
        _ = stream.set_nodelay(true);
        let until = Instant::now() + REPLY_PATIENCE;
        Self { stream, until }
    }

    fn begin_anew(&mut self) {
        self.until = Instant::now() + REPLY_PATIENCE;
    }

    fn left(&self) -> io::Result<Duration> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        Ok(left)
    }
}

impl Read for Patient {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        self.stream.read(bytes)
    }
}

impl Write for Patient {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// How long the connection may take.
pub const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

/// How long a hub may think.
const REPLY_PATIENCE: Duration = Duration::from_secs(10);

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
        let entrance = log_in(address, &HELLO, None).unwrap();
        assert_eq!(
            entrance,
            Entrance {
                port: 61_002,
                certificate: None
            }
        );
        assert_eq!(hub.join().unwrap(), HELLO.to_bytes());
    }

    #[test]
    fn each_refusal_has_a_sentence_of_its_own() {
        let mut sentences = Vec::new();
        for (answer, refusal, word) in [
            (&[][..], true, "full"),
            (&[0, 0, 2, 0], true, "password"),
            (&[0, 0, 3, 0], true, "lets in everybody"),
            (&[0, 0, 0, 0], false, "no JackTrip hub"),
            (b"HTTP", false, "no JackTrip hub"),
            (&[1, 2], false, "no JackTrip hub"),
        ] {
            let (address, hub) = hub(answer);
            let error = log_in(address, &HELLO, None).unwrap_err();
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
        let error = log_in(address, &HELLO, None).unwrap_err();
        assert!(error.may_pass(), "{error}");
        assert!(error.to_string().contains("nothing listens"), "{error}");
    }
}
