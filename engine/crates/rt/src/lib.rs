//! What an audio thread shares with the others, and what makes a thread one for audio.
//!
//! - [`mailbox`]: the control thread installs whole values, the audio thread uses the newest, and
//!   the control thread gets the old ones back to drop.
//! - [`latest`]: the audio thread publishes small values, another thread reads the newest.
//! - [`promote_current_thread`]: real-time scheduling, as far as the system lets us.
//! - [`clock`]: the machine's monotonic clock, to read and to sleep by.
//! - `batch` (Linux): many datagrams with one call of the system.
//! - `tcp` (Unix): what the system knows of a connection's path.
//!
//! Halves are made on the control thread. A half has no method that blocks, so owning the audio half
//! is permission to be on the audio thread.

#![allow(
    unsafe_code,
    reason = "calls of the system, and cells that two threads share without a lock"
)]

#[cfg(target_os = "linux")]
pub mod batch;
pub mod clock;
mod latest;
mod mailbox;
mod promote;
#[cfg(unix)]
pub mod tcp;

pub use latest::{LatestReader, LatestWriter, latest};
pub use mailbox::{MailboxReader, MailboxSender, Reclaimed, mailbox};
pub use promote::{Promotion, promote_current_thread};
