//! Where the engine's socket and lock live: one directory a user, for that user alone.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// The directory in which plugins and engine meet. Plugin and engine find the same one, if they run as
/// the same user with the same environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeDir {
    path: PathBuf,
}

impl RuntimeDir {
    /// Finds the user's, and makes it if need be.
    ///
    /// It is `$FARSEND_RUNTIME_DIR`; else `farsend` in `$XDG_RUNTIME_DIR` or `/run/user/UID`; else
    /// `farsend-UID` in the directory for temporary files.
    pub fn find() -> Result<Self, RuntimeError> {
        let run = PathBuf::from(format!("/run/user/{}", system::user()));
        let run = system::is_own(&run).then_some(run);
        Self::at(place(
            |name| std::env::var_os(name),
            run,
            std::env::temp_dir(),
        ))
    }

    /// Takes this directory, and makes it (with those above) if need be.
    ///
    /// One that exists has to be the user's own and closed to all others: whoever can write in it
    /// could pose as the engine.
    pub fn at(path: impl Into<PathBuf>) -> Result<Self, RuntimeError> {
        let path = path.into();
        if let Some(above) = path.parent() {
            std::fs::create_dir_all(above).map_err(|cause| no(above, cause))?;
        }
        system::make_private(&path).map_err(|cause| no(&path, cause))?;
        system::check_private(&path)?;
        Ok(Self { path })
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The engine's control socket.
    pub fn socket(&self) -> PathBuf {
        self.path.join("engine.sock")
    }

    /// Locked by the running engine; holds its process id.
    pub fn lock(&self) -> PathBuf {
        self.path.join("engine.lock")
    }

    /// The control socket of the hub whose players log in at this port.
    pub fn hub_socket(&self, port: u16) -> PathBuf {
        self.path.join(format!("{HUB}{port}{SOCKET}"))
    }

    /// The ports of all hubs that have, or had, a control socket here.
    pub fn hub_ports(&self) -> Vec<u16> {
        let files = std::fs::read_dir(&self.path).into_iter().flatten();
        let names = files.flatten().map(|file| file.file_name());
        let port = |name: OsString| -> Option<u16> {
            let name = name.to_str()?.strip_prefix(HUB)?;
            name.strip_suffix(SOCKET)?.parse().ok()
        };
        let mut ports: Vec<u16> = names.filter_map(port).collect();
        ports.sort_unstable();
        ports
    }

    /// For what an engine writes that was started by a plugin.
    pub fn log(&self) -> PathBuf {
        self.path.join("engine.log")
    }

    /// What was written there before.
    pub fn log_before(&self) -> PathBuf {
        self.path.join("engine.log.1")
    }

    /// Begins another [log](Self::log), and keeps the last one as [that before](Self::log_before), in whose place it comes. Each write goes to its end.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn begin_log(&self) -> io::Result<std::fs::File> {
        let log = self.log();
        // An empty one tells nothing.
        if std::fs::metadata(&log).is_ok_and(|found| found.len() > 0) {
            std::fs::rename(&log, self.log_before())?;
        }
        let mut options = std::fs::OpenOptions::new();
        options.create(true).append(true).open(log)
    }
}

/// Around a hub's port in its socket's name.
const HUB: &str = "hub-";
const SOCKET: &str = ".sock";

/// Why there is no directory to meet in.
#[derive(Debug, Error)]
pub enum RuntimeError {
    /// It cannot be made or looked at.
    #[error("{} cannot be used", path.display())]
    System {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// It is no directory, or somebody else's.
    #[error("{} is not a directory of this user's", path.display())]
    NotOwn {
        /// What is there.
        path: PathBuf,
    },
    /// Others can look or write into it.
    #[error("{} is open to other users (mode {mode:03o}, 700 needed)", path.display())]
    Open {
        /// The directory.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
}

fn no(path: &Path, cause: io::Error) -> RuntimeError {
    RuntimeError::System {
        path: path.into(),
        cause,
    }
}

/// Which directory it is. `run` is the system's place for this user, if there is one.
fn place(
    variable: impl Fn(&str) -> Option<OsString>,
    run: Option<PathBuf>,
    temporary: PathBuf,
) -> PathBuf {
    // As XDG says, a path that is not absolute counts as none.
    let absolute = |name| {
        variable(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute("FARSEND_RUNTIME_DIR").unwrap_or_else(|| match absolute("XDG_RUNTIME_DIR").or(run) {
        Some(run) => run.join("farsend"),
        None => temporary.join(format!("farsend-{}", system::user())),
    })
}

#[cfg(unix)]
mod system {
    use std::io;
    use std::os::unix::fs::{DirBuilderExt, MetadataExt};
    use std::path::Path;

    use super::RuntimeError;

    pub(super) fn user() -> u32 {
        nix::unistd::geteuid().as_raw()
    }

    pub(super) fn make_private(path: &Path) -> io::Result<()> {
        match std::fs::DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            outcome => outcome,
        }
    }

    pub(super) fn is_own(path: &Path) -> bool {
        // Not through a link: in a directory for all, anybody can make one.
        std::fs::symlink_metadata(path).is_ok_and(|found| found.is_dir() && found.uid() == user())
    }

    pub(super) fn check_private(path: &Path) -> Result<(), RuntimeError> {
        if !is_own(path) {
            return Err(RuntimeError::NotOwn { path: path.into() });
        }
        let found = std::fs::symlink_metadata(path).map_err(|cause| super::no(path, cause))?;
        match found.mode() & 0o777 {
            mode if mode & 0o077 != 0 => Err(RuntimeError::Open {
                path: path.into(),
                mode,
            }),
            _ => Ok(()),
        }
    }
}

/// Elsewhere the directory for temporary files is the user's own.
#[cfg(not(unix))]
mod system {
    use std::io;
    use std::path::Path;

    use super::RuntimeError;

    pub(super) fn user() -> u32 {
        0
    }

    pub(super) fn make_private(path: &Path) -> io::Result<()> {
        std::fs::create_dir_all(path)
    }

    pub(super) fn is_own(path: &Path) -> bool {
        path.is_dir()
    }

    pub(super) fn check_private(_path: &Path) -> Result<(), RuntimeError> {
        Ok(())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::PathBuf;

    use super::{RuntimeDir, RuntimeError, place, system};

    #[test]
    fn the_directory_named_by_the_user_comes_first() {
        let choose = |ours: Option<&str>, xdg: Option<&str>, run: Option<&str>| {
            let variable = |name: &str| match name {
                "FARSEND_RUNTIME_DIR" => ours.map(Into::into),
                _ => xdg.map(Into::into),
            };
            place(variable, run.map(Into::into), "/t".into())
        };
        assert_eq!(
            choose(Some("/a"), Some("/x"), Some("/r")),
            PathBuf::from("/a")
        );
        assert_eq!(
            choose(None, Some("/x"), Some("/r")),
            PathBuf::from("/x/farsend")
        );
        assert_eq!(
            choose(Some("a"), Some("x"), Some("/r")),
            PathBuf::from("/r/farsend")
        );
        let user = system::user();
        assert_eq!(
            choose(None, None, None),
            PathBuf::from(format!("/t/farsend-{user}"))
        );
    }

    #[test]
    fn a_directory_is_made_for_the_user_alone_and_found_again() {
        let above = tempfile::tempdir().unwrap();
        let path = above.path().join("deep/farsend");
        let made = RuntimeDir::at(&path).unwrap();
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o700
        );
        assert_eq!(RuntimeDir::at(&path).unwrap(), made);
    }

    #[test]
    fn hubs_are_told_apart_by_their_ports() {
        let above = tempfile::tempdir().unwrap();
        let made = RuntimeDir::at(above.path().join("farsend")).unwrap();
        assert!(made.hub_ports().is_empty());
        for name in ["hub-4464.sock", "hub-4470.sock", "hub-x.sock", "hub-4.txt"] {
            std::fs::write(made.path().join(name), "").unwrap();
        }
        assert_eq!(made.hub_ports(), [4464, 4470]);
        assert!(made.hub_socket(4470).ends_with("hub-4470.sock"));
    }

    #[test]
    fn a_log_that_is_begun_anew_is_kept_once() {
        use std::io::Write as _;
        let above = tempfile::tempdir().unwrap();
        let made = RuntimeDir::at(above.path().join("farsend")).unwrap();
        let mut logs = Vec::new();
        for said in ["one", "two", "", "three"] {
            let mut log = made.begin_log().unwrap();
            log.write_all(said.as_bytes()).unwrap();
            logs.push(log);
        }
        let read = |path| std::fs::read_to_string(path).unwrap();
        assert_eq!(
            (read(made.log()), read(made.log_before())),
            ("three".into(), "two".into())
        );
        assert_eq!(std::fs::read_dir(made.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_directory_that_others_can_enter_is_refused() {
        let above = tempfile::tempdir().unwrap();
        let path = above.path().join("open");
        std::fs::create_dir(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let error = RuntimeDir::at(&path).unwrap_err();
        assert!(
            matches!(error, RuntimeError::Open { mode: 0o755, .. }),
            "{error}"
        );
    }

    #[test]
    fn a_link_or_a_file_is_refused() {
        let above = tempfile::tempdir().unwrap();
        let (link, file) = (above.path().join("link"), above.path().join("file"));
        symlink(above.path(), &link).unwrap();
        std::fs::write(&file, "").unwrap();
        for path in [link, file] {
            assert!(matches!(
                RuntimeDir::at(path).unwrap_err(),
                RuntimeError::NotOwn { .. }
            ));
        }
    }
}
