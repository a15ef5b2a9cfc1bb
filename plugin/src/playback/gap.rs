//! What the last render lacks because the takes' folder did not answer in time.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use farsend_units::SampleRate;

/// Frames of silence. Written by the thread that the host renders on, read by the editor: the thread that reads is held by the disk.
#[derive(Debug, Default)]
pub struct Gap(AtomicU64);

impl Gap {
    /// Another render begins. Wait-free.
    pub fn close(&self) {
        self.0.store(0, Relaxed);
    }

    /// So many frames are silent for want of an answer. Wait-free.
    pub fn widen(&self, frames: usize) {
        self.0.fetch_add(frames as u64, Relaxed);
    }

    /// What there is to say of it at the host's rate.
    pub fn note(&self, rate: SampleRate) -> Option<String> {
        let frames = self.0.load(Relaxed);
        let seconds = frames as f64 / f64::from(rate.0.max(1));
        // The least that is not said to be nothing.
        let seconds = seconds.max(0.1);
        (frames > 0).then(|| {
            format!(
                "The takes' folder answers too slowly: the render has {seconds:.1} s of silence."
            )
        })
    }
}
