//! The audio thread's end of a recording: what is played is copied into pages, and no more. Nothing here allocates,
//! locks, waits or logs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};

use farsend_units::{Channels, Frames};
use rtrb::{Consumer, Producer};

/// A track of a recording, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackId(pub(super) u32);

impl TrackId {
    /// To index with.
    pub const fn get(self) -> usize {
        self.0 as usize
    }
}

/// Writes on the tape, one track of it. Made by [`Recorder::open`](super::Recorder::open).
#[derive(Debug)]
pub struct Pen {
    track: TrackId,
    channels: usize,
    page: Option<Page>,
    /// Frames that no page was found for since the last one that was.
    missed: u64,
}

impl Pen {
    pub(super) fn new(track: TrackId, channels: Channels) -> Self {
        Self {
            track,
            channels: channels.get().clamp(1, PAGE),
            page: None,
            missed: 0,
        }
    }
}

/// A page that is being filled.
#[derive(Debug)]
struct Page {
    /// Planar: a lane a channel, each of as many frames as fit.
    samples: Box<[f32]>,
    /// On the time line.
    at: u64,
    frames: usize,
    missed: u64,
}

/// A page on its way to the disk thread.
#[derive(Debug)]
pub(super) struct Filled {
    pub(super) track: TrackId,
    /// Where its first frame is on the time line.
    pub(super) at: u64,
    pub(super) frames: usize,
    /// Frames of this track that were lost before it.
    pub(super) missed: u64,
    /// A lane a channel, each of [`lane`] frames of which the first `frames` count.
    pub(super) samples: Box<[f32]>,
}

/// What all three threads may look at.
#[derive(Debug, Default)]
pub(super) struct Gauge {
    /// Frames of the time line at which anything was lost.
    pub(super) missed: AtomicU64,
    /// Frames of the time line so far.
    pub(super) length: AtomicU64,
    /// The disk thread has given up.
    pub(super) stopped: AtomicBool,
    /// Bytes of audio on the disk.
    pub(super) bytes: AtomicU64,
    /// Samples beyond full scale that were clipped.
    pub(super) clipped: AtomicU64,
    /// Tracks that have their files.
    pub(super) opened: AtomicU32,
}

/// A time line, and pens in slots, for the audio thread.
///
/// Each period, every slot with a pen is [written](Self::write) to and then the time line [goes on](Self::advance).
#[derive(Debug)]
pub struct Tape {
    pens: Box<[Option<Pen>]>,
    at: u64,
    /// Something was lost in this period.
    gap: bool,
    /// The disk thread does not want any more.
    stopped: bool,
    filled: Producer<Filled>,
    empty: Consumer<Box<[f32]>>,
    gauge: Arc<Gauge>,
}

impl Tape {
    pub(super) fn new(
        slots: usize,
        filled: Producer<Filled>,
        empty: Consumer<Box<[f32]>>,
        gauge: Arc<Gauge>,
    ) -> Self {
        let mut pens = Vec::new();
        pens.resize_with(slots, || None);
        Self {
            pens: pens.into(),
            at: 0,
            gap: false,
            stopped: false,
            filled,
            empty,
            gauge,
        }
    }

    /// From now on this slot writes this pen's track.
    pub fn put(&mut self, slot: usize, pen: Pen) {
        self.lift(slot);
        if let Some(place) = self.pens.get_mut(slot) {
            *place = Some(pen);
        }
    }

    /// From now on this slot writes nothing.
    pub fn lift(&mut self, slot: usize) {
        if let Some(page) = self.pens.get_mut(slot).and_then(Option::take) {
            self.hand_over(page);
        }
    }

    /// Writes the period's `frames` of a slot; nothing if it has no pen. `fill` is asked to fill frames of a channel: the
    /// channel's number, the first of the frames, and where to put them. Wait-free; at most a page a [`PAGE`] samples.
    pub fn write(
        &mut self,
        slot: usize,
        frames: Frames,
        mut fill: impl FnMut(usize, usize, &mut [f32]),
    ) {
        let Self {
            pens,
            at,
            gap,
            stopped,
            filled,
            empty,
            ..
        } = self;
        let Some(Some(pen)) = pens.get_mut(slot) else {
            return;
        };
        if *stopped {
            return;
        }
        let lane = lane(pen.channels);
        let mut done = 0;
        while done < frames.get() {
            let here = *at + done as u64;
            // A full page goes only when the next is wanted, so that a pen that is lifted has one.
            if let Some(full) = pen
                .page
                .take_if(|page| page.frames >= lane || page.at + page.frames as u64 != here)
            {
                send(filled, pen.track, full);
            }
            if pen.page.is_none() {
                pen.page = empty.pop().ok().map(|samples| Page {
                    samples,
                    at: here,
                    frames: 0,
                    missed: std::mem::take(&mut pen.missed),
                });
            }
            let Some(page) = &mut pen.page else {
                pen.missed += (frames.get() - done) as u64;
                *gap = true;
                return;
            };
            let some = (lane - page.frames).min(frames.get() - done);
            let lanes = page.samples.chunks_exact_mut(lane).take(pen.channels);
            for (channel, lane) in lanes.enumerate() {
                if let Some(out) = lane.get_mut(page.frames..page.frames + some) {
                    fill(channel, done, out);
                }
            }
            page.frames += some;
            done += some;
        }
    }

    /// The period is over.
    pub fn advance(&mut self, frames: Frames) {
        let length = u64::from(frames.0);
        self.at += length;
        self.gauge.length.store(self.at, Relaxed);
        self.stopped = self.gauge.stopped.load(Relaxed);
        if std::mem::take(&mut self.gap) && !self.stopped {
            self.gauge.missed.fetch_add(length, Relaxed);
        }
    }

    /// Hands over all that is left. For the end, on whichever thread.
    pub fn finish(mut self) {
        for slot in 0..self.pens.len() {
            self.lift(slot);
        }
    }

    fn hand_over(&mut self, pen: Pen) {
        if let Some(page) = pen.page {
            send(&mut self.filled, pen.track, page);
        }
    }
}

/// To the disk thread. The ring has room for as many pages as there are.
fn send(filled: &mut Producer<Filled>, track: TrackId, page: Page) {
    let sent = filled.push(Filled {
        track,
        at: page.at,
        frames: page.frames,
        missed: page.missed,
        samples: page.samples,
    });
    debug_assert!(sent.is_ok(), "more pages than the ring was made for");
}

/// Frames that a page of so many channels holds.
pub(super) const fn lane(channels: usize) -> usize {
    PAGE / channels
}

/// Samples of a page: 85 ms of stereo at 48 kHz.
pub(super) const PAGE: usize = 8192;
