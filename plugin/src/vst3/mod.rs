//! The VST3 as a host loads it: the entry points, the factory, and a [`guard`] in front of every instance.
//!
//! As the framework's own macro makes them, but for the guard. The file holds two plugins, the insert and the one with an output
//! for each player: a host lists both.

#![allow(unsafe_code, reason = "a host calls C functions with its pointers")]
#![allow(
    non_snake_case,
    reason = "the format says how its functions are called"
)]

mod guard;
mod pass_on;
mod stream;

use std::ffi::c_void;
use std::ptr;

use ::vst3::Steinberg::{
    FIDString, FUnknown, IPluginFactory, IPluginFactory2, IPluginFactory2Trait, IPluginFactory3,
    IPluginFactory3Trait, IPluginFactoryTrait, PClassInfo, PClassInfo2, PClassInfoW, PFactoryInfo,
    TUID, int32, kInvalidArgument, kResultOk, tresult,
};
use ::vst3::{Class, ComWrapper};
use nice_plug::wrapper::setup_logger;
use nice_plug::wrapper::vst3::{PluginInfo, Vst3Plugin};

use self::guard::Guarded;
use crate::plugin::{FarsendPlayers, FarsendVst3};

/// What a host asks for first; it gives the answer back when it has no more use for it.
#[unsafe(no_mangle)]
pub extern "system" fn GetPluginFactory() -> *mut c_void {
    let factory = Factory {
        insert: PluginInfo::for_plugin::<FarsendVst3>(),
        players: PluginInfo::for_plugin::<FarsendPlayers>(),
    };
    let factory = ComWrapper::new(factory).to_com_ptr::<IPluginFactory>();
    factory.map_or(ptr::null_mut(), |factory| factory.into_raw().cast())
}

/// The library is loaded.
#[cfg(all(unix, not(target_os = "macos")))]
#[unsafe(no_mangle)]
extern "C" fn ModuleEntry(_: *mut c_void) -> bool {
    enter()
}

/// The library is to be unloaded.
#[cfg(all(unix, not(target_os = "macos")))]
#[unsafe(no_mangle)]
extern "C" fn ModuleExit() -> bool {
    true
}

/// The library is loaded.
#[cfg(target_os = "macos")]
#[unsafe(no_mangle)]
extern "C" fn bundleEntry(_: *mut c_void) -> bool {
    enter()
}

/// The library is to be unloaded.
#[cfg(target_os = "macos")]
#[unsafe(no_mangle)]
extern "C" fn bundleExit() -> bool {
    true
}

/// The library is loaded.
#[cfg(windows)]
#[unsafe(no_mangle)]
extern "system" fn InitDll() -> bool {
    enter()
}

/// The library is to be unloaded.
#[cfg(windows)]
#[unsafe(no_mangle)]
extern "system" fn ExitDll() -> bool {
    true
}

fn enter() -> bool {
    setup_logger::<FarsendVst3>();
    true
}

/// Makes instances.
struct Factory {
    insert: PluginInfo,
    players: PluginInfo,
}

impl Factory {
    /// What the host is told of the plugin of this number; the insert comes first.
    fn info(&self, index: int32) -> Option<&PluginInfo> {
        match index {
            0 => Some(&self.insert),
            1 => Some(&self.players),
            _ => None,
        }
    }
}

impl Class for Factory {
    type Interfaces = (IPluginFactory, IPluginFactory2, IPluginFactory3);
}

/// Writes the answer, if there is one and room for it.
///
/// # Safety
///
/// `place` is null, or there is room for a `T`.
unsafe fn answer<T>(place: *mut T, answer: Option<T>) -> tresult {
    let Some(answer) = answer.filter(|_| !place.is_null()) else {
        return kInvalidArgument;
    };
    // SAFETY: the caller says so.
    unsafe { place.write(answer) };
    kResultOk
}

/// Makes an instance with a guard before it, and writes this interface of it.
///
/// # Safety
///
/// `interface` has sixteen bytes, and there is room for a pointer at `place`.
unsafe fn create<P: Vst3Plugin>(interface: FIDString, place: *mut *mut c_void) -> tresult {
    let instance = ComWrapper::new(Guarded::<P>::new());
    let Some(unknown) = instance.as_com_ref::<FUnknown>() else {
        return kInvalidArgument;
    };
    let unknown = unknown.as_ptr();
    // SAFETY: it was just made; whoever gets an interface of it keeps it alive.
    unsafe { ((*(*unknown).vtbl).queryInterface)(unknown, interface.cast::<TUID>(), place) }
}

impl IPluginFactoryTrait for Factory {
    unsafe fn getFactoryInfo(&self, info: *mut PFactoryInfo) -> tresult {
        // SAFETY: the host has room for the answer. So everywhere below.
        unsafe { answer(info, Some(self.insert.create_factory_info())) }
    }

    unsafe fn countClasses(&self) -> int32 {
        2
    }

    unsafe fn getClassInfo(&self, index: int32, info: *mut PClassInfo) -> tresult {
        // SAFETY: as above.
        unsafe { answer(info, self.info(index).map(PluginInfo::create_class_info)) }
    }

    unsafe fn createInstance(
        &self,
        class: FIDString,
        interface: FIDString,
        place: *mut *mut c_void,
    ) -> tresult {
        if class.is_null() || interface.is_null() || place.is_null() {
            return kInvalidArgument;
        }
        // SAFETY: an id has sixteen bytes.
        let class = unsafe { class.cast::<[u8; 16]>().read_unaligned() };
        // SAFETY: likewise, and the host has room for the answer.
        unsafe {
            if class == *self.insert.cid {
                create::<FarsendVst3>(interface, place)
            } else if class == *self.players.cid {
                create::<FarsendPlayers>(interface, place)
            } else {
                kInvalidArgument
            }
        }
    }
}

impl IPluginFactory2Trait for Factory {
    unsafe fn getClassInfo2(&self, index: int32, info: *mut PClassInfo2) -> tresult {
        // SAFETY: as above.
        unsafe { answer(info, self.info(index).map(PluginInfo::create_class_info_2)) }
    }
}

impl IPluginFactory3Trait for Factory {
    unsafe fn getClassInfoUnicode(&self, index: int32, info: *mut PClassInfoW) -> tresult {
        // SAFETY: as above.
        unsafe {
            answer(
                info,
                self.info(index).map(PluginInfo::create_class_info_unicode),
            )
        }
    }

    unsafe fn setHostContext(&self, _: *mut FUnknown) -> tresult {
        kResultOk
    }
}
