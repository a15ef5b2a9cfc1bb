//! What is typed at the terminal that a program was started from, line by line.

use std::io::{IsTerminal as _, Stdin, stdin};
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{getpgrp, read, tcgetpgrp};

/// Reads without ever waiting. Control thread.
#[derive(Debug)]
pub(crate) struct Typed<F = Stdin> {
    from: F,
    /// Of a line whose end has not come.
    begun: Vec<u8>,
    over: bool,
}

impl Typed {
    /// At standard input, if that is a terminal: a pipe is for whoever comes next in a script.
    pub(crate) fn of_terminal() -> Option<Self> {
        let from = stdin();
        from.is_terminal().then(|| Self::on(from))
    }
}

impl<F: AsFd> Typed<F> {
    fn on(from: F) -> Self {
        Self {
            from,
            begun: Vec::new(),
            over: false,
        }
    }

    /// The lines that were entered since it was asked last. Those without a text are among them.
    pub(crate) fn lines(&mut self) -> Vec<String> {
        let mut bytes = [0; 1024];
        for _ in 0..MOST_READS {
            if self.over || !self.is_ready() {
                break;
            }
            match read(&self.from, &mut bytes) {
                Ok(0) => self.over = true,
                Ok(count) => self.begun.extend(bytes.iter().take(count)),
                Err(Errno::EINTR | Errno::EAGAIN) => break,
                Err(_) => self.over = true,
            }
        }
        let end = match self.begun.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => end + 1,
            None if self.begun.len() > LONGEST || self.over => self.begun.len(),
            None => return Vec::new(),
        };
        let whole: Vec<u8> = self.begun.drain(..end).collect();
        let text = String::from_utf8_lossy(&whole);
        text.lines().map(str::to_owned).collect()
    }

    /// Whether there is something, and it is for us. One that runs in the background would be stopped for reading.
    fn is_ready(&self) -> bool {
        let mut watched = [PollFd::new(self.from.as_fd(), PollFlags::POLLIN)];
        let is_there = poll(&mut watched, PollTimeout::ZERO).is_ok_and(|count| count > 0);
        is_there
            && match tcgetpgrp(&self.from) {
                Ok(group) => group == getpgrp(),
                // Of a terminal that does not control us nobody is stopped.
                Err(Errno::ENOTTY) => true,
                Err(_) => false,
            }
    }
}

/// At one look.
const MOST_READS: usize = 8;

/// A line without an end is one when it is so long.
const LONGEST: usize = 4096;

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write as _;
    use std::os::fd::OwnedFd;

    use super::*;

    fn typed() -> (File, Typed<OwnedFd>) {
        let (out, into) = nix::unistd::pipe().expect("there are pipes");
        (File::from(into), Typed::on(out))
    }

    fn write(into: &mut File, bytes: &[u8]) {
        into.write_all(bytes).expect("somebody reads");
    }

    #[test]
    fn lines_come_when_they_are_whole_and_nobody_waits_for_them() {
        let (mut into, mut typed) = typed();
        assert_eq!(typed.lines(), [""; 0]);
        write(&mut into, b"Rea");
        assert_eq!(typed.lines(), [""; 0]);
        write(&mut into, b"dy?\n\nFrom b");
        assert_eq!(typed.lines(), ["Ready?", ""]);
        write(&mut into, b"ar 17\n");
        assert_eq!(typed.lines(), ["From bar 17"]);
        write(&mut into, b"the end");
        drop(into);
        assert_eq!(typed.lines(), ["the end"]);
        assert_eq!(typed.lines(), [""; 0]);
    }

    #[test]
    fn what_is_no_text_and_what_has_no_end_does_no_harm() {
        let (mut into, mut typed) = typed();
        write(&mut into, b"\xff\xfe\n");
        assert_eq!(typed.lines(), ["\u{fffd}\u{fffd}"]);
        write(&mut into, &[b'x'; 6000]);
        assert_eq!(typed.lines().concat().len(), 6000);
        write(&mut into, b"\n");
        assert_eq!(typed.lines(), [""]);
    }
}
