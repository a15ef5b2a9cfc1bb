//! Who is expected and who plays: the control thread's book of the places.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use farsend_units::MonoTime;
use farsend_wire::jacktrip::{Format, Hello, Name};

use super::fair::share;
use super::floor::Knock;
use super::player::Watch;
use super::ports::Line;
use crate::net::udp::Received;

/// All places, and those who have logged in and were not heard yet.
#[derive(Debug)]
pub(super) struct Roster {
    places: Box<[Option<Entry>]>,
    expected: Vec<Expected>,
}

/// Somebody who plays.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: Name,
    /// What nobody else here is called: see [`Roster::title`].
    pub(super) called: String,
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
}

#[cfg(test)]
impl Entry {
    /// Somebody of whom nothing is heard, called by their name.
    pub(super) fn quiet(
        name: &str,
        address: SocketAddr,
        channels: farsend_units::Channels,
    ) -> Self {
        Self {
            name: Name::new(name),
            called: name.to_owned(),
            address,
            udp_port: 4464,
            format: Format {
                rate: farsend_units::SampleRate::HZ_48000,
                period: farsend_units::Frames(128),
                channels,
                wants: farsend_units::Channels(2),
                samples: farsend_wire::sample::SampleFormat::I16,
            },
            round_trip: None,
            watch: Watch {
                events: rtrb::RingBuffer::new(1).1,
                statistics: farsend_rt::latest(crate::statistics::Statistics::default()).1,
                minute: crate::control::minute::LastMinute::default(),
            },
            told_broken_floats: false,
        }
    }
}

/// Somebody who has logged in.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) host: IpAddr,
    /// Where they said that they would send from; behind a NAT it will be another.
    port: u16,
    pub(super) name: Name,
    since: Instant,
    /// Where they are to send, if that is a port of their own.
    pub(super) line: Option<Line>,
}

impl Roster {
    /// So many places, all free.
    pub(super) fn new(places: usize) -> Self {
        let mut all = Vec::new();
        all.resize_with(places, || None);
        Self {
            places: all.into(),
            expected: Vec::new(),
        }
    }

    /// Notes a log-in, if there is a place for it. Gives a player of before who is replaced: the same host
    /// and port, so it is the same program, begun again.
    pub(super) fn log_in(&mut self, host: IpAddr, hello: &Hello, now: Instant) -> LogIn {
        let address = SocketAddr::new(host, hello.port);
        let before = self
            .places
            .iter()
            .position(|entry| entry.as_ref().is_some_and(|entry| entry.address == address));
        let free = self.places.iter().filter(|entry| entry.is_none()).count();
        let free = free + usize::from(before.is_some());
        if free == 0 {
            return LogIn::Full;
        }
        let of_host = self.expected.iter().filter(|one| one.host == host).count();
        let left = free.saturating_sub(self.expected.len() - of_host);
        if of_host >= share(left) {
            return LogIn::Later;
        }
        self.expected.push(Expected {
            host,
            port: hello.port,
            name: hello.name,
            since: now,
            line: None,
        });
        LogIn::Welcome {
            replaces: before.map(|place| place as u16),
        }
    }

    /// The one who has logged in last is to send here.
    pub(super) fn give(&mut self, line: Line) {
        if let Some(one) = self.expected.last_mut() {
            one.line = Some(line);
        }
    }

    /// The one who has logged in last is not waited for after all.
    pub(super) fn turn_away(&mut self) {
        self.expected.pop();
    }

    /// The first datagrams that have come at ports of their own, from the hosts that were told them; and at which.
    pub(super) fn listen(&mut self, now: MonoTime) -> Vec<(u16, Knock)> {
        let knock = |one: &mut Expected| {
            let line = one.line.as_mut()?;
            let port = line.port();
            line.socket.begin(now);
            for _ in 0..MOST_STRANGERS {
                match line.socket.receive(now) {
                    Received::Datagram { at, from, payload } if from.ip() == one.host => {
                        return Some((port, Knock::new(at, from, payload)));
                    }
                    Received::Datagram { .. } | Received::Refused => {}
                    Received::Nothing => break,
                }
            }
            None
        };
        self.expected.iter_mut().filter_map(knock).collect()
    }

    /// Who was to send to this port, which was theirs alone.
    pub(super) fn knocked_at(&mut self, port: u16) -> Option<Expected> {
        let is_there = |one: &Expected| one.line.as_ref().is_some_and(|line| line.port() == port);
        let index = self.expected.iter().position(is_there)?;
        Some(self.expected.remove(index))
    }

    /// Who it is that sends from there: the one who has said so, else the one of that host who waits longest.
    pub(super) fn knocked(&mut self, from: SocketAddr) -> Option<Expected> {
        let of_host = |one: &Expected| one.host == from.ip();
        let exact = self
            .expected
            .iter()
            .position(|one| of_host(one) && one.port == from.port());
        let index = exact.or_else(|| self.expected.iter().position(of_host))?;
        Some(self.expected.remove(index))
    }

    /// Those who were waited for in vain.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Expected> {
        let (gone, left) = std::mem::take(&mut self.expected)
            .into_iter()
            .partition(|one| now.duration_since(one.since) >= KNOCKS_WITHIN);
        self.expected = left;
        gone
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

/// After its log-in a player has to be heard within this.
const KNOCKS_WITHIN: Duration = Duration::from_secs(10);
/// Datagrams of others at one who is waited for, at a look.
const MOST_STRANGERS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn log_in(roster: &mut Roster, host: u8, port: u16, now: Instant) -> LogIn {
        let name = Name::EMPTY;
        roster.log_in([10, 0, 0, host].into(), &Hello { port, name }, now)
    }

    fn welcome(roster: &mut Roster, host: u8, port: u16, now: Instant) -> bool {
        matches!(log_in(roster, host, port, now), LogIn::Welcome { .. })
    }

    #[test]
    fn one_host_cannot_have_all_places_kept_for_it() {
        let (mut roster, now) = (Roster::new(40), Instant::now());
        let of_school = (0..100)
            .filter(|port| welcome(&mut roster, 1, *port, now))
            .count();
        assert_eq!(of_school, 30, "a school of 30 at once");
        assert!(welcome(&mut roster, 2, 4464, now));
        assert!(welcome(&mut roster, 2, 4465, now));
        // As soon as some are heard, the next may come.
        assert_eq!(log_in(&mut roster, 1, 200, now), LogIn::Later);
        for port in 0..3 {
            let heard = SocketAddr::from(([10, 0, 0, 1], port));
            assert!(roster.knocked(heard).is_some());
        }
        assert!(welcome(&mut roster, 1, 200, now));
        // And when they are not, after a while.
        let later = now + KNOCKS_WITHIN;
        assert_eq!(roster.expire(later).len(), 30);
        assert!(welcome(&mut roster, 1, 201, later));
    }

    #[test]
    fn two_of_a_host_find_the_last_two_places() {
        let (mut roster, now) = (Roster::new(2), Instant::now());
        assert!(welcome(&mut roster, 1, 4464, now));
        assert!(welcome(&mut roster, 1, 4465, now));
        assert_eq!(log_in(&mut roster, 1, 4466, now), LogIn::Later);
        assert_eq!(log_in(&mut roster, 2, 4464, now), LogIn::Later);
        let none = &mut Roster::new(0);
        assert_eq!(log_in(none, 2, 4464, now), LogIn::Full);
    }
}
