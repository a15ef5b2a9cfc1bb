//! Unix: anonymous memory files, and on Linux an eventfd for a bell.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr::NonNull;

use memmap2::{MmapOptions, MmapRaw};

use super::MemoryError;

/// What a process hands to another: a descriptor, over the control connection.
pub(crate) type Handle = OwnedFd;

/// Memory of two processes, mapped into this one.
#[derive(Debug)]
pub(crate) struct Memory {
    map: MmapRaw,
}

impl Memory {
    /// New memory, all zeros, `length` bytes, present and of fixed size.
    pub(crate) fn create(length: usize) -> io::Result<(Self, Handle)> {
        let file = File::from(anonymous_file()?);
        file.set_len(length as u64)?;
        allocate(&file, length)?;
        seal(&file)?;
        let map = map(&file, length)?;
        Ok((Self { map }, file.into()))
    }

    /// Maps what another process made: all of it, but no more than `most` bytes.
    ///
    /// On Linux only memory that nobody can shrink: touching what was cut off would end the process.
    /// (On other systems a program of the same user could do so, if it meant to.)
    pub(crate) fn open(handle: &Handle, most: usize) -> Result<Self, MemoryError> {
        let file = File::from(handle.try_clone()?);
        if !is_sealed(&file)? {
            return Err(MemoryError::NotSealed);
        }
        let length = usize::try_from(file.metadata()?.len())
            .unwrap_or(usize::MAX)
            .min(most);
        if length == 0 {
            return Err(MemoryError::NotMemory);
        }
        Ok(Self {
            map: map(&file, length)?,
        })
    }

    pub(crate) fn base(&self) -> NonNull<u8> {
        NonNull::new(self.map.as_mut_ptr()).expect("a mapping is never at address zero")
    }

    pub(crate) fn length(&self) -> usize {
        self.map.len()
    }

    /// Keeps the pages in memory where the user's limit allows, so that an audio thread meets no
    /// page fault. They are present already; this is against swapping.
    pub(crate) fn settle(&self) {
        let _ = self.map.lock();
    }
}

fn map(file: &File, length: usize) -> io::Result<MmapRaw> {
    let mut options = MmapOptions::new();
    options.len(length).populate();
    options.map_raw(file)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn anonymous_file() -> io::Result<OwnedFd> {
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    // Kernels before 6.3 do not know the flag against execution, later ones may insist on it.
    memfd(flags | libc::MFD_NOEXEC_SEAL).or_else(|_| memfd(flags))
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn memfd(flags: libc::c_uint) -> io::Result<OwnedFd> {
    // SAFETY: the name is a C string; the call takes nothing else by pointer.
    owned(unsafe { libc::memfd_create(c"farsend".as_ptr(), flags) })
}

/// Elsewhere: POSIX shared memory, whose name is gone before anybody could use it.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn anonymous_file() -> io::Result<OwnedFd> {
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Relaxed);
    let name = format!("/farsend-{}-{number}", std::process::id());
    let name = std::ffi::CString::new(name).expect("digits and letters hold no zero byte");
    let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL;
    // SAFETY: the name is a C string that outlives both calls.
    unsafe {
        // What is left of a killed program that had the same process id.
        libc::shm_unlink(name.as_ptr());
        let file = owned(libc::shm_open(name.as_ptr(), flags, 0o600))?;
        libc::shm_unlink(name.as_ptr());
        Ok(file)
    }
}

/// Has the memory really given, so that a full machine is an error here and not a signal later.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn allocate(file: &File, length: usize) -> io::Result<()> {
    let length = libc::off_t::try_from(length).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: takes numbers only.
    match unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, length) } {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn allocate(_file: &File, _length: usize) -> io::Result<()> {
    Ok(())
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn seal(file: &File) -> io::Result<()> {
    let seals = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;
    // SAFETY: takes numbers only.
    match unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn seal(_file: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn is_sealed(file: &File) -> Result<bool, MemoryError> {
    // SAFETY: takes numbers only.
    match unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GET_SEALS) } {
        // Files that cannot be sealed are no anonymous memory.
        -1 => Err(MemoryError::NotMemory),
        seals => Ok(seals & libc::F_SEAL_SHRINK != 0),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn is_sealed(_file: &File) -> Result<bool, MemoryError> {
    Ok(true)
}

fn owned(descriptor: RawFd) -> io::Result<OwnedFd> {
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a call just gave us the descriptor, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// A bell: one process rings without waiting, the other polls the descriptor.
#[derive(Debug)]
pub(crate) struct Bell {
    descriptor: OwnedFd,
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// On Linux an eventfd: to ring it allocates nothing and takes only its own short lock.
#[cfg(any(target_os = "linux", target_os = "android"))]
impl Bell {
    /// The end that listens, and a handle for the one that rings.
    pub(crate) fn create() -> io::Result<(Self, Handle)> {
        // SAFETY: takes numbers only.
        let descriptor =
            owned(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        let handle = descriptor.try_clone()?;
        Ok((Self { descriptor }, handle))
    }

    /// Rings. Never waits: with the counter full it has been rung often enough.
    pub(crate) fn ring(&self) {
        let one = 1_u64;
        // SAFETY: the pointer is good for the 8 bytes that are written.
        unsafe { libc::write(self.descriptor.as_raw_fd(), (&raw const one).cast(), 8) };
    }

    /// Forgets all rings so far.
    pub(crate) fn hush(&self) {
        let mut count = 0_u64;
        // SAFETY: the pointer is good for the 8 bytes that are read. One read sets the count to zero.
        unsafe { libc::read(self.descriptor.as_raw_fd(), (&raw mut count).cast(), 8) };
    }
}

/// Elsewhere a pair of datagram sockets; a full queue has rung often enough.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
impl Bell {
    pub(crate) fn create() -> io::Result<(Self, Handle)> {
        let (listens, rings) = std::os::unix::net::UnixDatagram::pair()?;
        listens.set_nonblocking(true)?;
        rings.set_nonblocking(true)?;
        Ok((
            Self {
                descriptor: listens.into(),
            },
            rings.into(),
        ))
    }

    pub(crate) fn ring(&self) {
        let one = 1_u8;
        // SAFETY: the pointer is good for the byte that is sent.
        unsafe {
            libc::send(
                self.descriptor.as_raw_fd(),
                (&raw const one).cast(),
                1,
                libc::MSG_DONTWAIT,
            )
        };
    }

    pub(crate) fn hush(&self) {
        let mut bytes = [0_u8; 64];
        // Bounded, so that an endless ringer cannot keep us: what is left is heard next time.
        for _ in 0..64 {
            let (place, flags) = (bytes.as_mut_ptr().cast(), libc::MSG_DONTWAIT);
            // SAFETY: the pointer is good for the bytes that may be received.
            let got = unsafe { libc::recv(self.descriptor.as_raw_fd(), place, bytes.len(), flags) };
            if got <= 0 {
                return;
            }
        }
    }
}

impl Bell {
    /// The end that rings, from its handle.
    pub(crate) fn open(handle: Handle) -> io::Result<Self> {
        // So that a ring never waits, whatever was handed to us.
        // SAFETY: both calls take numbers only.
        unsafe {
            let flags = libc::fcntl(handle.as_raw_fd(), libc::F_GETFL);
            if flags < 0
                || libc::fcntl(handle.as_raw_fd(), libc::F_SETFL, flags | libc::O_NONBLOCK) < 0
            {
                return Err(io::Error::last_os_error());
            }
        }
        #[cfg(target_vendor = "apple")]
        no_signal(handle.as_fd())?;
        Ok(Self { descriptor: handle })
    }
}

/// To write to a socket when the other end is gone must not signal the DAW.
#[cfg(target_vendor = "apple")]
pub(crate) fn no_signal(socket: BorrowedFd<'_>) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the pointer and the length are those of `on`.
    let outcome = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_NOSIGPIPE,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if outcome < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
