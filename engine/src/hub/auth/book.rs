//! The file of users on disk: read at the start, and again when it changes.

use std::fmt::Write as _;
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use farsend_protocol::jacktrip::{BadLine, Users};
use thiserror::Error;

use crate::cli::secret::is_open_to_all;

/// Why the users cannot be read.
#[derive(Debug, Error)]
pub enum BookError {
    /// There is no such file.
    #[error(
        "there is no credentials file {}: make it with `farsend hub --add-user NAME`, or say where it is with --creds", path.display()
    )]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// It cannot be read.
    #[error("the credentials file {} cannot be read: {source}", path.display())]
    Unreadable {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Others can read it.
    #[error(
        "everyone on this machine can read the credentials file {}, and guess at its passwords: run `chmod 600 {}`", path.display(), path.display()
    )]
    Open {
        /// Which one.
        path: PathBuf,
    },
    /// No file of users is that long.
    #[error("the credentials file {} is longer than {} MiB: is it the right file?", path.display(), MOST_BYTES >> 20)]
    TooLong {
        /// Which one.
        path: PathBuf,
    },
    /// Lines that cannot be read.
    #[error("the credentials file {} is not understood:{}\nCorrect these lines, or begin them with #", path.display(), lines(bad))]
    Bad {
        /// Which one.
        path: PathBuf,
        /// All of them.
        bad: Vec<BadLine>,
    },
    /// Nobody could log in.
    #[error(
        "the credentials file {} has no users: add one with `farsend hub --add-user NAME`", path.display()
    )]
    Empty {
        /// Which one.
        path: PathBuf,
    },
}

/// The users, and what the file was like when they were read.
#[derive(Debug)]
pub(in crate::hub) struct Book {
    path: PathBuf,
    users: Users,
    seen: Option<Stamp>,
}

/// What changes when a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    file: (u64, u64),
    length: u64,
    written: (i64, i64),
    changed: (i64, i64),
    mode: u32,
}

impl Book {
    /// Reads the file, which has to be in order.
    ///
    /// # Errors
    /// [`BookError`].
    pub(in crate::hub) fn open(path: &Path) -> Result<Self, BookError> {
        let seen = Stamp::of(path);
        let (users, bad) = read(path)?;
        let path = path.to_owned();
        if !bad.is_empty() {
            return Err(BookError::Bad { path, bad });
        }
        if users.count() == 0 {
            return Err(BookError::Empty { path });
        }
        Ok(Self { path, users, seen })
    }

    /// Reads it again if it has changed: gives the lines that are passed over, or why it could not be read, in which
    /// case the users of before stay.
    pub(super) fn reread(&mut self) -> Option<Result<Vec<BadLine>, BookError>> {
        let now = Stamp::of(&self.path);
        if now == self.seen {
            return None;
        }
        self.seen = now;
        Some(read(&self.path).map(|(users, bad)| {
            self.users = users;
            bad
        }))
    }

    pub(in crate::hub) const fn users(&self) -> &Users {
        &self.users
    }
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let of = |data: Metadata| Self {
            file: (data.dev(), data.ino()),
            length: data.len(),
            written: (data.mtime(), data.mtime_nsec()),
            changed: (data.ctime(), data.ctime_nsec()),
            mode: data.mode(),
        };
        std::fs::metadata(path).ok().map(of)
    }
}

fn read(path: &Path) -> Result<(Users, Vec<BadLine>), BookError> {
    let failed = |source: io::Error| match source.kind() {
        ErrorKind::NotFound => BookError::Missing {
            path: path.to_owned(),
        },
        _ => BookError::Unreadable {
            path: path.to_owned(),
            source,
        },
    };
    // A pipe that nobody writes to would be waited for.
    let mut options = File::options();
    let options = options
        .read(true)
        .custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits());
    let file = options.open(path).map_err(failed)?;
    if !file.metadata().is_ok_and(|data| data.is_file()) {
        return Err(failed(io::Error::other("it is no file")));
    }
    let path = path.to_owned();
    if is_open_to_all(&file) {
        return Err(BookError::Open { path });
    }
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| BookError::Unreadable {
            path: path.clone(),
            source,
        })?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(BookError::TooLong { path });
    }
    Ok(Users::parse(&bytes))
}

/// One below the other, but not without end.
fn lines(bad: &[BadLine]) -> String {
    let mut text = String::new();
    for line in bad.iter().take(MOST_LINES) {
        _ = write!(text, "\n  {line}");
    }
    if bad.len() > MOST_LINES {
        _ = write!(text, "\n  and {} more", bad.len() - MOST_LINES);
    }
    text
}

const MOST_BYTES: u64 = 4 << 20;
const MOST_LINES: usize = 10;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const ANN: &str = "ann:$6$abcdefgh$ltjgWl6579NluT/Vi1nwEvcil.G5Nbc4NiXZaNGStk8PSwGfQv72N2CKPPrVACtLtip/cZ/1GM/O6IND4WQhG.:*\n";

    fn put(path: &Path, text: &str, mode: u32) {
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_file_that_is_not_in_order_is_an_error_that_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users");
        let said = || Book::open(&path).unwrap_err().to_string();
        assert!(said().contains("--add-user"), "{}", said());
        put(&path, ANN, 0o644);
        assert!(said().contains("chmod 600"), "{}", said());
        put(&path, &format!("{ANN}\nben:secret:*\n"), 0o600);
        assert!(said().contains("line 3:"), "{}", said());
        assert!(!said().contains("secret"), "{}", said());
        put(&path, "# nobody yet\n", 0o600);
        assert!(said().contains("no users"), "{}", said());
        put(&path, ANN, 0o640);
        assert_eq!(Book::open(&path).unwrap().users().count(), 1);
    }

    #[test]
    fn a_file_that_changes_is_read_again_and_one_that_goes_leaves_the_users() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users");
        put(&path, ANN, 0o600);
        let mut book = Book::open(&path).unwrap();
        assert!(book.reread().is_none());
        put(
            &path,
            &format!("{}nonsense\n", ANN.replace("ann", "ben")),
            0o600,
        );
        let bad = book.reread().unwrap().unwrap();
        assert_eq!(bad[0].number, 2);
        assert!(book.users().knows("ben") && !book.users().knows("ann"));
        assert!(book.reread().is_none());
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(
            book.reread(),
            Some(Err(BookError::Missing { .. }))
        ));
        assert!(book.reread().is_none());
        assert!(book.users().knows("ben"));
        put(&path, ANN, 0o644);
        assert!(matches!(book.reread(), Some(Err(BookError::Open { .. }))));
        assert!(book.users().knows("ben"));
        put(&path, ANN, 0o600);
        assert!(book.reread().unwrap().unwrap().is_empty());
        assert!(book.users().knows("ann"));
    }
}
