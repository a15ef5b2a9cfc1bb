//! Whole streams over paths of different lengths, in virtual time: whether what is mixed was captured at one moment.

use farsend_netsim::{Jitter, Path, PathConfig};
use farsend_stream::{BufferConfig, Conceal, DepthPolicy, JitterBuffer, Origin};
use farsend_units::{Channels, Frames, MonoTime, SampleRate};

use super::*;
use crate::peers::kernels;

const RATE: SampleRate = SampleRate::HZ_48000;
const BLOCK: u32 = 128;
const START: MonoTime = MonoTime::from_nanos(1_000_000_000);

/// Somebody who sends the numbers of their frames, captured from a time on that all have in common.
struct Player {
    path: Duration,
    period: u32,
    phase: Duration,
    /// Datagrams on their way, in order.
    coming: VecDeque<(MonoTime, i64)>,
    buffer: JitterBuffer,
    /// The frame that was played at the beginning of the last block.
    frame: f64,
}

impl Player {
    fn new(path: u64, jitter: u64, period: u32, phase: u64, seconds: u64) -> Self {
        let config = BufferConfig {
            channels: Channels(1),
            rate: RATE,
            depth: DepthPolicy::AUTO,
            block: Frames(BLOCK),
            conceal: Conceal::Fade,
        };
        let mut buffer = JitterBuffer::new(config, &kernels(RATE));
        let format = buffer.set_format(RATE, Frames(period), Channels(1));
        format.expect("an ordinary one");
        let (path, phase) = (Duration::from_millis(path), Duration::from_micros(phase));
        let mut network = Path::new(PathConfig {
            delay: path,
            jitter: Jitter::Exponential(Duration::from_micros(jitter)),
            ..PathConfig::default()
        });
        let packets = seconds as i64 * i64::from(RATE.0) / i64::from(period);
        let mut coming: Vec<(MonoTime, i64)> = (0..packets)
            .flat_map(|n| {
                // Sent when its last frame was captured.
                let end = time((n + 1) * i64::from(period));
                let deliveries = network.send(START + phase + end);
                deliveries.into_iter().map(move |at| (at, n))
            })
            .collect();
        coming.sort();
        Self {
            path,
            period,
            phase,
            coming: coming.into(),
            buffer,
            frame: 0.0,
        }
    }

    fn play(&mut self, now: MonoTime) {
        let period = i64::from(self.period);
        while let Some((at, n)) = self.coming.front().copied().filter(|(at, _)| *at <= now) {
            self.coming.pop_front();
            _ = self.buffer.insert(n, at, Origin::Direct, &mut |_, out| {
                for (k, sample) in out.iter_mut().enumerate() {
                    *sample = (n * period + k as i64) as f32 / SCALE;
                }
            });
        }
        self.buffer.settle(now, Frames::ZERO, Frames(BLOCK));
        let mut block = [0.0; BLOCK as usize];
        _ = self.buffer.pull(&mut [&mut block]);
        self.frame = f64::from(block[0] * SCALE);
    }

    /// Seconds from the common beginning to when what is played was captured.
    fn captured(&self) -> f64 {
        self.frame / f64::from(RATE.0) + self.phase.as_secs_f64()
    }
}

/// Numbers of frames that are told apart: 2^24 of them.
const SCALE: f32 = (1 << 24) as f32;

fn time(frames: i64) -> Duration {
    Duration::from_nanos(frames as u64 * 1_000_000_000 / u64::from(RATE.0))
}

/// How far apart in milliseconds what is mixed was captured, each second.
fn spreads(
    players: &mut [Player],
    aligner: &mut Aligner,
    blocks: std::ops::Range<i64>,
) -> Vec<f64> {
    let a_second = i64::from(RATE.0 / BLOCK);
    let mut spreads = Vec::new();
    for block in blocks {
        let now = START + time(block * i64::from(BLOCK));
        players.iter_mut().for_each(|player| player.play(now));
        if block % a_second > 0 {
            continue;
        }
        let places = players.iter().enumerate();
        let ages = places.filter_map(|(place, player)| {
            let wait = player.buffer.wait()?.own;
            let (place, path) = (place as u16, player.path);
            Some(Age { place, path, wait })
        });
        for hold in aligner.look(&ages.collect::<Vec<_>>()) {
            players[usize::from(hold.place)].buffer.hold(hold.wait);
        }
        let captured = players.iter().map(Player::captured);
        let [least, most] = [f64::min, f64::max].map(|of| captured.clone().reduce(of));
        spreads.push((most.unwrap_or(0.0) - least.unwrap_or(0.0)) * 1e3);
    }
    spreads
}

#[test]
fn what_is_mixed_was_captured_at_one_moment_and_no_sooner_than_it_must() {
    let seconds = 60;
    let mut players = [
        Player::new(1, 100, 128, 300, seconds),
        Player::new(8, 300, 64, 1100, seconds),
        Player::new(25, 2000, 256, 4000, seconds),
        Player::new(40, 500, 128, 1900, seconds),
    ];
    let bound = Duration::from_millis(100);
    let mut aligner = Aligner::new(false, bound);
    let a_second = i64::from(RATE.0 / BLOCK);
    let free = spreads(&mut players, &mut aligner, 0..8 * a_second);
    assert!(free.last().is_some_and(|spread| *spread > 30.0), "{free:?}");
    aligner.set(true, bound);
    let way = spreads(&mut players, &mut aligner, 8 * a_second..40 * a_second);
    let before = [0, 1].map(|place: usize| players[place].buffer.counts().dry);
    let held = spreads(&mut players, &mut aligner, 40 * a_second..55 * a_second);
    // Looked at in the middle of a gap a frame has no number.
    let together = held.iter().filter(|spread| **spread < 1.5).count();
    assert!(together + 2 >= held.len(), "{way:?} {held:?}");
    let moment = aligner.moment().expect("all are known");
    assert!(moment < Duration::from_millis(60), "{moment:?}");
    // Those who are held for long have all of that against lateness.
    let after = [0, 1].map(|place: usize| players[place].buffer.counts().dry);
    assert_eq!(before, after);
}
