//! What two Farsends say to each other of what one of them records.

use farsend_wire::jacktrip::{Control, Hearing, Keep, Kept};

use super::Output;

/// The last word of each kind that is to be said, and that was heard.
#[derive(Debug, Default)]
pub(super) struct Takes {
    says: Words,
    heard: Words,
}

#[derive(Debug, Default)]
struct Words {
    keep: Option<Keep>,
    kept: Option<Kept>,
    hearing: Option<Hearing>,
}

impl Words {
    const fn note(&mut self, word: Control) {
        match word {
            Control::Keep(keep) => self.keep = Some(keep),
            Control::Kept(kept) => self.kept = Some(kept),
            Control::Hearing(hearing) => self.hearing = Some(hearing),
            _ => {}
        }
    }
}

impl Takes {
    /// This is to be said.
    pub(super) const fn say(&mut self, word: Control) {
        self.says.note(word);
    }

    /// The peer says this. `known`: it is a Farsend; `repairs`: what was lost is to be sent again.
    pub(super) const fn handle(&mut self, word: Control, known: bool, repairs: bool) {
        let wished = repairs || matches!(word, Control::Hearing(_));
        if known && wished {
            self.heard.note(word);
        }
    }

    /// What is to be sent.
    pub(super) fn poll(&mut self) -> Option<Control> {
        let Words {
            keep,
            kept,
            hearing,
        } = &mut self.says;
        let hearing = hearing.take().map(Control::Hearing);
        let kept = hearing.or_else(|| kept.take().map(Control::Kept));
        kept.or_else(|| keep.take().map(Control::Keep))
    }

    /// To be given to the caller.
    pub(super) fn told(&mut self) -> Option<Output> {
        let Words {
            keep,
            kept,
            hearing,
        } = &mut self.heard;
        let hearing = hearing.take().map(Output::Hearing);
        let kept = hearing.or_else(|| kept.take().map(Output::Kept));
        kept.or_else(|| keep.take().map(Output::Keep))
    }
}
