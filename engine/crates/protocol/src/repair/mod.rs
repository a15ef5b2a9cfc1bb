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
//! And a third for one who records, when it is too late for playing: the sender keeps a [`History`], and the [`Fetcher`] asks
//! for what is missing of it, slowly, until it has everything.
//!
//! A plain JackTrip is sent neither: [`Peer`](crate::jacktrip::Peer) knows who understands it. Nothing here
//! allocates after it was made, and the work of each call is bounded by some dozen passes over one datagram. (The
//! crates for erasure codes allocate where they reconstruct, and know blocks only, which repair later than a window
//! that slides.)

mod decoder;
mod encoder;
mod fetcher;
mod field;
mod history;
mod policy;

pub use decoder::{Decoder, DecoderCounts};
pub use encoder::{Encoder, EncoderCounts};
pub use fetcher::{Fetched, Fetcher, Settled};
pub use history::{History, HistorySize};
pub use policy::{Policy, Situation};

use farsend_wire::repair::{CHECK_LEN, MAX_SPAN};

/// Audio datagrams that a parity is over.
pub const SPAN: u8 = MAX_SPAN;

/// The largest audio datagram that is repaired: 64 channels of 64 frames with 16 bits.
pub const MAX_PROTECTED: usize = 8 * 1024 + 16;

/// Datagrams that a [`History`] keeps at most: less than 2^15, so that 16 bits tell which one is meant. At 48 kHz and 64 frames that is 42 s.
pub const MOST_KEPT: usize = 32_000;

/// Of so many bytes of audio one may be sent for an answer to who records. (An eighth of the packets is asked for, and answers are somewhat longer.)
const PACE_OF_ANSWERS: usize = 7;

/// Datagrams that each side remembers. Divides 2^16, so that a number's low bits tell its place.
const MEMORY: usize = 64;

/// A datagram and its check.
const SYMBOL: usize = MAX_PROTECTED + CHECK_LEN;

/// The place of datagram `number` in the memory.
const fn place(number: u16) -> usize {
    number as usize % MEMORY
}
