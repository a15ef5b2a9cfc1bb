//! What the environment says: where the engine is, and what session a script wants.
//!
//! | variable | meaning |
//! | --- | --- |
//! | `FARSEND_ENGINE` | the engine's program; no other is looked for |
//! | `FARSEND_CONNECT` | `HOST[:PORT]` to connect to, or `hub://HOST[:PORT]` to join, whatever the saved session says |
//! | `FARSEND_SESSION` | a JSON object laid over the saved session, such as `{"role":"server","port":4465,"connected":true}` |
//! | `FARSEND_PASSWORD_FILE` | a file whose first line is the user's password at a hub |
//!
//! The session's two are for hosts whose saved plug-in state is hard to script. They hold for all instances
//! of the process and are not saved. (`FARSEND_RUNTIME_DIR` says where plugin and engine meet, for
//! both: see [`farsend_ipc::runtime`].)

use std::ffi::OsString;
use std::path::PathBuf;

use farsend_ipc::runtime::{RuntimeDir, RuntimeError};

use crate::state::{Role, Session};
use crate::user::{Book, Entry, UserFile};

/// What the environment says, read once an instance.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `FARSEND_ENGINE`.
    pub engine: Option<PathBuf>,
    /// `FARSEND_CONNECT`.
    pub connect: Option<String>,
    /// `FARSEND_SESSION`.
    pub session: Option<String>,
    /// `FARSEND_PASSWORD_FILE`.
    pub password_file: Option<PathBuf>,
    /// The directory in which plugin and engine meet, instead of the user's own.
    pub runtime: Option<PathBuf>,
    /// Where it is noted who was called; `None`: nowhere.
    pub addresses: Option<UserFile>,
}

impl Environment {
    /// Reads this process's environment.
    pub fn read() -> Self {
        let text = |name| given(name).and_then(|value| value.into_string().ok());
        Self {
            engine: given("FARSEND_ENGINE").map(PathBuf::from),
            connect: text("FARSEND_CONNECT"),
            session: text("FARSEND_SESSION"),
            password_file: given("FARSEND_PASSWORD_FILE").map(PathBuf::from),
            runtime: None,
            addresses: UserFile::named(Book::FILE),
        }
    }

    /// Notes in the address book whom this session has reached, unless a script wanted that. Blocks on the disk.
    pub fn note_call(&self, session: &Session) {
        let scripted = self.connect.is_some() || self.session.is_some();
        let entry = Entry::of(session).filter(|_| !scripted);
        let (Some(file), Some(entry)) = (&self.addresses, entry) else {
            return;
        };
        let known = file
            .read::<Book>()
            .is_ok_and(|(book, _)| book.is_last(&entry));
        if !known {
            // The book is a help and no more: where it cannot be written to, the editor says so when it is looked at.
            _ = file.change(|book: &mut Book| book.note(&entry));
        }
    }

    /// The session that is wanted where `saved` is, and what there is to say of it.
    pub fn apply(&self, saved: Session) -> (Session, Option<String>) {
        let mut session = saved;
        let mut said = Vec::new();
        if let Some(text) = &self.session {
            said.push("Set by FARSEND_SESSION.".to_owned());
            said.extend(session.overlay(text));
        }
        if let Some(address) = &self.connect {
            let mut there = Session {
                role: Role::Client,
                connected: true,
                ..session.clone()
            };
            if there.set_address(address) {
                session = there;
                said.push(format!("FARSEND_CONNECT says to connect to {address}."));
            } else {
                said.push(format!(
                    "FARSEND_CONNECT ({address}) is no address; it was left out."
                ));
            }
        }
        (session, (!said.is_empty()).then(|| said.join(" ")))
    }

    /// Where plugin and engine meet.
    pub fn runtime_dir(&self) -> Result<RuntimeDir, RuntimeError> {
        self.runtime
            .as_ref()
            .map_or_else(RuntimeDir::find, RuntimeDir::at)
    }
}

fn given(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
