//! A JACK client for tests: plays the ramp, records ports, asks and changes the server.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::{Args, Parser};
use farsend_tests::lab::probe::Report;
use farsend_tests::signal;
use jack::{AudioIn, AudioOut, Client, ClientOptions, Control, Frames, Port, ProcessScope};

/// A JACK client for tests.
#[derive(Debug, Parser)]
enum Task {
    /// Print the names of all ports.
    Ports,
    /// Join two ports.
    Connect {
        /// An output port.
        from: String,
        /// An input port.
        to: String,
    },
    /// Change the server's period.
    Period {
        /// Frames a cycle.
        frames: u32,
    },
    /// Start the transport.
    Roll,
    /// Stop the transport, and go back to the beginning.
    Rewind,
    /// Play the ramp (or a sine) and record, until killed.
    Run(Plan),
}

#[derive(Debug, Args)]
struct Plan {
    /// JACK client name.
    #[arg(long)]
    name: String,
    /// Play a sine of so many hertz at half of full scale, in place of the ramp.
    #[arg(long)]
    sine: Option<u32>,
    /// Play to these ports (the name without the number).
    #[arg(long)]
    play: Option<String>,
    #[arg(long, default_value_t = 0)]
    play_channels: u8,
    /// Record these ports (the name without the number).
    #[arg(long)]
    record: Option<String>,
    #[arg(long, default_value_t = 0)]
    record_channels: u8,
    /// How much to record.
    #[arg(long)]
    frames: u32,
    /// Play this once instead of the ramp: 32-bit floats, one channel.
    #[arg(long)]
    clip: Option<PathBuf>,
    /// Where to: planar 32-bit floats.
    #[arg(long)]
    save: Option<PathBuf>,
}

/// How long to wait for the ports of others.
const PORTS_LIMIT: Duration = Duration::from_secs(10);

/// Played before the recording begins, so that it does not begin with the connecting.
const LEAD: Duration = Duration::from_millis(400);

fn main() -> Result<()> {
    let task = Task::parse();
    let name = if let Task::Run(plan) = &task {
        plan.name.as_str()
    } else {
        "farsend-probe"
    };
    let options = ClientOptions::NO_START_SERVER;
    let (client, _) = Client::new(name, options).context("no JACK server answers")?;
    match task {
        Task::Ports => {
            for port in client.ports(None, None, jack::PortFlags::empty()) {
                println!("{port}");
            }
        }
        Task::Connect { from, to } => client.connect_ports_by_name(&from, &to)?,
        Task::Period { frames } => client.set_buffer_size(frames)?,
        Task::Roll => client.transport().start()?,
        Task::Rewind => {
            let transport = client.transport();
            transport.stop()?;
            transport.locate(0)?;
        }
        Task::Run(plan) => run(client, &plan)?,
    }
    Ok(())
}

fn run(client: Client, plan: &Plan) -> Result<()> {
    let own = client.name().to_owned();
    let outputs = (1..=plan.play_channels)
        .map(|n| client.register_port(&format!("out_{n}"), AudioOut::default()));
    let inputs = (1..=plan.record_channels)
        .map(|n| client.register_port(&format!("in_{n}"), AudioIn::default()));
    let shared = Arc::new(Shared::default());
    let (finished, recordings) = std::sync::mpsc::sync_channel(1);
    let clip = plan.clip.as_ref().map(load_clip).transpose()?;
    let worker = Worker {
        clip,
        played: 0,
        outputs: outputs.collect::<Result<_, _>>()?,
        inputs: inputs.collect::<Result<_, _>>()?,
        shared: Arc::clone(&shared),
        sine: plan.sine.map(|hertz| Sine {
            hertz,
            rate: client.sample_rate(),
        }),
        take: None,
        finished,
        planned: vec![f32::NAN; plan.frames as usize * usize::from(plan.record_channels)],
    };
    let active = client.activate_async(Xruns(Arc::clone(&shared)), worker)?;
    let client = active.as_client();
    for n in 1..=plan.play_channels {
        let to = format!("{}{n}", plan.play.as_deref().context("--play is missing")?);
        connect(client, &format!("{own}:out_{n}"), &to)?;
    }
    for n in 1..=plan.record_channels {
        let from = format!(
            "{}{n}",
            plan.record.as_deref().context("--record is missing")?
        );
        connect(client, &from, &format!("{own}:in_{n}"))?;
    }
    println!("connected");
    if plan.clip.is_some() {
        std::thread::sleep(LEAD);
        shared.wanted.store(1, Relaxed);
        while shared.begun_us.load(Relaxed) == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        println!("playing {}", shared.begun_us.load(Relaxed));
    }
    if let Some(save) = &plan.save {
        std::thread::sleep(LEAD);
        shared.wanted.store(1, Relaxed);
        let take: Take = recordings.recv().context("JACK has ended")?;
        let bytes: Vec<u8> = take
            .samples
            .iter()
            .flat_map(|sample| sample.to_le_bytes())
            .collect();
        std::fs::write(save, bytes)?;
        let xruns = shared.xruns.load(Relaxed) - take.xruns_before;
        let missed = take.samples.iter().filter(|sample| sample.is_nan()).count() as u32;
        let missed = missed / u32::from(plan.record_channels.max(1));
        let report = Report {
            first: take.first,
            first_us: take.first_us,
            missed,
            xruns,
        };
        println!("recorded {}", serde_json::to_string(&report)?);
    }
    loop {
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn load_clip(path: &PathBuf) -> Result<Vec<f32>> {
    let bytes = std::fs::read(path).with_context(|| format!("{}", path.display()))?;
    let (samples, _) = bytes.as_chunks::<4>();
    Ok(samples
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect())
}

/// Joins two ports as soon as both are there.
fn connect(client: &Client, from: &str, to: &str) -> Result<()> {
    let started = Instant::now();
    while client.port_by_name(from).is_none() || client.port_by_name(to).is_none() {
        if started.elapsed() > PORTS_LIMIT {
            bail!(
                "no port {from} or no port {to}; there are {:?}",
                client.ports(None, None, jack::PortFlags::empty())
            );
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    client
        .connect_ports_by_name(from, to)
        .with_context(|| format!("{from} -> {to}"))
}

#[derive(Debug, Default)]
struct Shared {
    /// 1 when recording, or the clip, may begin.
    wanted: AtomicU32,
    xruns: AtomicU32,
    /// When the clip began; 0 before.
    begun_us: AtomicU64,
}

struct Xruns(Arc<Shared>);

impl jack::NotificationHandler for Xruns {
    fn xrun(&mut self, _: &Client) -> Control {
        self.0.xruns.fetch_add(1, Relaxed);
        Control::Continue
    }
}

/// A recording under way.
struct Take {
    first: Frames,
    first_us: u64,
    xruns_before: u32,
    /// Planar; not a number where nothing has been recorded.
    samples: Vec<f32>,
}

#[derive(Debug, Clone, Copy)]
struct Sine {
    hertz: u32,
    rate: u32,
}

struct Worker {
    outputs: Vec<Port<AudioOut>>,
    inputs: Vec<Port<AudioIn>>,
    shared: Arc<Shared>,
    sine: Option<Sine>,
    take: Option<Take>,
    finished: std::sync::mpsc::SyncSender<Take>,
    /// The memory for the recording, until it begins.
    planned: Vec<f32>,
    /// Played instead of the ramp.
    clip: Option<Vec<f32>>,
    /// Frames of it that have been played.
    played: usize,
}

impl jack::ProcessHandler for Worker {
    fn process(&mut self, client: &Client, scope: &ProcessScope) -> Control {
        let now = scope.last_frame_time();
        if self.clip.is_some() {
            self.play_clip(client, scope);
        } else {
            for (channel, port) in (0..).zip(&mut self.outputs) {
                for (frame, sample) in (0..).zip(port.as_mut_slice(scope)) {
                    let now = now.wrapping_add(frame);
                    *sample = match self.sine {
                        Some(Sine { hertz, rate }) => signal::sine(now, hertz, rate),
                        None => signal::ramp(now, channel),
                    };
                }
            }
        }
        if self.take.is_none() && !self.planned.is_empty() && self.shared.wanted.load(Relaxed) == 1
        {
            let samples = std::mem::take(&mut self.planned);
            self.take = Some(Take {
                first: now,
                first_us: client.frames_to_time(now),
                xruns_before: self.shared.xruns.load(Relaxed),
                samples,
            });
        }
        self.record(now, scope);
        Control::Continue
    }
}

impl Worker {
    fn play_clip(&mut self, client: &Client, scope: &ProcessScope) {
        let (Some(clip), begins) = (&self.clip, self.played == 0) else {
            return;
        };
        let frames = scope.n_frames() as usize;
        let ready = self.shared.wanted.load(Relaxed) == 1;
        let rest = if ready { clip.get(self.played..) } else { None };
        let rest = rest.unwrap_or_default();
        for port in &mut self.outputs {
            let out = port.as_mut_slice(scope);
            let there = rest.len().min(out.len());
            out[..there].copy_from_slice(&rest[..there]);
            out[there..].fill(0.0);
        }
        if ready {
            if begins {
                let now = client.frames_to_time(scope.last_frame_time());
                self.shared.begun_us.store(now, Relaxed);
            }
            self.played += frames;
        }
    }

    fn record(&mut self, now: Frames, scope: &ProcessScope) {
        let Some(take) = &mut self.take else { return };
        let frames = take.samples.len() / self.inputs.len().max(1);
        let at = now.wrapping_sub(take.first) as usize;
        for (port, channel) in self.inputs.iter().zip(take.samples.chunks_mut(frames)) {
            for (sample, place) in port.as_slice(scope).iter().zip(channel.iter_mut().skip(at)) {
                *place = *sample;
            }
        }
        if at + scope.n_frames() as usize >= frames
            && let Some(take) = self.take.take()
        {
            // The main thread is there as long as this one; a full channel cannot be, there is one take.
            let _ = self.finished.try_send(take);
        }
    }
}
