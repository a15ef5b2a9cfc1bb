//! What players write to each other, which the hub passes on, and what is written at the hub.

mod letters;

use farsend_protocol::jacktrip::Remark;

pub(super) use self::letters::Letters;
use super::Desk;
use crate::control::writing;
use crate::hub::HubTalk;
use crate::hub::floor::Order;
use crate::hub::report::HubReporter;
use crate::hub::roster::Entry;

impl Desk<'_> {
    /// What the player in this place has written, to all others. A JackTrip is sent nothing.
    pub(super) fn pass_on(&mut self, from: u16, line: &Remark) {
        let Some(entry) = self.roster.get(from) else {
            return;
        };
        let signed = signed(entry, line);
        self.letters.news(HubTalk::Theirs {
            from: entry.called.clone(),
            line: *line,
        });
        let Some(signed) = signed else { return };
        if self.pending.len() > MOST_PENDING {
            // More than the audio thread has time for: it is not told to anybody, and what else is to be done does not wait for it.
            return;
        }
        let others = self.roster.iter().map(|(place, _)| place);
        let others: Vec<u16> = others.filter(|place| *place != from).collect();
        for place in others {
            self.order(Order::Say(place, signed));
            self.letters.pass(place);
        }
    }

    /// Writes this in the hub's name to the player in this place, or to all. How many of them have a program that shows it, of how many.
    pub(super) fn say(
        &mut self,
        to: Option<u16>,
        text: &str,
        reporter: &mut HubReporter,
    ) -> (usize, usize) {
        for line in writing::lines(text, SIGN.len()) {
            reporter.said(&line, to.and_then(|to| self.roster.get(to)));
            self.letters.news(HubTalk::Theirs {
                from: HUB.to_owned(),
                line,
            });
            self.send(to, &line, None);
        }
        let addressed = self.roster.iter_mut();
        let addressed = addressed.filter(|(place, _)| to.is_none_or(|to| to == *place));
        let (mut shown, mut all) = (0, 0);
        for (_, entry) in addressed {
            all += 1;
            shown += usize::from(entry.watch.statistics.read().farsend);
        }
        (shown, all)
    }

    /// What an instance has written, which is to be told under this number whether it has arrived.
    pub(super) fn say_numbered(&mut self, number: u64, line: &Remark, reporter: &mut HubReporter) {
        reporter.said(line, None);
        self.send(None, line, Some(number));
    }

    fn send(&mut self, to: Option<u16>, line: &Remark, number: Option<u64>) {
        let signed = Remark::new(&format!("{SIGN}{}", line.as_str())).unwrap_or(*line);
        let places = self.roster.iter().map(|(place, _)| place);
        let places: Vec<u16> = places
            .filter(|place| to.is_none_or(|to| to == *place))
            .collect();
        for place in &places {
            self.order(Order::Say(*place, signed));
        }
        self.letters.say(number, &places);
    }
}

/// The line after the name of who wrote it, as much of it as fits.
fn signed(entry: &Entry, line: &Remark) -> Option<Remark> {
    match entry.name.is_empty() {
        true => Remark::new(&format!("{}: {}", entry.address.ip(), line.as_str())),
        false => Remark::new(&format!("{}: {}", entry.name.as_str(), line.as_str())),
    }
}

/// Lines are passed on while no more than this is to be done.
const MOST_PENDING: usize = 2048;

/// What the hub calls itself.
const HUB: &str = "hub";

/// Before what it writes; see [`signed`].
pub(in crate::hub) const SIGN: &str = "hub: ";
