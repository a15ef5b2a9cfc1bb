//! Stands between a host and the framework's CLAP, and keeps from it what it would end the host on.
//!
//! The framework takes a host at its word: it panics when a block comes before it was activated, when two threads
//! call at once, when a port has more or fewer channels than agreed, or when a parameter beyond the last is asked
//! for. A panic inside a host's call is the end of the host. So the guard looks first:
//!
//! ```text
//!   host ── process ──▶ guard: active? alone? ports as agreed? events sane? ──▶ framework ──▶ plugin
//!                         └─ no: silence, or what is left of the call
//!        ── load, save ──▶ guard: can it be read? is one kept that cannot? ───▶ framework     (`unread.rs`)
//!        ── everything else ──────────────────────────────────────────────────▶ framework
//! ```
//! Nothing in [`process`] allocates, locks or waits; its loops are bounded by the ports, channels, frames and events of
//! one call.

use std::cell::UnsafeCell;
use std::ffi::{CStr, c_char, c_void};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};

use arrayvec::ArrayVec;
use clap_sys::audio_buffer::clap_audio_buffer;
use clap_sys::events::{clap_input_events, clap_output_events};
use clap_sys::ext::audio_ports::{CLAP_EXT_AUDIO_PORTS, clap_plugin_audio_ports};
use clap_sys::ext::params::{CLAP_EXT_PARAMS, clap_param_info, clap_plugin_params};
use clap_sys::ext::state::{CLAP_EXT_STATE, clap_plugin_state};
use clap_sys::plugin::clap_plugin;
use clap_sys::process::{
    CLAP_PROCESS_CONTINUE, CLAP_PROCESS_ERROR, clap_process, clap_process_status,
};
use clap_sys::stream::{clap_istream, clap_ostream};

use super::events::Sieve;
use super::state;
use crate::ports::{Fitted, MOST_PORTS, Ports};
use crate::state::SessionStore;
use crate::unread::Unread;

/// One guarded instance. The host's pointer to its plugin is one to this.
#[repr(C)]
struct Guard {
    /// As the framework's, with some of its functions exchanged. First, so that the two have one address.
    outer: clap_plugin,
    inner: *const clap_plugin,
    /// The framework's parameters, with some functions exchanged; null before they are asked for.
    params: UnsafeCell<Option<clap_plugin_params>>,
    inner_params: *const clap_plugin_params,
    inner_state: *const clap_plugin_state,
    unread: Unread,
    active: AtomicBool,
    /// A thread is in a call that nobody else may be in.
    busy: AtomicBool,
    inputs: Ports,
    outputs: Ports,
}

/// Buffers for the ports of one direction.
type Buffers = ArrayVec<clap_audio_buffer, MOST_PORTS>;

/// Guards this instance from now on; gives what the host is to hold. `store`: where the instance has its state.
///
/// # Safety
///
/// `inner` is an instance of the framework's that lives until its `destroy` is called, and nobody else calls that.
pub(super) unsafe fn stand_before(
    inner: *const clap_plugin,
    store: Option<Arc<SessionStore>>,
) -> *const clap_plugin {
    // SAFETY: the caller says that it is an instance.
    let plugin = unsafe { &*inner };
    let outer = clap_plugin {
        destroy: Some(destroy),
        activate: Some(activate),
        deactivate: Some(deactivate),
        process: Some(process),
        get_extension: Some(get_extension),
        ..*plugin
    };
    // SAFETY: the instance is there, and says what it knows at any time.
    let inner_params = unsafe { extension(inner, CLAP_EXT_PARAMS) };
    // SAFETY: likewise.
    let inner_state: *const clap_plugin_state = unsafe { extension(inner, CLAP_EXT_STATE) };
    // SAFETY: extensions live as long as the instance.
    let new = unsafe {
        inner_state
            .as_ref()
            .and_then(|extension| state::save(extension, inner))
    };
    Box::into_raw(Box::new(Guard {
        outer,
        inner,
        params: UnsafeCell::new(None),
        inner_params,
        inner_state,
        unread: Unread::new(store, new, state::LEAD),
        active: AtomicBool::new(false),
        busy: AtomicBool::new(false),
        inputs: Ports::default(),
        outputs: Ports::default(),
    }))
    .cast()
}

/// # Safety
///
/// The instance is there, and the type is that of the extension.
unsafe fn extension<T>(plugin: *const clap_plugin, id: &CStr) -> *const T {
    // SAFETY: the caller says that it is there.
    match unsafe { (*plugin).get_extension } {
        // SAFETY: likewise.
        Some(get) => unsafe { get(plugin, id.as_ptr()).cast() },
        None => ptr::null(),
    }
}

/// The guard of a host's plugin.
///
/// # Safety
///
/// It is null or came from [`stand_before`], and is not destroyed.
unsafe fn guard<'a>(plugin: *const clap_plugin) -> Option<&'a Guard> {
    // SAFETY: the plugin is the guard's first field, and the caller says the rest.
    unsafe { plugin.cast::<Guard>().as_ref() }
}

/// Held while no other thread may be in the framework's audio code.
struct Turn<'a>(&'a AtomicBool);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.store(false, Release);
    }
}

impl Guard {
    /// `None` while another thread has it.
    fn turn(&self) -> Option<Turn<'_>> {
        // Not `then_some`: a turn that is made and dropped would end another's.
        (!self.busy.swap(true, Acquire)).then(|| Turn(&self.busy))
    }

    /// Looks up how many channels each port has. On the main thread.
    fn learn_layout(&self) {
        // SAFETY: the instance is there as long as its guard.
        let ports: *const clap_plugin_audio_ports =
            unsafe { extension(self.inner, CLAP_EXT_AUDIO_PORTS) };
        // SAFETY: extensions live as long as the instance.
        let Some(ports) = (unsafe { ports.as_ref() }) else {
            return;
        };
        let count = |is_input| {
            // SAFETY: the main thread may ask at any time.
            let count = ports
                .count
                .map_or(0, |count| unsafe { count(self.inner, is_input) });
            count.min(MOST_PORTS as u32)
        };
        let channels = |index, is_input| {
            let mut info = MaybeUninit::zeroed();
            let known = ports.get.is_some_and(|get| {
                // SAFETY: likewise, and there is room for the answer.
                unsafe { get(self.inner, index, is_input, info.as_mut_ptr()) }
            });
            // SAFETY: zeroes are a valid value, and so is what the framework writes.
            let info = unsafe { info.assume_init() };
            if known {
                info.channel_count as usize
            } else {
                0
            }
        };
        self.inputs
            .agree((0..count(true)).map(|index| channels(index, true)));
        self.outputs
            .agree_outputs((0..count(false)).map(|index| channels(index, false)));
    }
}

unsafe extern "C" fn destroy(plugin: *const clap_plugin) {
    if plugin.is_null() {
        return;
    }
    // SAFETY: made by `stand_before`; the host gives it back.
    let guard = unsafe { Box::from_raw(plugin.cast::<Guard>().cast_mut()) };
    // SAFETY: the instance was ours to destroy.
    if let Some(destroy) = unsafe { (*guard.inner).destroy } {
        // SAFETY: likewise, and nobody has it any more.
        unsafe { destroy(guard.inner) };
    }
}

unsafe extern "C" fn activate(
    plugin: *const clap_plugin,
    rate: f64,
    least_frames: u32,
    most_frames: u32,
) -> bool {
    // SAFETY: the host passes what it holds.
    let Some(guard) = (unsafe { guard(plugin) }) else {
        return false;
    };
    // A rate that is none would be everybody's trouble later on.
    if !(rate.is_finite() && rate > 0.0) {
        return false;
    }
    // SAFETY: the instance is there as long as its guard.
    let Some(activate) = (unsafe { (*guard.inner).activate }) else {
        return false;
    };
    guard.learn_layout();
    // SAFETY: likewise.
    let active = unsafe { activate(guard.inner, rate, least_frames, most_frames) };
    guard.active.store(active, Release);
    active
}

unsafe extern "C" fn deactivate(plugin: *const clap_plugin) {
    // SAFETY: the host passes what it holds.
    let Some(guard) = (unsafe { guard(plugin) }) else {
        return;
    };
    // From here on blocks are silent; one that is under way is waited for by the framework.
    let was_active = guard.active.swap(false, Release);
    // SAFETY: the instance is there as long as its guard.
    if let (true, Some(deactivate)) = (was_active, unsafe { (*guard.inner).deactivate }) {
        // SAFETY: likewise.
        unsafe { deactivate(guard.inner) };
    }
}

unsafe extern "C" fn process(
    plugin: *const clap_plugin,
    block: *const clap_process,
) -> clap_process_status {
    // SAFETY: the host passes what it holds, and a block that is there during this call.
    let (Some(guard), Some(block)) = (unsafe { (guard(plugin), block.as_ref()) }) else {
        return CLAP_PROCESS_ERROR;
    };
    // SAFETY: the instance is there as long as its guard.
    let inner = unsafe { (*guard.inner).process };
    let turn = guard.turn();
    let (Some(_turn), true, Some(inner)) = (turn, guard.active.load(Acquire), inner) else {
        // SAFETY: the block's buffers are the host's, and there.
        unsafe { silence(block) };
        return CLAP_PROCESS_ERROR;
    };

    // SAFETY: as many buffers are there as the block says, or none.
    let (given_in, given_out) = unsafe {
        (
            slice(block.audio_inputs, block.audio_inputs_count),
            slice(block.audio_outputs.cast_const(), block.audio_outputs_count),
        )
    };
    // SAFETY: likewise, for their channels.
    let channels_in = |port| unsafe { channels(given_in, port) };
    // SAFETY: likewise.
    let channels_out = |port| unsafe { channels(given_out, port) };
    let fitted_in = guard.inputs.inputs(channels_in);
    let heard = fitted_in.first().is_some_and(|port| port.count > 0);
    let frames = block.frames_count as usize;
    let fitted_out = guard.outputs.outputs(frames, channels_out);
    // What the framework does not write would be left as it is: channels beyond those agreed, all if some are
    // missing, and its input where there is none, as it works in place.
    let kept = |port: usize| match fitted_out.as_ref().and_then(|ports| ports.get(port)) {
        Some(port) if heard && port.is_hosts => port.count,
        _ => 0,
    };
    // SAFETY: the block's buffers are the host's, and there.
    unsafe { silence_beyond(block, kept) };
    let inputs: Buffers = (0..)
        .zip(&fitted_in)
        .map(|(port, fit)| buffer(fit, given_in.get(port)))
        .collect();
    let mut outputs: Buffers = match &fitted_out {
        Some(ports) => (0..)
            .zip(ports)
            .map(|(port, fit)| buffer(fit, given_out.get(port)))
            .collect(),
        // Events are taken in all the same.
        None => guard.outputs.agreed().map(|_| NO_BUFFER).collect(),
    };
    // SAFETY: the host's events are there during this call.
    let sieve = unsafe { block.in_events.as_ref() }.map(|events| Sieve::new(events, block));
    let events = sieve.as_ref().map(Sieve::as_clap);
    let guarded = clap_process {
        audio_inputs: inputs.as_ptr(),
        audio_inputs_count: inputs.len() as u32,
        audio_outputs: outputs.as_mut_ptr(),
        audio_outputs_count: outputs.len() as u32,
        in_events: events.as_ref().map_or(ptr::null(), ptr::from_ref),
        ..*block
    };
    // SAFETY: active, alone, with as many ports, channels and frames as it takes for granted.
    let status = unsafe { inner(guard.inner, &guarded) };
    match fitted_out {
        Some(_) => status,
        None => CLAP_PROCESS_CONTINUE,
    }
}

/// A port of a block as the framework is to have it; what else there is to say about it is as the host says.
fn buffer(fit: &Fitted, given: Option<&clap_audio_buffer>) -> clap_audio_buffer {
    clap_audio_buffer {
        data32: fit.channels,
        channel_count: fit.count as u32,
        ..given.copied().filter(|_| fit.is_hosts).unwrap_or(NO_BUFFER)
    }
}

/// The channels of one of these ports.
///
/// # Safety
///
/// The buffers are as they say.
unsafe fn channels(given: &[clap_audio_buffer], port: usize) -> &[*mut f32] {
    let Some(buffer) = given.get(port) else {
        return &[];
    };
    // SAFETY: as many pointers are there as the buffer has channels, or none.
    unsafe { slice(buffer.data32.cast_const(), buffer.channel_count) }
}

/// # Safety
///
/// The block's output buffers are as it says.
unsafe fn silence(block: &clap_process) {
    // SAFETY: the caller says so.
    unsafe { silence_beyond(block, |_| 0) };
}

/// Silences the outputs' channels from `kept(port)` on.
///
/// # Safety
///
/// The block's output buffers are as it says.
unsafe fn silence_beyond(block: &clap_process, kept: impl Fn(usize) -> usize) {
    // SAFETY: the caller says so.
    let ports = unsafe { slice(block.audio_outputs.cast_const(), block.audio_outputs_count) };
    for (index, port) in ports.iter().enumerate() {
        // SAFETY: as many pointers are there as the buffer has channels, or none.
        let channels = unsafe { slice(port.data32.cast_const(), port.channel_count) };
        let beyond = channels.iter().skip(kept(index));
        for channel in beyond.filter(|channel| !channel.is_null()) {
            // SAFETY: each channel has as many frames as the block; all bits zero is 0.0.
            unsafe { channel.write_bytes(0, block.frames_count as usize) };
        }
    }
}

/// # Safety
///
/// At `start` are `count` values, or it is null.
unsafe fn slice<'a, T>(start: *const T, count: u32) -> &'a [T] {
    if start.is_null() {
        return &[];
    }
    // SAFETY: the caller says so.
    unsafe { std::slice::from_raw_parts(start, count as usize) }
}

/// A port that is not there.
const NO_BUFFER: clap_audio_buffer = clap_audio_buffer {
    data32: ptr::null_mut(),
    data64: ptr::null_mut(),
    channel_count: 0,
    latency: 0,
    constant_mask: 0,
};

unsafe extern "C" fn get_extension(plugin: *const clap_plugin, id: *const c_char) -> *const c_void {
    // SAFETY: the host passes what it holds.
    let (Some(guard), false) = (unsafe { guard(plugin) }, id.is_null()) else {
        return ptr::null();
    };
    // SAFETY: the host passes a C string.
    let id = unsafe { CStr::from_ptr(id) };
    // SAFETY: the extension lives as long as the instance.
    if let (true, Some(inner)) = (id == CLAP_EXT_PARAMS, unsafe {
        guard.inner_params.as_ref()
    }) {
        let params = clap_plugin_params {
            get_info: Some(param_info),
            flush: Some(flush),
            ..*inner
        };
        // SAFETY: extensions are asked for on the main thread, and once this is there nobody changes it.
        let place = unsafe { &mut *guard.params.get() };
        return ptr::from_ref(place.get_or_insert(params)).cast();
    }
    if id == CLAP_EXT_STATE && !guard.inner_state.is_null() {
        return ptr::from_ref(&STATE).cast();
    }
    // SAFETY: the instance is there as long as its guard.
    unsafe { extension(guard.inner, id) }
}

static STATE: clap_plugin_state = clap_plugin_state {
    save: Some(save),
    load: Some(load),
};

unsafe extern "C" fn load(plugin: *const clap_plugin, stream: *const clap_istream) -> bool {
    // SAFETY: the host passes what it holds, and a stream; the extension lives as long as the instance.
    unsafe {
        let known = guard(plugin).and_then(|guard| Some((guard, guard.inner_state.as_ref()?)));
        let (Some((guard, inner)), Some(stream)) = (known, stream.as_ref()) else {
            return false;
        };
        let load = |bytes: &[u8]| state::load(inner, guard.inner, bytes);
        guard.unread.load(state::read(stream), load)
    }
}

unsafe extern "C" fn save(plugin: *const clap_plugin, stream: *const clap_ostream) -> bool {
    // SAFETY: as above.
    unsafe {
        let known = guard(plugin).and_then(|guard| Some((guard, guard.inner_state.as_ref()?)));
        let (Some((guard, inner)), Some(stream)) = (known, stream.as_ref()) else {
            return false;
        };
        let saved = guard.unread.save(|| state::save(inner, guard.inner));
        saved.is_some_and(|bytes| state::write(stream, &bytes))
    }
}

unsafe extern "C" fn param_info(
    plugin: *const clap_plugin,
    index: u32,
    info: *mut clap_param_info,
) -> bool {
    // SAFETY: the host passes what it holds; the extension lives as long as the instance.
    let params = unsafe { guard(plugin).and_then(|guard| guard.inner_params.as_ref()) };
    let functions = params.and_then(|params| Some((params.count?, params.get_info?)));
    let (Some((count, get_info)), false) = (functions, info.is_null()) else {
        return false;
    };
    // SAFETY: the main thread may ask at any time; the host has room for the answer.
    unsafe { index < count(plugin) && get_info(plugin, index, info) }
}

unsafe extern "C" fn flush(
    plugin: *const clap_plugin,
    inputs: *const clap_input_events,
    outputs: *const clap_output_events,
) {
    // SAFETY: the host passes what it holds.
    let Some(guard) = (unsafe { guard(plugin) }) else {
        return;
    };
    // SAFETY: the extension lives as long as the instance.
    let params = unsafe { guard.inner_params.as_ref() };
    let Some(flush) = params.and_then(|params| params.flush) else {
        return;
    };
    // A host does not flush during a block. One that does may wait for its end, but not for ever.
    let turn = (0..PATIENCE).find_map(|_| {
        let turn = guard.turn();
        if turn.is_none() {
            std::thread::yield_now();
        }
        turn
    });
    let Some(_turn) = turn else {
        return;
    };
    // SAFETY: the host's events are there during this call.
    let sieve = unsafe { inputs.as_ref() }.map(Sieve::for_flush);
    let events = sieve.as_ref().map(Sieve::as_clap);
    let events = events.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: nobody else is in the framework's audio code.
    unsafe { flush(plugin, events, outputs) };
}

/// How often a flush looks whether a block has ended; each is some microseconds.
const PATIENCE: usize = 10_000;
