//! Two ends in one process, joined by real sockets and driven period by period: what arrives, and that nothing is
//! allocated on the way.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail as the test does")]

use std::time::{Duration, Instant};

use assert_no_alloc::{AllocDisabler, assert_no_alloc};
use farsend::audio::AudioPath;
use farsend::backend::Paced as _;
use farsend::engine::{Desk, Session};
use farsend::peers::LinkEvent;
use farsend::settings::{Role, SessionSettings};
use farsend::statistics::Statistics;
use farsend_protocol::jacktrip::Event;
use farsend_units::{Channels, Frames, SampleRate};
use farsend_wire::sample::SampleFormat;

#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

const RATE: SampleRate = SampleRate::HZ_48000;
const PERIOD: usize = 64;

fn settings(channels: u8) -> SessionSettings {
    SessionSettings {
        bind_port: 0,
        send: Channels(channels),
        receive: Channels(channels),
        depth: farsend_stream::DepthPolicy::Fixed(2),
        ..SessionSettings::default()
    }
}

fn server(settings: SessionSettings) -> (Box<AudioPath>, Desk) {
    let Session { path, desk } = build(&settings);
    (path, desk)
}

fn client(settings: SessionSettings, of: &Desk) -> (Box<AudioPath>, Desk) {
    let role = Role::Client {
        host: "127.0.0.1".into(),
        port: of.port,
    };
    let Session { path, desk } = build(&SessionSettings { role, ..settings });
    (path, desk)
}

fn build(settings: &SessionSettings) -> Session {
    Session::build(settings, RATE, Frames(PERIOD as u32), Frames(PERIOD as u32)).unwrap()
}

/// A sample that tells its channel and frame, exact in 16 bits.
fn ramp(channel: usize, frame: usize) -> f32 {
    let k = (37 * frame + 4096 * channel) % 65536;
    (k as f32 - 32768.0) / 32768.0
}

/// Runs one period of `path`: `input(channel, frame)` goes out. Returns what was played.
fn period(
    path: &mut AudioPath,
    channels: usize,
    input: impl Fn(usize, usize) -> f32,
) -> Vec<Vec<f32>> {
    let inputs: Vec<Vec<f32>> = (0..channels)
        .map(|c| (0..PERIOD).map(|i| input(c, i)).collect())
        .collect();
    let mut outputs = vec![vec![0.0f32; PERIOD]; channels];
    let ins: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
    let mut outs: Vec<&mut [f32]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
    assert_no_alloc(|| path.period(&ins, &mut outs));
    outputs
}

/// The numbers as they are: they are published some times a second.
fn numbers(path: &mut AudioPath, desk: &mut Desk, channels: usize) -> Statistics {
    std::thread::sleep(Duration::from_millis(25));
    period(path, channels, |_, _| 0.0);
    desk.statistics.read()
}

/// Keeps periods to their time: the buffers go by the clock.
struct Pace(Instant);

impl Pace {
    fn wait(&mut self) {
        self.0 += Duration::from_secs_f64(PERIOD as f64 / f64::from(RATE.0));
        std::thread::sleep(self.0.saturating_duration_since(Instant::now()));
    }
}

fn events(desk: &mut Desk) -> Vec<LinkEvent> {
    std::iter::from_fn(|| desk.events.pop().ok()).collect()
}

/// Sends a ramp for `periods` from a client to a server that loops back; returns channel by channel what came back.
fn there_and_back(
    channels: u8,
    samples: SampleFormat,
    redundancy: u8,
    periods: usize,
) -> Vec<Vec<f32>> {
    let wide = SessionSettings {
        samples: Some(samples),
        redundancy,
        ..settings(channels)
    };
    let (mut far, mut far_desk) = server(SessionSettings {
        loopback: true,
        ..wide.clone()
    });
    let (mut near, _near_desk) = client(wide, &far_desk);
    let mut heard = vec![Vec::new(); channels.into()];
    let mut pace = Pace(Instant::now());
    for n in 0..periods {
        let back = period(&mut near, channels.into(), |c, i| ramp(c, n * PERIOD + i));
        heard
            .iter_mut()
            .zip(back)
            .for_each(|(all, more)| all.extend(more));
        period(&mut far, channels.into(), |_, _| 0.0);
        pace.wait();
    }
    assert!(matches!(
        events(&mut far_desk)[..],
        [LinkEvent::Peer(Event::Arrived { .. })]
    ));
    heard
}

#[test]
fn what_is_sent_comes_back_to_the_sample_in_every_channel() {
    for (channels, samples, redundancy) in [
        (2, SampleFormat::F32, 1),
        (8, SampleFormat::I24, 2),
        (64, SampleFormat::F32, 1),
    ] {
        let heard = there_and_back(channels, samples, redundancy, 500);
        let delay = delay(&heard[0]);
        let sent_at = |c: usize, i: usize| heard[c][i] == ramp(c, i - delay);
        let settled = 400 * PERIOD..500 * PERIOD;
        for channel in 0..channels.into() {
            assert!(
                settled.clone().all(|i| sent_at(channel, i)),
                "channel {channel} of {channels}"
            );
        }
    }
}

/// Frames between a ramp and its return.
fn delay(heard: &[f32]) -> usize {
    let at = 450 * PERIOD;
    (0..100 * PERIOD)
        .find(|delay| (0..8).all(|i| heard[at + i] == ramp(0, at + i - delay)))
        .expect("the ramp comes back")
}

#[test]
fn periods_that_our_server_missed_leave_the_delay_as_it_was_both_ways() {
    // A machine that hesitates misses some of its own.
    let mut tries = (0..5).map(|_| exact_after_missed_periods());
    let good = |exact: [usize; 2]| exact[0] > 150 * PERIOD && exact[1] > 340 * PERIOD;
    assert!(
        tries.any(good),
        "too little of what is played comes back with the delay of before"
    );
}

/// Twice an end misses two periods; gives how much of 160, and of 360 periods from a while after that on comes back
/// with the delay of before.
fn exact_after_missed_periods() -> [usize; 2] {
    let exactly = SessionSettings {
        samples: Some(SampleFormat::F32),
        ..settings(1)
    };
    let (mut far, far_desk) = server(SessionSettings {
        loopback: true,
        ..exactly.clone()
    });
    let (mut near, _near_desk) = client(exactly, &far_desk);
    let mut heard = Vec::new();
    let mut pace = Pace(Instant::now());
    let mut n = 0;
    while n < 1200 {
        if matches!(n, 600 | 800) {
            // Nobody calls us meanwhile.
            near.miss(Frames(2 * PERIOD as u32));
            for _ in 0..2 {
                heard.extend([f32::NAN; PERIOD]);
                period(&mut far, 1, |_, _| 0.0);
                pace.wait();
            }
            n += 2;
        }
        heard.extend(&period(&mut near, 1, |c, i| ramp(c, n * PERIOD + i))[0]);
        period(&mut far, 1, |_, _| 0.0);
        pace.wait();
        n += 1;
    }
    let before = delay(&heard[..590 * PERIOD]);
    [(640, 800), (840, 1200)].map(|(from, to)| {
        (from * PERIOD..to * PERIOD)
            .filter(|at| heard[*at] == ramp(0, at - before))
            .count()
    })
}

#[test]
fn a_server_answers_in_the_bits_of_its_caller() {
    let (mut far, mut far_desk) = server(SessionSettings {
        loopback: true,
        ..settings(1)
    });
    let wide = SessionSettings {
        samples: Some(SampleFormat::I24),
        ..settings(1)
    };
    let (mut near, mut near_desk) = client(wide, &far_desk);
    for _ in 0..50 {
        period(&mut near, 1, |_, _| 0.1);
        period(&mut far, 1, |_, _| 0.0);
    }
    let format = numbers(&mut near, &mut near_desk, 1)
        .format
        .expect("the server was heard");
    assert_eq!(format.samples, SampleFormat::I24);
    assert_eq!(events(&mut near_desk).len(), 1);
    let happened = events(&mut far_desk);
    assert!(
        matches!(
            happened[..],
            [
                LinkEvent::Peer(Event::Arrived { .. }),
                LinkEvent::Adopted(_)
            ]
        ),
        "{happened:?}"
    );
}

#[test]
fn a_goodbye_reaches_the_peer_and_the_next_caller_is_welcome() {
    let (mut far, mut far_desk) = server(settings(2));
    let (mut near, _desk) = client(settings(2), &far_desk);
    for _ in 0..20 {
        period(&mut near, 2, |_, _| 0.0);
        period(&mut far, 2, |_, _| 0.0);
    }
    near.leave();
    period(&mut far, 2, |_, _| 0.0);
    let happened = events(&mut far_desk);
    assert!(
        matches!(
            happened[..],
            [
                LinkEvent::Peer(Event::Arrived { .. }),
                LinkEvent::Peer(Event::Left)
            ]
        ),
        "{happened:?}"
    );
    assert!(!far.has_peer());

    let (mut next, _desk) = client(settings(2), &far_desk);
    for _ in 0..20 {
        period(&mut next, 2, |_, _| 0.0);
        period(&mut far, 2, |_, _| 0.0);
    }
    assert!(far.has_peer());
}

#[test]
fn a_stranger_is_counted_and_not_heard() {
    let (mut far, mut far_desk) = server(settings(1));
    let (mut near, _desk) = client(settings(1), &far_desk);
    let (mut stranger, _desk) = client(settings(1), &far_desk);
    let mut pace = Pace(Instant::now());
    for _ in 0..40 {
        period(&mut near, 1, |_, _| 0.25);
        period(&mut far, 1, |_, _| 0.0);
        pace.wait();
    }
    for _ in 0..40 {
        period(&mut near, 1, |_, _| 0.25);
        period(&mut stranger, 1, |_, _| -1.0);
        let heard = period(&mut far, 1, |_, _| 0.0);
        assert!(
            heard[0].iter().all(|x| (x - 0.25).abs() < 1e-4),
            "{:?}",
            heard[0]
        );
        pace.wait();
    }
    stranger.leave();
    period(&mut far, 1, |_, _| 0.0);
    assert!(far.has_peer(), "a stranger's goodbye is nobody's");
    let counts = numbers(&mut far, &mut far_desk, 1).peer;
    // A call and two goodbyes: who is not answered says no more.
    assert!(
        counts.strangers >= 3 && counts.stranger_stops == 2,
        "{counts:?}"
    );
}

#[test]
fn an_end_of_another_rate_is_heard_at_ours() {
    let (mut far, mut far_desk) = server(settings(1));
    let role = Role::Client {
        host: "127.0.0.1".into(),
        port: far_desk.port,
    };
    let other = SessionSettings {
        role,
        ..settings(1)
    };
    let period_frames = Frames(PERIOD as u32);
    let Session { mut path, mut desk } =
        Session::build(&other, SampleRate::HZ_44100, period_frames, period_frames).unwrap();
    let mut heard = Vec::new();
    for _ in 0..60 {
        period(&mut path, 1, |_, _| 0.5);
        heard = period(&mut far, 1, |_, _| 0.0);
    }
    assert!(
        // Nothing here keeps real time: the ends only come near to a depth that fits.
        heard[0].iter().all(|sample| (sample - 0.5).abs() < 0.1),
        "{:?}",
        heard[0]
    );
    for desk in [&mut far_desk, &mut desk] {
        let told = events(desk);
        assert!(
            !told
                .iter()
                .any(|event| matches!(event, LinkEvent::Unplayable(_))),
            "{told:?}"
        );
    }
}
