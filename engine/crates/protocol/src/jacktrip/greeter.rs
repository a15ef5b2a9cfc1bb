//! The hub's side of one log-in over TCP, from the first byte to the answer.
//!
//! ```text
//!   word (4 bytes)
//!     ├─ please authenticate ──▶ Say(PleaseAuthenticate), and TLS follows; Say(NotRequired) where there are no users
//!     ├─ any other, where users authenticate ──▶ Say(AuthenticationRequired)
//!     ├─ a port ──▶ its name (64 bytes) ────────────▶ Welcome with the name
//!     │               └─ a pause first (JackTrip 1.2) ─▶ Welcome with what has come of it
//!     └─ 0 ── 64 bytes ──▶ Welcome;  a pause ──▶ the word is dropped, and the next one counts, once
//! ```
//! It is more lenient than JackTrip, whose hubs take a name only if it is there together with the word. How long
//! a client may take for all of this is up to whoever holds the connection: a client that says nothing gets no answer.
//!
//! Source: JackTrip 1.7.0 and 2.7.2 as hubs, with clients that send a hello in pieces.

use std::time::Duration;

use arrayvec::ArrayVec;
use farsend_wire::jacktrip::{Hello, Name, Reply};

/// How long the rest of a hello may be on its way. After a pause this long, see [`Greeter::handle_pause`].
pub const NAME_PATIENCE: Duration = Duration::from_millis(100);

/// Reads one hello. Neither allocates nor fails: any bytes in any pieces will do, and no more than
/// [`Hello::LEN`] are looked at.
#[derive(Debug)]
pub struct Greeter {
    authenticates: bool,
    /// A word of zeros was dropped.
    retried: bool,
    /// What has come; nothing any more once it was answered.
    bytes: ArrayVec<u8, { Hello::LEN }>,
    answered: bool,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Greeting {
    /// Wait for more bytes, or for a pause.
    More,
    /// Somebody wants to join: answer with [`Reply::Port`], then close; without an answer if there is no room.
    Welcome(Hello),
    /// Answer so, then close; but after [`Reply::PleaseAuthenticate`] go on with TLS.
    Say(Reply),
    /// Close: nothing that can be answered will come, or it was answered.
    Close,
}

impl Greeter {
    /// For a connection that has just been made. `authenticates`: only users with a password are let in.
    pub const fn new(authenticates: bool) -> Self {
        Self {
            authenticates,
            retried: false,
            bytes: ArrayVec::new_const(),
            answered: false,
        }
    }

    /// Takes bytes that came, in their order and in any pieces.
    pub fn handle_bytes(&mut self, bytes: &[u8]) -> Greeting {
        if self.answered {
            return Greeting::Close;
        }
        let taken = bytes.len().min(self.bytes.remaining_capacity());
        self.bytes.extend(bytes[..taken].iter().copied());
        let greeting = self.look();
        self.note(greeting)
    }

    /// Nothing came for [`NAME_PATIENCE`]. To be called once a pause; more often does no harm.
    pub fn handle_pause(&mut self) -> Greeting {
        if self.answered {
            return Greeting::Close;
        }
        let greeting = match self.look() {
            Greeting::More => self.look_again(),
            greeting => greeting,
        };
        self.note(greeting)
    }

    /// What can be told while more may come.
    fn look(&self) -> Greeting {
        let Some((word, field)) = self.bytes.split_first_chunk() else {
            return Greeting::More;
        };
        match Reply::parse(*word) {
            Reply::PleaseAuthenticate if self.authenticates => {
                Greeting::Say(Reply::PleaseAuthenticate)
            }
            Reply::PleaseAuthenticate => Greeting::Say(Reply::NotRequired),
            _ if self.authenticates => Greeting::Say(Reply::AuthenticationRequired),
            _ if self.bytes.is_full() => Greeting::Welcome(welcome(*word, field)),
            _ => Greeting::More,
        }
    }

    /// What can be told now that there was a pause.
    fn look_again(&mut self) -> Greeting {
        let Some((word, field)) = self.bytes.split_first_chunk() else {
            return Greeting::More;
        };
        if port(*word) != 0 {
            return Greeting::Welcome(welcome(*word, field));
        }
        if self.retried {
            return Greeting::Close;
        }
        if field.len() < Hello::WORD_LEN {
            return Greeting::More;
        }
        self.retried = true;
        self.bytes.drain(..Hello::WORD_LEN);
        match self.look() {
            Greeting::More => self.look_again(),
            greeting => greeting,
        }
    }

    fn note(&mut self, greeting: Greeting) -> Greeting {
        self.answered = greeting != Greeting::More;
        greeting
    }
}

/// As JackTrip's hubs do, only the low half is looked at.
fn port([low, high, ..]: [u8; Hello::WORD_LEN]) -> u16 {
    u16::from_le_bytes([low, high])
}

fn welcome(word: [u8; Hello::WORD_LEN], field: &[u8]) -> Hello {
    Hello {
        port: port(word),
        name: Name::from_bytes(field),
    }
}
