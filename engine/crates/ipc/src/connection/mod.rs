//! A local socket between a plugin and the engine, for messages and for handing over segments.
//!
//! ```text
//!   engine: Server::bind ── accept ──▶ Pending ── greet ──▶ ServerConnection ┐
//!                                                                            ├ send, receive
//!   plugin: connect ───────────────────────────────────────▶ ClientConnection┘
//! ```
//! Everything here blocks, up to the patience given, and so is for control threads. Both ends greet
//! first ([`Hello`]); ends of different protocols part with an error that names both programs.

mod server;
#[cfg(unix)]
mod unix;
#[cfg(not(unix))]
mod unsupported;

#[cfg(unix)]
use unix as transport;
#[cfg(not(unix))]
use unsupported as transport;

use std::collections::VecDeque;
use std::io;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

pub use server::{BindError, Pending, Server};

use crate::message::{
    self, Deframer, FrameError, FromEngine, Hello, HelloError, PROTOCOL, ToEngine, Version,
};
use crate::segment::SegmentHandle;
use crate::sys::Handle;

/// A plugin's connection to the engine.
pub type ClientConnection = Connection<ToEngine, FromEngine>;

/// The engine's connection to a plugin.
pub type ServerConnection = Connection<FromEngine, ToEngine>;

/// Connects to the engine that listens at `socket`, as a program of version `program`.
///
/// Blocks up to `patience`, for all of it.
pub fn connect(
    socket: &Path,
    program: &str,
    patience: Duration,
) -> Result<ClientConnection, ConnectError> {
    let deadline = Deadline::after(patience);
    let stream =
        transport::Stream::connect(socket, deadline).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => ConnectError::NoEngine {
                socket: socket.into(),
            },
            _ => ConnectError::Connection(error.into()),
        })?;
    Connection::greet(stream, program, deadline)
}

/// Two programs that have greeted. `Out` is what this end says, `In` what it hears.
#[derive(Debug)]
pub struct Connection<Out, In> {
    sender: Sender<Out>,
    receiver: Receiver<In>,
    theirs: Version,
}

impl<Out: Serialize, In: Message> Connection<Out, In> {
    /// Says who we are, hears who they are.
    fn greet(
        stream: transport::Stream,
        program: &str,
        deadline: Deadline,
    ) -> Result<Self, ConnectError> {
        let ours = Version::ours(program);
        let stream = Arc::new(stream);
        let mut sender = Sender {
            stream: Arc::clone(&stream),
            broken: false,
            messages: PhantomData,
        };
        let mut receiver = Receiver {
            stream,
            bytes: Deframer::default(),
            handles: VecDeque::new(),
            messages: PhantomData,
        };
        let hello = Hello {
            version: ours.clone(),
        };
        let hello = message::encode_raw(&hello.to_bytes()).map_err(ConnectionError::from)?;
        sender.write(&hello, None, deadline)?;
        let theirs = loop {
            if let Some(body) = receiver.bytes.next_raw().map_err(ConnectionError::from)? {
                break Hello::parse(&body)?.version;
            }
            receiver.read(deadline)?;
        };
        if theirs.protocol != PROTOCOL {
            return Err(ConnectError::OtherVersion { ours, theirs });
        }
        Ok(Self {
            sender,
            receiver,
            theirs,
        })
    }

    /// The version of the program at the other end; its protocol is ours.
    pub fn theirs(&self) -> &Version {
        &self.theirs
    }

    /// Sends a message, unless the other end does not take it within `patience`.
    ///
    /// After [`ConnectionError::TimedOut`] the connection is as good as before: the message was not
    /// sent at all. With no patience it is sent if there is room at once.
    pub fn send(&mut self, message: &Out, patience: Duration) -> Result<(), ConnectionError> {
        self.sender.send(message, patience)
    }

    /// The next message; `None` when none came whole within `patience`, which is no error.
    ///
    /// With no patience it is one that came already.
    pub fn receive(&mut self, patience: Duration) -> Result<Option<In>, ConnectionError> {
        self.receiver.receive(patience)
    }
}

impl<Out> Connection<Out, FromEngine> {
    /// The segment that came with a [`FromEngine::Opened`]: ask when that was received. `None` if it
    /// did not come with one, or was taken.
    pub fn take_segment(&mut self) -> Option<SegmentHandle> {
        self.receiver.take_segment()
    }
}

impl<In> Connection<FromEngine, In> {
    /// Sends [`FromEngine::Opened`], and the segment with it.
    pub fn send_segment(
        &mut self,
        generation: u64,
        segment: &SegmentHandle,
        patience: Duration,
    ) -> Result<(), ConnectionError> {
        self.sender.send_segment(generation, segment, patience)
    }
}

/// The end that says things.
#[derive(Debug)]
struct Sender<Out> {
    stream: Arc<transport::Stream>,
    /// Half a message was sent: what would follow cannot be understood.
    broken: bool,
    messages: PhantomData<fn(Out)>,
}

impl<Out: Serialize> Sender<Out> {
    fn send(&mut self, message: &Out, patience: Duration) -> Result<(), ConnectionError> {
        self.write(&message::encode(message)?, None, Deadline::after(patience))
    }
}

impl Sender<FromEngine> {
    fn send_segment(
        &mut self,
        generation: u64,
        segment: &SegmentHandle,
        patience: Duration,
    ) -> Result<(), ConnectionError> {
        let message = message::encode(&FromEngine::Opened { generation })?;
        self.write(&message, Some(segment), Deadline::after(patience))
    }
}

impl<Out> Sender<Out> {
    fn write(
        &mut self,
        bytes: &[u8],
        segment: Option<&SegmentHandle>,
        deadline: Deadline,
    ) -> Result<(), ConnectionError> {
        if self.broken {
            return Err(ConnectionError::Closed);
        }
        let mut handles: &[&Handle] = &[];
        let both;
        if let Some(segment) = segment {
            both = [&segment.memory, &segment.bell];
            handles = &both;
        }
        let mut sent = 0;
        while sent < bytes.len() {
            match self.stream.write(&bytes[sent..], handles, deadline) {
                Ok(0) => {
                    self.broken = true;
                    return Err(ConnectionError::Closed);
                }
                Ok(more) => sent += more,
                Err(error) => {
                    self.broken = sent > 0;
                    return Err(error.into());
                }
            }
            // They went with the first byte.
            handles = &[];
        }
        Ok(())
    }
}

/// The end that hears things.
#[derive(Debug)]
struct Receiver<In> {
    stream: Arc<transport::Stream>,
    bytes: Deframer,
    /// Came, and were not asked for yet.
    handles: VecDeque<Handle>,
    messages: PhantomData<fn() -> In>,
}

impl<In: DeserializeOwned> Receiver<In> {
    fn receive(&mut self, patience: Duration) -> Result<Option<In>, ConnectionError> {
        let deadline = Deadline::after(patience);
        loop {
            if let Some(message) = self.bytes.next_message()? {
                return Ok(Some(message));
            }
            match self.read(deadline) {
                Err(ConnectionError::TimedOut) => return Ok(None),
                outcome => outcome?,
            }
        }
    }
}

impl Receiver<FromEngine> {
    fn take_segment(&mut self) -> Option<SegmentHandle> {
        let memory = self.handles.pop_front()?;
        let bell = self.handles.pop_front()?;
        Some(SegmentHandle { memory, bell })
    }
}

impl<In> Receiver<In> {
    fn read(&mut self, deadline: Deadline) -> Result<(), ConnectionError> {
        let mut bytes = [0; 4096];
        let got = self.stream.read(&mut bytes, &mut self.handles, deadline)?;
        self.handles.truncate(MOST_HANDLES);
        if got == 0 {
            return Err(ConnectionError::Closed);
        }
        self.bytes.push(&bytes[..got]);
        Ok(())
    }
}

/// What a [`Connection`] can hear.
pub trait Message: DeserializeOwned {}

impl Message for ToEngine {}
impl Message for FromEngine {}

/// Why there is no connection.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// Nobody listens there.
    #[error("no engine runs (nothing listens at {})", socket.display())]
    NoEngine {
        /// Where it would.
        socket: PathBuf,
    },
    /// The two programs speak different protocols.
    #[error("this is {ours}, and the other end is {theirs}: install the same version of both")]
    OtherVersion {
        /// This program.
        ours: Version,
        /// The other end's.
        theirs: Version,
    },
    /// Something listens that does not greet as we do.
    #[error("the other end is no Farsend program")]
    Greeting(#[from] HelloError),
    /// It was lost at once, or never answered.
    #[error("the other end did not greet")]
    Connection(#[from] ConnectionError),
}

/// Why a connection goes no further. But for [`TimedOut`](Self::TimedOut), drop it.
#[derive(Debug, Error)]
pub enum ConnectionError {
    /// The other end did not take (or send) anything in time.
    #[error("the other end did not answer in time")]
    TimedOut,
    /// The other end is gone, or has closed the connection.
    #[error("the other end closed the connection")]
    Closed,
    /// It said what cannot be understood.
    #[error(transparent)]
    Message(#[from] FrameError),
    /// The system refused.
    #[error("the connection failed")]
    System(#[source] io::Error),
}

impl From<io::Error> for ConnectionError {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind::{BrokenPipe, ConnectionReset, TimedOut};
        match error.kind() {
            TimedOut => Self::TimedOut,
            BrokenPipe | ConnectionReset => Self::Closed,
            _ => Self::System(error),
        }
    }
}

/// When patience ends.
#[derive(Debug, Clone, Copy)]
struct Deadline(Instant);

impl Deadline {
    /// At most an hour, so that no sum overflows.
    fn after(patience: Duration) -> Self {
        Self(Instant::now() + patience.min(Duration::from_secs(3600)))
    }

    fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}

/// More descriptors than are ever on their way; others are closed at once.
const MOST_HANDLES: usize = 8;
