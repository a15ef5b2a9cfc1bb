//! What a hub is asked for by hand.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use farsend_ipc::hub::{Answer, Request, Status, Why};
use farsend_wire::jacktrip::Name;

use super::Desk;
use crate::hub::PatchMode;
use crate::hub::book::{KeptOut, Standing, Who, Wished};
use crate::hub::control::ControlSocket;
use crate::hub::floor::Order;
use crate::hub::report::HubReporter;
use crate::hub::roster::{Entry, Roster};
use crate::hub::sight::Place;
use crate::hub::takes::Takes;

impl Desk<'_> {
    /// Lets this machine's command line and scripts ask.
    pub(super) fn open_control(&mut self, reporter: &mut HubReporter) {
        match ControlSocket::open(self.door.port()) {
            Ok(control) => self.control = Some(control),
            Err(error) => reporter.no_control(&error),
        }
    }

    pub(super) fn status(&mut self) -> Status {
        let place = Place {
            settings: self.settings,
            port: self.door.port(),
            udp_port: self.udp_port,
            patch: self.patch,
        };
        let (numbers, late) = (self.numbers.read(), self.pacer.late());
        let roster = &mut self.roster;
        Status {
            recording: self.takes.as_ref().map(Takes::status),
            ..self.sight.status(place, roster, &self.book, &numbers, late)
        }
    }

    /// Answers those who ask at the control socket.
    pub(super) fn obey_requests(&mut self, reporter: &mut HubReporter) {
        if let Some(mut control) = self.control.take() {
            control.attend(&mut |request| self.obey(request, reporter));
            self.control = Some(control);
        }
    }

    /// What was asked for of one who comes, or comes back.
    pub(super) fn recall(&mut self, place: u16) {
        let Self {
            roster,
            book,
            pending,
            ..
        } = self;
        let Some(entry) = roster.get(place) else {
            return;
        };
        let gain = book.standing(entry).gain();
        if gain != 1.0 {
            pending.push_back(Order::Gain(place, gain));
        }
        for wished in book.wishes() {
            if !wished.listener.is(entry) && !wished.player.is(entry) {
                continue;
            }
            let find = |who: &Who| roster.iter().find(|(_, entry)| who.is(entry));
            if let (Some((listener, _)), Some((player, _))) =
                (find(&wished.listener), find(&wished.player))
            {
                pending.push_back(Order::Wish {
                    listener,
                    player,
                    strip: wished.strip,
                });
            }
        }
    }

    fn obey(&mut self, request: Request, reporter: &mut HubReporter) -> Answer {
        let done = match request {
            Request::Status {} => return Answer::Status(Box::new(self.status())),
            Request::Kick {
                player,
                minutes,
                host,
            } => self.kick(&player, minutes, host, reporter),
            Request::Mute {
                player,
                listener: None,
                on,
            } => self.stand(
                &player,
                |standing| standing.muted = on,
                if on {
                    "is heard by nobody"
                } else {
                    "is heard again"
                },
            ),
            Request::Gain {
                player,
                listener: None,
                db,
            } => self.stand(
                &player,
                |standing| standing.db = db,
                &format!("is heard at {db:+} dB by everybody"),
            ),
            Request::Mute {
                player,
                listener: Some(listener),
                on,
            } => self.wish(
                &player,
                &listener,
                |wished| wished.strip.mute = on,
                if on { "does not hear" } else { "hears" },
                "",
            ),
            Request::Gain {
                player,
                listener: Some(listener),
                db,
            } => self.wish(
                &player,
                &listener,
                |wished| wished.set_gain(db),
                "hears",
                &format!(" at {db:+} dB"),
            ),
            Request::Pan {
                player,
                listener,
                pan,
            } => self.wish(
                &player,
                &listener,
                |wished| wished.strip.pan = pan.map(|pan| pan as f32),
                "hears",
                &pan.map_or_else(
                    || " as they send".to_owned(),
                    |pan| format!(" {}", side(pan)),
                ),
            ),
            Request::Solo {
                player,
                listener,
                on,
            } => self.wish(
                &player,
                &listener,
                |wished| wished.strip.solo = on,
                if on {
                    "hears only"
                } else {
                    "does not single out"
                },
                if on {
                    ", and whom else they single out"
                } else {
                    ""
                },
            ),
            Request::Patch { mode } => self.patch(&mode),
        };
        match done {
            Ok(text) => {
                reporter.asked_for(&text);
                Answer::Done { text }
            }
            Err(refused) => refused,
        }
    }

    fn kick(
        &mut self,
        player: &str,
        minutes: f64,
        host: bool,
        reporter: &mut HubReporter,
    ) -> Result<String, Answer> {
        let place = find(&self.roster, player)?;
        let Some(entry) = self.roster.leave(place) else {
            return Err(nobody(&self.roster, player));
        };
        if let Some(takes) = &mut self.takes {
            takes.leave(place);
        }
        // Never less than they are kept out for.
        let seconds = (minutes * 60.0).ceil().max(0.0) as u32;
        self.pending.push_back(Order::SendAway(place, seconds));
        reporter.left(&entry, "was sent away", self.roster.count());
        let called = &entry.called;
        if minutes <= 0.0 {
            return Ok(format!("{called} is sent away, and may come again at once"));
        }
        self.book.keep_out(KeptOut {
            host: entry.address.ip(),
            name: (!host).then_some(entry.name),
            until: Instant::now() + Duration::from_secs_f64(minutes * 60.0),
            told: false,
        });
        let whom = match (host, entry.name == Name::EMPTY) {
            (true, _) => format!("nobody from {}", entry.address.ip()),
            (false, true) => format!("nobody without a name from {}", entry.address.ip()),
            (false, false) => format!("nobody of that name from {}", entry.address.ip()),
        };
        Ok(format!(
            "{called} is sent away; {whom} may come in for {minutes} min"
        ))
    }

    /// Changes how everybody hears a player.
    fn stand(
        &mut self,
        player: &str,
        change: impl FnOnce(&mut Standing),
        what: &str,
    ) -> Result<String, Answer> {
        let place = find(&self.roster, player)?;
        let Some(entry) = self.roster.get(place) else {
            return Err(nobody(&self.roster, player));
        };
        let mut standing = self.book.standing(entry);
        change(&mut standing);
        self.book.set_standing(entry, standing);
        self.pending.push_back(Order::Gain(place, standing.gain()));
        Ok(format!("{} {what}", entry.called))
    }

    /// Changes how one hears another.
    fn wish(
        &mut self,
        player: &str,
        listener: &str,
        change: impl FnOnce(&mut Wished),
        how: &str,
        more: &str,
    ) -> Result<String, Answer> {
        let Self {
            roster,
            book,
            pending,
            ..
        } = self;
        let (from, to) = (find(roster, player)?, find(roster, listener)?);
        let (Some(heard), Some(hearing)) = (roster.get(from), roster.get(to)) else {
            return Err(nobody(roster, player));
        };
        if from == to {
            let text = format!(
                "{} cannot be mixed otherwise for themselves: what players hear of themselves is for the patch mode to say",
                heard.called
            );
            return Err(refused(Why::Senseless, text));
        }
        let is_here = |who: &Who| roster.iter().any(|(_, entry)| who.is(entry));
        let strip = book
            .wish([hearing, heard], is_here, change)
            .map_err(|_| refused(Why::TooMuch, TOO_MUCH.to_owned()))?;
        pending.push_back(Order::Wish {
            listener: to,
            player: from,
            strip,
        });
        Ok(format!("{} {how} {}{more}", hearing.called, heard.called))
    }

    fn patch(&mut self, mode: &str) -> Result<String, Answer> {
        let mode: PatchMode = mode
            .parse()
            .map_err(|error| refused(Why::NotUnderstood, error))?;
        if mode == PatchMode::Server && self.settings.local.is_none() {
            return Err(refused(Why::Senseless, NO_LOCAL.to_owned()));
        }
        self.patch = mode;
        self.pending.push_back(Order::Patch(mode));
        Ok(format!("{mode} from now on"))
    }
}

/// The player who is meant: by what they are called here, by address, or, where only one is, by host or by name in
/// other letters.
fn find(roster: &Roster, text: &str) -> Result<u16, Answer> {
    let all = |is: &dyn Fn(&Entry) -> bool| -> Vec<(u16, &Entry)> {
        roster.iter().filter(|(_, entry)| is(entry)).collect()
    };
    let first = text.strip_suffix(FIRST);
    let ways: [&dyn Fn(&Entry) -> bool; 6] = [
        &|entry| first == Some(&*entry.called),
        // Ambiguous if several have it as their name.
        &|entry| entry.name.as_str() == text,
        &|entry| entry.called == text,
        &|entry| text.parse::<SocketAddr>() == Ok(entry.address),
        &|entry| text.parse::<IpAddr>() == Ok(entry.address.ip()),
        &|entry| is_alike(&entry.called, text) || is_alike(entry.name.as_str(), text),
    ];
    for way in ways {
        match all(way)[..] {
            [] => {}
            [(place, _)] => return Ok(place),
            ref several => {
                let text = format!("{text} may be any of {} players here", several.len());
                return Err(Answer::Refused {
                    why: Why::Ambiguous,
                    text,
                    players: several.iter().map(|(_, entry)| distinct(entry)).collect(),
                });
            }
        }
    }
    Err(nobody(roster, text))
}

/// Whether only large and small letters differ.
fn is_alike(name: &str, text: &str) -> bool {
    name.to_lowercase() == text.to_lowercase()
}

/// What this one can be called so that nobody else is meant.
fn distinct(entry: &Entry) -> String {
    if entry.called == entry.name.as_str() {
        format!("{}{FIRST}", entry.called)
    } else {
        entry.called.clone()
    }
}

fn nobody(roster: &Roster, text: &str) -> Answer {
    Answer::Refused {
        why: Why::Nobody,
        text: format!("nobody here is called {text:?}"),
        players: roster
            .iter()
            .map(|(_, entry)| entry.called.clone())
            .collect(),
    }
}

fn refused(why: Why, text: String) -> Answer {
    Answer::Refused {
        why,
        text,
        players: Vec::new(),
    }
}

fn side(pan: f64) -> String {
    match pan {
        0.0 => "in the middle".to_owned(),
        ..0.0 => format!("{:.0} % left", -100.0 * pan),
        _ => format!("{:.0} % right", 100.0 * pan),
    }
}

/// The first of several of one name can be called so, as the others are called `name (2)` and on.
const FIRST: &str = " (1)";

const NO_LOCAL: &str = "nothing is captured at this hub: start it with -i or -p server";

const TOO_MUCH: &str =
    "1024 players are mixed otherwise for somebody already: take something back first";
