//! Sequence numbers of 16 bits.

use std::ops::Add;

/// A packet's number on the wire. It wraps, so it is not `Ord`: ask [`SeqNum::since`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SeqNum(pub u16);

impl SeqNum {
    /// The number after this one, 0 after 65535.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }

    /// How many packets `self` comes after `earlier`, negative when before it.
    ///
    /// Right while the two are less than 2^15 packets apart.
    pub const fn since(self, earlier: Self) -> i16 {
        self.0.wrapping_sub(earlier.0) as i16
    }
}

impl Add<u16> for SeqNum {
    type Output = Self;
    fn add(self, packets: u16) -> Self {
        Self(self.0.wrapping_add(packets))
    }
}

#[cfg(test)]
mod tests {
    use super::SeqNum;

    #[test]
    fn numbers_count_on_across_the_wrap() {
        assert_eq!(SeqNum(65_535).next(), SeqNum(0));
        assert_eq!(SeqNum(2).since(SeqNum(65_534)), 4);
        assert_eq!(SeqNum(65_534).since(SeqNum(2)), -4);
        assert_eq!(SeqNum(65_530) + 10, SeqNum(4));
    }
}
