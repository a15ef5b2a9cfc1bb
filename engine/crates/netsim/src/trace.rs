//! Delays that were recorded once, to be replayed.
//!
//! Text, one packet a line: its one-way delay in milliseconds, or `lost`. Empty lines and what follows
//! a `#` do not count; of a line with commas (CSV) the first column does. A first line `every MS` says
//! that the lines are so many milliseconds apart: then a packet has the delay of the line that is
//! its time's, whatever the packets' own pace is. Without it each line is one packet's.
//!
//! ```text
//! # to a friend over Wi-Fi
//! every 2.667
//! 14.20
//! 14.31
//! lost
//! 52.90
//! ```

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

/// A recorded path. Cheap to clone.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    every: Option<Duration>,
    entries: Arc<[Option<Duration>]>,
}

impl Trace {
    /// Reads the text of a trace.
    ///
    /// # Errors
    /// The first line that says nothing, or a text without packets.
    pub fn parse(text: &str) -> Result<Self, TraceError> {
        let mut every = None;
        let mut entries = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.split('#').next().unwrap_or_default().trim();
            let text = text.split(',').next().unwrap_or_default().trim();
            if text.is_empty() {
                continue;
            }
            let wrong = || TraceError::Line {
                line,
                text: text.chars().take(40).collect(),
            };
            if let Some(interval) = text.strip_prefix("every ") {
                let interval = milliseconds(interval).filter(|every| !every.is_zero());
                if every.is_some() || !entries.is_empty() || interval.is_none() {
                    return Err(wrong());
                }
                every = interval;
            } else if text == "lost" {
                entries.push(None);
            } else {
                entries.push(Some(milliseconds(text).ok_or_else(wrong)?));
            }
        }
        if entries.is_empty() {
            return Err(TraceError::Empty);
        }
        Ok(Self {
            every,
            entries: entries.into(),
        })
    }

    /// What each packet took; `None`: it was lost. At least one.
    pub fn entries(&self) -> &[Option<Duration>] {
        &self.entries
    }

    /// From one entry to the next; `None`: they belong to packets, not to times.
    pub fn every(&self) -> Option<Duration> {
        self.every
    }
}

/// From nothing to a minute.
fn milliseconds(text: &str) -> Option<Duration> {
    let value: f64 = text.trim().parse().ok()?;
    (0.0..=60_000.0)
        .contains(&value)
        .then(|| Duration::from_secs_f64(value / 1000.0))
}

/// What is wrong with a trace.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TraceError {
    /// A line that says nothing.
    #[error(
        "line {line}: `{text}` is neither a delay from 0 to 60000 ms nor `lost`, nor `every MS` before all others"
    )]
    Line {
        /// Counted from 1.
        line: usize,
        /// What it says.
        text: String,
    },
    /// No packets.
    #[error("no packets in it")]
    Empty,
}
