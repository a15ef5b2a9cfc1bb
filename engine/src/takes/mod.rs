//! Takes: what the far end played while the host rolled, each in a file of its own that lies where it belongs on the host's timeline.
//!
//! ```text
//!  link thread                      takes thread                              control thread
//!  ┌────────────────────────┐       ┌───────────────────────────────────┐     ┌──────────┐
//!  │ Tap  packets by number ├──────▶│ Clerk  Place: where they belong   │◀────┤ TakeDesk │
//!  │      what was sent     │ rings │        Track: Broadcast WAV files ├────▶│   Book   │
//!  │      the transport     │       │        bend:  if they do not fit  │     └──────────┘
//!  └────────────────────────┘       └───────────────────────────────────┘
//! ```
//! A take is recorded in the far end's own packets, by their numbers, whenever and however those come. So it is what was played to the
//! bit, and what is missing is known. Its place is where the player was: at what they heard of the send while they played.

mod bend;
mod book;
mod clerk;
mod desk;
mod ledger;
mod leftovers;
mod looped;
mod names;
mod numbers;
mod place;
mod tap;
#[cfg(test)]
mod tests;
mod track;
mod underway;

pub use desk::{TakeDesk, TakeList};
pub use ledger::{KEPT, Ledger};
pub use looped::MeasuredLoop;
pub use place::{Fit, Pair, Place, TOLERANCE};
pub use tap::{Tap, Way};
pub use underway::Unwritten;
