//! Who is expected and who plays: the control thread's book of the places.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use farsend_wire::jacktrip::{Hello, Name};

use super::player::Watch;

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
    pub(super) watch: Watch,
}

/// Somebody who has logged in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected {
    pub(super) host: IpAddr,
    /// Where they said that they would send from; behind a NAT it will be another.
    port: u16,
    pub(super) name: Name,
    since: Instant,
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
        let waiting = self.expected.len();
        if free + usize::from(before.is_some()) <= waiting {
            return LogIn::Full;
        }
        self.expected.push(Expected {
            host,
            port: hello.port,
            name: hello.name,
            since: now,
        });
        LogIn::Welcome {
            replaces: before.map(|place| place as u16),
        }
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

    pub(super) fn is_playing(&self, from: SocketAddr) -> bool {
        self.iter().any(|(_, entry)| entry.address == from)
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
    /// Come in.
    Welcome {
        /// The player in this place is the same one, of before.
        replaces: Option<u16>,
    },
}

/// After its log-in a player has to be heard within this.
const KNOCKS_WITHIN: Duration = Duration::from_secs(10);
