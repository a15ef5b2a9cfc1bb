//! Has the processor fetch memory that is about to be used.

/// Asks for the cache lines of these values. Changes nothing.
#[expect(unsafe_code, reason = "a hint to the processor, which Rust has no safe call for")]
pub fn ahead<T>(values: &[T]) {
    let bytes = std::mem::size_of_val(values);
    let begin = values.as_ptr().cast::<i8>();
    for at in (0..bytes).step_by(64) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a prefetch reads and writes nothing, and faults nowhere.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T0>(begin.add(at));
        }
    }
}
