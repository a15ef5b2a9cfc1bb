//! The newest of a stream of small values, from one thread to another.
//!
//! Three slots: the writer owns one, the reader owns one, and the third lies between them. Writing
//! fills one's own slot and swaps it with the middle; reading swaps only when the middle is new.
//! Neither ever waits, and the reader never sees half a value.
//!
//! ```text
//!   writer ── back ⇄ middle ⇄ front ── reader
//! ```

use std::cell::UnsafeCell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::AcqRel;

use crossbeam_utils::CachePadded;

/// Makes a cell that holds the newest of the values written, `first` until then.
///
/// Allocates; for the control thread. Each half then moves to the thread that uses it.
pub fn latest<T: Copy + Send>(first: T) -> (LatestWriter<T>, LatestReader<T>) {
    let cell = Arc::new(Cell {
        slots: [first; 3].map(|value| CachePadded::new(UnsafeCell::new(value))),
        middle: CachePadded::new(AtomicU8::new(1)),
    });
    (
        LatestWriter {
            cell: Arc::clone(&cell),
            back: 0,
        },
        LatestReader { cell, front: 2 },
    )
}

/// The half of the thread that knows the value, such as the audio thread.
pub struct LatestWriter<T> {
    cell: Arc<Cell<T>>,
    back: u8,
}

impl<T: Copy + Send> LatestWriter<T> {
    /// Makes `value` the newest. Wait-free.
    pub fn write(&mut self, value: T) {
        // SAFETY: `back`, the middle and `front` are always three different slots, since they only
        // change by swapping with the middle; so the writer alone has this one.
        unsafe { *self.cell.slots[usize::from(self.back)].get() = value };
        self.back = self.cell.middle.swap(self.back | NEW, AcqRel) & SLOT;
    }
}

/// The half of the thread that wants to know.
pub struct LatestReader<T> {
    cell: Arc<Cell<T>>,
    front: u8,
}

impl<T: Copy + Send> LatestReader<T> {
    /// The newest value, the same again when nothing was written since. Wait-free.
    pub fn read(&mut self) -> T {
        self.read_new();
        self.front()
    }

    /// The newest value, unless it was read before. Wait-free.
    pub fn read_new(&mut self) -> Option<T> {
        if self.cell.middle.load(std::sync::atomic::Ordering::Relaxed) & NEW == 0 {
            return None;
        }
        self.front = self.cell.middle.swap(self.front, AcqRel) & SLOT;
        Some(self.front())
    }

    fn front(&self) -> T {
        // SAFETY: as in `write`, the reader alone has its slot; what the writer put in it happened
        // before the swap that made it ours.
        unsafe { *self.cell.slots[usize::from(self.front)].get() }
    }
}

impl<T> fmt::Debug for LatestWriter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LatestWriter").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for LatestReader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LatestReader").finish_non_exhaustive()
    }
}

struct Cell<T> {
    slots: [CachePadded<UnsafeCell<T>>; 3],
    /// The middle slot's index, with [`NEW`] while the reader has not had it.
    middle: CachePadded<AtomicU8>,
}

// SAFETY: a slot is touched only by the half that owns it at the time, see `write` and `front`.
unsafe impl<T: Send> Sync for Cell<T> {}

const SLOT: u8 = 0b011;
const NEW: u8 = 0b100;

#[cfg(test)]
mod tests {
    use super::latest;

    #[test]
    fn the_reader_has_the_first_value_until_another_is_written() {
        let (mut writer, mut reader) = latest(7);
        assert_eq!((reader.read_new(), reader.read()), (None, 7));
        writer.write(8);
        writer.write(9);
        assert_eq!(reader.read_new(), Some(9));
        assert_eq!((reader.read_new(), reader.read()), (None, 9));
    }

    #[test]
    fn a_half_outlives_the_other() {
        let (mut writer, reader) = latest(1);
        drop(reader);
        writer.write(2);
        let (writer, mut reader) = latest(1);
        drop(writer);
        assert_eq!(reader.read(), 1);
    }
}
