//! The end that knows.

use std::collections::VecDeque;
use std::time::Duration;

use farsend_units::{Frames, MonoTime, SeqNum};
use farsend_wire::jacktrip::Hearing;

/// Follows what is played of a peer's stream and what is sent to it, and says which belongs to which.
///
/// For the audio thread: nothing allocates after [`new`](Self::new), and the work of a call is bounded by the blocks that it remembers.
#[derive(Debug)]
pub struct Teller {
    /// What was played, in the order of the line.
    played: VecDeque<Span>,
    /// Packets whose first frame was not found among what was played yet.
    sent: VecDeque<Sent>,
    /// Frames that a sound is under way in the converters, out and in.
    converters: i64,
    /// Frames in each packet of the peer's.
    period: i64,
    /// What was found last, and what the peer knows.
    found: Option<Line>,
    told: Option<Line>,
    /// Both ends of the last break, to be said once more then: a word may be lost.
    again: Option<(MonoTime, [Line; 2])>,
    due: MonoTime,
    /// To be said.
    words: VecDeque<Hearing>,
}

/// Some blocks that were played, at one speed.
#[derive(Debug, Clone, Copy)]
struct Span {
    /// Where on our line.
    at: i64,
    frames: i64,
    line: Line,
}

/// A packet of ours.
#[derive(Debug, Clone, Copy)]
struct Sent {
    packet: SeqNum,
    at: i64,
}

/// From a packet of ours, or a place, on.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Line {
    packet: SeqNum,
    at: i64,
    /// In 1/256 frames of the peer's, counted from its packet 0.
    heard: i64,
    /// As in [`Hearing`].
    step: u32,
}

impl Line {
    /// What is heard at this place of ours.
    fn at(&self, at: i64) -> i64 {
        let frames = i128::from(at) - i128::from(self.at);
        let by = frames * i128::from(self.step) * i128::from(Hearing::FRAME);
        let by = (by + i128::from(Hearing::EVEN / 2)).div_euclid(i128::from(Hearing::EVEN));
        self.heard
            .saturating_add(by.clamp(i64::MIN.into(), i64::MAX.into()) as i64)
    }
}

impl Teller {
    /// Nothing was played or sent. Allocates some kilobytes.
    pub fn new() -> Self {
        Self {
            played: VecDeque::with_capacity(MOST_SPANS),
            sent: VecDeque::with_capacity(MOST_SENT),
            converters: 0,
            period: 0,
            found: None,
            told: None,
            again: None,
            due: MonoTime::default(),
            words: VecDeque::with_capacity(MOST_WORDS),
        }
    }

    /// Another stream of the peer's begins, in packets of so many frames.
    pub fn reset(&mut self, period: Frames) {
        self.period = i64::from(period.0);
        self.played.clear();
        self.sent.clear();
        self.words.clear();
        (self.found, self.told, self.again) = (None, None, None);
        self.due = MonoTime::default();
    }

    /// A sound that leaves here comes in again so many frames later, when somebody hears it and plays along: what the converters take.
    pub fn set_converters(&mut self, frames: Frames) {
        self.converters = i64::from(frames.0);
    }

    /// Our packet of this number was sent. Its first frame was captured at `at`.
    pub fn handle_sent(&mut self, packet: SeqNum, at: i64) {
        if self.period == 0 {
            return;
        }
        if self.sent.len() == MOST_SENT {
            self.sent.pop_front();
        }
        self.sent.push_back(Sent { packet, at });
    }

    /// `frames` frames were played from `at` (of our line, within 2^60 of 0) on: the peer's from `from` up to `to`, counted from the first of its packet 0, with parts. Those before are at lower places; what is played twice at a place counts
    /// as it was the last time.
    pub fn handle_played(&mut self, at: i64, frames: Frames, from: f64, to: f64) {
        let frames = i64::from(frames.0);
        let (Some(from), Some(to)) = (units(from), units(to)) else {
            return;
        };
        let units = i128::from(to - from) * i128::from(Hearing::EVEN / Hearing::FRAME);
        let step = u32::try_from(units / i128::from(frames.max(1)));
        let (Ok(step), 1..) = (step, frames) else {
            return;
        };
        let line = Line {
            packet: SeqNum(0),
            at,
            heard: from,
            step,
        };
        while self
            .played
            .back()
            .is_some_and(|last| last.at + last.frames > at)
        {
            let Some(last) = self.played.pop_back() else {
                break;
            };
            if last.at < at {
                let frames = at - last.at;
                self.played.push_back(Span { frames, ..last });
                break;
            }
        }
        if let Some(last) = self.played.back_mut() {
            let goes_on = last.at + last.frames == at && last.line.step == step;
            if goes_on && last.line.at(at).abs_diff(from) <= 1 && last.frames < LONGEST_SPAN {
                last.frames += frames;
                return;
            }
        }
        if self.played.len() == MOST_SPANS {
            self.played.pop_front();
        }
        self.played.push_back(Span { at, frames, line });
    }

    /// The next word for the peer; to be asked until there is none, once what was due was sent and played.
    pub fn next_word(&mut self, now: MonoTime) -> Option<Hearing> {
        while self.words.is_empty()
            && let Some(sent) = self.sent.front().copied()
        {
            let at = sent.at.saturating_sub(self.converters);
            let newest = self.played.back()?;
            if at >= newest.at + newest.frames {
                return None; // It will be played.
            }
            self.sent.pop_front();
            let within = |span: &&Span| (span.at..span.at + span.frames).contains(&at);
            if let Some(span) = self.played.iter().rev().find(within) {
                let line = Line {
                    packet: sent.packet,
                    at: sent.at,
                    heard: span.line.at(at),
                    step: span.line.step,
                };
                self.consider(now, line);
            }
        }
        self.words.pop_front()
    }

    /// Says it, if it is new or was long ago.
    fn consider(&mut self, now: MonoTime, line: Line) {
        let before = self.found.replace(line);
        if let Some((_, ends)) = self.again.take_if(|(due, _)| now >= *due) {
            ends.into_iter().for_each(|end| self.say(end));
        }
        let off = self.told.map(|told| told.at(line.at).abs_diff(line.heard));
        if off.is_some_and(|off| off <= TOLERANCE) && now < self.due {
            return;
        }
        if let Some(before) = before
            && off.is_some_and(|off| off > BREAK)
        {
            if self.told.is_none_or(|told| told.at < before.at) {
                self.say(before);
            }
            self.again = Some((now + SOON, [before, line]));
        }
        self.say(line);
        self.told = Some(line);
        // What is new is said again soon, since a word may be lost.
        let is_new = off.is_none_or(|off| off > TOLERANCE);
        self.due = now + if is_new { SOON } else { EVERY };
    }

    fn say(&mut self, line: Line) {
        let packet = self.period.max(1) * i64::from(Hearing::FRAME);
        if self.words.len() < MOST_WORDS {
            self.words.push_back(Hearing {
                packet: line.packet,
                heard: SeqNum(line.heard.div_euclid(packet) as u16),
                offset: line.heard.rem_euclid(packet) as u32,
                step: line.step,
            });
        }
    }
}

impl Default for Teller {
    fn default() -> Self {
        Self::new()
    }
}

/// In 1/256 frames; none where that makes no sense.
fn units(frames: f64) -> Option<i64> {
    let units = (frames * f64::from(Hearing::FRAME)).round();
    (frames.abs() < FARTHEST).then_some(units as i64)
}

/// Between two words where nothing changes.
const EVERY: Duration = Duration::from_millis(250);
/// The same after something has changed.
const SOON: Duration = Duration::from_millis(50);
/// The peer's idea is to be no further off: a quarter of a frame.
const TOLERANCE: u64 = Hearing::FRAME as u64 / 4;
/// What is further off is not a bend but a break.
const BREAK: u64 = 2 * Hearing::FRAME as u64;

/// Blocks that are remembered where the speed is another one in each, ...
const MOST_SPANS: usize = 256;
/// ... and frames where it is one.
const LONGEST_SPAN: i64 = 1 << 40;
const MOST_SENT: usize = 64;
const MOST_WORDS: usize = 4;
/// Frames beyond that are not counted to a part of one: years of them.
const FARTHEST: f64 = (1_u64 << 44) as f64;
