//! What two Farsends are called, and the colours of what they play on.
//!
//! Nothing is answered: name and colour are said three times soon, and then now and then, so that whoever has missed it hears it again.

use std::time::Duration;

use farsend_units::MonoTime;
use farsend_wire::jacktrip::{Control, Name};

/// Says what we are called, and hears what the other end is. One a peer.
#[derive(Debug)]
pub(super) struct Naming {
    ours: Name,
    /// The peer was told a name: that there is none is worth saying, too.
    spoken: bool,
    /// When it is to be said next; `None`: as soon as somebody would understand it.
    due: Option<MonoTime>,
    /// How often it is said again soon.
    soon: u8,
    /// It is to be said now.
    says: bool,
    theirs: Name,
    our_colour: Option<[u8; 3]>,
    /// The peer was told a colour.
    coloured: bool,
    /// The colour is to be said now.
    says_colour: bool,
    their_colour: Option<[u8; 3]>,
    /// When that was heard.
    heard: Option<MonoTime>,
    /// The caller does not know it yet.
    is_new: bool,
}

impl Naming {
    pub(super) const fn new() -> Self {
        Self {
            ours: Name::EMPTY,
            spoken: false,
            due: None,
            soon: SOON_AGAIN,
            says: false,
            theirs: Name::EMPTY,
            our_colour: None,
            coloured: false,
            says_colour: false,
            their_colour: None,
            heard: None,
            is_new: false,
        }
    }

    /// What we are called from now on.
    pub(super) fn call_us(&mut self, name: Name) {
        if name != self.ours {
            self.ours = name;
            (self.due, self.soon) = (None, SOON_AGAIN);
        }
    }

    /// The colour of what we play on from now on.
    pub(super) fn colour_us(&mut self, colour: Option<[u8; 3]>) {
        if colour != self.our_colour {
            self.our_colour = colour;
            (self.due, self.soon) = (None, SOON_AGAIN);
        }
    }

    /// Another program is there, or nobody.
    pub(super) fn begin_anew(&mut self) {
        let had_name = !self.theirs.is_empty();
        *self = Self {
            ours: self.ours,
            our_colour: self.our_colour,
            is_new: had_name,
            ..Self::new()
        };
    }

    /// Says it where that is due. `known`: the peer is a Farsend.
    pub(super) fn handle_timeout(&mut self, at: MonoTime, known: bool) {
        if !known || !self.has_something() || self.due.is_some_and(|due| at < due) {
            return;
        }
        self.says = self.has_name();
        self.says_colour = self.has_colour();
        let pause = match self.soon.checked_sub(1) {
            Some(left) => {
                self.soon = left;
                SOON
            }
            None => NOW_AND_THEN,
        };
        self.due = Some(at + pause);
    }

    /// The peer says what it is called.
    pub(super) fn handle_called(&mut self, at: MonoTime, name: Name) {
        let lately = self.heard.is_some_and(|heard| at < heard + BREATH);
        // Who changes it all the time is heard now and then.
        if name != self.theirs && !lately {
            (self.theirs, self.heard) = (name, Some(at));
            self.is_new = true;
        }
    }

    /// The peer says the colour of what it plays on.
    pub(super) fn handle_coloured(&mut self, colour: Option<[u8; 3]>) {
        self.their_colour = colour;
    }

    /// The colour that the peer has said.
    pub(super) const fn their_colour(&self) -> Option<[u8; 3]> {
        self.their_colour
    }

    /// What the peer is called; empty while it has not said.
    pub(super) const fn theirs(&self) -> Name {
        self.theirs
    }

    /// What is to be sent now; to be asked again until there is nothing more.
    pub(super) fn poll(&mut self) -> Option<Control> {
        if std::mem::take(&mut self.says) {
            self.spoken |= !self.ours.is_empty();
            return Some(Control::Called(self.ours));
        }
        std::mem::take(&mut self.says_colour).then(|| {
            self.coloured |= self.our_colour.is_some();
            Control::Coloured(self.our_colour)
        })
    }

    /// What the caller is to be told.
    pub(super) fn told(&mut self) -> Option<Name> {
        std::mem::take(&mut self.is_new).then_some(self.theirs)
    }

    /// When there is something to do.
    pub(super) fn next_timeout(&self, known: bool) -> Option<MonoTime> {
        let at_once = MonoTime::from_nanos(0);
        (known && self.has_something()).then(|| self.due.unwrap_or(at_once))
    }

    const fn has_something(&self) -> bool {
        self.has_name() || self.has_colour()
    }

    const fn has_name(&self) -> bool {
        self.spoken || !self.ours.is_empty()
    }

    const fn has_colour(&self) -> bool {
        self.coloured || self.our_colour.is_some()
    }
}

/// A new name is said so often again ...
const SOON_AGAIN: u8 = 2;

/// ... after so long each, ...
const SOON: Duration = Duration::from_millis(500);

/// ... and then always.
const NOW_AND_THEN: Duration = Duration::from_secs(5);

/// Between two names that are heard. Shorter than [`SOON`], so that none is missed for long.
const BREATH: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> MonoTime {
        MonoTime::from_nanos(ms * 1_000_000)
    }

    /// When a name is said within ten seconds, in ms.
    fn said(naming: &mut Naming, from: u64) -> Vec<u64> {
        let all = (from..from + 12_000).step_by(10);
        let said = all.filter(|at| {
            naming.handle_timeout(ms(*at), true);
            naming.poll().is_some()
        });
        said.collect()
    }

    #[test]
    fn a_name_is_said_soon_again_and_then_now_and_then() {
        let mut naming = Naming::new();
        assert_eq!(said(&mut naming, 0), [0; 0], "there is none");
        naming.call_us(Name::new("Violin 1"));
        naming.handle_timeout(ms(0), false);
        assert_eq!(naming.poll(), None, "nobody would understand it");
        assert_eq!(naming.next_timeout(false), None);
        assert_eq!(said(&mut naming, 20), [20, 520, 1_020, 6_020, 11_020]);
        naming.call_us(Name::new("Violin 1"));
        assert_eq!(
            said(&mut naming, 13_000),
            [16_020, 21_020],
            "it is the same"
        );
        naming.call_us(Name::EMPTY);
        assert_eq!(said(&mut naming, 30_000)[..2], [30_000, 30_500]);
        naming.begin_anew();
        assert_eq!(
            said(&mut naming, 50_000),
            [0; 0],
            "nobody knows a name of us"
        );
    }

    #[test]
    fn a_colour_is_said_beside_the_name_or_without_one_and_also_that_it_is_gone() {
        let mut naming = Naming::new();
        let polled = |naming: &mut Naming, at| {
            naming.handle_timeout(ms(at), true);
            [naming.poll(), naming.poll(), naming.poll()]
        };
        let red = Control::Coloured(Some([200, 0, 0]));
        naming.colour_us(Some([200, 0, 0]));
        assert_eq!(polled(&mut naming, 0), [Some(red), None, None]);
        naming.call_us(Name::new("Viola"));
        let name = Control::Called(Name::new("Viola"));
        assert_eq!(polled(&mut naming, 10), [Some(name), Some(red), None]);
        naming.colour_us(None);
        let gone = Control::Coloured(None);
        assert_eq!(polled(&mut naming, 20), [Some(name), Some(gone), None]);
        // Who is somebody else has said none.
        naming.handle_coloured(Some([0, 0, 9]));
        assert_eq!(naming.their_colour(), Some([0, 0, 9]));
        naming.begin_anew();
        assert_eq!(naming.their_colour(), None);
    }

    #[test]
    fn who_changes_its_name_all_the_time_is_heard_now_and_then() {
        let mut naming = Naming::new();
        let names = (0..1_000_u64).map(|at| (at, Name::new(&at.to_string())));
        let told = names.filter(|(at, name)| {
            naming.handle_called(ms(*at), *name);
            naming.told().is_some()
        });
        assert_eq!(told.count(), 5);
    }

    #[test]
    fn that_nobody_of_that_name_is_there_any_more_is_told_once() {
        let mut naming = Naming::new();
        naming.handle_called(ms(0), Name::new("Viola"));
        assert_eq!(naming.told(), Some(Name::new("Viola")));
        naming.begin_anew();
        assert_eq!(naming.told(), Some(Name::EMPTY));
        naming.begin_anew();
        assert_eq!(naming.told(), None);
    }
}
