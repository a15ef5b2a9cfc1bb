//! Requests and answers.

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
}

/// The most that somebody can be turned up or down by.
pub const MOST_DB: f64 = 40.0;

/// The longest that somebody can be kept out: a week.
pub const MOST_MINUTES: f64 = 7.0 * 24.0 * 60.0;

/// Why a line is no request.
#[derive(Debug, Error)]
pub enum RequestError {
    /// It is no JSON of that shape.
    #[error("this is no request: {0}")]
    Shape(#[from] serde_json::Error),
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
            _ => Ok(()),
        }
    }
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
        ] {
            let error = Request::parse(line).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        let deep = [b'['; 4000];
        assert!(Request::parse(&deep).is_err());
    }
}
