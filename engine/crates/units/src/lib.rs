//! The quantities of networked audio as types, so that a frame is never taken for a sample, a
//! channel or a millisecond.
//!
//! Knows nothing of the other crates, and no clock: [`MonoTime`] is a value that somebody else read.

mod frames;
mod level;
mod rate;
mod seq;
mod time;

pub use frames::{Channels, Frames};
pub use level::{LOUDEST, audio_or_silence, is_audio};
pub use rate::SampleRate;
pub use seq::SeqNum;
pub use time::MonoTime;
