//! The files of takes that a plugin in a real host has recorded.

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use farsend_ipc::take_file::TakeHead;

/// The newest file of what the far end played that has more than so many frames, once nothing more happens to it: what is lost is
/// fetched within the first of both durations, or not any more; one that is laid along the timeline is waited for until the second.
///
/// # Errors
///
/// If there is none.
pub fn wait_for_take(
    folder: &Path,
    shortest: u64,
    (fetched, longest): (Duration, Duration),
) -> Result<PathBuf> {
    let begun = Instant::now();
    loop {
        sleep(Duration::from_secs(1));
        let files = files_in(folder);
        let is_at_work = files.iter().any(|path| {
            path.extension()
                .is_some_and(|extension| extension == "part")
        });
        if begun.elapsed() < fetched || is_at_work && begun.elapsed() < longest {
            continue;
        }
        let is_theirs = |path: &&PathBuf| {
            head(path).is_some_and(|head| !head.is_send && head.frames > shortest)
        };
        let take = files.iter().rfind(is_theirs).cloned();
        return take.with_context(|| format!("there is no take of the far end: {files:?}"));
    }
}

/// What a file says of itself, if it is a take.
pub fn head(path: &Path) -> Option<TakeHead> {
    let mut file = std::fs::File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    TakeHead::read(&mut file, length).ok()
}

/// What is in the folders of all sessions, in order.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = |folder: &Path| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect::<Vec<_>>()
    };
    let sessions = entries(folder);
    let mut files: Vec<PathBuf> = sessions
        .iter()
        .flat_map(|session| entries(session))
        .collect();
    files.sort();
    files
}
