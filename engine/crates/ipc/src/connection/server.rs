//! The engine's end: one engine a directory, many connections.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use super::{ConnectError, Connection, Deadline, ServerConnection, transport};
use crate::runtime::RuntimeDir;

/// The engine's control socket. While it lives, no other engine can have one in the same directory.
#[derive(Debug)]
pub struct Server {
    listener: transport::Listener,
    socket: PathBuf,
    /// Which file the socket is, so that we remove no other's.
    identity: Option<Identity>,
    /// Locked. The lock goes with the process, however that ends.
    _lock: File,
}

impl Server {
    /// Becomes the engine of this directory. A socket left by one that was killed is replaced.
    pub fn bind(directory: &RuntimeDir) -> Result<Self, BindError> {
        let socket = directory.socket();
        if socket.as_os_str().len() > transport::MOST_PATH {
            return Err(BindError::PathTooLong { socket });
        }
        let lock = lock(directory)?;
        // Nobody listens at a socket that is still there: who did had the lock.
        match std::fs::remove_file(&socket) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let listener = transport::Listener::bind(&socket)?;
        let identity = identity(&socket);
        Ok(Self {
            listener,
            socket,
            identity,
            _lock: lock,
        })
    }

    /// The next connection, `None` when none came within `patience`.
    ///
    /// An error is passing (too many open files, say) or final; wait a little before trying again.
    pub fn accept(&self, patience: Duration) -> io::Result<Option<Pending>> {
        let stream = self.listener.accept(Deadline::after(patience))?;
        Ok(stream.map(|stream| Pending { stream }))
    }

    /// Whether plugins still find this engine: false once its directory was removed or cleaned.
    pub fn is_reachable(&self) -> bool {
        identity(&self.socket) == self.identity
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.is_reachable() {
            let _ = std::fs::remove_file(&self.socket);
        }
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for Server {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

/// A connection that has not greeted yet. To be greeted on its own thread: it may take its time.
#[derive(Debug)]
pub struct Pending {
    stream: transport::Stream,
}

impl Pending {
    /// Exchanges greetings, as a program of version `program`. Blocks up to `patience`.
    pub fn greet(
        self,
        program: &str,
        patience: Duration,
    ) -> Result<ServerConnection, ConnectError> {
        Connection::greet(self.stream, program, Deadline::after(patience))
    }
}

/// Why an engine cannot be the one of its directory.
#[derive(Debug, Error)]
pub enum BindError {
    /// There is one.
    #[error("an engine is running already{}", pid.map_or_else(String::new, |pid| format!(" (process {pid})")))]
    AlreadyRunning {
        /// Its process, if it has written that down yet.
        pid: Option<u32>,
    },
    /// The system does not allow sockets with names as long.
    #[error("the path of {} is too long for a socket: set FARSEND_RUNTIME_DIR", socket.display())]
    PathTooLong {
        /// The socket.
        socket: PathBuf,
    },
    /// The system refused, or is one where this is not supported yet.
    #[error("the control socket cannot be made")]
    System(#[from] io::Error),
}

fn lock(directory: &RuntimeDir) -> Result<File, BindError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let mut file = options.open(directory.lock())?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            // Unreadable is as good as unwritten.
            let _ = file.take(32).read_to_string(&mut pid);
            return Err(BindError::AlreadyRunning {
                pid: pid.trim().parse().ok(),
            });
        }
        Err(TryLockError::Error(error)) => return Err(error.into()),
    }
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())?;
    Ok(file)
}

#[cfg(unix)]
type Identity = (u64, u64);

#[cfg(unix)]
fn identity(path: &std::path::Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    std::fs::symlink_metadata(path)
        .ok()
        .map(|found| (found.dev(), found.ino()))
}

#[cfg(not(unix))]
type Identity = ();

#[cfg(not(unix))]
fn identity(path: &std::path::Path) -> Option<Identity> {
    path.exists().then_some(())
}
