//! What a player was hearing as they played something: told by their end, since nobody else can know it.
//!
//! ```text
//!   the far end                                            here
//!   played:   our frame f ─┐ at one place
//!   captured: packet n ────┴─▶ Teller ──n, f──▶ (net) ──▶ Relation: n began at f
//! ```
//! The far end's device (or plugin's host, or timer) asks for a block and gives one at a time; their frames lie on one *line*, at the same place where they
//! are of the same moment: what is captured there is captured while that is played. Converters lie outside of that line:
//! what leaves for one is heard `playback` frames later, and what comes from one was captured `capture` frames earlier. So a
//! frame was captured as one was heard that lies `playback + capture` frames before it. Where that sum is known (JACK's port latencies), the teller takes it off;
//! where it is not, the relation is of the program's own edge, and the converters' delay is in it.
//!
//! A word of it is small, and no JackTrip takes notice of it ([`Hearing`](farsend_wire::jacktrip::Hearing)). It is said some times a second, and at once where the
//! line that was told bends or breaks: both ends of a break are told, twice. Nothing is smoothed.

mod relation;
mod teller;

pub use relation::{Heard, Relation, RelationCounts, Streams};
pub use teller::Teller;
