//! The Farsend plugin: sends a track to a musician far away, and brings back what they play.
//!
//! It only moves audio between the host and the engine, a process of its own, which does all that has
//! to do with the network. See [`plugin`] for what a host calls, [`supervisor`] for how the engine is
//! found and kept, [`state`] for what is saved, and [`insert`] for what happens to a block.

pub mod address;
pub mod align;
pub mod automation;
pub mod choice;
mod clap;
pub mod delays;
pub mod drag;
pub mod editor;
pub mod history;
pub mod insert;
pub mod link;
mod mapped;
pub mod mix;
pub mod params;
pub mod password;
pub mod ping;
pub mod playback;
pub mod players;
pub mod plugin;
mod ports;
pub mod shared;
pub mod signal;
pub mod situation;
pub mod state;
pub mod supervisor;
pub mod takes;
mod unknown;
mod unread;
pub mod user;
mod vst3;
pub mod worker;

pub use self::vst3::GetPluginFactory;
pub use clap::clap_entry;
