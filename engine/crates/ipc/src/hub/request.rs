//! Requests and answers.

use std::path::Path;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Status;

/// What a hub is asked to do. Players are named as its status names them, or by their addresses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Who is here.
    Status {},
    /// Sends a player away.
    Kick {
        /// Who.
        player: String,
        /// How long they may not log in again.
        minutes: f64,
        /// Whether nobody else of that host may, either.
        #[serde(default)]
        host: bool,
    },
    /// Lets somebody in again who was sent away.
    Unkick {
        /// By name, user or host, as the status names them.
        player: String,
    },
    /// Mutes a player.
    Mute {
        /// Who is not to be heard, or is again.
        player: String,
        /// By whom; `None`: by anybody.
        #[serde(default)]
        listener: Option<String>,
        /// Whether it begins or ends.
        on: bool,
    },
    /// How loud a player is heard.
    Gain {
        /// Who is heard.
        player: String,
        /// By whom; `None`: by all, as if it were at the source.
        #[serde(default)]
        listener: Option<String>,
        /// 0: as the player sends; -[`MOST_DB`] to [`MOST_DB`].
        db: f64,
    },
    /// Where a player is heard.
    Pan {
        /// Who is heard.
        player: String,
        /// By whom.
        listener: String,
        /// -1 (left) to 1 (right); `None`: as the player sends.
        pan: Option<f64>,
    },
    /// Lets a listener hear only some.
    Solo {
        /// Who is one of those, or is not any more.
        player: String,
        /// Who listens.
        listener: String,
        /// Whether it begins or ends.
        on: bool,
    },
    /// Who hears whom.
    Patch {
        /// `others`, `all`, `loopback` or `none`, or JackTrip's number.
        mode: String,
    },
    /// Whether all are heard as late as the latest.
    Align {
        /// Whether that begins or ends.
        on: bool,
        /// Milliseconds, 0 to [`MOST_BOUND_MS`], that nobody is held back for longer than; `None`: as before.
        #[serde(default)]
        bound_ms: Option<f64>,
    },
    /// Who is in which group: those of a group hear one another, and others as [`Between`](Self::Between) says; who is in none
    /// hears all, and is heard by all.
    Group {
        /// Who is put there; `None`: all.
        #[serde(default)]
        player: Option<String>,
        /// Its name, of at most [`MOST_NAME`] characters; `None`: none.
        #[serde(default)]
        group: Option<String>,
    },
    /// How loud groups hear each other.
    Between {
        /// -[`MOST_DB`] to 0; `None`: not at all.
        db: Option<f64>,
    },
    /// Records everybody and the mix.
    Record {
        /// Whether a recording begins or ends.
        on: bool,
        /// Where it makes a folder of its own: an absolute path; `None`: where the one before did.
        #[serde(default)]
        folder: Option<String>,
        /// Of a player's samples: 24, or 32 for floats; `None`: as with the one before.
        #[serde(default)]
        bits: Option<u8>,
    },
    /// Writes something to those who play with a Farsend.
    Say {
        /// What: text of at most [`MOST_TEXT`] bytes, of which letters that move the cursor are left out.
        text: String,
        /// To whom; `None`: to all.
        #[serde(default)]
        player: Option<String>,
    },
}

/// Bytes of what can be written at once.
pub const MOST_TEXT: usize = 1024;

/// The most that somebody can be turned up or down by.
pub const MOST_DB: f64 = 40.0;

/// The longest that players can be held back, in milliseconds: as much as a jitter buffer holds of any of them.
pub const MOST_BOUND_MS: f64 = 200.0;

/// Characters of a group's name.
pub const MOST_NAME: usize = 32;

/// The longest that somebody can be kept out: a week.
pub const MOST_MINUTES: f64 = 7.0 * 24.0 * 60.0;

/// Why a line is no request.
#[derive(Debug, Error)]
pub enum RequestError {
    /// It is no JSON of that shape.
    #[error("this is no request: {0}")]
    Shape(#[from] serde_json::Error),
    /// A folder is told from where nobody knows.
    #[error("the folder has to be an absolute path")]
    Relative,
    /// No group can be called so.
    #[error("a group's name has 1 to {MOST_NAME} characters, none of which moves the cursor")]
    Name,
    /// Nothing is written, or too much.
    #[error("what is written has 1 to {MOST_TEXT} bytes")]
    Text,
    /// There are no such samples.
    #[error("bits has to be 24 or 32")]
    Bits,
    /// A number is beyond what makes sense.
    #[error("{what} has to be from {least} to {most}")]
    Range {
        /// Which number.
        what: &'static str,
        /// The least allowed.
        least: f64,
        /// The most allowed.
        most: f64,
    },
}

impl Request {
    /// Reads a line.
    ///
    /// # Errors
    /// [`RequestError`].
    pub fn parse(line: &[u8]) -> Result<Self, RequestError> {
        let request: Self = serde_json::from_slice(line)?;
        request.check()?;
        Ok(request)
    }

    /// As a line, with its end.
    pub fn to_line(&self) -> Vec<u8> {
        to_line(self)
    }

    fn check(&self) -> Result<(), RequestError> {
        let range = |what, number: f64, least, most| {
            if (least..=most).contains(&number) {
                Ok(())
            } else {
                Err(RequestError::Range { what, least, most })
            }
        };
        match self {
            Self::Kick { minutes, .. } => range("minutes", *minutes, 0.0, MOST_MINUTES),
            Self::Gain { db, .. } => range("db", *db, -MOST_DB, MOST_DB),
            Self::Pan { pan: Some(pan), .. } => range("pan", *pan, -1.0, 1.0),
            Self::Align {
                bound_ms: Some(ms), ..
            } => range("bound_ms", *ms, 0.0, MOST_BOUND_MS),
            Self::Between { db: Some(db) } => range("db", *db, -MOST_DB, 0.0),
            Self::Group {
                group: Some(name), ..
            } if !is_name(name) => Err(RequestError::Name),
            Self::Record {
                folder: Some(folder),
                ..
            } if !Path::new(folder).is_absolute() => Err(RequestError::Relative),
            Self::Record {
                bits: Some(bits), ..
            } if ![24, 32].contains(bits) => Err(RequestError::Bits),
            Self::Say { text, .. } if text.trim().is_empty() || text.len() > MOST_TEXT => {
                Err(RequestError::Text)
            }
            _ => Ok(()),
        }
    }
}

/// Whether a group can be called so.
fn is_name(name: &str) -> bool {
    let is_blank = name.trim().is_empty();
    !is_blank && name.chars().count() <= MOST_NAME && !name.chars().any(char::is_control)
}

/// What a hub answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is done.
    Done {
        /// What, as a sentence.
        text: String,
    },
    /// Who is here.
    Status(Box<Status>),
    /// It is not.
    Refused {
        /// Why, for programs.
        why: Why,
        /// Why, as a sentence.
        text: String,
        /// Who may have been meant: those of that name, or else all who are here.
        players: Vec<String>,
    },
}

/// Why a hub does not do what it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The line is no request.
    NotUnderstood,
    /// No player is called so.
    Nobody,
    /// Several players are called so.
    Ambiguous,
    /// As much as can be kept in mind is asked for already.
    TooMuch,
    /// It makes no sense, such as oneself in one's own mix.
    Senseless,
    /// The system does not let it.
    Unable,
}

impl Answer {
    /// Reads a line. For the asking end.
    ///
    /// # Errors
    /// The line is no answer.
    pub fn parse(line: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(line)
    }

    /// As a line, with its end.
    pub fn to_line(&self) -> Vec<u8> {
        to_line(self)
    }
}

fn to_line(value: &impl Serialize) -> Vec<u8> {
    // Strings and numbers, and no map with other keys than strings: nothing that can fail.
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let ann = || "ann".to_owned();
        for request in [
            Request::Status {},
            Request::Kick {
                player: ann(),
                minutes: 1.5,
                host: true,
            },
            Request::Unkick { player: ann() },
            Request::Mute {
                player: "a \"b\"\n(2)".into(),
                listener: None,
                on: false,
            },
            Request::Gain {
                player: ann(),
                listener: Some(ann()),
                db: -3.25,
            },
            Request::Pan {
                player: ann(),
                listener: ann(),
                pan: None,
            },
            Request::Solo {
                player: ann(),
                listener: ann(),
                on: true,
            },
            Request::Patch { mode: "all".into() },
            Request::Group {
                player: Some(ann()),
                group: Some("1st violins".into()),
            },
            Request::Group {
                player: None,
                group: None,
            },
            Request::Align {
                on: true,
                bound_ms: Some(60.0),
            },
            Request::Between { db: Some(-12.5) },
            Request::Between { db: None },
            Request::Record {
                on: true,
                folder: Some("/takes/\u{1f3b5}".into()),
                bits: Some(32),
            },
            Request::Say {
                text: "From bar 17:\n\"piano\"".into(),
                player: Some(ann()),
            },
        ] {
            let line = request.to_line();
            assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
            assert_eq!(Request::parse(&line).unwrap(), request);
        }
    }

    #[test]
    fn what_may_be_left_out_may_be_left_out() {
        assert_eq!(
            Request::parse(br#"{"do":"mute","player":"ann","on":true}"#).unwrap(),
            Request::Mute {
                player: "ann".into(),
                listener: None,
                on: true
            }
        );
        assert_eq!(
            Request::parse(br#" {"do":"status"} "#).unwrap(),
            Request::Status {}
        );
    }

    #[test]
    fn nonsense_is_refused_with_a_reason() {
        for (line, word) in [
            (&b""[..], "EOF"),
            (b"status", "expected"),
            (b"\xff\xfe", "expected"),
            (br#"{"do":"dance"}"#, "dance"),
            (br#"{"do":"status","x":1}"#, "unknown field"),
            (br#"{"do":"mute","player":1,"on":true}"#, "string"),
            (br#"{"do":"gain","player":"a","db":41}"#, "from -40 to 40"),
            (br#"{"do":"gain","player":"a","db":1e999}"#, "range"),
            (br#"{"do":"kick","player":"a","minutes":-1}"#, "from 0"),
            (
                br#"{"do":"pan","player":"a","listener":"b","pan":2}"#,
                "from -1 to 1",
            ),
            (br#"{"do":"align","on":true,"bound_ms":1e9}"#, "0 to 200"),
            (br#"{"do":"between","db":1}"#, "from -40 to 0"),
            (br#"{"do":"group","player":"a","group":" "}"#, "1 to 32"),
            (br#"{"do":"group","player":"a","group":"\n"}"#, "1 to 32"),
            (br#"{"do":"record","on":true,"folder":"x"}"#, "absolute"),
            (br#"{"do":"record","on":true,"bits":16}"#, "24 or 32"),
            (br#"{"do":"record","on":true,"bits":1000}"#, "u8"),
            (br#"{"do":"say","text":" \n "}"#, "1 to 1024"),
        ] {
            let error = Request::parse(line).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        let deep = [b'['; 4000];
        assert!(Request::parse(&deep).is_err());
    }
}
