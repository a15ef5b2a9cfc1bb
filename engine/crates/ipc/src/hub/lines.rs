//! Bytes in pieces of any size, as lines of bounded length.

use thiserror::Error;

/// The longest line that is taken, without its end.
pub const MOST_LINE: usize = 4096;

/// What has come and was not read yet.
#[derive(Debug, Default)]
pub struct Lines {
    bytes: Vec<u8>,
}

/// The line is longer than [`MOST_LINE`] bytes: what else comes cannot be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a line of more than {MOST_LINE} bytes")]
pub struct TooLong;

impl Lines {
    /// Takes in what was read. Holds at most what was pushed since the last whole line.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// The next line, without its end; `None` while it is incomplete.
    ///
    /// # Errors
    /// [`TooLong`], and from then on again.
    pub fn next_line(&mut self) -> Result<Option<Vec<u8>>, TooLong> {
        let end = self.bytes.iter().position(|byte| *byte == b'\n');
        if end.unwrap_or(self.bytes.len()) > MOST_LINE {
            return Err(TooLong);
        }
        let Some(end) = end else {
            return Ok(None);
        };
        let rest = self.bytes.split_off(end + 1);
        let mut line = std::mem::replace(&mut self.bytes, rest);
        line.pop();
        Ok(Some(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_whatever_the_pieces() {
        for piece in 1..8 {
            let mut lines = Lines::default();
            let mut found = Vec::new();
            for bytes in b"ab\n\ncde\r\nf".chunks(piece) {
                lines.push(bytes);
                while let Some(line) = lines.next_line().unwrap() {
                    found.push(line);
                }
            }
            assert_eq!(found, [&b"ab"[..], b"", b"cde\r"]);
        }
    }

    #[test]
    fn a_line_without_end_is_not_kept_for_ever() {
        let mut lines = Lines::default();
        lines.push(&[b'x'; MOST_LINE]);
        assert_eq!(lines.next_line(), Ok(None));
        lines.push(b"\n");
        assert_eq!(lines.next_line().unwrap().unwrap().len(), MOST_LINE);
        lines.push(&[b'x'; MOST_LINE + 1]);
        assert_eq!(lines.next_line(), Err(TooLong));
        lines.push(b"\nab\n");
        assert_eq!(lines.next_line(), Err(TooLong));
    }
}
