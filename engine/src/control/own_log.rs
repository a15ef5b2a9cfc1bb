//! What a plugin that starts us has us write to: a file that does not grow for ever, though we may run for weeks.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, Instant};

use farsend_ipc::runtime::RuntimeDir;
use nix::sys::stat::fstat;
use nix::unistd::dup2_stderr;

/// `engine.log`, where that is what our standard error goes to.
#[derive(Debug)]
pub(super) struct OwnLog {
    directory: RuntimeDir,
    largest: u64,
    next_look: Instant,
}

impl OwnLog {
    /// None where our standard error goes elsewhere: that is somebody else's to cut.
    pub(super) fn of(directory: &RuntimeDir) -> Option<Self> {
        let log = std::fs::metadata(directory.log()).ok()?;
        let ours = fstat(io::stderr()).ok()?;
        let is_it = (log.dev(), log.ino()) == (ours.st_dev, ours.st_ino);
        is_it.then(|| Self {
            directory: directory.clone(),
            largest: LARGEST,
            next_look: Instant::now(),
        })
    }

    /// One that has become too large is kept as the one before, in that one's place, and another begun. Some times a second, or seldom.
    pub(super) fn attend(&mut self, now: Instant) {
        if now < self.next_look {
            return;
        }
        self.next_look = now + LOOK_EVERY;
        let length = fstat(io::stderr()).map_or(0, |found| found.st_size.unsigned_abs());
        if length > self.largest {
            // What cannot be begun anew goes on as it is, and is looked at again.
            _ = self.directory.begin_log().map(dup2_stderr);
        }
    }
}

/// Bytes of a log that is large enough. Two of them may be there.
const LARGEST: u64 = 4 << 20;

/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);
