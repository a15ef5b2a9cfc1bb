//! Passwords for hubs: typed in, or in a file that is this user's and this hub's. None is in a project.
//!
//! A project may come from anybody, so it names neither a password nor a file: the file's name is made of the user's and the
//! hub's, and what was typed for one hub goes to no other.

use std::path::PathBuf;

use farsend_ipc::message::Secret;

use crate::state::{Role, Session};
use crate::user;

/// A password that was typed, and what for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typed {
    user: String,
    host: String,
    port: u16,
    password: Secret,
}

impl Typed {
    /// For the user and the hub of this session.
    pub fn new(session: &Session, password: String) -> Self {
        Self {
            user: session.user.clone(),
            host: session.host.clone(),
            port: session.port,
            password: Secret::new(password),
        }
    }

    /// The password, if it is this session's.
    pub fn for_session(&self, session: &Session) -> Option<&Secret> {
        let same =
            (&self.user, &self.host, self.port) == (&session.user, &session.host, session.port);
        same.then_some(&self.password)
    }
}

/// Whether this session needs a password.
pub fn is_needed(session: &Session) -> bool {
    session.role == Role::Member && !session.user.is_empty()
}

/// Where the password of this session's user at this session's hub may be: `passwords/USER@HOST` in Farsend's folder of settings. `None`
/// where the names cannot be part of a file's, or there is no such folder.
pub fn file(session: &Session) -> Option<PathBuf> {
    let Session { user, host, .. } = session;
    let never = |c: char| matches!(c, '/' | '\\' | '\0');
    let odd = user.is_empty() || host.is_empty() || user.contains(never) || host.contains(never);
    // A colon is no part of a file's name on Windows.
    let name = format!("{user}@{host}").replace(':', "_");
    (!odd).then_some(())?;
    Some(user::folder()?.join("passwords").join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Session {
        Session {
            role: Role::Member,
            host: "hub.example".into(),
            user: "ann".into(),
            ..Session::default()
        }
    }

    #[test]
    fn what_was_typed_for_one_hub_goes_to_no_other() {
        let typed = Typed::new(&session(), "secret".into());
        assert_eq!(
            typed.for_session(&session()).map(Secret::as_str),
            Some("secret")
        );
        let others = [
            Session {
                host: "evil.example".into(),
                ..session()
            },
            Session {
                port: 4470,
                ..session()
            },
            Session {
                user: "bob".into(),
                ..session()
            },
        ];
        for other in others {
            assert_eq!(typed.for_session(&other), None, "{other:?}");
        }
    }

    #[test]
    fn a_password_file_is_named_by_user_and_hub_and_nowhere_else() {
        let name = |user: &str, host: &str| {
            let session = Session {
                user: user.into(),
                host: host.into(),
                ..session()
            };
            let path = file(&session)?;
            assert!(path.parent()?.ends_with("farsend/passwords"), "{path:?}");
            Some(path.file_name()?.to_string_lossy().into_owned())
        };
        assert_eq!(
            name("ann", "hub.example").as_deref(),
            Some("ann@hub.example")
        );
        assert_eq!(name("ann", "fe80::1").as_deref(), Some("ann@fe80__1"));
        assert_eq!(name("..", "..").as_deref(), Some("..@.."));
        for (user, host) in [
            ("../../etc", "x"),
            ("ann", "../x"),
            ("a\\b", "x"),
            ("", "x"),
            ("ann", ""),
        ] {
            assert_eq!(name(user, host), None);
        }
    }
}
