//! Which players are in which group: names for people, numbers for the audio thread. It holds for those who leave and come back.

use super::book::{Who, is_alike};
use super::group_mixes::{Group, MOST_GROUPS};
use super::roster::{Entry, Roster};

/// All groups. Control thread.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// Those who are in one, here or not.
    members: Vec<(Who, String)>,
    /// The groups that have numbers, the first of which is 1.
    names: Vec<String>,
    /// How loud groups hear each other, in decibels; `None`: not at all.
    between: Option<f64>,
}

/// There are [`MOST_GROUPS`] groups with somebody here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooMany;

impl Groups {
    /// In which group this one is.
    pub(super) fn of(&self, entry: &Entry) -> Option<&str> {
        let found = self.members.iter().find(|(who, _)| who.is(entry));
        found.map(|(_, name)| &**name)
    }

    /// The same of one who need not be here.
    pub(super) fn of_who(&self, one: &Who) -> Option<&str> {
        let found = self.members.iter().find(|(who, _)| who == one);
        found.map(|(_, name)| &**name)
    }

    /// Puts this one into a group, or into none, and gives its number. Large and small letters are alike.
    ///
    /// # Errors
    /// [`TooMany`]; then nothing has changed.
    pub(super) fn put(
        &mut self,
        entry: &Entry,
        group: Option<&str>,
        roster: &Roster,
    ) -> Result<Group, TooMany> {
        let number = match group {
            None => 0,
            Some(name) => self.number(name, roster)?,
        };
        self.members.retain(|(who, _)| !who.is(entry));
        if let Some(name) = self.name(number).map(str::to_owned) {
            if self.members.len() >= MOST_MEMBERS {
                self.members.remove(0);
            }
            self.members.push((Who::of(entry), name));
        }
        Ok(number)
    }

    /// Those who are in one, here or not, with its name.
    pub(super) fn members(&self) -> impl Iterator<Item = (&Who, &str)> {
        self.members.iter().map(|(who, name)| (who, &**name))
    }

    /// Puts those of this name, in whatever letters, who are not here and are in a group, into another, or into none. What the
    /// first of them is called, and the group's name.
    ///
    /// # Errors
    /// [`TooMany`]; then nothing has changed.
    pub(super) fn put_absent(
        &mut self,
        called: &str,
        group: Option<&str>,
        roster: &Roster,
    ) -> Result<Option<(String, Option<String>)>, TooMany> {
        let is_meant = |who: &Who| {
            is_alike(who.called(), called) && !roster.iter().any(|(_, entry)| who.is(entry))
        };
        let Some((who, _)) = self.members.iter().find(|(who, _)| is_meant(who)) else {
            return Ok(None);
        };
        let found = who.called().to_owned();
        let number = group.map_or(Ok(0), |name| self.number(name, roster))?;
        let name = self.name(number).map(str::to_owned);
        match &name {
            None => self.members.retain(|(who, _)| !is_meant(who)),
            Some(name) => {
                let meant = self.members.iter_mut().filter(|(who, _)| is_meant(who));
                meant.for_each(|(_, group)| group.clone_from(name));
            }
        }
        Ok(Some((found, name)))
    }

    /// The number of the group of one who comes, in none if there are too many.
    pub(super) fn recall(&mut self, entry: &Entry, roster: &Roster) -> Group {
        let name = self.of(entry).map(str::to_owned);
        name.and_then(|name| self.number(&name, roster).ok())
            .unwrap_or(0)
    }

    /// Nobody is in any.
    pub(super) fn clear(&mut self) {
        self.members.clear();
        self.names.clear();
    }

    /// The name as it was given first.
    pub(super) fn name(&self, number: Group) -> Option<&str> {
        let index = usize::from(number).checked_sub(1)?;
        self.names.get(index).map(|name| &**name)
    }

    /// How many who are here are in this group.
    pub(super) fn count(&self, name: &str, roster: &Roster) -> usize {
        let is_in = |entry: &Entry| self.of(entry) == Some(name);
        roster.iter().filter(|(_, entry)| is_in(entry)).count()
    }

    /// The numbers that groups have now, and their names.
    pub(super) fn numbered(&self) -> impl Iterator<Item = (Group, &str)> {
        (1..).zip(self.names.iter().map(|name| &**name))
    }

    /// How loud groups hear each other, in decibels; `None`: not at all.
    pub(super) fn between(&self) -> Option<f64> {
        self.between
    }

    pub(super) fn set_between(&mut self, db: Option<f64>) {
        self.between = db;
    }

    /// The number of the group of this name; a new one if there is none, that of a group of which nobody is here if need be.
    fn number(&mut self, name: &str, roster: &Roster) -> Result<Group, TooMany> {
        let alike = |one: &String| one.to_lowercase() == name.to_lowercase();
        let index = match self.names.iter().position(alike) {
            Some(index) => index,
            None if self.names.len() < usize::from(MOST_GROUPS) => {
                self.names.push(name.to_owned());
                self.names.len() - 1
            }
            None => {
                let mut names = self.names.iter();
                let free = names.position(|name| self.count(name, roster) == 0);
                let index = free.ok_or(TooMany)?;
                self.names[index] = name.to_owned();
                index
            }
        };
        Ok(index as Group + 1)
    }
}

/// More than there can be players: those who have left are forgotten some time.
const MOST_MEMBERS: usize = 8192;

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use farsend_units::Channels;

    use super::*;

    fn entry(name: &str) -> Entry {
        Entry::quiet(name, SocketAddr::from(([10, 0, 0, 1], 4464)), Channels(1))
    }

    fn roster(names: &[&str]) -> Roster {
        let mut roster = Roster::new(64);
        for (place, name) in (0..).zip(names) {
            roster.take(place, entry(name));
        }
        roster
    }

    #[test]
    fn who_comes_back_is_in_the_same_group_and_has_its_number() {
        let (mut groups, roster) = (Groups::default(), roster(&["ann", "ben"]));
        let [ann, ben, carl] = ["ann", "ben", "carl"].map(entry);
        assert_eq!(groups.put(&ann, Some("strings"), &roster), Ok(1));
        assert_eq!(groups.put(&ben, Some("Strings"), &roster), Ok(1));
        assert_eq!(groups.of(&ben), Some("strings"));
        assert_eq!(groups.put(&carl, Some("brass"), &roster), Ok(2));
        assert_eq!(groups.count("strings", &roster), 2);
        assert_eq!(groups.put(&ben, Some("brass"), &roster), Ok(2));
        assert_eq!(groups.recall(&ann, &roster), 1);
        assert_eq!(groups.recall(&entry("dora"), &roster), 0);
        assert_eq!(groups.put(&ann, None, &roster), Ok(0));
        assert_eq!(groups.of(&ann), None);
        groups.clear();
        assert_eq!(groups.recall(&carl, &roster), 0);
    }

    #[test]
    fn one_who_is_away_is_put_elsewhere_by_name() {
        let (mut groups, mut roster) = (Groups::default(), roster(&["ann", "ben"]));
        let [ann, ben] = ["ann", "ben"].map(entry);
        for one in [&ann, &ben] {
            assert_eq!(groups.put(one, Some("strings"), &roster), Ok(1));
        }
        assert_eq!(groups.put_absent("ann", None, &roster), Ok(None), "is here");
        roster.leave(0);
        let put = groups.put_absent("Ann", Some("Brass"), &roster);
        assert_eq!(put, Ok(Some(("ann".into(), Some("Brass".into())))));
        assert_eq!(
            [groups.of(&ann), groups.of(&ben)],
            [Some("Brass"), Some("strings")]
        );
        assert_eq!(
            groups.put_absent("ann", None, &roster),
            Ok(Some(("ann".into(), None)))
        );
        assert_eq!([groups.of(&ann), groups.of(&ben)], [None, Some("strings")]);
        assert_eq!(groups.put_absent("ann", None, &roster), Ok(None));
    }

    #[test]
    fn there_are_only_so_many_groups_with_somebody_in_them() {
        let names: Vec<String> = (0..=MOST_GROUPS).map(|n| format!("player {n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let (mut groups, mut roster) = (Groups::default(), roster(&names));
        let (last, all) = names.split_last().expect("many");
        for (place, name) in all.iter().enumerate() {
            let put = groups.put(&entry(name), Some(&format!("group {place}")), &roster);
            assert_eq!(put, Ok(place as Group + 1));
        }
        let last = entry(last);
        assert_eq!(groups.put(&last, Some("more"), &roster), Err(TooMany));
        assert_eq!(groups.of(&last), None);
        roster.leave(7);
        assert_eq!(groups.put(&last, Some("more"), &roster), Ok(8));
        // Who comes back then finds no number, and is in none until there is one.
        assert_eq!(groups.recall(&entry(names[7]), &roster), 0);
        roster.leave(0);
        assert_eq!(groups.recall(&entry(names[7]), &roster), 1);
    }
}
