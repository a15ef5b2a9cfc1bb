//! What players play so that a mix tells who is missing from it.
//!
//! Every player sends the same constant level, the *unit*, so that a mix of 16 bits is a number of players. One at a
//! time is *marked*: it adds a symbol that changes with each of its packets, in steps so small that all seven stay
//! below half a player on either side.
//!
//! ```text
//!   heard:   11 units           11 units + symbol 0 .. symbol 6           12 units
//!            |-2|+2|     .      3   4   5   6   7   8   9     .      |-2|+2|         in steps; 12 make a unit
//! ```
//! Hubs may round once or twice on the way: even with a thousand players a step is 2.

/// Levels for a number of players: large enough to survive rounding, small enough that all together do not clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Levels {
    step: i32,
}

/// What one sample of a mix says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// Players in the mix.
    pub players: u32,
    /// The symbol on top of them, if there is one.
    pub symbol: Option<u8>,
}

impl Levels {
    /// Levels that `players` can play at once, up to [`MAX_PLAYERS`]; more are levelled like that many.
    pub fn for_players(players: usize) -> Self {
        let players = players.clamp(1, MAX_PLAYERS) as i32;
        // One more for the symbol.
        let step = LOUDEST / ((players + 1) * UNIT);
        Self {
            step: step.min(LARGEST_STEP),
        }
    }

    /// A sample of a player who is not marked.
    pub fn plain(self) -> i16 {
        (self.step * UNIT) as i16
    }

    /// A sample of the marked player.
    pub fn marked(self, symbol: u8) -> i16 {
        (self.step * (UNIT + FIRST_SYMBOL + i32::from(symbol) % SYMBOLS)) as i16
    }

    /// What a sample of a mix says. Anything is let through: a mix below silence has nobody in it.
    pub fn read(self, sample: i16) -> Heard {
        let unit = self.step * UNIT;
        let raised = i32::from(sample) + self.step * MARGIN;
        if raised < 0 {
            return Heard {
                players: 0,
                symbol: None,
            };
        }
        let steps_twice = 2 * (raised % unit - self.step * MARGIN);
        let nearest = (steps_twice + self.step).div_euclid(2 * self.step);
        let symbol = nearest - FIRST_SYMBOL;
        Heard {
            players: (raised / unit) as u32,
            symbol: (0..SYMBOLS).contains(&symbol).then_some(symbol as u8),
        }
    }

    /// Samples that differ by this much at most are the same level.
    pub fn ripple(self) -> i16 {
        (self.step / 2) as i16
    }
}

/// The most players that 16 bits can tell apart by their number.
pub const MAX_PLAYERS: usize = 1000;

/// Different symbols.
pub(super) const SYMBOLS: i32 = 7;

/// Steps in a unit.
const UNIT: i32 = 12;

/// Steps of symbol 0.
const FIRST_SYMBOL: i32 = 3;

/// Steps by which a sum may be off and still be the same number of players.
const MARGIN: i32 = 2;

/// All players and a symbol; full scale is 32767.
const LOUDEST: i32 = 32_000;

/// Few players need not be loud.
const LARGEST_STEP: i32 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_players_can_be_read_from_their_mix_with_and_without_a_mark() {
        for players in [1, 2, 16, 100, 500, MAX_PLAYERS] {
            let levels = Levels::for_players(players);
            for present in 0..players as i32 {
                let mix = present * i32::from(levels.plain());
                // Rounding once towards zero, as JackTrip's hub does: decoded by 32768, encoded by 32767.
                let rounded = |sum: i32| (f64::from(sum) / 32_768.0 * 32_767.0).round() as i16;
                let plain = levels.read(rounded(mix));
                assert_eq!((plain.players, plain.symbol), (present as u32, None));
                for symbol in 0..SYMBOLS as u8 {
                    let heard = levels.read(rounded(mix + i32::from(levels.marked(symbol))));
                    assert_eq!(heard.players, present as u32 + 1, "of {players}");
                    assert_eq!(heard.symbol, Some(symbol), "{present} of {players}");
                }
            }
        }
    }

    #[test]
    fn no_sample_is_beyond_reading() {
        let levels = Levels::for_players(MAX_PLAYERS + 1);
        for sample in i16::MIN..=i16::MAX {
            let heard = levels.read(sample);
            assert!(heard.players <= 32_767 / 24 + 1);
        }
    }
}
