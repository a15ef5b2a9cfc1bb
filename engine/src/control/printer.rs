//! Standard output: sentences, with numbers below them that are written over, or JSON lines.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use crossterm::cursor::{MoveToColumn, MoveUp};
use crossterm::queue;
use crossterm::style::Print;
use crossterm::terminal::{BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate};
use serde_json::{Map, Value};

use super::report::Style;

/// Prints to standard output. Control thread.
#[derive(Debug)]
pub struct Printer {
    style: Style,
    terminal: bool,
    /// Lines that are to be written over.
    open: u16,
    /// Where numbers cannot be written over: how often they are printed, and when next.
    every: Option<(Duration, Instant)>,
    /// While somebody writes a line: until when nothing is shown in its place.
    writing: Option<Instant>,
}

impl Printer {
    /// A printer on standard output.
    pub fn new(style: Style) -> Self {
        Self {
            style,
            terminal: writes_over(),
            open: 0,
            every: None,
            writing: None,
        }
    }

    /// How it prints.
    pub fn style(&self) -> Style {
        self.style
    }

    /// Has numbers printed that often where they cannot be written over. `None`: not at all.
    pub fn every(&mut self, interval: Option<Duration>) {
        self.every = interval.map(|interval| (interval, Instant::now() + interval));
    }

    /// Whether numbers are to be shown now. Where they are written over always, but while somebody writes a line there.
    pub fn shows_numbers(&self) -> bool {
        let now = Instant::now();
        let due = match self.every {
            _ if self.terminal => self.writing.is_none_or(|until| until <= now),
            // We are asked once a second, or a little less.
            Some((_, next)) => next <= now + Duration::from_millis(500),
            None => false,
        };
        self.style == Style::Text && due
    }

    /// Columns and lines that there are for numbers.
    pub fn size(&self) -> (u16, u16) {
        if self.terminal {
            terminal()
        } else {
            (WIDE, u16::MAX)
        }
    }

    /// Somebody has pressed Enter: the cursor is a line further down.
    pub fn entered(&mut self) {
        if self.open > 0 {
            self.open = self.open.saturating_add(1);
        }
        self.writing = None;
    }

    /// Makes room for a line that somebody wants to write, where numbers would be in its way.
    pub fn ask_for_line(&mut self) {
        if self.terminal && self.style != Style::Json {
            self.writing = Some(Instant::now() + PATIENCE);
            self.show(ASKING);
        }
    }

    /// Says something: a sentence, or in JSON an event of this name with the sentence as `text` and the facts.
    pub fn say(&mut self, name: &str, text: &str, facts: Value) {
        if self.style == Style::Json {
            let mut line = Map::new();
            line.insert("event".into(), name.into());
            line.insert("text".into(), text.into());
            if let Value::Object(facts) = facts {
                line.extend(facts);
            }
            return print_json(line);
        }
        let below = std::mem::take(&mut self.open);
        // Standard output may be gone: there is nobody to tell then.
        _ = say(&mut io::stdout().lock(), text, below);
        if self.writing.is_some_and(|until| Instant::now() < until) {
            self.show(ASKING);
        }
    }

    /// Writes lines of numbers over those before; none of them may be longer than the terminal is wide.
    pub fn show(&mut self, lines: &str) {
        let lines = lines.trim_end_matches('\n');
        if let (false, Some((interval, next))) = (self.terminal, &mut self.every) {
            *next = Instant::now() + *interval;
            _ = writeln!(io::stdout().lock(), "{lines}");
            return;
        }
        let before = std::mem::take(&mut self.open);
        let count = lines.split('\n').count();
        if show(&mut io::stdout().lock(), lines, before).is_ok() {
            self.open = u16::try_from(count).unwrap_or(u16::MAX);
        }
    }
}

/// Columns and lines of the terminal; of an old one if it does not say.
pub(crate) fn terminal() -> (u16, u16) {
    let size = crossterm::terminal::size().ok();
    size.filter(|(columns, lines)| *columns > 0 && *lines > 0)
        .unwrap_or((80, 24))
}

/// Whether lines can be written over there.
fn writes_over() -> bool {
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    io::stdout().is_terminal() && !dumb
}

/// A line for a program that reads standard output.
pub fn print_json(line: Map<String, Value>) {
    // It may be gone: there is nobody to tell then.
    _ = writeln!(io::stdout().lock(), "{}", Value::Object(line));
}

/// A sentence in place of the last lines. Those are there again with the next numbers.
fn say(out: &mut impl Write, text: &str, below: u16) -> io::Result<()> {
    clear(out, below)?;
    queue!(out, Print("farsend: "), Print(text), Print("\n"))?;
    out.flush()
}

fn show(out: &mut impl Write, lines: &str, before: u16) -> io::Result<()> {
    queue!(out, BeginSynchronizedUpdate)?;
    clear(out, before)?;
    queue!(out, Print(lines), EndSynchronizedUpdate)?;
    out.flush()
}

/// Takes the last lines away, the one with the cursor among them.
fn clear(out: &mut impl Write, lines: u16) -> io::Result<()> {
    if lines == 0 {
        return Ok(());
    }
    queue!(out, MoveToColumn(0))?;
    if lines > 1 {
        queue!(out, MoveUp(lines - 1))?;
    }
    queue!(out, Clear(ClearType::FromCursorDown))
}

/// Columns where there is no terminal.
const WIDE: u16 = 200;

/// Before a line that is being written.
const ASKING: &str = "write: ";

/// How long a line may take before numbers come back.
const PATIENCE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_over_and_sentences_stay() {
        let mut out = Vec::new();
        show(&mut out, "a\nb", 0).unwrap();
        show(&mut out, "c", 2).unwrap();
        say(&mut out, "hello", 1).unwrap();
        say(&mut out, "again", 0).unwrap();
        let out = String::from_utf8(out).unwrap();
        let out = out
            .replace("\u{1b}[?2026h", "")
            .replace("\u{1b}[?2026l", "");
        assert_eq!(
            out,
            "a\nb\u{1b}[1G\u{1b}[1A\u{1b}[Jc\u{1b}[1G\u{1b}[Jfarsend: hello\nfarsend: again\n"
        );
    }
}
