//! The engine's end of a segment.

use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicU64, fence};

use farsend_rt::clock;
use farsend_units::{Frames, MonoTime};

use super::layout::{Ring, Word};
use super::shared::Shared;
use super::{HostCall, SegmentConfig, SegmentCounts, SegmentError, SegmentHandle, Stretch, Watch};
use crate::sys;

/// The engine's end of a segment. Made on a control thread, used by an audio thread: but for
/// [`create`](Self::create), nothing here allocates, waits or (but for the bell) makes a system call.
#[derive(Debug)]
pub struct EngineEnd {
    shared: Arc<Shared>,
    bell: sys::Bell,
    /// Of the send ring: where we read.
    read: u64,
    /// Of the return ring: where we write.
    written: u64,
    call: HostCall,
}

impl EngineEnd {
    /// Makes a segment, and the handle that the plugin is to get.
    pub fn create(config: SegmentConfig) -> Result<(Self, SegmentHandle), SegmentError> {
        let (shared, memory) = Shared::create(config, new_generation())?;
        let (bell, rings) = sys::Bell::create()?;
        let call = HostCall::default();
        let end = Self {
            shared: Arc::new(shared),
            bell,
            read: 0,
            written: 0,
            call,
        };
        Ok((
            end,
            SegmentHandle {
                memory,
                bell: rings,
            },
        ))
    }

    /// What the segment was made for.
    pub fn config(&self) -> SegmentConfig {
        self.shared.geometry().config()
    }

    /// Tells this segment from the others of this engine.
    pub fn generation(&self) -> u64 {
        self.shared.generation()
    }

    /// A look at the segment for a control thread.
    pub fn watch(&self) -> Watch {
        Watch::new(&self.shared)
    }

    /// What went wrong, of both sides.
    pub fn counts(&self) -> SegmentCounts {
        self.shared.counts()
    }

    /// How many frames the plugin wrote that were not taken. At most the ring's capacity.
    ///
    /// An engine that was so late that the plugin overwrote some jumps here, to the start of the
    /// newest block, and counts.
    pub fn available(&mut self) -> Frames {
        let written = self.shared.word(Word::SendWritten).load(Acquire);
        let waiting = written.wrapping_sub(self.read);
        if waiting <= self.capacity() {
            return Frames(waiting as u32);
        }
        self.jump(written)
    }

    /// Moves what the plugin wrote into `out`, oldest first: as many frames as `out` is long or as
    /// there are. Returns how many; the rest of `out` is left as it was.
    ///
    /// `out` is planar, of one length. Channels that the segment does not have are silent.
    ///
    /// The plugin never stops writing, so "until nothing is left" is no bound for a loop: take as
    /// many as [`available`](Self::available) said, or what is due by the number of calls.
    pub fn take(&mut self, out: &mut [&mut [f32]]) -> Frames {
        let length = out.iter().map(|channel| channel.len()).min().unwrap_or(0);
        let frames = length.min(self.available().get());
        let channels = self.shared.geometry().channels(Ring::Send);
        for (channel, out) in out.iter_mut().enumerate() {
            if channel < channels {
                self.shared
                    .load(Ring::Send, channel, self.read, &mut out[..frames]);
            } else {
                out[..frames].fill(0.0);
            }
        }
        // Written over while we read? The plugin claims the place before it writes: whoever saw one
        // of its new samples sees the claim as well.
        fence(Acquire);
        let claimed = self.shared.get(Word::SendClaimed);
        if claimed.wrapping_sub(self.read) > self.capacity() {
            let written = self.shared.word(Word::SendWritten).load(Acquire);
            self.jump(written);
            return Frames::ZERO;
        }
        self.set_read(self.read.wrapping_add(frames as u64));
        Frames(frames as u32)
    }

    /// Where [`take`](Self::take) goes on, in frames that the plugin has written since the start; wraps at 2^64.
    pub fn taken(&self) -> u64 {
        self.read
    }

    /// How many frames the plugin has written since the start; wraps at 2^64. Of any size, if the plugin is broken.
    pub fn sent(&self) -> u64 {
        self.shared.word(Word::SendWritten).load(Acquire)
    }

    /// What the plugin wrote from `position` on, into the beginning of `out`: as many frames as `out` is long or as there are.
    /// Returns how many; the rest of `out` is silence. [`take`](Self::take) would go on after `out`, whether it was there or not.
    ///
    /// For what follows another clock than this plugin's calls. `out` is as for `take`.
    pub fn take_at(&mut self, position: u64, out: &mut [&mut [f32]]) -> Frames {
        let length = out.iter().map(|channel| channel.len()).min().unwrap_or(0);
        let waiting = self.sent().wrapping_sub(position);
        let there = Some(waiting).filter(|waiting| *waiting <= self.capacity());
        let mut frames = there.map_or(0, |waiting| length.min(waiting as usize));
        let channels = self.shared.geometry().channels(Ring::Send);
        for (channel, out) in out.iter_mut().enumerate() {
            let (audio, rest) = out.split_at_mut(frames);
            if channel < channels {
                self.shared.load(Ring::Send, channel, position, audio);
            } else {
                audio.fill(0.0);
            }
            rest.fill(0.0);
        }
        // As in `take`.
        fence(Acquire);
        let claimed = self.shared.get(Word::SendClaimed);
        if frames > 0 && claimed.wrapping_sub(position) > self.capacity() {
            out.iter_mut().for_each(|out| out.fill(0.0));
            frames = 0;
        }
        self.set_read(position.wrapping_add(length as u64));
        Frames(frames as u32)
    }

    /// Leaves out the oldest `frames` that the plugin wrote, or all there are. Returns how many.
    pub fn skip(&mut self, frames: Frames) -> Frames {
        let frames = frames.min(self.available());
        self.set_read(self.read.wrapping_add(u64::from(frames.0)));
        frames
    }

    /// How far the return is ahead of the plugin: frames written and not read yet, negative by the
    /// frames that the plugin has gone on since it found nothing.
    pub fn fill(&self) -> i64 {
        self.written.wrapping_sub(self.reader()) as i64
    }

    /// The same against a position that the plugin had: with that of a [`HostCall`] it tells what was
    /// left for the call after it, even if the host calls again in this moment.
    pub fn ahead_of(&self, position: u64) -> i64 {
        self.written.wrapping_sub(position) as i64
    }

    /// How many frames [`release`](Self::release) would write now.
    pub fn room(&self) -> Frames {
        let (_, ahead) = self.placed(self.reader());
        Frames((self.capacity() - ahead) as u32)
    }

    /// Appends to the return, from the plugin's position on if that has overtaken ours.
    ///
    /// `audio` is planar, of one length; channels that are missing are silent, further ones left out.
    /// Frames beyond [`room`](Self::room) are not written, but counted.
    pub fn release(&mut self, audio: &[&[f32]]) -> Released {
        let length = audio.iter().map(|channel| channel.len()).min().unwrap_or(0);
        let (position, ahead) = self.placed(self.reader());
        let overtaken = position.wrapping_sub(self.written);
        if overtaken > 0 {
            self.shared.count(Word::Overtaken, overtaken);
        }
        let frames = length.min((self.capacity() - ahead) as usize);
        self.write(position, audio, 0..frames);
        if frames < length {
            self.shared.count(Word::Refused, (length - frames) as u64);
        }
        self.written = position.wrapping_add(frames as u64);
        self.shared
            .word(Word::ReturnWritten)
            .store(self.written, Release);
        Released {
            position,
            written: Frames(frames as u32),
            overtaken,
        }
    }

    /// Puts `audio` where it belongs on the plugin's time line, from `position` on, and makes its end that of the return: what was
    /// to come after it is taken back. A gap before it is silence. What is past by now is left out and counted, and so is what there
    /// is no room for.
    ///
    /// For what follows another clock than this plugin's calls. `audio` is as for [`release`](Self::release).
    pub fn release_at(&mut self, position: u64, audio: &[&[f32]]) -> Released {
        let length = audio.iter().map(|channel| channel.len()).min().unwrap_or(0);
        let reader = self.reader();
        let late = reader.wrapping_sub(position) as i64;
        let past = late.clamp(0, length as i64) as usize;
        if past > 0 {
            self.shared.count(Word::Overtaken, past as u64);
        }
        let start = if late > 0 { reader } else { position };
        let ahead = start.wrapping_sub(reader);
        let room = self.capacity().saturating_sub(ahead) as usize;
        let frames = (length - past).min(room);
        if frames < length - past {
            self.shared
                .count(Word::Refused, (length - past - frames) as u64);
        }
        if room == 0 {
            return Released {
                position: start,
                written: Frames::ZERO,
                overtaken: past as u64,
            };
        }
        let (end, there) = self.placed(reader);
        if ahead > there {
            for channel in 0..self.shared.geometry().channels(Ring::Return) {
                self.shared
                    .store_silence(Ring::Return, channel, end, (ahead - there) as usize);
            }
        }
        self.write(start, audio, past..past + frames);
        self.written = start.wrapping_add(frames as u64);
        self.shared
            .word(Word::ReturnWritten)
            .store(self.written, Release);
        Released {
            position: start,
            written: Frames(frames as u32),
            overtaken: past as u64,
        }
    }

    /// A part of `audio` into the return.
    fn write(&self, position: u64, audio: &[&[f32]], part: std::ops::Range<usize>) {
        for channel in 0..self.shared.geometry().channels(Ring::Return) {
            match audio.get(channel) {
                Some(samples) => {
                    self.shared
                        .store(Ring::Return, channel, position, &samples[part.clone()]);
                }
                None => self
                    .shared
                    .store_silence(Ring::Return, channel, position, part.len()),
            }
        }
    }

    /// The host's last call into the plugin, `None` before the first.
    pub fn host_call(&mut self) -> Option<HostCall> {
        self.call = self.shared.call().unwrap_or(self.call);
        (self.call.number > 0).then_some(self.call)
    }

    /// What the host's transport does, by its last call that can be seen. Positions and numbers may be anything, if the plugin is
    /// broken.
    pub fn stretch(&self) -> Option<Stretch> {
        self.shared.stretch().filter(|stretch| stretch.number > 0)
    }

    /// The last block's length, 0 before the first. Of any size, if the plugin is broken.
    pub fn host_block(&mut self) -> Frames {
        self.host_call().map_or(Frames::ZERO, |call| call.block)
    }

    /// Gives a sign of life: the plugin's control thread looks for it. Once a turn is often enough.
    pub fn beat(&self, now: MonoTime) {
        self.shared
            .word(Word::BeatAt)
            .store(now.as_nanos(), Relaxed);
        let count = self.shared.word(Word::BeatCount);
        count.store(count.load(Relaxed).wrapping_add(1), Release);
    }

    /// Whether the plugin is to ring after each exchange, as it does at first. Waking a thread on another core is most of what
    /// an exchange costs, so an engine that knows when the next call is due sleeps by the clock instead.
    ///
    /// Before a sleep that relies on the bell, call this with `true` and look at
    /// [`available`](Self::available) again: what was written before is not rung for.
    pub fn listen(&self, to_the_bell: bool) {
        let unheard = self.shared.word(Word::Unheard);
        unheard.store(u64::from(!to_the_bell), Relaxed);
        // Pairs with the one in `PluginEnd::finish`: either we see its block, or it sees our wish.
        fence(SeqCst);
    }

    /// Forgets the plugin's rings so far: after a poll of the bell, and before what was rung for is
    /// looked at. A system call that does not wait.
    pub fn hush(&self) {
        self.bell.hush();
    }

    /// The plugin's position, as it says.
    fn reader(&self) -> u64 {
        self.shared.word(Word::ReturnRead).load(Acquire)
    }

    /// Where the next frame of the return goes, and how far that is ahead of `reader`.
    fn placed(&self, reader: u64) -> (u64, u64) {
        let ahead = self.written.wrapping_sub(reader);
        // Behind the reader, or (only if the plugin is broken) further ahead than we ever write.
        if ahead > self.capacity() {
            (reader, 0)
        } else {
            (self.written, ahead)
        }
    }

    fn jump(&mut self, written: u64) -> Frames {
        let block = self.host_block().0.min(self.config().capacity.0 / 2);
        self.shared.count(Word::Jumped, 1);
        self.set_read(written.wrapping_sub(u64::from(block)));
        Frames(block)
    }

    fn set_read(&mut self, read: u64) {
        self.read = read;
        self.shared.word(Word::SendRead).store(read, Release);
    }

    fn capacity(&self) -> u64 {
        self.shared.geometry().capacity() as u64
    }

    /// As if both positions had come to `position`.
    #[cfg(test)]
    pub(super) fn start_at(&mut self, position: u64) {
        (self.read, self.written) = (position, position);
        for word in [Word::SendRead, Word::ReturnWritten] {
            self.shared.word(word).store(position, Release);
        }
    }
}

/// The bell, to poll for reading: the plugin rings at the end of each exchange.
#[cfg(unix)]
impl std::os::fd::AsFd for EngineEnd {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.bell.as_fd()
    }
}

/// What became of a [`EngineEnd::release`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "frames not written are lost"]
pub struct Released {
    /// Where they begin on the plugin's time line.
    pub position: u64,
    /// Frames written.
    pub written: Frames,
    /// Frames that the plugin had gone on without us, so that ours starts that much later.
    pub overtaken: u64,
}

/// Different for each segment of this machine, as far as time goes on.
fn new_generation() -> u64 {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    clock::now()
        .as_nanos()
        .wrapping_add(NUMBER.fetch_add(1, Relaxed))
}
