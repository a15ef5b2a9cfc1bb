//! Who may log in at a hub, and when: the lines of JackTrip's credentials file, and the verdict on one log-in.
//!
//! ```text
//!   user:$6$SALT$HASH:TIMES        one a line; more fields are not looked at
//!   # a comment, and empty lines
//! ```
//! `$6$SALT$HASH` is SHA-512 crypt of 5000 rounds, as `openssl passwd -6` prints it; `TIMES` are [`Times`].
//! JackTrip passes over what it does not understand; here each such line is named, so that nobody is kept out
//! without a reason.
//!
//! Source: JackTrip 1.7.0 as a hub, with such files.

mod hash;
mod times;

use std::collections::HashMap;
use std::fmt;

use farsend_wire::jacktrip::LogIn;
use thiserror::Error;

use self::hash::{Hash, SALT_LEN};
pub use self::hash::{MAX_PASSWORD, SALT_BYTES};
pub use self::times::{Moment, Times, TimesError};

/// All users of a hub.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Users {
    all: HashMap<Box<str>, User>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct User {
    hash: Hash,
    times: Times,
}

/// What a hub answers to a log-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Judgement {
    /// Come in.
    Welcome,
    /// No such user, or not with this password.
    WrongCredentials,
    /// User and password are right, and it is not their time.
    NotAtThisTime,
}

/// A line that says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {number}: {why}")]
pub struct BadLine {
    /// From 1.
    pub number: usize,
    /// What is wrong with it.
    pub why: BadUser,
}

/// What is wrong with a user's line. None of it shows a hash.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadUser {
    /// It is in another encoding.
    #[error("is no UTF-8 text")]
    NotText,
    /// Less than three fields.
    #[error("has {0} of the three fields of USER:HASH:TIMES (TIMES is * for always)")]
    Fields(usize),
    /// An empty name.
    #[error("has no user before the first colon")]
    NoName,
    /// The user is there already.
    #[error("names the user \"{}\" again, which line {} has", .0.escape_debug(), .1)]
    Again(Box<str>, usize),
    /// Another scheme than JackTrip's.
    #[error(
        "has no hash that JackTrip knows: $6$SALT$HASH without rounds=, with a salt of 1 to {SALT_LEN} characters. Write the line with `farsend hub --add-user`, or the hash with `openssl passwd -6`"
    )]
    Hash,
    /// Times that mean nothing.
    #[error(transparent)]
    Times(#[from] TimesError),
}

/// Why no line can be written for a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BadEntry {
    /// The name would end its field, or the line.
    #[error(
        "a user's name is 1 to {} bytes without colons, control characters, spaces around it, or # at its beginning",
        LogIn::MAX_TEXT
    )]
    Name,
    /// JackTrip refuses an empty one, and looks at the first 256 bytes.
    #[error("a password is 1 to {MAX_PASSWORD} bytes, without a zero")]
    Password,
}

impl Users {
    /// Reads a file: the users of all lines that can be read, and the others. A user who is there twice counts as the
    /// later line says.
    pub fn parse(file: &[u8]) -> (Self, Vec<BadLine>) {
        let (mut users, mut bad) = (Self::default(), Vec::new());
        let mut seen = HashMap::new();
        for (number, line) in (1..).zip(file.split(|byte| *byte == b'\n')) {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            match parse_line(line) {
                Ok(None) => {}
                Ok(Some((name, user))) => {
                    if let Some(before) = seen.insert(name, number) {
                        let why = BadUser::Again(name.chars().take(MOST_SHOWN).collect(), before);
                        bad.push(BadLine { number, why });
                    }
                    users.all.insert(name.into(), user);
                }
                Err(why) => bad.push(BadLine { number, why }),
            }
        }
        (users, bad)
    }

    /// What to answer to a log-in at this moment, in the hub's own time zone.
    ///
    /// Takes some milliseconds, for users that there are not, too: for a thread that may take that long.
    pub fn judge(&self, log_in: &LogIn<'_>, now: Moment) -> Judgement {
        let user = std::str::from_utf8(log_in.user)
            .ok()
            .and_then(|name| self.all.get(name));
        let Some(user) = user else {
            // As long as for one that there is, so that names cannot be found out.
            _ = Hash::nobodys().is_of(log_in.password);
            return Judgement::WrongCredentials;
        };
        match (user.hash.is_of(log_in.password), user.times.allow(now)) {
            (false, _) => Judgement::WrongCredentials,
            (true, false) => Judgement::NotAtThisTime,
            (true, true) => Judgement::Welcome,
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.all.len()
    }

    /// Whether there is a user of this name.
    pub fn knows(&self, name: &str) -> bool {
        self.all.contains_key(name)
    }
}

/// A line for the file, without its end. `salt`: random bytes. Takes some milliseconds.
///
/// # Errors
/// [`BadEntry`] for a name or password that cannot be.
pub fn user_line(
    name: &str,
    password: &[u8],
    salt: [u8; SALT_BYTES],
    times: &Times,
) -> Result<String, BadEntry> {
    let is_name = !name.is_empty()
        && name.len() <= LogIn::MAX_TEXT
        && name.trim() == name
        && !name.starts_with('#')
        && !name.contains(|c: char| c == ':' || c.is_control());
    if !is_name {
        return Err(BadEntry::Name);
    }
    if password.is_empty() || password.len() > MAX_PASSWORD || password.contains(&0) {
        return Err(BadEntry::Password);
    }
    let hash = Hash::make(password, salt).ok_or(BadEntry::Password)?;
    Ok(format!("{name}:{hash}:{times}"))
}

/// Puts a user's line into the text of a file: in place of the user's own, or at the end. What else is there stays
/// as it is, byte for byte. Tells whether it replaced one.
pub fn put_line(file: &mut Vec<u8>, name: &str, line: &str) -> bool {
    let is_theirs = |old: &[u8]| old.split(|byte| *byte == b':').next() == Some(name.as_bytes());
    let mut replaced = false;
    let mut out = Vec::with_capacity(file.len() + line.len() + 1);
    for old in file.split_inclusive(|byte| *byte == b'\n') {
        if !is_theirs(old) {
            out.extend(old);
        } else if !std::mem::replace(&mut replaced, true) {
            out.extend(line.as_bytes());
            out.push(b'\n');
        }
    }
    if !replaced {
        if out.last().is_some_and(|last| *last != b'\n') {
            out.push(b'\n');
        }
        out.extend(line.as_bytes());
        out.push(b'\n');
    }
    *file = out;
    replaced
}

/// The times of a user in a file, as they stand there.
pub fn times_of(file: &[u8], name: &str) -> Option<Times> {
    let (users, _) = Users::parse(file);
    users.all.get(name).map(|user| user.times.clone())
}

fn parse_line(line: &[u8]) -> Result<Option<(&str, User)>, BadUser> {
    let line = std::str::from_utf8(line).map_err(|_| BadUser::NotText)?;
    if line.trim().is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let mut fields = line.split(':');
    let (Some(name), Some(hash), Some(times)) = (fields.next(), fields.next(), fields.next())
    else {
        return Err(BadUser::Fields(line.split(':').count()));
    };
    if name.is_empty() {
        return Err(BadUser::NoName);
    }
    let hash = Hash::parse(hash).ok_or(BadUser::Hash)?;
    let times = times.parse()?;
    Ok(Some((name, User { hash, times })))
}

/// Characters of a name that are shown.
const MOST_SHOWN: usize = 64;

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Welcome => "welcome",
            Self::WrongCredentials => "wrong user or password",
            Self::NotAtThisTime => "not at this time",
        })
    }
}
