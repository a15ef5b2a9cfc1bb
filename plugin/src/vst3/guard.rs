//! Stands between a host and the framework's VST3, and keeps from it what it would end the host on.
//!
//! The framework takes a host at its word: it panics when a block comes before it was set up, when two threads call at once, when
//! the output has more channels than agreed, or when it is asked for the parameter behind the last. A panic inside a host's call is
//! the end of the host. So the guard looks first, as [the one of the CLAP](crate::clap) does:
//!
//! ```text
//!   host ── process ──▶ guard: active? alone? busses as agreed? ──▶ framework ──▶ plugin
//!                         └─ no: silence, or what is left of the call
//!        ── everything else ───────────────────────────────────────▶ framework      (`pass_on.rs`)
//! ```
//! Nothing in `process` allocates, locks or waits; its loops are bounded by the busses, channels and frames of one call.

use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicUsize};

use ::vst3::Steinberg::Vst::{
    AudioBusBuffers, AudioBusBuffers__type0, BusDirection, BusDirections_, BusInfo,
    IAudioProcessorTrait, IComponentTrait, MediaTypes_, ProcessData, ProcessSetup,
    SymbolicSampleSizes_,
};
use ::vst3::Steinberg::{TBool, int32, kInvalidArgument, kResultFalse, kResultOk, tresult};
use nice_plug::wrapper::vst3::{Vst3Plugin, Wrapper};

/// One guarded instance: what the host holds.
pub(super) struct Guarded<P: Vst3Plugin> {
    pub(super) inner: Wrapper<P>,
    active: AtomicBool,
    /// A thread is in a block.
    busy: AtomicBool,
    /// Channels of the first bus, as they were when the plugin was activated. There are no others.
    inputs: AtomicUsize,
    outputs: AtomicUsize,
}

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
        Self {
            inner: Wrapper::new(),
            active: AtomicBool::new(false),
            busy: AtomicBool::new(false),
            inputs: AtomicUsize::new(0),
            outputs: AtomicUsize::new(0),
        }
    }

    /// `None` while another thread has it.
    fn turn(&self) -> Option<Turn<'_>> {
        // Not `then_some`: a turn that is made and dropped would end another's.
        (!self.busy.swap(true, Acquire)).then(|| Turn(&self.busy))
    }

    /// Channels of the first bus of a direction. On the main thread.
    fn channels(&self, direction: BusDirection) -> usize {
        let mut info = MaybeUninit::<BusInfo>::zeroed();
        // SAFETY: there is room for the answer.
        let known = unsafe {
            let audio = MediaTypes_::kAudio as int32;
            self.inner
                .getBusInfo(audio, direction, 0, info.as_mut_ptr())
                == kResultOk
        };
        // SAFETY: zeroes are a valid value, and so is what the framework writes.
        let info = unsafe { info.assume_init() };
        if known { count(info.channelCount) } else { 0 }
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
        let inputs = self.channels(BusDirections_::kInput as BusDirection);
        let outputs = self.channels(BusDirections_::kOutput as BusDirection);
        self.inputs.store(inputs, Relaxed);
        self.outputs.store(outputs, Relaxed);
        // SAFETY: the caller says so.
        let result = unsafe { self.inner.setActive(state) };
        self.active.store(active && result == kResultOk, Release);
        result
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
            unsafe { silence_beyond(block, 0) };
            return kResultFalse;
        };
        if block.numSamples < 0 {
            return kInvalidArgument;
        }
        // SAFETY: as above.
        let (input, output) = unsafe {
            (
                first_bus(block.inputs, block.numInputs, self.inputs.load(Relaxed)),
                first_bus(block.outputs, block.numOutputs, self.outputs.load(Relaxed)),
            )
        };
        let outputs = self.outputs.load(Relaxed);
        let whole = count(output.numChannels) == outputs;
        let heard = input.numChannels > 0;
        // What the framework does not write would be left as it is: channels beyond those agreed, all if some are missing,
        // and its input where there is none, as it works in place.
        let kept = if whole && heard { outputs } else { 0 };
        // SAFETY: as above.
        unsafe { silence_beyond(block, kept) };
        let (mut input, mut output) = (input, output);
        let guarded = ProcessData {
            numInputs: int32::from(heard),
            inputs: if heard {
                &raw mut input
            } else {
                ptr::null_mut()
            },
            // Without it parameters are taken in all the same.
            numOutputs: int32::from(whole),
            outputs: if whole {
                &raw mut output
            } else {
                ptr::null_mut()
            },
            ..*block
        };
        // SAFETY: active, alone, with as many busses, channels and frames as it takes for granted.
        unsafe { self.inner.process(ptr::from_ref(&guarded).cast_mut()) }
    }
}

/// A bus of up to so many channels, all of which have memory: as much as there is of the first of these.
///
/// # Safety
///
/// `busses` is null, or that many busses with as much memory as they say.
unsafe fn first_bus(busses: *const AudioBusBuffers, number: int32, most: usize) -> AudioBusBuffers {
    // SAFETY: the caller says so.
    let first = unsafe { slice(busses, number) }.first().copied();
    let Some(bus) = first else {
        return NO_BUS;
    };
    // SAFETY: likewise; both kinds of pointers are alike.
    let channels = unsafe { slice(bus.__field0.channelBuffers32.cast_const(), bus.numChannels) };
    let there = channels.iter().take_while(|channel| !channel.is_null());
    let there = there.take(most).count();
    if there == 0 {
        return NO_BUS;
    }
    AudioBusBuffers {
        // No more than came in such a number.
        numChannels: there as int32,
        ..bus
    }
}

/// Silences the channels of the first output from `kept` on, and all of the others.
///
/// # Safety
///
/// The block's outputs have as much memory as it says.
unsafe fn silence_beyond(block: &ProcessData, kept: usize) {
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
        let beyond = channels.iter().skip(if index == 0 { kept } else { 0 });
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

/// A bus that is not there.
const NO_BUS: AudioBusBuffers = AudioBusBuffers {
    numChannels: 0,
    silenceFlags: 0,
    __field0: AudioBusBuffers__type0 {
        channelBuffers32: ptr::null_mut(),
    },
};
