//! Where everything lies in a segment.
//!
//! ```text
//!   0      magic, layout version, generation, channels, rate, capacity, length   (words of 8 bytes)
//!   128    send.claimed, send.written         plugin writes   ┐
//!   256    send.read                          engine writes   │
//!   384    return.written                     engine writes   │ each line is written by one side,
//!   512    return.read                        plugin writes   │ and 128 bytes long: two of a cache's,
//!   640    last call, the host's transport    plugin writes   │ as these are fetched in pairs
//!   768    beat: count, at                    engine writes   │
//!   896    partial, dry, missing              plugin writes   │
//!   1024   jumped, overtaken, refused         engine writes   ┘
//!   4096   send ring: channel 0, channel 1, ...: `capacity` samples of f32 each
//!          return ring, the same
//! ```
//! Positions count frames since the beginning and wrap at 2^64.

use farsend_units::{Channels, Frames, SampleRate};

use super::{SegmentConfig, SegmentError};

/// Raised with every change of what lies where.
pub(super) const LAYOUT: u64 = 3;

/// The first word of each segment.
pub(super) const MAGIC: u64 = u64::from_le_bytes(*b"FARSEG\r\n");

/// Where the rings start.
pub(super) const HEADER: usize = 4096;

/// No segment is larger: all the channels there can be, with the largest rings.
pub(super) const MOST: usize = HEADER + 2 * 255 * (*CAPACITY.end() as usize) * SAMPLE;

const CAPACITY: std::ops::RangeInclusive<u32> = 64..=1 << 17;
const SAMPLE: usize = size_of::<f32>();

/// A word of the header, by its offset in bytes.
#[derive(Debug, Clone, Copy)]
#[repr(usize)]
pub(super) enum Word {
    Magic = 0,
    Layout = 8,
    Generation = 16,
    SendChannels = 24,
    ReceiveChannels = 32,
    Rate = 40,
    Capacity = 48,
    SendClaimed = 128,
    SendWritten = 136,
    SendRead = 256,
    ReturnWritten = 384,
    ReturnRead = 512,
    CallLock = 640,
    CallNumber = 648,
    CallAt = 656,
    CallBlock = 664,
    CallPosition = 672,
    StretchNumber = 680,
    StretchRolling = 688,
    StretchSince = 696,
    StretchTimeline = 704,
    StretchRecording = 712,
    BeatCount = 768,
    BeatAt = 776,
    Unheard = 784,
    Partial = 896,
    Dry = 904,
    Missing = 912,
    Jumped = 1024,
    Overtaken = 1032,
    Refused = 1040,
}

/// One of the two rings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ring {
    /// Plugin to engine.
    Send,
    /// Engine to plugin.
    Return,
}

/// Sizes that were checked: whatever is computed from them lies inside the segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Geometry {
    config: SegmentConfig,
}

impl Geometry {
    /// Checks what the caller or the segment wants.
    pub(super) fn new(config: SegmentConfig) -> Result<Self, SegmentError> {
        Self::from_words(
            u64::from(config.send.0),
            u64::from(config.receive.0),
            u64::from(config.rate.0),
            u64::from(config.capacity.0),
        )
    }

    /// Checks numbers of any size.
    pub(super) fn from_words(
        send: u64,
        receive: u64,
        rate: u64,
        capacity: u64,
    ) -> Result<Self, SegmentError> {
        let checked = || {
            let config = SegmentConfig {
                send: Channels(u8::try_from(send).ok()?),
                receive: Channels(u8::try_from(receive).ok()?),
                rate: SampleRate(u32::try_from(rate).ok().filter(|rate| *rate > 0)?),
                capacity: Frames(u32::try_from(capacity).ok()?),
            };
            let sound =
                CAPACITY.contains(&config.capacity.0) && config.capacity.0.is_power_of_two();
            sound.then_some(Self { config })
        };
        checked().ok_or(SegmentError::Geometry {
            send,
            receive,
            capacity,
            rate,
        })
    }

    pub(super) const fn config(&self) -> SegmentConfig {
        self.config
    }

    /// Frames in a ring, a power of two.
    pub(super) const fn capacity(&self) -> usize {
        self.config.capacity.get()
    }

    /// Channels of a ring.
    pub(super) const fn channels(&self, ring: Ring) -> usize {
        match ring {
            Ring::Send => self.config.send.get(),
            Ring::Return => self.config.receive.get(),
        }
    }

    /// Where a channel's samples start, in bytes. `channel` is below [`channels`](Self::channels).
    pub(super) fn offset(&self, ring: Ring, channel: usize) -> usize {
        assert!(
            channel < self.channels(ring),
            "a channel that the segment does not have"
        );
        let before = match ring {
            Ring::Send => 0,
            Ring::Return => self.channels(Ring::Send),
        };
        HEADER + (before + channel) * self.capacity() * SAMPLE
    }

    /// The whole segment, in bytes.
    pub(super) const fn length(&self) -> usize {
        let channels = self.channels(Ring::Send) + self.channels(Ring::Return);
        HEADER + channels * self.capacity() * SAMPLE
    }
}

#[cfg(test)]
mod tests {
    use super::{Geometry, HEADER, MOST, Ring};

    #[test]
    fn the_largest_geometry_is_the_largest_segment() {
        let largest = Geometry::from_words(255, 255, 48_000, 1 << 17).unwrap();
        assert_eq!(largest.length(), MOST);
    }

    #[test]
    fn rings_lie_one_after_the_other() {
        let geometry = Geometry::from_words(2, 3, 48_000, 64).unwrap();
        assert_eq!(geometry.offset(Ring::Send, 1), HEADER + 64 * 4);
        assert_eq!(geometry.offset(Ring::Return, 0), HEADER + 2 * 64 * 4);
        assert_eq!(geometry.length(), HEADER + 5 * 64 * 4);
    }

    #[test]
    fn numbers_without_sense_are_refused() {
        for (send, receive, rate, capacity) in [
            (256, 1, 48_000, 64),
            (1, u64::MAX, 48_000, 64),
            (1, 1, 0, 64),
            (1, 1, 1 << 32, 64),
            (1, 1, 48_000, 0),
            (1, 1, 48_000, 96),
            (1, 1, 48_000, 32),
            (1, 1, 48_000, 1 << 18),
            (1, 1, 48_000, (1 << 32) + 64),
        ] {
            assert!(Geometry::from_words(send, receive, rate, capacity).is_err());
        }
    }
}
