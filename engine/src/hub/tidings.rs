//! What is told of log-ins with passwords, as sentences or JSON lines. No password is in any of it.

use std::net::IpAddr;

use farsend_protocol::jacktrip::BadLine;
use farsend_wire::jacktrip::Name;
use serde_json::json;

use super::auth::Auth;
use super::report::HubReporter;

/// Something that happened at the door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tidings {
    /// User and password are right.
    LoggedIn {
        user: Option<String>,
        name: Name,
        host: IpAddr,
    },
    /// They are not. `user` is known, if given.
    Wrong { user: Option<String>, host: IpAddr },
    /// They are, but not now.
    NotNow { user: Option<String>, host: IpAddr },
    /// The file of users has changed.
    Users { count: usize, bad: Vec<BadLine> },
    /// The file of users cannot be read any more.
    NoUsers(String),
    /// Somebody who was to wait for a place got none in time.
    NoRoom { host: IpAddr },
}

impl HubReporter {
    /// At the start: who we are to those who log in.
    pub(super) fn asks_for_passwords(&mut self, auth: &Auth) {
        let users = users(auth.book.users().count());
        let text = format!(
            "{users} may log in; our certificate's SHA-256 fingerprint is {}",
            auth.fingerprint
        );
        let facts = json!({
            "users": auth.book.users().count(), "fingerprint": auth.fingerprint.to_string(),
            "certificate_days": auth.days_left,
        });
        self.say("asks_for_passwords", &text, facts);
        if auth.days_left < SOON_DAYS {
            let text = format!(
                "the certificate expires in {} days: then the hub will not start with it",
                auth.days_left
            );
            self.say(
                "certificate_expires",
                &text,
                json!({ "days": auth.days_left }),
            );
        }
    }

    pub(super) fn tell(&mut self, tidings: &Tidings) {
        let user_text = |user: &Option<String>| match user {
            Some(user) => format!("the user {}", shown(user)),
            None => "somebody".to_owned(),
        };
        match tidings {
            Tidings::LoggedIn { user, name, host } => {
                let text = format!("{} logs in from {host}", user_text(user));
                let facts = json!({ "user": user, "name": name.as_str(), "host": host });
                self.say("logged_in", &text, facts);
            }
            Tidings::Wrong { user, host } => {
                let text = match user {
                    Some(user) => {
                        format!("{host} was refused: a wrong password of {}", shown(user))
                    }
                    None => format!("{host} was refused: no such user"),
                };
                self.say(
                    "wrong_password",
                    &text,
                    json!({ "user": user, "host": host }),
                );
            }
            Tidings::NotNow { user, host } => {
                let text = format!("{host} was refused: {} may not come now", user_text(user));
                self.say("wrong_time", &text, json!({ "user": user, "host": host }));
            }
            Tidings::Users { count, bad } => {
                let text = format!("the credentials file has changed: {} now", users(*count));
                self.say(
                    "users",
                    &text,
                    json!({ "users": count, "bad_lines": bad.len() }),
                );
                for line in bad.iter().take(MOST_LINES) {
                    let text = format!("the credentials file's {line}. The line is passed over");
                    self.say("bad_line", &text, json!({ "line": line.number }));
                }
            }
            Tidings::NoUsers(why) => {
                let text = format!("{why}. Until then the users of before may log in");
                self.say("users_unreadable", &text, json!({}));
            }
            Tidings::NoRoom { host } => {
                let text = format!(
                    "{host} was turned away: others were to come from there, and none of them did"
                );
                self.say("no_room", &text, json!({ "host": host }));
            }
        }
    }
}

fn users(count: usize) -> String {
    match count {
        1 => "1 user".to_owned(),
        more => format!("{more} users"),
    }
}

/// Text of strangers, to be printed: nothing in it moves the cursor.
pub(super) fn shown(user: &str) -> String {
    user.chars()
        .take(MOST_SHOWN)
        .flat_map(char::escape_debug)
        .collect()
}

/// A certificate that expires within so many days is told of.
const SOON_DAYS: i64 = 30;
const MOST_LINES: usize = 10;
const MOST_SHOWN: usize = 64;
