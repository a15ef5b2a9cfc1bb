//! Where players log in, over TCP: one thread, any number of visitors, each with little time and few bytes.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use farsend_protocol::jacktrip::{Greeter, Greeting, NAME_PATIENCE};
use farsend_wire::jacktrip::{Hello, Reply};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;

/// The listener and those who are being greeted.
#[derive(Debug)]
pub(super) struct Door {
    listener: TcpListener,
    visitors: Vec<Visitor>,
    /// Turned away since there were too many at once.
    turned_away: u64,
}

#[derive(Debug)]
struct Visitor {
    stream: TcpStream,
    host: IpAddr,
    greeter: Greeter,
    came: Instant,
    heard: Instant,
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
    /// Listens at the port on all addresses.
    ///
    /// # Errors
    /// [`DoorError`].
    pub(super) fn open(port: u16) -> Result<Self, DoorError> {
        let opened = listen(port, true).or_else(|error| match error.kind() {
            ErrorKind::AddrInUse => Err(error),
            // No IPv6 here.
            _ => listen(port, false),
        });
        let listener = opened.map_err(|source| match source.kind() {
            ErrorKind::AddrInUse => DoorError::PortBusy { port },
            _ => DoorError::System { port, source },
        })?;
        Ok(Self {
            listener,
            visitors: Vec::new(),
            turned_away: 0,
        })
    }

    pub(super) fn port(&self) -> u16 {
        self.listener
            .local_addr()
            .map_or(0, |address| address.port())
    }

    /// Waits for at most `patience`, greets who is there, and calls `welcome` for each who has said
    /// hello: it says which UDP port they get, or none if there is no room.
    pub(super) fn attend(
        &mut self,
        patience: Duration,
        welcome: &mut dyn FnMut(IpAddr, &Hello) -> Option<u16>,
    ) {
        self.wait(patience);
        self.accept();
        let now = Instant::now();
        self.visitors
            .retain_mut(|visitor| visitor.attend(now, welcome));
    }

    /// How many are being greeted.
    #[cfg(test)]
    fn visitors(&self) -> usize {
        self.visitors.len()
    }

    fn wait(&self, patience: Duration) {
        let readable = PollFlags::POLLIN;
        let mut all = vec![PollFd::new(self.listener.as_fd(), readable)];
        let visitors = self.visitors.iter();
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
            let of_host = self.visitors.iter().filter(|one| one.host == host).count();
            if self.visitors.len() >= MOST_VISITORS {
                // The one who has said nothing for longest makes room.
                self.visitors.remove(0);
            }
            if of_host >= MOST_OF_A_HOST || stream.set_nonblocking(true).is_err() {
                self.turned_away += 1;
                continue;
            }
            let now = Instant::now();
            self.visitors.push(Visitor {
                stream,
                host,
                greeter: Greeter::new(false),
                came: now,
                heard: now,
            });
        }
    }
}

impl Visitor {
    /// Hears what they say and answers. False: that was all.
    fn attend(
        &mut self,
        now: Instant,
        welcome: &mut dyn FnMut(IpAddr, &Hello) -> Option<u16>,
    ) -> bool {
        if now.duration_since(self.came) >= GREETED_WITHIN {
            return false;
        }
        let mut bytes = [0; 256];
        let greeting = match self.stream.read(&mut bytes) {
            Ok(0) => return false,
            Ok(count) => {
                self.heard = now;
                self.greeter
                    .handle_bytes(bytes.get(..count).unwrap_or_default())
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if now.duration_since(self.heard) < NAME_PATIENCE {
                    return true;
                }
                self.heard = now;
                self.greeter.handle_pause()
            }
            Err(_) => return false,
        };
        match greeting {
            Greeting::More => true,
            Greeting::Welcome(hello) => {
                // JackTrip's hub closes without a word where it is full.
                if let Some(port) = welcome(self.host, &hello) {
                    self.say(Reply::Port(port));
                }
                false
            }
            Greeting::Say(reply) => {
                self.say(reply);
                false
            }
            Greeting::Close => false,
        }
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
/// Visitors at once, and from one host.
const MOST_VISITORS: usize = 512;
const MOST_OF_A_HOST: usize = 256;
const ACCEPTED_AT_ONCE: usize = 64;
const BACKLOG: i32 = 256;

#[cfg(test)]
mod tests {
    use super::*;

    /// What a visitor who says this is answered, within a second.
    fn answered(door: &mut Door, says: &[&[u8]]) -> Vec<u8> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, door.port())).unwrap();
        let attend = |door: &mut Door| {
            door.attend(Duration::from_millis(20), &mut |host, hello| {
                assert_eq!(host, IpAddr::from(Ipv4Addr::LOCALHOST));
                (hello.name.as_str() != "full").then_some(hello.port)
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
        let mut door = Door::open(0).unwrap();
        assert_eq!(answered(&mut door, &[&hello("ann")]), [0x71, 0x11, 0, 0]);
        assert_eq!(answered(&mut door, &[&hello("")[..4]]), [0x71, 0x11, 0, 0]);
        assert_eq!(answered(&mut door, &[&hello("full")]), Vec::<u8>::new());
        assert_eq!(door.visitors(), 0);
    }

    #[test]
    fn a_thousand_who_say_nothing_keep_nobody_out_for_long() {
        let mut door = Door::open(0).unwrap();
        let mut idle = Vec::new();
        for _ in 0..1000 {
            idle.push(TcpStream::connect((Ipv4Addr::LOCALHOST, door.port())).unwrap());
            door.attend(Duration::ZERO, &mut |_, _| None);
        }
        assert!(door.visitors() <= MOST_OF_A_HOST);
        idle.truncate(10);
        door.attend(Duration::from_millis(20), &mut |_, _| None);
        assert_eq!(answered(&mut door, &[&hello("ann")]).len(), 4);
    }

    #[test]
    fn a_busy_port_is_said_to_be() {
        let door = Door::open(0).unwrap();
        assert!(matches!(
            Door::open(door.port()),
            Err(DoorError::PortBusy { .. })
        ));
    }
}
