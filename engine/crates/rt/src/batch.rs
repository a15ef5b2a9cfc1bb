//! Many datagrams with one call of the system: `recvmmsg` and `sendmmsg`. Linux only.
//!
//! Both boxes are made once, on the control thread, and allocate nothing afterwards; no call blocks. They hold
//! no socket: any will do.

use std::io;
use std::mem::{size_of, zeroed};
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

/// Takes datagrams from a socket, many at a time.
#[derive(Debug)]
pub struct Inbox {
    /// `bytes` of each datagram, one after the other.
    payloads: Box<[u8]>,
    bytes: usize,
    froms: Box<[libc::sockaddr_storage]>,
    controls: Box<[Control]>,
    vectors: Box<[libc::iovec]>,
    headers: Box<[libc::mmsghdr]>,
    came: usize,
}

/// Room for the one control message that is asked for, aligned as the system wants it.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; 64]);

/// A datagram that came.
#[derive(Debug, Clone, Copy)]
pub struct Incoming<'a> {
    from: &'a libc::sockaddr_storage,
    header: &'a libc::mmsghdr,
    room: &'a [u8],
}

impl<'a> Incoming<'a> {
    /// Its sender; IPv4 as IPv4. None for what is no address of either.
    pub fn sender(&self) -> Option<SocketAddr> {
        address_from(self.from)
    }

    /// When it reached the machine, since the Unix epoch; none where the socket does not stamp (`SO_TIMESTAMPNS`).
    pub fn stamp(&self) -> Option<Duration> {
        stamp_of(&self.header.msg_hdr)
    }

    /// Its bytes, cut to what there is room for.
    pub fn payload(&self) -> &'a [u8] {
        &self.room[..self.room.len().min(self.header.msg_len as usize)]
    }
}

// SAFETY: the pointers in `vectors` and `headers` are written anew right before each call and read only
// within it; nothing else is shared.
unsafe impl Send for Inbox {}
// SAFETY: as above; `&Inbox` gives out bytes only.
unsafe impl Sync for Inbox {}

impl Inbox {
    /// Room for so many datagrams of so many bytes. Allocates.
    pub fn new(datagrams: usize, bytes: usize) -> Self {
        // SAFETY: all three are plain C data for which zeros are a valid value.
        let (from, vector, header) = unsafe { (zeroed(), zeroed(), zeroed()) };
        Self {
            payloads: vec![0; datagrams * bytes].into(),
            bytes,
            froms: vec![from; datagrams].into(),
            controls: vec![Control([0; 64]); datagrams].into(),
            vectors: vec![vector; datagrams].into(),
            headers: vec![header; datagrams].into(),
            came: 0,
        }
    }

    /// Takes what has come, as much as there is room for, in place of what was here. Returns how many.
    ///
    /// # Errors
    /// What the system says, but for "nothing there", which is 0.
    pub fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<usize> {
        self.came = 0;
        for (i, header) in self.headers.iter_mut().enumerate() {
            let payload = &mut self.payloads[i * self.bytes..][..self.bytes];
            self.vectors[i] = libc::iovec {
                iov_base: payload.as_mut_ptr().cast(),
                iov_len: payload.len(),
            };
            let header = &mut header.msg_hdr;
            header.msg_name = (&raw mut self.froms[i]).cast();
            header.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            header.msg_iov = &raw mut self.vectors[i];
            header.msg_iovlen = 1;
            header.msg_control = self.controls[i].0.as_mut_ptr().cast();
            header.msg_controllen = self.controls[i].0.len() as _;
            header.msg_flags = 0;
        }
        // SAFETY: every header points to memory of this box, of the lengths given, which lives through the call.
        let got = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                self.headers.len() as libc::c_uint,
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        };
        match usize::try_from(got) {
            Ok(came) => {
                self.came = came.min(self.headers.len());
                Ok(self.came)
            }
            Err(_) => {
                let error = io::Error::last_os_error();
                match error.kind() {
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(0),
                    _ => Err(error),
                }
            }
        }
    }

    /// The datagrams of the last [`receive`](Self::receive), in order.
    pub fn iter(&self) -> impl Iterator<Item = Incoming<'_>> {
        let came = self.headers.iter().zip(&self.froms).take(self.came);
        came.enumerate().map(|(i, (header, from))| Incoming {
            from,
            header,
            room: &self.payloads[i * self.bytes..][..self.bytes],
        })
    }
}

/// The time stamp among the control messages of a received datagram.
fn stamp_of(header: &libc::msghdr) -> Option<Duration> {
    // SAFETY: `header` was filled in by the system, and what it points to still lives; CMSG_FIRSTHDR looks at
    // its length before it gives out a pointer into it.
    let control = unsafe { libc::CMSG_FIRSTHDR(header).as_ref()? };
    if (control.cmsg_level, control.cmsg_type) != (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) {
        return None;
    }
    // SAFETY: a message of that kind holds a timespec, wherever it is aligned.
    let time: libc::timespec = unsafe {
        libc::CMSG_DATA(control)
            .cast::<libc::timespec>()
            .read_unaligned()
    };
    let seconds = u64::try_from(time.tv_sec).ok()?;
    let nanos = u32::try_from(time.tv_nsec).ok()?;
    Some(Duration::new(seconds, nanos.min(999_999_999)))
}

/// Collects datagrams and sends them, many at a time.
#[derive(Debug)]
pub struct Outbox {
    payloads: Box<[u8]>,
    used: usize,
    /// Whether the socket is one of IPv6 that speaks IPv4, too.
    mapped: bool,
    tos: Box<[libc::sockaddr_storage]>,
    lengths: Box<[(usize, libc::socklen_t)]>,
    vectors: Box<[libc::iovec]>,
    headers: Box<[libc::mmsghdr]>,
    waiting: usize,
}

// SAFETY: as for `Inbox`.
unsafe impl Send for Outbox {}
// SAFETY: as for `Inbox`.
unsafe impl Sync for Outbox {}

/// What became of the datagrams of a [`flush`](Outbox::flush).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flushed {
    /// Taken by the system.
    pub sent: usize,
    /// Refused by it, and gone.
    pub unsent: usize,
}

impl Outbox {
    /// Room for so many datagrams, and for so many bytes of them in all. `mapped`: for a socket of IPv6 that
    /// speaks IPv4, too. Allocates.
    pub fn new(datagrams: usize, bytes: usize, mapped: bool) -> Self {
        // SAFETY: all three are plain C data for which zeros are a valid value.
        let (to, vector, header) = unsafe { (zeroed(), zeroed(), zeroed()) };
        Self {
            payloads: vec![0; bytes].into(),
            used: 0,
            mapped,
            tos: vec![to; datagrams].into(),
            lengths: vec![(0, 0); datagrams].into(),
            vectors: vec![vector; datagrams].into(),
            headers: vec![header; datagrams].into(),
            waiting: 0,
        }
    }

    /// Adds a datagram. `false`: there is no room before the next [`flush`](Self::flush).
    #[must_use]
    pub fn push(&mut self, to: SocketAddr, payload: &[u8]) -> bool {
        let Some(room) = self.payloads[self.used..].get_mut(..payload.len()) else {
            return false;
        };
        let Some(address) = self.tos.get_mut(self.waiting) else {
            return false;
        };
        room.copy_from_slice(payload);
        let length = write_address(to, self.mapped, address);
        self.lengths[self.waiting] = (payload.len(), length);
        self.used += payload.len();
        self.waiting += 1;
        true
    }

    /// Sends all that was added. What the system does not take is dropped.
    pub fn flush(&mut self, socket: BorrowedFd<'_>) -> Flushed {
        let waiting = std::mem::take(&mut self.waiting);
        let mut at = 0;
        for i in 0..waiting {
            let (bytes, name) = self.lengths[i];
            self.vectors[i] = libc::iovec {
                iov_base: self.payloads[at..].as_mut_ptr().cast(),
                iov_len: bytes,
            };
            at += bytes;
            let header = &mut self.headers[i].msg_hdr;
            header.msg_name = (&raw mut self.tos[i]).cast();
            header.msg_namelen = name;
            header.msg_iov = &raw mut self.vectors[i];
            header.msg_iovlen = 1;
        }
        self.used = 0;
        let mut flushed = Flushed::default();
        let mut next = 0;
        while next < waiting {
            // SAFETY: every header points to memory of this box, of the lengths given, which lives through the call.
            let sent = unsafe {
                libc::sendmmsg(
                    socket.as_raw_fd(),
                    self.headers[next..waiting].as_mut_ptr(),
                    (waiting - next) as libc::c_uint,
                    libc::MSG_DONTWAIT as _,
                )
            };
            match usize::try_from(sent) {
                Ok(sent @ 1..) => {
                    flushed.sent += sent;
                    next += sent;
                }
                // The first of the rest was refused, or what came back for an earlier one was told in its place.
                _ => {
                    flushed.unsent += 1;
                    next += 1;
                }
            }
        }
        flushed
    }
}

fn address_from(storage: &libc::sockaddr_storage) -> Option<SocketAddr> {
    let from: *const libc::sockaddr_storage = storage;
    match i32::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says what it is, and a storage is as large and as aligned as any of them.
            let v4 = unsafe { &*from.cast::<libc::sockaddr_in>() };
            let ip = u32::from_be(v4.sin_addr.s_addr);
            Some(SocketAddrV4::new(ip.into(), u16::from_be(v4.sin_port)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let v6 = unsafe { &*from.cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            let port = u16::from_be(v6.sin6_port);
            Some(match ip.to_ipv4_mapped() {
                Some(v4) => SocketAddrV4::new(v4, port).into(),
                None => SocketAddrV6::new(ip, port, v6.sin6_flowinfo, v6.sin6_scope_id).into(),
            })
        }
        _ => None,
    }
}

/// Writes an address as the system wants it; gives its length.
fn write_address(
    to: SocketAddr,
    mapped: bool,
    storage: &mut libc::sockaddr_storage,
) -> libc::socklen_t {
    let to = match to {
        SocketAddr::V4(v4) if mapped => {
            SocketAddrV6::new(v4.ip().to_ipv6_mapped(), v4.port(), 0, 0).into()
        }
        to => to,
    };
    let place: *mut libc::sockaddr_storage = storage;
    match to {
        SocketAddr::V4(v4) => {
            let address = libc::sockaddr_in {
                sin_family: libc::AF_INET as _,
                sin_port: v4.port().to_be(),
                sin_addr: libc::in_addr {
                    s_addr: u32::from(*v4.ip()).to_be(),
                },
                sin_zero: [0; 8],
            };
            // SAFETY: a storage is as large and as aligned as any address.
            unsafe { place.cast::<libc::sockaddr_in>().write(address) };
            size_of::<libc::sockaddr_in>() as libc::socklen_t
        }
        SocketAddr::V6(v6) => {
            let address = libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as _,
                sin6_port: v6.port().to_be(),
                sin6_flowinfo: v6.flowinfo(),
                sin6_addr: libc::in6_addr {
                    s6_addr: v6.ip().octets(),
                },
                sin6_scope_id: v6.scope_id(),
            };
            // SAFETY: as above.
            unsafe { place.cast::<libc::sockaddr_in6>().write(address) };
            size_of::<libc::sockaddr_in6>() as libc::socklen_t
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket};
    use std::os::fd::AsFd;

    use assert_no_alloc::assert_no_alloc;

    use super::*;

    #[test]
    fn a_box_full_goes_out_and_comes_in_with_its_senders_and_without_allocating() {
        let (mapped, plain) = (
            UdpSocket::bind("[::]:0").unwrap(),
            UdpSocket::bind("127.0.0.1:0").unwrap(),
        );
        let target = SocketAddr::from((Ipv4Addr::LOCALHOST, mapped.local_addr().unwrap().port()));
        let mut out = Outbox::new(8, 1000, false);
        let mut back = Outbox::new(8, 1000, true);
        let mut inbox = Inbox::new(4, 100);
        assert_no_alloc(|| {
            for i in 0..6u8 {
                assert!(out.push(target, &[i; 90][..10 * usize::from(i)]));
            }
            let all = Flushed { sent: 6, unsent: 0 };
            assert_eq!(out.flush(plain.as_fd()), all);
            assert_eq!(out.flush(plain.as_fd()), Flushed::default());
            let mut next = 0;
            for came in [4, 2, 0] {
                assert_eq!(inbox.receive(mapped.as_fd()).unwrap(), came);
                for one in inbox.iter() {
                    let from = one.sender().unwrap();
                    assert_eq!(one.payload(), &[next; 90][..10 * usize::from(next)]);
                    assert!(from.is_ipv4());
                    assert!(back.push(from, one.payload()));
                    next += 1;
                }
            }
            assert_eq!(back.flush(mapped.as_fd()), all);
            assert_eq!(inbox.receive(plain.as_fd()).unwrap(), 4);
        });
    }

    #[test]
    fn what_there_is_no_room_for_is_refused_and_what_is_too_long_is_cut() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let own = socket.local_addr().unwrap();
        let mut out = Outbox::new(2, 100, false);
        assert!(!out.push(own, &[0; 101]));
        assert!(out.push(own, &[1; 60]));
        assert!(!out.push(own, &[2; 60]));
        assert!(out.push(own, &[3; 40]));
        assert!(!out.push(own, &[]));
        assert_eq!(out.flush(socket.as_fd()).sent, 2);
        let mut inbox = Inbox::new(4, 50);
        assert_eq!(inbox.receive(socket.as_fd()).unwrap(), 2);
        let lengths: Vec<usize> = inbox.iter().map(|one| one.payload().len()).collect();
        assert_eq!(lengths, [50, 40]);
    }
}
