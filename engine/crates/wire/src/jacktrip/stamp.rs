//! What a Farsend says in a header's time stamp, which every JackTrip writes and none reads.
//!
//! ```text
//!   63        54   53      52      51                            0
//!   | 1011110101 | call | filler | microseconds since 1970-01-01   |
//! ```
//!
//! JackTrip's stamps are below 2^52 until the year 2112.

/// A time stamp, and what is said with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Stamp {
    /// Microseconds since the Unix epoch on the sender's clock, when the packet was made.
    pub micros: u64,
    /// The sender is a Farsend: it plays any rate, any period and any bits.
    pub farsend: bool,
    /// The sender (a Farsend) has not heard anything yet: the datagram tells its format, and its audio is not to
    /// be played, since what follows it comes only after an answer.
    pub call: bool,
    /// Nobody captured what is in this packet (of a Farsend): its sound server missed the period. Better hidden than played.
    pub filler: bool,
}

impl Stamp {
    /// What a stamp says; without the mark of a Farsend it is a time and no more.
    pub const fn parse(stamp: u64) -> Self {
        if stamp & !(CALL | FILLER | MICROS) != FARSEND {
            return Self {
                micros: stamp,
                farsend: false,
                call: false,
                filler: false,
            };
        }
        Self {
            micros: stamp & MICROS,
            farsend: true,
            call: stamp & CALL != 0,
            filler: stamp & FILLER != 0,
        }
    }

    /// The stamp as the header has it. A call and filler are always a Farsend's.
    pub const fn to_u64(self) -> u64 {
        let call = if self.call { CALL } else { 0 };
        let filler = if self.filler { FILLER } else { 0 };
        match self.farsend || self.call || self.filler {
            true => FARSEND | call | filler | (self.micros & MICROS),
            false => self.micros,
        }
    }
}

const FARSEND: u64 = 0b10_1111_0101 << 54;
const CALL: u64 = 1 << 53;
const FILLER: u64 = 1 << 52;
const MICROS: u64 = FILLER - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_understood() {
        for micros in [0, 1, 1_795_272_748_296_400, MICROS] {
            for [farsend, call, filler] in [
                [false, false, false],
                [true, false, false],
                [true, true, false],
                [true, false, true],
            ] {
                let stamp = Stamp {
                    micros,
                    farsend,
                    call,
                    filler,
                };
                assert_eq!(Stamp::parse(stamp.to_u64()), stamp);
            }
        }
    }

    #[test]
    fn other_stamps_say_nothing() {
        for stamp in [CALL, FILLER, u64::MAX, 1 << 63, FARSEND ^ (1 << 54)] {
            let said = Stamp::parse(stamp);
            assert!(!said.farsend && !said.call && !said.filler && said.to_u64() == stamp);
        }
    }
}
