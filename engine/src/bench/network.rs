//! Two ends and the network between them, in virtual time.
//!
//! ```text
//!   clock 0 ─▶ end 0 ── datagrams ──▶ path 0 ──▶ end 1 ◀─ clock 1
//!                   ◀── path 1 ◀── datagrams ──
//! ```
//! Whichever end's clock is due next has its turn: it sends its block, takes what has arrived by then and plays, as
//! [`Paced::period`](crate::backend::Paced::period) does.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

use farsend_netsim::{Clock, ClockConfig, Path, PathConfig, Tick, Trace, Way};
use farsend_protocol::jacktrip::PacketizerError;
use farsend_stream::Pulled;
use farsend_units::{Channels, Frames, MonoTime, SampleRate};
use rtrb::{Consumer, RingBuffer};

use crate::net::Outlet;
use crate::peers::{Beat, LinkEvent, Machines, kernels};
use crate::settings::{Role, SessionSettings};
use crate::statistics::Statistics;

/// Both ends and what is between them. Index 0 is the called one, 1 the caller; `ways[i]` is what end `i` sends
/// through.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The ends.
    pub ends: [EndPlan; 2],
    /// The directions.
    pub ways: [PathPlan; 2],
    /// Channels each way.
    pub channels: Channels,
}

/// One end.
#[derive(Debug, Clone)]
pub struct EndPlan {
    /// Its audio device's clock.
    pub clock: ClockConfig,
    /// Its blocks, and the packets that it sends.
    pub period: Frames,
    /// What it would have from the command line; role, ports and channels are the network's business.
    pub settings: SessionSettings,
}

/// One direction.
#[derive(Debug, Clone)]
pub enum PathPlan {
    /// By a configuration.
    Made(PathConfig),
    /// As recorded.
    Recorded(PathConfig, Trace),
}

impl PathPlan {
    fn path(&self) -> Path {
        match self {
            Self::Made(config) => Path::new(*config),
            Self::Recorded(config, trace) => Path::replay(*config, trace.clone()),
        }
    }
}

/// Plays into the ends and hears what comes out.
pub trait Musicians {
    /// Fills the block (planar) that end `end` sends, whose first frame is its `frame`-th.
    fn play(&mut self, end: usize, frame: u64, block: &mut [Vec<f32>]);

    /// End `end` has played this block (planar).
    fn hear(&mut self, end: usize, heard: Heard, block: &[Vec<f32>]);
}

/// About a block that was played.
#[derive(Debug, Clone, Copy)]
pub struct Heard {
    /// The number of its first frame, by the end's own clock.
    pub frame: u64,
    /// When that was.
    pub at: MonoTime,
    /// How it was filled.
    pub pulled: Pulled,
    /// The depth of the queue right before it was played.
    pub queued: Frames,
}

/// What went through one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Datagrams sent.
    pub datagrams: u64,
    /// Their payloads' bytes.
    pub bytes: u64,
    /// Of the datagrams, those that never arrived.
    pub lost: u64,
}

/// Two ends at work.
#[derive(Debug)]
pub struct Network {
    ends: [End; 2],
    /// From each end to the other.
    ways: [Way<Vec<u8>>; 2],
    traffic: [Traffic; 2],
    travels: [Vec<Travel>; 2],
}

/// When a datagram was sent, and when it arrived; none: it was lost.
pub type Travel = (MonoTime, Option<MonoTime>);

impl Network {
    /// Two ends that have not heard of each other yet, at the start of their clocks.
    ///
    /// # Errors
    /// [`PacketizerError`] when such packets cannot be sent.
    pub fn new(plan: &Plan) -> Result<Self, PacketizerError> {
        let [called, caller] = &plan.ends;
        let role = Role::Client {
            host: ADDRESSES[0].0.into(),
            port: ADDRESSES[0].1,
        };
        Ok(Self {
            ends: [
                End::new(called, plan.channels, Role::Server, None)?,
                End::new(caller, plan.channels, role, Some(address(0)))?,
            ],
            ways: plan.ways.each_ref().map(|way| Way::new(way.path())),
            traffic: [Traffic::default(); 2],
            travels: Default::default(),
        })
    }

    /// When the next block begins, of whichever end.
    pub fn next(&self) -> MonoTime {
        self.ends[self.turn()].tick.begins
    }

    /// Gives the end that is due its turn.
    pub fn step(&mut self, musicians: &mut impl Musicians) {
        let turn = self.turn();
        let now = self.ends[turn].tick.called;
        self.ends[turn].send(turn, now, musicians);
        self.carry(turn, now);
        let arrivals = self.ways[1 - turn].arrivals(now);
        self.ends[turn].receive(1 - turn, now, arrivals);
        self.carry(turn, now);
        self.ends[turn].hear(turn, musicians);
    }

    /// What end `end` knows.
    pub fn statistics(&self, end: usize) -> Statistics {
        let mut statistics = Statistics::default();
        self.ends[end].machines.report(&mut statistics);
        statistics
    }

    /// What end `end` has sent, and what became of it.
    pub fn traffic(&self, end: usize) -> Traffic {
        self.traffic[end]
    }

    /// The ways of all datagrams that end `end` has sent.
    pub fn travels(&self, end: usize) -> &[Travel] {
        &self.travels[end]
    }

    fn turn(&self) -> usize {
        let [called, caller] = &self.ends;
        usize::from(caller.tick.called < called.tick.called)
    }

    /// Puts what end `from` has sent on its way.
    fn carry(&mut self, from: usize, now: MonoTime) {
        let sent = std::mem::take(&mut *self.ends[from].wire.0.borrow_mut());
        for payload in sent {
            let traffic = &mut self.traffic[from];
            traffic.datagrams += 1;
            traffic.bytes += payload.len() as u64;
            let deliveries = self.ways[from].send(now, payload);
            traffic.lost += u64::from(deliveries.is_lost());
            self.travels[from].push((now, deliveries.into_iter().min()));
        }
    }
}

/// What an end's machines send through.
#[derive(Debug, Clone, Default)]
struct Wire(Rc<RefCell<Vec<Vec<u8>>>>);

impl Outlet for Wire {
    fn send(&self, _to: SocketAddr, payload: &[u8]) -> bool {
        self.0.borrow_mut().push(payload.to_vec());
        true
    }
}

#[derive(Debug)]
struct End {
    clock: Clock,
    period: Frames,
    machines: Machines<Wire>,
    wire: Wire,
    /// The block that is due.
    tick: Tick,
    frame: u64,
    input: Vec<Vec<f32>>,
    output: Vec<Vec<f32>>,
    events: Consumer<LinkEvent>,
}

impl End {
    fn new(
        plan: &EndPlan,
        channels: Channels,
        role: Role,
        remote: Option<SocketAddr>,
    ) -> Result<Self, PacketizerError> {
        let settings = SessionSettings {
            role,
            send: channels,
            receive: channels,
            ..plan.settings.clone()
        };
        let beat = Beat {
            rate: plan.clock.rate,
            period: plan.period,
            block: plan.period,
        };
        let wire = Wire::default();
        let (sender, events) = RingBuffer::new(64);
        let kernels = kernels(beat.rate);
        let machines = Machines::new(&settings, wire.clone(), remote, beat, &kernels, sender)?;
        let mut clock = Clock::new(plan.clock.clone());
        let silence = vec![vec![0.0; plan.period.get()]; channels.get()];
        Ok(Self {
            tick: clock.tick(plan.period),
            clock,
            period: plan.period,
            machines,
            wire,
            frame: 0,
            input: silence.clone(),
            output: silence,
            events,
        })
    }

    fn send(&mut self, own: usize, now: MonoTime, musicians: &mut impl Musicians) {
        musicians.play(own, self.frame, &mut self.input);
        let block: Vec<&[f32]> = self.input.iter().map(Vec::as_slice).collect();
        self.machines.send(now, now.as_nanos() / 1000, &block);
    }

    fn receive(
        &mut self,
        other: usize,
        now: MonoTime,
        arrivals: impl Iterator<Item = (MonoTime, Vec<u8>)>,
    ) {
        for (at, payload) in arrivals {
            // What cannot be understood shows in what is heard.
            _ = self.machines.take(at, address(other), &payload);
        }
        self.machines.attend(now);
        while self.events.pop().is_ok() {}
    }

    /// Plays the block that is due and waits for the next.
    fn hear(&mut self, own: usize, musicians: &mut impl Musicians) {
        let mut out: Vec<&mut [f32]> = self.output.iter_mut().map(Vec::as_mut_slice).collect();
        let pulled = self.machines.play(self.tick.called, &mut out);
        let left = self.machines.buffer().queued();
        let heard = Heard {
            frame: self.frame,
            at: self.tick.begins,
            pulled,
            queued: Frames(left.0 + self.period.0),
        };
        musicians.hear(own, heard, &self.output);
        self.frame += u64::from(self.period.0);
        self.tick = self.clock.tick(self.period);
    }
}

/// Of documentation: nobody is there.
const ADDRESSES: [(&str, u16); 2] = [("192.0.2.1", 4464), ("192.0.2.2", 4464)];

fn address(end: usize) -> SocketAddr {
    ([192, 0, 2, end as u8 + 1], ADDRESSES[end].1).into()
}

/// An end that is called every `period` frames of `rate`, as the command line would have it without options.
pub fn plain_end(rate: SampleRate, period: Frames) -> EndPlan {
    EndPlan {
        clock: ClockConfig {
            rate,
            ..ClockConfig::default()
        },
        period,
        settings: SessionSettings::default(),
    }
}
