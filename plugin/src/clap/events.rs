//! Keeps from the framework those events of a host that it would stumble over.

use std::ptr;

use clap_sys::events::{
    CLAP_CORE_EVENT_SPACE_ID, CLAP_EVENT_PARAM_MOD, CLAP_EVENT_PARAM_VALUE, CLAP_EVENT_TRANSPORT,
    clap_event_header, clap_event_param_mod, clap_event_param_value, clap_event_transport,
    clap_input_events,
};
use clap_sys::process::clap_process;

/// A host's events without those that are cut off, and without changes of the transport beyond the block or out of order: at
/// each of these the framework cuts the block in two, without looking where.
pub(super) struct Sieve<'a> {
    events: &'a clap_input_events,
    /// Transport events count before this frame.
    frames: u32,
    /// What an event is replaced by that is kept back: nothing at all in a block, else one that means nothing.
    instead: *const clap_event_header,
}

impl<'a> Sieve<'a> {
    /// For the events of a block. Time in proportion to their number.
    pub(super) fn new(events: &'a clap_input_events, block: &clap_process) -> Self {
        let mut sieve = Self {
            events,
            frames: block.frames_count,
            instead: ptr::null(),
        };
        if !sieve.is_in_order() {
            // Their order cannot be mended here: none of them cuts the block.
            sieve.frames = 1;
        }
        sieve
    }

    /// For events outside a block.
    pub(super) fn for_flush(events: &'a clap_input_events) -> Self {
        Self {
            events,
            frames: 0,
            instead: &raw const MEANS_NOTHING,
        }
    }

    /// As the framework takes them; of use as long as the sieve stays where it is.
    pub(super) fn as_clap(&self) -> clap_input_events {
        clap_input_events {
            ctx: ptr::from_ref(self).cast_mut().cast(),
            size: Some(size),
            get: Some(get),
        }
    }

    fn len(&self) -> u32 {
        // SAFETY: the host's events are there as long as the sieve.
        self.events
            .size
            .map_or(0, |size| unsafe { size(self.events) })
    }

    fn get(&self, index: u32) -> *const clap_event_header {
        let event = match self.events.get {
            // SAFETY: the host's events are there as long as the sieve.
            Some(get) => unsafe { get(self.events, index) },
            None => ptr::null(),
        };
        // SAFETY: what the host gives is an event, or null.
        match unsafe { event.as_ref() } {
            Some(header) if self.passes(header) => event,
            _ => self.instead,
        }
    }

    fn passes(&self, header: &clap_event_header) -> bool {
        let size = header.size as usize;
        if header.space_id != CLAP_CORE_EVENT_SPACE_ID {
            return false;
        }
        match header.type_ {
            CLAP_EVENT_PARAM_VALUE => size >= size_of::<clap_event_param_value>(),
            CLAP_EVENT_PARAM_MOD => size >= size_of::<clap_event_param_mod>(),
            CLAP_EVENT_TRANSPORT => {
                size >= size_of::<clap_event_transport>() && header.time < self.frames
            }
            // Notes and MIDI, of which the plugin takes none.
            _ => false,
        }
    }

    fn is_in_order(&self) -> bool {
        let mut last = 0;
        (0..self.len()).all(|index| {
            // SAFETY: what the host gives is an event, or null.
            let time = unsafe { self.get(index).as_ref() }.map_or(last, |header| header.time);
            let in_order = last <= time;
            last = time;
            in_order
        })
    }
}

unsafe extern "C" fn size(events: *const clap_input_events) -> u32 {
    // SAFETY: the framework passes what `as_clap` made, whose context is the sieve.
    unsafe { (*events).ctx.cast::<Sieve<'_>>().as_ref() }.map_or(0, Sieve::len)
}

unsafe extern "C" fn get(events: *const clap_input_events, index: u32) -> *const clap_event_header {
    // SAFETY: likewise.
    let sieve = unsafe { (*events).ctx.cast::<Sieve<'_>>().as_ref() };
    sieve.map_or(ptr::null(), |sieve| sieve.get(index))
}

static MEANS_NOTHING: clap_event_header = clap_event_header {
    size: size_of::<clap_event_header>() as u32,
    time: 0,
    space_id: u16::MAX,
    type_: 0,
    flags: 0,
};
