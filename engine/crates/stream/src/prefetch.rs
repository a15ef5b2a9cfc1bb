//! Memory that the processor is told of before it is needed.

use std::mem::size_of_val;

/// Asks the processor to bring these values near, without waiting for them. Of use where much memory is walked through in turn, as
/// by a hub of hundreds: what is next is on its way while somebody else is worked for. Changes nothing; on processors other than
/// x86-64 it does nothing either.
#[expect(unsafe_code, reason = "a hint to the processor has no safe form")]
pub fn prefetch<T: ?Sized>(values: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

        let begin = std::ptr::from_ref(values).cast::<i8>();
        for at in (0..size_of_val(values)).step_by(LINE) {
            // SAFETY: `at` is within the values; a hint reads nothing and cannot fault.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(begin.add(at)) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = size_of_val(values);
}

/// Bytes of a cache line.
#[cfg(target_arch = "x86_64")]
const LINE: usize = 64;
