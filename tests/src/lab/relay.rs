//! A bad network between two programs on one machine: takes datagrams, and delivers them late, twice or never.
//!
//! The caller calls the relay's port; the called one hears the relay. Which datagrams are lost is decided by
//! [`farsend_netsim`], from a seed.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use farsend_netsim::{Path, PathConfig, Way};
use farsend_units::MonoTime;

/// How long the relay waits for a datagram before it looks at its queue again.
const TICK: Duration = Duration::from_micros(500);

/// A relay at work; ends when dropped.
#[derive(Debug)]
pub struct Relay {
    counts: Arc<Counts>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// What became of the datagrams of one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passed {
    /// Delivered.
    pub delivered: u64,
    /// Swallowed.
    pub lost: u64,
    /// Of all: repair datagrams, which only a Farsend may be sent.
    pub repairs: u64,
    /// Of all: words between Farsends that are no pings, which a JackTrip drops but has no need of.
    pub words: u64,
}

#[derive(Debug, Default)]
struct Counts {
    to_server: Direction,
    to_client: Direction,
}

#[derive(Debug, Default)]
struct Direction {
    delivered: AtomicU64,
    lost: AtomicU64,
    repairs: AtomicU64,
    words: AtomicU64,
}

impl Relay {
    /// Starts a relay on the loopback interface from `port` to `server_port`; both directions are equally bad,
    /// each with losses of its own.
    ///
    /// # Panics
    ///
    /// If the port is taken.
    pub fn start(port: u16, server_port: u16, network: PathConfig) -> Relay {
        let front = UdpSocket::bind((Ipv4Addr::LOCALHOST, port))
            .expect("the port is free on a private machine");
        let back = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("some port is free");
        back.connect((Ipv4Addr::LOCALHOST, server_port))
            .expect("loopback is reachable");
        for socket in [&front, &back] {
            socket
                .set_read_timeout(Some(TICK))
                .expect("the time is not zero");
        }
        let (counts, stop) = (
            Arc::new(Counts::default()),
            Arc::new(AtomicBool::new(false)),
        );
        let client = Arc::new(caller::Address::default());
        let threads = [true, false].map(|up| {
            let sockets = [&front, &back].map(|socket| socket.try_clone().expect("a handle more"));
            let (counts, stop, client) =
                (Arc::clone(&counts), Arc::clone(&stop), Arc::clone(&client));
            let seed = network.seed.wrapping_mul(2) + u64::from(up);
            let way = Way::new(Path::new(PathConfig { seed, ..network }));
            std::thread::spawn(move || carry(up, &sockets, way, &counts, &stop, &client))
        });
        Relay {
            counts,
            stop,
            threads: threads.into(),
        }
    }

    /// From the caller to the called.
    pub fn to_server(&self) -> Passed {
        self.counts.to_server.read()
    }

    /// From the called to the caller.
    pub fn to_client(&self) -> Passed {
        self.counts.to_client.read()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        for thread in self.threads.drain(..) {
            // A relay that panicked has lost everything since; the test has seen that.
            let _ = thread.join();
        }
    }
}

impl Direction {
    fn read(&self) -> Passed {
        Passed {
            delivered: self.delivered.load(Relaxed),
            lost: self.lost.load(Relaxed),
            repairs: self.repairs.load(Relaxed),
            words: self.words.load(Relaxed),
        }
    }
}

/// Carries one direction.
fn carry(
    up: bool,
    [front, back]: &[UdpSocket; 2],
    mut way: Way<Vec<u8>>,
    counts: &Counts,
    stop: &AtomicBool,
    client: &caller::Address,
) {
    // A busy machine is not to be taken for a bad network; without the right to it, it may be.
    let _ = farsend_rt::promote_current_thread(9);
    let count = if up {
        &counts.to_server
    } else {
        &counts.to_client
    };
    let started = Instant::now();
    let now = || MonoTime::from_nanos(started.elapsed().as_nanos() as u64);
    let mut buffer = vec![0; 65_536];
    while !stop.load(Relaxed) {
        let got = if up {
            front
                .recv_from(&mut buffer)
                .inspect(|(_, from)| client.set(*from))
                .map(|(length, _)| length)
        } else {
            back.recv(&mut buffer)
        };
        if let Ok(length) = got {
            let payload = &buffer[..length];
            let [repair, word] = kind_of(payload);
            count.repairs.fetch_add(u64::from(repair), Relaxed);
            count.words.fetch_add(u64::from(word), Relaxed);
            let deliveries = way.send(now(), payload.to_vec());
            count
                .lost
                .fetch_add(u64::from(deliveries.is_lost()), Relaxed);
        }
        for (_, payload) in way.arrivals(now()) {
            // Nobody listens yet: as on a real network, it is gone.
            let _ = if up {
                back.send(&payload)
            } else {
                front.send_to(&payload, client.get())
            };
            count.delivered.fetch_add(1, Relaxed);
        }
    }
}

/// Whether it is a repair datagram; whether it is a control datagram of Farsend's that is no ping. As the documentation
/// of the wire has them, not by the code that is to be tested.
fn kind_of(payload: &[u8]) -> [bool; 2] {
    let ours = payload.starts_with(b"FARSEND");
    let control = payload.len() == 63;
    [ours && !control, ours && control && payload[8] != 1]
}

/// Where the caller was heard from last.
mod caller {
    use std::net::SocketAddr;
    use std::sync::Mutex;

    #[derive(Debug, Default)]
    pub(super) struct Address(Mutex<Option<SocketAddr>>);

    impl Address {
        pub(super) fn set(&self, address: SocketAddr) {
            *self.0.lock().expect("no holder panics") = Some(address);
        }

        /// The discard port while nobody has called.
        pub(super) fn get(&self) -> SocketAddr {
            self.0
                .lock()
                .expect("no holder panics")
                .unwrap_or_else(super::nobody)
        }
    }
}

fn nobody() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 9).into()
}
