//! Between a plugin in a DAW and the engine on the same machine.
//!
//! - [`segment`]: shared memory that audio goes through, wait-free, one for each plugin instance.
//! - [`message`]: what the two tell each other: wanted sessions, their state, statistics.
//! - [`connection`]: a local socket that carries messages and hands the segment over.
//! - [`runtime`]: where the engine's socket lives, and who may be the engine.
//! - [`take_file`]: what the file of a take says of itself.
//! - [`hub`]: what is asked of a running hub on this machine, by its own command line or by scripts.
//!
//! Either process may be killed, stopped or replaced at any instant; the other then has silence, a
//! time-out or an error, and no more.

#![allow(unsafe_code, reason = "memory that two processes share")]
#![cfg_attr(
    not(unix),
    allow(dead_code, reason = "what the other systems will need")
)]

pub mod connection;
pub mod hub;
pub mod message;
pub mod runtime;
pub mod segment;
mod sys;
pub mod take_file;
