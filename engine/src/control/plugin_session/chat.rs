//! The chat of a session: its last lines, and which of them an instance has not been told yet.

use std::collections::VecDeque;

use farsend_ipc::message::{ChatLine, Fate};
use farsend_protocol::jacktrip::{Remark, Talked};

/// The last lines of a session, for all its instances.
#[derive(Debug, Default)]
pub(super) struct Chat {
    /// With the count of changes at which each of them was changed last.
    lines: VecDeque<(u64, ChatLine)>,
    changes: u64,
    next: u64,
}

impl Chat {
    /// Whose lines are numbered from here on: each session's differ from those before it.
    pub(super) fn numbered_from(next: u64) -> Self {
        Self {
            next,
            ..Self::default()
        }
    }

    /// Somebody at this end writes this: the line's number, by which it is sent.
    pub(super) fn write(&mut self, line: &Remark) -> u64 {
        self.push(None, line.as_str(), Fate::Sent)
    }

    /// It is known what became of the line of this number.
    pub(super) fn settle(&mut self, number: u64, arrived: bool) {
        let mut lines = self.lines.iter_mut();
        let line = lines.find(|(_, line)| line.number == number && line.fate == Fate::Sent);
        if let Some((changed, line)) = line {
            self.changes += 1;
            let fate = if arrived { Fate::Arrived } else { Fate::Lost };
            (*changed, line.fate) = (self.changes, fate);
        }
    }

    /// Somebody at our hub has written this.
    pub(super) fn hear(&mut self, from: String, line: &Remark) {
        self.push(Some(from), line.as_str(), Fate::Arrived);
    }

    /// The other end, `peer`, has written something, or it is known what became of a line of ours. A hub says before each line who wrote it.
    pub(super) fn note(&mut self, talked: &Talked, peer: &str, is_hub: bool) {
        match talked {
            Talked::Theirs(line) => {
                let signed = line.as_str().split_once(": ").filter(|_| is_hub);
                let (from, text) = signed.unwrap_or((peer, line.as_str()));
                self.push(Some(from.to_owned()), text, Fate::Arrived);
            }
            Talked::Ours { arrived } => {
                let mut lines = self.lines.iter();
                let oldest = lines.find(|(_, line)| line.fate == Fate::Sent);
                if let Some(number) = oldest.map(|(_, line)| line.number) {
                    self.settle(number, *arrived);
                }
            }
        }
    }

    /// What has changed since `told`, which is then up to date.
    pub(super) fn news(&self, told: &mut u64) -> Vec<ChatLine> {
        let since = std::mem::replace(told, self.changes);
        let news = self.lines.iter().filter(|(changed, _)| *changed > since);
        news.map(|(_, line)| line.clone()).collect()
    }

    fn push(&mut self, from: Option<String>, text: &str, fate: Fate) -> u64 {
        if self.lines.len() == KEPT {
            self.lines.pop_front();
        }
        self.changes += 1;
        let line = ChatLine {
            number: self.next,
            from,
            text: text.to_owned(),
            fate,
        };
        self.next += 1;
        self.lines.push_back((self.changes, line));
        self.next - 1
    }
}

/// Lines that an instance hears that joins later.
const KEPT: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Remark {
        Remark::new(text).expect("there is something in it")
    }

    #[test]
    fn each_instance_hears_of_each_change_once() {
        let mut chat = Chat::default();
        let (mut one, mut other) = (0, 0);
        chat.write(&line("Ready?"));
        let texts = |lines: Vec<ChatLine>| -> Vec<_> {
            lines
                .into_iter()
                .map(|line| (line.number, line.text, line.fate))
                .collect()
        };
        assert_eq!(
            texts(chat.news(&mut one)),
            [(0, "Ready?".into(), Fate::Sent)]
        );
        chat.note(&Talked::Theirs(line("Yes.")), "far", false);
        chat.note(&Talked::Ours { arrived: true }, "far", false);
        let both = [
            (0, "Ready?".into(), Fate::Arrived),
            (1, "Yes.".into(), Fate::Arrived),
        ];
        assert_eq!(texts(chat.news(&mut one)), both);
        assert_eq!(texts(chat.news(&mut other)), both);
        assert_eq!(chat.news(&mut one), []);
        // Told of more than was said: nothing happens.
        chat.note(&Talked::Ours { arrived: false }, "far", false);
        assert_eq!(chat.news(&mut one), []);
        chat.note(&Talked::Theirs(line("Alto: Yes: now")), "hub", true);
        let [said] = &chat.news(&mut one)[..] else {
            panic!("it is one line");
        };
        assert_eq!(
            (said.from.as_deref(), said.text.as_str()),
            (Some("Alto"), "Yes: now")
        );
        (0..1000).for_each(|_| _ = chat.write(&line("x")));
        assert_eq!(chat.news(&mut one).len(), KEPT);
    }

    #[test]
    fn at_a_hub_of_ours_it_is_known_of_each_line_by_itself() {
        let (mut chat, mut told) = (Chat::numbered_from(100), 0);
        let numbers = ["one", "two"].map(|text| chat.write(&line(text)));
        chat.settle(numbers[1], true);
        chat.settle(numbers[0], false);
        // Once it is known it stays so, and of what was never said nothing is.
        chat.settle(numbers[1], false);
        chat.settle(7, true);
        chat.hear("Alto".into(), &line("I have it: all"));
        let [one, two, heard] = &chat.news(&mut told)[..] else {
            panic!("they are three lines");
        };
        assert_eq!((one.fate, two.fate), (Fate::Lost, Fate::Arrived));
        assert_eq!(heard.from.as_deref(), Some("Alto"));
        assert_eq!(heard.text, "I have it: all");
    }
}
