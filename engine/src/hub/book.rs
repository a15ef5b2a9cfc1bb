//! What was asked for by hand: how loud players are, for all and for single listeners, and who was sent away. It holds for those who leave
//! and come back, too.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use farsend_wire::jacktrip::Name;

use super::fair::network;
use super::groups::Groups;
use super::roster::Entry;
use super::strips::{MOST_STRIPS, Strip};

/// Somebody, now or when they come back: where they are, and what they are called here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Who {
    host: IpAddr,
    called: String,
}

impl Who {
    pub(super) fn of(entry: &Entry) -> Self {
        Self {
            host: entry.address.ip(),
            called: entry.called.clone(),
        }
    }

    pub(super) fn is(&self, entry: &Entry) -> bool {
        self.host == entry.address.ip() && self.called == entry.called
    }

    pub(super) fn host(&self) -> IpAddr {
        self.host
    }

    pub(super) fn called(&self) -> &str {
        &self.called
    }
}

/// How loud everybody hears a player.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Standing {
    pub(super) db: f64,
    pub(super) muted: bool,
}

impl Standing {
    pub(super) const USUAL: Self = Self {
        db: 0.0,
        muted: false,
    };

    /// Linear.
    pub(super) fn gain(&self) -> f32 {
        if self.muted { 0.0 } else { linear(self.db) }
    }
}

/// What a listener has otherwise of a player.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wished {
    pub(super) listener: Who,
    pub(super) player: Who,
    pub(super) db: f64,
    pub(super) strip: Strip,
}

impl Wished {
    /// Turns the player up or down.
    pub(super) fn set_gain(&mut self, db: f64) {
        self.db = db;
        self.strip.gain = linear(db);
    }
}

/// Somebody who may not come in.
#[derive(Debug, Clone)]
pub(super) struct KeptOut {
    pub(super) host: IpAddr,
    /// `None`: whatever they call themselves.
    pub(super) name: Option<Name>,
    /// This user may not come from anywhere else, either.
    pub(super) user: Option<Arc<str>>,
    /// Where their stream came from, and when they were sent away: it may go on.
    pub(super) stream: Option<(SocketAddr, Instant)>,
    pub(super) until: Instant,
    /// Whether it was said that they wanted in again.
    pub(super) told: bool,
}

/// One who may not come in wants in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Barred {
    /// For so long still.
    pub(super) left: Duration,
    /// Whether that is to be told: a Farsend tries again and again.
    pub(super) first: bool,
}

/// There are [`MOST_STRIPS`] wishes of those who are here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooMuch;

/// All of it. Control thread.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// Who plays in which group.
    pub(super) groups: Groups,
    standings: Vec<(Who, Standing)>,
    wishes: Vec<Wished>,
    kept_out: Vec<KeptOut>,
}

impl Book {
    /// How loud everybody hears this one.
    pub(super) fn standing(&self, entry: &Entry) -> Standing {
        let found = self.standings.iter().find(|(who, _)| who.is(entry));
        found.map_or(Standing::USUAL, |(_, standing)| *standing)
    }

    /// Notes how loud everybody is to hear this one.
    pub(super) fn set_standing(&mut self, entry: &Entry, standing: Standing) {
        self.standings.retain(|(who, _)| !who.is(entry));
        if standing != Standing::USUAL {
            if self.standings.len() >= MOST_STANDINGS {
                self.standings.remove(0);
            }
            self.standings.push((Who::of(entry), standing));
        }
    }

    /// Those who are heard otherwise than usual, here or not.
    pub(super) fn standings(&self) -> impl Iterator<Item = &(Who, Standing)> {
        self.standings.iter()
    }

    /// Changes how everybody is to hear those of this name, in whatever letters, who are not here and are not heard as usual. Who
    /// that is.
    pub(super) fn change_absent(
        &mut self,
        called: &str,
        is_here: impl Fn(&Who) -> bool,
        change: impl Fn(&mut Standing),
    ) -> Vec<Who> {
        let mut changed = Vec::new();
        self.standings.retain_mut(|(who, standing)| {
            if is_alike(&who.called, called) && !is_here(who) {
                change(standing);
                changed.push(who.clone());
            }
            *standing != Standing::USUAL
        });
        changed
    }

    /// Changes what a listener has of a player, and gives what that is now. `is_here` tells whom to keep.
    pub(super) fn wish(
        &mut self,
        [listener, player]: [&Entry; 2],
        is_here: impl Fn(&Who) -> bool,
        change: impl FnOnce(&mut Wished),
    ) -> Result<Strip, TooMuch> {
        let found = |one: &Wished| one.listener.is(listener) && one.player.is(player);
        let index = self.wishes.iter().position(found);
        let mut wished = match index {
            Some(index) => self.wishes[index].clone(),
            None => Wished {
                listener: Who::of(listener),
                player: Who::of(player),
                db: 0.0,
                strip: Strip::NEUTRAL,
            },
        };
        change(&mut wished);
        let strip = wished.strip;
        match (index, strip.is_neutral()) {
            (Some(index), true) => _ = self.wishes.remove(index),
            (Some(index), false) => self.wishes[index] = wished,
            (None, true) => {}
            (None, false) => {
                if self.wishes.len() >= MOST_STRIPS {
                    let absent = |one: &Wished| !is_here(&one.listener) || !is_here(&one.player);
                    let index = self.wishes.iter().position(absent).ok_or(TooMuch)?;
                    self.wishes.remove(index);
                }
                self.wishes.push(wished);
            }
        }
        Ok(strip)
    }

    /// Changes what those of one name have of those of another, in whatever letters, not both of whom are here. Whether there is
    /// anything.
    pub(super) fn change_absent_wish(
        &mut self,
        [listener, player]: [&str; 2],
        change: impl Fn(&mut Wished),
    ) -> bool {
        let mut changed = false;
        self.wishes.retain_mut(|one| {
            if is_alike(&one.listener.called, listener) && is_alike(&one.player.called, player) {
                change(one);
                changed = true;
            }
            !one.strip.is_neutral()
        });
        changed
    }

    /// All that listeners have otherwise.
    pub(super) fn wishes(&self) -> impl Iterator<Item = &Wished> {
        self.wishes.iter()
    }

    /// Lets nobody of this host in who gives this name (`None`: any), and this user not at all, until then.
    pub(super) fn keep_out(&mut self, one: KeptOut) {
        let key = |one: &KeptOut| (one.host, one.name, one.user.clone());
        self.kept_out.retain(|other| key(other) != key(&one));
        if self.kept_out.len() >= MOST_KEPT_OUT {
            self.kept_out.remove(0);
        }
        self.kept_out.push(one);
    }

    /// Whether one who wants in may not come.
    pub(super) fn bars(
        &mut self,
        host: IpAddr,
        name: Name,
        user: Option<&str>,
        now: Instant,
    ) -> Option<Barred> {
        self.kept_out.retain(|one| one.until > now);
        let same = |one: &&mut KeptOut| {
            let is_user = user.is_some() && one.user.as_deref() == user;
            let is_from_there = network(one.host) == network(host);
            is_user || (is_from_there && one.name.is_none_or(|one| one == name))
        };
        let longest = self.kept_out.iter_mut().filter(same);
        let one = longest.max_by_key(|one| one.until)?;
        Some(Barred {
            left: one.until.duration_since(now),
            first: !std::mem::replace(&mut one.told, true),
        })
    }

    /// Whether a stream that comes from there, and began then, is that of one who was sent away and heeds it not.
    pub(super) fn bars_stream(
        &self,
        from: SocketAddr,
        began: Option<Instant>,
        now: Instant,
    ) -> bool {
        let goes_on = |(address, since): (SocketAddr, Instant)| {
            address == from && began.is_none_or(|began| began <= since + STREAMS_ON)
        };
        let mut all = self.kept_out.iter().filter(|one| one.until > now);
        all.any(|one| one.stream.is_some_and(goes_on))
    }

    /// Lets those in again who are named so: by name, in whatever letters, by user, or by host. Who they are.
    pub(super) fn let_in(&mut self, text: &str, now: Instant) -> Vec<KeptOut> {
        let host = text.parse::<IpAddr>().ok();
        let is_meant = |one: &mut KeptOut| {
            let name = one.name.filter(|name| !name.is_empty());
            name.is_some_and(|name| is_alike(name.as_str(), text))
                || one.user.as_deref() == Some(text)
                || Some(one.host) == host
        };
        let taken = self.kept_out.extract_if(.., is_meant);
        taken.filter(|one| one.until > now).collect()
    }

    /// Who may not come in now.
    pub(super) fn kept_out(&self, now: Instant) -> impl Iterator<Item = &KeptOut> {
        self.kept_out.iter().filter(move |one| one.until > now)
    }
}

/// Whether only large and small letters differ.
pub(super) fn is_alike(name: &str, text: &str) -> bool {
    name.to_lowercase() == text.to_lowercase()
}

/// Decibels as a factor.
pub(super) fn linear(db: f64) -> f32 {
    10.0_f64.powf(db / 20.0) as f32
}

/// More than there can be players: those who have left are forgotten some time.
const MOST_STANDINGS: usize = 8192;
const MOST_KEPT_OUT: usize = 1024;

/// After this a stream from where somebody was sent away is not noticed only now, but another.
const STREAMS_ON: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use farsend_units::Channels;

    use super::*;

    #[test]
    fn who_was_sent_away_is_kept_out_for_as_long_as_was_said_and_told_of_once() {
        let mut book = Book::default();
        let [host, other]: [IpAddr; 2] = [[10, 0, 0, 1].into(), [10, 0, 0, 2].into()];
        let (ann, bob) = (Name::new("ann"), Name::new("bob"));
        let now = Instant::now();
        let minute = Duration::from_secs(60);
        let from = SocketAddr::new(host, 4464);
        let one = KeptOut {
            host,
            name: Some(ann),
            user: None,
            stream: Some((from, now)),
            until: now + minute,
            told: false,
        };
        book.keep_out(one.clone());
        let streams_on = |began, at| book.bars_stream(from, began, at);
        assert!(streams_on(None, now) && streams_on(Some(now + minute / 100), now));
        assert!(!streams_on(Some(now + minute / 20), now) && !streams_on(None, now + minute));
        assert!(!book.bars_stream((host, 4465).into(), None, now));
        let barred = |left, first| Some(Barred { left, first });
        assert_eq!(book.bars(host, ann, None, now), barred(minute, true));
        assert_eq!(book.bars(host, ann, None, now), barred(minute, false));
        assert_eq!(book.bars(host, bob, None, now), None);
        assert_eq!(book.bars(other, ann, None, now), None);
        book.keep_out(KeptOut { name: None, ..one });
        assert_eq!(book.bars(host, bob, None, now), barred(minute, true));
        assert_eq!(book.bars(host, ann, None, now + minute), None);
        assert_eq!(book.kept_out(now).count(), 0);
    }

    #[test]
    fn a_user_is_kept_out_under_any_name_and_from_anywhere_until_that_is_taken_back() {
        let mut book = Book::default();
        let [host, other]: [IpAddr; 2] = [[10, 0, 0, 1].into(), [10, 0, 0, 2].into()];
        let (ann, bob) = (Name::new("ann"), Name::new("bob"));
        let now = Instant::now();
        let one = |user: Option<&str>| KeptOut {
            host,
            name: Some(ann),
            user: user.map(Arc::from),
            stream: None,
            until: now + Duration::from_secs(60),
            told: false,
        };
        book.keep_out(one(Some("anna")));
        let bars = |book: &mut Book, host, name, user| book.bars(host, name, user, now).is_some();
        assert!(bars(&mut book, other, bob, Some("anna")));
        assert!(bars(&mut book, host, ann, Some("ben")), "by name, too");
        assert!(!bars(&mut book, other, ann, Some("ben")));
        assert!(!bars(&mut book, other, ann, None));
        for text in ["Ann", "anna", "10.0.0.1"] {
            assert_eq!(book.let_in("ben", now).len(), 0);
            assert_eq!(book.let_in(text, now).len(), 1, "{text}");
            assert!(!bars(&mut book, host, ann, Some("anna")), "{text}");
            book.keep_out(one(Some("anna")));
        }
        // One of before, without a user, is another.
        book.keep_out(one(None));
        assert_eq!(book.kept_out(now).count(), 2);
        assert_eq!(book.let_in("ann", now).len(), 2);
    }

    #[test]
    fn one_who_is_away_is_heard_as_usual_again_by_name() {
        let mut book = Book::default();
        let address = |last| SocketAddr::from(([10, 0, 0, last], 4464));
        let entry = |name, last| Entry::quiet(name, address(last), Channels(1));
        let muted = Standing {
            db: 0.0,
            muted: true,
        };
        let [ann, other, ben] = [entry("ann", 1), entry("ann", 2), entry("ben", 1)];
        for one in [&ann, &other, &ben] {
            book.set_standing(one, muted);
        }
        let unmute = |book: &mut Book, name| {
            let changed = book.change_absent(name, |who| who.is(&other), |one| one.muted = false);
            changed.len()
        };
        assert_eq!(unmute(&mut book, "carl"), 0);
        assert_eq!(unmute(&mut book, "Ann"), 1);
        assert_eq!(book.standing(&ann), Standing::USUAL);
        assert_eq!([book.standing(&other), book.standing(&ben)], [muted; 2]);
        assert_eq!(unmute(&mut book, "ann"), 0, "nothing is left of it");
    }

    #[test]
    fn those_who_are_kept_out_are_kept_in_mind_only_so_many() {
        let mut book = Book::default();
        let now = Instant::now();
        for n in 0..3 * MOST_KEPT_OUT as u32 {
            book.keep_out(KeptOut {
                host: IpAddr::from(n.to_be_bytes()),
                name: None,
                user: None,
                stream: None,
                until: now + Duration::from_secs(1),
                told: false,
            });
        }
        assert_eq!(book.kept_out(now).count(), MOST_KEPT_OUT);
    }
}
