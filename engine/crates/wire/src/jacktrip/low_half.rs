//! Tells whether a 32-bit stream comes from a JackTrip that destroys it.
//!
//! JackTrip 1.3.0 to 2.7.2 widens each sample to a double and sends the *low* half of that. The low
//! half of a widened float is zero but for its top three bits, so on the wire each word is
//! `00 00 00 XX` with XX a multiple of 32. Upstream issue 1469; nothing in the header tells the version.

/// What the words of a packet of 32-bit samples look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words {
    /// Floats: at least one word is no low half of a widened float.
    Floats,
    /// Zeros, and perhaps a few values that both could be: silence, or the bug on simple samples.
    Undecided,
    /// Low halves: some are numbers around 1e-19 or 4e19 that no music has, and all fit the bug.
    LowHalves,
}

/// Looks at the samples of one packet, 4 bytes each; what is left over at the end is not looked at.
///
/// Half of the words of a disturbed stream are telling, unless its samples had few bits to begin with.
/// `-0.0` and `±2.0` are not: they fit the bug and a healthy stream alike. Stops at the first float.
pub fn classify_words(samples: &[u8]) -> Words {
    let mut telling = false;
    for &word in samples.as_chunks::<4>().0 {
        let word = u32::from_le_bytes(word);
        if word & !LEFT_OF_A_FLOAT != 0 {
            return Words::Floats;
        }
        telling |= word & LOWEST_BIT_LEFT != 0;
    }
    if telling {
        Words::LowHalves
    } else {
        Words::Undecided
    }
}

/// The bits of a float's mantissa that end up in the low half of a double.
const LEFT_OF_A_FLOAT: u32 = 0xe000_0000;

/// The lowest of them. As a float, a word of the above with this bit is ±1.1e-19 or ±3.7e19.
const LOWEST_BIT_LEFT: u32 = 0x2000_0000;
