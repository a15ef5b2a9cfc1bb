//! The order of symbols by which a packet of the marked player is told from its neighbours.
//!
//! Every pair of two different symbols comes exactly once in [`TURN`] packets, so two packets heard one after the
//! other say which two they were; a packet that was repeated, left out or invented makes a pair that does not fit.
//! The seven symbols are gone through in steps of 1, then of 2, up to 6 (7 is prime, so each walk visits all of them
//! and ends where it began):
//!
//! ```text
//!   0 1 2 3 4 5 6 | 0 2 4 6 1 3 5 | 0 3 6 2 5 1 4 | 0 4 1 5 2 6 3 | 0 5 3 1 6 4 2 | 0 6 5 4 3 2 1 | 0 ...
//! ```

/// Packets until the sequence begins again.
pub(super) const TURN: u32 = SYMBOLS * (SYMBOLS - 1);

const SYMBOLS: u32 = super::levels::SYMBOLS as u32;

/// The symbol of the `n`-th packet.
pub(super) fn symbol(n: u32) -> u8 {
    let n = n % TURN;
    let (walk, place) = (n / SYMBOLS + 1, n % SYMBOLS);
    (place * walk % SYMBOLS) as u8
}

/// The number within a turn of the packet with symbol `second`, if the one before had `first`.
///
/// None for a symbol that follows itself: no packet does.
pub(super) fn position(first: u8, second: u8) -> Option<u32> {
    let (first, second) = (u32::from(first) % SYMBOLS, u32::from(second) % SYMBOLS);
    let walk = (second + SYMBOLS - first) % SYMBOLS;
    if walk == 0 {
        return None;
    }
    let place = (0..SYMBOLS).find(|place| place * walk % SYMBOLS == first)?;
    Some(((walk - 1) * SYMBOLS + place + 1) % TURN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_neighbours_say_where_they_are_across_the_turn_too() {
        for n in 0..3 * TURN {
            let pair = (symbol(n), symbol(n + 1));
            assert_eq!(position(pair.0, pair.1), Some((n + 1) % TURN), "{n}");
        }
    }

    #[test]
    fn no_symbol_follows_itself() {
        assert!((0..TURN).all(|n| symbol(n) != symbol(n + 1)));
        assert!((0..SYMBOLS as u8).all(|symbol| position(symbol, symbol).is_none()));
    }
}
