//! Datagrams of exactly 63 bytes, which are never audio.
//!
//! JackTrip knows one, [`STOP`], and since 1.3.0 drops all others of that length without a word. So two
//! Farsends can talk in them past any JackTrip:
//!
//! ```text
//!   0         7         8      9                                          63
//!   | FARSEND | version | kind | what the kind says, little endian | zeros |
//!
//!   kind 1 ping, 2 pong: stamp (8 bytes)
//!   kind 3 reception:    due (4) | lost (4) | bursts (4) | depth (2)
//!   kind 4 wanted:       first (2) | missing (8)
//!   kind 5 sent away:    seconds (4)
//!   kind 6 keep:         from (2)
//!   kind 7 kept:         oldest (2) | count (2)
//!   kind 8 hearing:      packet (2) | heard (2) | offset (4) | step (4)
//!   kind 16 chat:        a piece of a line, see `chat.rs`
//!   kind 17 heard:       talk (4) | number (2)
//!   kind 18 called:      a name, UTF-8
//!   kind 19 coloured:    1 | red | green | blue; or zeros
//! ```

use farsend_units::SeqNum;

use super::chat::{PIECE_LEN, Piece};
use super::hello::Name;

/// The length that makes a datagram a control datagram.
pub const CONTROL_LEN: usize = 63;

/// Says that its sender ends the session. Sent twice, and answered with the same.
pub const STOP: [u8; CONTROL_LEN] = [0xff; CONTROL_LEN];

/// Whether `payload` is for control, by its length alone.
pub const fn is_control(payload: &[u8]) -> bool {
    payload.len() == CONTROL_LEN
}

/// Whether `payload` is a stop datagram.
pub fn is_stop(payload: &[u8]) -> bool {
    payload == STOP
}

/// What a control datagram says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// The sender ends the session.
    Stop,
    /// A Farsend asks for a [`Pong`](Self::Pong) with the same stamp.
    Ping {
        /// Any number; means something to its sender only.
        stamp: u64,
    },
    /// The answer to a [`Ping`](Self::Ping).
    Pong {
        /// The number that the ping had.
        stamp: u64,
    },
    /// What its sender has received so far. Whoever sends this understands [repair datagrams](crate::repair).
    Reception(Reception),
    /// Asks for audio datagrams again, as repair datagrams.
    Wanted(Wanted),
    /// A hub's host sends us away: a stop follows.
    SentAway {
        /// For so long we are not let in again; 0: we may come at once.
        seconds: u32,
    },
    /// Its sender records: what was sent is to be kept, to be asked for later.
    Keep(Keep),
    /// The answer to [`Keep`](Self::Keep).
    Kept(Kept),
    /// What its sender was playing as it captured something.
    Hearing(Hearing),
    /// A piece of what somebody wrote, to be answered by [`Heard`](Self::Heard).
    Chat(Piece),
    /// A piece of what we wrote has come.
    Heard {
        /// The piece's.
        talk: u32,
        /// The piece's.
        number: u16,
    },
    /// What its sender is called: as much of it as fits, [`NAME_ROOM`] bytes. Empty: it has no name.
    Called(Name),
    /// The colour of what its sender plays on, for whoever shows it: red, green, blue; `None`: it has none.
    Coloured(Option<[u8; 3]>),
    /// Something that this version does not know, to be dropped silently.
    Unknown,
}

/// How the audio of a stream has come so far. Counts wrap; the difference of two of them tells of the time between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reception {
    /// Datagrams that should have come.
    pub due: u32,
    /// Those that did not come by themselves, repaired or not.
    pub lost: u32,
    /// Runs of lost ones without one between that came.
    pub bursts: u32,
    /// The packets of delay that the receiver keeps.
    pub depth: u16,
}

/// Which audio datagrams are wanted again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// The number of one.
    pub first: SeqNum,
    /// Bit `i`: `first + i` is missing.
    pub missing: u64,
}

/// Asks the peer to keep the audio datagrams that it sends, which may be [`Wanted`] late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// What was sent before this one will not be asked for any more.
    pub from: SeqNum,
}

/// Which audio datagrams are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// The oldest of them.
    pub oldest: SeqNum,
    /// How many there are, up to the newest that was sent; 0: none are, or not yet.
    pub count: u16,
}

/// When the first frame of a packet was captured, its sender was playing a certain frame of the other end's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hearing {
    /// The packet, of whoever says this.
    pub packet: SeqNum,
    /// The packet of the other end's that was being played.
    pub heard: SeqNum,
    /// The frame in that packet, in 1/256 of a frame.
    pub offset: u32,
    /// How many frames of the other end's are played while one is captured, in 1/2^24, from here on.
    pub step: u32,
}

impl Hearing {
    /// One of [`offset`](Self::offset) is so many of its unit.
    pub const FRAME: u32 = 1 << 8;
    /// A [`step`](Self::step) of one frame for one.
    pub const EVEN: u32 = 1 << 24;
}

impl Control {
    /// Reads a control datagram; none if `payload` does not have the length of one.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let payload: &[u8; CONTROL_LEN] = payload.try_into().ok()?;
        if *payload == STOP {
            return Some(Self::Stop);
        }
        let Some([version, kind, rest @ ..]) = payload.strip_prefix(MAGIC) else {
            return Some(Self::Unknown);
        };
        if *version != VERSION {
            return Some(Self::Unknown);
        }
        let mut fields = Fields(rest);
        let control = match *kind {
            PING => Self::Ping {
                stamp: u64::from_le_bytes(fields.take()),
            },
            PONG => Self::Pong {
                stamp: u64::from_le_bytes(fields.take()),
            },
            RECEPTION => Self::Reception(Reception {
                due: u32::from_le_bytes(fields.take()),
                lost: u32::from_le_bytes(fields.take()),
                bursts: u32::from_le_bytes(fields.take()),
                depth: u16::from_le_bytes(fields.take()),
            }),
            WANTED => Self::Wanted(Wanted {
                first: SeqNum(u16::from_le_bytes(fields.take())),
                missing: u64::from_le_bytes(fields.take()),
            }),
            SENT_AWAY => Self::SentAway {
                seconds: u32::from_le_bytes(fields.take()),
            },
            KEEP => Self::Keep(Keep {
                from: SeqNum(u16::from_le_bytes(fields.take())),
            }),
            KEPT => Self::Kept(Kept {
                oldest: SeqNum(u16::from_le_bytes(fields.take())),
                count: u16::from_le_bytes(fields.take()),
            }),
            HEARING => Self::Hearing(Hearing {
                packet: SeqNum(u16::from_le_bytes(fields.take())),
                heard: SeqNum(u16::from_le_bytes(fields.take())),
                offset: u32::from_le_bytes(fields.take()),
                step: u32::from_le_bytes(fields.take()),
            }),
            CHAT => {
                let piece: [u8; PIECE_LEN] = fields.take();
                Piece::parse(&piece).map_or(Self::Unknown, Self::Chat)
            }
            HEARD => Self::Heard {
                talk: u32::from_le_bytes(fields.take()),
                number: u16::from_le_bytes(fields.take()),
            },
            CALLED => name(&fields.take()).map_or(Self::Unknown, Self::Called),
            COLOURED => match fields.take() {
                [1, red, green, blue] => Self::Coloured(Some([red, green, blue])),
                [0, 0, 0, 0] => Self::Coloured(None),
                _ => Self::Unknown,
            },
            _ => Self::Unknown,
        };
        Some(if fields.0.iter().all(|&byte| byte == 0) {
            control
        } else {
            Self::Unknown
        })
    }

    /// The datagram to send. [`Unknown`](Self::Unknown) gives zeros, which every receiver drops.
    pub fn to_bytes(self) -> [u8; CONTROL_LEN] {
        let mut bytes = [0; CONTROL_LEN];
        let mut at = 0;
        let mut put = |field: &[u8]| {
            bytes[at..at + field.len()].copy_from_slice(field);
            at += field.len();
        };
        put(MAGIC);
        match self {
            Self::Stop => return STOP,
            Self::Unknown => return [0; CONTROL_LEN],
            Self::Ping { stamp } => {
                put(&[VERSION, PING]);
                put(&stamp.to_le_bytes());
            }
            Self::Pong { stamp } => {
                put(&[VERSION, PONG]);
                put(&stamp.to_le_bytes());
            }
            Self::Reception(reception) => {
                put(&[VERSION, RECEPTION]);
                put(&reception.due.to_le_bytes());
                put(&reception.lost.to_le_bytes());
                put(&reception.bursts.to_le_bytes());
                put(&reception.depth.to_le_bytes());
            }
            Self::Wanted(wanted) => {
                put(&[VERSION, WANTED]);
                put(&wanted.first.0.to_le_bytes());
                put(&wanted.missing.to_le_bytes());
            }
            Self::SentAway { seconds } => {
                put(&[VERSION, SENT_AWAY]);
                put(&seconds.to_le_bytes());
            }
            Self::Keep(keep) => {
                put(&[VERSION, KEEP]);
                put(&keep.from.0.to_le_bytes());
            }
            Self::Kept(kept) => {
                put(&[VERSION, KEPT]);
                put(&kept.oldest.0.to_le_bytes());
                put(&kept.count.to_le_bytes());
            }
            Self::Hearing(hearing) => {
                put(&[VERSION, HEARING]);
                put(&hearing.packet.0.to_le_bytes());
                put(&hearing.heard.0.to_le_bytes());
                put(&hearing.offset.to_le_bytes());
                put(&hearing.step.to_le_bytes());
            }
            Self::Chat(piece) => {
                put(&[VERSION, CHAT]);
                put(&piece.to_bytes());
            }
            Self::Heard { talk, number } => {
                put(&[VERSION, HEARD]);
                put(&talk.to_le_bytes());
                put(&number.to_le_bytes());
            }
            Self::Called(name) => {
                put(&[VERSION, CALLED]);
                let name = name.as_str();
                put(&name.as_bytes()[..name.floor_char_boundary(NAME_ROOM)]);
            }
            Self::Coloured(colour) => {
                put(&[VERSION, COLOURED]);
                if let Some(colour) = colour {
                    put(&[1]);
                    put(&colour);
                }
            }
        }
        bytes
    }
}

/// What is left of a control datagram's fields. Behind its end there are zeros.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let Some((field, rest)) = self.0.split_first_chunk() else {
            return [0; N];
        };
        self.0 = rest;
        *field
    }
}

/// The name in a field; `None` if it would not be shown as it is.
fn name(field: &[u8; NAME_ROOM]) -> Option<Name> {
    let name = Name::from_bytes(field);
    let (text, rest) = field.split_at_checked(name.as_str().len())?;
    (text == name.as_str().as_bytes() && rest.iter().all(|byte| *byte == 0)).then_some(name)
}

/// Bytes of a name in a control datagram, at most.
pub const NAME_ROOM: usize = CONTROL_LEN - MAGIC.len() - 2;

const MAGIC: &[u8] = b"FARSEND";
const VERSION: u8 = 1;
const PING: u8 = 1;
const PONG: u8 = 2;
const RECEPTION: u8 = 3;
const WANTED: u8 = 4;
const SENT_AWAY: u8 = 5;
const KEEP: u8 = 6;
const KEPT: u8 = 7;
const HEARING: u8 = 8;
const CHAT: u8 = 16;
const HEARD: u8 = 17;
const CALLED: u8 = 18;
const COLOURED: u8 = 19;
