//! Counts of frames and of channels.

use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::time::Duration;

use crate::SampleRate;

/// A number of frames: one sample of every channel each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Frames(pub u32);

impl Frames {
    /// None.
    pub const ZERO: Self = Self(0);

    /// The count, to index or to size with.
    pub const fn get(self) -> usize {
        self.0 as usize
    }

    /// How long they last at `rate`.
    pub fn duration(self, rate: SampleRate) -> Duration {
        Duration::from_nanos(u64::from(self.0) * 1_000_000_000 / u64::from(rate.0.max(1)))
    }

    /// `self - other`, and none where that would be negative.
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Add for Frames {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Frames {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl AddAssign for Frames {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl SubAssign for Frames {
    fn sub_assign(&mut self, other: Self) {
        self.0 -= other.0;
    }
}

impl fmt::Display for Frames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} frames", self.0)
    }
}

/// A number of channels, at most the 254 that a JackTrip header can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Channels(pub u8);

impl Channels {
    /// None.
    pub const ZERO: Self = Self(0);

    /// The count, to index or to size with.
    pub const fn get(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} channel{}",
            self.0,
            if self.0 == 1 { "" } else { "s" }
        )
    }
}
