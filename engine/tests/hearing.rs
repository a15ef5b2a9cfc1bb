//! Two ends in virtual time: what the far end says that it was hearing is what its audio says, to the sample.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail as the test does")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use farsend::net::Outlet;
use farsend::peers::{Beat, LinkEvent, Machines, kernels};
use farsend::settings::{Role, SessionSettings};
use farsend::statistics::Statistics;
use farsend::takes::{Pair, Place};
use farsend_netsim::{
    Change, Clock, ClockConfig, Jitter, Loss, Path, PathConfig, Stalls, Tick, Way,
};
use farsend_protocol::hearing::{Heard, Relation, Streams};
use farsend_stream::DepthPolicy;
use farsend_units::{Channels, Frames, MonoTime, SampleRate};
use farsend_wire::SampleFormat;
use farsend_wire::jacktrip::{Control, Header, is_control};
use farsend_wire::repair::Repair;
use rtrb::Consumer;

#[derive(Debug, Clone, Default)]
struct Outbox(Rc<RefCell<Vec<Vec<u8>>>>);

impl Outlet for Outbox {
    fn send(&self, _to: SocketAddr, payload: &[u8]) -> bool {
        self.0.borrow_mut().push(payload.to_vec());
        true
    }
}

/// How an end is made.
#[derive(Debug, Clone)]
struct Plan {
    clock: ClockConfig,
    period: u32,
    block: u32,
    depth: DepthPolicy,
    path: PathConfig,
    /// What is heard is sent back; else it sends a ramp of its own.
    loops: bool,
}

impl Plan {
    fn new(seed: u64) -> Self {
        let start = MonoTime::from_nanos(1_000_000_000 + seed * 700_000);
        Self {
            clock: ClockConfig {
                seed,
                start,
                ..ClockConfig::default()
            },
            period: 64,
            block: 64,
            depth: DepthPolicy::Fixed(4),
            path: PathConfig {
                seed,
                delay: Duration::from_millis(7),
                ..PathConfig::default()
            },
            loops: false,
        }
    }
}

struct End {
    machines: Machines<Outbox>,
    outbox: Outbox,
    clock: Clock,
    tick: Tick,
    plan: Plan,
    /// Datagrams on their way from here.
    way: Way<Vec<u8>>,
    words: u64,
    _events: Consumer<LinkEvent>,
    /// What was played so far, and what the first frame of each packet was that was sent, by number.
    played: Vec<f32>,
    firsts: BTreeMap<i64, f32>,
}

impl End {
    fn new(plan: &Plan, remote: Option<SocketAddr>) -> Self {
        let mut clock = Clock::new(plan.clock.clone());
        let beat = Beat {
            rate: plan.clock.rate,
            period: Frames(plan.period),
            block: Frames(plan.block),
        };
        let role = match remote {
            None => Role::Server,
            Some(_) => Role::Client {
                host: "192.0.2.1".into(),
                port: 4464,
            },
        };
        let settings = SessionSettings {
            role,
            send: Channels(1),
            receive: Channels(1),
            samples: Some(SampleFormat::I24),
            depth: plan.depth,
            ..SessionSettings::default()
        };
        let outbox = Outbox::default();
        let (events, consumer) = rtrb::RingBuffer::new(64);
        let kernels = kernels(beat.rate);
        let mut machines =
            Machines::new(&settings, outbox.clone(), remote, beat, &kernels, events).unwrap();
        machines.hearing().tell();
        Self {
            machines,
            outbox,
            tick: clock.tick(Frames(plan.block)),
            clock,
            way: Way::new(Path::new(plan.path)),
            plan: plan.clone(),
            words: 0,
            _events: consumer,
            played: Vec::new(),
            firsts: BTreeMap::new(),
        }
    }

    /// One block, of which `came` came before it.
    fn period(&mut self, came: &[(MonoTime, Vec<u8>)], from: SocketAddr) {
        let now = self.tick.called;
        let frames = self.plan.block as usize;
        let mut block = vec![0.0; frames];
        if !self.plan.loops {
            let first = self.played.len();
            let ramp: Vec<f32> = (first..first + frames).map(ramp).collect();
            self.machines.send(now, 0, &[&ramp]);
        }
        for (at, payload) in came {
            self.machines.take(*at, from, payload).unwrap();
        }
        self.machines.attend(now);
        _ = self.machines.play(now, &mut [&mut block]);
        if self.plan.loops {
            self.machines.send(now, 0, &[&block]);
        }
        self.played.extend(block);
        for payload in self.outbox.0.borrow_mut().drain(..) {
            if is_control(&payload) {
                let word = Control::parse(&payload);
                self.words += u64::from(matches!(word, Some(Control::Hearing(_))));
            } else if !Repair::is_meant(&payload) {
                let header = Header::parse(&payload).unwrap();
                let last = self.firsts.keys().next_back().copied();
                let before = last.unwrap_or(i64::from(header.seq.0));
                let ahead = header.seq.since(farsend_units::SeqNum(before as u16));
                let first = SampleFormat::I24;
                let mut sample = [0.0];
                first.decode(&payload[Header::LEN..Header::LEN + 3], &mut sample);
                self.firsts.insert(before + i64::from(ahead), sample[0]);
            }
            self.way.send(now, payload);
        }
        self.tick = self.clock.tick(Frames(self.plan.block));
    }

    fn heard(&self) -> Option<Heard> {
        let mut statistics = Statistics::default();
        self.machines.report(&mut statistics);
        statistics.heard
    }
}

fn address(end: usize) -> SocketAddr {
    ([192, 0, 2, end as u8 + 1], 4464).into()
}

/// A sample that tells its frame among 2^17, with room for parts of one in 24 bits.
fn ramp(frame: usize) -> f32 {
    (frame % TURN) as f32 / 65536.0 - 1.0
}

/// Which frame that is.
fn frame(sample: f32) -> f64 {
    (f64::from(sample) + 1.0) * 65536.0
}

const TURN: usize = 1 << 17;

/// How far one frame is from another, both known but for whole turns.
fn apart(one: f64, other: f64) -> f64 {
    let turn = TURN as f64;
    let apart = (one - other).rem_euclid(turn);
    apart.min(turn - apart)
}

/// The far end called, and the near one, which calls.
struct Two {
    ends: [End; 2],
    /// What the near end was told, as it was.
    told: Vec<Heard>,
    /// The same with words that were overtaken, as they came.
    words: Vec<Heard>,
    relation: Relation,
}

impl Two {
    fn run(far: &Plan, near: &Plan, seconds: u64) -> Self {
        let mut two = Self {
            ends: [End::new(far, None), End::new(near, Some(address(0)))],
            told: Vec::new(),
            words: Vec::new(),
            relation: Relation::default(),
        };
        let end = MonoTime::from_nanos((seconds + 1) * 1_000_000_000);
        loop {
            let [called, caller] = &two.ends;
            let turn = usize::from(caller.tick.called < called.tick.called);
            let now = two.ends[turn].tick.called;
            if now > end {
                return two;
            }
            let came: Vec<_> = two.ends[1 - turn].way.arrivals(now).collect();
            two.ends[turn].period(&came, address(1 - turn));
            if turn == 1 {
                two.listen(&came);
            }
            let heard = two.ends[1].heard();
            if let Some(heard) = heard.filter(|heard| two.told.last() != Some(heard)) {
                two.told.push(heard);
            }
        }
    }

    /// What a recorder of takes hears of what came to the near end.
    fn listen(&mut self, came: &[(MonoTime, Vec<u8>)]) {
        let newest = |end: &End| end.firsts.keys().next_back().copied();
        let [far, near] = &self.ends;
        for (_, payload) in came {
            let word = Control::parse(payload).filter(|_| is_control(payload));
            let numbers = newest(far).zip(newest(near));
            if let (Some(Control::Hearing(word)), Some((newest, last))) = (word, numbers) {
                let streams = Streams {
                    newest,
                    next: last.unsigned_abs() + 1,
                    period: Frames(near.plan.period),
                };
                self.words.extend(self.relation.handle(word, streams));
            }
        }
    }

    /// How far each of the far end's packets is from its place in a take, in frames, after so many seconds.
    fn off_in_a_take(&self, after: u64) -> Vec<f64> {
        let period = f64::from(self.ends[0].plan.period);
        let mut place = Place::new(1.0);
        for heard in &self.words {
            place.note_exact(Pair {
                captured: heard.packet as f64 * period,
                position: self.said(heard),
            });
        }
        let fit = place.fit(0.0, 1e12).unwrap();
        let begin = after as f64 * 48_000.0;
        let last = self.words.last().unwrap().packet;
        let packets = self.ends[0].firsts.keys().copied();
        let packets = packets
            .filter(|packet| (begin..last as f64 * period).contains(&(*packet as f64 * period)));
        let off = packets.filter_map(|packet| {
            let played = self.played(packet);
            // Where the ramp begins again nothing can be told.
            (300.0..TURN as f64 - 300.0)
                .contains(&played)
                .then(|| apart(fit.position(packet as f64 * period), played))
        });
        off.collect()
    }

    /// Our frame that the far end says it heard.
    fn said(&self, heard: &Heard) -> f64 {
        let period = f64::from(self.ends[1].plan.period);
        heard.heard as f64 * period + f64::from(heard.offset) / 256.0
    }

    /// The frame of ours that it really played as it captured the first frame of that packet.
    fn played(&self, packet: i64) -> f64 {
        let [far, _] = &self.ends;
        let first = far.firsts[&packet];
        if far.plan.loops {
            return frame(first);
        }
        // The ramp of its own tells where on its line that was.
        let place = frame(first).round() as usize;
        let turns = (far.played.len() - 1 - place) / TURN;
        let times = (0..=turns).map(|turn| far.played[place + turn * TURN]);
        // The packet is among the last of them: tests are short, or look at those of one turn.
        frame(times.last().unwrap())
    }

    /// How far what was said is from what was played, in frames, with the packet and the place.
    fn errors(&self) -> Vec<f64> {
        self.told
            .iter()
            .map(|heard| apart(self.said(heard), self.played(heard.packet)))
            .collect()
    }
}

#[test]
fn what_a_looping_end_says_is_exactly_what_comes_back() {
    for (period, block) in [(64, 64), (128, 128), (64, 96), (100, 256), (256, 64)] {
        let far = Plan {
            loops: true,
            period,
            block,
            ..Plan::new(1)
        };
        let two = Two::run(&far, &Plan::new(2), 12);
        assert!(two.told.len() > 35, "{period} {block}: {}", two.told.len());
        let errors = two.errors();
        // While the depth is found, in the first seconds, speeds may differ.
        assert!(
            errors.iter().all(|error| *error < 0.5),
            "{period} {block}: {errors:?}"
        );
        let settled = &errors[errors.len() / 2..];
        assert!(
            settled.iter().all(|error| *error == 0.0),
            "{period} {block}: {settled:?}"
        );
        // Four a second, and few more.
        assert!(two.ends[0].words < 12 * 8, "{}", two.ends[0].words);
    }
}

#[test]
fn what_a_player_hears_while_they_play_is_said_to_the_sample() {
    let near = Plan {
        period: 128,
        block: 128,
        ..Plan::new(4)
    };
    // Within one turn of the ramps.
    let two = Two::run(&Plan::new(3), &near, 2);
    let errors = two.errors();
    assert!(errors.len() > 3, "{}", errors.len());
    assert!(errors.iter().all(|error| *error == 0.0), "{errors:?}");
}

#[test]
fn clocks_that_differ_are_followed_within_a_part_of_a_sample() {
    let mut far = Plan {
        loops: true,
        depth: DepthPolicy::AUTO,
        ..Plan::new(5)
    };
    far.clock.ppm = 150.0;
    far.path.jitter = Jitter::Uniform(Duration::from_millis(1));
    let near = Plan {
        depth: DepthPolicy::AUTO,
        path: PathConfig {
            jitter: Jitter::Uniform(Duration::from_millis(1)),
            ..Plan::new(6).path
        },
        ..Plan::new(6)
    };
    let two = Two::run(&far, &near, 25);
    let errors = two.errors();
    let good = errors.iter().filter(|error| **error < 0.1).count();
    assert!(good * 20 > errors.len() * 19, "{errors:?}");
    // And between two words what was said holds.
    let mut off = 0_f64;
    let (first, last) = (two.told[two.told.len() / 2], two.told[two.told.len() - 1]);
    for packet in first.packet..last.packet {
        let at = two.told.partition_point(|heard| heard.packet <= packet) - 1;
        let heard = two.told[at];
        let frames = (packet - heard.packet) as f64 * f64::from(far.period);
        let said = two.said(&heard) + frames * f64::from(heard.step) / f64::from(1 << 24);
        let played = two.played(packet);
        // Where the ramp begins again nothing can be told.
        if (300.0..TURN as f64 - 300.0).contains(&played) {
            off = off.max(apart(said, played));
        }
    }
    assert!(off < 1.0, "{off}");
}

#[test]
fn a_jump_of_the_depth_is_told_at_once() {
    let far = Plan {
        loops: true,
        depth: DepthPolicy::AUTO,
        path: PathConfig {
            // What it hears is held up; what it sends is not.
            ..Plan::new(7).path
        },
        ..Plan::new(7)
    };
    let mut near = Plan::new(8);
    near.path.stalls = Some(Stalls {
        every: Duration::from_secs(3),
        length: Duration::from_millis(60),
    });
    let two = Two::run(&far, &near, 20);
    let errors = two.errors();
    // Within the 5 ms of a cross-fade the audio says neither the one nor the other.
    let wrong = errors.iter().filter(|error| **error > 0.5).count();
    assert!(wrong * 10 < errors.len(), "{errors:?}");
    let delays: Vec<i64> = two
        .told
        .iter()
        .map(|heard| two.said(heard) as i64 - heard.packet * i64::from(far.period))
        .collect();
    let (least, most) = (delays.iter().min().unwrap(), delays.iter().max().unwrap());
    assert!(most - least > 64, "the depth has changed: {delays:?}");
}

#[test]
fn after_a_break_of_seconds_it_is_said_anew() {
    let far = Plan {
        loops: true,
        ..Plan::new(9)
    };
    let mut near = Plan::new(10);
    near.clock.changes = vec![(
        Duration::from_secs(5),
        Change::Pause(Duration::from_secs(3)),
    )];
    let two = Two::run(&far, &near, 16);
    let errors = two.errors();
    let after = &errors[errors.len() - 12..];
    assert!(after.iter().all(|error| *error == 0.0), "{errors:?}");
}

#[test]
fn other_rates_are_told_in_the_frames_of_who_is_told() {
    let mut far = Plan {
        loops: true,
        period: 128,
        block: 128,
        ..Plan::new(11)
    };
    far.clock.rate = SampleRate::HZ_44100;
    let two = Two::run(&far, &Plan::new(12), 10);
    let errors = two.errors();
    let good = errors[errors.len() / 2..].iter().all(|error| *error < 0.1);
    assert!(good, "{errors:?}");
}

#[test]
fn what_converters_take_is_taken_off() {
    let plan = |seed| Plan {
        loops: true,
        ..Plan::new(seed)
    };
    let mut two = Two {
        ends: [
            End::new(&plan(13), None),
            End::new(&Plan::new(14), Some(address(0))),
        ],
        told: Vec::new(),
        words: Vec::new(),
        relation: Relation::default(),
    };
    two.ends[0].machines.hearing().set_converters(Frames(1000));
    for _ in 0..8000 {
        let [called, caller] = &two.ends;
        let turn = usize::from(caller.tick.called < called.tick.called);
        let now = two.ends[turn].tick.called;
        let came: Vec<_> = two.ends[1 - turn].way.arrivals(now).collect();
        two.ends[turn].period(&came, address(1 - turn));
    }
    let heard = two.ends[1].heard().unwrap();
    let (played, said) = (two.played(heard.packet), two.said(&heard));
    assert_eq!((played - said).rem_euclid(TURN as f64), 1000.0);
}

#[test]
fn a_take_lies_where_it_belongs_though_queues_change_words_are_lost_and_overtake_each_other() {
    let bad = |seed, stalls| PathConfig {
        jitter: Jitter::Exponential(Duration::from_millis(1)),
        loss: Loss::Independent(0.01),
        stalls,
        ..Plan::new(seed).path
    };
    let stalls = Some(Stalls {
        every: Duration::from_secs(3),
        length: Duration::from_millis(60),
    });
    let pauses = |length| {
        let times = (4..12).step_by(3).map(Duration::from_secs);
        times
            .map(|at| (at, Change::Pause(Duration::from_millis(length))))
            .collect::<Vec<_>>()
    };
    let auto = |seed, path| Plan {
        depth: DepthPolicy::AUTO,
        path,
        ..Plan::new(seed)
    };
    let (far, near) = (auto(20, bad(20, None)), auto(21, bad(21, None)));
    let stalled = auto(21, bad(21, stalls));
    let (mut late_far, mut late_near) = (far.clone(), near.clone());
    late_far.clock.changes = pauses(20);
    late_near.clock.changes = pauses(20);
    let cases = [
        ("stalls on the way there", far.clone(), stalled),
        ("a far end that skips 20 ms", late_far, near),
        ("a near end that skips 20 ms", far, late_near),
    ];
    for (name, mut far, near) in cases {
        far.loops = true;
        let two = Two::run(&far, &near, 12);
        let off = two.off_in_a_take(3);
        let near = off.iter().filter(|off| **off <= 10.0).count();
        let share = near as f64 / off.len() as f64;
        println!(
            "{name}: {:.2} % of {}, {} words",
            share * 100.0,
            off.len(),
            two.words.len()
        );
        // While nothing comes through, what is played is not what was sent.
        assert!(share > 0.97, "{name}: {share}");
    }
}
