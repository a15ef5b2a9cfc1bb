//! The CLAP as a host loads it: the entry, the factory, and a [`guard`] in front of every instance.
//!
//! As the framework's own macro makes them, but for the guard.

#![allow(unsafe_code, reason = "a host calls C functions with its pointers")]

mod events;
mod guard;
mod state;

use std::ffi::{CStr, c_char, c_void};
use std::ptr;
use std::sync::{Arc, OnceLock};

use clap_sys::entry::clap_plugin_entry;
use clap_sys::factory::plugin_factory::{CLAP_PLUGIN_FACTORY_ID, clap_plugin_factory};
use clap_sys::host::clap_host;
use clap_sys::plugin::{clap_plugin, clap_plugin_descriptor};
use clap_sys::version::CLAP_VERSION;
use nice_plug::prelude::ClapPlugin;
use nice_plug::wrapper::clap::{PluginDescriptor, Wrapper};
use nice_plug::wrapper::setup_logger;

use crate::plugin::{FarsendClap, FarsendPlayers};
use crate::unread;

/// What a host looks for in the library.
#[allow(non_upper_case_globals, reason = "the format says how it is called")]
#[unsafe(no_mangle)]
#[used]
pub static clap_entry: clap_plugin_entry = clap_plugin_entry {
    clap_version: CLAP_VERSION,
    init: Some(init),
    deinit: Some(deinit),
    get_factory: Some(get_factory),
};

static FACTORY: clap_plugin_factory = clap_plugin_factory {
    get_plugin_count: Some(plugin_count),
    get_plugin_descriptor: Some(plugin_descriptor),
    create_plugin: Some(create_plugin),
};

/// Of the insert, which comes first, and of the one with an output for each player.
fn descriptors() -> &'static [PluginDescriptor; 2] {
    static DESCRIPTORS: OnceLock<[PluginDescriptor; 2]> = OnceLock::new();
    DESCRIPTORS.get_or_init(|| {
        [
            PluginDescriptor::for_plugin::<FarsendClap>(),
            PluginDescriptor::for_plugin::<FarsendPlayers>(),
        ]
    })
}

extern "C" fn init(_: *const c_char) -> bool {
    setup_logger::<FarsendClap>();
    true
}

extern "C" fn deinit() {}

extern "C" fn get_factory(id: *const c_char) -> *const c_void {
    // SAFETY: the host passes a C string, or nothing.
    let is_ours = !id.is_null() && unsafe { CStr::from_ptr(id) } == CLAP_PLUGIN_FACTORY_ID;
    if is_ours {
        (&raw const FACTORY).cast()
    } else {
        ptr::null()
    }
}

unsafe extern "C" fn plugin_count(_: *const clap_plugin_factory) -> u32 {
    descriptors().len() as u32
}

unsafe extern "C" fn plugin_descriptor(
    _: *const clap_plugin_factory,
    index: u32,
) -> *const clap_plugin_descriptor {
    let descriptor = descriptors().get(index as usize);
    descriptor.map_or(ptr::null(), |known| known.clap_plugin_descriptor())
}

unsafe extern "C" fn create_plugin(
    _: *const clap_plugin_factory,
    host: *const clap_host,
    id: *const c_char,
) -> *const clap_plugin {
    if host.is_null() || id.is_null() {
        return ptr::null();
    }
    // SAFETY: the host passes a C string.
    let id = unsafe { CStr::from_ptr(id) };
    let [insert, players] = descriptors();
    if id == insert.clap_id() {
        // SAFETY: the host passes itself, and lives longer than its plugins.
        unsafe { create::<FarsendClap>(host) }
    } else if id == players.clap_id() {
        // SAFETY: as above.
        unsafe { create::<FarsendPlayers>(host) }
    } else {
        ptr::null()
    }
}

/// An instance with a guard before it.
///
/// # Safety
/// `host` is a host that lives longer than the instance.
unsafe fn create<P: ClapPlugin>(host: *const clap_host) -> *const clap_plugin {
    // SAFETY: as the caller says.
    let (wrapper, store) = unread::with_store(|| unsafe { Wrapper::<P>::new(host) });
    // The framework takes this count back when the instance is destroyed.
    let wrapper = Arc::into_raw(wrapper);
    // SAFETY: it was just made, and lives until it is destroyed.
    let inner = unsafe { (*wrapper).clap_plugin.as_ptr() };
    // SAFETY: an instance that lives until it is destroyed, which from here on is the guard's to do.
    unsafe { guard::stand_before(inner, store) }
}
