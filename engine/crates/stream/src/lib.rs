//! One peer's audio: a jitter buffer that puts packets in order and hides what is missing, and
//! what else is done to a stream of blocks: gain, meters, the drift of the peer's clock.
//!
//! Pure: no clock, no thread, no socket. Everything allocates in `new` and never again, so that all
//! of it may live on an audio thread.

mod clock;
mod conceal;
mod contract;
mod depth;
mod gain;
mod glide;
mod jitter;
mod lateness;
mod meter;
mod observed;
mod prefetch;
mod resample;
mod slots;
mod tally;
mod watch;

pub use conceal::Conceal;
pub use contract::{
    BufferConfig, BufferCounts, DepthPolicy, Inserted, Jitter, Origin, Pulled, Unsupported, Wait,
};
pub use gain::Gain;
pub use glide::Glide;
pub use jitter::JitterBuffer;
pub use meter::Meter;
pub use prefetch::prefetch;
pub use resample::{Kernel, Kernels, LEAST_STEP, MOST_STEP, Resampler};
pub use watch::Irregular;
