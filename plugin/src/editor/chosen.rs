//! Which rows of a list are chosen, as lists have it everywhere: a click chooses one, with Ctrl one more or less, with Shift all up to it.

/// Names of rows. A row that is no longer listed is not chosen.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    names: Vec<String>,
    /// The row that a click with Shift goes from.
    anchor: Option<String>,
}

/// How somebody clicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Click {
    /// This one.
    Only,
    /// This one too, or no longer.
    Toggle,
    /// All from the last one to this.
    UpTo,
}

impl Chosen {
    /// Whether this row is chosen.
    pub(super) fn has(&self, name: &str) -> bool {
        self.names.iter().any(|chosen| chosen == name)
    }

    /// Takes in a click at a row; `listed` are all that can be chosen, in their order.
    pub(super) fn click(&mut self, name: &str, click: Click, listed: &[&str]) {
        self.names.retain(|chosen| listed.contains(&&**chosen));
        let place = |name: &str| listed.iter().position(|listed| *listed == name);
        let from = self.anchor.as_deref().and_then(place);
        match (click, from, place(name)) {
            (Click::UpTo, Some(from), Some(to)) => {
                let (first, last) = (from.min(to), from.max(to));
                let between = &listed[first..=last];
                self.names = between.iter().map(|&name| name.to_owned()).collect();
                return;
            }
            (Click::Toggle, ..) if self.has(name) => self.names.retain(|chosen| chosen != name),
            (Click::Toggle, ..) => self.names.push(name.to_owned()),
            // Again: none.
            (Click::Only, ..) if self.names == [name] => self.names.clear(),
            _ => self.names = vec![name.to_owned()],
        }
        self.anchor = Some(name.to_owned());
    }

    /// What goes along when this row is dragged, in the list's order: all that are chosen if it is one of them, else it alone.
    pub(super) fn with<'a>(&self, name: &'a str, listed: &[&'a str]) -> Vec<&'a str> {
        if !self.has(name) {
            return vec![name];
        }
        let listed = listed.iter().copied();
        listed.filter(|listed| self.has(listed)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: [&str; 4] = ["d", "c", "b", "a"];

    #[test]
    fn what_is_dragged_is_what_is_chosen_or_else_the_row_alone() {
        let mut chosen = Chosen::default();
        assert_eq!(chosen.with("b", &LISTED), ["b"]);
        chosen.click("b", Click::Only, &LISTED);
        chosen.click("d", Click::Toggle, &LISTED);
        assert_eq!(chosen.with("b", &LISTED), ["d", "b"]);
        assert_eq!(chosen.with("a", &LISTED), ["a"]);
        chosen.click("b", Click::Toggle, &LISTED);
        assert_eq!(chosen.with("d", &LISTED), ["d"]);
    }

    #[test]
    fn with_shift_all_from_the_last_click_are_chosen() {
        let mut chosen = Chosen::default();
        chosen.click("a", Click::UpTo, &LISTED);
        assert_eq!(chosen.with("a", &LISTED), ["a"]);
        chosen.click("c", Click::UpTo, &LISTED);
        assert_eq!(chosen.with("b", &LISTED), ["c", "b", "a"]);
        chosen.click("b", Click::UpTo, &LISTED);
        assert_eq!(chosen.with("a", &LISTED), ["b", "a"]);
    }

    #[test]
    fn what_is_no_longer_listed_does_not_go_along() {
        let mut chosen = Chosen::default();
        chosen.click("a", Click::Only, &LISTED);
        chosen.click("b", Click::Toggle, &LISTED);
        assert_eq!(chosen.with("b", &LISTED[..3]), ["b"]);
        chosen.click("c", Click::UpTo, &["c"]);
        assert_eq!(chosen.with("c", &["c"]), ["c"]);
    }

    #[test]
    fn a_second_click_chooses_none() {
        let mut chosen = Chosen::default();
        chosen.click("a", Click::Only, &LISTED);
        chosen.click("a", Click::Only, &LISTED);
        assert!(!chosen.has("a"));
    }
}
