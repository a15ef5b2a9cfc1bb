//! Counts what a thread allocates, also inside a plugin that is a shared library of its own.
//!
//! `assert_no_alloc` sees only the Rust code that it is linked with. A plugin brings a second copy of
//! Rust's standard library; but that too ends in the C library's `malloc`, and a program's own `malloc` comes
//! before the C library's for everything that is loaded into it. So on Linux with glibc this one stands in
//! for all of them, counts, and passes on. Elsewhere nothing is counted.

use std::cell::Cell;

thread_local! {
    static WATCHED: Cell<bool> = const { Cell::new(false) };
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// Runs `work` and gives, with its result, how often this thread has allocated or freed meanwhile.
pub fn counted<R>(work: impl FnOnce() -> R) -> (R, u64) {
    COUNT.set(0);
    WATCHED.set(true);
    let result = work();
    WATCHED.set(false);
    (result, COUNT.get())
}

/// Whether anything is counted on this system.
pub const COUNTS: bool = cfg!(all(target_os = "linux", target_env = "gnu"));

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code, reason = "stands in for the C library's functions")]
mod stand_in {
    use std::ffi::{c_int, c_void};

    use super::{COUNT, WATCHED};

    const ENOMEM: c_int = 12;

    unsafe extern "C" {
        fn __libc_malloc(size: usize) -> *mut c_void;
        fn __libc_calloc(count: usize, size: usize) -> *mut c_void;
        fn __libc_realloc(pointer: *mut c_void, size: usize) -> *mut c_void;
        fn __libc_memalign(alignment: usize, size: usize) -> *mut c_void;
        fn __libc_free(pointer: *mut c_void);
    }

    fn note() {
        if WATCHED.get() {
            COUNT.set(COUNT.get() + 1);
        }
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
        note();
        // SAFETY: passed on as it came.
        unsafe { __libc_malloc(size) }
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
        note();
        // SAFETY: passed on as it came.
        unsafe { __libc_calloc(count, size) }
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn realloc(pointer: *mut c_void, size: usize) -> *mut c_void {
        note();
        // SAFETY: passed on as it came; all memory here is the C library's.
        unsafe { __libc_realloc(pointer, size) }
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn free(pointer: *mut c_void) {
        if !pointer.is_null() {
            note();
        }
        // SAFETY: passed on as it came; all memory here is the C library's.
        unsafe { __libc_free(pointer) }
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn aligned_alloc(alignment: usize, size: usize) -> *mut c_void {
        note();
        // SAFETY: passed on as it came.
        unsafe { __libc_memalign(alignment, size) }
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn memalign(alignment: usize, size: usize) -> *mut c_void {
        note();
        // SAFETY: passed on as it came.
        unsafe { __libc_memalign(alignment, size) }
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn posix_memalign(
        out: *mut *mut c_void,
        alignment: usize,
        size: usize,
    ) -> c_int {
        note();
        // SAFETY: passed on as it came.
        let pointer = unsafe { __libc_memalign(alignment, size) };
        if pointer.is_null() {
            return ENOMEM;
        }
        // SAFETY: the caller gave a place for the result.
        unsafe { out.write(pointer) };
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allocation_is_counted_and_arithmetic_is_not() {
        let (_, none) = counted(|| std::hint::black_box(2) * 21);
        assert_eq!(none, 0);
        let (_, some) = counted(|| drop(std::hint::black_box(vec![1_u8; 100])));
        assert!(!COUNTS || some == 2, "{some}");
    }
}
