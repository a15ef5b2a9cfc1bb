//! Sampling rates.

use std::fmt;

/// Frames a second, nominal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SampleRate(pub u32);

impl SampleRate {
    /// 22.05 kHz.
    pub const HZ_22050: Self = Self(22_050);
    /// 32 kHz.
    pub const HZ_32000: Self = Self(32_000);
    /// 44.1 kHz.
    pub const HZ_44100: Self = Self(44_100);
    /// 48 kHz.
    pub const HZ_48000: Self = Self(48_000);
    /// 88.2 kHz.
    pub const HZ_88200: Self = Self(88_200);
    /// 96 kHz.
    pub const HZ_96000: Self = Self(96_000);
    /// 192 kHz.
    pub const HZ_192000: Self = Self(192_000);
}

impl fmt::Display for SampleRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} Hz", self.0)
    }
}
