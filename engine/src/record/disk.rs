//! Where recordings go: a folder, or whatever a test puts in its place.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

/// Makes files. Used by the disk thread alone; every method may block.
pub trait Disk: fmt::Debug + Send {
    /// A new file of this name.
    ///
    /// # Errors
    /// One of that name is there, or whatever the system says.
    fn create(&mut self, name: &str) -> io::Result<Box<dyn DiskFile>>;

    /// One that was created and closed before.
    ///
    /// # Errors
    /// Whatever the system says.
    fn reopen(&mut self, name: &str) -> io::Result<Box<dyn DiskFile>>;

    /// Bytes that are left, where that can be told.
    fn free(&self) -> Option<u64>;
}

/// An open file. Dropping it closes it.
pub trait DiskFile: fmt::Debug + Send {
    /// Writes `bytes` at a position, beyond the end, too: what lies between is zeros.
    ///
    /// # Errors
    /// Whatever the system says; some of the bytes may be there.
    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts the file, or lengthens it with zeros (which need no room where the file system can do that).
    ///
    /// # Errors
    /// Whatever the system says.
    fn set_len(&mut self, bytes: u64) -> io::Result<()>;
}

/// A folder of a real disk.
#[derive(Debug)]
pub struct Folder(pub PathBuf);

impl Disk for Folder {
    fn create(&mut self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        open(options.write(true).create_new(true), self.0.join(name))
    }

    fn reopen(&mut self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        open(OpenOptions::new().write(true), self.0.join(name))
    }

    #[cfg(unix)]
    #[allow(
        clippy::unnecessary_cast,
        clippy::useless_conversion,
        reason = "the types of these fields differ between systems"
    )]
    fn free(&self) -> Option<u64> {
        let there = nix::sys::statvfs::statvfs(&self.0).ok()?;
        // File systems that do not count say that they have none at all.
        if there.blocks() == 0 {
            return None;
        }
        // Of different width from system to system.
        u64::from(there.blocks_available()).checked_mul(there.fragment_size() as u64)
    }

    #[cfg(not(unix))]
    fn free(&self) -> Option<u64> {
        None
    }
}

fn open(options: &OpenOptions, path: PathBuf) -> io::Result<Box<dyn DiskFile>> {
    Ok(Box::new(OpenFile {
        file: options.open(path)?,
        cursor: 0,
    }))
}

#[derive(Debug)]
struct OpenFile {
    file: File,
    /// Where the system writes next.
    cursor: u64,
}

impl DiskFile for OpenFile {
    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        if self.cursor != at {
            self.file.seek(SeekFrom::Start(at))?;
        }
        // Unknown after an error.
        self.cursor = u64::MAX;
        self.file.write_all(bytes)?;
        self.cursor = at + bytes.len() as u64;
        Ok(())
    }

    fn set_len(&mut self, bytes: u64) -> io::Result<()> {
        self.file.set_len(bytes)
    }
}
