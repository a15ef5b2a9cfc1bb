//! A host that knows no manners: it calls the CLAP's functions as they are, in any order and with anything.

use std::ffi::{CStr, c_char, c_void};
use std::mem::MaybeUninit;
use std::ptr;

use clap_sys::audio_buffer::clap_audio_buffer;
use clap_sys::events::{
    CLAP_CORE_EVENT_SPACE_ID, CLAP_EVENT_PARAM_VALUE, CLAP_EVENT_TRANSPORT, clap_event_header,
    clap_event_param_value, clap_event_transport, clap_input_events,
};
use clap_sys::ext::params::{CLAP_EXT_PARAMS, clap_param_info, clap_plugin_params};
use clap_sys::ext::state::{CLAP_EXT_STATE, clap_plugin_state};
use clap_sys::factory::plugin_factory::{CLAP_PLUGIN_FACTORY_ID, clap_plugin_factory};
use clap_sys::host::clap_host;
use clap_sys::plugin::clap_plugin;
use clap_sys::process::clap_process;
use clap_sys::stream::{clap_istream, clap_ostream};
use clap_sys::version::CLAP_VERSION;

/// One instance, destroyed when dropped.
pub(crate) struct Raw {
    plugin: *const clap_plugin,
    /// The plugin keeps its address.
    _host: Box<clap_host>,
}

// SAFETY: that threads meet in there is what is tested.
unsafe impl Send for Raw {}
// SAFETY: likewise.
unsafe impl Sync for Raw {}

/// One call of `process`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Block {
    /// Channels of each input; `None`: a port without memory.
    pub(crate) inputs: Vec<Option<usize>>,
    /// Channels of each output, likewise.
    pub(crate) outputs: Vec<Option<usize>>,
    pub(crate) frames: usize,
    pub(crate) events: Vec<Event>,
    /// The last channel of each port has no memory.
    pub(crate) torn: bool,
    /// All outputs behind the first have one memory.
    pub(crate) one_memory: bool,
}

/// What comes with a block.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Event {
    /// The parameter of this index, and its value.
    Set(u32, f64),
    /// The transport, at this frame.
    Transport(u32),
    /// A parameter's change whose end is missing.
    Cut,
    /// None, where there should be one.
    Missing,
}

/// What came of a call: its status, and what is in each channel of each output.
pub(crate) type Came = (i32, Vec<Vec<Vec<f32>>>);

/// What is in an input.
pub(crate) const INPUT: f32 = 0.5;

/// The plugins in the file, by their ids.
pub(crate) const INSERT: &CStr = c"org.farsend.farsend";
pub(crate) const PLAYERS: &CStr = c"org.farsend.players";

impl Raw {
    pub(crate) fn new(id: &CStr) -> Raw {
        let mut host = Box::new(clap_host {
            clap_version: CLAP_VERSION,
            host_data: ptr::null_mut(),
            name: c"test".as_ptr(),
            vendor: c"".as_ptr(),
            url: c"".as_ptr(),
            version: c"0".as_ptr(),
            get_extension: Some(no_extension),
            request_restart: Some(nothing),
            request_process: Some(nothing),
            request_callback: Some(nothing),
        });
        let entry = &farsend_plugin::clap_entry;
        // SAFETY: called as the format says.
        let plugin = unsafe {
            assert!(entry.init.unwrap()(c"".as_ptr()));
            let factory = entry.get_factory.unwrap()(CLAP_PLUGIN_FACTORY_ID.as_ptr());
            let factory = factory.cast::<clap_plugin_factory>();
            let create = (*factory).create_plugin.unwrap();
            create(factory, &raw mut *host, id.as_ptr())
        };
        assert!(!plugin.is_null());
        // SAFETY: just made.
        assert!(unsafe { (*plugin).init.unwrap()(plugin) });
        Raw {
            plugin,
            _host: host,
        }
    }

    pub(crate) fn activate(&self, rate: f64, frames: u32) -> bool {
        // SAFETY: it is there; any other order is what is tested. So everywhere below.
        unsafe { (*self.plugin).activate.unwrap()(self.plugin, rate, 1, frames) }
    }

    pub(crate) fn deactivate(&self) {
        // SAFETY: as above.
        unsafe { (*self.plugin).deactivate.unwrap()(self.plugin) }
    }

    pub(crate) fn start(&self) -> bool {
        // SAFETY: as above.
        unsafe { (*self.plugin).start_processing.unwrap()(self.plugin) }
    }

    pub(crate) fn stop(&self) {
        // SAFETY: as above.
        unsafe { (*self.plugin).stop_processing.unwrap()(self.plugin) }
    }

    pub(crate) fn reset(&self) {
        // SAFETY: as above.
        unsafe { (*self.plugin).reset.unwrap()(self.plugin) }
    }

    pub(crate) fn on_main_thread(&self) {
        // SAFETY: as above.
        unsafe { (*self.plugin).on_main_thread.unwrap()(self.plugin) }
    }

    /// One block; what is in the outputs before is no number.
    pub(crate) fn process(&self, block: &Block) -> Came {
        let frames = block.frames;
        let torn = block.torn;
        let mut inputs: Vec<Port> = port(&block.inputs, frames, INPUT, torn);
        let mut outputs: Vec<Port> = port(&block.outputs, frames, f32::NAN, torn);
        if block.one_memory {
            share(&mut outputs);
        }
        let (ins, mut outs) = (buffers(&mut inputs), buffers(&mut outputs));
        let list = EventList::new(self, &block.events);
        let events = list.as_clap();
        let call = clap_process {
            steady_time: -1,
            frames_count: frames as u32,
            transport: ptr::null(),
            audio_inputs: ins.as_ptr(),
            audio_outputs: outs.as_mut_ptr(),
            audio_inputs_count: ins.len() as u32,
            audio_outputs_count: outs.len() as u32,
            in_events: &raw const events,
            out_events: ptr::null(),
        };
        // SAFETY: the memory is as the call says.
        let status = unsafe { (*self.plugin).process.unwrap()(self.plugin, &raw const call) };
        (
            status,
            outputs.into_iter().map(|port| port.channels).collect(),
        )
    }

    fn extension<T>(&self, id: &CStr) -> &T {
        // SAFETY: extensions live as long as the plugin, and the caller names the type of this one.
        unsafe {
            let extension = (*self.plugin).get_extension.unwrap()(self.plugin, id.as_ptr());
            extension.cast::<T>().as_ref().unwrap()
        }
    }

    pub(crate) fn parameter_count(&self) -> u32 {
        let params: &clap_plugin_params = self.extension(CLAP_EXT_PARAMS);
        // SAFETY: as above.
        unsafe { params.count.unwrap()(self.plugin) }
    }

    fn parameter_info(&self, index: u32) -> Option<clap_param_info> {
        let params: &clap_plugin_params = self.extension(CLAP_EXT_PARAMS);
        let mut info = MaybeUninit::zeroed();
        // SAFETY: there is room for the answer, and zeroes are a valid one.
        unsafe {
            params.get_info.unwrap()(self.plugin, index, info.as_mut_ptr())
                .then(|| info.assume_init())
        }
    }

    /// The id of a parameter; `None` if there is none of this index.
    pub(crate) fn parameter(&self, index: u32) -> Option<u32> {
        self.parameter_info(index).map(|info| info.id)
    }

    /// The index of the parameter of this name.
    pub(crate) fn index(&self, name: &str) -> u32 {
        let is_it = |info: clap_param_info| {
            // SAFETY: the name ends with a zero.
            unsafe { CStr::from_ptr(info.name.as_ptr()) }.to_str() == Ok(name)
        };
        (0..self.parameter_count())
            .find(|index| self.parameter_info(*index).is_some_and(is_it))
            .unwrap()
    }

    pub(crate) fn flush(&self, events: &[Event]) {
        let params: &clap_plugin_params = self.extension(CLAP_EXT_PARAMS);
        let list = EventList::new(self, events);
        let events = list.as_clap();
        // SAFETY: as above.
        unsafe { params.flush.unwrap()(self.plugin, &raw const events, ptr::null()) }
    }

    pub(crate) fn save(&self) -> Vec<u8> {
        let state: &clap_plugin_state = self.extension(CLAP_EXT_STATE);
        let mut bytes: Vec<u8> = Vec::new();
        let stream = clap_ostream {
            ctx: (&raw mut bytes).cast(),
            write: Some(write),
        };
        // SAFETY: as above.
        assert!(unsafe { state.save.unwrap()(self.plugin, &raw const stream) });
        bytes
    }

    pub(crate) fn load(&self, bytes: &[u8]) -> bool {
        self.load_by(bytes, read)
    }

    /// From a stream that fails where these bytes end.
    pub(crate) fn load_broken(&self, bytes: &[u8]) -> bool {
        self.load_by(bytes, read_broken)
    }

    fn load_by(
        &self,
        mut bytes: &[u8],
        read: unsafe extern "C" fn(*const clap_istream, *mut c_void, u64) -> i64,
    ) -> bool {
        let state: &clap_plugin_state = self.extension(CLAP_EXT_STATE);
        let stream = clap_istream {
            ctx: (&raw mut bytes).cast(),
            read: Some(read),
        };
        // SAFETY: as above.
        unsafe { state.load.unwrap()(self.plugin, &raw const stream) }
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // SAFETY: as above, and nobody has it any more.
        unsafe { (*self.plugin).destroy.unwrap()(self.plugin) }
    }
}

struct Port {
    channels: Vec<Vec<f32>>,
    pointers: Vec<*mut f32>,
    there: bool,
}

fn port(ports: &[Option<usize>], frames: usize, value: f32, torn: bool) -> Vec<Port> {
    let port = |channels: &Option<usize>| Port {
        channels: vec![vec![value; frames]; channels.unwrap_or(0)],
        pointers: Vec::new(),
        there: channels.is_some(),
    };
    let mut ports: Vec<Port> = ports.iter().map(port).collect();
    for port in &mut ports {
        port.pointers = port.channels.iter_mut().map(Vec::as_mut_ptr).collect();
        if let (true, Some(last)) = (torn, port.pointers.last_mut()) {
            *last = ptr::null_mut();
        }
    }
    ports
}

/// Gives all channels behind the first port the memory of the first of them.
fn share(ports: &mut [Port]) {
    let further = ports.iter_mut().skip(1);
    let mut channels = further.flat_map(|port| &mut port.pointers);
    if let Some(first) = channels.next() {
        channels.for_each(|channel| *channel = *first);
    }
}

fn buffers(ports: &mut [Port]) -> Vec<clap_audio_buffer> {
    let buffer = |port: &mut Port| clap_audio_buffer {
        data32: match port.there {
            true => port.pointers.as_mut_ptr(),
            false => ptr::null_mut(),
        },
        data64: ptr::null_mut(),
        channel_count: port.pointers.len() as u32,
        latency: 0,
        constant_mask: 0,
    };
    ports.iter_mut().map(buffer).collect()
}

enum Given {
    Value(Box<clap_event_param_value>),
    Transport(Box<clap_event_transport>),
    Missing,
}

/// Events as a plugin asks for them.
struct EventList(Vec<Given>);

impl EventList {
    fn new(host: &Raw, events: &[Event]) -> Box<EventList> {
        let given = events.iter().map(|event| match *event {
            Event::Set(index, value) => {
                let id = host.parameter(index).unwrap_or(u32::MAX);
                Given::Value(Box::new(value_event(id, value)))
            }
            Event::Cut => {
                let mut event = value_event(host.parameter(0).unwrap(), 0.0);
                event.header.size = size_of::<clap_event_header>() as u32;
                Given::Value(Box::new(event))
            }
            Event::Transport(time) => {
                // SAFETY: zeroes are a valid value of it.
                let mut event: clap_event_transport =
                    unsafe { MaybeUninit::zeroed().assume_init() };
                event.header = header::<clap_event_transport>(time, CLAP_EVENT_TRANSPORT);
                Given::Transport(Box::new(event))
            }
            Event::Missing => Given::Missing,
        });
        Box::new(EventList(given.collect()))
    }

    fn as_clap(&self) -> clap_input_events {
        clap_input_events {
            ctx: ptr::from_ref(self).cast_mut().cast(),
            size: Some(event_count),
            get: Some(event_at),
        }
    }
}

fn value_event(param_id: u32, value: f64) -> clap_event_param_value {
    clap_event_param_value {
        header: header::<clap_event_param_value>(0, CLAP_EVENT_PARAM_VALUE),
        param_id,
        cookie: ptr::null_mut(),
        note_id: -1,
        port_index: -1,
        channel: -1,
        key: -1,
        value,
    }
}

fn header<T>(time: u32, type_: u16) -> clap_event_header {
    clap_event_header {
        size: size_of::<T>() as u32,
        time,
        space_id: CLAP_CORE_EVENT_SPACE_ID,
        type_,
        flags: 0,
    }
}

unsafe extern "C" fn event_count(list: *const clap_input_events) -> u32 {
    // SAFETY: the context is as `as_clap` made it.
    unsafe { (*(*list).ctx.cast::<EventList>()).0.len() as u32 }
}

unsafe extern "C" fn event_at(
    list: *const clap_input_events,
    index: u32,
) -> *const clap_event_header {
    // SAFETY: likewise.
    match unsafe { &(&(*(*list).ctx.cast::<EventList>()).0)[index as usize] } {
        Given::Value(event) => ptr::from_ref(&event.header),
        Given::Transport(event) => ptr::from_ref(&event.header),
        Given::Missing => ptr::null(),
    }
}

unsafe extern "C" fn write(stream: *const clap_ostream, bytes: *const c_void, size: u64) -> i64 {
    let count = part(size as usize);
    // SAFETY: the context is as `save` made it, and the plugin has as many bytes as it says.
    unsafe {
        let written = (*stream).ctx.cast::<Vec<u8>>();
        (*written).extend(std::slice::from_raw_parts(bytes.cast::<u8>(), count));
    }
    count as i64
}

/// Of so many bytes, those that are moved at once: a few, as the format allows.
fn part(count: usize) -> usize {
    if count > 5000 { 4999 } else { count.min(7) }
}

unsafe extern "C" fn read(stream: *const clap_istream, to: *mut c_void, size: u64) -> i64 {
    // SAFETY: the context is as `load` made it, and the plugin has as much room as it says.
    unsafe {
        let left = &mut *(*stream).ctx.cast::<&[u8]>();
        let count = part(left.len()).min(size as usize);
        ptr::copy_nonoverlapping(left.as_ptr(), to.cast::<u8>(), count);
        *left = &left[count..];
        count as i64
    }
}

unsafe extern "C" fn read_broken(stream: *const clap_istream, to: *mut c_void, size: u64) -> i64 {
    // SAFETY: as above.
    match unsafe { read(stream, to, size) } {
        0 => -1,
        count => count,
    }
}

unsafe extern "C" fn no_extension(_: *const clap_host, _: *const c_char) -> *const c_void {
    ptr::null()
}

unsafe extern "C" fn nothing(_: *const clap_host) {}
