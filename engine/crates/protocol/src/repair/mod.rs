//! Loss repaired between two Farsends.
//!
//! ```text
//!   sender                                                       receiver
//!   audio ──▶ Encoder ──audio, and after some a parity──▶ (net) ──▶ Decoder ──▶ what was lost
//!                ▲  ▲                                                │ │
//!      how often │  └──────────────── wanted again ◀── (net) ────────┘ │
//!              Policy ◀────────────── how it came  ◀── (net) ──────────┘
//! ```
//!
//! Two ways that complete each other, chosen by measurement (docs/repair.md):
//!
//! - *Again*: where the way there and back is short, what is missing is asked for, and sent once more. Costs
//!   nothing but what is lost.
//! - *Parities*: where it is long, a parity over the last [`SPAN`] datagrams follows after every few of them. Each
//!   is another sum, so that n parities give back any n that are missing, a burst too.
//!
//! A plain JackTrip is sent neither: [`Peer`](crate::jacktrip::Peer) knows who understands it. Nothing here
//! allocates after it was made, and the work of each call is bounded by some dozen passes over one datagram. (The
//! erasure codes on crates.io allocate where they reconstruct, and know blocks only, which repair later than a
//! window that slides.)

mod decoder;
mod encoder;
mod field;
mod policy;

pub use decoder::{Decoder, DecoderCounts};
pub use encoder::{Encoder, EncoderCounts};
pub use policy::{Policy, Situation};

use farsend_wire::repair::{CHECK_LEN, MAX_SPAN};

/// Audio datagrams that a parity is over.
pub const SPAN: u8 = MAX_SPAN;

/// The largest audio datagram that is repaired: 64 channels of 64 frames with 16 bits.
pub const MAX_PROTECTED: usize = 8 * 1024 + 16;

/// Datagrams that each side remembers. Divides 2^16, so that a number's low bits tell its place.
const MEMORY: usize = 64;

/// A datagram and its check.
const SYMBOL: usize = MAX_PROTECTED + CHECK_LEN;

/// The place of datagram `number` in the memory.
const fn place(number: u16) -> usize {
    number as usize % MEMORY
}
