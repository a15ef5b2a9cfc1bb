//! How long the way to a host and back takes, by ICMP echo: for those who answer nothing of ours.
//!
//! Linux lets everybody in `net.ipv4.ping_group_range` send echoes through a datagram socket of the protocol ICMP; it fills in
//! identifier and checksum, and hands over the answers to our own only. Source: RFC 792, RFC 4443, `icmp(7)`.

use std::io::{self, Read as _};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

/// Sounds the way to a host, from a thread of its own, until it is dropped.
#[derive(Debug)]
pub struct Echo {
    host: IpAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// The shortest of the last round trips, in nanoseconds; 0: none.
    shortest: AtomicU64,
    stop: AtomicBool,
}

impl Echo {
    /// Begins to sound the way.
    ///
    /// # Errors
    /// The system's: echoes may not be allowed to us.
    pub fn start(host: IpAddr) -> io::Result<Self> {
        let (domain, protocol) = match host {
            IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
            IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
        };
        let socket = Socket::new(domain, Type::DGRAM, Some(protocol))?;
        socket.connect(&SocketAddr::new(host, 0).into())?;
        socket.set_read_timeout(Some(TURN))?;
        let shared = Arc::<Shared>::default();
        let theirs = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("farsend-echo".into())
            .spawn(move || sound(&socket, host, &theirs))?;
        Ok(Self { host, shared })
    }

    /// Whose way it is.
    pub fn host(&self) -> IpAddr {
        self.host
    }

    /// The shortest round trip of the last half minute or so; none if nothing came back.
    pub fn round_trip(&self) -> Option<Duration> {
        match self.shared.shortest.load(Relaxed) {
            0 => None,
            nanos => Some(Duration::from_nanos(nanos)),
        }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        // It ends by itself within a turn, and holds nothing that anybody waits for.
        self.shared.stop.store(true, Relaxed);
    }
}

fn sound(socket: &Socket, host: IpAddr, shared: &Shared) {
    let mut last = [0u64; KEPT];
    for number in (0..=u16::MAX).cycle() {
        let sent = Instant::now();
        let came = socket.send(&request(host, number)).is_ok()
            && answered(socket, host, number, sent, shared);
        let took = u64::try_from(sent.elapsed().as_nanos()).unwrap_or(u64::MAX);
        last[usize::from(number) % KEPT] = if came { took.max(1) } else { 0 };
        let shortest = last.into_iter().filter(|took| *took > 0).min();
        shared.shortest.store(shortest.unwrap_or(0), Relaxed);
        let next = sent + if number < SOON { A_SECOND } else { EVERY };
        while Instant::now() < next {
            if shared.stop.load(Relaxed) {
                return;
            }
            std::thread::sleep(TURN);
        }
    }
}

/// Waits for the answer to this one, for a second at most.
fn answered(socket: &Socket, host: IpAddr, number: u16, sent: Instant, shared: &Shared) -> bool {
    let mut buffer = [0; 64];
    let mut socket = socket;
    while sent.elapsed() < A_SECOND && !shared.stop.load(Relaxed) {
        match socket.read(&mut buffer) {
            Ok(length) if is_answer(host, number, &buffer[..length]) => return true,
            Ok(_) => {}
            Err(error) if is_nothing_yet(&error) => {}
            // Such as that the host cannot be reached.
            Err(_) => return false,
        }
    }
    false
}

fn is_nothing_yet(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}

/// An echo request; the system fills in the rest.
fn request(host: IpAddr, number: u16) -> [u8; LENGTH] {
    let [high, low] = number.to_be_bytes();
    let kind = if host.is_ipv4() { 8 } else { 128 };
    let mut message = [0; LENGTH];
    message[0] = kind;
    (message[6], message[7]) = (high, low);
    message[8..].copy_from_slice(MARK);
    message
}

/// Whether it is the answer to this request.
fn is_answer(host: IpAddr, number: u16, message: &[u8]) -> bool {
    let kind = if host.is_ipv4() { 0 } else { 129 };
    let [high, low] = number.to_be_bytes();
    matches!(message, [first, 0, _, _, _, _, h, l, rest @ ..]
        if *first == kind && (*h, *l) == (high, low) && rest == MARK)
}

/// What is sent along and comes back.
const MARK: &[u8; 8] = b"farsend?";
const LENGTH: usize = 8 + MARK.len();
/// Round trips of which the shortest counts.
const KEPT: usize = 6;
/// The first come faster.
const SOON: u16 = 3;
const A_SECOND: Duration = Duration::from_secs(1);
const EVERY: Duration = Duration::from_secs(5);
/// How fast it ends.
const TURN: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    #[test]
    fn only_the_answer_to_this_very_request_is_one() {
        for (host, kind) in [
            (IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            (IpAddr::V6(Ipv6Addr::LOCALHOST), 129),
        ] {
            let mut answer = request(host, 513);
            assert!(!is_answer(host, 513, &answer), "the request itself is none");
            answer[0] = kind;
            // Checksum and identifier are the system's business.
            answer[2..6].copy_from_slice(&[1, 2, 3, 4]);
            assert!(is_answer(host, 513, &answer));
            assert!(!is_answer(host, 514, &answer));
            for length in 0..answer.len() {
                assert!(!is_answer(host, 513, &answer[..length]), "{length}");
            }
            let longer = [&answer[..], b"!"].concat();
            assert!(!is_answer(host, 513, &longer));
            for place in [0, 1, 6, 7, 8, 15] {
                let mut other = answer;
                other[place] ^= 1;
                assert!(!is_answer(host, 513, &other), "{place}");
            }
        }
    }
}
