//! Keeps this library in memory when a thread of it cannot be waited for: a host may unload it once its last instance is gone.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Waits for the end of a thread that was told to end, but no longer than this: a disk or another program may hold it for ever, and the
/// host is waiting. It owns what it uses, and ends as soon as it is let go.
pub(crate) fn part_from(thread: JoinHandle<()>, patience: Duration) {
    let until = Instant::now() + patience;
    while !thread.is_finished() && Instant::now() < until {
        std::thread::sleep(TURN);
    }
    if thread.is_finished() {
        // A panic over there has been reported, and there is nothing left to do about it.
        let _ = thread.join();
    } else {
        keep_mapped();
    }
}

/// From now on the library is not unloaded before the host ends. What is part of a program never is.
#[cfg(unix)]
#[allow(unsafe_code, reason = "the system is asked by pointers")]
fn keep_mapped() {
    let mut found = std::mem::MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: the address is one of ours, and `found` is good for what is written there.
    let outcome = unsafe { libc::dladdr(keep_mapped as *const libc::c_void, found.as_mut_ptr()) };
    // SAFETY: zeroes are a valid value, and dladdr writes only valid ones.
    let name = unsafe { found.assume_init() }.dli_fname;
    if outcome != 0 && !name.is_null() {
        let flags = libc::RTLD_LAZY | libc::RTLD_NOLOAD | libc::RTLD_NODELETE;
        // SAFETY: dladdr gives a C string that lives as long as the library, which is loaded: nothing of it is run anew.
        let _ = unsafe { libc::dlopen(name, flags) };
    }
}

/// Not done here yet.
#[cfg(not(unix))]
fn keep_mapped() {}

/// How often it is looked whether a thread has ended.
const TURN: Duration = Duration::from_millis(1);
