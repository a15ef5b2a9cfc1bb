//! A peer, a path and a local clock in virtual time, around one jitter buffer.
//!
//! Everything that the audio thread would do runs under `assert_no_alloc`.
#![allow(dead_code, unreachable_pub, reason = "no test file uses all of it")]
#![allow(missing_docs, clippy::unwrap_used, reason = "a test's helpers")]

use std::f64::consts::TAU;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use assert_no_alloc::{AllocDisabler, assert_no_alloc};
use farsend_netsim::{Path, PathConfig};
use farsend_stream::{
    BufferConfig, BufferCounts, Conceal, DepthPolicy, Inserted, JitterBuffer, Kernels, Origin,
    Pulled,
};
use farsend_units::{Channels, Frames, MonoTime, SampleRate};

#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

pub const RATE: SampleRate = SampleRate::HZ_48000;

/// Between [`RATE`] and those of peers.
pub static KERNELS: LazyLock<Arc<Kernels>> = LazyLock::new(|| {
    let rates = [22_050, 44_100, 88_200, 96_000, 192_000].map(SampleRate);
    Arc::new(Kernels::new(RATE, &rates))
});

/// What a test varies; the rest is as in `Scene::default()`.
#[derive(Clone)]
pub struct Scene {
    /// 0: automatic.
    pub queue: u16,
    pub peer_rate: SampleRate,
    pub period: u32,
    /// The local blocks, over and over.
    pub blocks: Vec<u32>,
    pub channels: u8,
    pub peer_channels: u8,
    pub conceal: Conceal,
    /// Nothing is foretold, whatever `conceal` is.
    pub sparing: bool,
    /// Streams that share a thread.
    pub company: usize,
    /// When the peer's first packet is sent, after the first local block.
    pub phase: Duration,
    pub path: PathConfig,
    /// Copies in a datagram.
    pub redundancy: i64,
    /// The number of the first packet.
    pub first: i64,
    /// How much faster the peer's clock is.
    pub ppm: f64,
    pub seconds: f64,
    /// The sample of a channel and frame.
    pub signal: fn(usize, i64) -> f32,
    /// Packets (from 0) that are not sent at all.
    pub drop: fn(i64) -> bool,
    /// Local blocks (from 0) that the sound server misses.
    pub miss: fn(usize) -> bool,
}

impl Default for Scene {
    fn default() -> Self {
        Self {
            queue: 4,
            peer_rate: RATE,
            period: 128,
            blocks: vec![128],
            channels: 2,
            peer_channels: 2,
            conceal: Conceal::Fade,
            sparing: false,
            company: 1,
            phase: Duration::from_micros(700),
            path: PathConfig::default(),
            redundancy: 1,
            first: 0,
            ppm: 0.0,
            seconds: 2.0,
            signal: ramp,
            drop: |_| false,
            miss: |_| false,
        }
    }
}

/// What came of it.
pub struct Trace {
    pub out: Vec<Vec<f32>>,
    /// Of each block: where it begins, how it was filled, and what was queued before.
    pub blocks: Vec<(usize, Pulled, u32)>,
    pub outcomes: Vec<(i64, Inserted)>,
    pub counts: BufferCounts,
    pub target: u32,
    pub drift: Option<f64>,
}

impl Scene {
    pub fn config(&self) -> BufferConfig {
        BufferConfig {
            channels: Channels(self.channels),
            rate: RATE,
            depth: match self.queue {
                0 => DepthPolicy::AUTO,
                queue => DepthPolicy::Fixed(queue),
            },
            block: Frames(self.blocks.iter().copied().max().unwrap()),
            conceal: self.conceal,
        }
    }

    pub fn buffer(&self) -> JitterBuffer {
        let mut buffer = JitterBuffer::new(self.config(), &KERNELS);
        buffer
            .set_format(
                self.peer_rate,
                Frames(self.period),
                Channels(self.peer_channels),
            )
            .unwrap();
        buffer.set_sparing(self.sparing);
        buffer.set_company(self.company);
        buffer
    }

    /// When which datagrams arrive, in order of arrival.
    pub fn arrivals(&self) -> Vec<(MonoTime, i64)> {
        let mut path = Path::new(self.path);
        let length = f64::from(self.period) / f64::from(self.peer_rate.0) / (1.0 + self.ppm * 1e-6);
        let mut arrivals = Vec::new();
        for i in 0..(self.seconds / length) as i64 + 3 {
            let at = START + self.phase + Duration::from_secs_f64(length * i as f64);
            let deliveries = path.send(at);
            if !(self.drop)(i) {
                arrivals.extend(deliveries.into_iter().map(|at| (at, i)));
            }
        }
        arrivals.sort();
        arrivals
    }

    pub fn run(&self) -> Trace {
        self.run_arrivals(self.arrivals())
    }

    /// Runs the scene with these arrivals, in order of their time.
    pub fn run_arrivals(&self, arrivals: Vec<(MonoTime, i64)>) -> Trace {
        self.run_with(arrivals, |_, _| {})
    }

    /// The same; `meddle` is called before each block with its first frame.
    pub fn run_with(
        &self,
        arrivals: Vec<(MonoTime, i64)>,
        mut meddle: impl FnMut(usize, &mut JitterBuffer),
    ) -> Trace {
        LazyLock::force(&NOTES);
        let mut buffer = self.buffer();
        let (mut came, mut frames, mut missed) = (0, 0usize, 0);
        let total = (self.seconds * f64::from(RATE.0)) as usize;
        let mut trace = Trace {
            out: vec![Vec::with_capacity(total + 8192); usize::from(self.channels)],
            blocks: Vec::new(),
            outcomes: Vec::with_capacity(arrivals.len() * self.redundancy as usize),
            counts: BufferCounts::default(),
            target: 0,
            drift: None,
        };
        let mut seen = vec![
            false;
            arrivals
                .iter()
                .map(|(_, n)| *n as usize + 1)
                .max()
                .unwrap_or(0)
        ];
        for (index, block) in self.blocks.iter().cycle().enumerate() {
            if frames >= total {
                break;
            }
            if (self.miss)(index) {
                missed += *block;
                frames += *block as usize;
                for out in &mut trace.out {
                    out.resize(frames, f32::NAN);
                }
                continue;
            }
            let now =
                START + Duration::from_nanos(frames as u64 * 1_000_000_000 / u64::from(RATE.0));
            while let Some((at, i)) = arrivals.get(came).filter(|(at, _)| *at <= now) {
                for n in (i - self.redundancy + 1).max(0)..=*i {
                    if n < *i && seen[n as usize] {
                        continue;
                    }
                    seen[n as usize] = true;
                    let origin = if n < *i { Origin::Copy } else { Origin::Direct };
                    trace
                        .outcomes
                        .push((n, self.insert(&mut buffer, n, *at, origin)));
                }
                came += 1;
            }
            meddle(frames, &mut buffer);
            let missed = std::mem::take(&mut missed);
            if missed > 0 {
                assert_no_alloc(|| buffer.pass_over(Frames(missed)));
            }
            let block = *block as usize;
            assert_no_alloc(|| buffer.settle(now, Frames::ZERO, Frames(block as u32)));
            let queued = buffer.queued().0;
            let pulled = pull(&mut buffer, &mut trace.out, block);
            trace.blocks.push((frames, pulled, queued));
            frames += block;
        }
        trace.counts = buffer.counts();
        trace.target = buffer.target().0;
        trace.drift = buffer.drift();
        trace
    }

    pub fn insert(
        &self,
        buffer: &mut JitterBuffer,
        i: i64,
        at: MonoTime,
        origin: Origin,
    ) -> Inserted {
        let (period, signal) = (i64::from(self.period), self.signal);
        assert_no_alloc(|| {
            buffer.insert(self.first + i, at, origin, &mut |channel, out| {
                for (k, sample) in out.iter_mut().enumerate() {
                    *sample = signal(channel, i * period + k as i64);
                }
            })
        })
    }
}

impl Trace {
    /// The frames from this time on, of the first channel.
    pub fn from(&self, seconds: f64) -> &[f32] {
        &self.out[0][(seconds * f64::from(RATE.0)) as usize..]
    }

    /// The greatest and the least that was queued before a block, from this time on.
    pub fn depths(&self, seconds: f64) -> (u32, u32) {
        let from = (seconds * f64::from(RATE.0)) as usize;
        let depths = || {
            self.blocks
                .iter()
                .filter(|(at, ..)| *at >= from)
                .map(|(.., queued)| *queued)
        };
        (depths().max().unwrap(), depths().min().unwrap())
    }

    /// The largest step from one sample to the next, of any channel, and where.
    pub fn largest_step(&self) -> (f32, usize) {
        let steps = self.out.iter().flat_map(|out| out.windows(2).enumerate());
        let sizes = steps.map(|(at, pair)| ((pair[1] - pair[0]).abs(), at + 1));
        sizes.fold(
            (0.0, 0),
            |most, step| if step.0 > most.0 { step } else { most },
        )
    }
}

/// Appends the next block of all channels.
pub fn pull(buffer: &mut JitterBuffer, out: &mut [Vec<f32>], frames: usize) -> Pulled {
    let from = out[0].len();
    out.iter_mut()
        .for_each(|channel| channel.resize(from + frames, f32::NAN));
    let mut block: Vec<&mut [f32]> = out.iter_mut().map(|channel| &mut channel[from..]).collect();
    let pulled = assert_no_alloc(|| buffer.pull(&mut block));
    assert!(
        out.iter()
            .all(|channel| channel[from..].iter().all(|sample| sample.abs() <= MOST))
    );
    pulled
}

/// What is let in is 256 at the most; what a resampler or a prediction makes of it may be some more.
const MOST: f32 = 4096.0;

/// Every frame has its own value, exactly: of channel 0 that of [`frame_of`].
pub fn ramp(channel: usize, frame: i64) -> f32 {
    (frame.rem_euclid(1 << 23) + 1) as f32 / (1 << 24) as f32
        * if channel.is_multiple_of(2) { 1.0 } else { -1.0 }
}

/// Which frame of [`ramp`] this sample is.
pub fn frame_of(sample: f32) -> i64 {
    (sample * (1 << 24) as f32) as i64 - 1
}

/// A sine of 440 Hz at -6 dB, another phase in every channel.
pub fn sine(channel: usize, frame: i64) -> f32 {
    (TAU * (frame as f64 * 440.0 / 48_000.0 + channel as f64 * 0.1)).sin() as f32 * 0.5
}

/// Notes of a plucked instrument, four a second: attacks, partials, decays.
pub fn music(channel: usize, frame: i64) -> f32 {
    let note = (frame.div_euclid(NOTE) * 7 + channel as i64 * 4).rem_euclid(24);
    NOTES[(note * NOTE + frame.rem_euclid(NOTE)) as usize]
}

/// Two octaves, one note after the other.
static NOTES: LazyLock<Vec<f32>> = LazyLock::new(|| {
    let sample = |i: i64| {
        let pitch = 110.0 * 2f64.powf((i / NOTE) as f64 / 12.0);
        let t = (i % NOTE) as f64 / 48_000.0;
        let partials = (1..=8)
            .map(f64::from)
            .map(|k| (TAU * pitch * k * t).sin() / k * (-t * 6.0 * k).exp());
        let attack = 1.0 - (-t * 500.0).exp();
        (partials.sum::<f64>() * 0.3 * attack * ((0.25 - t) * 200.0).min(1.0)) as f32
    };
    (0..24 * NOTE).map(sample).collect()
});
const NOTE: i64 = 12_000;

/// The largest step from one sample to the next in the signal itself.
pub fn steepest(signal: fn(usize, i64) -> f32, channels: usize) -> f32 {
    let steps = (0..channels)
        .flat_map(|c| (0..96_000).map(move |i| (signal(c, i + 1) - signal(c, i)).abs()));
    steps.fold(0.0, f32::max)
}

pub const START: MonoTime = MonoTime::from_nanos(1_000_000_000);

/// When block `i` of 128 frames begins.
pub fn at(i: i64) -> MonoTime {
    START + Duration::from_nanos(i as u64 * 128_000_000_000 / 48_000)
}
