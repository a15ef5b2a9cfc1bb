//! Recording of many tracks that line up: Broadcast WAV files, one time line, a disk that may be slow.
//!
//! ```text
//!  audio thread                    disk thread                          control thread
//!  ┌──────────────────┐  filled    ┌───────────────────────────────┐     ┌────────────────────────┐
//!  │ Tape  a pen each ├───────────▶│ Clerk                         │◀────┤ Recorder  opens tracks │
//!  │       track      │◀───────────┤   BroadcastFile ─▶ Disk, each │────▶│           asks, ends   │
//!  └──────────────────┘  empty     └───────────────────────────────┘     └────────────────────────┘
//!                        pages
//! ```
//!
//! The audio thread copies what is played into *pages* of a common pool, each of one track and with its position on the time
//! line. The disk thread puts every page where it belongs, so that whatever went missing in between is silence of the
//! same length, and gives the page back. Where the disk stalls for longer than the pool lasts, the audio thread finds no page,
//! counts, and goes on.
//!
//! Nothing here knows of hubs: whoever has an audio thread can hand it a [`Tape`].

mod clerk;
mod disk;
mod file;
mod head;
mod moment;
mod names;
mod recorder;
mod tape;

pub use clerk::TrackReport;
pub use disk::{Disk, DiskFile, Folder};
pub use file::BroadcastFile;
pub(crate) use head::history;
pub use head::{Depth, Head};
pub use moment::Moment;
pub use names::Names;
pub use recorder::{Ended, Progress, RecordError, Recorder, Trouble};
pub use tape::{Pen, Tape, TrackId};
