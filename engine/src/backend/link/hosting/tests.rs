//! A hub's floor paced by a host's calls, in virtual time. The floor's mix is what was captured for it.

use assert_no_alloc::assert_no_alloc;
use farsend_ipc::segment::{EngineEnd, PluginEnd, SegmentConfig};
use farsend_rt::mailbox;
use rtrb::{Producer, RingBuffer};

use super::*;
use crate::backend::link::seat::Place;
use crate::backend::link::{MOST_SEATS, Order};

const RATE: SampleRate = SampleRate::HZ_48000;

/// An instance that counts the frames it sends.
struct Instance {
    plugin: PluginEnd,
    sent: u64,
    heard: Vec<f32>,
}

impl Instance {
    fn new(id: u64, source: Source) -> (Self, Box<Seat>) {
        let config = SegmentConfig {
            send: Channels(1),
            receive: Channels(1),
            rate: RATE,
            capacity: Frames(8192),
        };
        let (end, handle) = EngineEnd::create(config).expect("a small segment can be made");
        let seat = Seat::hearing(id, end, Place { first: Channels(1) }, &[source]);
        let instance = Self {
            plugin: PluginEnd::open(handle).expect("nobody has touched it"),
            sent: 0,
            heard: Vec::new(),
        };
        (instance, seat)
    }

    fn call(&mut self, at: MonoTime, block: usize, scale: f32) {
        let count = self.sent..self.sent + block as u64;
        let input: Vec<f32> = count.map(|frame| frame as f32 * scale).collect();
        self.sent += block as u64;
        let mut heard = vec![0.0; block];
        let _ = self.plugin.exchange_at(at, &[&input], &mut [&mut heard]);
        self.heard.extend(heard);
    }
}

/// A host with one instance that is the clock, and maybe others.
struct Stage {
    house: House,
    instances: Vec<Instance>,
    now: MonoTime,
    orders: Producer<Order>,
}

impl Stage {
    fn new(period: u32) -> Self {
        let (orders, obeyed) = RingBuffer::new(8);
        let lines = Lines {
            orders: obeyed,
            returns: RingBuffer::new(MOST_SEATS).0,
        };
        let floor = HostedFloor::echo(RATE, Frames(period), Channels(1));
        let (lead, seat) = Instance::new(0, Source::Mix);
        Self {
            house: House::new(floor, seat, Channels(1), lines, mailbox().1),
            instances: vec![lead],
            now: clock::now(),
            orders,
        }
    }

    fn join(&mut self, id: u64, source: Source) {
        let (instance, seat) = Instance::new(id, source);
        self.instances.push(instance);
        self.orders.push(Order::Join(seat)).expect("there is room");
        self.turn();
    }

    fn turn(&mut self) {
        let (house, now) = (&mut self.house, self.now);
        assert_no_alloc(|| house.turn(now));
    }

    /// All are called with one block, and after that the thread looks, or is late.
    fn block(&mut self, frames: usize, is_late: bool) {
        for instance in &mut self.instances {
            instance.call(self.now, frames, 1.0);
        }
        let length = Frames(frames as u32).duration(RATE);
        self.now = self.now + length / 8;
        if !is_late {
            self.turn();
        }
        self.now = self.now + (length - length / 8);
    }
}

/// How far what was heard last lies behind what was sent with it, if all of it does so alike; it is `times` as loud.
fn behind(instance: &Instance, frames: usize, times: f32) -> Option<u64> {
    let begin = instance.heard.len() - frames;
    let behind = |(at, heard): (usize, &f32)| (at as f32) - heard / times;
    let mut all = instance.heard.iter().enumerate().skip(begin).map(behind);
    let first = all.next()?;
    all.all(|other| other == first).then_some(first as u64)
}

#[test]
fn what_is_sent_is_heard_a_block_later_or_as_much_more_as_a_period_needs() {
    for (block, period, expected) in [
        (128, 128, 128),
        (512, 128, 512),
        (64, 128, 128),
        (480, 128, 576),
        (441, 64, 504),
    ] {
        let mut stage = Stage::new(period);
        for _ in 0..100 {
            stage.block(block, false);
        }
        let found = behind(&stage.instances[0], 10 * block, 1.0);
        assert_eq!(
            found,
            Some(expected),
            "blocks of {block}, periods of {period}"
        );
    }
}

#[test]
fn a_thread_that_was_late_costs_what_that_lasted_and_the_delay_stays() {
    let mut stage = Stage::new(128);
    for block in 0..100 {
        stage.block(256, (40..44).contains(&block));
    }
    assert_eq!(behind(&stage.instances[0], 40 * 256, 1.0), Some(256));
}

#[test]
fn larger_blocks_make_the_delay_longer_and_smaller_ones_shorter_after_a_while() {
    let mut stage = Stage::new(64);
    for block in 0..60 {
        stage.block(if block % 2 == 0 { 512 } else { 256 }, false);
    }
    assert_eq!(behind(&stage.instances[0], 10 * 768, 1.0), Some(512));
    for _ in 0..800 {
        stage.block(256, false);
    }
    assert_eq!(behind(&stage.instances[0], 10 * 256, 1.0), Some(256));
}

#[test]
fn while_the_host_stands_still_the_machines_clock_paces_the_hub() {
    let mut stage = Stage::new(128);
    for _ in 0..100 {
        stage.block(256, false);
    }
    let before = stage.house.floor.periods();
    assert_eq!(before, 200);
    for _ in 0..400 {
        stage.now = stage.now + Duration::from_micros(2_500);
        stage.turn();
    }
    // A second, but for the time in which the host might still have called.
    let standing = stage.house.floor.periods() - before;
    assert!((348..=358).contains(&standing), "{standing}");
    for _ in 0..100 {
        stage.block(256, false);
    }
    assert_eq!(stage.house.floor.periods() - before - standing, 200);
    assert_eq!(behind(&stage.instances[0], 50 * 256, 1.0), Some(256));
}

#[test]
fn instances_are_summed_and_who_hears_nobody_hears_nothing() {
    let mut stage = Stage::new(128);
    stage.block(256, false);
    stage.join(1, Source::Nothing);
    stage.instances[1].sent = stage.instances[0].sent;
    for _ in 0..100 {
        stage.block(256, false);
    }
    assert_eq!(behind(&stage.instances[0], 10 * 256, 2.0), Some(256));
    let silent = stage.instances[1].heard.iter().all(|sample| *sample == 0.0);
    assert!(silent);
    let order = Order::Listen(1, 0, Source::Mix);
    stage.orders.push(order).expect("there is room");
    for _ in 0..100 {
        stage.block(256, false);
    }
    let heard = |instance: &Instance| instance.heard[instance.heard.len() - 2560..].to_vec();
    assert_eq!(heard(&stage.instances[0]), heard(&stage.instances[1]));
    // The clock leaves, and the other one's calls pace the hub.
    stage.orders.push(Order::Leave(0)).expect("there is room");
    stage.instances.remove(0);
    for _ in 0..100 {
        stage.block(256, false);
    }
    let sent = stage.instances[0].sent as f32;
    let last = *stage.instances[0].heard.last().expect("it was called");
    assert_eq!(sent - 1.0 - last, 256.0);
}
