//! Many instances in one host: called one after another by one audio thread, block by block in real time.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clack_host::prelude::*;
use farsend_rt::Promotion;

use super::handlers::Handlers;
use super::perform::sleep_until;
use super::{Host, allocations};

/// What the host does with them.
#[derive(Debug, Clone, Copy)]
pub struct CrowdPlan {
    /// Frames a second.
    pub rate: u32,
    /// Frames in a block.
    pub block: u32,
    /// Blocks until all have settled, which are not noted, and blocks after that.
    pub blocks: [usize; 2],
}

/// What the host's audio thread paid.
#[derive(Debug, Clone)]
pub struct Paid {
    /// Time in all `process()` together, of each block.
    pub took: Vec<Duration>,
    /// Blocks that the machine was too busy to begin within a fifth of a block.
    pub late: usize,
    /// Allocations within `process()`.
    pub allocations: u64,
    /// The loudest that came out of each instance.
    pub peaks: Vec<f32>,
    /// Whether the audio thread had real-time priority.
    pub realtime: bool,
}

/// Activates all, calls them, and deactivates them.
///
/// # Errors
///
/// If one cannot be activated or called.
pub fn run(hosts: &mut [Host], plan: CrowdPlan) -> Result<Paid> {
    let configuration = PluginAudioConfiguration {
        sample_rate: f64::from(plan.rate),
        min_frames_count: 1,
        max_frames_count: plan.block,
    };
    let mut processors = Vec::new();
    for host in hosts.iter_mut() {
        processors.push(host.instance.activate(|_, _| (), configuration)?);
    }
    let channels: Vec<usize> = hosts
        .iter()
        .map(|host| usize::from(host.channels))
        .collect();
    let thread = std::thread::Builder::new()
        .name("host audio".to_owned())
        .spawn(move || call_all(processors, &channels, plan))?;
    while !thread.is_finished() {
        hosts.iter_mut().for_each(Host::idle);
        std::thread::sleep(Duration::from_millis(20));
    }
    let joined = thread
        .join()
        .ok()
        .context("the host's audio thread has panicked")?;
    let (processors, paid) = joined?;
    for (host, processor) in hosts.iter_mut().zip(processors) {
        host.instance.deactivate(processor);
    }
    Ok(paid)
}

type Stopped = Vec<StoppedPluginAudioProcessor<Handlers>>;

fn call_all(processors: Stopped, channels: &[usize], plan: CrowdPlan) -> Result<(Stopped, Paid)> {
    let promotion = farsend_rt::promote_current_thread(20);
    let mut paid = Paid {
        took: Vec::with_capacity(plan.blocks[1]),
        late: 0,
        allocations: 0,
        peaks: vec![0.0; channels.len()],
        realtime: matches!(promotion, Promotion::RealTime { .. }),
    };
    let started = processors.into_iter().map(|processor| {
        let started = processor.start_processing();
        started
            .ok()
            .context("the plugin refuses to start processing")
    });
    let mut processors = started.collect::<Result<Vec<_>>>()?;
    let frames = plan.block as usize;
    let length = Duration::from_secs_f64(f64::from(plan.block) / f64::from(plan.rate));
    let mut buffers: Vec<_> = channels
        .iter()
        .map(|channels| {
            let ports = || AudioPorts::with_capacity(*channels, 1);
            let lanes = || vec![vec![0.0_f32; frames]; *channels];
            (ports(), ports(), lanes(), lanes())
        })
        .collect();
    let start = Instant::now() + Duration::from_millis(20);
    for index in 0..plan.blocks[0] + plan.blocks[1] {
        let due = start + Duration::from_secs_f64(length.as_secs_f64() * index as f64);
        sleep_until(due);
        let is_noted = index >= plan.blocks[0];
        if is_noted && due.elapsed() > length / 5 {
            paid.late += 1;
        }
        let mut took = Duration::ZERO;
        for (which, processor) in processors.iter_mut().enumerate() {
            let (inputs, outputs, sent, heard) = &mut buffers[which];
            for lane in sent.iter_mut() {
                lane.fill(0.01);
            }
            let input = inputs.with_input_buffers([AudioPortBuffer {
                latency: 0,
                channels: AudioPortBufferType::f32_input_only(
                    sent.iter_mut().map(InputChannel::variable),
                ),
            }]);
            let mut output = outputs.with_output_buffers([AudioPortBuffer {
                latency: 0,
                channels: AudioPortBufferType::f32_output_only(
                    heard.iter_mut().map(Vec::as_mut_slice),
                ),
            }]);
            let (no_events, mut events) = (InputEvents::empty(), OutputEvents::void());
            let time = Some((index * frames) as u64);
            let began = Instant::now();
            let (status, allocations) = allocations::counted(|| {
                processor.process(&input, &mut output, &no_events, &mut events, time, None)
            });
            took += began.elapsed();
            status.context("process() failed")?;
            if is_noted {
                paid.allocations += allocations;
                let peak = &mut paid.peaks[which];
                let samples = heard.iter().flatten();
                *peak = samples.fold(*peak, |most, sample| most.max(sample.abs()));
            }
        }
        if is_noted {
            paid.took.push(took);
        }
    }
    let stopped = processors
        .into_iter()
        .map(StartedPluginAudioProcessor::stop_processing);
    Ok((stopped.collect(), paid))
}
