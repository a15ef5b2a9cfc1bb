//! A JackTrip whose rate is another one than ours, and becomes yet another: everything that the audio thread does about it
//! allocates nothing, it hears its own format, and that is told.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail as the test does")]

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use assert_no_alloc::{AllocDisabler, assert_no_alloc};
use farsend::control::words;
use farsend::net::Outlet;
use farsend::peers::{Beat, LinkEvent, Machines, kernels};
use farsend::settings::SessionSettings;
use farsend::statistics::Statistics;
use farsend_protocol::jacktrip::{Packetizer, PacketizerConfig};
use farsend_units::{Channels, Frames, MonoTime, SampleRate};
use farsend_wire::SampleFormat;
use farsend_wire::jacktrip::{Datagram, Format, HeaderKind};

#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

const OWN: SampleRate = SampleRate::HZ_48000;
const PERIOD: Frames = Frames(128);

/// The last datagram that left, with room for any.
#[derive(Debug, Clone)]
struct Outbox(Rc<RefCell<(usize, [u8; 4096])>>);

impl Outlet for Outbox {
    fn send(&self, _to: SocketAddr, payload: &[u8]) -> bool {
        let (len, bytes) = &mut *self.0.borrow_mut();
        *len = payload.len();
        bytes[..payload.len()].copy_from_slice(payload);
        true
    }
}

impl Outbox {
    fn format(&self) -> Format {
        let (len, bytes) = &*self.0.borrow();
        Datagram::parse(&bytes[..*len], HeaderKind::Default, None)
            .unwrap()
            .format()
    }
}

#[test]
fn another_rate_costs_the_audio_thread_no_memory_and_the_peer_hears_its_own() {
    let outbox = Outbox(Rc::new(RefCell::new((0, [0; 4096]))));
    let (events, mut told) = rtrb::RingBuffer::new(64);
    let beat = Beat {
        rate: OWN,
        period: PERIOD,
        block: PERIOD,
    };
    let settings = SessionSettings {
        send: Channels(2),
        receive: Channels(2),
        ..SessionSettings::default()
    };
    let from: SocketAddr = ([203, 0, 113, 7], 4464).into();
    let machines = Machines::new(&settings, outbox.clone(), None, beat, &kernels(OWN), events);
    let mut machines = machines.unwrap();
    let mut peer = Packetizer::new(PacketizerConfig {
        header: HeaderKind::Default,
        rate: SampleRate::HZ_44100,
        period: PERIOD,
        send: Channels(2),
        receive: Channels(2),
        samples: SampleFormat::I24,
        redundancy: 1,
    })
    .unwrap();
    let (mut now, input) = (MonoTime::from_nanos(1_000_000_000), [0.25f32; 128]);
    let (mut left, mut right) = ([0.0f32; 128], [0.0f32; 128]);
    for rate in [44_100, 192_000, 22_050, 48_000, 96_000, 88_200, 32_000] {
        let rate = SampleRate(rate);
        peer.set_stream(rate, PERIOD, SampleFormat::I24).unwrap();
        // A second of its packets, each when it is due, among periods of ours.
        let (mut sent, begun) = (0u64, now);
        while now < begun + Duration::from_secs(1) {
            assert_no_alloc(|| {
                machines.send(now, 0, &[&input, &input]);
                while begun + Frames(128).duration(rate) * sent as u32 <= now {
                    peer.push(now.as_nanos() / 1000, &[&input, &input], &mut |datagram| {
                        machines.take(now, from, datagram).unwrap();
                    });
                    sent += 1;
                }
                machines.attend(now);
                _ = machines.play(now, &mut [&mut left, &mut right]);
            });
            now = now + PERIOD.duration(OWN);
        }
        let gets = outbox.format();
        assert_eq!((gets.rate, gets.samples), (rate, SampleFormat::I24));
        let heard = left.iter().chain(&right);
        assert!(
            heard.copied().all(|sample| (sample - 0.25).abs() < 1e-3),
            "{rate}"
        );
        let mut statistics = Statistics::default();
        machines.report(&mut statistics);
        assert_eq!(
            statistics.adopted.map(|adopted| adopted.sent.rate),
            Some(rate)
        );
    }
    let mut said = Vec::new();
    while let Ok(event) = told.pop() {
        if matches!(event, LinkEvent::Adopted(_)) {
            said.push(words::sentence(&event, Some(from)));
        }
    }
    assert_eq!(
        said[..2],
        [
            "JackTrip at 203.0.113.7 plays 44.1 kHz, 24 bit, 128 frames: sent in its format, converted here",
            "JackTrip at 203.0.113.7 plays 192 kHz, 24 bit, 128 frames: sent in its format, converted here",
        ]
    );
    assert_eq!(said.len(), 7);
}
