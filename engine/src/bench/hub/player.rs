//! One player: its socket, its packet numbers and its ear.

use std::io;
use std::net::UdpSocket;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use farsend_rt::clock;
use farsend_units::{MonoTime, SeqNum};
use farsend_wire::jacktrip::{Header, STOP, channel_bytes, rate_code};

use super::ear::{Ear, Form, Scene, Word};

/// Why a player is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Plays the constant level and is expected in every mix.
    Steady,
    /// Comes and goes, silently, so that what the others hear shows whether that disturbed them.
    Passing,
}

/// A player of the load test. Made by the control thread, then owned by the audio thread.
#[derive(Debug)]
pub struct Player {
    /// Its number; those of steady players come first, without gaps.
    pub index: u32,
    /// Why it is there.
    pub part: Part,
    /// What it hears.
    pub ear: Ear,
    /// Whether the hub has told it to leave.
    pub put_out: bool,
    /// Packets that the system would not send, or that found nobody listening.
    pub unsent: u64,
    socket: UdpSocket,
    next: SeqNum,
    is_dated: bool,
    looks: u32,
}

/// Both clocks, read together: stamps are of the one, everything else of the other.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// The clock that only goes forward.
    pub now: MonoTime,
    /// Nanoseconds of the wall clock.
    wall: u64,
}

impl Moment {
    /// Reads them.
    pub fn read() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            now: clock::now(),
            wall: wall.map_or(0, |wall| wall.as_nanos() as u64),
        }
    }

    /// A stamp of the wall clock, on ours. None if the clock was set in between.
    #[cfg(target_os = "linux")]
    fn stamped(self, stamp: nix::sys::time::TimeSpec) -> Option<MonoTime> {
        let stamp = Duration::new(stamp.tv_sec() as u64, stamp.tv_nsec() as u32);
        // What comes while we look is later than our reading.
        let wall = Duration::from_nanos(self.wall);
        let at = if stamp <= wall {
            self.now.saturating_sub(wall - stamp)
        } else {
            self.now + (stamp - wall)
        };
        (stamp.abs_diff(wall) < Duration::from_secs(1)).then_some(at)
    }
}

impl Player {
    /// A player with a socket that is connected to the hub. With `is_dated` the kernel is asked when each datagram came,
    /// which makes receiving a third dearer.
    pub fn new(index: u32, part: Part, socket: UdpSocket, form: Form, is_dated: bool) -> Self {
        #[cfg(target_os = "linux")]
        {
            use nix::sys::socket::{setsockopt, sockopt};
            // Without stamps the time of looking has to do.
            _ = setsockopt(&socket, sockopt::ReceiveTimestampns, &is_dated);
        }
        Self {
            index,
            part,
            ear: Ear::new(form),
            put_out: false,
            unsent: 0,
            socket,
            next: SeqNum(0),
            is_dated,
            looks: 0,
        }
    }

    /// Sends the next packet: `packet` with the number and time of this one written into its header.
    pub fn send(&mut self, packet: &mut [u8], moment: &Moment) {
        let Some(header) = packet.first_chunk_mut::<10>() else {
            return;
        };
        header[..8].copy_from_slice(&(moment.wall / 1000).to_le_bytes());
        header[8..].copy_from_slice(&self.next.0.to_le_bytes());
        self.next = self.next.next();
        self.unsent += u64::from(self.socket.send(packet).is_err());
    }

    /// Whether it is known when its datagrams came.
    pub fn is_dated(&self) -> bool {
        self.is_dated
    }

    /// Takes in what has come, up to [`MOST_AT_ONCE`] datagrams.
    ///
    /// A hub sends one a period, so one is taken as a rule; that nothing is left is found out now and then.
    pub fn receive(&mut self, moment: &Moment, desk: &mut Desk, scene: &mut Scene<'_>) {
        let one_period = desk.one_period;
        self.looks = self.looks.wrapping_add(1);
        let is_thorough = self.looks.is_multiple_of(THOROUGH);
        for _ in 0..MOST_AT_ONCE {
            let taken = if self.is_dated {
                desk.take_dated(&self.socket, moment)
            } else {
                desk.take(&self.socket, moment)
            };
            let Some((at, payload)) = taken else {
                return;
            };
            if self.ear.hear(at, payload, scene) == Word::Stop {
                self.put_out = true;
            }
            let is_fresh = moment.now.since(at) < one_period * 3 / 4;
            if is_fresh && !is_thorough {
                return;
            }
        }
    }

    /// Says goodbye to the hub, twice as JackTrip does.
    pub fn leave(&self) {
        for _ in 0..2 {
            _ = self.socket.send(&STOP);
        }
    }
}

/// What receiving needs, shared by all players of a thread.
#[derive(Debug)]
pub struct Desk {
    payload: Box<[u8]>,
    #[cfg(target_os = "linux")]
    ancillary: Vec<u8>,
    one_period: Duration,
}

impl Desk {
    /// For datagrams of any size.
    pub fn new(form: Form) -> Self {
        Self {
            payload: vec![0; LARGEST_PAYLOAD].into(),
            #[cfg(target_os = "linux")]
            ancillary: nix::cmsg_space!(nix::sys::time::TimeSpec),
            one_period: form.period.duration(form.rate),
        }
    }

    /// The next datagram and when the kernel took it in.
    #[cfg(target_os = "linux")]
    fn take_dated(&mut self, socket: &UdpSocket, moment: &Moment) -> Option<(MonoTime, &[u8])> {
        use std::os::fd::AsRawFd;

        use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};

        let mut room = [io::IoSliceMut::new(&mut self.payload)];
        let space = Some(self.ancillary.as_mut_slice());
        let got =
            recvmsg::<()>(socket.as_raw_fd(), &mut room, space, MsgFlags::MSG_DONTWAIT).ok()?;
        let stamp = got.cmsgs().ok()?.find_map(|one| match one {
            ControlMessageOwned::ScmTimestampns(stamp) => Some(stamp),
            _ => None,
        });
        let at = stamp.and_then(|stamp| moment.stamped(stamp));
        let length = got.bytes;
        Some((at.unwrap_or(moment.now), &self.payload[..length]))
    }

    /// The next datagram; this system does not tell when it came.
    #[cfg(not(target_os = "linux"))]
    fn take_dated(&mut self, socket: &UdpSocket, moment: &Moment) -> Option<(MonoTime, &[u8])> {
        self.take(socket, moment)
    }

    /// The next datagram; the time is that of looking.
    fn take(&mut self, socket: &UdpSocket, moment: &Moment) -> Option<(MonoTime, &[u8])> {
        let length = socket.recv(&mut self.payload).ok()?;
        Some((moment.now, &self.payload[..length]))
    }
}

/// A packet of a constant level, header included; number and time are for [`Player::send`] to write.
///
/// None for a rate that the header cannot say.
pub fn packet(form: Form, level: i16) -> Option<Box<[u8]>> {
    let (incoming, outgoing) = channel_bytes(form.channels, form.channels);
    let header = Header {
        time_stamp: 0,
        seq: SeqNum(0),
        frames: u16::try_from(form.period.0).ok()?,
        rate_code: rate_code(form.rate)?,
        bits: 16,
        incoming,
        outgoing,
    };
    let samples = level
        .to_le_bytes()
        .repeat(form.period.get() * form.channels.get());
    Some([&header.to_bytes()[..], &samples].concat().into())
}

/// Looks of which one goes on until nothing is left.
const THOROUGH: u32 = 8;

/// Bounds what one look does: enough to catch up after a stall of any length that matters.
const MOST_AT_ONCE: u32 = 64;

/// The most that UDP can carry.
const LARGEST_PAYLOAD: usize = 65_535;
