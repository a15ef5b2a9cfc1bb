//! What became of the lines that were written at the hub: known when the players' programs have said so.

use std::collections::{BTreeMap, VecDeque};

use crate::hub::HubTalk;

/// All lines that are on their way, and what is to be told of them. Control thread.
#[derive(Debug, Default)]
pub(in crate::hub::desk) struct Letters {
    /// Of each line that a player was sent, in order: its number, if it is to be told of.
    sent: BTreeMap<u16, VecDeque<Option<u64>>>,
    /// Lines that nobody is known to have, and how many may still get them.
    open: Vec<(u64, usize)>,
    news: VecDeque<HubTalk>,
}

impl Letters {
    /// A line goes to the players in these places: nobody has it before one of them says so.
    pub(super) fn say(&mut self, number: Option<u64>, places: &[u16]) {
        for place in places {
            self.push(*place, number);
        }
        if let Some(number) = number {
            self.open.push((number, places.len()));
            self.settle();
        }
    }

    /// The player in this place is sent what another has written.
    pub(super) fn pass(&mut self, place: u16) {
        self.push(place, None);
    }

    /// It is known what became of the oldest line that the player in this place was sent.
    pub(in crate::hub::desk) fn note(&mut self, place: u16, arrived: bool) {
        let sent = self.sent.get_mut(&place);
        if let Some(number) = sent.and_then(VecDeque::pop_front).flatten() {
            self.note_line(number, arrived);
        }
    }

    /// The player in this place has left, or another has come there.
    pub(in crate::hub::desk) fn leave(&mut self, place: u16) {
        for number in self.sent.remove(&place).into_iter().flatten().flatten() {
            self.note_line(number, false);
        }
    }

    /// Something to tell. What nobody asks for is forgotten.
    pub(in crate::hub::desk) fn news(&mut self, news: HubTalk) {
        if self.news.len() >= MOST_NEWS {
            self.news.pop_front();
        }
        self.news.push_back(news);
    }

    /// What there is to tell.
    pub(in crate::hub::desk) fn next_news(&mut self) -> Option<HubTalk> {
        self.news.pop_front()
    }

    fn push(&mut self, place: u16, number: Option<u64>) {
        let sent = self.sent.entry(place).or_default();
        if sent.len() >= MOST_SENT {
            // It is not known of any more, and the ones after it are.
            sent.pop_front();
        }
        sent.push_back(number);
    }

    fn note_line(&mut self, number: u64, arrived: bool) {
        let Some(at) = self.open.iter().position(|(open, _)| *open == number) else {
            // Somebody else has it.
            return;
        };
        if arrived {
            self.open.remove(at);
            self.news(HubTalk::Ours { number, arrived });
        } else {
            self.open[at].1 = self.open[at].1.saturating_sub(1);
            self.settle();
        }
    }

    /// Those that nobody will get.
    fn settle(&mut self) {
        let lost: Vec<_> = self.open.extract_if(.., |(_, left)| *left == 0).collect();
        for (number, _) in lost {
            let arrived = false;
            self.news(HubTalk::Ours { number, arrived });
        }
    }
}

/// Lines to one player of which nothing is known yet.
const MOST_SENT: usize = 64;

/// What waits to be told.
const MOST_NEWS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn fates(letters: &mut Letters) -> Vec<(u64, bool)> {
        let news = std::iter::from_fn(|| letters.next_news());
        news.filter_map(|news| match news {
            HubTalk::Ours { number, arrived } => Some((number, arrived)),
            HubTalk::Theirs { .. } => None,
        })
        .collect()
    }

    #[test]
    fn a_line_has_arrived_when_the_first_player_has_it() {
        let mut letters = Letters::default();
        letters.pass(1);
        letters.say(Some(7), &[0, 1, 2]);
        // A JackTrip's answer is that of the hub, at once.
        letters.note(0, false);
        // That was what another player wrote.
        letters.note(1, true);
        assert_eq!(fates(&mut letters), []);
        letters.note(1, true);
        letters.note(2, true);
        assert_eq!(fates(&mut letters), [(7, true)]);
    }

    #[test]
    fn a_line_is_lost_when_nobody_has_it_or_nobody_is_there() {
        let mut letters = Letters::default();
        letters.say(Some(1), &[]);
        letters.say(Some(2), &[0, 1]);
        letters.say(Some(3), &[1]);
        letters.say(None, &[1]);
        letters.note(0, false);
        assert_eq!(fates(&mut letters), [(1, false)]);
        letters.leave(1);
        assert_eq!(fates(&mut letters), [(2, false), (3, false)]);
        letters.note(1, true);
        assert_eq!(fates(&mut letters), []);
    }

    #[test]
    fn who_never_answers_fills_no_memory() {
        let mut letters = Letters::default();
        (0..10_000).for_each(|number| letters.say(Some(number), &[3]));
        assert_eq!(letters.sent[&3].len(), MOST_SENT);
        (0..10_000).for_each(|_| letters.say(None, &[]));
        assert!(letters.news.len() <= MOST_NEWS);
    }
}
