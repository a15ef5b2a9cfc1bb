//! A hub: any number of players, mixed here, each with a JackTrip or a Farsend of their own.
//!
//! ```text
//!  control thread                                        audio thread
//!  ┌───────────────────────────────────────────┐          ┌──────────────────────────────────────────────┐
//!  │ Door    TCP: who wants in, and which port  │  orders  │ HubSocket   one UDP port, datagrams in batches│
//!  │ Roster  who is expected, who plays         ├─────────▶│ Floor       whose datagram, players, mix      │
//!  │ Desk    builds players, says what happens  │◀─────────┤   Player    machines, jitter buffer           │
//!  └───────────────────────────────────────────┘  knocks,  │   Mixer     total, less oneself               │
//!                                                 returns  └──────────────────────────────────────────────┘
//! ```
//!
//! A player logs in over TCP (hello, port) and then sends audio. The first datagram from an expected address
//! is a *knock*: it says how many channels go each way, so that the control thread can build the
//! player and hand it over. Everything that allocates happens there; the audio thread only moves boxes.

mod align;
mod auth;
mod book;
mod control;
mod delay;
mod desk;
mod distance;
mod door;
mod fair;
mod files;
mod floor;
mod group_mixes;
mod groups;
mod hosted;
mod instances;
mod lanes;
mod local;
mod mixer;
mod osc;
mod pace;
mod patch;
mod player;
mod ports;
mod recording;
mod recordings;
mod report;
mod roster;
mod routes;
mod settings;
mod sight;
mod socket;
mod strangers;
mod strips;
pub(crate) mod table;
mod taping;
mod tidings;
mod track_takes;

pub use auth::{AuthError, AuthSettings, BookError, CertificateError, make_certificate};
pub use desk::run;
pub use door::DoorError;
pub use hosted::{HostedFloor, Sound};
pub use instances::{HubHost, HubPlayer, HubSight, HubTalk};
pub use osc::OscPort;
pub use patch::PatchMode;
pub use report::HubReporter;
pub use settings::{ALIGN_BOUND, HubSettings, LocalSettings, RecordSettings, Through};
pub use track_takes::TakeOrders;
