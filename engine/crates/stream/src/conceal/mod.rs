//! What is heard in a gap, and how what was played is joined to what is played next.
//!
//! ```text
//!   history ─▶ Analyst (spread over periods, asleep unless a packet was lost lately) ─▶ long models
//!      │                                                                                  │
//!      └──▶ short model, made at the gap ──▶ Forecast: the model that would have foretold ◀┘
//!                                            the last frames better, run on into the gap;
//!                                            bent to meet the packet after it if that is here
//! ```
//!
//! [`Weaver`] is the state machine around it and holds the simpler inventions too. The comparison
//! that this was chosen by is in docs/concealment.md.

mod analyst;
mod bridge;
mod burg;
mod effort;
mod forecast;
mod levinson;
mod spectrum;
mod sums;
mod weaver;

pub(crate) use weaver::{Due, Span, Weaver};

/// What is played instead of what is missing. None of it clicks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Conceal {
    /// What the frames before foretell (linear prediction), bent to meet the next packet if that has
    /// come already, else cross-faded into it over 5 ms; silent after 80 ms.
    #[default]
    Predict,
    /// The last frames backwards, faded to silence over 15 ms; 5 ms of cross-fade on return.
    Fade,
    /// Silence, with ramps of 1.3 ms.
    Zero,
    /// The last period (as many as make 20 ms) over and over, for ever; 5 ms of cross-fade on return.
    Wavetable,
}
