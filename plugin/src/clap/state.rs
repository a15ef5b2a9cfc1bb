//! A host's streams for the state, and streams of our own to the framework's.

use std::ffi::c_void;

use clap_sys::ext::state::clap_plugin_state;
use clap_sys::plugin::clap_plugin;
use clap_sys::stream::{clap_istream, clap_ostream};

use crate::unread::{Came, MOST};

/// Bytes before the state itself: the framework puts its length there.
pub(super) const LEAD: usize = size_of::<u64>();

/// All that comes from the host's stream, in parts of whatever size.
///
/// # Safety
///
/// The stream is the host's, during its call.
pub(super) unsafe fn read(stream: &clap_istream) -> Came {
    let (mut bytes, mut part) = (Vec::new(), vec![0; PART]);
    let in_part = loop {
        let room = part.len().min(MOST + 1 - bytes.len());
        let Some(read) = stream.read.filter(|_| room > 0) else {
            break true;
        };
        // SAFETY: the caller says so, and there is as much room.
        let count = unsafe { read(stream, part.as_mut_ptr().cast(), room as u64) };
        match usize::try_from(count) {
            Ok(0) => break false,
            Ok(count) if count <= room => bytes.extend_from_slice(&part[..count]),
            _ => break true,
        }
    };
    Came { bytes, in_part }
}

/// Gives all of it to the host's stream, in parts as large as that takes. Whether it took all.
///
/// # Safety
///
/// As [`read`].
pub(super) unsafe fn write(stream: &clap_ostream, mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        let Some(write) = stream.write else {
            return false;
        };
        // SAFETY: the caller says so, and there are as many bytes.
        let count = unsafe { write(stream, bytes.as_ptr().cast(), bytes.len() as u64) };
        match usize::try_from(count) {
            Ok(count @ 1..) if count <= bytes.len() => bytes = &bytes[count..],
            _ => return false,
        }
    }
    true
}

/// Has the framework load this.
///
/// # Safety
///
/// The extension is that of the instance, which is there.
pub(super) unsafe fn load(
    state: &clap_plugin_state,
    plugin: *const clap_plugin,
    mut bytes: &[u8],
) -> bool {
    let stream = clap_istream {
        ctx: (&raw mut bytes).cast(),
        read: Some(take),
    };
    // SAFETY: the caller says so, and the stream is there during the call.
    state
        .load
        .is_some_and(|load| unsafe { load(plugin, &raw const stream) })
}

/// What the framework saves.
///
/// # Safety
///
/// As [`load`].
pub(super) unsafe fn save(
    state: &clap_plugin_state,
    plugin: *const clap_plugin,
) -> Option<Vec<u8>> {
    let mut bytes: Vec<u8> = Vec::new();
    let stream = clap_ostream {
        ctx: (&raw mut bytes).cast(),
        write: Some(put),
    };
    // SAFETY: the caller says so, and the stream is there during the call.
    let saved = state
        .save
        .is_some_and(|save| unsafe { save(plugin, &raw const stream) });
    saved.then_some(bytes)
}

unsafe extern "C" fn take(stream: *const clap_istream, to: *mut c_void, room: u64) -> i64 {
    // SAFETY: the context is as `load` made it, and the framework has as much room as it says.
    unsafe {
        let left = &mut *(*stream).ctx.cast::<&[u8]>();
        let (now, later) = left.split_at(left.len().min(room as usize));
        to.cast::<u8>()
            .copy_from_nonoverlapping(now.as_ptr(), now.len());
        *left = later;
        now.len() as i64
    }
}

unsafe extern "C" fn put(stream: *const clap_ostream, from: *const c_void, count: u64) -> i64 {
    // SAFETY: the context is as `save` made it, and the framework has as many bytes as it says.
    unsafe {
        let bytes = std::slice::from_raw_parts(from.cast::<u8>(), count as usize);
        (*(*stream).ctx.cast::<Vec<u8>>()).extend_from_slice(bytes);
    }
    count as i64
}

/// What is read at once.
const PART: usize = 64 << 10;
