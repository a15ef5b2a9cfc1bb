//! What an engine that was killed while it laid a take along the timeline has left: a part of a file, beside the take as it came.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::names;

/// Where a take is written anew, until that is done.
pub(super) fn part_of(take: &Path) -> PathBuf {
    take.with_extension(PART)
}

/// As long as it is open nobody takes this file for a leftover, where the file system knows locks.
pub(super) fn hold(part: &Path) -> io::Result<File> {
    let file = File::open(part)?;
    // Elsewhere nothing is swept.
    _ = file.try_lock();
    Ok(file)
}

/// Removes what nobody writes any more. The takes themselves stay: they are as they came, and where they were thought to belong.
pub(super) fn sweep(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries {
        let path = entry.path();
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if is_file && is_leftover(&path).unwrap_or(false) {
            _ = fs::remove_file(path);
        }
    }
}

fn is_leftover(path: &Path) -> io::Result<bool> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_named_so = path.extension().is_some_and(|it| it == PART) && names::is_take(&name);
    if !is_named_so {
        return Ok(false);
    }
    let file = File::open(path)?;
    let mut head = Vec::new();
    (&file).take(HEAD).read_to_end(&mut head)?;
    // Somebody else's half of a download is not ours to remove.
    let is_ours = head.is_empty() || names::is_described(&head);
    Ok(is_ours && file.try_lock().is_ok())
}

const PART: &str = "part";
/// Bytes of a file within which it says what it is.
const HEAD: u64 = 512;
