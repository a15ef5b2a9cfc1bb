//! Two complete ends joined by a lossy network in virtual time, one of which records: in the end everything is there that was sent, and to any other
//! end nothing more is sent.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail as the test does")]

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use assert_no_alloc::{AllocDisabler, assert_no_alloc};
use farsend::keeping::{Keeping, keeping};
use farsend::net::Outlet;
use farsend::peers::{Beat, LinkEvent, Machines, kernels};
use farsend::settings::{Role, SessionSettings};
use farsend::statistics::Statistics;
use farsend::takes::TakeDesk;
use farsend_ipc::message::{
    HubUser, HubWish, Listening, Placement, Role as WantedRole, Take, TakeState, TakeWishes,
    WantedSession,
};
use farsend_ipc::segment::Stretch;
use farsend_netsim::{Loss, Path, PathConfig, Way};
use farsend_units::{Channels, Frames, MonoTime, SampleRate};
use farsend_wire::SampleFormat;
use farsend_wire::jacktrip::{Control, is_control};
use farsend_wire::repair::Repair;
use hound::WavReader;
use rtrb::Consumer;

#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

const RATE: SampleRate = SampleRate::HZ_48000;
const PERIOD: usize = 64;
const TICK: Duration = Duration::from_nanos(1_333_333);

/// What leaves in one period, with room for all of it.
#[derive(Debug, Clone)]
struct Outbox(Rc<RefCell<(Vec<u8>, Vec<usize>)>>);

impl Outlet for Outbox {
    fn send(&self, _to: SocketAddr, payload: &[u8]) -> bool {
        let (bytes, lengths) = &mut *self.0.borrow_mut();
        assert!(bytes.len() + payload.len() <= bytes.capacity());
        bytes.extend_from_slice(payload);
        lengths.push(payload.len());
        true
    }
}

struct End {
    machines: Machines<Outbox>,
    keeping: Keeping,
    outbox: Outbox,
    address: SocketAddr,
    _events: Consumer<LinkEvent>,
    way: Way<Vec<u8>>,
    channels: usize,
    sent: u64,
    audio_bytes: u64,
    plain_bytes: u64,
    /// Words of who records, and for one.
    words: u64,
    /// Whether the host of a recording end rolls.
    rolls: bool,
    stretch: Stretch,
}

impl End {
    fn new(settings: &SessionSettings, port: u16, remote: Option<u16>, path: PathConfig) -> Self {
        let room = (Vec::with_capacity(1 << 20), Vec::with_capacity(256));
        let outbox = Outbox(Rc::new(RefCell::new(room)));
        let (events, consumer) = rtrb::RingBuffer::new(64);
        let beat = Beat {
            rate: RATE,
            period: Frames(PERIOD as u32),
            block: Frames(PERIOD as u32),
        };
        let kernels = kernels(beat.rate);
        let remote = remote.map(address);
        let machines = Machines::new(settings, outbox.clone(), remote, beat, &kernels, events);
        let mut machines = machines.unwrap();
        let (keeping, histories) = keeping();
        machines.keep_in(histories);
        machines.hearing().tell();
        Self {
            machines,
            keeping,
            outbox,
            address: address(port),
            _events: consumer,
            way: Way::new(Path::new(path)),
            channels: settings.send.get(),
            sent: 0,
            audio_bytes: 0,
            plain_bytes: 0,
            words: 0,
            rolls: false,
            stretch: Stretch::default(),
        }
    }

    fn period(&mut self, now: MonoTime, n: usize, came: &[(MonoTime, Vec<u8>)], from: SocketAddr) {
        let ramp: Vec<f32> = (0..PERIOD)
            .map(|i| ((n * PERIOD + i) % 30_000) as f32 / 32_768.0)
            .collect();
        let input: Vec<&[f32]> = vec![&ramp; self.channels];
        let mut output = vec![vec![0.0; PERIOD]; self.channels];
        let mut lanes: Vec<&mut [f32]> = output.iter_mut().map(Vec::as_mut_slice).collect();
        let at = (n * PERIOD) as u64;
        if self.stretch.rolling != self.rolls {
            self.stretch = Stretch {
                number: self.stretch.number + 1,
                rolling: self.rolls,
                recording: false,
                since: at,
                timeline: 48_000,
            };
        }
        assert_no_alloc(|| {
            let before = self.machines.sent_frames();
            self.machines.send(now, now.as_nanos() / 1000, &input);
            if let Some(tap) = self.machines.tap() {
                tap.sent(at, Some(before), &input);
                tap.stretch(self.stretch);
            }
            for (at, payload) in came {
                self.machines.take(*at, from, payload).unwrap();
            }
            self.machines.attend(now);
            _ = self.machines.play(now, &mut lanes);
        });
        // The control thread.
        if n.is_multiple_of(15) {
            let now = self.statistics();
            self.keeping.attend(&now);
        }
        let (bytes, lengths) = &mut *self.outbox.0.borrow_mut();
        let mut rest = &bytes[..];
        for len in lengths.drain(..) {
            let (payload, others) = rest.split_at(len);
            rest = others;
            self.sent += 1;
            if is_control(payload) {
                let word = Control::parse(payload).unwrap();
                self.words += u64::from(matches!(word, Control::Keep(_) | Control::Kept(_)));
            } else if !Repair::is_meant(payload) {
                self.audio_bytes += len as u64;
            } else if Repair::is_plain(payload) {
                self.plain_bytes += len as u64;
            }
            self.way.send(now, payload.to_vec());
        }
        bytes.clear();
    }

    fn statistics(&self) -> Statistics {
        let mut statistics = Statistics::default();
        self.machines.report(&mut statistics);
        statistics
    }
}

fn address(port: u16) -> SocketAddr {
    ([192, 0, 2, 1], port).into()
}

/// The recording end calls; the other plays for it.
struct Two {
    ends: [End; 2],
    n: usize,
}

impl Two {
    fn new(settings: [SessionSettings; 2], network: PathConfig) -> Self {
        let seeded = |seed| PathConfig { seed, ..network };
        let [server, client] = settings;
        let client = SessionSettings {
            role: Role::Client {
                host: "192.0.2.1".into(),
                port: 1,
            },
            ..client
        };
        let mut ends = [
            End::new(&server, 1, None, seeded(network.seed)),
            End::new(&client, 2, Some(1), seeded(network.seed + 1)),
        ];
        ends[1].machines.keep_all(true);
        Self { ends, n: 0 }
    }

    fn run(&mut self, milliseconds: u64) {
        let periods = milliseconds * 1_000_000 / TICK.as_nanos() as u64;
        for _ in 0..periods {
            self.n += 1;
            for end in 0..2 {
                let now = MonoTime::from_nanos(1_000_000_000)
                    + TICK * self.n as u32
                    + TICK.mul_f64(0.4 * end as f64);
                let came: Vec<_> = self.ends[1 - end].way.arrivals(now).collect();
                let from = self.ends[1 - end].address;
                self.ends[end].period(now, self.n, &came, from);
            }
        }
    }
}

fn settings(channels: u8, samples: SampleFormat) -> SessionSettings {
    SessionSettings {
        bind_port: 0,
        send: Channels(channels),
        receive: Channels(channels),
        samples: Some(samples),
        depth: farsend_stream::DepthPolicy::Fixed(2),
        // Nobody listens.
        conceal: farsend_stream::Conceal::Fade,
        ..SessionSettings::default()
    }
}

fn lossy(rate: f64, length: f64) -> PathConfig {
    PathConfig {
        seed: 11,
        delay: Duration::from_millis(15),
        loss: Loss::Bursts { rate, length },
        ..PathConfig::default()
    }
}

#[test]
fn a_recording_end_gets_all_that_live_repair_had_no_time_for() {
    for (rate, length) in [(0.01, 1.5), (0.1, 1.5), (0.03, 100.0)] {
        let mut two = Two::new(
            [(); 2].map(|()| settings(2, SampleFormat::I24)),
            lossy(rate, length),
        );
        two.run(3000);
        // What was lost before it was known that it is kept will never come.
        let before = two.ends[1].statistics().fetching;
        two.run(10_000);
        let end = two.ends[1].statistics().fetching.settled.end;
        two.run(7000);
        let late = two.ends[1].statistics().fetching;
        assert!(late.records && late.served, "{late:?}");
        assert!(late.settled.to > end, "{rate} {length} {late:?}");
        assert_eq!(late.given_up, before.given_up, "{rate} {length}");
        // Short bursts live repair brings all by itself, if late.
        assert!(
            late.fetched > 0 || length < 10.0,
            "{rate} {length} {late:?}"
        );
        let [player, _] = &two.ends;
        let share = player.plain_bytes as f64 / player.audio_bytes as f64;
        assert!(share < 1.0 / 7.0, "{share}");
        assert!(player.statistics().fetching.wanted.packets > 10_000);
        // The buffer takes no notice of what comes so late.
        assert_eq!(two.ends[1].statistics().buffer.reanchored, 0);
    }
}

#[test]
fn packets_too_long_for_live_repair_are_fetched_too() {
    let mut two = Two::new(
        [(); 2].map(|()| settings(64, SampleFormat::I24)),
        lossy(0.02, 1.5),
    );
    two.run(4000);
    let before = two.ends[1].statistics().fetching;
    two.run(3000);
    let end = two.ends[1].statistics().fetching.settled.end;
    two.run(2000);
    let late = two.ends[1].statistics().fetching;
    assert!(late.settled.to > end && late.fetched > 50, "{late:?}");
    assert_eq!(late.given_up, before.given_up);
    let wanted = two.ends[0].statistics().fetching.wanted;
    assert_eq!(wanted.bytes, 128 << 20, "no more than is stated");
}

#[test]
fn who_does_not_record_costs_the_other_nothing() {
    let mut two = Two::new(
        [(); 2].map(|()| settings(1, SampleFormat::I16)),
        lossy(0.03, 1.5),
    );
    two.ends[1].machines.keep_all(false);
    two.run(8000);
    for end in &two.ends {
        assert_eq!((end.words, end.plain_bytes), (0, 0));
        let late = end.statistics().fetching;
        assert_eq!(
            (late.wanted.bytes, late.fetched, late.settled.end),
            (0, 0, 0)
        );
    }
    // And when it has recorded for a while, all of it is given back.
    two.ends[1].machines.keep_all(true);
    two.run(3000);
    assert!(two.ends[0].statistics().fetching.wanted.bytes > 0);
    two.ends[1].machines.keep_all(false);
    two.run(31_000);
    assert_eq!(two.ends[0].statistics().fetching.wanted.bytes, 0);
}

#[test]
fn where_one_end_repairs_nothing_all_is_settled_without_it() {
    let off = SessionSettings {
        repair: false,
        ..settings(1, SampleFormat::I16)
    };
    let mut two = Two::new([off, settings(1, SampleFormat::I16)], lossy(0.03, 1.5));
    two.run(12_000);
    let late = two.ends[1].statistics().fetching;
    assert!(
        late.records && !late.served && late.fetched == 0,
        "{late:?}"
    );
    assert!(late.settled.end - late.settled.to < 300, "{late:?}");
    assert_eq!((two.ends[0].words, two.ends[0].plain_bytes), (0, 0));
}

#[test]
fn a_path_that_breaks_for_seconds_leaves_no_hole() {
    // The second is beyond the numbers that are believed without a look at the clock.
    for seconds in [1, 2] {
        let mut two = Two::new(
            [(); 2].map(|()| settings(2, SampleFormat::I16)),
            lossy(0.0, 1.0),
        );
        two.run(5000);
        let before = two.ends[1].statistics().fetching;
        two.ends[0].way.set_path(Path::new(lossy(1.0, 1e9)));
        two.run(1200 * seconds);
        two.ends[0].way.set_path(Path::new(lossy(0.0, 1.0)));
        // An eighth of what comes is fetched.
        two.run(12_000 * seconds);
        let late = two.ends[1].statistics().fetching;
        assert_eq!(
            (late.settled.missing, late.given_up),
            (0, before.given_up),
            "{late:?}"
        );
        assert!(late.fetched > 700 * seconds, "{late:?}");
    }
}

#[test]
fn a_take_is_what_was_played_to_the_bit_whatever_was_lost_on_the_way() {
    for (channels, rate, length) in [(2, 0.1, 1.5), (2, 0.04, 60.0), (64, 0.02, 1.5)] {
        let mut two = Two::new(
            [(); 2].map(|()| settings(channels, SampleFormat::I24)),
            lossy(rate, length),
        );
        let folder = tempfile::tempdir().unwrap();
        let width = [Channels(channels); 2];
        let (mut desk, taps) = TakeDesk::new(RATE, width);
        let wishes = TakeWishes {
            record: true,
            folder: folder.path().to_string_lossy().into_owned(),
        };
        two.ends[1].machines.keep_all(false);
        two.ends[1].machines.record_through(taps);
        desk.wish(&wishes, &wanted(), "Ann");
        two.run(3000);
        two.ends[1].rolls = true;
        two.run(4000);
        two.ends[1].rolls = false;
        let end = two.ends[1].statistics().fetching.settled.end;
        for _ in 0..40 {
            two.run(500);
            if two.ends[1].statistics().fetching.settled.to > end {
                break;
            }
        }
        let late = two.ends[1].statistics().fetching;
        assert!(late.records && late.settled.to > end, "{late:?}");
        // The disk's thread has the machine's time.
        let is_there = |take: &Take| take.state == TakeState::Done && take.missing == 0;
        let mut takes = Vec::new();
        for _ in 0..100 {
            std::thread::sleep(Duration::from_millis(50));
            two.run(20);
            takes = desk.since(0);
            takes.retain(|take| take.player == "Ann");
            if takes.iter().any(is_there) {
                break;
            }
        }
        let [take] = &takes[..] else {
            panic!("{takes:?}");
        };
        assert!(is_there(take) && take.repaired > 10, "{take:?}");
        assert_eq!(take.placement, Placement::Exact);
        let mut reader = WavReader::open(&take.path).unwrap();
        let channels = usize::from(channels);
        let samples: Vec<i32> = reader.samples().map(Result::unwrap).collect();
        let begin = samples[0] / 256;
        let lines = samples.chunks_exact(channels).zip(0..);
        let wrong = lines.filter(|(line, i)| {
            let expected = (begin + i) % 30_000 * 256;
            line.iter().any(|sample| *sample != expected)
        });
        assert_eq!(wrong.count(), 0, "of {}", samples.len() / channels);
        assert!(samples.len() / channels > 3 * RATE.0 as usize);
    }
}

fn wanted() -> WantedSession {
    WantedSession {
        role: WantedRole::Client,
        host: "192.0.2.1".into(),
        port: 0,
        peer_port: 1,
        send: Channels(2),
        receive: Channels(2),
        bits: 24,
        queue: 2,
        redundancy: 1,
        period: Frames(PERIOD as u32),
        rate: RATE,
        block: Frames(PERIOD as u32),
        name: "Track".into(),
        user: HubUser::default(),
        share: None,
        listening: Listening::Mix,
        outputs: Vec::new(),
        hub: HubWish::default(),
    }
}
