//! A UDP port for each player, as JackTrip's hubs have it: the lowest that is free, until the player has gone.
//!
//! A port that was lent before rests for a while, as long as there are others, and is listened to for a moment before it is
//! told: whoever sends there then is somebody else.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use arrayvec::ArrayVec;
use farsend_rt::clock;
use farsend_units::MonoTime;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::net::port_owner;
use crate::net::udp::{AudioSocket, BindError, Received};

/// The range, and which of it is lent. Control thread.
#[derive(Debug)]
pub(super) struct Ports {
    first: u16,
    lent: Arc<[Lease]>,
    mapped: bool,
    /// What is listened to before it is lent, and since when.
    tried: Option<(Line, MonoTime)>,
    /// How many in a row somebody sent to while they were listened to.
    noisy: u32,
}

/// When a port was free again, in nanoseconds; or [`NEVER`] lent, or [`LENT`].
type Lease = AtomicU64;

/// A port of one player's own. Dropped, it is free again.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) socket: AudioSocket,
    port: u16,
    index: usize,
    lent: Arc<[Lease]>,
    /// Who sent there before anybody was told it.
    pub(super) strangers: ArrayVec<SocketAddr, MOST_STRANGERS>,
}

/// Why there is no port.
#[derive(Debug)]
pub(super) enum NoPort {
    /// Not yet: one is listened to.
    Listening,
    /// Players and other programs have all of them.
    Taken,
    /// The system: too many open files, say.
    System(io::Error),
}

impl Ports {
    /// So many from this on, as far as there are.
    ///
    /// # Errors
    /// [`BindError`] where not one of them can be had.
    pub(super) fn open(first: u16, count: usize) -> Result<Self, BindError> {
        let most = usize::from(u16::MAX - first) + 1;
        let count = count.clamp(1, most);
        allow_files(count);
        let mut ports = Self {
            first,
            lent: (0..count).map(|_| Lease::new(NEVER)).collect(),
            mapped: false,
            tried: None,
            noisy: 0,
        };
        match ports.bind_first((0..count).collect()) {
            Ok(line) => {
                ports.mapped = line.socket.is_mapped();
                let index = line.index;
                drop(line);
                // It was only tried.
                ports.lent[index].store(NEVER, Relaxed);
                Ok(ports)
            }
            Err(NoPort::Taken | NoPort::Listening) => Err(BindError::PortBusy {
                port: first,
                owner: port_owner::find(first),
                option: "-U",
            }),
            Err(NoPort::System(source)) => Err(BindError::System {
                port: first,
                source,
            }),
        }
    }

    /// The first and the last.
    pub(super) fn range(&self) -> RangeInclusive<u16> {
        self.first..=self.first + (self.lent.len() - 1) as u16
    }

    /// Whether they take IPv4 addresses as those of IPv6.
    pub(super) fn are_mapped(&self) -> bool {
        self.mapped
    }

    /// The lowest that is free and has rested, bound, for somebody of this host; else the one that has rested for longest.
    ///
    /// # Errors
    /// [`NoPort`]; with [`NoPort::Listening`] it is to be tried again a moment later.
    pub(super) fn lend(&mut self, host: IpAddr, now: MonoTime) -> Result<Line, NoPort> {
        if let Some((mut line, since)) = self.tried.take() {
            if now.since(since) < LISTENED_FOR {
                self.tried = Some((line, since));
                return Err(NoPort::Listening);
            }
            line.listen(host, now);
            let has_others = self.rested(now).next().is_some() && self.noisy < MOST_NOISY;
            if line.strangers.is_empty() || !has_others {
                self.noisy = 0;
                return Ok(line);
            }
            self.noisy += 1;
            let index = line.index;
            drop(line);
            self.lent[index].store(now.as_nanos(), Relaxed);
        }
        let rested = self.rested(now).collect();
        let line = match self.bind_first(rested) {
            Err(NoPort::Taken) => {
                let mut resting: Vec<usize> = self.free().map(|(index, _)| index).collect();
                resting.sort_by_key(|index| self.lent[*index].load(Relaxed));
                self.bind_first(resting)?
            }
            bound => bound?,
        };
        let freed = self.lent[line.index].swap(LENT, Relaxed);
        if freed == NEVER {
            return Ok(line);
        }
        self.tried = Some((line, now));
        Err(NoPort::Listening)
    }

    /// Those that are not lent, and since when, from the lowest on.
    fn free(&self) -> impl Iterator<Item = (usize, u64)> {
        let all = self.lent.iter().map(|lease| lease.load(Relaxed));
        all.enumerate().filter(|(_, freed)| *freed != LENT)
    }

    /// Those of them that nobody had of late.
    fn rested(&self, now: MonoTime) -> impl Iterator<Item = usize> {
        let rested = move |freed| freed == NEVER || now.since(MonoTime::from_nanos(freed)) >= REST;
        let free = self.free().filter(move |(_, freed)| rested(*freed));
        free.map(|(index, _)| index)
    }

    /// The first of these that no other program has.
    fn bind_first(&self, indices: Vec<usize>) -> Result<Line, NoPort> {
        for index in indices {
            let port = self.first + index as u16;
            let socket = match AudioSocket::try_bind(port) {
                Ok(socket) => socket,
                Err(error) if error.kind() == ErrorKind::AddrInUse => continue,
                Err(error) => return Err(NoPort::System(error)),
            };
            socket.ignore_refusals();
            return Ok(Line {
                socket,
                port,
                index,
                lent: self.lent.clone(),
                strangers: ArrayVec::new(),
            });
        }
        Err(NoPort::Taken)
    }
}

impl Line {
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Notes who of this host has sent here.
    fn listen(&mut self, host: IpAddr, now: MonoTime) {
        self.socket.begin(now);
        for _ in 0..MOST_LISTENED {
            match self.socket.receive(now) {
                Received::Datagram { from, .. } if from.ip() == host => {
                    if !self.strangers.contains(&from) {
                        _ = self.strangers.try_push(from);
                    }
                }
                Received::Datagram { .. } | Received::Refused => {}
                Received::Nothing => break,
            }
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(lent) = self.lent.get(self.index) {
            lent.store(clock::now().as_nanos().max(1), Relaxed);
        }
    }
}

/// Each port is an open file, of which a program has 1024 unless it asks for more.
fn allow_files(count: usize) {
    let wanted = count as u64 + OTHER_FILES;
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < wanted
    {
        // As far as it goes: who finds none is told.
        _ = setrlimit(Resource::RLIMIT_NOFILE, wanted.min(hard), hard);
    }
}

/// Those at the door, log-ins with passwords, recordings.
const OTHER_FILES: u64 = 2048;
/// A port that was lent before is not lent again for so long while there are others: who had it may not know yet that they are not
/// there any more.
const REST: Duration = Duration::from_secs(30);
/// Many packets of one who still sends there.
const LISTENED_FOR: Duration = Duration::from_millis(50);
/// Datagrams of that time that are looked at, and addresses that are kept.
const MOST_LISTENED: usize = 256;
const MOST_STRANGERS: usize = 8;
/// So many are passed over for what is sent there: whoever sends to all of them is not to keep anybody waiting for long.
const MOST_NOISY: u32 = 2;
const NEVER: u64 = 0;
const LENT: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    /// A few ports in a row that are free, from about there on, none of which was ever lent.
    fn ports(mut first: u16, count: usize) -> Ports {
        loop {
            let all: Vec<_> = (first..).take(count).map(AudioSocket::try_bind).collect();
            let is_free = all.iter().all(Result::is_ok);
            drop(all);
            if is_free {
                return Ports::open(first, count).unwrap();
            }
            first += count as u16;
        }
    }

    const HOST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn at(ms: u64) -> MonoTime {
        clock::now() + Duration::from_millis(ms)
    }

    /// As one who logs in has it, so much later.
    fn lend(ports: &mut Ports, ms: u64) -> u16 {
        lent(ports, ms).port()
    }

    fn lent(ports: &mut Ports, ms: u64) -> Line {
        match ports.lend(HOST, at(ms)) {
            Ok(line) => line,
            Err(NoPort::Listening) => {
                assert!(matches!(ports.lend(HOST, at(ms)), Err(NoPort::Listening)));
                ports.lend(HOST, at(ms + 50)).unwrap()
            }
            Err(error) => panic!("{error:?}"),
        }
    }

    #[test]
    fn each_gets_the_lowest_that_is_free_and_the_last_leaves_none() {
        let mut ports = ports(47_000, 3);
        let (first, last) = ports.range().into_inner();
        assert_eq!(last, first + 2);
        let [a, b, c] = [(); 3].map(|()| ports.lend(HOST, at(0)).unwrap());
        assert_eq!([a.port(), b.port(), c.port()], [first, first + 1, last]);
        assert!(matches!(ports.lend(HOST, at(0)), Err(NoPort::Taken)));
        drop(b);
        let again = lent(&mut ports, 0);
        assert_eq!(again.port(), first + 1);
        drop(a);
        assert_eq!(lent(&mut ports, 0).port(), first);
    }

    #[test]
    fn one_that_was_lent_rests_while_there_are_others() {
        let mut ports = ports(47_100, 3);
        let first = ports.first;
        assert_eq!(lend(&mut ports, 0), first);
        assert_eq!(lend(&mut ports, 0), first + 1);
        assert_eq!(lend(&mut ports, 0), first + 2);
        // None has rested: the one that had most of it.
        assert_eq!(lend(&mut ports, 0), first);
        assert_eq!(lend(&mut ports, 0), first + 1);
        assert_eq!(lend(&mut ports, 40_000), first, "all of them have");
    }

    #[test]
    fn one_to_which_somebody_still_sends_is_not_lent_while_there_are_others() {
        let mut ports = ports(47_200, 2);
        let first = ports.first;
        let _ended = lend(&mut ports, 0);
        let old = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let still_sends = || old.send_to(b"audio", ("127.0.0.1", first)).unwrap();
        let listened = ports.lend(HOST, at(40_000));
        assert!(matches!(listened, Err(NoPort::Listening)), "{listened:?}");
        still_sends();
        let other = ports.lend(HOST, at(40_050)).unwrap();
        assert_eq!(other.port(), first + 1);
        // It is the last: who sends there is known, at least.
        let listened = ports.lend(HOST, at(80_000));
        assert!(matches!(listened, Err(NoPort::Listening)), "{listened:?}");
        still_sends();
        let last = ports.lend(HOST, at(80_050)).unwrap();
        assert_eq!(last.port(), first);
        assert!(last.strangers[..] == [old.local_addr().unwrap()]);
    }

    #[test]
    fn who_sends_to_all_of_them_keeps_nobody_waiting_for_long() {
        let mut ports = ports(47_250, 8);
        let range = ports.range();
        let lines: Vec<Line> = range.clone().map(|_| lent(&mut ports, 0)).collect();
        drop(lines);
        let old = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut ms = 40_000;
        let line = loop {
            match ports.lend(HOST, at(ms)) {
                Ok(line) => break line,
                Err(error) => assert!(matches!(error, NoPort::Listening), "{error:?}"),
            }
            for port in range.clone() {
                old.send_to(b"audio", ("127.0.0.1", port)).unwrap();
            }
            ms += 50;
        };
        assert_eq!(ms, 40_150);
        assert_eq!(line.strangers.len(), 1);
        // Somebody else's noise is nothing to one of another host.
        drop(line);
        let other = IpAddr::from([192, 0, 2, 1]);
        assert!(matches!(
            ports.lend(other, at(80_000)),
            Err(NoPort::Listening)
        ));
        old.send_to(b"audio", ("127.0.0.1", ports.first)).unwrap();
        assert!(ports.lend(other, at(80_050)).unwrap().strangers.is_empty());
    }

    #[test]
    fn one_that_another_program_has_is_passed_over_and_a_range_of_such_is_said_to_be_busy() {
        let mut range = ports(47_300, 2);
        let (first, last) = range.range().into_inner();
        let _other = AudioSocket::try_bind(first).unwrap();
        assert_eq!(range.lend(HOST, at(0)).unwrap().port(), last);
        let none = Ports::open(first, 1);
        assert!(matches!(none, Err(BindError::PortBusy { port, .. }) if port == first));
    }

    #[test]
    fn a_range_ends_where_ports_end() {
        let ports = Ports::open(65_530, 100).unwrap();
        assert_eq!(ports.range(), 65_530..=65_535);
    }
}
