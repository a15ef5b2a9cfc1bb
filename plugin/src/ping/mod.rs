//! How long the way to the far end and back is, to the sample.
//!
//! ```text
//!   supervisor ── Shot (probe, room) ──▶ audio thread: the probe replaces the send, the return is kept
//!   supervisor ◀─────── Shot ─────────── audio thread: done
//!       └── find() ──▶ Found { frames } or a sentence
//! ```
//! The [probe] is a short chirp upwards and one downwards. Whoever sends back what they get sends these, however they are mixed with what
//! they play; [`correlate`] finds them. Nothing is searched for on the audio thread, which only copies ([`shot`]).

pub mod correlate;
pub mod probe;
pub mod shot;

pub use correlate::{Found, Unheard, find};
pub use probe::Probe;
pub use shot::{Shot, ShotReader, ShotSender, shots};
