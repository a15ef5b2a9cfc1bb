//! Which player each instance of the plugin has picked: by name, so that it holds for those who leave and come back.
//!
//! ```text
//!   wish                  bound to
//!   the mix               nobody
//!   player "Bob"          Bob, here or not
//!   the next free one     nobody ──somebody comes whom nobody has picked──▶ them, here or not, from then on
//! ```
//! A track that is duplicated says that it had got the player whom the other one has. Whoever said so first keeps them; the copy waits for
//! the next.
//!
//! Pure: no clock, no socket. Control threads.

use std::net::SocketAddr;

use farsend_ipc::message::Listening;

/// The wishes of a session's instances.
#[derive(Debug, Default)]
pub(super) struct Bindings {
    /// In the order in which they came.
    wishes: Vec<(u64, Listening)>,
    /// Whom the copies had, before they were told that they are.
    copies: Vec<(u64, String)>,
}

/// One who plays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Here {
    /// What nobody else here is called: the address of one without a name.
    pub(super) called: String,
    /// As they said it themselves.
    pub(super) name: Option<String>,
    /// Where they send from.
    pub(super) address: SocketAddr,
    /// Whether audio comes.
    pub(super) is_present: bool,
}

impl Bindings {
    /// An instance wants this from now on.
    pub(super) fn want(&mut self, seat: u64, mut listening: Listening) {
        match &mut listening {
            Listening::Player(name)
            | Listening::Group(name)
            | Listening::Free { had: Some(name) } => {
                name.truncate(name.floor_char_boundary(LONGEST_NAME));
            }
            Listening::Mix | Listening::Free { had: None } => {}
        }
        self.copies.retain(|(other, _)| *other != seat);
        match self.wishes.iter().position(|(other, _)| *other == seat) {
            Some(index) if self.wishes[index].1 == listening => {}
            // It comes after those who said so before.
            Some(index) if matches!(listening, Listening::Free { had: Some(_) }) => {
                self.wishes.remove(index);
                self.wishes.push((seat, listening));
            }
            Some(index) => self.wishes[index].1 = listening,
            None => self.wishes.push((seat, listening)),
        }
    }

    /// An instance is gone.
    pub(super) fn forget(&mut self, seat: u64) {
        self.wishes.retain(|(other, _)| *other != seat);
        self.copies.retain(|(other, _)| *other != seat);
    }

    /// Whom an instance said it had got that is a copy of another.
    pub(super) fn copy_of(&self, seat: u64) -> Option<&str> {
        let found = self.copies.iter().find(|(other, _)| *other == seat);
        found.map(|(_, name)| &**name)
    }

    /// Takes from copies the player whom another has.
    fn part_copies(&mut self) {
        for index in 1..self.wishes.len() {
            let (before, rest) = self.wishes.split_at_mut(index);
            let (seat, wish) = &mut rest[0];
            let has = |other: &Listening| match (&*wish, other) {
                (Listening::Free { had: Some(one) }, Listening::Free { had: Some(other) }) => {
                    alike(one, other)
                }
                _ => false,
            };
            if before.iter().any(|(_, other)| has(other))
                && let Listening::Free { had } = wish
                && let Some(name) = had.take()
            {
                self.copies.push((*seat, name));
            }
        }
    }

    /// What an instance wants, with whom it got.
    pub(super) fn of(&self, seat: u64) -> Option<&Listening> {
        let found = self.wishes.iter().find(|(other, _)| *other == seat);
        found.map(|(_, wish)| wish)
    }

    /// The name of the player that an instance has, here or not.
    pub(super) fn player_of(&self, seat: u64) -> Option<&str> {
        self.of(seat).and_then(player)
    }

    /// Gives instances that want the next free player one, of those who are here.
    pub(super) fn bind(&mut self, here: &[Here]) {
        self.part_copies();
        for index in 0..self.wishes.len() {
            if self.wishes[index].1 != (Listening::Free { had: None }) {
                continue;
            }
            let taken: Vec<usize> = self
                .names()
                .filter_map(|name| self.find(name, here))
                .collect();
            let mut free = (0..here.len()).filter(|player| !taken.contains(player));
            let free = free.find(|player| here[*player].is_present);
            if let Some(free) = free {
                self.wishes[index].1 = Listening::Free {
                    had: Some(here[free].called.clone()),
                };
            }
        }
    }

    /// The player of this name, if they are here: see [`Listening::Player`].
    ///
    /// Who comes back while the hub still waits for the one of before has a number behind the name, and is meant all the same. Who has no
    /// name is known by the host.
    pub(super) fn find(&self, name: &str, here: &[Here]) -> Option<usize> {
        let exact = here.iter().position(|one| alike(&one.called, name));
        if exact.is_some_and(|index| here[index].is_present) {
            return exact;
        }
        let is_same = |one: &Here| match (&one.name, name.parse::<SocketAddr>()) {
            (Some(own), _) => alike(own, plain(name)),
            (None, Ok(address)) => address.ip() == one.address.ip(),
            (None, Err(_)) => false,
        };
        let is_taken = |one: &Here| self.names().any(|name| alike(name, &one.called));
        let other = here
            .iter()
            .position(|one| one.is_present && is_same(one) && !is_taken(one));
        other.or(exact)
    }

    /// The names of all players who are picked.
    fn names(&self) -> impl Iterator<Item = &str> {
        self.wishes.iter().filter_map(|(_, wish)| player(wish))
    }
}

/// Whom a wish is for.
fn player(wish: &Listening) -> Option<&str> {
    match wish {
        Listening::Player(name) => Some(name),
        Listening::Free { had } => had.as_deref(),
        Listening::Mix | Listening::Group(_) => None,
    }
}

/// Large and small letters are alike.
pub(super) fn alike(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

/// Without the number that the hub puts behind the names of those who are called the same.
fn plain(name: &str) -> &str {
    let inner = name
        .strip_suffix(')')
        .and_then(|rest| rest.rsplit_once(" ("));
    match inner {
        Some((plain, number))
            if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) =>
        {
            plain
        }
        _ => name,
    }
}

/// Bytes of a name, with the number that the hub may put behind it, and more.
const LONGEST_NAME: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    /// Called so, of this host.
    fn one(name: &str, host: u8) -> Here {
        Here {
            called: name.into(),
            name: Some(plain(name).into()),
            address: SocketAddr::from(([10, 0, 0, host], 4464)),
            is_present: true,
        }
    }

    fn nameless(host: u8, port: u16) -> Here {
        let address = SocketAddr::from(([10, 0, 0, host], port));
        Here {
            called: address.to_string(),
            name: None,
            address,
            is_present: true,
        }
    }

    fn free() -> Listening {
        Listening::Free { had: None }
    }

    /// Of instances with these wishes, in this order.
    fn bindings(wishes: impl IntoIterator<Item = Listening>) -> Bindings {
        let mut bindings = Bindings::default();
        for (seat, wish) in (0..).zip(wishes) {
            bindings.want(seat, wish);
        }
        bindings
    }

    fn players(bindings: &Bindings, here: &[Here]) -> Vec<Option<usize>> {
        let seats = 0..bindings.wishes.len() as u64;
        let find = |seat| bindings.find(bindings.player_of(seat)?, here);
        seats.map(find).collect()
    }

    #[test]
    fn each_track_that_wants_the_next_free_player_gets_another_one() {
        let mut tracks = bindings([free(), Listening::Player("Bob".into()), free(), free()]);
        let here = [one("Ann", 1), one("Bob", 2), one("Cid", 3)];
        tracks.bind(&here[..1]);
        assert_eq!(tracks.player_of(0), Some("Ann"));
        assert_eq!(tracks.player_of(2), None);
        tracks.bind(&here);
        assert_eq!(players(&tracks, &here), [Some(0), Some(1), Some(2), None]);
        tracks.bind(&[one("Ann", 1), one("Bob", 2), one("Cid", 3), one("Dot", 4)]);
        assert_eq!(tracks.player_of(3), Some("Dot"));
    }

    #[test]
    fn who_leaves_and_comes_back_has_the_same_track_whoever_came_meanwhile() {
        let mut tracks = bindings([free(), free()]);
        let [ann, bob, cid] = [one("Ann", 1), one("Bob", 2), one("Cid", 3)];
        tracks.bind(&[ann.clone(), bob.clone()]);
        // Ann goes; Cid comes, in her place, and has no track.
        tracks.bind(&[cid.clone(), bob.clone()]);
        assert_eq!(
            players(&tracks, &[cid.clone(), bob.clone()]),
            [None, Some(1)]
        );
        let back = [cid, bob, ann];
        tracks.bind(&back);
        assert_eq!(players(&tracks, &back), [Some(2), Some(1)]);
    }

    #[test]
    fn what_was_saved_holds_in_whatever_order_players_and_tracks_come() {
        let saved = |name: &str| Listening::Free {
            had: Some(name.into()),
        };
        let mut tracks = bindings([free(), saved("Bob"), saved("Ann")]);
        let here = [one("Ann", 1), one("Bob", 2), one("Cid", 3)];
        tracks.bind(&here);
        assert_eq!(players(&tracks, &here), [Some(2), Some(1), Some(0)]);
    }

    #[test]
    fn a_track_that_is_duplicated_gets_the_next_player_and_the_other_one_keeps_theirs() {
        let saved = |name: &str| Listening::Free {
            had: Some(name.into()),
        };
        let here = [one("Ann", 1), one("Bob", 2), one("Cid", 3)];
        let mut tracks = bindings([free()]);
        tracks.bind(&here[..1]);
        // Whether a track comes with it or loads it, and however the name is written.
        tracks.want(1, saved("ann "));
        tracks.want(2, free());
        tracks.bind(&here[..1]);
        assert_eq!(players(&tracks, &here), [Some(0), None, None]);
        assert_eq!(
            [0, 1, 2].map(|seat| tracks.copy_of(seat)),
            [None, Some("ann "), None]
        );
        tracks.bind(&here[..2]);
        tracks.want(2, saved("Bob"));
        tracks.bind(&here);
        assert_eq!(players(&tracks, &here), [Some(0), Some(1), Some(2)]);
        // Once it says what it has itself it is no copy any more; nor is one that goes.
        assert_eq!(tracks.copy_of(2), Some("Bob"));
        tracks.want(2, saved("Cid"));
        tracks.want(1, free());
        assert_eq!([1, 2].map(|seat| tracks.copy_of(seat)), [None, None]);
        // The first track is given the settings of the third: that one said so before.
        tracks.want(0, saved("Cid"));
        tracks.bind(&here);
        assert_eq!(
            (tracks.player_of(2), tracks.copy_of(0)),
            (Some("Cid"), Some("Cid"))
        );
        tracks.forget(0);
        assert_eq!(tracks.copy_of(0), None);
        // Who picks a player by name wants just that one, had by whomever.
        let mut tracks = bindings([saved("Ann"), Listening::Player("Ann".into())]);
        tracks.bind(&here);
        assert_eq!(players(&tracks, &here), [Some(0), Some(0)]);
    }

    #[test]
    fn a_track_that_wants_anew_gets_one_that_nobody_has() {
        let mut tracks = bindings([free(), free()]);
        let here = [one("Ann", 1), one("Bob", 2)];
        tracks.bind(&here);
        tracks.forget(0);
        tracks.want(5, free());
        tracks.bind(&here);
        assert_eq!(tracks.player_of(5), Some("Ann"));
        tracks.want(1, Listening::Mix);
        assert_eq!(tracks.player_of(1), None);
        tracks.want(5, free());
        tracks.bind(&here[1..]);
        assert_eq!(tracks.player_of(5), Some("Bob"));
    }

    #[test]
    fn who_comes_back_before_the_hub_knows_that_they_had_gone_is_known_at_once() {
        let tracks = bindings([Listening::Player("Ann".into())]);
        let gone = Here {
            is_present: false,
            ..one("Ann", 1)
        };
        let again = one("Ann (2)", 1);
        assert_eq!(players(&tracks, std::slice::from_ref(&gone)), [Some(0)]);
        assert_eq!(players(&tracks, &[gone, again.clone()]), [Some(1)]);
        assert_eq!(players(&tracks, &[again]), [Some(0)]);
        // What is left of them is nobody whom another track could have.
        let mut tracks = bindings([Listening::Player("Ann".into()), free()]);
        let gone = Here {
            is_present: false,
            ..one("Ann", 1)
        };
        tracks.bind(&[gone, one("Ann (2)", 1)]);
        assert_eq!(tracks.player_of(1), None);
        // And the other way round: the number has gone, the player is the same.
        let tracks = bindings([Listening::Player("Ann (2)".into())]);
        assert_eq!(players(&tracks, &[one("ann", 1)]), [Some(0)]);
    }

    #[test]
    fn two_of_one_name_are_not_taken_for_each_other() {
        let mut tracks = bindings([free(), free()]);
        let both = [one("Ann", 1), one("Ann (2)", 2)];
        tracks.bind(&both);
        assert_eq!(players(&tracks, &both), [Some(0), Some(1)]);
        assert_eq!(players(&tracks, &both[1..]), [None, Some(0)]);
    }

    #[test]
    fn who_has_no_name_is_known_by_the_host() {
        let mut tracks = bindings([free(), free()]);
        let both = [nameless(1, 4464), nameless(2, 4464)];
        tracks.bind(&both);
        assert_eq!(tracks.player_of(1), Some("10.0.0.2:4464"));
        let back = [nameless(2, 50_000), nameless(1, 4464)];
        assert_eq!(players(&tracks, &back), [Some(1), Some(0)]);
        // Two of one host, a school: each has a track.
        let mut tracks = bindings([free(), free()]);
        let both = [nameless(1, 4464), nameless(1, 4465)];
        tracks.bind(&both);
        assert_eq!(players(&tracks, &both), [Some(0), Some(1)]);
        assert_eq!(players(&tracks, &both[..1]), [Some(0), None]);
    }

    #[test]
    fn only_a_number_in_brackets_is_no_part_of_a_name() {
        for (name, expected) in [
            ("Ann (2)", "Ann"),
            ("Ann", "Ann"),
            ("Ann ()", "Ann ()"),
            ("Ann (bass)", "Ann (bass)"),
            ("(2)", "(2)"),
            (" (2)", ""),
        ] {
            assert_eq!(plain(name), expected);
        }
    }
}
