//! Audio that comes: of somebody new, or of who was there before.

use super::farewell::Farewell;
use super::ping::Pinger;
use super::takes::Takes;
use super::words::{Continuity, Event};
use super::{Heard, Peer, State};
use crate::jacktrip::numbering::{Place, Signs};

impl Peer {
    /// The first audio of a sender.
    pub(super) fn greet(&mut self, heard: Heard, signs: Signs, event: Event) -> Continuity {
        self.pinger = Pinger::new(self.config.ping_every);
        self.repairs = Self::silent_repairs(&self.config);
        self.takes = Takes::default();
        self.farewell = Farewell::default();
        // What was meant for somebody else is not for this one.
        self.talk.give_up(heard.at);
        self.talk.begin_anew(heard.at);
        self.naming.begin_anew();
        self.pinger.start(heard.at);
        self.numbering.end_run();
        self.numbering.place(signs, true);
        self.report(event);
        self.state = State::Present(heard);
        Continuity::NewSender
    }

    /// More audio of the same peer.
    pub(super) fn go_on(&mut self, before: Heard, mut heard: Heard, signs: Signs) -> Continuity {
        let was_absent = matches!(self.state, State::Absent(_));
        // Also when the time-out itself was never handled.
        let was_quiet = was_absent || heard.at >= before.at + self.config.quiet_limit;
        if was_quiet {
            if !was_absent {
                self.report(Event::FellQuiet);
            }
            self.report(Event::Returned);
            self.pinger.start(heard.at);
            self.repairs = Self::silent_repairs(&self.config);
            self.numbering.note_break();
        }
        let place = self.numbering.place(signs, before.format == heard.format).0;
        if place == Place::NewRun {
            // Another program, perhaps: whether it is a Farsend has to be seen.
            self.repairs = Self::silent_repairs(&self.config);
            self.pinger.start(heard.at);
            self.talk.begin_anew(heard.at);
            self.naming.begin_anew();
        }
        match place {
            // Late, and perhaps of a former format; or not to be believed yet.
            Place::Behind { .. } | Place::Stray => heard.format = before.format,
            Place::Ahead { .. } | Place::NewRun if before.format != heard.format => {
                self.report(Event::FormatChanged {
                    from: before.format,
                    to: heard.format,
                });
            }
            Place::Ahead { .. } | Place::NewRun => {}
        }
        heard.datagrams = before.datagrams.saturating_add(1);
        heard.lasted = match was_quiet {
            true => before.lasted,
            false => before.lasted.saturating_add(heard.at.since(before.at)),
        };
        heard.at = heard.at.max(before.at);
        self.state = State::Present(heard);
        if was_quiet {
            Continuity::AfterBreak
        } else {
            Continuity::GoesOn
        }
    }
}
