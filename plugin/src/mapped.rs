//! Keeps this library in memory when a thread of it cannot be waited for: a host may unload it once its last instance is gone.

/// From now on the library is not unloaded before the host ends. What is part of a program never is.
#[cfg(unix)]
#[allow(unsafe_code, reason = "the system is asked by pointers")]
pub(crate) fn keep_mapped() {
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
pub(crate) fn keep_mapped() {}
