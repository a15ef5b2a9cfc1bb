//! Who paces the audio thread, and where its audio comes from and goes to.
//!
//! Each backend owns the thread (or the callback) that runs [`crate::audio::AudioPath::period`], and gives the path
//! back when it is stopped, so that the control thread can say goodbye with it.

pub mod file;
pub mod jack;
pub mod link;
pub mod timer;
pub mod wav;

pub use wav::WavError;
