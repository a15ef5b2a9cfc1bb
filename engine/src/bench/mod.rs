//! `farsend bench`: what can be measured without a second machine.
//!
//! [`hub`] is a load test for hubs, in real time. The rest is `farsend bench network`: complete ends on bad networks, in virtual time, faster than real time.
//!
//! ```text
//! scenarios ─▶ network: two ends (peers::Machines, a clock each), two paths ─▶ take: what was heard, scored ─▶ table, picture
//! ```
//! Everything between the audio callback and the socket is what runs in a session; only clocks, paths and ears are
//! made up. The same seed gives the same table on every run.

pub mod hub;
pub mod network;
pub mod picture;
pub mod piece;
pub mod scenarios;
pub mod table;
pub mod take;
