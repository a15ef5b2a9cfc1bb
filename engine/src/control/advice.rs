//! When something wrong is said, and for how long.
//!
//! ```text
//!            3 s the same                     10 s nothing
//!   Well ──────────────────▶ Wrong(trouble) ────────────────▶ Well
//!                              │        ▲
//!                              └────────┘ 5 s another one, and the worse
//! ```
//! Each is told when it begins, but not again within five minutes. While it lasts its sentence stays as it is,
//! unless it has become much worse or better.

use std::time::Duration;

use super::trouble::{Facts, Kind, Trouble};

/// Follows one session. Control thread.
#[derive(Debug, Clone, Default)]
pub struct Advisor {
    wrong: Option<Trouble>,
    /// What was seen instead of that, and since when.
    other: Option<(Option<Kind>, Duration)>,
    told: Vec<(Kind, Duration)>,
}

impl Advisor {
    /// Another session, or another peer: nothing is wrong yet.
    pub fn reset(&mut self) {
        self.wrong = None;
        self.other = None;
    }

    /// Looks at the facts, `at` after the start. Gives what has begun and was not told lately.
    pub fn look(&mut self, at: Duration, facts: &Facts) -> Option<Trouble> {
        let known = self.kind();
        let found = Trouble::find(facts, known);
        let kind = found.map(|found| found.kind());
        if kind == known {
            self.other = None;
            if let (Some(found), Some(wrong)) = (found, &mut self.wrong)
                && !(0.6..1.6).contains(&(found.size() / wrong.size()))
            {
                *wrong = found;
            }
            return None;
        }
        let since = match self.other {
            Some((other, since)) if other == kind => since,
            _ => {
                self.other = Some((kind, at));
                at
            }
        };
        let patience = match (known, kind) {
            (None, _) => BEGINS,
            (_, None) => ENDS,
            _ => CHANGES,
        };
        if at.saturating_sub(since) < patience {
            return None;
        }
        self.wrong = found;
        self.other = None;
        found.filter(|found| self.is_news(found.kind(), at))
    }

    /// What is wrong now.
    pub fn wrong(&self) -> Option<&Trouble> {
        self.wrong.as_ref()
    }

    fn kind(&self) -> Option<Kind> {
        self.wrong.as_ref().map(Trouble::kind)
    }

    fn is_news(&mut self, kind: Kind, at: Duration) -> bool {
        self.told
            .retain(|(_, told)| at.saturating_sub(*told) < REMEMBERED);
        let news = self.told.iter().all(|(told, _)| *told != kind);
        if news {
            self.told.push((kind, at));
        }
        news
    }
}

const BEGINS: Duration = Duration::from_secs(3);
const CHANGES: Duration = Duration::from_secs(5);
const ENDS: Duration = Duration::from_secs(10);
const REMEMBERED: Duration = Duration::from_secs(300);
