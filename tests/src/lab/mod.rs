//! A private machine and the programs that run on it.

pub mod by_hand;
pub mod engines;
pub mod farsend;
pub mod hub;
pub mod hub_users;
pub mod instance;
pub mod jack;
pub mod jacktrip;
pub mod leftovers;
pub mod looping;
pub mod machine;
pub mod need;
pub mod preload;
pub mod probe;
pub mod program;
pub mod qtractor;
pub mod relay;
pub mod session;
pub mod stops;
pub mod studio;
pub mod takes;
pub mod voices;
pub mod vst3;
pub mod wait;

pub use machine::{Machine, on_a_private_machine};
pub use need::Need;
pub use program::Running;
pub use wait::{wait_for, wait_until};
