//! Unix sockets, with descriptors handed over beside the bytes (`SCM_RIGHTS`).

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::socket::{self, ControlMessage, ControlMessageOwned, MsgFlags};

use super::Deadline;
use crate::sys::Handle;

/// The longest path of a socket on any system that we know.
pub(super) const MOST_PATH: usize = 103;

/// A connected socket, never blocking but in `poll`.
#[derive(Debug)]
pub(super) struct Stream {
    socket: UnixStream,
}

impl Stream {
    pub(super) fn connect(path: &Path, deadline: Deadline) -> io::Result<Self> {
        // Made by hand, since a plain connect waits for as long as the other end's queue is full.
        let socket = UnixStream::from(new_socket()?);
        let stream = Self::new(socket)?;
        let address = socket::UnixAddr::new(path)?;
        loop {
            match socket::connect(stream.socket.as_raw_fd(), &address) {
                Ok(()) => return Ok(stream),
                Err(Errno::EAGAIN | Errno::EINTR) if !deadline.left().is_zero() => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(Errno::EAGAIN | Errno::EINTR) => return Err(io::ErrorKind::TimedOut.into()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn new(socket: UnixStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        #[cfg(target_vendor = "apple")]
        crate::sys::no_signal(socket.as_fd())?;
        Ok(Self { socket })
    }

    /// Reads what there is, 0 at the end. Descriptors that come along are appended.
    pub(super) fn read(
        &self,
        bytes: &mut [u8],
        handles: &mut VecDeque<Handle>,
        deadline: Deadline,
    ) -> io::Result<usize> {
        loop {
            let mut space = nix::cmsg_space!([RawFd; 8]);
            let mut parts = [IoSliceMut::new(bytes)];
            let (socket, flags) = (self.socket.as_raw_fd(), MsgFlags::MSG_DONTWAIT | CLOEXEC);
            match socket::recvmsg::<()>(socket, &mut parts, Some(&mut space), flags) {
                Ok(received) => {
                    // What did not fit was closed by the system: the rest is of no use either.
                    let whole = received.cmsgs().ok().into_iter().flatten();
                    for message in whole {
                        if let ControlMessageOwned::ScmRights(descriptors) = message {
                            handles.extend(descriptors.into_iter().map(own));
                        }
                    }
                    return Ok(received.bytes);
                }
                Err(Errno::EAGAIN) => wait(self.socket.as_fd(), PollFlags::POLLIN, deadline)?,
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Writes as much as there is room for, at least a byte. The descriptors go with the first.
    pub(super) fn write(
        &self,
        bytes: &[u8],
        handles: &[&Handle],
        deadline: Deadline,
    ) -> io::Result<usize> {
        let raw: Vec<RawFd> = handles.iter().map(|handle| handle.as_raw_fd()).collect();
        let rights = [ControlMessage::ScmRights(&raw)];
        let rights = if raw.is_empty() { &[][..] } else { &rights };
        loop {
            let parts = [IoSlice::new(bytes)];
            let (socket, flags) = (self.socket.as_raw_fd(), MsgFlags::MSG_DONTWAIT | NOSIGNAL);
            match socket::sendmsg::<()>(socket, &parts, rights, flags, None) {
                Ok(sent) => return Ok(sent),
                Err(Errno::EAGAIN) => wait(self.socket.as_fd(), PollFlags::POLLOUT, deadline)?,
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// A socket that others connect to.
#[derive(Debug)]
pub(super) struct Listener {
    socket: UnixListener,
}

impl Listener {
    pub(super) fn bind(path: &Path) -> io::Result<Self> {
        let socket = UnixListener::bind(path)?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket })
    }

    pub(super) fn accept(&self, deadline: Deadline) -> io::Result<Option<Stream>> {
        loop {
            match self.socket.accept() {
                Ok((socket, _)) => return Stream::new(socket).map(Some),
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => {
                        match wait(self.socket.as_fd(), PollFlags::POLLIN, deadline) {
                            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                                return Ok(None);
                            }
                            outcome => outcome?,
                        }
                    }
                    io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => {}
                    _ => return Err(error),
                },
            }
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Waits until the socket is ready, else for an error of kind `TimedOut`.
fn wait(socket: BorrowedFd<'_>, what: PollFlags, deadline: Deadline) -> io::Result<()> {
    let mut polled = [PollFd::new(socket, what)];
    loop {
        let left = deadline.left();
        // Rounded up, so that the last part of a millisecond is not spent in a tight loop.
        let left = i32::try_from(left.as_micros().div_ceil(1000)).unwrap_or(i32::MAX);
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match nix::poll::poll(&mut polled, timeout) {
            Ok(0) if left == 0 => return Err(io::ErrorKind::TimedOut.into()),
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

fn own(descriptor: RawFd) -> OwnedFd {
    // SAFETY: the system made this descriptor for us when it was received, and nobody else has it.
    unsafe { OwnedFd::from_raw_fd(descriptor) }
}

#[cfg(not(target_vendor = "apple"))]
fn new_socket() -> nix::Result<OwnedFd> {
    let flags = socket::SockFlag::SOCK_CLOEXEC;
    socket::socket(
        socket::AddressFamily::Unix,
        socket::SockType::Stream,
        flags,
        None,
    )
}

#[cfg(target_vendor = "apple")]
fn new_socket() -> nix::Result<OwnedFd> {
    let (family, kind) = (socket::AddressFamily::Unix, socket::SockType::Stream);
    let socket = socket::socket(family, kind, socket::SockFlag::empty(), None)?;
    let close = nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC);
    nix::fcntl::fcntl(&socket, close)?;
    Ok(socket)
}

#[cfg(not(target_vendor = "apple"))]
const CLOEXEC: MsgFlags = MsgFlags::MSG_CMSG_CLOEXEC;
#[cfg(target_vendor = "apple")]
const CLOEXEC: MsgFlags = MsgFlags::empty();

#[cfg(not(target_vendor = "apple"))]
const NOSIGNAL: MsgFlags = MsgFlags::MSG_NOSIGNAL;
#[cfg(target_vendor = "apple")]
const NOSIGNAL: MsgFlags = MsgFlags::empty();
