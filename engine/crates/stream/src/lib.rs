//! One peer's audio: a jitter buffer that puts packets in order and hides what is missing, and
//! what else is done to a stream of blocks: gain, meters, the drift of the peer's clock.
//!
//! Pure: no clock, no thread, no socket. Everything allocates in `new` and never again, so that all
//! of it may live on an audio thread.

mod conceal;
mod depth;
mod drift;
mod gain;
mod jitter;
mod meter;
mod slots;
mod tally;

pub use conceal::Conceal;
pub use drift::Drift;
pub use gain::Gain;
pub use jitter::{BufferConfig, BufferCounts, Inserted, JitterBuffer, Pulled, Unsupported};
pub use meter::Meter;
