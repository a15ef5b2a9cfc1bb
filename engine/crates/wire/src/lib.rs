//! Bytes to values and back: the datagrams of JackTrip, and the sample formats inside them.
//!
//! Nothing here holds state, allocates (but for OSC, which no audio thread meets), or panics on what a stranger sent: a parser looks at a
//! borrowed datagram and gives either a value that is safe to index with, or an error that says what
//! was wrong with it. Samples are planar on the wire and are decoded a channel at a time.

pub mod jacktrip;
pub mod repair;
pub mod sample;

pub use sample::SampleFormat;
