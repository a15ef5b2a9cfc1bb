//! Who is let in: the log-in at the door, and the first datagram, from which a player is built.

use std::net::IpAddr;
use std::time::Instant;

use farsend_rt::clock;
use farsend_stream::Conceal;
use farsend_wire::jacktrip::{Datagram, DatagramError, Format, Header, HeaderKind, Hello};

use super::Desk;
use crate::hub::HubSettings;
use crate::hub::door::Answer;
use crate::hub::floor::{Knock, Order};
use crate::hub::player::Player;
use crate::hub::ports::{Line, NoPort};
use crate::hub::report::HubReporter;
use crate::hub::roster::{Entry, LogIn, Settled};

impl Desk<'_> {
    /// Looks after those who log in.
    pub(super) fn greet(&mut self, reporter: &mut HubReporter) {
        let Self {
            door,
            roster,
            recordings,
            udp_port,
            ports,
            pending,
            book,
            letters,
            track_takes,
            ..
        } = self;
        let mut welcome = |host: IpAddr, hello: &Hello, user: Option<&str>| {
            if let Some(barred) = book.bars(host, hello.name, user, Instant::now()) {
                reporter.kept_out(hello.name, host, barred);
                return Answer::NotNow;
            }
            match roster.log_in(host, hello, user, Instant::now()) {
                LogIn::Full => {
                    reporter.full(hello.name, host);
                    Answer::Full
                }
                LogIn::Later => Answer::Later,
                LogIn::Welcome { replaces } => {
                    if let Some(place) = replaces {
                        // Without a word: it is the new one who would hear it.
                        pending.push_back(Order::Dismiss(place));
                        if let Some(entry) = roster.leave(place) {
                            recordings.leave(place);
                            letters.leave(place);
                            track_takes.iter_mut().for_each(|takes| takes.leave(place));
                            reporter.left(&entry, "began again", roster.count());
                        }
                    }
                    let Some(ports) = ports else {
                        pending.push_back(Order::Expect(host, true));
                        return Answer::Port(*udp_port);
                    };
                    match ports.lend(host, clock::now()) {
                        Ok(line) => {
                            let port = line.port();
                            roster.give(line);
                            Answer::Port(port)
                        }
                        Err(why) => {
                            roster.turn_away();
                            // Theirs of before is about to be free.
                            if replaces.is_some() || matches!(why, NoPort::Listening) {
                                return Answer::Later;
                            }
                            reporter.no_port(hello.name, host, &ports.range(), &why);
                            Answer::Full
                        }
                    }
                }
            }
        };
        door.attend(super::LOOK_EVERY, &mut welcome);
        for tidings in door.tidings() {
            reporter.tell(&tidings);
        }
    }

    /// Those who were waited for in vain are not any more.
    pub(super) fn give_up(&mut self, reporter: &mut HubReporter) {
        for gone in self.roster.expire(Instant::now()) {
            self.order(Order::Expect(gone.host, false));
            if gone.is_awaited() {
                let udp_port = gone.line.as_ref().map_or(self.udp_port, Line::port);
                reporter.never_heard(&gone, udp_port);
            }
        }
    }

    /// Builds the player whose datagram has come, perhaps at a port of their own, and lets it in.
    pub(super) fn admit(&mut self, knock: &Knock, at: Option<u16>, reporter: &mut HubReporter) {
        let before = self.roster.place_of(knock.from);
        if at.is_none() && before.is_some() {
            // One more of the same, on its way when the place was taken.
            return;
        }
        let (format, redundancy) = match read(knock) {
            Ok(read) => read,
            Err(DatagramError::Control) => return,
            Err(error) => {
                if self
                    .roster
                    .note_junk(knock.from, at, &not_understood(&error))
                {
                    reporter.not_understood(knock.from, &error);
                }
                return;
            }
        };
        let now = Instant::now();
        let claim = match at {
            Some(port) => self.roster.claim_at(port),
            // Whatever another there has logged in for.
            None if self.book.bars_stream(knock.from, knock.began(now), now) => None,
            None => self.roster.claim(knock.from, knock.began(now), now),
        };
        let Some(claim) = claim else {
            return;
        };
        let has_room = self.roster.free().is_some() || before.is_some();
        if !has_room && !self.roster.replaces(claim) {
            return;
        }
        let conceal = if self.roster.count() < super::FORETOLD {
            self.settings.conceal
        } else {
            Conceal::Fade
        };
        let settings = HubSettings {
            depth: self.depth,
            ..self.settings.clone()
        };
        let from = knock.from;
        let player = Player::new(&settings, &self.kernels, conceal, from, format, redundancy);
        let (mut player, watch) = match player {
            Ok(built) => built,
            // Anybody's of that host: whoever has logged in may come yet.
            Err(error) if !claim.is_exact => {
                if self.roster.note_junk(from, at, &not_served(&error)) {
                    reporter.cannot_serve_from(from, &error);
                }
                return;
            }
            Err(error) => {
                if let Some(settled) = self.roster.settle(claim, None) {
                    self.order(Order::Expect(settled.host, false));
                    reporter.cannot_serve(settled.name, from, &error);
                }
                return;
            }
        };
        let admission = self.roster.admission();
        let Some(settled) = self.roster.settle(claim, Some(admission)) else {
            return;
        };
        let Settled {
            host,
            name,
            user,
            line,
            is_over,
            instead_of,
        } = settled;
        if is_over {
            self.order(Order::Expect(host, false));
        }
        if let Some(before) = before {
            // Of a program that began again behind a NAT.
            self.let_go(before, "began again", reporter);
        }
        let wrong = instead_of.and_then(|number| self.roster.place_of_admission(number));
        if let Some(wrong) = wrong {
            // They go on sending, and that is not to be taken for the next.
            self.order(Order::Unseat(wrong));
            self.let_go(wrong, "was taken for another who logged in", reporter);
        }
        if let Some(former) = self.roster.former(name, host, now) {
            self.let_go(former, "is back from elsewhere", reporter);
        }
        let Some(place) = self.roster.free() else {
            return;
        };
        let udp_port = line.as_ref().map_or(self.udp_port, Line::port);
        player.take_line(line);
        player.take_knock(knock.at, knock.payload());
        let called = (name, self.roster.title(name, from));
        let trip = self.door.round_trip(host);
        player.sound(trip);
        let mut entry = Entry::new(admission, called, (from, udp_port), format, trip, watch);
        entry.user = user;
        let group = self.book.groups.recall(&entry, &self.roster);
        if let Some(takes) = &mut self.track_takes {
            let taps = takes.admit(place, &entry.called, format.channels);
            player.record_through(taps);
        }
        self.order(Order::Admit(place, player, group));
        reporter.joined(&entry, &format, self.roster.count() + 1);
        self.recordings
            .admit(place, &entry, reporter, &mut self.pending);
        self.roster.take(place, entry);
        self.aligner.forget(place);
        self.recall(place);
        self.recall_queue(place, &format);
    }
}

/// What they send, and in how many copies.
fn read(knock: &Knock) -> Result<(Format, u8), DatagramError> {
    match Datagram::parse(knock.payload(), HeaderKind::Default, None) {
        Ok(datagram) => Ok((datagram.format(), datagram.redundancy())),
        // The header says enough.
        Err(error @ DatagramError::Length { .. }) if knock.is_cut() => {
            let header = Header::parse(knock.payload()).map_err(|_| error)?;
            Ok((header.format()?, 1))
        }
        Err(error) => Err(error),
    }
}

fn not_understood(why: &DatagramError) -> String {
    format!("is not understood: {why}")
}

fn not_served(why: &impl std::fmt::Display) -> String {
    format!("cannot be served: {why}")
}
