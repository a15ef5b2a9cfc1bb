//! JackTrip's UDP datagrams, what is said over TCP when somebody joins a hub, and the OSC that a hub takes.
//!
//! ```text
//!   audio:    [header + samples of packet n][packet n-1] ... [packet n-R+1]     R = redundancy
//!   samples:  [channel 0: N samples][channel 1: N samples] ...
//!   control:  exactly 63 bytes; all ff = the sender stops
//!   TCP:      [hello: 4 or 68 bytes] ──▶ hub ──▶ [reply: 4 bytes]
//!   TLS:      [hello, user, password] ──▶ hub ──▶ [reply: 4 bytes]
//! ```
//!
//! Source: captures of JackTrip 1.7.0 and 2.7.2 in `tests/golden/`.

mod chat;
mod control;
mod datagram;
mod format;
mod header;
mod hello;
mod log_in;
mod low_half;
mod osc;
mod stamp;
mod text;

pub use chat::{PIECE_TEXT, Piece};
pub use control::{
    CONTROL_LEN, Control, Hearing, Keep, Kept, NAME_ROOM, Reception, STOP, Wanted, is_control,
    is_stop,
};
pub use datagram::{Datagram, DatagramError, MAX_PERIOD, MAX_REDUNDANCY, Packet, Packets};
pub use format::{Format, RATES, channel_bytes, rate_code};
pub use header::{Header, HeaderError, HeaderKind};
pub use hello::{Hello, Name, Reply};
pub use log_in::{LogIn, LogInError};
pub use low_half::{Words, classify_words};
pub use osc::{MOST_OSC, OscError, OscRequest, latency_response};
pub use stamp::Stamp;
pub use text::is_unruly;

/// The UDP port of a JackTrip peer, and the TCP port of a hub, unless told otherwise.
pub const DEFAULT_PORT: u16 = 4464;

/// The most bytes that a UDP payload can have over IPv4.
pub const MAX_DATAGRAM: usize = 65_507;
