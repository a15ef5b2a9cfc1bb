//! When a user may come: JackTrip's access times.
//!
//! ```text
//!   *                      always
//!   (nothing)              never
//!   Mo0900-1730,Sa*        Mondays from 9:00 up to and with the minute of 17:30, Saturdays all day
//! ```
//! Days are Mo, Tu, We, Th, Fr, Sa and Su; times are those of the hub's own zone. No spaces, no 2400, no span over midnight:
//! JackTrip never lets such a user in, and here the line is named as bad.
//!
//! Source: JackTrip 1.7.0 as a hub, with such files.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A minute of a week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// 0 is Monday, 6 is Sunday.
    pub weekday: u8,
    /// Of the day, from 0.
    pub minute: u16,
}

/// When somebody may come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Times {
    always: bool,
    spans: Box<[Span]>,
}

/// A part of one day, its last minute with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    weekday: u8,
    first: u16,
    last: u16,
}

/// A part of the text that is no time.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TimesError {
    /// It reads like none.
    #[error(
        "has \"{}\" where a time should be: *, or a list such as Mo0900-1730,Sa* (nothing: never)", .0.escape_debug()
    )]
    NoTime(Box<str>),
    /// It ends before it begins.
    #[error(
        "has the time {0}, which ends before it begins: over midnight it takes two, such as Fr2000-2359,Sa0000-0100"
    )]
    Backwards(Box<str>),
}

impl Times {
    /// Whenever they like.
    pub fn always() -> Self {
        Self {
            always: true,
            spans: Box::default(),
        }
    }

    /// Whether they may come now.
    pub fn allow(&self, now: Moment) -> bool {
        let is_now = |span: &Span| {
            span.weekday == now.weekday && (span.first..=span.last).contains(&now.minute)
        };
        self.always || self.spans.iter().any(is_now)
    }
}

impl FromStr for Times {
    type Err = TimesError;

    fn from_str(text: &str) -> Result<Self, TimesError> {
        if text.is_empty() {
            return Ok(Self {
                always: false,
                spans: Box::default(),
            });
        }
        let (mut always, mut spans) = (false, Vec::new());
        for part in text.split(',') {
            match part {
                "*" => always = true,
                _ => spans.push(span(part)?),
            }
        }
        Ok(Self {
            always,
            spans: spans.into(),
        })
    }
}

impl fmt::Display for Times {
    /// As in the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.always {
            return f.write_str("*");
        }
        for (index, span) in self.spans.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let day = DAYS.get(usize::from(span.weekday)).unwrap_or(&"");
            let clock = |minute: u16| minute / 60 * 100 + minute % 60;
            match (span.first, span.last) {
                (0, LAST_MINUTE) => write!(f, "{comma}{day}*")?,
                (first, last) => write!(f, "{comma}{day}{:04}-{:04}", clock(first), clock(last))?,
            }
        }
        Ok(())
    }
}

fn span(part: &str) -> Result<Span, TimesError> {
    let no_time = || TimesError::NoTime(part.chars().take(MOST_SHOWN).collect());
    let (day, time) = part.split_at_checked(2).ok_or_else(no_time)?;
    let weekday = (0..).zip(DAYS).find(|(_, name)| *name == day);
    let (weekday, _) = weekday.ok_or_else(no_time)?;
    if time == "*" {
        return Ok(Span {
            weekday,
            first: 0,
            last: LAST_MINUTE,
        });
    }
    let (first, last) = time.split_once('-').ok_or_else(no_time)?;
    let (first, last) = (minute(first), minute(last));
    let (first, last) = first.zip(last).ok_or_else(no_time)?;
    if last < first {
        return Err(TimesError::Backwards(part.into()));
    }
    Ok(Span {
        weekday,
        first,
        last,
    })
}

/// `hhmm` as a minute of the day.
fn minute(text: &str) -> Option<u16> {
    if text.len() != 4 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u16 = text.parse().ok()?;
    let (hours, minutes) = (number / 100, number % 100);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

const DAYS: [&str; 7] = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"];

/// Characters of what is no time that are shown.
const MOST_SHOWN: usize = 40;

/// Of a day.
const LAST_MINUTE: u16 = 24 * 60 - 1;
