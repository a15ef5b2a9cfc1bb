//! What others have written, to be shown.

/// Whether a letter would do something to what is around it: control characters, and those that end lines, turn the direction
/// of writing, or are not to be seen, with which one name can look like another. Those that join letters and pictures
/// (U+200C, U+200D) are writing.
pub fn is_unruly(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'
                | '\u{1160}'
                | '\u{180b}'..='\u{180e}'
                | '\u{200b}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff9}'..='\u{fffb}'
        )
}
