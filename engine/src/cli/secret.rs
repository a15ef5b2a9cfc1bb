//! Passwords: from a file, from standard input, or asked on the terminal; never from an argument of ours, which everyone
//! on the machine could see.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, IsTerminal as _, Read, Write as _};
use std::path::{Path, PathBuf};

use farsend_wire::jacktrip::LogIn;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::credentials::Password;

/// Why there is no password.
#[derive(Debug, Error)]
pub enum SecretError {
    /// A file that cannot be read.
    #[error("the password cannot be read from {}: {source}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file that others can read.
    #[error(
        "{} can be read by everyone on this machine: run `chmod 600 {}` first, and change the password if others were there",
        path.display(), path.display()
    )]
    Open {
        /// Which one.
        path: PathBuf,
    },
    /// Nothing, or more than a line can be.
    #[error("{0} holds no password: it is to be the first line, of 1 to {most} bytes", most = LogIn::MAX_TEXT)]
    None(String),
    /// Typed differently the second time.
    #[error("the two passwords differ")]
    Differ,
    /// Nobody to ask.
    #[error(
        "there is no terminal to ask for the password: say --password-file FILE, or - for standard input"
    )]
    NoTerminal,
    /// The terminal.
    #[error("the terminal gives no password: {0}")]
    Terminal(io::Error),
}

/// The first line of a file; `-` is standard input.
///
/// # Errors
/// [`SecretError`].
pub(crate) fn from_file(path: &Path) -> Result<Password, SecretError> {
    if path == Path::new("-") {
        return from_stdin();
    }
    let failed = |source| SecretError::File {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    if is_open_to_all(&file) {
        return Err(SecretError::Open {
            path: path.to_owned(),
        });
    }
    first_line(file, &path.display().to_string(), failed)
}

/// The first line of standard input.
///
/// # Errors
/// [`SecretError`].
pub(super) fn from_stdin() -> Result<Password, SecretError> {
    first_line(io::stdin().lock(), "standard input", |source| {
        SecretError::File {
            path: "standard input".into(),
            source,
        }
    })
}

/// Asks on the terminal, without showing what is typed.
///
/// # Errors
/// [`SecretError::NoTerminal`] where standard input is none.
pub(super) fn ask(question: &str) -> Result<Password, SecretError> {
    if !io::stdin().is_terminal() {
        return Err(SecretError::NoTerminal);
    }
    let typed = rpassword::prompt_password(question).map_err(SecretError::Terminal)?;
    if typed.is_empty() {
        return Err(SecretError::None("what was typed".to_owned()));
    }
    Ok(Password::new(typed))
}

/// A new password: asked for twice on a terminal, else the first line of standard input.
///
/// # Errors
/// [`SecretError`].
pub(super) fn choose(user: &str) -> Result<Password, SecretError> {
    if !io::stdin().is_terminal() {
        return from_stdin();
    }
    let first = ask(&format!("New password of {user}: "))?;
    let second = ask("The same again: ")?;
    if first == second {
        Ok(first)
    } else {
        Err(SecretError::Differ)
    }
}

/// A user's name, typed on the terminal or the first line of standard input.
///
/// # Errors
/// [`SecretError`].
pub(super) fn ask_user(question: &str) -> Result<String, SecretError> {
    if io::stdin().is_terminal() {
        eprint!("{question}");
        _ = io::stderr().flush();
    }
    let mut line = String::new();
    let read = io::stdin().lock().take(MOST).read_line(&mut line);
    read.map_err(SecretError::Terminal)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Whether everyone on the machine can read an ordinary file, or write it.
pub(crate) fn is_open_to_all(file: &File) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let open =
            |data: std::fs::Metadata| data.is_file() && data.permissions().mode() & 0o006 != 0;
        file.metadata().is_ok_and(open)
    }
    #[cfg(not(unix))]
    {
        _ = file;
        false
    }
}

fn first_line(
    from: impl Read,
    name: &str,
    failed: impl Fn(io::Error) -> SecretError,
) -> Result<Password, SecretError> {
    let mut line = Zeroizing::new(Vec::with_capacity(MOST as usize));
    let mut from = BufReader::with_capacity(1, from.take(MOST));
    from.read_until(b'\n', &mut line).map_err(failed)?;
    let text = std::str::from_utf8(&line).map_err(|_| SecretError::None(name.to_owned()))?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() || text.len() > LogIn::MAX_TEXT {
        return Err(SecretError::None(name.to_owned()));
    }
    Ok(Password::new(text.to_owned()))
}

/// No line of a password is longer.
const MOST: u64 = LogIn::MAX_TEXT as u64 + 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &[u8]) -> Option<Password> {
        first_line(text, "it", SecretError::Terminal).ok()
    }

    #[test]
    fn it_is_the_first_line_without_its_end() {
        let secret = || Some(Password::new("se cret ".to_owned()));
        assert_eq!(line(b"se cret "), secret());
        assert_eq!(line(b"se cret \n"), secret());
        assert_eq!(line(b"se cret \r\nmore\n"), secret());
        assert_eq!(line(b""), None);
        assert_eq!(line(b"\nsecret"), None);
        assert_eq!(line(b"\xff\n"), None);
        assert!(line(&[b'x'; 1024]).is_some());
        assert_eq!(line(&[b'x'; 1025]), None);
        assert_eq!(line(&[b'x'; 5000]), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_everyone_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, "secret\n").unwrap();
        let mode = |mode| {
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(&path, mode).unwrap();
            from_file(&path)
        };
        assert!(matches!(mode(0o644), Err(SecretError::Open { .. })));
        assert_eq!(mode(0o640).unwrap(), Password::new("secret".to_owned()));
        let missing = from_file(&folder.path().join("none"));
        assert!(matches!(missing, Err(SecretError::File { .. })));
    }
}
