//! What the host's transport does, as stretches of the segment's time in which its timeline goes on evenly.
//!
//! ```text
//!   the host's timeline    ──▶ 0 ─────────▶ 96000 │ 48000 ──▶ 60000 │ stands at 60000
//!   stretches                       1             │        2        │        3
//!
//!   the host's timeline    ──▶ 0 ──▶ 48000 │ 48000, records ──▶ 96000 │ 96000, plays on ──▶
//!   stretches                   1          │            2             │         3
//! ```
//! The plugin cuts them, since it sees every block; the engine may look less often, and still knows to the frame
//! where the present one began.

/// What a host says of its timeline at the beginning of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Transport {
    /// Whether it plays or records.
    pub rolling: bool,
    /// Whether it records, by its own word: a punch-in begins where this does.
    pub recording: bool,
    /// The timeline's position there, in frames; negative in a pre-roll. `None`: it does not say.
    pub position: Option<i64>,
}

impl Transport {
    /// So many frames later in the same block.
    #[must_use]
    pub fn later(self, frames: usize) -> Self {
        let frames = if self.rolling { frames as i64 } else { 0 };
        Self {
            position: self
                .position
                .map(|position| position.saturating_add(frames)),
            ..self
        }
    }
}

/// A stretch in which the timeline goes on evenly, and the host records or does not; or in which it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stretch {
    /// Counts them, from 1; 0: the host has said nothing yet.
    pub number: u64,
    /// Whether the timeline goes on.
    pub rolling: bool,
    /// Whether the host records while it does.
    pub recording: bool,
    /// Where it begins on the segment's time line, in frames; wraps at 2^64.
    pub since: u64,
    /// The host's timeline there.
    pub timeline: i64,
}

impl Stretch {
    /// The one that a block belongs to which begins at `position` of the segment's time line, after a block of this one.
    #[must_use]
    pub(super) fn next(self, position: u64, host: Transport) -> Self {
        let gone = position.wrapping_sub(self.since) as i64;
        match host.position.filter(|_| host.rolling) {
            Some(timeline) => {
                let expected = self.timeline.saturating_add(gone);
                let evenly = self.rolling && timeline.abs_diff(expected) <= ROUNDING;
                if evenly && self.recording == host.recording {
                    return self;
                }
                Self {
                    number: self.number.wrapping_add(1),
                    rolling: true,
                    recording: host.recording,
                    since: position,
                    timeline,
                }
            }
            None if self.number > 0 && !self.rolling => self,
            None => Self {
                number: self.number.wrapping_add(1),
                rolling: false,
                recording: false,
                since: position,
                timeline: host.position.unwrap_or(self.timeline),
            },
        }
    }
}

/// Hosts that keep time in beats or seconds round.
const ROUNDING: u64 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    /// The stretches that blocks of 100 frames make at these positions; `None`: the host stands.
    fn stretches(blocks: &[Option<i64>]) -> Vec<Stretch> {
        punched(blocks, &[])
    }

    /// The same where the host records in some of the blocks.
    fn punched(blocks: &[Option<i64>], recording: &[usize]) -> Vec<Stretch> {
        let mut last = Stretch::default();
        let mut all = Vec::new();
        for (block, position) in blocks.iter().enumerate() {
            let host = Transport {
                rolling: position.is_some(),
                recording: recording.contains(&block),
                position: *position,
            };
            last = last.next(1000 + block as u64 * 100, host);
            if all.last() != Some(&last) {
                all.push(last);
            }
        }
        all
    }

    #[test]
    fn a_stretch_goes_on_until_the_host_stops_or_jumps() {
        let blocks = [
            None,
            None,
            Some(-100),
            Some(0),
            Some(101),
            Some(5000),
            Some(5100),
            None,
            Some(5200),
        ];
        let found: Vec<_> = stretches(&blocks)
            .iter()
            .map(|s| (s.number, s.rolling, s.since, s.timeline))
            .collect();
        let expected = [
            (1, false, 1000, 0),
            (2, true, 1200, -100),
            (3, true, 1500, 5000),
            (4, false, 1700, 5000),
            (5, true, 1800, 5200),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn where_the_host_begins_or_ends_to_record_another_stretch_begins_at_that_very_frame() {
        let blocks: Vec<_> = (0..8).map(|block| Some(block * 100)).collect();
        let found: Vec<_> = punched(&blocks, &[2, 3, 4, 7])
            .iter()
            .map(|s| (s.number, s.recording, s.since, s.timeline))
            .collect();
        let expected = [
            (1, false, 1000, 0),
            (2, true, 1200, 200),
            (3, false, 1500, 500),
            (4, true, 1700, 700),
        ];
        assert_eq!(found, expected);
        // A host that stands records nothing, whatever it says.
        let standing = punched(&[Some(0), None, None, None], &[2]);
        assert_eq!(standing.len(), 2);
    }

    #[test]
    fn a_host_without_a_position_does_not_roll() {
        let host = Transport {
            rolling: true,
            recording: true,
            position: None,
        };
        let stretch = Stretch::default().next(64, host);
        assert_eq!((stretch.number, stretch.rolling), (1, false));
        assert_eq!(stretch.next(128, host), stretch);
    }

    #[test]
    fn positions_at_the_ends_of_what_there_is_do_no_harm() {
        let host = |position| Transport {
            rolling: true,
            recording: false,
            position: Some(position),
        };
        let first = Stretch::default().next(u64::MAX, host(i64::MAX));
        let second = first.next(63, host(i64::MIN));
        assert_eq!(second.number, 2);
        assert_eq!(host(i64::MAX).later(64), host(i64::MAX));
    }
}
