//! The audio thread of the host, and what it notes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clack_host::prelude::*;
use farsend_rt::Promotion;
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, ClockNanosleepFlags, clock_nanosleep};

use super::handlers::Handlers;
use super::{Host, allocations};

/// How often the main thread looks after its plugin.
const IDLE: Duration = Duration::from_millis(5);

/// What the host is to do with the plugin.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Frames a second.
    pub rate: u32,
    /// Lengths of the blocks, over and over; the calls are spread so that the rate is kept.
    pub blocks: Vec<u32>,
    /// Played once the gate is open; planar, missing channels are silent. Its length is that of the recording.
    pub input: Arc<Vec<Vec<f32>>>,
    /// Played, over and over, until the gate is open; may be empty.
    pub before: Vec<f32>,
    /// Whether the gate is open from the first block on.
    pub at_once: bool,
    /// As fast as possible rather than in real time, as when a DAW exports.
    pub freewheel: bool,
    /// The same, but only once the gate is open.
    pub hurry: bool,
}

/// What the main thread sees of the performance.
#[derive(Debug, Default)]
pub struct Progress {
    gate: AtomicBool,
    stop: AtomicBool,
    recorded: AtomicU64,
    peak: AtomicU32,
}

impl Progress {
    /// Lets the input begin, and the recording with it.
    pub fn open_gate(&self) {
        self.gate.store(true, Relaxed);
    }

    /// Ends the performance before its time.
    pub fn stop(&self) {
        self.stop.store(true, Relaxed);
    }

    /// Frames recorded so far; 0 before the gate is open.
    pub fn recorded(&self) -> u64 {
        self.recorded.load(Relaxed)
    }

    /// The highest level that has come out since this was asked last.
    pub fn take_peak(&self) -> f32 {
        f32::from_bits(self.peak.swap(0, Relaxed))
    }

    fn note_peak(&self, peak: f32) {
        // Bits of positive floats are in the order of their values.
        self.peak.fetch_max(peak.to_bits(), Relaxed);
    }
}

/// One call of `process()`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Call {
    /// Frames that it was for.
    pub frames: u32,
    /// How long after its due time the host made it.
    pub late: Duration,
    /// How long it took.
    pub took: Duration,
    /// Allocations within.
    pub allocations: u64,
}

/// What came of a performance.
#[derive(Debug, Clone)]
pub struct Take {
    /// What came out while the input played, by channel; as long as the input unless it was stopped.
    pub output: Vec<Vec<f32>>,
    /// The calls since the gate opened.
    pub calls: Vec<Call>,
    /// Whether the audio thread had real-time priority.
    pub realtime: bool,
}

/// Activates, performs, deactivates.
pub(super) fn run(
    host: &mut Host,
    plan: &Plan,
    mut meanwhile: impl FnMut(&Progress) -> Result<()>,
) -> Result<Take> {
    let largest = plan
        .blocks
        .iter()
        .copied()
        .max()
        .context("a plan has blocks")?;
    let configuration = PluginAudioConfiguration {
        sample_rate: f64::from(plan.rate),
        min_frames_count: 1,
        max_frames_count: largest,
    };
    let processor = host.instance.activate(|_, _| (), configuration)?;
    let progress = Arc::new(Progress::default());
    let worker = Worker::new(
        plan,
        usize::from(host.channels),
        largest,
        Arc::clone(&progress),
    );
    let thread = std::thread::Builder::new()
        .name("host audio".to_owned())
        .spawn(move || worker.run(processor))?;
    let mut result = Ok(());
    while !thread.is_finished() {
        host.idle();
        if result.is_ok() {
            result = meanwhile(&progress);
        }
        if result.is_err() {
            progress.stop();
        }
        std::thread::sleep(IDLE);
    }
    let joined = thread
        .join()
        .ok()
        .context("the host's audio thread has panicked")?;
    let (processor, take) = joined?;
    host.instance.deactivate(processor);
    result.map(|()| take)
}

struct Worker {
    plan: Plan,
    progress: Arc<Progress>,
    inputs: Vec<Vec<f32>>,
    outputs: Vec<Vec<f32>>,
    take: Take,
}

impl Worker {
    fn new(plan: &Plan, channels: usize, largest: u32, progress: Arc<Progress>) -> Worker {
        let frames = plan.input.first().map_or(0, Vec::len);
        let blocks = frames / *plan.blocks.iter().min().unwrap_or(&1) as usize + 2;
        let block = vec![vec![0.0; largest as usize]; channels];
        Worker {
            plan: plan.clone(),
            progress,
            inputs: block.clone(),
            outputs: block,
            take: Take {
                output: vec![Vec::with_capacity(frames); channels],
                calls: Vec::with_capacity(blocks),
                realtime: false,
            },
        }
    }

    fn run(
        mut self,
        processor: StoppedPluginAudioProcessor<Handlers>,
    ) -> Result<(StoppedPluginAudioProcessor<Handlers>, Take)> {
        let promotion = farsend_rt::promote_current_thread(20);
        self.take.realtime = matches!(promotion, Promotion::RealTime { .. });
        let mut processor = processor
            .start_processing()
            .ok()
            .context("the plugin refuses to start processing")?;
        let channels = self.inputs.len();
        let mut ports = (
            AudioPorts::with_capacity(channels, 1),
            AudioPorts::with_capacity(channels, 1),
        );
        let length = self.plan.input.first().map_or(0, Vec::len);
        let mut before = 0;
        let mut frames_called = 0_u64;
        let start = Instant::now() + Duration::from_millis(20);
        for index in 0.. {
            if self.progress.stop.load(Relaxed) {
                break;
            }
            let frames = self.plan.blocks[index % self.plan.blocks.len()] as usize;
            let due =
                start + Duration::from_secs_f64(frames_called as f64 / f64::from(self.plan.rate));
            let recorded = self.take.output.first().map_or(0, Vec::len);
            let open = self.plan.at_once || recorded > 0 || self.progress.gate.load(Relaxed);
            if !(self.plan.freewheel || open && self.plan.hurry) {
                sleep_until(due);
            }
            self.fill(open.then_some(recorded), &mut before, frames);
            let called = Instant::now();
            let mut call = self.call(&mut processor, &mut ports, frames, frames_called)?;
            call.late = called.saturating_duration_since(due);
            frames_called += frames as u64;
            self.note(open, frames, call, length);
            if open && recorded + frames >= length {
                break;
            }
        }
        Ok((processor.stop_processing(), self.take))
    }

    /// Fills the input of one block.
    fn fill(&mut self, from: Option<usize>, before: &mut usize, frames: usize) {
        for (channel, block) in self.inputs.iter_mut().enumerate() {
            for (frame, sample) in block[..frames].iter_mut().enumerate() {
                *sample = match from {
                    Some(at) => {
                        let input = self.plan.input.get(channel);
                        input
                            .and_then(|input| input.get(at + frame))
                            .copied()
                            .unwrap_or(0.0)
                    }
                    None if self.plan.before.is_empty() => 0.0,
                    None => self.plan.before[(*before + frame) % self.plan.before.len()],
                };
            }
        }
        *before += frames;
    }

    fn call(
        &mut self,
        processor: &mut StartedPluginAudioProcessor<Handlers>,
        ports: &mut (AudioPorts, AudioPorts),
        frames: usize,
        steady_time: u64,
    ) -> Result<Call> {
        let inputs = self
            .inputs
            .iter_mut()
            .map(|block| InputChannel::variable(&mut block[..frames]));
        let outputs = self.outputs.iter_mut().map(|block| &mut block[..frames]);
        let input = ports.0.with_input_buffers([AudioPortBuffer {
            latency: 0,
            channels: AudioPortBufferType::f32_input_only(inputs),
        }]);
        let mut output = ports.1.with_output_buffers([AudioPortBuffer {
            latency: 0,
            channels: AudioPortBufferType::f32_output_only(outputs),
        }]);
        let (no_events, mut events) = (InputEvents::empty(), OutputEvents::void());
        let began = Instant::now();
        let (status, allocations) = allocations::counted(|| {
            processor.process(
                &input,
                &mut output,
                &no_events,
                &mut events,
                Some(steady_time),
                None,
            )
        });
        let took = began.elapsed();
        status.context("process() failed")?;
        Ok(Call {
            frames: frames as u32,
            late: Duration::ZERO,
            took,
            allocations,
        })
    }

    /// Keeps what came out; within the memory that was set aside.
    fn note(&mut self, open: bool, frames: usize, call: Call, length: usize) {
        let mut peak = 0.0_f32;
        for (block, kept) in self.outputs.iter().zip(&mut self.take.output) {
            peak = block[..frames]
                .iter()
                .fold(peak, |peak, sample| peak.max(sample.abs()));
            if open {
                let wanted = frames.min(length - kept.len());
                kept.extend_from_slice(&block[..wanted]);
            }
        }
        self.progress.note_peak(peak);
        if open {
            self.take.calls.push(call);
            self.progress
                .recorded
                .store(self.take.output.first().map_or(0, Vec::len) as u64, Relaxed);
        }
    }
}

/// Sleeps until `due`, by the system's monotonic clock.
pub(super) fn sleep_until(due: Instant) {
    let left = due.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return;
    }
    let clock = ClockId::CLOCK_MONOTONIC;
    let Ok(now) = nix::time::clock_gettime(clock) else {
        return std::thread::sleep(left);
    };
    // A signal that ends the sleep early makes one call early, no more.
    let _ = clock_nanosleep(
        clock,
        ClockNanosleepFlags::TIMER_ABSTIME,
        &(now + TimeSpec::from_duration(left)),
    );
}
