//! JackTrip, peer to peer.
//!
//! ```text
//!   blocks ──▶ Packetizer ──▶ datagrams ──▶ (network) ──▶ Peer ──▶ Depacketizer ──▶ numbered packets
//! ```
//! [`Peer`] decides whose datagrams count and when the session begins and ends; [`Depacketizer`] puts the
//! packets of that one sender into order by number; [`Packetizer`] is the way out.

mod depacketizer;
mod numbering;
mod packetizer;
mod peer;

pub use depacketizer::{Arrival, Depacketizer, DepacketizerCounts, Taken};
pub use packetizer::{Packetizer, PacketizerConfig, PacketizerError};
pub use peer::{Continuity, Event, Output, Peer, PeerConfig, PeerCounts, Verdict};
