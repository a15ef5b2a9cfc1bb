//! Datagrams of exactly 63 bytes, which are never audio.
//!
//! JackTrip knows one, [`STOP`], and since 1.3.0 drops all others of that length without a word. So two
//! Farsends can talk in them past any JackTrip:
//!
//! ```text
//!   0        7         8      9            17          63
//!   | FARSEND | version | kind | stamp, LE  | zeros     |      kind: 1 ping, 2 pong
//! ```

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
    /// Something that this version does not know, to be dropped silently.
    Unknown,
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
        let Some((&stamp, zeros)) = rest.split_first_chunk() else {
            return Some(Self::Unknown);
        };
        let stamp = u64::from_le_bytes(stamp);
        Some(match (*version, *kind) {
            _ if zeros.iter().any(|&byte| byte != 0) => Self::Unknown,
            (VERSION, PING) => Self::Ping { stamp },
            (VERSION, PONG) => Self::Pong { stamp },
            _ => Self::Unknown,
        })
    }

    /// The datagram to send. [`Unknown`](Self::Unknown) gives zeros, which every receiver drops.
    pub fn to_bytes(self) -> [u8; CONTROL_LEN] {
        let (kind, stamp) = match self {
            Self::Stop => return STOP,
            Self::Ping { stamp } => (PING, stamp),
            Self::Pong { stamp } => (PONG, stamp),
            Self::Unknown => return [0; CONTROL_LEN],
        };
        let mut bytes = [0; CONTROL_LEN];
        bytes[..MAGIC.len()].copy_from_slice(MAGIC);
        bytes[MAGIC.len()] = VERSION;
        bytes[MAGIC.len() + 1] = kind;
        bytes[MAGIC.len() + 2..][..8].copy_from_slice(&stamp.to_le_bytes());
        bytes
    }
}

const MAGIC: &[u8] = b"FARSEND";
const VERSION: u8 = 1;
const PING: u8 = 1;
const PONG: u8 = 2;
