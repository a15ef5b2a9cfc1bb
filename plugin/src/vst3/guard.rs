//! Stands between a host and the framework's VST3, and keeps from it what it would end the host on.
//!
//! The framework takes a host at its word: it panics when a block comes before it was set up, when two threads call at once, when
//! the output has more channels than agreed, or when it is asked for the parameter behind the last. A panic inside a host's call is
//! the end of the host. So the guard looks first, as [the one of the CLAP](crate::clap) does:
//!
//! ```text
//!   host ── process ──▶ guard: active? alone? busses as agreed? ──▶ framework ──▶ plugin
//!                         └─ no: silence, or what is left of the call
//!        ── load, save ──▶ can it be read? is one kept that cannot?▶ framework      (`unread.rs`)
//!        ── everything else ───────────────────────────────────────▶ framework      (`pass_on.rs`)
//! ```
//! Nothing in `process` allocates, locks or waits; its loops are bounded by the busses, channels and frames of one call.

use std::mem::{ManuallyDrop, MaybeUninit};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};

use ::vst3::Steinberg::Vst::{
    AudioBusBuffers, AudioBusBuffers__type0, BusDirection, BusDirections_, BusInfo,
    IAudioProcessorTrait, IComponentTrait, MediaTypes_, ProcessData, ProcessSetup,
    SpeakerArrangement, SymbolicSampleSizes_,
};
use ::vst3::Steinberg::{
    IBStream, TBool, int32, kInvalidArgument, kResultFalse, kResultOk, tresult,
};
use ::vst3::{ComRef, ComWrapper};
use arrayvec::ArrayVec;
use nice_plug::wrapper::vst3::{Vst3Plugin, Wrapper};

use super::stream::{self, Memory};
use crate::ports::{Fitted, MOST_PORTS, Ports};
use crate::unread::{self, Unread};
use crate::worker::{self, Tasks};

/// One guarded instance: what the host holds.
pub(super) struct Guarded<P: Vst3Plugin> {
    pub(super) inner: ManuallyDrop<Wrapper<P>>,
    tasks: Option<Tasks>,
    unread: Unread,
    active: AtomicBool,
    /// A thread is in a block.
    busy: AtomicBool,
    inputs: Ports,
    outputs: Ports,
}

/// The busses of one direction.
type Busses = ArrayVec<AudioBusBuffers, MOST_PORTS>;

/// Held while no other thread may be in the framework's audio code.
struct Turn<'a>(&'a AtomicBool);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.store(false, Release);
    }
}

impl<P: Vst3Plugin> Guarded<P> {
    /// An instance that is not active.
    pub(super) fn new() -> Self {
        let ((inner, tasks), store) = unread::with_store(|| worker::with_tasks(Wrapper::<P>::new));
        let new = saved(&inner);
        Self {
            inner: ManuallyDrop::new(inner),
            tasks,
            unread: Unread::new(store, new, 0),
            active: AtomicBool::new(false),
            busy: AtomicBool::new(false),
            inputs: Ports::default(),
            outputs: Ports::default(),
        }
    }

    /// `None` while another thread has it.
    fn turn(&self) -> Option<Turn<'_>> {
        // Not `then_some`: a turn that is made and dropped would end another's.
        (!self.busy.swap(true, Acquire)).then(|| Turn(&self.busy))
    }

    /// Channels of each bus of a direction. On the main thread.
    fn channels(&self, direction: BusDirection) -> impl Iterator<Item = usize> {
        let audio = MediaTypes_::kAudio as int32;
        // SAFETY: the framework knows at any time.
        let busses = unsafe { self.inner.getBusCount(audio, direction) };
        let channels = move |index| {
            let mut info = MaybeUninit::<BusInfo>::zeroed();
            // SAFETY: there is room for the answer.
            let known = unsafe {
                self.inner
                    .getBusInfo(audio, direction, index, info.as_mut_ptr())
                    == kResultOk
            };
            // SAFETY: zeroes are a valid value, and so is what the framework writes.
            let info = unsafe { info.assume_init() };
            if known { count(info.channelCount) } else { 0 }
        };
        (0..busses.min(MOST_PORTS as int32)).map(channels)
    }

    /// As [`IAudioProcessorTrait::setBusArrangements`]. Where there are several busses the framework looks at the wrong ones.
    ///
    /// # Safety
    ///
    /// `inputs` and `outputs` are null, or as many arrangements as said.
    pub(super) unsafe fn arrange(
        &self,
        (inputs, ins): (*mut SpeakerArrangement, int32),
        (outputs, outs): (*mut SpeakerArrangement, int32),
    ) -> tresult {
        // SAFETY: the caller says so.
        let wanted = unsafe { slice(outputs.cast_const(), outs) };
        let agreed = self.channels(BusDirections_::kOutput as BusDirection);
        let mut further = wanted.iter().zip(agreed).skip(1);
        if !further.all(|(wanted, agreed)| wanted.count_ones() as usize == agreed) {
            return kResultFalse;
        }
        // SAFETY: likewise.
        unsafe { self.inner.setBusArrangements(inputs, ins, outputs, outs) }
    }

    /// As [`IAudioProcessorTrait::setupProcessing`].
    ///
    /// # Safety
    ///
    /// `setup` is null or a setup.
    pub(super) unsafe fn set_up(&self, setup: *mut ProcessSetup) -> tresult {
        // SAFETY: the caller says so.
        let sane = unsafe { setup.as_ref() }.is_some_and(|setup| {
            let rate = setup.sampleRate;
            // A rate that is none would be everybody's trouble later on.
            rate.is_finite() && rate > 0.0 && setup.maxSamplesPerBlock >= 0
        });
        if !sane {
            return kInvalidArgument;
        }
        // SAFETY: likewise.
        unsafe { self.inner.setupProcessing(setup) }
    }

    /// As [`IComponentTrait::setActive`].
    ///
    /// # Safety
    ///
    /// On the main thread.
    pub(super) unsafe fn set_active(&self, state: TBool) -> tresult {
        let active = state != 0;
        if !active {
            // From here on blocks are silent; one that is under way is waited for by the framework.
            self.active.store(false, Release);
        }
        self.inputs
            .agree(self.channels(BusDirections_::kInput as BusDirection));
        self.outputs
            .agree_outputs(self.channels(BusDirections_::kOutput as BusDirection));
        // SAFETY: the caller says so.
        let result = unsafe { self.inner.setActive(state) };
        self.active.store(active && result == kResultOk, Release);
        result
    }

    /// As [`IComponentTrait::setState`].
    ///
    /// # Safety
    ///
    /// `state` is null or a stream. On the main thread.
    pub(super) unsafe fn load(&self, state: *mut IBStream) -> tresult {
        // SAFETY: the caller says so.
        let Some(state) = (unsafe { ComRef::from_raw(state) }) else {
            return kInvalidArgument;
        };
        let load = |bytes: &[u8]| {
            let memory = ComWrapper::new(Memory::new(bytes.to_vec()));
            let stream = memory.as_com_ref::<IBStream>();
            // SAFETY: the stream is there during the call.
            stream.is_some_and(
                |end| unsafe { IComponentTrait::setState(&*self.inner, end.as_ptr()) } == kResultOk,
            )
        };
        // SAFETY: likewise.
        let came = unsafe { stream::read(&state) };
        match self.unread.load(came, load) {
            true => kResultOk,
            false => kResultFalse,
        }
    }

    /// As [`IComponentTrait::getState`].
    ///
    /// # Safety
    ///
    /// As [`load`](Self::load).
    pub(super) unsafe fn save(&self, state: *mut IBStream) -> tresult {
        // SAFETY: the caller says so.
        let Some(state) = (unsafe { ComRef::from_raw(state) }) else {
            return kInvalidArgument;
        };
        let bytes = self.unread.save(|| saved(&self.inner)).unwrap_or_default();
        // SAFETY: likewise. Where nothing could be saved there are none.
        let written = !bytes.is_empty() && unsafe { stream::write(&state, &bytes) };
        match written {
            true => kResultOk,
            false => kResultFalse,
        }
    }

    /// As [`IAudioProcessorTrait::process`].
    ///
    /// # Safety
    ///
    /// `data` is null, or a block with as much memory as it says.
    pub(super) unsafe fn process_block(&self, data: *mut ProcessData) -> tresult {
        // SAFETY: the caller says so. So everywhere below.
        let Some(block) = (unsafe { data.as_ref() }) else {
            return kInvalidArgument;
        };
        let is_single = block.symbolicSampleSize == SymbolicSampleSizes_::kSample32 as int32;
        let turn = self.turn();
        let (Some(_turn), true, true) = (turn, is_single, self.active.load(Acquire)) else {
            // SAFETY: as above.
            unsafe { silence_beyond(block, |_| 0) };
            return kResultFalse;
        };
        if block.numSamples < 0 {
            return kInvalidArgument;
        }
        // SAFETY: as above.
        let (given_in, given_out) = unsafe {
            (
                slice(block.inputs.cast_const(), block.numInputs),
                slice(block.outputs.cast_const(), block.numOutputs),
            )
        };
        // SAFETY: as above, for their channels.
        let channels_in = |port| unsafe { channels(given_in, port) };
        // SAFETY: as above.
        let channels_out = |port| unsafe { channels(given_out, port) };
        let inputs = self.inputs.inputs(channels_in);
        let heard = inputs.first().is_some_and(|input| input.count > 0);
        let outputs = self.outputs.outputs(count(block.numSamples), channels_out);
        // What the framework does not write would be left as it is: channels beyond those agreed, all if some are missing,
        // and its input where there is none, as it works in place.
        let kept = |port: usize| match outputs.as_ref().and_then(|outputs| outputs.get(port)) {
            Some(output) if heard && output.is_hosts => output.count,
            _ => 0,
        };
        // SAFETY: as above.
        unsafe { silence_beyond(block, kept) };
        let mut inputs: Busses = inputs.iter().filter(|_| heard).map(bus).collect();
        // Without them parameters are taken in all the same.
        let mut outputs: Busses = outputs.iter().flatten().map(bus).collect();
        let guarded = ProcessData {
            numInputs: inputs.len() as int32,
            inputs: start(&mut inputs),
            numOutputs: outputs.len() as int32,
            outputs: start(&mut outputs),
            ..*block
        };
        // SAFETY: active, alone, with as many busses, channels and frames as it takes for granted.
        unsafe { self.inner.process(ptr::from_ref(&guarded).cast_mut()) }
    }
}

impl<P: Vst3Plugin> Drop for Guarded<P> {
    fn drop(&mut self) {
        if let Some(tasks) = &self.tasks {
            tasks.finish();
        }
        // SAFETY: nobody comes here again.
        let inner = unsafe { ManuallyDrop::take(&mut self.inner) };
        // It panics without a worker. That was reported; there is nothing left that could be done.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(inner)));
    }
}

/// What the framework saves.
fn saved<P: Vst3Plugin>(inner: &Wrapper<P>) -> Option<Vec<u8>> {
    let memory = ComWrapper::new(Memory::default());
    let stream = memory.as_com_ref::<IBStream>()?;
    // SAFETY: the stream is there during the call.
    let result = unsafe { IComponentTrait::getState(inner, stream.as_ptr()) };
    (result == kResultOk).then(|| memory.take())
}

/// A bus as the framework is to have it.
fn bus(fit: &Fitted) -> AudioBusBuffers {
    AudioBusBuffers {
        numChannels: fit.count as int32,
        silenceFlags: 0,
        __field0: AudioBusBuffers__type0 {
            channelBuffers32: fit.channels,
        },
    }
}

/// Null where there are none.
fn start(busses: &mut Busses) -> *mut AudioBusBuffers {
    if busses.is_empty() {
        ptr::null_mut()
    } else {
        busses.as_mut_ptr()
    }
}

/// The channels of one of these busses.
///
/// # Safety
///
/// The busses are as they say.
unsafe fn channels(given: &[AudioBusBuffers], port: usize) -> &[*mut f32] {
    let Some(bus) = given.get(port) else {
        return &[];
    };
    // SAFETY: as many pointers are there as the bus has channels, or none; both kinds of pointers are alike.
    unsafe { slice(bus.__field0.channelBuffers32.cast_const(), bus.numChannels) }
}

/// Silences the outputs' channels from `kept(bus)` on.
///
/// # Safety
///
/// The block's outputs have as much memory as it says.
unsafe fn silence_beyond(block: &ProcessData, kept: impl Fn(usize) -> usize) {
    let is_double = block.symbolicSampleSize == SymbolicSampleSizes_::kSample64 as int32;
    let sample = if is_double {
        size_of::<f64>()
    } else {
        size_of::<f32>()
    };
    let bytes = count(block.numSamples) * sample;
    // SAFETY: the caller says so.
    let busses = unsafe { slice(block.outputs.cast_const(), block.numOutputs) };
    for (index, bus) in busses.iter().enumerate() {
        // SAFETY: likewise.
        let channels =
            unsafe { slice(bus.__field0.channelBuffers32.cast_const(), bus.numChannels) };
        let beyond = channels.iter().skip(kept(index));
        for channel in beyond.filter(|channel| !channel.is_null()) {
            // SAFETY: likewise; all bits zero is 0.0.
            unsafe { channel.cast::<u8>().write_bytes(0, bytes) };
        }
    }
}

/// # Safety
///
/// At `start` are `number` values, or it is null.
unsafe fn slice<'a, T>(start: *const T, number: int32) -> &'a [T] {
    if start.is_null() {
        return &[];
    }
    // SAFETY: the caller says so.
    unsafe { std::slice::from_raw_parts(start, count(number)) }
}

/// A number that should not be negative.
fn count(number: int32) -> usize {
    usize::try_from(number).unwrap_or(0)
}
