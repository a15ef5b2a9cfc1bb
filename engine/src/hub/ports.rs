//! A UDP port for each player, as JackTrip's hubs have it: the lowest that is free, until the player has gone.

use std::io::{self, ErrorKind};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::net::port_owner;
use crate::net::udp::{AudioSocket, BindError};

/// The range, and which of it is lent. Control thread.
#[derive(Debug)]
pub(super) struct Ports {
    first: u16,
    lent: Arc<[AtomicBool]>,
    mapped: bool,
}

/// A port of one player's own. Dropped, it is free again.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) socket: AudioSocket,
    port: u16,
    index: usize,
    lent: Arc<[AtomicBool]>,
}

/// Why there is no port.
#[derive(Debug)]
pub(super) enum NoPort {
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
            lent: (0..count).map(|_| AtomicBool::new(false)).collect(),
            mapped: false,
        };
        match ports.lend() {
            Ok(line) => {
                ports.mapped = line.socket.is_mapped();
                drop(line);
                Ok(ports)
            }
            Err(NoPort::Taken) => Err(BindError::PortBusy {
                port: first,
                owner: port_owner::find(first),
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

    /// The lowest that is free, bound.
    pub(super) fn lend(&self) -> Result<Line, NoPort> {
        for (index, (port, lent)) in self.range().zip(self.lent.iter()).enumerate() {
            if lent.load(Relaxed) {
                continue;
            }
            let socket = match AudioSocket::try_bind(port) {
                Ok(socket) => socket,
                Err(error) if error.kind() == ErrorKind::AddrInUse => continue,
                Err(error) => return Err(NoPort::System(error)),
            };
            socket.ignore_refusals();
            lent.store(true, Relaxed);
            return Ok(Line {
                socket,
                port,
                index,
                lent: self.lent.clone(),
            });
        }
        Err(NoPort::Taken)
    }
}

impl Line {
    pub(super) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(lent) = self.lent.get(self.index) {
            lent.store(false, Relaxed);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A few ports in a row that are free, somewhere.
    fn ports(count: usize) -> Ports {
        let mut first = 47_000;
        loop {
            let ports = Ports::open(first, count).unwrap();
            let all: Result<Vec<Line>, NoPort> = (0..count).map(|_| ports.lend()).collect();
            match all {
                Ok(_) => return ports,
                Err(_) => first += count as u16,
            }
        }
    }

    #[test]
    fn each_gets_the_lowest_that_is_free_and_the_last_leaves_none() {
        let ports = ports(3);
        let (first, last) = ports.range().into_inner();
        assert_eq!(last, first + 2);
        let [a, b, c] = [(); 3].map(|()| ports.lend().unwrap());
        assert_eq!([a.port(), b.port(), c.port()], [first, first + 1, last]);
        assert!(matches!(ports.lend(), Err(NoPort::Taken)));
        drop(b);
        assert_eq!(ports.lend().unwrap().port(), first + 1);
        drop(a);
        assert_eq!(ports.lend().unwrap().port(), first);
    }

    #[test]
    fn one_that_another_program_has_is_passed_over_and_a_range_of_such_is_said_to_be_busy() {
        let range = ports(2);
        let (first, last) = range.range().into_inner();
        let _other = AudioSocket::try_bind(first).unwrap();
        assert_eq!(range.lend().unwrap().port(), last);
        let none = Ports::open(first, 1);
        assert!(matches!(none, Err(BindError::PortBusy { port, .. }) if port == first));
    }

    #[test]
    fn a_range_ends_where_ports_end() {
        let ports = Ports::open(65_530, 100).unwrap();
        assert_eq!(ports.range(), 65_530..=65_535);
    }
}
