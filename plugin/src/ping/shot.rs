//! A ping on its way through the audio thread.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};

use farsend_rt::{MailboxReader, MailboxSender, mailbox};

use super::probe::Probe;

/// Both halves: the supervisor's and the audio thread's.
pub fn shots() -> (ShotSender, ShotReader) {
    let (sender, reader) = mailbox();
    let done = Arc::new(AtomicBool::new(false));
    let sender = ShotSender { sender, done };
    (sender, ShotReader { reader })
}

/// One ping: what is sent, and room for what comes back. Made by the supervisor, used by the audio thread, read by the supervisor.
#[derive(Debug)]
pub struct Shot {
    probe: Vec<f32>,
    /// What came back, all of one length.
    lanes: Vec<Vec<f32>>,
    at: usize,
    done: Arc<AtomicBool>,
}

impl Shot {
    /// Of the first `lanes` channels, [`MOST_LANES`] at the most; further channels go into these as well. `frames` are listened to,
    /// from the probe's first one on. Allocates.
    pub fn new(probe: &Probe, channels: usize, frames: usize) -> Self {
        let frames = frames.max(probe.samples().len());
        Self {
            probe: probe.samples().to_vec(),
            lanes: vec![vec![0.0; frames]; channels.clamp(1, MOST_LANES)],
            at: 0,
            done: Arc::default(),
        }
    }

    /// How many of `most` frames the next part may have: the probe's end is at a part's end. 0: it is done.
    pub fn part(&self, most: usize) -> usize {
        let length = self.lanes.first().map_or(0, Vec::len);
        let until = if self.at < self.probe.len() {
            self.probe.len()
        } else {
            length
        };
        most.min(until.saturating_sub(self.at))
    }

    /// What is sent in the next `frames`, in each channel; nothing after the probe's end.
    pub fn sent(&self, frames: usize) -> Option<&[f32]> {
        self.probe.get(self.at..self.at + frames)
    }

    /// Takes what came back meanwhile, planar and no longer than a [`part`](Self::part). Wait-free.
    pub fn listen(&mut self, returned: &[&mut [f32]], frames: usize) {
        let lanes = self.lanes.len();
        let range = self.at..self.at + frames;
        for (channel, heard) in returned.iter().enumerate() {
            let lane = &mut self.lanes[channel % lanes][range.clone()];
            for (kept, heard) in lane.iter_mut().zip(heard.iter()) {
                *kept += heard;
            }
        }
        self.at += frames;
        if self.part(1) == 0 {
            self.done.store(true, Release);
        }
    }

    /// What came back, from the probe's first frame on.
    pub fn lanes(&self) -> &[Vec<f32>] {
        &self.lanes
    }

    /// Whether all was listened to.
    pub fn is_done(&self) -> bool {
        self.part(1) == 0
    }
}

/// The supervisor's half.
#[derive(Debug)]
pub struct ShotSender {
    sender: MailboxSender<Option<Shot>>,
    /// Of the shot that is on its way.
    done: Arc<AtomicBool>,
}

impl ShotSender {
    /// Sends this one out. One that was on its way is forgotten.
    pub fn fire(&mut self, shot: Shot) {
        self.done = Arc::clone(&shot.done);
        drop(self.sender.install(Box::new(Some(shot))));
    }

    /// Whether the audio thread is done with it.
    pub fn is_done(&self) -> bool {
        self.done.load(Acquire)
    }

    /// Calls it back, done or not. It comes with a later [`collect`](Self::collect), unless the audio thread never took it.
    pub fn call_back(&mut self) -> Option<Shot> {
        let reclaimed = self.sender.install(Box::new(None));
        [reclaimed.unread, reclaimed.replaced]
            .into_iter()
            .flatten()
            .find_map(|shot| *shot)
    }

    /// What the audio thread has given back.
    pub fn collect(&mut self) -> Option<Shot> {
        self.sender.collect().and_then(|shot| *shot)
    }
}

/// The audio thread's half.
#[derive(Debug)]
pub struct ShotReader {
    reader: MailboxReader<Option<Shot>>,
}

impl ShotReader {
    /// The ping that is under way. Wait-free.
    pub fn current(&mut self) -> Option<&mut Shot> {
        let shot = self.reader.newest()?.as_mut()?;
        (!shot.is_done()).then_some(shot)
    }
}

/// Channels that are listened to apart.
pub const MOST_LANES: usize = 4;
