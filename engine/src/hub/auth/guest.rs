//! One connection that logs in inside TLS: bytes in and out, without ever blocking.

use std::io::{self, Cursor, ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use farsend_protocol::jacktrip::{Heard, Registrar};
use farsend_wire::jacktrip::{LogIn, Reply};
use nix::poll::PollFlags;
use rustls::{ServerConfig, ServerConnection};
use zeroize::Zeroizing;

/// Somebody between the first word and the answer.
#[derive(Debug)]
pub(super) struct Guest {
    pub(super) host: IpAddr,
    pub(super) id: u64,
    stream: TcpStream,
    tls: ServerConnection,
    /// What came together with the first word.
    early: Cursor<Vec<u8>>,
    came: Instant,
    /// Bytes that came.
    taken: usize,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// Until user and password are there, and judged.
    Speaks(Registrar),
    /// Until the hub's control thread says whether there is a place.
    Waits,
    /// Until the answer is with them.
    Leaves { until: Instant },
}

/// How a guest stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// More has to come.
    Stays,
    /// User and password are there: [`Guest::log_in`].
    Spoke,
    /// Nothing more to be done.
    Gone,
}

impl Guest {
    /// Of a connection that was told to go on with TLS; `early` came from it already. The stream does not block.
    pub(super) fn new(
        config: &Arc<ServerConfig>,
        id: u64,
        newcomer: (TcpStream, IpAddr, Vec<u8>),
        now: Instant,
    ) -> Result<Self, rustls::Error> {
        let (stream, host, early) = newcomer;
        Ok(Self {
            host,
            id,
            stream,
            tls: ServerConnection::new(config.clone())?,
            early: Cursor::new(early),
            came: now,
            taken: 0,
            stage: Stage::Speaks(Registrar::new()),
        })
    }

    /// Takes what has come and sends what is to go.
    pub(super) fn attend(&mut self, now: Instant) -> Standing {
        let is_late = match self.stage {
            Stage::Leaves { until } => now >= until,
            Stage::Speaks(_) | Stage::Waits => now >= self.deadline(),
        };
        if is_late || self.taken > MOST_BYTES {
            return Standing::Gone;
        }
        let is_open = self.read();
        let is_sent = self.write();
        match (is_open, is_sent, &self.stage) {
            (Ok(true), Ok(()), Stage::Speaks(registrar)) => match registrar.heard() {
                Heard::More => Standing::Stays,
                Heard::Whole(_) => Standing::Spoke,
                Heard::Nonsense(_) => Standing::Gone,
            },
            (Ok(true), Ok(()), _) => Standing::Stays,
            _ => Standing::Gone,
        }
    }

    /// What they said, while that is not answered.
    pub(super) fn log_in(&self) -> Option<LogIn<'_>> {
        match &self.stage {
            Stage::Speaks(registrar) => match registrar.heard() {
                Heard::Whole(log_in) => Some(log_in),
                Heard::More | Heard::Nonsense(_) => None,
            },
            Stage::Waits | Stage::Leaves { .. } => None,
        }
    }

    /// Their password was right. It is forgotten.
    pub(super) fn wait(&mut self) {
        self.stage = Stage::Waits;
    }

    /// The answer; they go when it is with them.
    pub(super) fn say(&mut self, reply: Reply, now: Instant) {
        // Into a buffer.
        _ = self.tls.writer().write_all(&reply.to_bytes());
        self.tls.send_close_notify();
        self.stage = Stage::Leaves {
            until: now + LEAVES_WITHIN,
        };
        _ = self.write();
    }

    /// When a log-in that is not finished ends.
    pub(super) fn deadline(&self) -> Instant {
        self.came + LOGGED_IN_WITHIN
    }

    /// Whether they have not said yet who they are.
    pub(super) const fn is_unknown(&self) -> bool {
        matches!(self.stage, Stage::Speaks(_))
    }

    /// What to wait for.
    pub(super) fn interest(&self) -> PollFlags {
        let mut flags = PollFlags::POLLIN;
        flags.set(PollFlags::POLLOUT, self.tls.wants_write());
        flags
    }

    /// Whether the other end has not closed.
    fn read(&mut self) -> io::Result<bool> {
        for _ in 0..READS_AT_ONCE {
            let mut from = (&mut self.early).chain(&self.stream);
            match self.tls.read_tls(&mut from) {
                Ok(0) => return Ok(false),
                Ok(count) => self.taken += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if self.tls.process_new_packets().is_err() {
                // TLS has an alert for them.
                _ = self.write();
                return Ok(false);
            }
            self.hear()?;
        }
        Ok(true)
    }

    /// What came through TLS. After the log-in it is nothing that matters.
    fn hear(&mut self) -> io::Result<()> {
        let mut bytes = Zeroizing::new([0; 512]);
        loop {
            let count = match self.tls.reader().read(&mut bytes[..]) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            if let Stage::Speaks(registrar) = &mut self.stage {
                registrar.handle_bytes(&bytes[..count]);
            }
        }
    }

    fn write(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut &self.stream) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if matches!(self.stage, Stage::Leaves { .. }) {
            // What is still to come is read until they close, too: else the answer might not reach them.
            _ = self.stream.shutdown(Shutdown::Write);
        }
        Ok(())
    }
}

impl AsFd for Guest {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// How long a log-in may take from the first word of TLS, with the wait after wrong passwords.
const LOGGED_IN_WITHIN: Duration = Duration::from_secs(10);
/// How long an answer may be on its way.
const LEAVES_WITHIN: Duration = Duration::from_secs(2);
/// What both TLS and a log-in need many times over.
const MOST_BYTES: usize = 32 * 1024;
/// Reads of 4 kB each.
const READS_AT_ONCE: usize = 4;
