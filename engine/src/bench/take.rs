//! A take: one scenario from beginning to end, with what was heard at both ends.

use farsend_protocol::jacktrip::PacketizerError;
use farsend_score::{Plan as ScorePlan, Score, convert, sampled_at, score};
use farsend_stream::{BufferCounts, Pulled};
use farsend_units::{Frames, MonoTime, SampleRate};

use super::network::{Heard, Musicians, Network, Plan, Traffic, Travel};
use super::picture::{BlockFacts, Course};

/// What is played at both ends.
#[derive(Debug, Clone)]
pub struct Music {
    /// Its rate.
    pub rate: SampleRate,
    /// Planar; at least one channel.
    pub channels: Vec<Vec<f32>>,
}

/// What came of one direction.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What was heard, planar, by the receiver's clock.
    pub heard: Vec<Vec<f32>>,
    /// The receiver's rate.
    pub rate: SampleRate,
    /// How much of what was sent it is; of all but the first [`SETTLE`] seconds.
    pub score: Score,
    /// What the receiver's buffer counted in that time.
    pub counts: BufferCounts,
    /// The queue's depth in that time, in milliseconds: mean, and most.
    pub depth_ms: (f64, f64),
    /// The greatest and the least delay of a half second that was recognised, in milliseconds.
    pub delays_ms: (f64, f64),
    /// What went over the line, from the very beginning.
    pub traffic: Traffic,
    /// The bytes that the audio alone would have been.
    pub plain_bytes: u64,
    /// The drift that the receiver believes to see at the end, in ppm.
    pub drift_ppm: Option<f64>,
    /// What happened when.
    pub course: Course,
}

impl Outcome {
    /// Bytes sent beyond those of the audio alone, as a part of these.
    pub fn overhead(&self) -> f64 {
        self.traffic.bytes as f64 / self.plain_bytes.max(1) as f64 - 1.0
    }
}

/// Plays `music` at both ends for as long as it lasts, and scores what is heard. `[0]` is what the caller hears of the
/// called end's music, `[1]` the other direction.
///
/// # Errors
/// [`PacketizerError`] when such packets cannot be sent.
pub fn perform(plan: &Plan, music: &Music) -> Result<[Outcome; 2], PacketizerError> {
    let mut network = Network::new(plan)?;
    let start = network.next();
    let seconds = music.channels[0].len() as f64 / f64::from(music.rate.0.max(1));
    let after = |seconds: f64| start + std::time::Duration::from_secs_f64(seconds.max(0.0));
    let mut ears = Ears {
        sent: [0, 1].map(|end| in_rate(music, plan.ends[end].clock.rate)),
        played: [Log::default(), Log::default()],
        settled: after(SETTLE),
    };
    let mut settled = None;
    while network.next() < after(seconds + TAIL) {
        if settled.is_none() && network.next() >= ears.settled {
            settled = Some([0, 1].map(|end| network.statistics(end).buffer));
        }
        network.step(&mut ears);
    }
    let settled = settled.unwrap_or_default();
    let Ears { sent, played, .. } = ears;
    let outcome = |from: usize| {
        let to = 1 - from;
        let statistics = network.statistics(to);
        let sender = &plan.ends[from];
        let rate = plan.ends[to].clock.rate;
        let rates = [sender.clock.rate, rate];
        let ended = after(seconds).as_nanos() as f64;
        let score = compare(&sent[from], &played[from], &played[to], rates, ended);
        let recognised = score.blocks.iter().filter(|block| block.decibels() > 10.0);
        let delays = recognised.map(|block| block.delay * 1000.0 / f64::from(rate.0));
        let delays_ms = delays.fold((f64::NAN, f64::NAN), |(most, least), delay| {
            (delay.max(most), delay.min(least))
        });
        let log = &played[to];
        let ms = 1000.0 / f64::from(rate.0);
        let packets = network.statistics(from).sent;
        let width = sender.settings.first_samples().bytes() as u64;
        let packet = HEADER + u64::from(sender.period.0) * u64::from(plan.channels.0) * width;
        Outcome {
            heard: log.samples.clone(),
            rate,
            score,
            counts: since(statistics.buffer, settled[to]),
            depth_ms: (
                log.depths.0 as f64 / log.depths.1.max(1) as f64 * ms,
                f64::from(log.deepest) * ms,
            ),
            delays_ms,
            traffic: network.traffic(from),
            plain_bytes: packets * packet,
            drift_ppm: statistics.drift_ppm,
            course: course(start, network.travels(from), log, rate),
        }
    };
    Ok([outcome(0), outcome(1)])
}

fn in_rate(music: &Music, rate: SampleRate) -> Vec<Vec<f32>> {
    let channels = music.channels.iter();
    channels
        .map(|channel| convert(channel, music.rate, rate))
        .collect()
}

/// Scores what was heard against what was sent before `ended`, brought to the receiver's clock: then the delay is the
/// one in time.
fn compare(sent: &[Vec<f32>], by: &Log, heard: &Log, rates: [SampleRate; 2], ended: f64) -> Score {
    let band = f64::from(rates[1].0) / f64::from(rates[0].0);
    let first = heard.settled_frame;
    let times = heard.times_from(first).take_while(|at| *at < ended);
    let places: Vec<f64> = times.map(|at| by.place(at)).collect();
    let scores: Vec<Score> = sent
        .iter()
        .zip(&heard.samples)
        .map(|(sent, heard)| {
            let ideal = sampled_at(sent, places.iter().copied(), band.min(1.0));
            let heard = heard.get(first..).unwrap_or_default();
            score(&ideal, heard, &ScorePlan::new(rates[1]))
        })
        .collect();
    Score::of_all(&scores).unwrap_or_else(|| score(&[], &[], &ScorePlan::new(rates[1])))
}

/// What happened when, from `start` on.
fn course(start: MonoTime, travels: &[Travel], log: &Log, rate: SampleRate) -> Course {
    let since = |at: MonoTime, from: MonoTime| at.since(from).as_secs_f32();
    let travels = travels.iter().map(|(sent, arrived)| {
        let took = arrived.map(|arrived| since(arrived, *sent) * 1000.0);
        (since(*sent, start), took)
    });
    let blocks = log.starts.iter().zip(&log.facts);
    let blocks = blocks.map(|(at, (queued, pulled))| BlockFacts {
        at: since(*at, start),
        depth: queued.0 as f32 * 1000.0 / rate.0 as f32,
        concealed: *pulled == Pulled::Concealed,
    });
    Course {
        travels: travels.collect(),
        blocks: blocks.collect(),
    }
}

/// What was counted in between.
fn since(now: BufferCounts, then: BufferCounts) -> BufferCounts {
    let mut between = now;
    between.received -= then.received;
    between.late -= then.late;
    // A packet that was counted as lost may have come since.
    between.lost = now.lost.saturating_sub(then.lost);
    between.duplicate -= then.duplicate;
    between.revived -= then.revived;
    between.repaired -= then.repaired;
    between.nonsense -= then.nonsense;
    between.dry -= then.dry;
    between.concealed -= then.concealed;
    between.skipped -= then.skipped;
    between.reanchored -= then.reanchored;
    between.moves -= then.moves;
    between
}

/// Plays and listens at both ends.
struct Ears {
    sent: [Vec<Vec<f32>>; 2],
    played: [Log; 2],
    settled: MonoTime,
}

/// What an end has played, and when.
#[derive(Debug, Default)]
struct Log {
    samples: Vec<Vec<f32>>,
    /// When each block began.
    starts: Vec<MonoTime>,
    /// The queue before each, and how it was filled.
    facts: Vec<(Frames, Pulled)>,
    /// Frames of each.
    block: usize,
    /// The first frame that counts.
    settled_frame: usize,
    /// Frames queued before blocks that count: their sum, and how many blocks.
    depths: (u64, u64),
    deepest: u32,
}

impl Musicians for Ears {
    fn play(&mut self, end: usize, frame: u64, block: &mut [Vec<f32>]) {
        for (sent, block) in self.sent[end].iter().zip(block) {
            let rest = sent.get(frame as usize..).unwrap_or_default();
            let there = rest.len().min(block.len());
            block[..there].copy_from_slice(&rest[..there]);
            block[there..].fill(0.0);
        }
    }

    fn hear(&mut self, end: usize, heard: Heard, block: &[Vec<f32>]) {
        let log = &mut self.played[end];
        log.samples.resize_with(block.len(), Vec::new);
        for (all, block) in log.samples.iter_mut().zip(block) {
            all.extend(block);
        }
        log.block = block.first().map_or(0, Vec::len);
        log.starts.push(heard.at);
        log.facts.push((heard.queued, heard.pulled));
        if heard.at < self.settled {
            log.settled_frame = heard.frame as usize + log.block;
        } else {
            log.depths.0 += u64::from(heard.queued.0);
            log.depths.1 += 1;
            log.deepest = log.deepest.max(heard.queued.0);
        }
    }
}

impl Log {
    /// The time of each frame from `first` on, in nanoseconds.
    fn times_from(&self, first: usize) -> impl Iterator<Item = f64> + '_ {
        let frames = self.starts.len() * self.block;
        (first..frames).map(|frame| {
            let (block, within) = (frame / self.block, frame % self.block);
            let (start, length) = self.span(block);
            start + length * within as f64 / self.block as f64
        })
    }

    /// Which frame was due at this time, with a fraction; before the first and behind the last: none that exists.
    fn place(&self, at: f64) -> f64 {
        let behind = self
            .starts
            .partition_point(|start| start.as_nanos() as f64 <= at);
        let Some(block) = behind.checked_sub(1) else {
            return OUTSIDE;
        };
        let (start, length) = self.span(block);
        (block as f64 + (at - start) / length) * self.block as f64
    }

    /// When a block begins and how long it takes, in nanoseconds.
    fn span(&self, block: usize) -> (f64, f64) {
        let at = |block: usize| self.starts.get(block).map(|at| at.as_nanos() as f64);
        let start = at(block).unwrap_or_default();
        let length = match (at(block + 1), block.checked_sub(1).and_then(at)) {
            (Some(next), _) => next - start,
            (None, Some(before)) => start - before,
            (None, None) => 1.0,
        };
        (start, length.max(1.0))
    }
}

/// What is heard in the first seconds, while the queues find their depth, is neither counted nor scored.
pub const SETTLE: f64 = 2.0;

/// Seconds more, in which the last of it is heard.
const TAIL: f64 = 1.0;

/// JackTrip's default one, bytes.
const HEADER: u64 = 16;

/// A place where nothing was sent.
const OUTSIDE: f64 = -1e12;
