//! One UDP socket of audio: datagrams out at once, datagrams in with the time they reached the machine.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use farsend_units::MonoTime;
use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;

use super::{Outlet, port_owner};

/// Why a socket could not be had.
#[derive(Debug, Error)]
pub enum BindError {
    /// Another program has the port.
    #[error("UDP port {port} is taken{}. Choose another port with {option}, or end that program", owner_text(.owner, *.port))]
    PortBusy {
        /// The port wanted.
        port: u16,
        /// The program that has it, where the system tells.
        owner: Option<String>,
        /// What chooses another.
        option: &'static str,
    },
    /// The system says no for another reason.
    #[error("no UDP socket on port {port}: {source}")]
    System {
        /// The port wanted.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
}

fn owner_text(owner: &Option<String>, port: u16) -> String {
    match owner {
        Some(owner) => format!(" by {owner}"),
        None => format!(" by another program (`ss -ulpn sport = :{port}` names it)"),
    }
}

impl BindError {
    /// The same for a port that is chosen by another option.
    #[must_use]
    pub fn chosen_by(self, option: &'static str) -> Self {
        match self {
            Self::PortBusy { port, owner, .. } => Self::PortBusy {
                port,
                owner,
                option,
            },
            other => other,
        }
    }
}

/// What a look into the socket found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received<'a> {
    /// A datagram.
    Datagram {
        /// When the kernel took it in.
        at: MonoTime,
        /// Its sender.
        from: SocketAddr,
        /// Its bytes.
        payload: &'a [u8],
    },
    /// Word from the network that a datagram of ours found nobody listening.
    Refused,
    /// Nothing more for now.
    Nothing,
}

/// The socket of one session, owned by its audio thread. Nothing here blocks or allocates after
/// [`AudioSocket::bind`].
#[derive(Debug)]
pub struct AudioSocket {
    socket: UdpSocket,
    mapped: bool,
    payload: Box<[u8]>,
    #[cfg(target_os = "linux")]
    ancillary: Vec<u8>,
    #[cfg(target_os = "linux")]
    wall_offset: i128,
}

impl AudioSocket {
    /// Binds `port` on every address of the family of `remote`, or of both families without one.
    ///
    /// Audio is marked as expedited (DSCP 46, as JackTrip 1.7 does) where the system lets us.
    ///
    /// # Errors
    /// [`BindError`]; a busy port names the program that has it, where that can be found out.
    pub fn bind(port: u16, remote: Option<SocketAddr>) -> Result<Self, BindError> {
        let bound = match remote {
            Some(remote) => bind_family(port, remote.is_ipv6(), true).and_then(Self::of),
            None => Self::try_bind(port),
        };
        bound.map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => BindError::PortBusy {
                port,
                owner: port_owner::find(port),
                option: "--bind-port",
            },
            _ => BindError::System { port, source },
        })
    }

    /// The same on every address of both families, for one who does not care who has a busy port: there is a next.
    ///
    /// # Errors
    /// What the system says.
    pub fn try_bind(port: u16) -> io::Result<Self> {
        let bound = match bind_family(port, true, false) {
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
                bind_family(port, false, true)
            }
            bound => bound,
        };
        bound.and_then(Self::of)
    }

    fn of(socket: UdpSocket) -> io::Result<Self> {
        let mapped = socket.local_addr()?.is_ipv6();
        Ok(Self {
            socket,
            mapped,
            payload: vec![0; LARGEST_PAYLOAD].into(),
            #[cfg(target_os = "linux")]
            ancillary: nix::cmsg_space!(nix::sys::time::TimeSpec),
            #[cfg(target_os = "linux")]
            wall_offset: 0,
        })
    }

    /// A second handle to the same socket, to send with.
    ///
    /// # Errors
    /// When the process may have no more of them.
    pub fn try_clone(&self) -> io::Result<SendHandle> {
        Ok(SendHandle {
            socket: self.socket.try_clone()?,
            mapped: self.mapped,
        })
    }

    /// Whether IPv4 addresses are to be given to the system as those of IPv6.
    pub fn is_mapped(&self) -> bool {
        self.mapped
    }

    /// What comes back for datagrams that found nobody is not told any more: for a socket with many peers.
    pub fn ignore_refusals(&self) {
        #[cfg(target_os = "linux")]
        {
            use nix::sys::socket::{setsockopt, sockopt};
            _ = setsockopt(&self.socket, sockopt::Ipv6RecvErr, &false);
            _ = setsockopt(&self.socket, sockopt::Ipv4RecvErr, &false);
        }
    }

    /// The port that we are bound to.
    ///
    /// # Errors
    /// Whatever the system says.
    pub fn port(&self) -> io::Result<u16> {
        Ok(self.socket.local_addr()?.port())
    }

    /// Sends one datagram. `false`: the system would not take it now, and it is lost.
    pub fn send(&self, to: SocketAddr, payload: &[u8]) -> bool {
        send_to(&self.socket, self.mapped, to, payload)
    }

    /// Prepares to receive: reads the two clocks that kernel stamps are converted with. Once a period.
    #[cfg(target_os = "linux")]
    pub fn begin(&mut self, now: MonoTime) {
        let wall = nix::time::clock_gettime(nix::time::ClockId::CLOCK_REALTIME);
        if let Ok(wall) = wall {
            self.wall_offset = i128::from(now.as_nanos()) - nanos_of(wall);
        }
    }

    /// Prepares to receive. Once a period.
    #[cfg(not(target_os = "linux"))]
    pub fn begin(&mut self, _now: MonoTime) {}

    /// Takes the next datagram, if there is one.
    #[cfg(target_os = "linux")]
    pub fn receive(&mut self, now: MonoTime) -> Received<'_> {
        use std::os::fd::AsRawFd;

        use nix::errno::Errno;
        use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg};

        let fd = self.socket.as_raw_fd();
        let mut iov = [io::IoSliceMut::new(&mut self.payload)];
        let got = recvmsg::<SockaddrStorage>(
            fd,
            &mut iov,
            Some(&mut self.ancillary),
            MsgFlags::MSG_DONTWAIT,
        );
        let (length, from, stamp) = match got {
            Ok(message) => {
                let stamp = message.cmsgs().ok().and_then(|mut all| {
                    all.find_map(|one| match one {
                        ControlMessageOwned::ScmTimestampns(stamp) => Some(stamp),
                        _ => None,
                    })
                });
                (
                    message.bytes,
                    message.address.as_ref().and_then(address_of),
                    stamp,
                )
            }
            Err(Errno::ECONNREFUSED | Errno::EHOSTUNREACH | Errno::ENETUNREACH) => {
                drain_one_error(fd);
                return Received::Refused;
            }
            Err(_) => return Received::Nothing,
        };
        let Some(from) = from else {
            return Received::Nothing;
        };
        let at = stamp.map_or(now, |stamp| self.stamped(now, stamp));
        Received::Datagram {
            at,
            from: plain(from),
            payload: &self.payload[..length],
        }
    }

    /// Takes the next datagram, if there is one.
    #[cfg(not(target_os = "linux"))]
    pub fn receive(&mut self, now: MonoTime) -> Received<'_> {
        match self.socket.recv_from(&mut self.payload) {
            Ok((length, from)) => Received::Datagram {
                at: now,
                from: plain(from),
                payload: &self.payload[..length],
            },
            Err(error)
                if error.kind() == io::ErrorKind::ConnectionRefused
                    || error.kind() == io::ErrorKind::ConnectionReset =>
            {
                Received::Refused
            }
            Err(_) => Received::Nothing,
        }
    }

    /// A kernel stamp on our clock. One that lies in the future or far back means that the wall clock
    /// was set in between: then `now` is the better guess.
    #[cfg(target_os = "linux")]
    fn stamped(&self, now: MonoTime, stamp: nix::sys::time::TimeSpec) -> MonoTime {
        self.on_our_clock(now, nanos_of(stamp))
    }

    /// The same of a stamp in nanoseconds since the Unix epoch.
    #[cfg(target_os = "linux")]
    pub fn on_our_clock(&self, now: MonoTime, stamp: i128) -> MonoTime {
        let at = u64::try_from(stamp + self.wall_offset).unwrap_or(0);
        let at = MonoTime::from_nanos(at);
        let plausible = at <= now && now.since(at).as_secs() < 1;
        if plausible { at } else { now }
    }
}

impl std::os::fd::AsFd for AudioSocket {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A handle that only sends, so that sending does not need the receiving end.
#[derive(Debug)]
pub struct SendHandle {
    socket: UdpSocket,
    mapped: bool,
}

impl Outlet for SendHandle {
    fn send(&self, to: SocketAddr, payload: &[u8]) -> bool {
        send_to(&self.socket, self.mapped, to, payload)
    }
}

fn send_to(socket: &UdpSocket, mapped: bool, to: SocketAddr, payload: &[u8]) -> bool {
    let to = match to {
        SocketAddr::V4(v4) if mapped => (v4.ip().to_ipv6_mapped(), v4.port()).into(),
        to => to,
    };
    // A refusal that came in since is reported by this call instead of sending: try once more.
    match socket.send_to(payload, to) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            socket.send_to(payload, to).is_ok()
        }
        sent => sent.is_ok(),
    }
}

fn bind_family(port: u16, v6: bool, only: bool) -> io::Result<UdpSocket> {
    let (domain, any): (_, IpAddr) = if v6 {
        (Domain::IPV6, Ipv6Addr::UNSPECIFIED.into())
    } else {
        (Domain::IPV4, Ipv4Addr::UNSPECIFIED.into())
    };
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    if v6 {
        socket.set_only_v6(only)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from((any, port)).into())?;
    mark_as_audio(&socket, v6);
    Ok(socket.into())
}

/// Marks and buffers are a help, not a need: what the system refuses is left as it is.
fn mark_as_audio(socket: &Socket, v6: bool) {
    _ = socket.set_tos_v4(EXPEDITED_FORWARDING);
    _ = socket.set_recv_buffer_size(SOCKET_BUFFER);
    _ = socket.set_send_buffer_size(SOCKET_BUFFER);
    #[cfg(target_os = "linux")]
    {
        use nix::sys::socket::{setsockopt, sockopt};
        if v6 {
            _ = socket.set_tclass_v6(EXPEDITED_FORWARDING);
            _ = setsockopt(socket, sockopt::Ipv6RecvErr, &true);
        }
        _ = setsockopt(socket, sockopt::Ipv4RecvErr, &true);
        _ = setsockopt(socket, sockopt::Priority, &INTERACTIVE_PRIORITY);
        _ = setsockopt(socket, sockopt::ReceiveTimestampns, &true);
    }
    let _ = v6;
}

/// `::ffff:a.b.c.d` as `a.b.c.d`.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(target_os = "linux")]
fn nanos_of(stamp: nix::sys::time::TimeSpec) -> i128 {
    i128::from(stamp.tv_sec()) * 1_000_000_000 + i128::from(stamp.tv_nsec())
}

#[cfg(target_os = "linux")]
fn address_of(storage: &nix::sys::socket::SockaddrStorage) -> Option<SocketAddr> {
    storage
        .as_sockaddr_in()
        .map(|v4| SocketAddr::from((v4.ip(), v4.port())))
        .or_else(|| {
            storage
                .as_sockaddr_in6()
                .map(|v6| SocketAddr::from((v6.ip(), v6.port())))
        })
}

/// Takes the report that belongs to an error off the socket, so that reports do not pile up.
#[cfg(target_os = "linux")]
fn drain_one_error(fd: std::os::fd::RawFd) {
    use nix::sys::socket::{MsgFlags, recvmsg};
    let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
    _ = recvmsg::<()>(fd, &mut [io::IoSliceMut::new(&mut [0; 64])], None, flags);
}

/// The most that UDP can carry.
const LARGEST_PAYLOAD: usize = 65_535;

/// DSCP 46, "expedited forwarding", as the type-of-service byte holds it.
const EXPEDITED_FORWARDING: u32 = 0xb8;

/// The highest socket priority that needs no privilege (socket(7)).
#[cfg(target_os = "linux")]
const INTERACTIVE_PRIORITY: i32 = 6;

/// Room for half a second of a wide session while the audio thread is held up.
const SOCKET_BUFFER: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use super::{AudioSocket, BindError, Received};
    use farsend_rt::clock;

    fn local(port: u16) -> SocketAddr {
        ([127, 0, 0, 1], port).into()
    }

    fn next(socket: &mut AudioSocket) -> Option<(SocketAddr, Vec<u8>)> {
        for _ in 0..100 {
            let now = clock::now();
            socket.begin(now);
            match socket.receive(now) {
                Received::Datagram { at, from, payload } => {
                    assert!(at <= now && now.since(at) < Duration::from_millis(500));
                    return Some((from, payload.to_vec()));
                }
                Received::Refused => return None,
                Received::Nothing => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        None
    }

    #[test]
    fn a_datagram_arrives_with_its_sender_as_plain_ipv4() {
        let mut server = AudioSocket::bind(0, None).unwrap();
        let client = AudioSocket::bind(0, Some(local(1))).unwrap();
        assert!(client.send(local(server.port().unwrap()), b"hello"));
        let (from, payload) = next(&mut server).unwrap();
        assert_eq!(from, local(client.port().unwrap()));
        assert_eq!(payload, b"hello");
        assert!(server.send(from, b"back"));
    }

    #[test]
    fn a_busy_port_names_the_program_that_has_it() {
        let first = AudioSocket::bind(0, None).unwrap();
        let port = first.port().unwrap();
        match AudioSocket::bind(port, Some(local(1))) {
            Err(BindError::PortBusy {
                port: busy, owner, ..
            }) => {
                assert_eq!(busy, port);
                if cfg!(target_os = "linux") {
                    let owner = owner.unwrap();
                    assert!(
                        owner.contains(&format!("pid {}", std::process::id())),
                        "{owner}"
                    );
                }
            }
            other => panic!("{other:?}"),
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_port_without_a_listener_is_reported_as_refused() {
        let free = AudioSocket::bind(0, Some(local(1)))
            .unwrap()
            .port()
            .unwrap();
        let mut client = AudioSocket::bind(0, Some(local(1))).unwrap();
        assert!(client.send(local(free), b"anyone"));
        std::thread::sleep(Duration::from_millis(20));
        let now = clock::now();
        assert_eq!(client.receive(now), Received::Refused);
        assert_eq!(client.receive(now), Received::Nothing);
    }
}
