//! Standard output: sentences, with numbers below them that are written over, or JSON lines.

use std::io::{IsTerminal, Write};

use serde_json::{Map, Value};

use super::report::Style;

/// Prints to standard output. Control thread.
#[derive(Debug)]
pub struct Printer {
    style: Style,
    terminal: bool,
    line_open: bool,
}

impl Printer {
    /// A printer on standard output.
    pub fn new(style: Style) -> Self {
        Self {
            style,
            terminal: std::io::stdout().is_terminal(),
            line_open: false,
        }
    }

    /// How it prints.
    pub fn style(&self) -> Style {
        self.style
    }

    /// Whether numbers are shown in place.
    pub fn shows_numbers(&self) -> bool {
        self.style == Style::Text && self.terminal
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
            println!("{}", Value::Object(line));
            return;
        }
        if std::mem::take(&mut self.line_open) {
            print!("\r\x1b[K");
        }
        println!("farsend: {text}");
    }

    /// Writes a line of numbers over the one before.
    pub fn show(&mut self, line: &str) {
        print!("\r\x1b[K{line}");
        _ = std::io::stdout().flush();
        self.line_open = true;
    }
}
