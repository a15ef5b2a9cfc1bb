//! What is asked of a running hub on this machine: a JSON value a line there, and one back.
//!
//! ```text
//! {"do":"mute","player":"ann","on":true}      ->  {"done":{"text":"ann is muted for everybody"}}
//! {"do":"kick","player":"bob","minutes":10}   ->  {"refused":{"why":"nobody","text":"...","players":["ann","carl"]}}
//! {"do":"status"}                             ->  {"status":{"port":4464,"players":[...],...}}
//! ```
//! The socket is the file [`hub_socket`](crate::runtime::RuntimeDir::hub_socket) in a directory of the user's own. Answers come in the order of
//! requests.

mod lines;
mod request;
mod status;

pub use lines::{Lines, MOST_LINE, TooLong};
pub use request::{
    Answer, MOST_BOUND_MS, MOST_DB, MOST_MINUTES, MOST_NAME, MOST_TEXT, Request, RequestError, Why,
};
pub use status::{
    Absent, AlignStatus, Aligned, KeptOut, PlayerStatus, RecordingStatus, Status, Wish,
};
