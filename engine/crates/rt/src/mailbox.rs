//! Whole values for the audio thread, and the old ones back to be dropped where dropping may block.
//!
//! ```text
//!   control thread ── install ──▶ [incoming] ── refresh ──▶ current (audio thread)
//!   control thread ◀── collect ── [outgoing] ◀── the one it replaces
//! ```
//! Each slot holds one value. The audio thread takes a new one only when it has room to give the old
//! one back, so nothing is ever dropped there.

use std::fmt;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};

use crossbeam_utils::CachePadded;

/// Makes an empty mailbox.
///
/// Allocates; for the control thread. The reader then moves to the audio thread, and comes back to
/// be dropped. A value that says "nothing any more" is a `T` of its own, such as an `Option`.
pub fn mailbox<T: Send>() -> (MailboxSender<T>, MailboxReader<T>) {
    let slots = Arc::new(Slots {
        incoming: CachePadded::new(AtomicPtr::new(ptr::null_mut())),
        outgoing: CachePadded::new(AtomicPtr::new(ptr::null_mut())),
    });
    (
        MailboxSender {
            slots: Arc::clone(&slots),
        },
        MailboxReader {
            slots,
            current: None,
        },
    )
}

/// The control thread's half.
pub struct MailboxSender<T> {
    slots: Arc<Slots<T>>,
}

impl<T: Send> MailboxSender<T> {
    /// Makes `value` what the audio thread uses from its next [`refresh`](MailboxReader::refresh).
    ///
    /// Gives back what is no longer in use: the value before, if the audio thread never took it, and
    /// the one that it had replaced. At most two, so collect on.
    pub fn install(&mut self, value: Box<T>) -> Reclaimed<T> {
        // Collected before and after: the audio thread can take the new one only when there is room.
        let replaced = self.collect();
        let unread = take(&self.slots.incoming, Box::into_raw(value));
        Reclaimed { unread, replaced }
    }

    /// A value that the audio thread has replaced, to be dropped here or used again.
    ///
    /// Call it now and then: until it was collected, the audio thread takes no further value.
    pub fn collect(&mut self) -> Option<Box<T>> {
        take(&self.slots.outgoing, ptr::null_mut())
    }

    /// True while the audio thread has not taken the value installed last.
    pub fn is_pending(&self) -> bool {
        !self.slots.incoming.load(Acquire).is_null()
    }
}

/// What [`MailboxSender::install`] gives back.
#[derive(Debug)]
pub struct Reclaimed<T> {
    /// Installed before and never taken by the audio thread.
    pub unread: Option<Box<T>>,
    /// Replaced by the audio thread at some time.
    pub replaced: Option<Box<T>>,
}

/// The audio thread's half.
pub struct MailboxReader<T> {
    slots: Arc<Slots<T>>,
    current: Option<Box<T>>,
}

impl<T: Send> MailboxReader<T> {
    /// Takes a newly installed value, if there is one; true if so. Wait-free.
    ///
    /// Call it at the start of a period.
    pub fn refresh(&mut self) -> bool {
        if self.slots.incoming.load(Acquire).is_null()
            || !self.slots.outgoing.load(Acquire).is_null()
        {
            return false;
        }
        let Some(new) = take(&self.slots.incoming, ptr::null_mut()) else {
            return false;
        };
        if let Some(old) = self.current.replace(new) {
            // Only this thread fills the slot, and it was empty above.
            self.slots.outgoing.store(Box::into_raw(old), Release);
        }
        true
    }

    /// The value in use, if ever one was installed and taken.
    pub fn current(&mut self) -> Option<&mut T> {
        self.current.as_deref_mut()
    }

    /// [`refresh`](Self::refresh), then [`current`](Self::current).
    pub fn newest(&mut self) -> Option<&mut T> {
        self.refresh();
        self.current()
    }
}

impl<T> fmt::Debug for MailboxSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailboxSender").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for MailboxReader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailboxReader")
            .field("filled", &self.current.is_some())
            .finish_non_exhaustive()
    }
}

/// Null, or from `Box::into_raw`: whoever swaps a pointer out owns what it points to.
struct Slots<T> {
    incoming: CachePadded<AtomicPtr<T>>,
    outgoing: CachePadded<AtomicPtr<T>>,
}

impl<T> Drop for Slots<T> {
    fn drop(&mut self) {
        drop(take(&self.incoming, ptr::null_mut()));
        drop(take(&self.outgoing, ptr::null_mut()));
    }
}

fn take<T>(slot: &AtomicPtr<T>, replacement: *mut T) -> Option<Box<T>> {
    let old = slot.swap(replacement, AcqRel);
    // SAFETY: a pointer in a slot came from `Box::into_raw`, and the swap made it ours alone.
    (!old.is_null()).then(|| unsafe { Box::from_raw(old) })
}

// SAFETY: `Slots` owns boxes of `T` and only moves them between threads; it never shares a `&T`.
unsafe impl<T: Send> Send for Slots<T> {}
// SAFETY: as above; all access is by atomic swaps of whole boxes.
unsafe impl<T: Send> Sync for Slots<T> {}

#[cfg(test)]
mod tests {
    use super::mailbox;

    #[test]
    fn an_installed_value_is_used_and_the_old_one_comes_back() {
        let (mut sender, mut reader) = mailbox();
        assert!(reader.newest().is_none());
        sender.install(Box::new(1));
        assert_eq!(reader.newest(), Some(&mut 1));
        sender.install(Box::new(2));
        assert_eq!(reader.newest(), Some(&mut 2));
        assert_eq!(sender.collect(), Some(Box::new(1)));
        assert_eq!(sender.collect(), None);
    }

    #[test]
    fn a_value_that_was_never_taken_comes_back_from_install() {
        let (mut sender, mut reader) = mailbox();
        sender.install(Box::new(1));
        assert!(sender.is_pending());
        assert_eq!(sender.install(Box::new(2)).unread, Some(Box::new(1)));
        assert_eq!(reader.newest(), Some(&mut 2));
        assert!(!sender.is_pending());
    }

    #[test]
    fn the_audio_thread_waits_with_a_new_value_until_the_old_one_was_collected() {
        let (mut sender, mut reader) = mailbox();
        for value in 1..=2 {
            sender.install(Box::new(value));
            reader.refresh();
        }
        sender
            .slots
            .incoming
            .store(Box::into_raw(Box::new(3)), super::Release);
        assert!(!reader.refresh());
        assert_eq!(reader.current(), Some(&mut 2));
        assert_eq!(sender.collect(), Some(Box::new(1)));
        assert_eq!(reader.newest(), Some(&mut 3));
    }
}
