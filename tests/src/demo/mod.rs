//! What `cargo xtask demo` is made of: music, the comparison of what went out with what came back, a report.

pub mod compare;
pub mod music;
pub mod report;
