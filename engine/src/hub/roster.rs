//! Who is expected and who plays: the control thread's book of the places.

mod expected;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use farsend_protocol::jacktrip::Event;
use farsend_wire::jacktrip::{Format, Hello, Name};

pub(super) use self::expected::{Expected, Settled};
use super::fair::{network, share};
use super::player::Watch;
use super::ports::Line;
use crate::peers::LinkEvent;

/// All places, and those who have logged in and were not heard yet.
#[derive(Debug)]
pub(super) struct Roster {
    places: Box<[Option<Entry>]>,
    expected: Vec<Expected>,
    /// How many were let in so far.
    admitted: u64,
}

/// Somebody who plays.
#[derive(Debug)]
pub(super) struct Entry {
    /// Nobody else has this number, nor do they when they come back: see [`Roster::admission`].
    pub(super) admission: u64,
    pub(super) name: Name,
    /// What nobody else here is called: see [`Roster::title`].
    pub(super) called: String,
    /// Who they are, where users have passwords.
    pub(super) user: Option<Arc<str>>,
    pub(super) address: SocketAddr,
    /// Ours, that they send to.
    pub(super) udp_port: u16,
    /// As they were let in.
    pub(super) format: Format,
    /// The round trip to their host when they logged in, as the system has it.
    pub(super) round_trip: Option<Duration>,
    pub(super) watch: Watch,
    /// It was said that their 32-bit samples are destroyed.
    pub(super) told_broken_floats: bool,
    /// It was said that they send samples that are no audio.
    pub(super) told_nonsense: bool,
    pub(super) since: Instant,
    /// Their delay is to stay as it is.
    pub(super) keeps_delay: bool,
    /// Since when nothing comes of them.
    quiet: Option<Instant>,
    /// From when to when nothing came of them last, before they came back.
    silence: Option<(Instant, Instant)>,
    /// Since when somebody who logs in names their address.
    claimed: Option<Instant>,
    /// When their stream began anew: perhaps it is another program, behind a NAT that gives it the same address.
    anew: Option<Instant>,
}

impl Entry {
    /// One who is let in from there, and is called so.
    pub(super) fn new(
        admission: u64,
        (name, called): (Name, String),
        (address, udp_port): (SocketAddr, u16),
        format: Format,
        round_trip: Option<Duration>,
        watch: Watch,
    ) -> Self {
        Self {
            admission,
            name,
            called,
            user: None,
            address,
            udp_port,
            format,
            round_trip,
            watch,
            told_broken_floats: false,
            told_nonsense: false,
            since: Instant::now(),
            keeps_delay: false,
            quiet: None,
            silence: None,
            claimed: None,
            anew: None,
        }
    }

    /// Whether they were heard in the last half second or so.
    fn is_heard(&mut self, now: Instant) -> bool {
        self.watch.statistics.read().present || now.duration_since(self.since) < SETTLED_WITHIN
    }
}

#[cfg(test)]
impl Entry {
    /// Somebody of whom nothing is heard, called by their name.
    pub(super) fn quiet(
        name: &str,
        address: SocketAddr,
        channels: farsend_units::Channels,
    ) -> Self {
        let format = Format {
            rate: farsend_units::SampleRate::HZ_48000,
            period: farsend_units::Frames(128),
            channels,
            wants: farsend_units::Channels(2),
            samples: farsend_wire::sample::SampleFormat::I16,
        };
        let watch = Watch {
            events: rtrb::RingBuffer::new(1).1,
            statistics: farsend_rt::latest(crate::statistics::Statistics::default()).1,
            minute: crate::control::minute::LastMinute::default(),
        };
        let called = (Name::new(name), name.to_owned());
        Self::new(0, called, (address, 4464), format, None, watch)
    }
}

impl Roster {
    /// So many places, all free.
    pub(super) fn new(places: usize) -> Self {
        let mut all = Vec::new();
        all.resize_with(places, || None);
        Self {
            places: all.into(),
            expected: Vec::new(),
            admitted: 0,
        }
    }

    /// The number of one who is let in, from 1 on.
    pub(super) fn admission(&mut self) -> u64 {
        self.admitted += 1;
        self.admitted
    }

    /// Notes a log-in, if there is a place for it. Gives a player of before who is replaced: the same host
    /// and port, and not heard any more, so it is the same program, begun again. One who is still heard is somebody else behind the
    /// same NAT: all JackTrips name the same port. Which of both it is takes a moment.
    pub(super) fn log_in(
        &mut self,
        host: IpAddr,
        hello: &Hello,
        user: Option<&str>,
        now: Instant,
    ) -> LogIn {
        let before = match self.before(SocketAddr::new(host, hello.port), now) {
            Before::Unknown => return LogIn::Later,
            Before::Gone(place) => Some(place),
            Before::Nobody => None,
        };
        let free = self.places.iter().filter(|entry| entry.is_none()).count();
        let free = free + usize::from(before.is_some());
        if free == 0 {
            return LogIn::Full;
        }
        let awaited = self.expected.iter().filter(|one| one.is_awaited());
        let of_host = |one: &&Expected| network(one.host) == network(host);
        let of_host = awaited.clone().filter(of_host).count();
        let left = free.saturating_sub(awaited.count() - of_host);
        if of_host >= share(left) {
            return LogIn::Later;
        }
        let who = (hello.name, user);
        self.expected
            .push(Expected::new(host, hello.port, who, now));
        LogIn::Welcome { replaces: before }
    }

    /// Whose place it was that one who logs in names the address of.
    fn before(&mut self, address: SocketAddr, now: Instant) -> Before {
        let mut all = self.iter_mut();
        let Some((place, entry)) = all.find(|(_, entry)| entry.address == address) else {
            return Before::Nobody;
        };
        if !entry.is_heard(now) {
            return Before::Gone(place);
        }
        let since = match entry.claimed {
            Some(since) if now.duration_since(since) < 2 * SETTLED_WITHIN => since,
            _ => *entry.claimed.insert(now),
        };
        if now.duration_since(since) < SETTLED_WITHIN {
            return Before::Unknown;
        }
        entry.claimed = None;
        Before::Nobody
    }

    /// What is told of the one in this place, that says something of who it is.
    pub(super) fn note(&mut self, place: u16, event: &LinkEvent, now: Instant) {
        let seat = self.places.get_mut(usize::from(place));
        let Some(entry) = seat.and_then(Option::as_mut) else {
            return;
        };
        match event {
            LinkEvent::Restarted | LinkEvent::Peer(Event::FormatChanged { .. }) => {
                entry.anew = Some(now);
            }
            LinkEvent::Peer(Event::FellQuiet) => entry.quiet = Some(now),
            LinkEvent::Peer(Event::Returned) => {
                let quiet = entry.quiet.take();
                entry.silence =
                    quiet.and_then(|quiet| Some((quiet.checked_sub(QUIET_AFTER)?, now)));
            }
            _ => {}
        }
    }

    /// Where one of this name and host was who is back from elsewhere: nothing comes from there any more.
    pub(super) fn former(&self, name: Name, host: IpAddr, now: Instant) -> Option<u16> {
        let is_gone = |entry: &Entry| {
            let quiet = entry.quiet.map(|since| now.duration_since(since));
            quiet.is_some_and(|quiet| quiet >= GONE_AFTER)
        };
        let mut all = self.iter();
        all.find(|(_, entry)| {
            !name.is_empty() && entry.name == name && entry.address.ip() == host && is_gone(entry)
        })
        .map(|(place, _)| place)
    }

    /// Places of players who stopped, and of those of the same name and host who came after that: the same, back from elsewhere
    /// before it was known.
    pub(super) fn returned(&self, now: Instant) -> Vec<(u16, u16)> {
        let mut found = Vec::new();
        for (before, entry) in self.iter() {
            let gone = entry
                .quiet
                .filter(|quiet| now.duration_since(*quiet) >= GONE_AFTER);
            let stopped = gone.and_then(|quiet| quiet.checked_sub(QUIET_AFTER));
            let (Some(stopped), false) = (stopped, entry.name.is_empty()) else {
                continue;
            };
            let is_back = |other: &Entry| {
                other.name == entry.name
                    && other.address.ip() == entry.address.ip()
                    && other.since >= stopped
            };
            let back = self
                .iter()
                .find(|(place, other)| *place != before && is_back(other));
            found.extend(back.map(|(place, _)| (before, place)));
        }
        found
    }

    /// The one in this place as one who has just logged in.
    pub(super) fn newly_come(&self, place: u16, now: Instant) -> Option<Expected> {
        let entry = self.get(place)?;
        let (host, port) = (entry.address.ip(), entry.address.port());
        let who = (entry.name, entry.user.as_deref());
        Some(Expected::new(host, port, who, now))
    }

    /// Waits for this one: at this port, where it is to be one of their own.
    pub(super) fn expect(&mut self, mut one: Expected, line: Option<Line>) {
        one.line = line;
        self.expected.push(one);
    }

    /// Places whose players began anew and are somebody who has logged in since: for a while nobody else of that host was heard,
    /// and they come from the port that was said then, or had stopped before it. A program that goes on may begin anew, too.
    pub(super) fn begun_anew(&mut self, now: Instant) -> Vec<u16> {
        let Self {
            places, expected, ..
        } = self;
        let mut found = Vec::new();
        for (place, entry) in (0..).zip(places.iter_mut()) {
            let Some(entry) = entry else { continue };
            let Some(anew) = entry.anew else { continue };
            let address = entry.address;
            let had_stopped = |one: &Expected| {
                entry.silence.is_some_and(|(from, to)| {
                    from <= one.since && one.since <= to && anew.duration_since(to) < OTHERS_WITHIN
                })
            };
            let waits = |one: &Expected| {
                one.host == address.ip()
                    && one.line.is_none()
                    && one.is_awaited()
                    && one.since <= anew
                    && (one.port == address.port() || had_stopped(one))
            };
            if !expected.iter().any(waits) {
                entry.anew = None;
            } else if now.duration_since(anew) >= OTHERS_WITHIN {
                found.push(place);
            }
        }
        found
    }

    /// The first free place.
    pub(super) fn free(&self) -> Option<u16> {
        let place = self.places.iter().position(Option::is_none)?;
        u16::try_from(place).ok()
    }

    pub(super) fn take(&mut self, place: u16, entry: Entry) {
        if let Some(seat) = self.places.get_mut(usize::from(place)) {
            *seat = Some(entry);
        }
    }

    pub(super) fn get(&self, place: u16) -> Option<&Entry> {
        self.places.get(usize::from(place))?.as_ref()
    }

    /// What to call one who comes: their name, or the address where they have none; with a number where somebody is
    /// called so already.
    pub(super) fn title(&self, name: Name, address: SocketAddr) -> String {
        if name.is_empty() {
            return address.to_string();
        }
        let is_free = |title: &str| self.iter().all(|(_, entry)| entry.called != title);
        let plain = std::iter::once(name.as_str().to_owned());
        let numbered = (2..).map(|number| format!("{name} ({number})"));
        // One more than there can be players is enough.
        let mut titles = plain.chain(numbered).take(self.places.len() + 1);
        titles
            .find(|title| is_free(title))
            .unwrap_or_else(|| address.to_string())
    }

    pub(super) fn leave(&mut self, place: u16) -> Option<Entry> {
        self.places.get_mut(usize::from(place))?.take()
    }

    /// The place of the one who sends from there.
    pub(super) fn place_of(&self, from: SocketAddr) -> Option<u16> {
        let mut all = self.iter();
        all.find(|(_, entry)| entry.address == from)
            .map(|(place, _)| place)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u16, &Entry)> {
        let places = self.places.iter().enumerate();
        places.filter_map(|(place, entry)| Some((place as u16, entry.as_ref()?)))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (u16, &mut Entry)> {
        let places = self.places.iter_mut().enumerate();
        places.filter_map(|(place, entry)| Some((place as u16, entry.as_mut()?)))
    }

    /// The place of the one whose number this is.
    pub(super) fn place_of_admission(&self, admission: u64) -> Option<u16> {
        let mut all = self.iter();
        all.find(|(_, entry)| entry.admission == admission)
            .map(|(place, _)| place)
    }

    pub(super) fn count(&self) -> usize {
        self.iter().count()
    }
}

/// What is to be said to one who logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LogIn {
    /// No place is free.
    Full,
    /// The places are kept for others who have logged in, or all that one host may have for some of its own: when they
    /// are heard, or were not for too long, there may be one.
    Later,
    /// Come in.
    Welcome {
        /// The player in this place is the same one, of before.
        replaces: Option<u16>,
    },
}

/// Who has the address that is named at a log-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// Nobody, or somebody else.
    Nobody,
    /// Somebody who may be about to be somebody else.
    Unknown,
    /// The same program, of before.
    Gone(u16),
}

/// Whether somebody is still heard is known after this: half a second of silence, and what the numbers are behind.
const SETTLED_WITHIN: Duration = Duration::from_millis(900);
/// Nobody who comes under the same name from the same host is taken for somebody else, if nothing was heard for so long and half a second.
const GONE_AFTER: Duration = Duration::from_secs(1);
/// So long after a stream has begun anew somebody else of that host would have been heard.
const OTHERS_WITHIN: Duration = Duration::from_millis(300);
/// After its log-in a player has to be heard within this.
pub(super) const KNOCKS_WITHIN: Duration = Duration::from_secs(10);
/// One of whom nothing came for so long is said to be quiet.
const QUIET_AFTER: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests;
