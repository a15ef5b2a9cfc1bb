//! Two ends joined by a lossy network in virtual time: between two Farsends what is lost is repaired, and towards
//! anybody else not a byte more is sent.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail as the test does")]

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use assert_no_alloc::{AllocDisabler, assert_no_alloc};
use farsend::net::Outlet;
use farsend::peers::{Beat, LinkEvent, Machines, kernels};
use farsend::settings::{Role, SessionSettings};
use farsend::statistics::Statistics;
use farsend_netsim::{Loss, Path, PathConfig, Way};
use farsend_units::{Channels, Frames, MonoTime, SampleRate};
use farsend_wire::SampleFormat;
use farsend_wire::jacktrip::is_control;
use farsend_wire::repair::Repair;
use rtrb::Consumer;

#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

const RATE: SampleRate = SampleRate::HZ_48000;
const PERIOD: usize = 128;
const TICK: Duration = Duration::from_nanos(2_666_667);

/// Where datagrams of one end wait for the network to take them, with room for a period's.
#[derive(Debug, Clone)]
struct Outbox(Rc<RefCell<Vec<Datagram>>>);

type Datagram = (usize, [u8; 1000]);

impl Outlet for Outbox {
    fn send(&self, _to: SocketAddr, payload: &[u8]) -> bool {
        let mut copy = [0; 1000];
        copy[..payload.len()].copy_from_slice(payload);
        let mut all = self.0.borrow_mut();
        let fits = all.len() < all.capacity();
        if fits {
            all.push((payload.len(), copy));
        }
        fits
    }
}

struct End {
    machines: Machines<Outbox>,
    outbox: Outbox,
    address: SocketAddr,
    _events: Consumer<LinkEvent>,
    /// Datagrams on their way from here.
    way: Way<Vec<u8>>,
    sent: u64,
    swallowed: u64,
    repairs_sent: u64,
    controls_sent: u64,
    heard: Vec<f32>,
}

impl End {
    fn new(settings: &SessionSettings, port: u16, remote: Option<u16>, path: PathConfig) -> Self {
        let outbox = Outbox(Rc::new(RefCell::new(Vec::with_capacity(256))));
        let (events, consumer) = rtrb::RingBuffer::new(64);
        let beat = Beat {
            rate: RATE,
            period: Frames(PERIOD as u32),
            block: Frames(PERIOD as u32),
        };
        let remote = remote.map(address);
        let kernels = kernels(beat.rate);
        let machines = Machines::new(settings, outbox.clone(), remote, beat, &kernels, events);
        Self {
            machines: machines.unwrap(),
            outbox,
            address: address(port),
            _events: consumer,
            way: Way::new(Path::new(path)),
            sent: 0,
            swallowed: 0,
            repairs_sent: 0,
            controls_sent: 0,
            heard: Vec::new(),
        }
    }

    /// One period: sends a ramp, takes what has come, plays.
    fn period(&mut self, now: MonoTime, n: usize, came: &[(MonoTime, Vec<u8>)], from: SocketAddr) {
        let input: Vec<f32> = (0..PERIOD).map(|i| ramp(n * PERIOD + i)).collect();
        let mut output = vec![0.0; PERIOD];
        assert_no_alloc(|| {
            self.machines.send(now, 0, &[&input]);
            for (at, payload) in came {
                self.machines.take(*at, from, payload).unwrap();
            }
            self.machines.attend(now);
            _ = self.machines.play(now, &mut [&mut output]);
        });
        self.heard.extend(output);
        for (len, payload) in self.outbox.0.borrow_mut().drain(..) {
            let payload = &payload[..len];
            self.sent += 1;
            self.repairs_sent += u64::from(Repair::is_meant(payload));
            self.controls_sent += u64::from(is_control(payload));
            let deliveries = self.way.send(now, payload.to_vec());
            self.swallowed += u64::from(deliveries.is_lost());
        }
    }

    fn statistics(&self) -> Statistics {
        let mut statistics = Statistics::default();
        self.machines.report(&mut statistics);
        statistics
    }
}

fn address(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

/// A sample that tells its frame, exact in 16 bits.
fn ramp(frame: usize) -> f32 {
    ((37 * frame) % 65536) as f32 / 32768.0 - 1.0
}

/// A server and a client that exchange ramps for so long, on a network that is equally bad both ways.
fn run(settings: [SessionSettings; 2], network: PathConfig, seconds: u64) -> [End; 2] {
    let seeded = |seed| PathConfig { seed, ..network };
    let [server, client] = settings;
    let client = SessionSettings {
        role: Role::Client {
            host: "127.0.0.1".into(),
            port: 1,
        },
        ..client
    };
    let mut ends = [
        End::new(&server, 1, None, seeded(network.seed)),
        End::new(&client, 2, Some(1), seeded(network.seed + 1)),
    ];
    let periods = (seconds * 1_000_000_000 / TICK.as_nanos() as u64) as usize;
    for n in 0..periods {
        for end in 0..2 {
            let now = MonoTime::from_nanos(1_000_000_000)
                + TICK * n as u32
                + TICK.mul_f64(0.4 * end as f64);
            let came: Vec<_> = ends[1 - end].way.arrivals(now).collect();
            let from = ends[1 - end].address;
            ends[end].period(now, n, &came, from);
        }
    }
    ends
}

fn settings() -> SessionSettings {
    SessionSettings {
        bind_port: 0,
        send: Channels(1),
        receive: Channels(1),
        // In which a ramp comes back as it was.
        samples: Some(SampleFormat::I24),
        depth: farsend_stream::DepthPolicy::Fixed(12),
        ..SessionSettings::default()
    }
}

/// 3 % lost, in bursts of 1.5.
fn bursts(delay: Duration) -> PathConfig {
    PathConfig {
        seed: 5,
        delay,
        loss: Loss::Bursts {
            rate: 0.03,
            length: 1.5,
        },
        ..PathConfig::default()
    }
}

/// Of what was heard after the first seconds, the share that is not the ramp going on.
fn share_wrong(heard: &[f32]) -> f64 {
    let heard = &heard[10 * RATE.0 as usize..];
    let step = |a: f32, b: f32| (b - a).rem_euclid(2.0);
    let wrong = heard
        .windows(2)
        .filter(|pair| (step(pair[0], pair[1]) - 37.0 / 32768.0).abs() > 1e-6)
        .count();
    wrong as f64 / heard.len() as f64
}

#[test]
fn between_two_farsends_next_to_nothing_is_missing_at_less_than_two_fifths_on_top() {
    let delay = Duration::from_millis(4);
    for end in run([settings(), settings()], bursts(delay), 120) {
        let now = end.statistics();
        let counts = now.buffer;
        assert!(counts.repaired > 1000, "{counts:?}");
        // Before it is known that the other end repairs, nothing is.
        let missing = (counts.lost + counts.late).saturating_sub(40);
        let share = missing as f64 / counts.received as f64;
        assert!(share < 0.0002, "{share} {counts:?}");
        assert!(
            share_wrong(&end.heard) < 0.0002,
            "{}",
            share_wrong(&end.heard)
        );
        let overhead = now.repair.overhead_percent();
        assert!((5.0..40.0).contains(&overhead), "{:?}", now.repair);
    }
}

#[test]
fn on_a_clean_path_nothing_is_sent_on_top() {
    for end in run([settings(), settings()], PathConfig::default(), 20) {
        let now = end.statistics();
        assert_eq!(
            (
                now.repair.repair_bytes,
                now.repair.requests,
                end.repairs_sent
            ),
            (0, 0, 0)
        );
        assert!(now.repair.audio_bytes > 0, "both have agreed on it");
        assert!(share_wrong(&end.heard) < 1e-9);
        // Pings, pongs and words once a second.
        assert!(end.controls_sent < 20 * 4, "{}", end.controls_sent);
    }
}

#[test]
fn with_one_end_off_or_redundant_neither_sends_repair_to_it() {
    let off = SessionSettings {
        repair: false,
        ..settings()
    };
    let [server, client] = run([settings(), off], bursts(Duration::ZERO), 20);
    assert_eq!((server.repairs_sent, client.repairs_sent), (0, 0));
    let redundant = SessionSettings {
        redundancy: 2,
        ..settings()
    };
    let [server, client] = run([settings(), redundant], bursts(Duration::ZERO), 20);
    assert_eq!(client.repairs_sent, 0, "it sends everything twice already");
    assert!(server.repairs_sent > 0, "it does not");
    assert_eq!(client.statistics().buffer.lost.saturating_sub(60), 0);
}

#[test]
fn overtaking_and_copies_are_no_loss_that_much_is_sent_for() {
    let network = PathConfig {
        seed: 9,
        delay: Duration::from_millis(3),
        reorder: 0.05,
        reorder_by: Duration::from_millis(7),
        duplicate: 0.05,
        ..PathConfig::default()
    };
    for end in run([settings(), settings()], network, 60) {
        let now = end.statistics();
        assert_eq!(
            (now.buffer.lost, now.buffer.late),
            (0, 0),
            "{:?}",
            now.buffer
        );
        assert!(share_wrong(&end.heard) < 1e-9);
        assert!(now.repair.overhead_percent() < 3.0, "{:?}", now.repair);
    }
}
