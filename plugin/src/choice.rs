//! The parameter *Player*: a host that says whom a track hears, in place of what was chosen in the window.
//!
//! Players have the numbers of their order in the session when the host chose; from then on the track is theirs, whoever leaves,
//! until the host says something else.

use std::sync::Arc;

use farsend_ipc::message::Listening;
use nice_plug::prelude::{IntParam, IntRange};
use parking_lot::Mutex;

/// What the parameter says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// What was chosen in the window counts.
    AsChosen,
    /// Everybody's mix.
    Mix,
    /// The player of this number, from 1.
    Player(usize),
}

/// Players that a host can choose from.
pub const MOST_PLAYERS: usize = 16;

impl Choice {
    /// Of the parameter's value.
    pub fn of(value: i32) -> Self {
        match usize::try_from(value) {
            Ok(0) | Err(_) => Self::AsChosen,
            Ok(1) => Self::Mix,
            Ok(value) => Self::Player((value - 1).min(MOST_PLAYERS)),
        }
    }

    /// The parameter's value.
    pub fn value(self) -> i32 {
        match self {
            Self::AsChosen => 0,
            Self::Mix => 1,
            Self::Player(number) => number.min(MOST_PLAYERS) as i32 + 1,
        }
    }

    /// In words, with the player's name if there is one of that number.
    pub fn text(self, names: &Names) -> String {
        match self {
            Self::AsChosen => "As chosen".into(),
            Self::Mix => "Mix".into(),
            Self::Player(number) => match names.of(number) {
                Some(name) => format!("Player {number}: {name}"),
                None => format!("Player {number}"),
            },
        }
    }

    /// What somebody means by this: those words, in any case, a number, or a player's name.
    pub fn parse(text: &str, names: &Names) -> Option<Self> {
        let text = text.trim().to_lowercase();
        if let Some(number) = names.number(&text) {
            return Some(Self::Player(number));
        }
        let number = text.strip_prefix("player").unwrap_or(&text).trim_start();
        let number = number.split_once(':').map_or(number, |(number, _)| number);
        match (text.as_str(), number.trim_end().parse()) {
            ("as chosen" | "chosen", _) => Some(Self::AsChosen),
            ("mix" | "the mix", _) => Some(Self::Mix),
            (_, Ok(number @ 1..=MOST_PLAYERS)) => Some(Self::Player(number)),
            _ => None,
        }
    }
}

/// What the players of a session are called, in the order of their numbers, and whose the track is by the host's word. For control
/// threads and hosts that want words.
#[derive(Debug, Default)]
pub struct Names(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    names: Vec<String>,
    /// The number that the host has chosen, and who that was.
    had: Option<(usize, String)>,
}

impl Names {
    /// These players are there.
    pub fn set<'a>(&self, names: impl Iterator<Item = &'a str>) {
        self.0.lock().names = names.take(MOST_PLAYERS).map(str::to_owned).collect();
    }

    /// What the player of this number is called, if there is one.
    pub fn of(&self, number: usize) -> Option<String> {
        self.0.lock().of(number)
    }

    /// Whom to hear; `None`: whom the window says.
    pub fn look(&self, choice: Choice) -> Option<Listening> {
        let mut known = self.0.lock();
        let Choice::Player(number) = choice else {
            known.had = None;
            return (choice == Choice::Mix).then_some(Listening::Mix);
        };
        if known.had.as_ref().is_none_or(|(had, _)| *had != number) {
            known.had = known.of(number).map(|name| (number, name));
        }
        Some(Listening::Player(match &known.had {
            Some((_, name)) => name.clone(),
            // Nobody, until somebody has that number.
            None => format!("Player {number}"),
        }))
    }

    /// The number of the player who is called this, in lower case.
    fn number(&self, name: &str) -> Option<usize> {
        let known = self.0.lock();
        let mut names = known.names.iter();
        let place = names.position(|known| known.to_lowercase() == name);
        place.map(|place| place + 1)
    }
}

impl Known {
    fn of(&self, number: usize) -> Option<String> {
        self.names.get(number.checked_sub(1)?).cloned()
    }
}

/// The parameter; its words are about these players.
pub fn parameter(names: &Arc<Names>) -> IntParam {
    let range = IntRange::Linear {
        min: 0,
        max: Choice::Player(MOST_PLAYERS).value(),
    };
    let (told, asked) = (Arc::clone(names), Arc::clone(names));
    IntParam::new("Player", 0, range)
        .with_value_to_string(Arc::new(move |value| Choice::of(value).text(&told)))
        .with_string_to_value(Arc::new(move |text| {
            Choice::parse(text, &asked).map(Choice::value)
        }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Names {
        let known = Names::default();
        known.set(names.iter().copied());
        known
    }

    #[test]
    fn every_value_has_words_that_mean_it() {
        for known in [names(&[]), names(&["Anna", "Mix", "3"])] {
            for value in 0..=17 {
                let choice = Choice::of(value);
                assert_eq!(choice.value(), value);
                let text = choice.text(&known);
                if text != "Mix" || known.of(2).is_none() {
                    assert_eq!(Choice::parse(&text, &known), Some(choice), "{text}");
                }
            }
        }
        assert_eq!(Choice::of(i32::MAX), Choice::Player(MOST_PLAYERS));
        assert_eq!(Choice::of(-1), Choice::AsChosen);
    }

    #[test]
    fn names_and_numbers_are_understood() {
        let known = names(&["Anna", "Ben"]);
        let means = |text| Choice::parse(text, &known).map(Choice::value);
        assert_eq!(Choice::Player(2).text(&known), "Player 2: Ben");
        assert_eq!(means("ben"), Some(3));
        assert_eq!(means(" Player 2: Somebody else"), Some(3));
        assert_eq!(means("player1"), Some(2));
        assert_eq!(means("16"), Some(17));
        assert_eq!(means("THE MIX"), Some(1));
        for nonsense in ["", "17", "0", "Player", "Player -1", "Carla", ":"] {
            assert_eq!(means(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn a_track_stays_with_whom_the_host_chose_whoever_leaves() {
        let hears = |name: &str| Some(Listening::Player(name.into()));
        let known = names(&["Anna"]);
        assert_eq!(known.look(Choice::Player(2)), hears("Player 2"));
        known.set(["Anna", "Ben", "Carla"].into_iter());
        assert_eq!(known.look(Choice::Player(2)), hears("Ben"));
        known.set(["Ben", "Carla"].into_iter());
        assert_eq!(known.look(Choice::Player(2)), hears("Ben"));
        assert_eq!(known.look(Choice::Mix), Some(Listening::Mix));
        assert_eq!(known.look(Choice::Player(2)), hears("Carla"));
        assert_eq!(known.look(Choice::AsChosen), None);
    }
}
