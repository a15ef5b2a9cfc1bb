//! What others have written, to be shown.

/// Whether a letter would do something to what is around it: control characters, and those that end lines, turn the direction
/// of writing, or are not to be seen.
pub fn is_unruly(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}
