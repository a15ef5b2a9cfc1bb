//! The plugin's end of a segment.

use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::fence;

use farsend_rt::clock;
use farsend_units::{Frames, MonoTime};

use super::fade::Fader;
use super::layout::{Ring, Word};
use super::levels::{Level, Levels};
use super::shared::Shared;
use super::{
    HostCall, SegmentConfig, SegmentCounts, SegmentError, SegmentHandle, Stretch, Transport, Watch,
};
use crate::sys;

/// The plugin's end of a segment. Made on a control thread, used by the DAW's audio thread, and to be
/// dropped on a control thread again (the last user unmaps the memory).
#[derive(Debug)]
pub struct PluginEnd {
    shared: Arc<Shared>,
    bell: sys::Bell,
    levels: Arc<Levels>,
    fader: Fader,
    /// Of the send ring: where we write.
    written: u64,
    /// Of the return ring: where we read.
    read: u64,
    calls: u64,
    /// What the host said of the next block, and what it makes of the blocks so far.
    transport: Option<Transport>,
    stretch: Stretch,
}

impl PluginEnd {
    /// Takes on the segment that the engine handed over, after checking it.
    pub fn open(handle: SegmentHandle) -> Result<Self, SegmentError> {
        let shared = Shared::open(&handle.memory)?;
        let bell = sys::Bell::open(handle.bell)?;
        let config = shared.geometry().config();
        let levels = |count| (0..count).map(|_| Level::default()).collect();
        let (sent, returned) = (levels(config.send.get()), levels(config.receive.get()));
        Ok(Self {
            shared: Arc::new(shared),
            bell,
            levels: Arc::new(Levels { sent, returned }),
            fader: Fader::new(config.receive, config.rate),
            written: 0,
            read: 0,
            calls: 0,
            transport: None,
            stretch: Stretch::default(),
        })
    }

    /// What the segment was made for.
    pub fn config(&self) -> SegmentConfig {
        self.shared.geometry().config()
    }

    /// Tells this segment from the others of the same engine.
    pub fn generation(&self) -> u64 {
        self.shared.generation()
    }

    /// A look at the segment for a control thread.
    pub fn watch(&self) -> Watch {
        Watch::new(&self.shared)
    }

    /// Peaks of what is sent and what is returned, for the editor.
    pub fn levels(&self) -> Arc<Levels> {
        Arc::clone(&self.levels)
    }

    /// What went wrong, of both sides.
    pub fn counts(&self) -> SegmentCounts {
        self.shared.counts()
    }

    /// One block: hands `inputs` to the engine, fills `outputs` with what it returned, and rings.
    ///
    /// Both are planar and as long as the block, which may be of any length. Channels that `inputs`
    /// lacks are sent as silence, and so is what an input lacks of the block; channels that the
    /// segment lacks come out silent. Where the engine gave less than the block, the audio fades out
    /// and the rest is silent; on return it fades in. Wait-free: takes time in proportion to the
    /// samples, and at most one system call, which does not wait.
    pub fn exchange(&mut self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) -> Exchanged {
        self.exchange_at(clock::now(), inputs, outputs)
    }

    /// [`exchange`](Self::exchange) for a host that calls at a time of its own making.
    pub fn exchange_at(
        &mut self,
        at: MonoTime,
        inputs: &[&[f32]],
        outputs: &mut [&mut [f32]],
    ) -> Exchanged {
        let of_inputs = inputs.iter().map(|channel| channel.len()).max();
        let of_outputs = outputs.iter().map(|channel| channel.len()).max();
        let length = of_inputs.max(of_outputs).unwrap_or(0);
        self.send(inputs, length);
        let exchanged = self.receive(outputs, length);
        self.finish(at, length);
        exchanged
    }

    /// What the host says of its timeline at the beginning of the next block. A block of which nothing is said changes nothing.
    pub fn set_transport(&mut self, transport: Transport) {
        self.transport = Some(transport);
    }

    fn send(&mut self, inputs: &[&[f32]], length: usize) {
        // Of a block longer than the ring only the end fits.
        let end = self.written.wrapping_add(length as u64);
        let kept = length.min(self.shared.geometry().capacity());
        let (start, left_out) = (end.wrapping_sub(kept as u64), length - kept);
        // See `EngineEnd::take`.
        self.shared.word(Word::SendClaimed).store(end, Relaxed);
        fence(Release);
        for (channel, level) in self.levels.sent.iter().enumerate() {
            let samples = inputs.get(channel).copied().unwrap_or_default();
            let samples = samples.get(left_out..).unwrap_or_default();
            level.note(samples);
            self.shared.store(Ring::Send, channel, start, samples);
            let after = start.wrapping_add(samples.len() as u64);
            self.shared
                .store_silence(Ring::Send, channel, after, kept - samples.len());
        }
        self.written = end;
        self.shared.word(Word::SendWritten).store(end, Release);
    }

    fn receive(&mut self, outputs: &mut [&mut [f32]], length: usize) -> Exchanged {
        let capacity = self.shared.geometry().capacity() as u64;
        let written = self.shared.word(Word::ReturnWritten).load(Acquire);
        // Behind us, or (only if the engine is broken) further ahead than it ever writes: nothing.
        let ahead = Some(written.wrapping_sub(self.read)).filter(|ahead| *ahead <= capacity);
        let fresh = ahead.map_or(0, |ahead| length.min(ahead as usize));

        let (ours, others) = outputs.split_at_mut(outputs.len().min(self.levels.returned.len()));
        for (channel, out) in ours.iter_mut().enumerate() {
            let fresh = fresh.min(out.len());
            self.shared
                .load(Ring::Return, channel, self.read, &mut out[..fresh]);
        }
        self.fader
            .apply(fresh, length, ours.iter_mut().map(|out| &mut **out));
        ours.iter()
            .zip(&self.levels.returned)
            .for_each(|(out, level)| level.note(out));
        others.iter_mut().for_each(|out| out.fill(0.0));

        self.read = self.read.wrapping_add(length as u64);
        self.shared.word(Word::ReturnRead).store(self.read, Release);
        self.judge(fresh, length)
    }

    fn judge(&self, fresh: usize, length: usize) -> Exchanged {
        if fresh == length || self.levels.returned.is_empty() {
            return Exchanged::Fresh;
        }
        self.shared.count(Word::Missing, (length - fresh) as u64);
        if fresh > 0 {
            self.shared.count(Word::Partial, 1);
            Exchanged::Partial
        } else {
            self.shared.count(Word::Dry, 1);
            Exchanged::Dry
        }
    }

    fn finish(&mut self, at: MonoTime, length: usize) {
        self.calls += 1;
        let block = Frames(u32::try_from(length).unwrap_or(u32::MAX));
        if let Some(transport) = self.transport.take() {
            let start = self.read.wrapping_sub(length as u64);
            self.stretch = self.stretch.next(start, transport);
        }
        let call = HostCall {
            number: self.calls,
            at,
            block,
            position: self.read,
        };
        self.shared.set_call(call, self.stretch);
        // See `EngineEnd::listen`.
        fence(SeqCst);
        if self.shared.get(Word::Unheard) != 1 {
            self.bell.ring();
        }
    }

    /// As if both positions had come to `position`.
    #[cfg(test)]
    pub(super) fn start_at(&mut self, position: u64) {
        (self.written, self.read) = (position, position);
        for word in [Word::SendClaimed, Word::SendWritten, Word::ReturnRead] {
            self.shared.word(word).store(position, Release);
        }
    }
}

/// How a block's outputs were filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a dry block is to be shown or counted"]
pub enum Exchanged {
    /// With audio from the engine, the whole block.
    Fresh,
    /// With audio that then fades out.
    Partial,
    /// With silence, after what was left to fade out.
    Dry,
}
