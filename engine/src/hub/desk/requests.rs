//! What a hub is asked for by hand.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use farsend_ipc::hub::{Answer, Request, Status, Why};
use serde_json::json;

use super::Desk;
use crate::hub::PatchMode;
use crate::hub::align::{Age, HERE};
use crate::hub::book::{Standing, Who, Wished, is_alike, linear};
use crate::hub::control::ControlSocket;
use crate::hub::distance::Distance;
use crate::hub::floor::Order;
use crate::hub::recordings::NoRecording;
use crate::hub::report::HubReporter;
use crate::hub::roster::{Entry, Roster};
use crate::hub::sight::Place;
use crate::record::Depth;

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
        let (roster, kept) = (&mut self.roster, (&self.book, &self.aligner));
        Status {
            recording: self.recordings.status(),
            ..self.sight.status(place, roster, kept, &numbers, late)
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
        let asked = json!(request);
        let done = match request {
            Request::Status {} => return Answer::Status(Box::new(self.status())),
            Request::Kick {
                player,
                minutes,
                host,
            } => self.kick(&player, minutes, host, reporter),
            Request::Unkick { player } => self.unkick(&player),
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
            Request::Align { on, bound_ms } => Ok(self.set_align(on, bound_ms)),
            Request::Group { player, group } => self.group(player.as_deref(), group.as_deref()),
            Request::Between { db } => Ok(self.between(db)),
            Request::Record { on, folder, bits } => self.record(on, folder, bits, reporter),
            Request::Say { text, player } => {
                // It says so itself.
                return match self.write(&text, player.as_deref(), reporter) {
                    Ok(text) => Answer::Done { text },
                    Err(refused) => refused,
                };
            }
        };
        match done {
            Ok(text) => {
                reporter.asked_for(&text, asked);
                Answer::Done { text }
            }
            Err(refused) => refused,
        }
    }

    /// Changes how everybody hears a player.
    fn stand(
        &mut self,
        player: &str,
        change: impl Fn(&mut Standing),
        what: &str,
    ) -> Result<String, Answer> {
        let place = match find(&self.roster, player) {
            Err(answer) if is_nobody(&answer) => {
                return self.stand_absent(player, change, what).ok_or(answer);
            }
            found => found?,
        };
        let Some(entry) = self.roster.get(place) else {
            return Err(nobody(&self.roster, player));
        };
        let mut standing = self.book.standing(entry);
        change(&mut standing);
        self.book.set_standing(entry, standing);
        self.pending.push_back(Order::Gain(place, standing.gain()));
        Ok(format!("{} {what}", entry.called))
    }

    /// The same of one who is not here.
    fn stand_absent(
        &mut self,
        player: &str,
        change: impl Fn(&mut Standing),
        what: &str,
    ) -> Option<String> {
        let Self { roster, book, .. } = self;
        let is_here = |who: &Who| roster.iter().any(|(_, entry)| who.is(entry));
        let changed = book.change_absent(player, is_here, change);
        let called = changed.first()?.called();
        Some(format!("{called}, who is not here, {what}"))
    }

    /// Changes how one hears another.
    fn wish(
        &mut self,
        player: &str,
        listener: &str,
        change: impl Fn(&mut Wished),
        how: &str,
        more: &str,
    ) -> Result<String, Answer> {
        let Self {
            roster,
            book,
            pending,
            ..
        } = self;
        let (from, to) = match (find(roster, player), find(roster, listener)) {
            (Ok(from), Ok(to)) => (from, to),
            (Err(answer), _) | (_, Err(answer)) => {
                let may_be_absent = is_nobody(&answer);
                if !may_be_absent || !book.change_absent_wish([listener, player], change) {
                    return Err(answer);
                }
                let text = format!("{listener} {how} {player}{more}, when both are here");
                return Ok(text);
            }
        };
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

    /// Puts a player, or all of them, into a group, or into none.
    fn group(&mut self, player: Option<&str>, group: Option<&str>) -> Result<String, Answer> {
        let Self {
            roster,
            book,
            pending,
            ..
        } = self;
        let too_many = |_| refused(Why::TooMuch, TOO_MANY.to_owned());
        let places: Vec<u16> = match player {
            Some(player) => match find(roster, player) {
                Err(answer) if is_nobody(&answer) => {
                    let put = book.groups.put_absent(player, group, roster);
                    let (called, group) = put.map_err(too_many)?.ok_or(answer)?;
                    return Ok(match group {
                        None => format!("{called}, who is not here, is in no group"),
                        Some(group) => {
                            format!("{called}, who is not here, comes back into the group {group}")
                        }
                    });
                }
                found => vec![found?],
            },
            None => roster.iter().map(|(place, _)| place).collect(),
        };
        if (player, group) == (None, None) {
            book.groups.clear();
        }
        for place in &places {
            let Some(entry) = roster.get(*place) else {
                continue;
            };
            let number = book.groups.put(entry, group, roster);
            let number = number.map_err(too_many)?;
            pending.push_back(Order::Group(*place, number));
        }
        let first = places.first().and_then(|place| roster.get(*place));
        let name = first.and_then(|entry| book.groups.of(entry));
        let who = match player {
            Some(_) => first.map_or("nobody", |entry| &*entry.called),
            None if group.is_none() => return Ok("nobody is in a group any more".to_owned()),
            None => "everybody",
        };
        Ok(match name {
            None => format!("{who} is in no group: hears all of them, and is heard by all"),
            Some(name) => match book.groups.count(name, roster) {
                1 => format!("{who} is in the group {name}, alone"),
                count => format!("{who} is in the group {name}, with {}", count - 1),
            },
        })
    }

    /// Has all heard as late as the latest. Once a second.
    pub(super) fn align(&mut self) {
        let Self {
            roster,
            aligner,
            pending,
            settings,
            ..
        } = self;
        let ages = roster.iter_mut().filter_map(|(place, entry)| {
            let now = entry.watch.statistics.read();
            Some(Distance::of(entry, &now)?.age(place))
        });
        let mut ages: Vec<_> = ages.collect();
        if settings.local.is_some() && !ages.is_empty() {
            ages.push(Age::HERE);
        }
        let holds = aligner.look(&ages);
        pending.extend(holds.iter().map(|hold| match hold.place {
            HERE => Order::HoldLocal(hold.wait),
            place => Order::Hold(place, hold.wait),
        }));
    }

    fn set_align(&mut self, on: bool, bound_ms: Option<f64>) -> String {
        let bound = bound_ms.map(|ms| Duration::from_secs_f64(ms / 1e3));
        let bound = bound.unwrap_or(self.aligner.bound());
        self.aligner.set(on, bound);
        match on {
            true => format!(
                "all are heard as late as the latest; nobody is held back for more than {} ms",
                bound.as_millis()
            ),
            false => "each is heard as early as can be".to_owned(),
        }
    }

    fn between(&mut self, db: Option<f64>) -> String {
        self.book.groups.set_between(db);
        self.pending
            .push_back(Order::Between(db.map_or(0.0, linear)));
        match db {
            None => "groups do not hear each other".to_owned(),
            Some(db) => format!("groups hear each other at {db:+} dB"),
        }
    }

    /// Begins a recording, or ends it.
    fn record(
        &mut self,
        on: bool,
        folder: Option<String>,
        bits: Option<u8>,
        reporter: &mut HubReporter,
    ) -> Result<String, Answer> {
        let depth = bits.map(|bits| match bits {
            32 => Depth::Float32,
            _ => Depth::Int24,
        });
        let done = if on {
            let to = (reporter, &mut self.pending);
            let folder = folder.map(PathBuf::from);
            self.recordings
                .start(self.settings, folder, depth, &self.roster, to)
        } else {
            self.recordings.stop(&mut self.pending)
        };
        done.map_err(|error| {
            let why = match error {
                NoRecording::Unable(_) => Why::Unable,
                NoRecording::Behind => Why::TooMuch,
                _ => Why::Senseless,
            };
            refused(why, error.to_string())
        })
    }

    /// Writes to a player, or to all.
    fn write(
        &mut self,
        text: &str,
        player: Option<&str>,
        reporter: &mut HubReporter,
    ) -> Result<String, Answer> {
        let to = player
            .map(|player| find(&self.roster, player))
            .transpose()?;
        let (shown, all) = self.say(to, text, reporter);
        match (shown, all, player) {
            (_, 0, _) => Err(refused(Why::Nobody, "nobody is here".to_owned())),
            (0, _, Some(player)) => {
                let text = format!("{player} plays with a JackTrip, which shows nothing of it");
                Err(refused(Why::Unable, text))
            }
            (0, _, None) => Err(refused(Why::Unable, NO_READER.to_owned())),
            (_, _, Some(player)) => Ok(format!("on its way to {player}")),
            (shown, all, None) if shown == all => Ok(format!("on its way to all {all} players")),
            (shown, all, None) => Ok(format!(
                "on its way to {shown} of {all} players: the others' JackTrips show nothing of it"
            )),
        }
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
pub(super) fn find(roster: &Roster, text: &str) -> Result<u16, Answer> {
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

/// What this one can be called so that nobody else is meant.
fn distinct(entry: &Entry) -> String {
    if entry.called == entry.name.as_str() {
        format!("{}{FIRST}", entry.called)
    } else {
        entry.called.clone()
    }
}

/// Whether it says that nobody is called so.
fn is_nobody(answer: &Answer) -> bool {
    let nobody = Why::Nobody;
    matches!(answer, Answer::Refused { why, .. } if *why == nobody)
}

pub(super) fn nobody(roster: &Roster, text: &str) -> Answer {
    Answer::Refused {
        why: Why::Nobody,
        text: format!("nobody here is called {text:?}"),
        players: roster
            .iter()
            .map(|(_, entry)| entry.called.clone())
            .collect(),
    }
}

pub(super) fn refused(why: Why, text: String) -> Answer {
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

const NO_READER: &str = "all who are here play with JackTrips, which show nothing of it";

const TOO_MANY: &str = "32 groups have somebody in them already";

const TOO_MUCH: &str =
    "1024 players are mixed otherwise for somebody already: take something back first";
