//! JackTrip: peer to peer, and joining a hub.
//!
//! ```text
//!   blocks ──▶ Packetizer ──▶ datagrams ──▶ (network) ──▶ Peer ──▶ Depacketizer ──▶ numbered packets
//! ```
//! [`Peer`] decides whose datagrams count and when the session begins and ends; [`Depacketizer`] puts the
//! packets of that one sender into order by number; [`Packetizer`] is the way out.
//! [`Greeter`] is a hub's ear at the door; where users have passwords, [`Registrar`] is the one behind TLS, and
//! [`Users`] tells who may come in.

mod depacketizer;
mod greeter;
mod numbering;
mod packetizer;
mod peer;
mod registrar;
mod users;

pub use depacketizer::{Arrival, Depacketizer, DepacketizerCounts, Taken};
pub use greeter::{Greeter, Greeting, NAME_PATIENCE};
pub use packetizer::{Packetizer, PacketizerConfig, PacketizerError};
pub use peer::{
    Continuity, Event, MAX_REMARK, Output, Peer, PeerConfig, PeerCounts, Remark, Talked, Verdict,
};
pub use registrar::{Heard, Registrar};
pub use users::{
    BadEntry, BadLine, BadUser, Judgement, MAX_PASSWORD, Moment, SALT_BYTES, Times, TimesError,
    Users, put_line, times_of, user_line,
};
