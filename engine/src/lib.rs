//! The Farsend engine: every thread, socket, device, clock and file of Farsend is opened here.
//!
//! ```text
//! cli ─▶ engine ─▶ backend (jack, timer, file, link) ─▶ audio ─▶ peers ─▶ net
//!           └────▶ control (what is said; the plugins' service)
//!           └────▶ membership (log-ins at a hub) ─▶ net
//!           └────▶ takes (what comes while a DAW rolls, to disk) ─▶ record
//! cli ─▶ hub (door, auth, roster; floor, players, mixer) ─▶ peers ─▶ net
//!           └────▶ record (tracks to disk)
//! cli ─▶ bench (two ends in virtual time) ─▶ peers
//!           └─▶ bench::hub (players against a hub)
//! ```
//! [`audio`] is what one period does; ARCHITECTURE.md tells of the threads.

pub mod audio;
pub mod backend;
pub mod bench;
pub mod cli;
pub mod control;
pub mod credentials;
pub mod engine;
pub mod exit;
pub mod filler;
pub mod hearing;
pub mod hub;
pub mod keeping;
pub mod membership;
pub mod net;
pub mod peers;
pub mod record;
pub mod repair;
pub mod sending;
pub mod settings;
pub mod sounding;
pub mod statistics;
pub mod takes;

/// So that `assert_no_alloc` sees what unit tests allocate.
#[cfg(test)]
#[global_allocator]
static ALLOCATOR: assert_no_alloc::AllocDisabler = assert_no_alloc::AllocDisabler;
