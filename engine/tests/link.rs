//! A plugin's end of the segment against the engine's link backend, in real time: what goes out comes back, whole.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail as the test does")]

use std::time::Duration;

use farsend::backend::link::LinkBackend;
use farsend::backend::timer::{Deaf, TimerBackend};
use farsend::engine::{Desk, Session};
use farsend::settings::{Role, SessionSettings};
use farsend_ipc::segment::{EngineEnd, PluginEnd, SegmentConfig};
use farsend_rt::clock;
use farsend_stream::DepthPolicy;
use farsend_units::{Channels, Frames, SampleRate};
use farsend_wire::sample::SampleFormat;

const RATE: SampleRate = SampleRate::HZ_48000;

/// A far end that sends everything back, paced by the machine's clock.
fn far_end(period: u32, queue: u16) -> (TimerBackend, Desk) {
    let settings = SessionSettings {
        bind_port: 0,
        loopback: true,
        depth: DepthPolicy::Fixed(queue),
        ..SessionSettings::default()
    };
    let Session { path, desk } =
        Session::build(&settings, RATE, Frames(period), Frames(period)).unwrap();
    let two = Channels(2);
    let timer = TimerBackend::start(path, Box::new(Deaf), RATE, Frames(period), two, two).unwrap();
    (timer, desk)
}

/// A plugin joined to that far end through the engine's link.
fn plugin(far: &Desk, period: u32, block: u32, queue: u16) -> (LinkBackend, Desk, PluginEnd) {
    let settings = SessionSettings {
        role: Role::Client {
            host: "127.0.0.1".into(),
            port: far.port,
        },
        bind_port: 0,
        samples: Some(SampleFormat::F32),
        depth: DepthPolicy::Fixed(queue),
        ..SessionSettings::default()
    };
    let Session { path, desk } =
        Session::build(&settings, RATE, Frames(period), Frames(block)).unwrap();
    let config = SegmentConfig {
        send: Channels(2),
        receive: Channels(2),
        rate: RATE,
        capacity: Frames(8192),
    };
    let (end, handle) = EngineEnd::create(config).unwrap();
    let plugin = PluginEnd::open(handle).unwrap();
    (LinkBackend::start(path, end).unwrap(), desk, plugin)
}

/// Calls the plugin's end for `seconds` as a host with these block sizes would, counting frames up. Returns what
/// came back in channel 0, and in channel 1 negated.
fn host(plugin: &mut PluginEnd, blocks: &[usize], seconds: f64) -> Vec<f32> {
    let mut heard = Vec::new();
    let (start, mut frame) = (clock::now(), 0);
    let mut sizes = blocks.iter().cycle();
    while (frame as f64) < seconds * f64::from(RATE.0) {
        let size = *sizes.next().unwrap();
        let left: Vec<f32> = (frame..frame + size)
            .map(|i| (i % 65536) as f32 / 65536.0)
            .collect();
        let right: Vec<f32> = left.iter().map(|x| -x).collect();
        let (mut back_left, mut back_right) = (vec![0.0; size], vec![0.0; size]);
        _ = plugin.exchange(&[&left, &right], &mut [&mut back_left, &mut back_right]);
        assert!(back_left.iter().zip(&back_right).all(|(l, r)| *l == -*r));
        heard.extend(back_left);
        frame += size;
        clock::sleep_until(start + Frames(frame as u32).duration(RATE));
    }
    heard
}

/// Of the stretches of so many frames the best, which a machine that hesitates has left alone: the share of its frames
/// that continue the count of the frame before them, and the delay of its last.
fn continuity(heard: &[f32], frames: usize) -> (f64, usize) {
    let count = |x: f32| (x * 65536.0).round() as i64;
    let stretches = heard.chunks_exact(frames).enumerate().map(|(i, stretch)| {
        let going_on = stretch
            .windows(2)
            .filter(|two| count(two[1]) - count(two[0]) == 1 && two[0] != 0.0)
            .count();
        let last = ((i + 1) * frames) as i64 - 1;
        let delay = (last - count(stretch[frames - 1])).rem_euclid(65536);
        (going_on as f64 / (frames - 1) as f64, delay as usize)
    });
    stretches
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .expect("there is one")
}

#[test]
fn blocks_of_one_size_come_back_whole_with_the_delay_of_the_queues() {
    let (far, far_desk) = far_end(128, 4);
    let (near, _desk, mut end) = plugin(&far_desk, 128, 128, 4);
    let heard = host(&mut end, &[128], 4.0);
    let (whole, delay) = continuity(&heard, 48_000);
    assert!(whole > 0.99, "only {whole} of the best second goes on");
    assert!(delay <= 128 * 11, "{delay} frames there and back");
    near.stop().unwrap().leave();
    far.stop().unwrap();
}

#[test]
fn any_mixture_of_block_sizes_comes_back_whole() {
    // Blocks of 1024 frames leave as 16 packets at once: the far end needs a queue for them.
    let (far, far_desk) = far_end(64, 20);
    let (near, mut desk, mut end) = plugin(&far_desk, 64, 1024, 8);
    let heard = host(&mut end, &[64, 512, 1, 333, 1024, 17, 256, 96], 4.0);
    let (whole, _) = continuity(&heard, 48_000);
    let counts = (desk.statistics.read().buffer, end.counts());
    assert!(
        whole > 0.95,
        "only {whole} of the best second goes on: {counts:?}"
    );
    near.stop().unwrap();
    far.stop().unwrap();
}

#[test]
fn a_host_that_stops_and_goes_on_keeps_its_peer() {
    let (far, far_desk) = far_end(128, 4);
    let (near, mut desk, mut end) = plugin(&far_desk, 128, 128, 4);
    host(&mut end, &[128], 1.0);
    let (before, begun) = (desk.statistics.read().sent, clock::now());
    std::thread::sleep(Duration::from_secs(1));
    let (now, seconds) = (desk.statistics.read(), clock::now().since(begun));
    let a_second = (now.sent - before) as f64 / seconds.as_secs_f64();
    assert!(
        (200.0..=400.0).contains(&a_second),
        "{a_second} packets of silence in each second without calls"
    );
    assert!(now.present);
    let heard = host(&mut end, &[128], 2.0);
    let (whole, _) = continuity(&heard, 24_000);
    assert!(whole > 0.95, "only {whole} of the best half second goes on");
    near.stop().unwrap();
    far.stop().unwrap();
}

#[test]
fn a_host_that_renders_faster_than_real_time_does_not_flood_the_network() {
    let (far, far_desk) = far_end(128, 4);
    let (near, mut desk, mut end) = plugin(&far_desk, 128, 1024, 4);
    let started = clock::now();
    let block = [0.1f32; 1024];
    for _ in 0..5000 {
        let (mut left, mut right) = ([0.0f32; 1024], [0.0f32; 1024]);
        _ = end.exchange(&[&block, &block], &mut [&mut left, &mut right]);
        std::thread::sleep(Duration::from_micros(100));
    }
    let seconds = clock::now().since(started).as_secs_f64();
    let sent = desk.statistics.read().sent as f64;
    let in_real_time = seconds * f64::from(RATE.0) / 128.0;
    assert!(
        sent < in_real_time * 1.1 + 300.0,
        "{sent} packets, {in_real_time} in real time"
    );
    near.stop().unwrap();
    far.stop().unwrap();
}
