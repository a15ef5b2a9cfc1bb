//! What differs between systems: memory that two processes share, and a bell from one to the other.
//!
//! Both are handed over as open descriptors, so nothing of them has a name: no file is left behind
//! when a process is killed, and nobody can be handed the wrong one.

#[cfg(unix)]
mod unix;
#[cfg(not(unix))]
mod unsupported;

#[cfg(target_vendor = "apple")]
pub(crate) use unix::no_signal;
#[cfg(unix)]
pub(crate) use unix::{Bell, Handle, Memory};
#[cfg(not(unix))]
pub(crate) use unsupported::{Bell, Handle, Memory};

use std::io;

/// Why memory could not be had.
#[derive(Debug)]
pub(crate) enum MemoryError {
    /// The handle is no memory, but a socket, a directory, ...
    NotMemory,
    /// The other process could shrink it while we use it, which would end ours.
    NotSealed,
    /// The system refused.
    System(io::Error),
}

impl From<io::Error> for MemoryError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}
