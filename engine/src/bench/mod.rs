//! `farsend bench network`: complete ends on bad networks, in virtual time, faster than real time.
//!
//! ```text
//! scenarios ─▶ network: two ends (peers::Machines, a clock each), two paths ─▶ take: what was heard, scored ─▶ table
//! ```
//! Everything between the audio callback and the socket is what runs in a session; only clocks, paths and ears are
//! made up. The same seed gives the same table on every run.

pub mod network;
pub mod piece;
pub mod scenarios;
pub mod table;
pub mod take;
