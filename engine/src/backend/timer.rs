//! The machine's monotonic clock as pacer, for machines without a sound card.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use arrayvec::ArrayVec;
use farsend_rt::{clock, promote_current_thread};
use farsend_units::{Channels, Frames, MonoTime, SampleRate};

use super::{AUDIO_PRIORITY, Paced as _};
use crate::audio::AudioPath;
use crate::settings::MAX_CHANNELS;

/// Where a timer's audio comes from and goes to. Called on its audio thread: no method may block.
pub trait Ears: Send {
    /// Fills `inputs` (planar) with the next period to send. `peer`: somebody is there to hear it.
    fn listen(&mut self, peer: bool, inputs: &mut [Vec<f32>]);
    /// Takes the period that came.
    fn hear(&mut self, peer: bool, outputs: &[Vec<f32>]);
}

/// Sends silence and drops what comes.
#[derive(Debug, Default)]
pub struct Deaf;

impl Ears for Deaf {
    fn listen(&mut self, _: bool, _: &mut [Vec<f32>]) {}
    fn hear(&mut self, _: bool, _: &[Vec<f32>]) {}
}

/// A thread that runs one audio path in time with the machine's clock.
#[derive(Debug)]
pub struct TimerBackend {
    stop: Arc<AtomicBool>,
    late: Arc<AtomicU64>,
    thread: Option<JoinHandle<Box<AudioPath>>>,
}

impl TimerBackend {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        mut path: Box<AudioPath>,
        mut ears: Box<dyn Ears>,
        rate: SampleRate,
        period: Frames,
        send: Channels,
        receive: Channels,
    ) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let late = Arc::new(AtomicU64::new(0));
        let (stopped, missed) = (stop.clone(), late.clone());
        let mut inputs = vec![vec![0.0; period.get()]; send.get()];
        let mut outputs = vec![vec![0.0; period.get()]; receive.get()];
        let run = move || {
            promote_current_thread(AUDIO_PRIORITY);
            let mut beat = Beat::new(rate, period);
            while !stopped.load(Relaxed) {
                if beat.wait() {
                    missed.fetch_add(1, Relaxed);
                }
                ears.listen(path.has_peer(), &mut inputs);
                let ins: ArrayVec<&[f32], MAX_CHANNELS> =
                    inputs.iter().map(Vec::as_slice).collect();
                let mut outs: ArrayVec<&mut [f32], MAX_CHANNELS> =
                    outputs.iter_mut().map(Vec::as_mut_slice).collect();
                path.period(&ins, &mut outs);
                drop(outs);
                ears.hear(path.has_peer(), &outputs);
            }
            path
        };
        let thread = std::thread::Builder::new()
            .name("audio".into())
            .spawn(run)?;
        Ok(Self {
            stop,
            late,
            thread: Some(thread),
        })
    }

    /// Periods that began more than a period late.
    pub fn xruns(&self) -> u64 {
        self.late.load(Relaxed)
    }

    /// Ends the thread and gives the path back. `None` if the thread panicked.
    pub fn stop(mut self) -> Option<Box<AudioPath>> {
        self.stop.store(true, Relaxed);
        self.thread.take()?.join().ok()
    }
}

/// The beginnings of periods, without drift: the n-th is `start + n * period / rate`.
#[derive(Debug)]
pub(crate) struct Beat {
    start: MonoTime,
    rate: SampleRate,
    period: Frames,
    count: u64,
    /// Behind by more than this it begins anew rather than catch up.
    most_behind: Duration,
}

impl Beat {
    pub(crate) fn new(rate: SampleRate, period: Frames) -> Self {
        Self {
            start: clock::now(),
            rate,
            period,
            count: 0,
            most_behind: Duration::from_secs(1),
        }
    }

    /// For one who can hardly be faster than the clock: catches up with no more than this.
    pub(crate) fn catching_up_with(self, most_behind: Duration) -> Self {
        Self {
            most_behind,
            ..self
        }
    }

    /// Sleeps until the next period begins. `true`: that was more than a period ago. A pause of a
    /// second or more (suspend), unless it was [made otherwise](Self::catching_up_with), starts the count anew instead of
    /// catching up.
    pub(crate) fn wait(&mut self) -> bool {
        let due = self.next_due();
        self.count += 1;
        clock::sleep_until(due);
        let behind = clock::now().since(due);
        if behind > self.most_behind {
            (self.start, self.count) = (clock::now(), 0);
        }
        behind > self.period.duration(self.rate)
    }

    /// When the next period begins.
    pub(crate) fn next_due(&self) -> MonoTime {
        let frames = (self.count + 1) * u64::from(self.period.0);
        let nanos = u128::from(frames) * 1_000_000_000 / u128::from(self.rate.0);
        self.start + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}
