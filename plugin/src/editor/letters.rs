//! What others write, in letters that there are: an emoji that the fonts do not have is told by its name, such as `:drum:`.

use std::borrow::Cow;

use egui::{TextStyle, Ui};
use unicode_segmentation::UnicodeSegmentation as _;

/// The text as it can be shown in the body's font.
pub(super) fn shown<'a>(ui: &Ui, text: &'a str) -> Cow<'a, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let font = TextStyle::Body.resolve(ui.style());
    Cow::Owned(
        ui.ctx()
            .fonts_mut(|fonts| in_letters(text, &mut |letter| fonts.has_glyph(&font, letter))),
    )
}

fn in_letters(text: &str, has: &mut dyn FnMut(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for cluster in text.graphemes(true) {
        let mut parts = cluster.chars().filter(|letter| !is_selector(*letter));
        match [parts.next(), parts.next(), parts.next()] {
            [Some(letter), None, _] if has(letter) => shown.push(letter),
            // In whatever colour.
            [Some(letter), Some(tone), None] if is_tone(tone) && has(letter) => shown.push(letter),
            _ => match name(cluster) {
                Some(name) => {
                    shown.push(':');
                    shown.push_str(name);
                    shown.push(':');
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
        let shown = in_letters(text, nothing);
        assert!(shown.starts_with("漢字 "), "{shown}");
        assert!(in_letters("\u{fe0f}", nothing).len() <= 3);
    }
}
