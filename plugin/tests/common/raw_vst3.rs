//! A host that knows no manners: it calls the VST3's functions as they are, in any order and with anything.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr;

use vst3::Steinberg::Vst::{
    AudioBusBuffers, AudioBusBuffers__type0, BusDirections_, BusInfo, IAudioProcessor,
    IAudioProcessorTrait, IComponent, IComponentTrait, IEditController, IEditControllerTrait,
    IParamValueQueue, IParamValueQueueTrait, IParameterChanges, IParameterChangesTrait,
    MediaTypes_, ParamID, ParamValue, ParameterInfo, ProcessContext,
    ProcessContext_::StatesAndFlags_, ProcessData, ProcessModes_, ProcessSetup, SpeakerArr,
    SpeakerArrangement, SymbolicSampleSizes_,
};
use vst3::Steinberg::{
    IBStream, IBStreamTrait, IPluginFactory, IPluginFactoryTrait, PClassInfo, int32, int64,
    kInvalidArgument, kResultFalse, kResultOk, tresult,
};
use vst3::{Class, ComPtr, ComWrapper, Interface};

/// One instance.
pub(crate) struct Raw {
    component: ComPtr<IComponent>,
    processor: ComPtr<IAudioProcessor>,
    controller: ComPtr<IEditController>,
}

// SAFETY: that threads meet in there is what is tested.
unsafe impl Send for Raw {}
// SAFETY: likewise.
unsafe impl Sync for Raw {}

/// One call of `process`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Block {
    /// Channels of each input; `None`: a bus without memory.
    pub(crate) inputs: Vec<Option<usize>>,
    /// Channels of each output, likewise.
    pub(crate) outputs: Vec<Option<usize>>,
    /// A negative one has memory for none.
    pub(crate) frames: i32,
    /// Parameters by index, each with a value for the block's first frame.
    pub(crate) changes: Vec<(i32, f64)>,
    /// The last channel of each bus has no memory.
    pub(crate) torn: bool,
    /// Samples are said to have 64 bits.
    pub(crate) double: bool,
    /// All outputs behind the first have one memory.
    pub(crate) one_memory: bool,
    /// Where the host's timeline is while it rolls, in frames, and whether it records.
    pub(crate) rolls_at: Option<(i64, bool)>,
}

/// What came of a call: its result, and what is in each channel of each output.
pub(crate) type Came = (tresult, Vec<Vec<Vec<f32>>>);

/// What is in an input.
pub(crate) const INPUT: f32 = 0.5;

/// The plugins in the file, by their numbers.
pub(crate) const INSERT: int32 = 0;
pub(crate) const PLAYERS: int32 = 1;

impl Raw {
    pub(crate) fn new(class: int32) -> Raw {
        let factory = farsend_plugin::GetPluginFactory().cast::<IPluginFactory>();
        // SAFETY: called as the format says. So everywhere below, but for what is tested.
        unsafe {
            let factory = ComPtr::from_raw(factory).unwrap();
            assert_eq!(factory.countClasses(), 2);
            let mut info = MaybeUninit::<PClassInfo>::zeroed();
            assert_eq!(factory.getClassInfo(2, info.as_mut_ptr()), kInvalidArgument);
            assert_eq!(
                factory.getClassInfo(-1, info.as_mut_ptr()),
                kInvalidArgument
            );
            assert_eq!(factory.getClassInfo(class, info.as_mut_ptr()), kResultOk);
            let class = info.assume_init().cid;
            let mut instance: *mut c_void = ptr::null_mut();
            let interface = IComponent::IID.as_ptr().cast();
            let made = factory.createInstance(class.as_ptr(), interface, &raw mut instance);
            assert_eq!(made, kResultOk);
            let component = ComPtr::from_raw(instance.cast::<IComponent>()).unwrap();
            Raw {
                processor: component.cast().unwrap(),
                controller: component.cast().unwrap(),
                component,
            }
        }
    }

    /// How many channels each output has.
    pub(crate) fn outputs(&self) -> Vec<i32> {
        let (audio, output) = (MediaTypes_::kAudio, BusDirections_::kOutput);
        let (audio, output) = (audio as int32, output as int32);
        // SAFETY: there is room for the answer.
        let channels = |index| unsafe {
            let mut info = MaybeUninit::<BusInfo>::zeroed();
            let known = self
                .component
                .getBusInfo(audio, output, index, info.as_mut_ptr());
            assert_eq!(known, kResultOk);
            info.assume_init().channelCount
        };
        // SAFETY: as above.
        let count = unsafe { self.component.getBusCount(audio, output) };
        (0..count).map(channels).collect()
    }

    /// Asks for a stereo input and these outputs, a bit for each speaker.
    pub(crate) fn arrange(&self, outputs: &[SpeakerArrangement]) -> bool {
        let (mut input, mut outputs) = (SpeakerArr::kStereo, outputs.to_vec());
        let count = outputs.len() as int32;
        // SAFETY: as above.
        unsafe {
            let processor = &self.processor;
            processor.setBusArrangements(&raw mut input, 1, outputs.as_mut_ptr(), count)
                == kResultOk
        }
    }

    pub(crate) fn set_up(&self, rate: f64, frames: i32) -> bool {
        let mut setup = ProcessSetup {
            processMode: ProcessModes_::kRealtime as int32,
            symbolicSampleSize: SymbolicSampleSizes_::kSample32 as int32,
            maxSamplesPerBlock: frames,
            sampleRate: rate,
        };
        // SAFETY: as above.
        unsafe { self.processor.setupProcessing(&raw mut setup) == kResultOk }
    }

    pub(crate) fn activate(&self, active: bool) -> bool {
        // SAFETY: as above.
        unsafe { self.component.setActive(active.into()) == kResultOk }
    }

    pub(crate) fn start(&self, processing: bool) {
        // SAFETY: as above.
        unsafe { self.processor.setProcessing(processing.into()) };
    }

    /// One block; what is in the outputs before is no number.
    pub(crate) fn process(&self, block: &Block) -> Came {
        let frames = usize::try_from(block.frames).unwrap_or(0);
        let (mut inputs, mut outputs) = (
            busses(&block.inputs, frames, INPUT, block),
            busses(&block.outputs, frames, f32::NAN, block),
        );
        if block.one_memory {
            share(&mut outputs);
        }
        let (mut ins, mut outs) = (buffers(&mut inputs), buffers(&mut outputs));
        let changes = Changes::new(self, &block.changes);
        let size = if block.double {
            SymbolicSampleSizes_::kSample64
        } else {
            SymbolicSampleSizes_::kSample32
        };
        let mut context = block.rolls_at.map(|(at, records)| {
            // SAFETY: zeroes are a valid value of it.
            let mut context: ProcessContext = unsafe { MaybeUninit::zeroed().assume_init() };
            context.sampleRate = 48_000.0;
            context.projectTimeSamples = at;
            context.state = (StatesAndFlags_::kPlaying as int32).cast_unsigned();
            if records {
                context.state |= (StatesAndFlags_::kRecording as int32).cast_unsigned();
            }
            context
        });
        let mut call = ProcessData {
            processMode: ProcessModes_::kRealtime as int32,
            symbolicSampleSize: size as int32,
            numSamples: block.frames,
            numInputs: ins.len() as int32,
            numOutputs: outs.len() as int32,
            inputs: ins.as_mut_ptr(),
            outputs: outs.as_mut_ptr(),
            inputParameterChanges: changes
                .as_com_ref::<IParameterChanges>()
                .map_or(ptr::null_mut(), |changes| changes.as_ptr()),
            outputParameterChanges: ptr::null_mut(),
            inputEvents: ptr::null_mut(),
            outputEvents: ptr::null_mut(),
            processContext: context.as_mut().map_or(ptr::null_mut(), ptr::from_mut),
        };
        // SAFETY: the memory is as the call says.
        let result = unsafe { self.processor.process(&raw mut call) };
        let heard = |bus: Bus| {
            let mut channels = bus.channels;
            channels.iter_mut().for_each(|lane| lane.truncate(frames));
            channels
        };
        (result, outputs.into_iter().map(heard).collect())
    }

    /// A call without a block.
    pub(crate) fn process_nothing(&self) -> tresult {
        // SAFETY: as above.
        unsafe { self.processor.process(ptr::null_mut()) }
    }

    pub(crate) fn parameter_count(&self) -> i32 {
        // SAFETY: as above.
        unsafe { self.controller.getParameterCount() }
    }

    fn parameter_info(&self, index: i32) -> Option<ParameterInfo> {
        let mut info = MaybeUninit::zeroed();
        // SAFETY: there is room for the answer, and zeroes are a valid one.
        unsafe {
            let known = self.controller.getParameterInfo(index, info.as_mut_ptr());
            (known == kResultOk).then(|| info.assume_init())
        }
    }

    /// The id of a parameter; `None` if there is none of this index.
    pub(crate) fn parameter(&self, index: i32) -> Option<ParamID> {
        self.parameter_info(index).map(|info| info.id)
    }

    /// The index of the parameter of this name.
    pub(crate) fn index(&self, name: &str) -> i32 {
        let is_it = |info: ParameterInfo| {
            let letters = info.title.iter().take_while(|letter| **letter != 0);
            let letters: Vec<u16> = letters.copied().collect();
            String::from_utf16_lossy(&letters) == name
        };
        (0..self.parameter_count())
            .find(|index| self.parameter_info(*index).is_some_and(is_it))
            .unwrap()
    }

    pub(crate) fn set(&self, index: i32, value: f64) -> bool {
        let id = self.parameter(index).unwrap_or(ParamID::MAX);
        // SAFETY: as above.
        unsafe { self.controller.setParamNormalized(id, value) == kResultOk }
    }

    pub(crate) fn get(&self, index: i32) -> f64 {
        let id = self.parameter(index).unwrap_or(ParamID::MAX);
        // SAFETY: as above.
        unsafe { self.controller.getParamNormalized(id) }
    }

    pub(crate) fn save(&self) -> Vec<u8> {
        let stream = Stream::new(Vec::new(), 0);
        let end = stream.as_com_ref::<IBStream>().unwrap();
        // SAFETY: as above.
        assert_eq!(unsafe { self.component.getState(end.as_ptr()) }, kResultOk);
        stream.bytes.borrow().clone()
    }

    pub(crate) fn load(&self, bytes: &[u8]) -> bool {
        self.load_from(Stream::new(bytes.to_vec(), 0))
    }

    /// From a stream that says at its end that there was less than nothing.
    pub(crate) fn load_broken(&self, bytes: &[u8]) -> bool {
        self.load_from(Stream::new(bytes.to_vec(), -1))
    }

    fn load_from(&self, stream: ComWrapper<Stream>) -> bool {
        let end = stream.as_com_ref::<IBStream>().unwrap();
        // SAFETY: as above.
        unsafe { self.component.setState(end.as_ptr()) == kResultOk }
    }
}

struct Bus {
    channels: Vec<Vec<f32>>,
    pointers: Vec<*mut f32>,
    there: bool,
}

fn busses(busses: &[Option<usize>], frames: usize, value: f32, block: &Block) -> Vec<Bus> {
    // Twice as much where samples are said to be twice as long.
    let room = if block.double { 2 * frames } else { frames };
    let bus = |channels: &Option<usize>| Bus {
        channels: vec![vec![value; room]; channels.unwrap_or(0)],
        pointers: Vec::new(),
        there: channels.is_some(),
    };
    let mut busses: Vec<Bus> = busses.iter().map(bus).collect();
    for bus in &mut busses {
        bus.pointers = bus.channels.iter_mut().map(Vec::as_mut_ptr).collect();
        if let (true, Some(last)) = (block.torn, bus.pointers.last_mut()) {
            *last = ptr::null_mut();
        }
    }
    busses
}

/// Gives all channels behind the first bus the memory of the first of them.
fn share(busses: &mut [Bus]) {
    let further = busses.iter_mut().skip(1);
    let mut channels = further.flat_map(|bus| &mut bus.pointers);
    if let Some(first) = channels.next() {
        channels.for_each(|channel| *channel = *first);
    }
}

fn buffers(busses: &mut [Bus]) -> Vec<AudioBusBuffers> {
    let buffer = |bus: &mut Bus| AudioBusBuffers {
        numChannels: bus.pointers.len() as int32,
        silenceFlags: 0,
        __field0: AudioBusBuffers__type0 {
            channelBuffers32: match bus.there {
                true => bus.pointers.as_mut_ptr(),
                false => ptr::null_mut(),
            },
        },
    };
    busses.iter_mut().map(buffer).collect()
}

/// Parameters' changes as a plugin asks for them.
struct Changes(Vec<ComWrapper<Queue>>);

impl Changes {
    fn new(host: &Raw, changes: &[(i32, f64)]) -> ComWrapper<Changes> {
        let queue = |(index, value): &(i32, f64)| {
            let id = host.parameter(*index).unwrap_or(ParamID::MAX);
            ComWrapper::new(Queue { id, value: *value })
        };
        ComWrapper::new(Changes(changes.iter().map(queue).collect()))
    }
}

impl Class for Changes {
    type Interfaces = (IParameterChanges,);
}

impl IParameterChangesTrait for Changes {
    unsafe fn getParameterCount(&self) -> int32 {
        self.0.len() as int32
    }

    unsafe fn getParameterData(&self, index: int32) -> *mut IParamValueQueue {
        let queue = self.0[index as usize].as_com_ref::<IParamValueQueue>();
        queue.map_or(ptr::null_mut(), |queue| queue.as_ptr())
    }

    unsafe fn addParameterData(&self, _: *const ParamID, _: *mut int32) -> *mut IParamValueQueue {
        ptr::null_mut()
    }
}

struct Queue {
    id: ParamID,
    value: f64,
}

impl Class for Queue {
    type Interfaces = (IParamValueQueue,);
}

impl IParamValueQueueTrait for Queue {
    unsafe fn getParameterId(&self) -> ParamID {
        self.id
    }

    unsafe fn getPointCount(&self) -> int32 {
        1
    }

    unsafe fn getPoint(&self, _: int32, offset: *mut int32, value: *mut ParamValue) -> tresult {
        // SAFETY: the plugin has room for the answer.
        unsafe {
            // Beyond any block.
            offset.write(if self.value < 0.0 { int32::MAX } else { 0 });
            value.write(self.value);
        }
        kResultOk
    }

    unsafe fn addPoint(&self, _: int32, _: ParamValue, _: *mut int32) -> tresult {
        kResultFalse
    }
}

/// A state's bytes.
struct Stream {
    bytes: RefCell<Vec<u8>>,
    at: Cell<usize>,
    /// What it says that was read at its end.
    end: int32,
}

impl Stream {
    fn new(bytes: Vec<u8>, end: int32) -> ComWrapper<Stream> {
        ComWrapper::new(Stream {
            bytes: RefCell::new(bytes),
            at: Cell::new(0),
            end,
        })
    }
}

impl Class for Stream {
    type Interfaces = (IBStream,);
}

impl IBStreamTrait for Stream {
    unsafe fn read(&self, to: *mut c_void, most: int32, read: *mut int32) -> tresult {
        let bytes = self.bytes.borrow();
        let left = &bytes[self.at.get()..];
        let count = part(left.len()).min(most as usize);
        // SAFETY: the plugin has as much room as it says.
        unsafe {
            ptr::copy_nonoverlapping(left.as_ptr(), to.cast::<u8>(), count);
            if let Some(read) = read.as_mut() {
                *read = if count == 0 { self.end } else { count as int32 };
            }
        }
        self.at.set(self.at.get() + count);
        kResultOk
    }

    unsafe fn write(&self, from: *mut c_void, count: int32, written: *mut int32) -> tresult {
        let count = part(count as usize);
        // SAFETY: the plugin has as many bytes as it says.
        unsafe {
            let bytes = std::slice::from_raw_parts(from.cast::<u8>(), count);
            self.bytes.borrow_mut().extend(bytes);
            if let Some(written) = written.as_mut() {
                *written = count as int32;
            }
        }
        kResultOk
    }

    unsafe fn seek(&self, by: int64, mode: int32, result: *mut int64) -> tresult {
        let from = match mode {
            0 => 0,
            1 => self.at.get(),
            2 => self.bytes.borrow().len(),
            _ => return kInvalidArgument,
        };
        self.at.set((from as int64 + by).max(0) as usize);
        // SAFETY: the plugin has room for the answer, or wants none.
        if let Some(result) = unsafe { result.as_mut() } {
            *result = self.at.get() as int64;
        }
        kResultOk
    }

    unsafe fn tell(&self, at: *mut int64) -> tresult {
        // SAFETY: the plugin has room for the answer.
        unsafe { at.write(self.at.get() as int64) };
        kResultOk
    }
}

/// Of so many bytes, those that are moved at once: a few.
fn part(count: usize) -> usize {
    if count > 5000 { 4999 } else { count.min(7) }
}
