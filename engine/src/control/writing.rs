//! What somebody writes, as lines that can be sent.

use farsend_protocol::jacktrip::{MAX_REMARK, Remark};

/// The lines of `text`, at most [`MOST`]. One that is longer than a line may be, less the `reserved` bytes for a name, goes on in the next
/// one, from a space on where there is one.
pub(crate) fn lines(text: &str, reserved: usize) -> Vec<Remark> {
    let room = MAX_REMARK.saturating_sub(reserved).max(LEAST);
    let parts = text.lines().flat_map(|line| Parts { rest: line, room });
    parts.filter_map(Remark::new).take(MOST).collect()
}

/// A line in parts that are short enough.
struct Parts<'a> {
    rest: &'a str,
    room: usize,
}

impl<'a> Iterator for Parts<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.rest.trim();
        if rest.is_empty() {
            return None;
        }
        let most = rest.floor_char_boundary(self.room);
        // A space just behind it is as good as one before.
        let with_next = rest.get(..most + 1).unwrap_or(&rest[..most]);
        let space = with_next.rfind(' ').filter(|at| *at > 0);
        let end = match rest.len() <= self.room {
            true => rest.len(),
            false => space.unwrap_or(most),
        };
        let (part, after) = rest.split_at(end);
        self.rest = after;
        Some(part)
    }
}

/// Of what is written at once: as many lines as wait for a peer at most.
const MOST: usize = 8;

/// Bytes of a part, however long a name is: some letters, however they are coded.
const LEAST: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str, reserved: usize) -> Vec<String> {
        let lines = lines(text, reserved);
        lines.iter().map(|line| line.as_str().to_owned()).collect()
    }

    #[test]
    fn what_is_too_long_for_a_line_goes_on_in_the_next_one() {
        assert_eq!(
            texts("Ready?\n\n From bar 17. \n", 0),
            ["Ready?", "From bar 17."]
        );
        let word = "abcdefgh ";
        let long = texts(&word.repeat(40), 10);
        assert_eq!(long.len(), 3);
        assert!(long.iter().all(|line| line.len() <= MAX_REMARK - 10));
        assert_eq!(long.join(" ") + " ", word.repeat(40));
    }

    #[test]
    fn words_without_end_and_letters_of_many_bytes_are_cut_between_letters() {
        let drums = "🥁".repeat(100);
        let lines = texts(&drums, 5);
        assert_eq!(lines.concat(), drums);
        assert_eq!(texts(&drums, 5000).concat().len(), MOST * LEAST);
        assert_eq!(texts(&"x".repeat(100_000), 0).len(), MOST);
    }

    #[test]
    fn what_would_do_something_to_a_terminal_is_left_out() {
        assert_eq!(texts("\u{1b}[2J\u{7}Hello\u{9b}31m", 0), ["[2JHello31m"]);
        assert_eq!(texts("\u{1b}\u{202e} \r\n\u{0}", 0), [""; 0]);
    }
}
