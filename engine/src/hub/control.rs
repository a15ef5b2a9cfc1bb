//! The hub's control socket: a file in the user's runtime directory where this machine's command line and scripts ask. Served by
//! the control thread, which never waits for any of them.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use farsend_ipc::hub::{Answer, Lines, Request, Why};
use farsend_ipc::runtime::{RuntimeDir, RuntimeError};
use thiserror::Error;

/// The listener and those who ask. Dropped, it takes its file away.
#[derive(Debug)]
pub(super) struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Device and number of the file: it is taken away only if it is still ours.
    file: Option<(u64, u64)>,
    callers: Vec<Caller>,
}

/// Why a hub cannot be asked for anything.
#[derive(Debug, Error)]
pub(super) enum ControlError {
    /// There is no directory for it.
    #[error("{0}")]
    Directory(#[from] RuntimeError),
    /// Another hub has the file: one on another network with the same port.
    #[error("{} is another hub's", path.display())]
    Taken {
        /// Where it is.
        path: PathBuf,
    },
    /// The system.
    #[error("{} cannot be made: {source}", path.display())]
    System {
        /// What was to be made.
        path: PathBuf,
        /// Its answer.
        source: io::Error,
    },
}

#[derive(Debug)]
struct Caller {
    stream: UnixStream,
    lines: Lines,
    /// Answers that were not taken yet.
    out: Vec<u8>,
    /// When something came or went last.
    active: Instant,
    /// Nothing more is heard from there: what waits is said, and that is all.
    closing: bool,
}

impl ControlSocket {
    /// Listens in the user's runtime directory for the hub of this port.
    ///
    /// # Errors
    /// [`ControlError`]. A hub plays without it, too.
    pub(super) fn open(port: u16) -> Result<Self, ControlError> {
        Self::open_in(&RuntimeDir::find()?, port)
    }

    fn open_in(directory: &RuntimeDir, port: u16) -> Result<Self, ControlError> {
        let path = directory.hub_socket(port);
        let system = |source| ControlError::System {
            path: path.clone(),
            source,
        };
        if UnixStream::connect(&path).is_ok() {
            return Err(ControlError::Taken { path });
        }
        // Left behind by one that was killed.
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(system(error)),
            _ => {}
        }
        let listener = UnixListener::bind(&path).map_err(system)?;
        listener.set_nonblocking(true).map_err(system)?;
        let file = std::fs::symlink_metadata(&path);
        Ok(Self {
            listener,
            file: file.ok().map(|file| (file.dev(), file.ino())),
            path,
            callers: Vec::new(),
        })
    }

    /// Hears who is there and says what `answer` gives. Returns at once.
    pub(super) fn attend(&mut self, answer: &mut dyn FnMut(Request) -> Answer) {
        let now = Instant::now();
        for _ in 0..ACCEPTED_AT_ONCE {
            let Ok((stream, _)) = self.listener.accept() else {
                break;
            };
            if stream.set_nonblocking(true).is_err() {
                continue;
            }
            if self.callers.len() >= MOST_CALLERS {
                // The one who has been idle for longest makes room.
                let idle = (0..self.callers.len()).min_by_key(|index| self.callers[*index].active);
                idle.map(|index| self.callers.remove(index));
            }
            self.callers.push(Caller {
                stream,
                lines: Lines::default(),
                out: Vec::new(),
                active: now,
                closing: false,
            });
        }
        self.callers.retain_mut(|caller| caller.attend(now, answer));
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        let found = std::fs::symlink_metadata(&self.path);
        let found = found.ok().map(|file| (file.dev(), file.ino()));
        if found.is_some() && found == self.file {
            _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Caller {
    /// False: that was all.
    fn attend(&mut self, now: Instant, answer: &mut dyn FnMut(Request) -> Answer) -> bool {
        if now.duration_since(self.active) >= IDLE_FOR {
            return false;
        }
        // Who does not take the answers is not asked for more.
        for _ in 0..MOST_REQUESTS {
            if !self.say(now) {
                return false;
            }
            if !self.out.is_empty() {
                return true;
            }
            match self.lines.next_line() {
                Ok(Some(line)) => {
                    let answer = match Request::parse(&line) {
                        Ok(request) => answer(request),
                        Err(error) => not_understood(&error),
                    };
                    self.out = answer.to_line();
                }
                Ok(None) if self.closing => return false,
                Ok(None) if !self.hear(now) => return true,
                Ok(None) => {}
                Err(error) => {
                    self.out = not_understood(&error).to_line();
                    self.say(now);
                    return false;
                }
            }
        }
        true
    }

    /// Reads what is there. False: nothing, for now.
    fn hear(&mut self, now: Instant) -> bool {
        let mut bytes = [0; 1024];
        match self.stream.read(&mut bytes) {
            Ok(0) => {
                self.closing = true;
                true
            }
            Ok(count) => {
                self.active = now;
                self.lines.push(bytes.get(..count).unwrap_or_default());
                true
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                false
            }
            Err(_) => {
                self.closing = true;
                true
            }
        }
    }

    /// Writes what goes out at once. False: nobody takes it.
    fn say(&mut self, now: Instant) -> bool {
        while !self.out.is_empty() {
            match self.stream.write(&self.out) {
                Ok(0) => return false,
                Ok(count) => {
                    self.active = now;
                    self.out.drain(..count);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
        true
    }
}

fn not_understood(error: &dyn std::fmt::Display) -> Answer {
    Answer::Refused {
        why: Why::NotUnderstood,
        text: error.to_string(),
        players: Vec::new(),
    }
}

const MOST_CALLERS: usize = 32;
const ACCEPTED_AT_ONCE: usize = 16;
/// Steps for one caller at a look.
const MOST_REQUESTS: usize = 16;
/// Who neither asks nor listens for so long is let go.
const IDLE_FOR: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use farsend_ipc::hub::MOST_LINE;

    use super::*;

    fn socket() -> (tempfile::TempDir, RuntimeDir, ControlSocket) {
        let above = tempfile::tempdir().unwrap();
        let directory = RuntimeDir::at(above.path().join("run")).unwrap();
        let socket = ControlSocket::open_in(&directory, 4464).unwrap();
        (above, directory, socket)
    }

    fn caller(directory: &RuntimeDir) -> UnixStream {
        let stream = UnixStream::connect(directory.hub_socket(4464)).unwrap();
        stream.set_nonblocking(true).unwrap();
        stream
    }

    fn attend(socket: &mut ControlSocket) {
        socket.attend(&mut |request| Answer::Done {
            text: format!("{request:?}"),
        });
    }

    /// All that is said until the end, or until nothing is said for a while.
    fn heard(socket: &mut ControlSocket, stream: &mut UnixStream) -> String {
        let mut bytes = Vec::new();
        for _ in 0..10 {
            attend(socket);
            _ = stream.read_to_end(&mut bytes);
        }
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn each_line_has_its_answer_in_order_and_nonsense_ends_nothing() {
        let (_above, directory, mut socket) = socket();
        let mut stream = caller(&directory);
        stream
            .write_all(b"{\"do\":\"status\"}\nabc\n{\"do\":\"pat")
            .unwrap();
        let first = heard(&mut socket, &mut stream);
        let lines: Vec<&str> = first.lines().collect();
        assert_eq!(lines.len(), 2, "{first}");
        assert!(lines[0].contains("Status") && lines[1].contains("not_understood"));
        stream.write_all(b"ch\",\"mode\":\"all\"}\n").unwrap();
        assert!(heard(&mut socket, &mut stream).contains("Patch"));
    }

    #[test]
    fn who_stops_talking_still_hears_the_answer() {
        let (_above, directory, mut socket) = socket();
        let mut stream = caller(&directory);
        stream.write_all(b"{\"do\":\"status\"}\n{\"do\"").unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(heard(&mut socket, &mut stream).lines().count(), 1);
        assert!(socket.callers.is_empty());
    }

    #[test]
    fn a_line_without_end_is_refused_and_hung_up_on() {
        let (_above, directory, mut socket) = socket();
        let mut stream = caller(&directory);
        stream.write_all(&[b'x'; MOST_LINE + 1]).unwrap();
        assert!(heard(&mut socket, &mut stream).contains("4096"));
        assert!(socket.callers.is_empty());
    }

    #[test]
    fn who_does_not_listen_is_not_answered_for_ever_and_disturbs_nobody() {
        let (_above, directory, mut socket) = socket();
        let mut deaf = caller(&directory);
        let mut said = 0;
        for _ in 0..20_000 {
            said += usize::from(deaf.write(b"{\"do\":\"status\"}\n").is_ok());
            attend(&mut socket);
        }
        assert!(said < 20_000, "somebody reads on without end");
        let mut stream = caller(&directory);
        stream.write_all(b"{\"do\":\"status\"}\n").unwrap();
        assert!(heard(&mut socket, &mut stream).contains("Status"));
    }

    #[test]
    fn a_hundred_who_say_nothing_keep_nobody_out() {
        let (_above, directory, mut socket) = socket();
        let _idle: Vec<UnixStream> = (0..100)
            .map(|_| {
                let stream = caller(&directory);
                attend(&mut socket);
                stream
            })
            .collect();
        assert!(socket.callers.len() <= MOST_CALLERS);
        let mut stream = caller(&directory);
        stream.write_all(b"{\"do\":\"status\"}\n").unwrap();
        assert!(heard(&mut socket, &mut stream).contains("Status"));
    }

    #[test]
    fn the_file_of_one_who_was_killed_is_taken_over_and_a_living_ones_is_not() {
        let (_above, directory, first) = socket();
        let again = ControlSocket::open_in(&directory, 4464);
        assert!(matches!(again, Err(ControlError::Taken { .. })));
        let path = directory.hub_socket(4464);
        drop(first);
        assert!(!path.exists());
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let second = ControlSocket::open_in(&directory, 4464).unwrap();
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "somebody else's").unwrap();
        drop(second);
        assert!(path.exists());
    }
}
