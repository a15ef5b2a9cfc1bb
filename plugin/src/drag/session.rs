//! A drag from the side of who drags, as the XDND protocol has it: from what the pointer and the windows under it do follows what they are told.
//!
//! ```text
//!   Held ──button up, over somebody──▶ LetGo ──they would take it──▶ Dropped
//!    │                                   │                              │ finished,
//!    │ button up over nobody,            │ they would not,              │ or too long
//!    │ cancelled, too long               │ cancelled, too long          ▼
//!    └───────────────────────────────────┴─────────────────────────▶ Ended
//! ```
//! Each window that is entered is left or dropped on, one at a time; it is told of a new position once it has answered for the last.
//!
//! Source: the XDND protocol, version 5 (freedesktop.org, "Drag-and-Drop Protocol for the X Window System").

use std::time::Duration;

use super::{End, Stage};

/// A place on the screen, in pixels from its upper left corner.
pub(super) type Point = (i16, i16);

/// A window that takes drops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Target {
    /// Which it is.
    pub(super) window: u32,
    /// The window that its messages go to: itself, or its proxy.
    pub(super) to: u32,
    /// The version of the protocol that both speak.
    pub(super) version: u8,
}

/// What happened.
#[derive(Debug, Clone, Copy)]
pub(super) enum Input {
    /// The pointer was looked for.
    Pointer {
        /// Where it is.
        at: Point,
        /// Whether its button is still down.
        held: bool,
        /// Who is there.
        over: Option<Target>,
    },
    /// A window answered for a position.
    Status {
        /// Which.
        from: u32,
        /// Its words.
        answer: Answer,
    },
    /// A window is done with what was dropped on it.
    Finished {
        /// Which.
        from: u32,
        /// Whether it took it. Said from version 5 on.
        taken: bool,
    },
    /// Somebody has got what is dragged.
    Fetched,
    /// A window is no longer there.
    Gone(u32),
    /// Somebody else drags something.
    Superseded,
    /// The user wants no more of it. What was dropped is dropped.
    Cancel,
    /// It has to end now.
    Stop,
}

/// What a window says to a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer {
    /// Whether a drop there would be taken.
    pub(super) welcome: bool,
    /// Where that goes for: left, top, width, height. Positions inside need not be told.
    pub(super) within: Option<(i16, i16, u16, u16)>,
}

impl Answer {
    /// Out of the words of an XdndStatus, whatever they are.
    pub(super) fn of(words: [u32; 5]) -> Self {
        let [_, flags, corner, size, _] = words;
        let [left, top] = halves(corner);
        let [width, height] = halves(size);
        let rectangle = (left as i16, top as i16, width, height);
        let everywhere = flags & TELL_ALWAYS != 0 || width == 0 || height == 0;
        Self {
            welcome: flags & WELCOME != 0,
            within: (!everywhere).then_some(rectangle),
        }
    }

    fn goes_for(&self, (x, y): Point) -> bool {
        self.within.is_some_and(|(left, top, width, height)| {
            let inside = |at: i16, from: i16, length: u16| {
                let offset = i32::from(at) - i32::from(from);
                (0..i32::from(length)).contains(&offset)
            };
            inside(x, left, width) && inside(y, top, height)
        })
    }
}

/// What to tell a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(super) enum Output {
    /// Something is dragged over it.
    Enter(Target),
    /// It is here now.
    Position(Target, Point),
    /// It is elsewhere now.
    Leave(Target),
    /// It is let go here.
    Drop(Target),
}

/// One drag. Any inputs, in any order, are valid.
#[derive(Debug)]
pub(super) struct Session {
    state: State,
    /// When it goes on by itself, if nothing else happens.
    limit: Duration,
    /// Whether the window that is entered has got it.
    fetched: bool,
}

#[derive(Debug)]
enum State {
    Held(Option<Over>),
    LetGo(Over),
    Dropped(Target),
    Ended(End),
}

/// A window that was entered.
#[derive(Debug)]
struct Over {
    target: Target,
    /// Where the pointer is.
    at: Point,
    /// The position that it was told last.
    told: Option<Point>,
    /// Whether it has not answered for that yet.
    asked: bool,
    answer: Option<Answer>,
}

impl Session {
    /// A drag that begins now: at the time 0.
    pub(super) fn new() -> Self {
        Self {
            state: State::Held(None),
            limit: HELD,
            fetched: false,
        }
    }

    /// Takes in one thing that happened at this time since the drag began, or (`None`) that time went by; tells what is to be said, in order.
    pub(super) fn handle(&mut self, now: Duration, input: Option<Input>) -> Vec<Output> {
        let mut outputs = Vec::new();
        if now >= self.limit {
            self.give_up(&mut outputs);
        }
        if let Some(input) = input {
            self.take_in(now, input, &mut outputs);
        }
        outputs
    }

    /// How it goes.
    pub(super) fn stage(&self) -> Stage {
        match &self.state {
            State::Held(over) => {
                let answer = over.as_ref().and_then(|over| over.answer);
                match answer.is_some_and(|answer| answer.welcome) {
                    true => Stage::Welcome,
                    false => Stage::Unwelcome,
                }
            }
            State::LetGo(_) | State::Dropped(_) => Stage::Dropped,
            State::Ended(end) => Stage::Ended(end.clone()),
        }
    }

    fn take_in(&mut self, now: Duration, input: Input, outputs: &mut Vec<Output>) {
        match (&mut self.state, input) {
            (State::Ended(_), _) => {}
            (_, Input::Fetched) => self.fetched = true,
            (State::Held(current), Input::Pointer { at, held, over }) => {
                if move_to(current, over, at, outputs) {
                    self.fetched = false;
                }
                if !held {
                    self.let_go(now, outputs);
                }
            }
            (State::Held(Some(over)) | State::LetGo(over), Input::Status { from, answer })
                if over.target.window == from =>
            {
                over.asked = false;
                over.answer = Some(answer);
                over.tell(outputs);
                self.settle(now, outputs);
            }
            (State::Held(current), Input::Gone(window))
                if current.as_ref().is_some_and(|over| over.target.is(window)) =>
            {
                *current = None;
            }
            (State::LetGo(over), Input::Gone(window)) if over.target.is(window) => {
                self.state = State::Ended(End::Refused);
            }
            (State::Dropped(target), Input::Gone(window)) if target.is(window) => {
                self.state = State::Ended(End::Unconfirmed);
            }
            (State::Dropped(target), Input::Finished { from, taken }) if target.window == from => {
                self.state = State::Ended(match taken || target.version < SAYS_WHETHER {
                    true => End::Taken,
                    // Some who take it forget to say so.
                    false if self.fetched => End::Unconfirmed,
                    false => End::Refused,
                });
            }
            (State::Dropped(_), Input::Superseded | Input::Stop) => {
                self.state = State::Ended(End::Unconfirmed);
            }
            (State::Held(_) | State::LetGo(_), Input::Cancel | Input::Stop | Input::Superseded) => {
                self.leave(End::Cancelled, outputs);
            }
            _ => {}
        }
    }

    /// The button is up.
    fn let_go(&mut self, now: Duration, outputs: &mut Vec<Output>) {
        let State::Held(current) = &mut self.state else {
            return;
        };
        match current.take() {
            None => self.state = State::Ended(End::Nowhere),
            Some(over) => {
                self.state = State::LetGo(over);
                self.limit = now + CONSIDERED;
                self.settle(now, outputs);
            }
        }
    }

    /// Drops it, or not, if it was let go and is answered for.
    fn settle(&mut self, now: Duration, outputs: &mut Vec<Output>) {
        let State::LetGo(over) = &self.state else {
            return;
        };
        match over.answer {
            _ if over.asked => {}
            Some(answer) if answer.welcome => {
                outputs.push(Output::Drop(over.target));
                self.state = State::Dropped(over.target);
                self.limit = now + FETCHED;
            }
            _ => self.leave(End::Refused, outputs),
        }
    }

    fn give_up(&mut self, outputs: &mut Vec<Output>) {
        match &self.state {
            State::Held(_) => self.leave(End::Cancelled, outputs),
            State::LetGo(_) => self.leave(End::Refused, outputs),
            State::Dropped(_) => self.state = State::Ended(End::Unconfirmed),
            State::Ended(_) => {}
        }
    }

    fn leave(&mut self, end: End, outputs: &mut Vec<Output>) {
        if let State::Held(Some(over)) | State::LetGo(over) = &self.state {
            outputs.push(Output::Leave(over.target));
        }
        self.state = State::Ended(end);
    }
}

impl Target {
    fn is(&self, window: u32) -> bool {
        self.window == window || self.to == window
    }
}

impl Over {
    /// Tells it where the pointer is, if it wants to know and can be told.
    fn tell(&mut self, outputs: &mut Vec<Output>) {
        let known = self.told == Some(self.at);
        let answered = self.answer.is_some_and(|answer| answer.goes_for(self.at));
        if !(self.asked || known || answered) {
            outputs.push(Output::Position(self.target, self.at));
            self.told = Some(self.at);
            self.asked = true;
        }
    }
}

/// The pointer is here now, over this window. `true`: which is another one than before.
fn move_to(
    current: &mut Option<Over>,
    over: Option<Target>,
    at: Point,
    outputs: &mut Vec<Output>,
) -> bool {
    let moves_on = current.as_ref().map(|over| over.target) != over;
    if moves_on {
        if let Some(left) = current.take() {
            outputs.push(Output::Leave(left.target));
        }
        *current = over.map(|target| {
            outputs.push(Output::Enter(target));
            Over {
                target,
                at,
                told: None,
                asked: false,
                answer: None,
            }
        });
    }
    if let Some(over) = current {
        over.at = at;
        over.tell(outputs);
    }
    moves_on
}

/// The upper and the lower 16 bits.
const fn halves(word: u32) -> [u16; 2] {
    [(word >> 16) as u16, word as u16]
}

/// In an XdndStatus: a drop would be taken.
const WELCOME: u32 = 1;
/// In an XdndStatus: positions are to be told wherever they are.
const TELL_ALWAYS: u32 = 2;
/// From this version on an XdndFinished says whether the drop was taken.
const SAYS_WHETHER: u8 = 5;

/// How long somebody may hold the button.
const HELD: Duration = Duration::from_secs(300);
/// How long a window may consider whether it takes what was let go.
const CONSIDERED: Duration = Duration::from_secs(3);
/// How long it may take to fetch it: some ask their user meanwhile.
const FETCHED: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
