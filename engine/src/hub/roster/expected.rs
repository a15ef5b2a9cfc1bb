//! Those who have logged in and were not heard yet, and whose stream is whose.
//!
//! Nothing in a datagram says which log-in it belongs to, and behind a NAT neither does its port. But a stream that was there
//! before somebody logged in is not theirs, as long as another may come:
//!
//! | the stream | has the port that was said | has another |
//! | --- | --- | --- |
//! | began after the log-in | theirs | theirs, or another's of that host who waits for longer |
//! | was there before | after [`EXACT_PATIENCE`] | after [`PATIENCE`], until one comes that began later |
//!
//! The last row is for those who never stopped sending, such as a Farsend whose hub was started again.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use farsend_units::MonoTime;
use farsend_wire::jacktrip::Name;

use super::{KNOCKS_WITHIN, Roster};
use crate::hub::floor::Knock;
use crate::hub::ports::Line;
use crate::net::udp::Received;

/// Somebody who has logged in.
#[derive(Debug)]
pub(in crate::hub) struct Expected {
    pub(in crate::hub) host: IpAddr,
    /// Where they said that they would send from; behind a NAT it will be another.
    pub(super) port: u16,
    pub(in crate::hub) name: Name,
    /// Who they are, where users have passwords.
    pub(in crate::hub) user: Option<Arc<str>>,
    pub(super) since: Instant,
    /// It was said that what they send is of no use.
    told: bool,
    /// What came in place of audio that could be played, and from where.
    pub(in crate::hub) instead: Option<(SocketAddr, String)>,
    /// Who has their place for want of anybody else, by number.
    seated: Option<u64>,
    /// Where they are to send, if that is a port of their own.
    pub(in crate::hub) line: Option<Line>,
}

/// A stream is taken for this log-in's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::hub) struct Claim {
    index: usize,
    /// It comes from where they said that it would.
    pub(in crate::hub) is_exact: bool,
    /// Somebody else may come who it is.
    is_doubtful: bool,
}

/// How well a stream fits a log-in, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// It began after it, at the port that was said.
    BeginsExact,
    /// At another.
    Begins,
    /// The same, and one who was there before has the place.
    Replaces,
    /// It was there before, at the port that was said, and nobody else came.
    BeforeExact,
    /// At another.
    Before,
}

/// Somebody who has logged in is heard.
#[derive(Debug)]
pub(in crate::hub) struct Settled {
    pub(in crate::hub) host: IpAddr,
    pub(in crate::hub) name: Name,
    pub(in crate::hub) user: Option<Arc<str>>,
    pub(in crate::hub) line: Option<Line>,
    /// Nobody is waited for any more.
    pub(in crate::hub) is_over: bool,
    /// The player of this number was taken for them, and is somebody else.
    pub(in crate::hub) instead_of: Option<u64>,
}

impl Expected {
    pub(super) fn new(
        host: IpAddr,
        port: u16,
        (name, user): (Name, Option<&str>),
        since: Instant,
    ) -> Self {
        Self {
            host,
            port,
            name,
            user: user.map(Arc::from),
            since,
            told: false,
            instead: None,
            seated: None,
            line: None,
        }
    }

    /// How well a stream from this port, that began then, is theirs.
    fn fit(&self, port: u16, began: Option<Instant>, now: Instant) -> Option<Fit> {
        let begins = began.is_some_and(|began| began >= self.since);
        let waited = now.duration_since(self.since);
        let is_exact = self.port == port;
        match (begins, self.is_awaited()) {
            (true, true) if is_exact => Some(Fit::BeginsExact),
            (true, true) => Some(Fit::Begins),
            (true, false) => Some(Fit::Replaces),
            (false, true) if is_exact && waited >= EXACT_PATIENCE => Some(Fit::BeforeExact),
            (false, true) if waited >= PATIENCE => Some(Fit::Before),
            (false, _) => None,
        }
    }

    /// Whether nobody has their place yet.
    pub(in crate::hub) fn is_awaited(&self) -> bool {
        self.seated.is_none()
    }
}

impl Roster {
    /// Whose stream it is that comes from there and began then (`None`: as long ago as can be).
    pub(in crate::hub) fn claim(
        &self,
        from: SocketAddr,
        began: Option<Instant>,
        now: Instant,
    ) -> Option<Claim> {
        let all = self.expected.iter().enumerate();
        let of_host = all.filter(|(_, one)| one.host == from.ip() && one.line.is_none());
        let fits = of_host.filter_map(|(index, one)| {
            let fit = one.fit(from.port(), began, now)?;
            Some((fit, index))
        });
        // Of several the one who waits for longest.
        let (fit, index) = fits.min()?;
        Some(Claim {
            index,
            is_exact: self.expected[index].port == from.port(),
            is_doubtful: fit == Fit::Before,
        })
    }

    /// Who was to send to this port, which was theirs alone.
    pub(in crate::hub) fn claim_at(&self, port: u16) -> Option<Claim> {
        let is_there = |one: &Expected| one.line.as_ref().is_some_and(|line| line.port() == port);
        Some(Claim {
            index: self.expected.iter().position(is_there)?,
            is_exact: true,
            is_doubtful: false,
        })
    }

    /// Whether somebody leaves for the one whose stream it is.
    pub(in crate::hub) fn replaces(&self, claim: Claim) -> bool {
        let one = self.expected.get(claim.index);
        one.is_some_and(|one| !one.is_awaited())
    }

    /// The stream that was taken for somebody's is the player of this number, or that of nobody who can play.
    pub(in crate::hub) fn settle(
        &mut self,
        claim: Claim,
        admission: Option<u64>,
    ) -> Option<Settled> {
        let is_over = !claim.is_doubtful || admission.is_none();
        let one = self.expected.get_mut(claim.index)?;
        let settled = Settled {
            host: one.host,
            name: one.name,
            user: one.user.clone(),
            line: one.line.take(),
            is_over,
            instead_of: one.seated,
        };
        one.seated = admission;
        if is_over {
            self.expected.remove(claim.index);
        }
        Some(settled)
    }

    /// What came from there, or to this port of one's own, is of no use. Whether that is to be said: once for each who has
    /// logged in.
    pub(in crate::hub) fn note_junk(
        &mut self,
        from: SocketAddr,
        at: Option<u16>,
        why: &str,
    ) -> bool {
        let is_theirs = |one: &&mut Expected| {
            let port = one.line.as_ref().map(Line::port);
            one.host == from.ip() && port == at && one.is_awaited()
        };
        let mut all: Vec<&mut Expected> = self.expected.iter_mut().filter(is_theirs).collect();
        if all.iter().any(|one| one.port == from.port()) {
            all.retain(|one| one.port == from.port());
        }
        for one in &mut all {
            one.instead = Some((from, why.to_owned()));
        }
        let untold = all.into_iter().find(|one| !one.told);
        untold.map(|one| one.told = true).is_some()
    }

    /// The one who has logged in last is to send here.
    pub(in crate::hub) fn give(&mut self, line: Line) {
        if let Some(one) = self.expected.last_mut() {
            one.line = Some(line);
        }
    }

    /// The one who has logged in last is not waited for after all.
    pub(in crate::hub) fn turn_away(&mut self) {
        self.expected.pop();
    }

    /// The first datagrams that have come at ports of their own, from the hosts that were told them; and at which.
    pub(in crate::hub) fn listen(&mut self, now: MonoTime) -> Vec<(u16, Knock)> {
        let knock = |one: &mut Expected| {
            let line = one.line.as_mut()?;
            let port = line.port();
            line.socket.begin(now);
            let waited = one.since.elapsed() >= PATIENCE;
            for _ in 0..MOST_STRANGERS {
                match line.socket.receive(now) {
                    Received::Datagram { at, from, payload }
                        if from.ip() == one.host && (waited || !line.strangers.contains(&from)) =>
                    {
                        return Some((port, Knock::new(at, from, at, payload)));
                    }
                    Received::Datagram { .. } | Received::Refused => {}
                    Received::Nothing => break,
                }
            }
            None
        };
        self.expected.iter_mut().filter_map(knock).collect()
    }

    /// Those who are not waited for any more: in vain, or somebody has [their place](Expected::is_awaited).
    pub(in crate::hub) fn expire(&mut self, now: Instant) -> Vec<Expected> {
        let is_late = |one: &mut Expected| now.duration_since(one.since) >= KNOCKS_WITHIN;
        self.expected.extract_if(.., is_late).collect()
    }
}

/// For so long after a log-in a stream that was there before is not taken for it, even from the port that was said: another of
/// that host may have it.
const EXACT_PATIENCE: Duration = Duration::from_secs(1);
/// The same from another port.
const PATIENCE: Duration = Duration::from_secs(2);
/// Datagrams of others at one who is waited for, at a look.
const MOST_STRANGERS: usize = 16;
