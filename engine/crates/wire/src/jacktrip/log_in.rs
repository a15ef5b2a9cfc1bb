//! What a client says inside TLS, at a hub that asks who it is: its hello, then user and password.
//!
//! ```text
//!   0            68                   72                       76            77+u
//!   | the hello  | bytes of user (i32) | bytes of password (i32) | user, zero | password, zero |
//! ```
//! All little endian, texts in UTF-8. The hub waits for all of it, in any pieces, and answers with a
//! [`Reply`](super::Reply). The zeros are not counted.
//!
//! Source: JackTrip 1.7.0 as a client and as a hub.

use std::fmt;

use thiserror::Error;

use super::Hello;

/// One log-in with user and password.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LogIn<'a> {
    /// Its port and name.
    pub hello: Hello,
    /// As typed; any bytes, if it came from outside.
    pub user: &'a [u8],
    /// As typed; any bytes, if it came from outside.
    pub password: &'a [u8],
}

/// Bytes that are no log-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "a user or password of {bytes} bytes, where 0 to {} can be",
    LogIn::MAX_TEXT
)]
pub struct LogInError {
    /// As said in the head; negative, too.
    pub bytes: i32,
}

impl<'a> LogIn<'a> {
    /// Bytes before the texts.
    pub const HEAD_LEN: usize = HEAD_LEN;

    /// The most bytes of a user's name, and of a password. JackTrip has no bound of its own.
    pub const MAX_TEXT: usize = 1024;

    /// The most bytes of a whole log-in.
    pub const MAX_LEN: usize = Self::HEAD_LEN + 2 * (Self::MAX_TEXT + 1);

    /// Reads a log-in; `None` where more bytes belong to it. What comes after it is not looked at, nor are the zeros.
    ///
    /// # Errors
    /// [`LogInError`] for a text that is too long, or shorter than nothing.
    pub fn parse(bytes: &'a [u8]) -> Result<Option<Self>, LogInError> {
        let Some((head, texts)) = bytes.split_first_chunk::<HEAD_LEN>() else {
            return Ok(None);
        };
        let (user, password) = Self::texts(head)?;
        let Some((user, rest)) = texts.split_at_checked(user) else {
            return Ok(None);
        };
        let password = rest
            .split_first()
            .and_then(|(_, rest)| rest.split_at_checked(password));
        let (Some((password, [_, ..])), Some(hello)) = (password, head.first_chunk()) else {
            return Ok(None);
        };
        Ok(Some(Self {
            hello: Hello::parse(hello),
            user,
            password,
        }))
    }

    /// Appends the bytes to `out`.
    ///
    /// # Errors
    /// [`LogInError`] for a user or password of more than [`MAX_TEXT`](Self::MAX_TEXT) bytes.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), LogInError> {
        let [user, password] = [self.user, self.password].map(|text| {
            let bytes = i32::try_from(text.len()).unwrap_or(i32::MAX);
            checked(bytes).map(|_| bytes.to_le_bytes())
        });
        let lengths = [user?, password?];
        out.extend(self.hello.to_bytes());
        out.extend(lengths.as_flattened());
        for text in [self.user, self.password] {
            out.extend(text);
            out.push(0);
        }
        Ok(())
    }

    /// The lengths of user and password.
    fn texts(head: &[u8; HEAD_LEN]) -> Result<(usize, usize), LogInError> {
        let [.., u0, u1, u2, u3, p0, p1, p2, p3] = *head;
        let user = checked(i32::from_le_bytes([u0, u1, u2, u3]))?;
        let password = checked(i32::from_le_bytes([p0, p1, p2, p3]))?;
        Ok((user, password))
    }
}

impl fmt::Debug for LogIn<'_> {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogIn")
            .field("hello", &self.hello)
            .field("user", &String::from_utf8_lossy(self.user))
            .finish_non_exhaustive()
    }
}

fn checked(bytes: i32) -> Result<usize, LogInError> {
    usize::try_from(bytes)
        .ok()
        .filter(|length| *length <= LogIn::MAX_TEXT)
        .ok_or(LogInError { bytes })
}

const HEAD_LEN: usize = Hello::LEN + 8;

#[cfg(test)]
mod tests {
    use super::super::Name;
    use super::*;

    fn log_in<'a>(user: &'a [u8], password: &'a [u8]) -> LogIn<'a> {
        let name = Name::new("alice");
        let hello = Hello { port: 4464, name };
        LogIn {
            hello,
            user,
            password,
        }
    }

    fn written(user: &[u8], password: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        log_in(user, password).write(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn what_is_written_is_read_again_once_all_of_it_is_there() {
        let longest = [b'x'; LogIn::MAX_TEXT];
        for (user, password) in [
            (&b"ann"[..], &b"secret"[..]),
            (b"", b""),
            (&[0xff, 0, 0xfe], b"\0"),
            (&longest, &longest),
        ] {
            let bytes = written(user, password);
            assert!(bytes.len() <= LogIn::MAX_LEN);
            for cut in 0..bytes.len() {
                assert_eq!(LogIn::parse(&bytes[..cut]), Ok(None), "{cut}");
            }
            let read = LogIn::parse(&bytes).unwrap().unwrap();
            assert_eq!(read, log_in(user, password));
        }
    }

    #[test]
    fn the_bytes_are_those_of_the_table() {
        let bytes = written("bé".as_bytes(), b"pw");
        assert_eq!(bytes[..4], [0x70, 0x11, 0, 0]);
        assert_eq!(bytes[4..10], *b"alice\0");
        assert_eq!(bytes[68..76], [3, 0, 0, 0, 2, 0, 0, 0]);
        assert_eq!(bytes[76..], *b"b\xc3\xa9\0pw\0");
    }

    #[test]
    fn a_length_that_is_too_long_or_negative_is_an_error_at_once() {
        for wrong in [-1, i32::MIN, 1025, i32::MAX] {
            for field in [68, 72] {
                let mut bytes = written(b"ann", b"secret");
                bytes[field..field + 4].copy_from_slice(&wrong.to_le_bytes());
                let error = LogIn::parse(&bytes[..LogIn::HEAD_LEN]).unwrap_err();
                assert_eq!(error.bytes, wrong);
            }
        }
        let long = [b'x'; LogIn::MAX_TEXT + 1];
        let error = log_in(&long, b"").write(&mut Vec::new()).unwrap_err();
        assert_eq!(error.bytes, 1025);
    }

    #[test]
    fn a_password_is_not_shown() {
        let shown = format!("{:?}", log_in(b"ann", b"secret"));
        assert!(
            shown.contains("ann") && !shown.contains("secret"),
            "{shown}"
        );
    }
}
