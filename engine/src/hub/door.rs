//! Where players log in, over TCP: one thread, any number of visitors, each with little time and few bytes.
//!
//! Where users have passwords, those who ask to say theirs are handed to the [`Porter`] and its thread.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use farsend_protocol::jacktrip::{Greeter, Greeting, NAME_PATIENCE};
use farsend_rt::tcp;
use farsend_wire::jacktrip::{Hello, Reply};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;

use super::auth::{Auth, Porter};
use super::fair::{crowd, network};
use super::tidings::Tidings;

/// The listener and those who are being greeted.
#[derive(Debug)]
pub(super) struct Door {
    listener: TcpListener,
    /// Those who came first are first.
    visitors: Vec<Visitor>,
    /// Where users have passwords.
    porter: Option<Porter>,
    tidings: Vec<Tidings>,
    /// From which hosts somebody has come of late, and the round trip to there.
    trips: VecDeque<(IpAddr, Duration)>,
}

/// What is said to one who wants in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// Come in: audio goes to this UDP port.
    Port(u16),
    /// There is no place.
    Full,
    /// They may not come for a while.
    NotNow,
    /// They are asked about again, until it has taken too long.
    Later,
}

/// Says what to answer one of this host who says this and, where users have passwords, is this user.
pub(super) type Welcome<'a> = dyn FnMut(IpAddr, &Hello, Option<&str>) -> Answer + 'a;

#[derive(Debug)]
struct Visitor {
    stream: TcpStream,
    host: IpAddr,
    greeter: Greeter,
    came: Instant,
    heard: Instant,
    /// Bytes that came.
    taken: usize,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// Until the hello is there.
    Speaks,
    /// Until there is a place.
    Waits(Hello),
    /// On to TLS, with what came already.
    Authenticates(Vec<u8>),
}

/// Why there is no door.
#[derive(Debug, Error)]
pub enum DoorError {
    /// Another program has the port.
    #[error(
        "TCP port {port} is taken: is another hub running? End it, or choose another port with --port"
    )]
    PortBusy {
        /// The port wanted.
        port: u16,
    },
    /// The system.
    #[error("the system refuses TCP port {port}: {source}")]
    System {
        /// The port wanted.
        port: u16,
        /// Its answer.
        source: io::Error,
    },
}

impl Door {
    /// Listens at the port on all addresses. With `auth`, only users are let in.
    ///
    /// # Errors
    /// [`DoorError`].
    pub(super) fn open(port: u16, auth: Option<Auth>) -> Result<Self, DoorError> {
        let opened = listen(port, true).or_else(|error| match error.kind() {
            ErrorKind::AddrInUse => Err(error),
            // No IPv6 here.
            _ => listen(port, false),
        });
        let listener = opened.map_err(|source| match source.kind() {
            ErrorKind::AddrInUse => DoorError::PortBusy { port },
            _ => DoorError::System { port, source },
        })?;
        let porter = auth.map(Porter::start).transpose();
        Ok(Self {
            listener,
            visitors: Vec::new(),
            porter: porter.map_err(|source| DoorError::System { port, source })?,
            tidings: Vec::new(),
            trips: VecDeque::new(),
        })
    }

    pub(super) fn port(&self) -> u16 {
        self.listener
            .local_addr()
            .map_or(0, |address| address.port())
    }

    /// Waits for at most `patience`, greets who is there, and calls `welcome` for each who has said
    /// hello and, where that is asked for, who they are.
    pub(super) fn attend(&mut self, patience: Duration, welcome: &mut Welcome<'_>) {
        self.wait(patience);
        self.accept();
        let now = Instant::now();
        let Self {
            visitors,
            porter,
            tidings,
            ..
        } = self;
        let mut kept = Vec::new();
        for mut visitor in visitors.extract_if(.., |visitor| !visitor.attend(now, welcome)) {
            let is_late = now >= visitor.came + GREETED_WITHIN;
            match (visitor.stage, &porter) {
                (Stage::Waits(_), _) if is_late => {
                    tidings.push(Tidings::NoRoom { host: visitor.host });
                }
                (Stage::Authenticates(early), Some(porter)) if !is_late => {
                    // Who cannot be taken yet stays at the door.
                    if let Err((stream, host, early)) =
                        porter.receive(visitor.stream, visitor.host, early)
                    {
                        (visitor.stream, visitor.host) = (stream, host);
                        visitor.stage = Stage::Authenticates(early);
                        kept.push(visitor);
                    }
                }
                _ => {}
            }
        }
        visitors.splice(..0, kept);
        if let Some(porter) = porter {
            porter.attend(now, welcome);
            tidings.extend(porter.tidings());
        }
    }

    /// What has happened since the last time.
    pub(super) fn tidings(&mut self) -> Vec<Tidings> {
        std::mem::take(&mut self.tidings)
    }

    /// The round trip to this host, as it was when somebody came from there last.
    pub(super) fn round_trip(&self, host: IpAddr) -> Option<Duration> {
        let trip = self.trips.iter().rfind(|(from, _)| *from == host);
        trip.map(|(_, trip)| *trip)
    }

    fn note_trip(&mut self, host: IpAddr, stream: &TcpStream) {
        if let Some(trip) = tcp::round_trip(stream) {
            self.trips.retain(|(from, _)| *from != host);
            if self.trips.len() >= MOST_TRIPS {
                self.trips.pop_front();
            }
            self.trips.push_back((host, trip));
        }
    }

    /// How many are being greeted.
    #[cfg(test)]
    fn visitors(&self) -> usize {
        self.visitors.len()
    }

    fn wait(&self, patience: Duration) {
        let readable = PollFlags::POLLIN;
        let mut all = vec![PollFd::new(self.listener.as_fd(), readable)];
        let speaks = |visitor: &&Visitor| !matches!(visitor.stage, Stage::Authenticates(_));
        let visitors = self.visitors.iter().filter(speaks);
        all.extend(visitors.map(|visitor| PollFd::new(visitor.stream.as_fd(), readable)));
        let patience = PollTimeout::try_from(patience).unwrap_or(PollTimeout::ZERO);
        // Whatever it says: all are looked at.
        _ = poll(&mut all, patience);
    }

    fn accept(&mut self) {
        for _ in 0..ACCEPTED_AT_ONCE {
            let Ok((stream, from)) = self.listener.accept() else {
                return;
            };
            let host = from.ip().to_canonical();
            self.note_trip(host, &stream);
            self.make_room(host);
            if stream.set_nonblocking(true).is_err() {
                continue;
            }
            let now = Instant::now();
            self.visitors.push(Visitor {
                stream,
                host,
                greeter: Greeter::new(self.porter.is_some()),
                came: now,
                heard: now,
                taken: 0,
                stage: Stage::Speaks,
            });
        }
    }

    /// For one more: a crowded host loses its oldest. A hello takes a moment, so that those are hardly ever people.
    fn make_room(&mut self, host: IpAddr) {
        let hosts = self.visitors.iter().map(|visitor| network(visitor.host));
        let oldest = |crowd| {
            let mut all = self.visitors.iter();
            all.position(|one| network(one.host) == crowd)
        };
        if let Some(index) = crowd(hosts, network(host), MOST_VISITORS).and_then(oldest) {
            self.visitors.remove(index);
        }
    }
}

impl Visitor {
    /// Hears what they say and answers. False: that was all.
    fn attend(&mut self, now: Instant, welcome: &mut Welcome<'_>) -> bool {
        if now.duration_since(self.came) >= GREETED_WITHIN {
            return false;
        }
        if matches!(self.stage, Stage::Authenticates(_)) {
            return false;
        }
        let mut bytes = [0; 256];
        let mut came: &[u8] = &[];
        let greeting = match self.stream.read(&mut bytes) {
            Ok(0) => return false,
            Ok(count) => {
                self.heard = now;
                came = bytes.get(..count).unwrap_or_default();
                self.greeter.handle_bytes(came)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if let Stage::Waits(hello) = self.stage {
                    return self.ask(hello, welcome);
                }
                if now.duration_since(self.heard) < NAME_PATIENCE {
                    return true;
                }
                self.heard = now;
                self.greeter.handle_pause()
            }
            Err(_) => return false,
        };
        let before = self.taken;
        self.taken += came.len();
        match greeting {
            Greeting::More => true,
            Greeting::Welcome(hello) => self.ask(hello, welcome),
            Greeting::Say(reply) => {
                self.say(reply);
                if reply == Reply::PleaseAuthenticate {
                    // The first bytes of TLS may have come together with the word.
                    let word = Hello::WORD_LEN.saturating_sub(before);
                    let early = came.get(word..).unwrap_or_default();
                    self.stage = Stage::Authenticates(early.to_vec());
                }
                false
            }
            // More than a hello, of one who waits.
            Greeting::Close if matches!(self.stage, Stage::Waits(_)) => self.taken < MOST_TAKEN,
            Greeting::Close => false,
        }
    }

    /// Whether there is a place for them. False: they have their answer.
    fn ask(&mut self, hello: Hello, welcome: &mut Welcome<'_>) -> bool {
        match welcome(self.host, &hello, None) {
            Answer::Port(port) => self.say(Reply::Port(port)),
            // JackTrip's hub closes without a word where it is full.
            Answer::Full | Answer::NotNow => {}
            Answer::Later => {
                self.stage = Stage::Waits(hello);
                return true;
            }
        }
        self.stage = Stage::Speaks;
        false
    }

    /// Four bytes go into any socket's buffer.
    fn say(&mut self, reply: Reply) {
        _ = self.stream.write_all(&reply.to_bytes());
    }
}

fn listen(port: u16, v6: bool) -> io::Result<TcpListener> {
    let (domain, any): (_, IpAddr) = if v6 {
        (Domain::IPV6, Ipv6Addr::UNSPECIFIED.into())
    } else {
        (Domain::IPV4, Ipv4Addr::UNSPECIFIED.into())
    };
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    if v6 {
        socket.set_only_v6(false)?;
    }
    // A hub that was restarted is not kept out by connections that are still closing.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::from((any, port)).into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// How long a log-in may take.
const GREETED_WITHIN: Duration = Duration::from_secs(10);
/// Hosts whose round trips are kept in mind: those of a moment's log-ins.
const MOST_TRIPS: usize = 256;
/// Visitors at once.
const MOST_VISITORS: usize = 512;
/// Bytes of one who waits; what they say after their hello is of no use.
const MOST_TAKEN: usize = 4096;
const ACCEPTED_AT_ONCE: usize = 64;
const BACKLOG: i32 = 256;

#[cfg(test)]
mod tests {
    use super::*;

    /// What a visitor who says this is answered, within a second.
    fn answered(door: &mut Door, says: &[&[u8]]) -> Vec<u8> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, door.port())).unwrap();
        let attend = |door: &mut Door| {
            door.attend(Duration::from_millis(20), &mut |host, hello, _| {
                assert_eq!(host, IpAddr::from(Ipv4Addr::LOCALHOST));
                match hello.name.as_str() {
                    "full" => Answer::Full,
                    "later" => Answer::Later,
                    _ => Answer::Port(hello.port),
                }
            });
        };
        for bytes in says {
            stream.write_all(bytes).unwrap();
            attend(door);
        }
        stream.set_nonblocking(true).unwrap();
        let mut answer = Vec::new();
        for _ in 0..50 {
            attend(door);
            match stream.read_to_end(&mut answer) {
                Ok(_) => break,
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        answer
    }

    fn hello(name: &str) -> [u8; 68] {
        let name = farsend_wire::jacktrip::Name::new(name);
        Hello { port: 4465, name }.to_bytes()
    }

    #[test]
    fn who_says_hello_gets_a_port_and_who_finds_no_room_nothing() {
        let mut door = Door::open(0, None).unwrap();
        assert_eq!(answered(&mut door, &[&hello("ann")]), [0x71, 0x11, 0, 0]);
        assert_eq!(answered(&mut door, &[&hello("")[..4]]), [0x71, 0x11, 0, 0]);
        assert_eq!(answered(&mut door, &[&hello("full")]), Vec::<u8>::new());
        assert_eq!(door.visitors(), 0);
    }

    #[test]
    fn a_thousand_who_say_nothing_keep_nobody_out_for_long() {
        let mut door = Door::open(0, None).unwrap();
        let mut idle = Vec::new();
        for _ in 0..1000 {
            idle.push(TcpStream::connect((Ipv4Addr::LOCALHOST, door.port())).unwrap());
            door.attend(Duration::ZERO, &mut |_, _, _| Answer::Full);
        }
        assert!(door.visitors() <= crate::hub::fair::share(MOST_VISITORS));
        idle.truncate(10);
        door.attend(Duration::from_millis(20), &mut |_, _, _| Answer::Full);
        assert_eq!(answered(&mut door, &[&hello("ann")]).len(), 4);
    }

    #[test]
    fn who_has_to_wait_is_asked_about_until_there_is_a_place_or_they_go() {
        let mut door = Door::open(0, None).unwrap();
        assert_eq!(answered(&mut door, &[&hello("later")]), Vec::<u8>::new());
        door.attend(Duration::from_millis(20), &mut |_, _, _| Answer::Later);
        assert_eq!(door.visitors(), 0, "they have closed");
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, door.port())).unwrap();
        stream.write_all(&hello("ann")).unwrap();
        let mut asked = 0;
        while asked < 5 {
            door.attend(Duration::from_millis(1), &mut |_, _, _| {
                asked += 1;
                if asked < 5 {
                    Answer::Later
                } else {
                    Answer::Port(4464)
                }
            });
        }
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer, [0x70, 0x11, 0, 0]);
        assert_eq!(door.visitors(), 0);
    }

    #[test]
    fn a_busy_port_is_said_to_be() {
        let door = Door::open(0, None).unwrap();
        assert!(matches!(
            Door::open(door.port(), None),
            Err(DoorError::PortBusy { .. })
        ));
    }
}
