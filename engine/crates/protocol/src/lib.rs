//! The protocols as machines without input or output of their own.
//!
//! A machine takes what happened, with the time at which it did, and says what to do next. It knows no
//! clock, thread or socket, allocates when it is made and never after, and takes any bytes in any order.

pub mod hearing;
pub mod jacktrip;
pub mod repair;
