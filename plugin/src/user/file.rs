//! A small JSON file that many change at once: instances, hosts, versions.
//!
//! ```text
//!   lock FILE.lock ─▶ read FILE ─▶ change ─▶ write FILE.new, sync ─▶ rename to FILE ─▶ unlock
//! ```
//! Who reads never waits, and sees the file as it was or as it is. A file that is no JSON of ours is put aside under another
//! name and said so; one that cannot be read for another reason is left alone.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

/// One such file. Its methods block on the disk: not for audio threads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserFile {
    path: PathBuf,
}

/// Why such a file cannot be had, or not be changed.
#[derive(Debug, Error)]
pub enum UserFileError {
    /// The system says so.
    #[error("{path}: {source}")]
    System {
        /// The file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// Another program has had it locked for half a second without a change to it, or others have changed it for seconds.
    #[error("{path} is being changed by another program")]
    Busy {
        /// The file.
        path: String,
    },
    /// It is larger than any of ours.
    #[error("{path} is too large to be one of Farsend's files")]
    TooLarge {
        /// The file.
        path: String,
    },
}

/// What tells one state of a file from another.
pub type Stamp = (SystemTime, u64);

impl UserFile {
    /// The file of this name in [`folder`](super::folder).
    pub fn named(name: &str) -> Option<Self> {
        Some(Self::at(super::folder()?.join(name)))
    }

    /// The file of this path.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is, or would be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Differs from the stamp before when the file was changed since; `None`: there is none.
    pub fn stamp(&self) -> Option<Stamp> {
        let about = fs::metadata(&self.path).ok()?;
        Some((about.modified().ok()?, about.len()))
    }

    /// What it holds, the default where there is none, and a note where it could not be understood. It stays as it is.
    ///
    /// # Errors
    /// [`UserFileError`], if it is there and cannot be read.
    pub fn read<T: DeserializeOwned + Default>(
        &self,
    ) -> Result<(T, Option<String>), UserFileError> {
        match self.parse()? {
            Parsed::Nothing => Ok((T::default(), None)),
            Parsed::Is(value) => Ok((value, None)),
            Parsed::Broken => Ok((T::default(), Some(self.unreadable()))),
        }
    }

    /// Changes what it holds, as it is now, and says how it is then. Nobody else changes it meanwhile. One that could not be
    /// understood is put aside first, of which the note tells.
    ///
    /// # Errors
    /// [`UserFileError`]; then the file is as it was.
    pub fn change<T: DeserializeOwned + Serialize + Default>(
        &self,
        change: impl FnOnce(&mut T),
    ) -> Result<(T, Option<String>), UserFileError> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(|source| self.system(source))?;
        let _lock = self.lock()?;
        let (mut value, note) = match self.parse()? {
            Parsed::Nothing => (T::default(), None),
            Parsed::Is(value) => (value, None),
            Parsed::Broken => (T::default(), Some(self.put_aside()?)),
        };
        change(&mut value);
        self.write(&value).map_err(|source| self.system(source))?;
        Ok((value, note))
    }

    fn parse<T: DeserializeOwned>(&self) -> Result<Parsed<T>, UserFileError> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Parsed::Nothing),
            Err(source) => return Err(self.system(source)),
        };
        let mut text = Vec::new();
        let read = file.take(MOST_BYTES + 1).read_to_end(&mut text);
        read.map_err(|source| self.system(source))?;
        if text.len() as u64 > MOST_BYTES {
            let path = self.shown();
            return Err(UserFileError::TooLarge { path });
        }
        Ok(serde_json::from_slice(&text).map_or(Parsed::Broken, Parsed::Is))
    }

    fn write<T: Serialize>(&self, value: &T) -> io::Result<()> {
        // Through a link, as people have who keep their settings elsewhere.
        let target = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let fresh = with_ending(&target, "new");
        let written = File::create(&fresh).and_then(|mut file| {
            let mut text = serde_json::to_vec_pretty(value)?;
            text.push(b'\n');
            file.write_all(&text)?;
            file.sync_all()
        });
        let placed = written.and_then(|()| fs::rename(&fresh, &target));
        if placed.is_err() {
            // Half a file is of no use to anybody.
            _ = fs::remove_file(&fresh);
        }
        placed
    }

    /// Holds others off until it is dropped.
    fn lock(&self) -> Result<File, UserFileError> {
        let path = with_ending(&self.path, "lock");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|source| self.system(source))?;
        // A disk that is busy takes long over each change, and whoever asks next may have it first: those who get on are waited for.
        let begun = Instant::now();
        let (mut seen, mut since) = (self.stamp(), begun);
        while since.elapsed() < PATIENCE && begun.elapsed() < MOST_PATIENCE {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
                Err(TryLockError::Error(source)) => return Err(self.system(source)),
            }
            let now = self.stamp();
            if now != seen {
                (seen, since) = (now, Instant::now());
            }
        }
        let path = self.shown();
        Err(UserFileError::Busy { path })
    }

    fn put_aside(&self) -> Result<String, UserFileError> {
        let aside = (1..)
            .map(|number| with_ending(&self.path, &format!("broken-{number}")))
            .find(|path| !path.exists())
            .expect("there are more numbers than files");
        fs::rename(&self.path, &aside).map_err(|source| self.system(source))?;
        let (path, aside) = (self.shown(), aside.display());
        Ok(format!(
            "{path} could not be understood; it was kept as {aside}."
        ))
    }

    fn unreadable(&self) -> String {
        let path = self.shown();
        format!("{path} cannot be understood; it is put aside when something is to be saved.")
    }

    fn shown(&self) -> String {
        self.path.display().to_string()
    }

    fn system(&self, source: io::Error) -> UserFileError {
        let path = self.shown();
        UserFileError::System { path, source }
    }
}

enum Parsed<T> {
    Nothing,
    Is(T),
    Broken,
}

/// `addresses.json` with `new` is `addresses.json.new`.
fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    path.with_file_name(name)
}

/// More than a thousand addresses.
const MOST_BYTES: u64 = 1 << 20;

/// For how long a change waits for that of another; the window stands meanwhile.
const PATIENCE: Duration = Duration::from_millis(500);
/// For how long it waits for those of many, one after the other.
const MOST_PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    type Numbers = BTreeMap<String, u32>;

    fn file() -> (tempfile::TempDir, UserFile) {
        let folder = tempfile::tempdir().expect("there is room for files");
        let file = UserFile::at(folder.path().join("deep/numbers.json"));
        (folder, file)
    }

    fn count(file: &UserFile, name: &str) -> Option<String> {
        let counted = file.change(|numbers: &mut Numbers| {
            *numbers.entry(name.into()).or_default() += 1;
        });
        counted.expect("it can be changed").1
    }

    #[test]
    fn changes_by_many_at_once_all_count() {
        let (_folder, file) = file();
        std::thread::scope(|scope| {
            for name in ["a", "b", "c", "d"] {
                let file = &file;
                scope.spawn(move || (0..5).for_each(|_| count_at_last(file, name)));
            }
        });
        let (numbers, note) = file.read::<Numbers>().expect("it can be read");
        assert_eq!(numbers.values().copied().collect::<Vec<_>>(), [5; 4]);
        assert_eq!(note, None);
    }

    /// Where a disk takes more than our patience over a single change, one of them is refused, and counts only when it is tried again.
    fn count_at_last(file: &UserFile, name: &str) {
        let begun = Instant::now();
        let one_more = |numbers: &mut Numbers| *numbers.entry(name.into()).or_default() += 1;
        while let Err(error) = file.change(one_more) {
            assert!(matches!(error, UserFileError::Busy { .. }), "{error}");
            assert!(begun.elapsed() < Duration::from_secs(60), "{error}");
        }
    }

    #[test]
    fn those_who_get_on_are_waited_for_and_one_who_does_not_for_half_a_second() {
        let (_folder, file) = file();
        count(&file, "a");
        let lock = file.lock().expect("nobody has it");
        let begun = Instant::now();
        let refused = file.change(|_: &mut Numbers| {});
        assert!(matches!(refused, Err(UserFileError::Busy { .. })));
        assert!(begun.elapsed() >= PATIENCE);
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| count(&file, "a"));
            for number in 0..12 {
                std::thread::sleep(PATIENCE / 5);
                // Not synced: a busy disk takes any time over that.
                let numbers = format!("{{\"a\": 1, \"b\": {number}}}");
                fs::write(file.path(), numbers).expect("there is room");
            }
            drop(lock);
            waits.join().expect("it was waited for");
        });
        let (numbers, _) = file.read::<Numbers>().expect("it can be read");
        assert_eq!(numbers.values().copied().collect::<Vec<_>>(), [2, 11]);
    }

    #[test]
    fn a_broken_file_is_kept_under_another_name_and_said_so() {
        let (folder, file) = file();
        assert_eq!(count(&file, "a"), None);
        for number in 1..=2 {
            fs::write(file.path(), b"{\"a\": 1").expect("it can be written");
            let (numbers, note) = file.read::<Numbers>().expect("it can be read");
            assert!(numbers.is_empty() && note.is_some());
            let note = count(&file, "b").expect("there is something to say");
            let kept = folder
                .path()
                .join(format!("deep/numbers.json.broken-{number}"));
            assert!(note.contains(&kept.display().to_string()), "{note}");
            assert_eq!(fs::read(kept).expect("it was kept"), b"{\"a\": 1");
            let (numbers, note) = file.read::<Numbers>().expect("it can be read");
            assert_eq!((numbers.get("b"), note), (Some(&1), None));
        }
    }

    #[test]
    fn what_is_no_file_or_too_large_is_left_alone() {
        let (_folder, file) = file();
        fs::create_dir_all(file.path()).expect("a folder can be made");
        assert!(file.change(|_: &mut Numbers| {}).is_err());
        fs::remove_dir(file.path()).expect("it is empty");
        fs::write(file.path(), vec![b' '; 2 << 20]).expect("there is room");
        let refused = file.change(|_: &mut Numbers| {});
        assert!(matches!(refused, Err(UserFileError::TooLarge { .. })));
        assert_eq!(file.stamp().map(|stamp| stamp.1), Some(2 << 20));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_the_file_stays_one() {
        let (folder, file) = file();
        count(&file, "a");
        let elsewhere = folder.path().join("elsewhere.json");
        fs::rename(file.path(), &elsewhere).expect("it can be moved");
        std::os::unix::fs::symlink(&elsewhere, file.path()).expect("links can be made");
        count(&file, "a");
        assert!(file.path().is_symlink());
        let (numbers, _) = UserFile::at(elsewhere)
            .read::<Numbers>()
            .expect("it is there");
        assert_eq!(numbers.get("a"), Some(&2));
    }
}
