//! The laboratory in which Farsend meets real programs: JACK servers, JackTrip, plugin hosts.
//!
//! A test runs on a machine of its own (namespaces, see [`lab::machine`]), starts what it needs
//! there, and finds nothing left of it afterwards. What it sends is a [`signal`] that tells its own
//! position, so that what arrives can be checked to the sample.

pub mod clicks;
pub mod demo;
pub mod host;
pub mod lab;
pub mod quality;
pub mod signal;
