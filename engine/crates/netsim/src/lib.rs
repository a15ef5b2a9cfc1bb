//! A bad network in virtual time: the same seed gives the same losses, delays and duplicates on
//! every machine.
//!
//! A [`Path`] is one direction between two ends. It carries no bytes: it says when what was sent
//! arrives, if it does. A [`Way`] is a path that holds what it carries until then.
//!
//! A [`Clock`] says when an audio device with a crystal of its own wants its next block.
//!
//! ```
//! # use std::time::Duration;
//! # use farsend_netsim::{Loss, Path, PathConfig};
//! # use farsend_units::MonoTime;
//! let mut path = Path::new(PathConfig {
//!     seed: 7,
//!     delay: Duration::from_millis(10),
//!     loss: Loss::Bursts { rate: 0.03, length: 1.5 },
//!     ..PathConfig::default()
//! });
//! for arrival in path.send(MonoTime::from_nanos(0)) {
//!     assert!(arrival >= MonoTime::from_nanos(10_000_000));
//! }
//! ```

mod clock;
mod path;
mod random;
mod trace;
mod way;

pub use clock::{Change, Clock, ClockConfig, Tick};
pub use path::{Deliveries, Jitter, Loss, Path, PathConfig, Stalls};
pub use random::Random;
pub use trace::{Trace, TraceError};
pub use way::Way;
