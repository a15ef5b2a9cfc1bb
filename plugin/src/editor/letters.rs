//! What others write, in letters that there are: an emoji that the fonts do not have is told by its name, such as `:drum:`.

use std::borrow::Cow;

use egui::{TextStyle, Ui};
use unicode_segmentation::UnicodeSegmentation as _;

/// The text as it can be shown in the body's font.
pub(super) fn shown<'a>(ui: &Ui, text: &'a str) -> Cow<'a, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(with_font(ui, |has| in_letters(text, has, &mut |_, _| {})))
}

/// What is typed into a field: emoji that cannot be shown stand there by their names, until they are sent.
#[derive(Debug, Default)]
pub(super) struct Typed {
    pub(super) text: String,
    /// Each such name, with its colons, and what it stands for.
    names: Vec<(String, String)>,
}

impl Typed {
    /// Has what was typed or pasted in letters that can be shown. Gives where a cursor at this letter is then; `None`: nothing was changed.
    pub(super) fn spell(&mut self, ui: &Ui, cursor: usize) -> Option<usize> {
        if self.text.is_ascii() {
            return None;
        }
        with_font(ui, |has| self.spell_in(cursor, has))
    }

    fn spell_in(&mut self, cursor: usize, has: &mut dyn FnMut(char) -> bool) -> Option<usize> {
        let names = &mut self.names;
        let spelled = in_letters(&self.text, has, &mut |name, cluster| {
            if !names.iter().any(|(known, _)| known == name) {
                names.push((name.to_owned(), cluster.to_owned()));
            }
        });
        if spelled == self.text {
            return None;
        }
        let before: String = self.text.chars().take(cursor).collect();
        let cursor = in_letters(&before, has, &mut |_, _| {}).chars().count();
        self.text = spelled;
        Some(cursor)
    }

    /// The text with its emoji, without room around it; the field is empty then.
    pub(super) fn take(&mut self) -> String {
        let Self { text, names } = std::mem::take(self);
        let mut text = text.trim().to_owned();
        for (name, cluster) in names {
            text = text.replace(&name, &cluster);
        }
        text
    }
}

/// Asks the body's font which letters it has.
fn with_font<R>(ui: &Ui, ask: impl FnOnce(&mut dyn FnMut(char) -> bool) -> R) -> R {
    let font = TextStyle::Body.resolve(ui.style());
    ui.ctx()
        .fonts_mut(|fonts| ask(&mut |letter| fonts.has_glyph(&font, letter)))
}

/// `named` hears of each name, with its colons, and what it stands for.
fn in_letters(
    text: &str,
    has: &mut dyn FnMut(char) -> bool,
    named: &mut dyn FnMut(&str, &str),
) -> String {
    let mut shown = String::with_capacity(text.len());
    for cluster in text.graphemes(true) {
        let mut parts = cluster.chars().filter(|letter| !is_selector(*letter));
        match [parts.next(), parts.next(), parts.next()] {
            [Some(letter), None, _] if has(letter) => shown.push(letter),
            // In whatever colour.
            [Some(letter), Some(tone), None] if is_tone(tone) && has(letter) => shown.push(letter),
            _ => match name(cluster) {
                Some(name) => {
                    let name = format!(":{name}:");
                    named(&name, cluster);
                    shown.push_str(&name);
                }
                None => shown.push_str(cluster),
            },
        }
    }
    shown
}

fn name(cluster: &str) -> Option<&'static str> {
    let plain: String = cluster.chars().filter(|one| !is_selector(*one)).collect();
    let emoji = emojis::get(cluster).or_else(|| emojis::get(&plain))?;
    Some(emoji.shortcode().unwrap_or(emoji.name()))
}

/// Says whether what is before it is to be an emoji or a letter.
const fn is_selector(letter: char) -> bool {
    matches!(letter, '\u{fe0e}' | '\u{fe0f}')
}

/// Of a skin.
const fn is_tone(letter: char) -> bool {
    matches!(letter, '\u{1f3fb}'..='\u{1f3ff}')
}

#[cfg(test)]
mod tests {
    use egui::{Context, RawInput};

    use super::*;

    /// As the editor's fonts have it.
    fn in_the_editor(text: &str) -> String {
        let context = Context::default();
        let mut result = String::new();
        let mut output = context.run_ui(RawInput::default(), |ui| {
            result = shown(ui, text).into_owned();
            let font = TextStyle::Body.resolve(ui.style());
            ui.ctx().fonts_mut(|fonts| {
                assert!(fonts.has_glyphs(&font, &result), "{result} has boxes");
            });
        });
        output.textures_delta.clear();
        result
    }

    #[test]
    fn the_emoji_of_a_rehearsal_are_no_boxes() {
        let common = "👍😀😂❤🔥👏🙏👋🎉🎵🎶🎸🎻🎺🎹🎷🎤🎧";
        assert_eq!(in_the_editor(common), common);
        assert_eq!(
            in_the_editor("Zoë: ready? — ja, los!"),
            "Zoë: ready? — ja, los!"
        );
    }

    #[test]
    fn what_the_fonts_do_not_have_is_told_by_its_name() {
        assert_eq!(
            in_the_editor("The 🥁 was early 🤔"),
            "The :drum: was early :thinking:"
        );
        assert_eq!(in_the_editor("👍🏽 ❤️"), "👍 ❤");
        assert_eq!(in_the_editor("👩‍🎤"), ":woman_singer:");
        assert_eq!(in_the_editor("🇩🇪"), ":de:");
    }

    #[test]
    fn what_has_no_name_stays_as_it_is() {
        let nothing = &mut |_| false;
        let text = "漢字 \u{200d}\u{fe0f}\u{1f3fd}e\u{301}";
        let shown = in_letters(text, nothing, &mut |_, _| {});
        assert!(shown.starts_with("漢字 "), "{shown}");
        assert!(in_letters("\u{fe0f}", nothing, &mut |_, _| {}).len() <= 3);
    }

    #[test]
    fn what_is_typed_by_its_name_is_sent_as_it_is() {
        let mut typed = Typed::default();
        let has = &mut |letter: char| letter.is_ascii() || letter == '👍';
        typed.text = " Zoe 🥁👍!".into();
        assert_eq!(typed.spell_in(6, has), Some(11), "behind the drum");
        assert_eq!(typed.text, " Zoe :drum:👍!");
        assert_eq!(typed.spell_in(3, has), None, "nothing is left to spell");
        // Before what is spelled, a cursor stays.
        typed.text.push('🎻');
        assert_eq!(typed.spell_in(2, has), Some(2));
        typed.text.push_str(" :drum: :dr:");
        assert_eq!(typed.take(), "Zoe 🥁👍!🎻 🥁 :dr:");
        assert_eq!(typed.take(), "");
        // What was typed by name from the beginning is what was typed.
        typed.text = ":drum:".into();
        assert_eq!(typed.take(), ":drum:");
    }
}
