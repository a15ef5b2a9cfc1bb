//! The end that is told.

use farsend_units::{Frames, SeqNum};
use farsend_wire::jacktrip::Hearing;

/// Checks what a peer says of what it was hearing, and gives it in numbers that do not wrap.
#[derive(Debug, Default)]
pub struct Relation {
    newest: Option<Heard>,
    /// The packets of the words that were taken last, in no order.
    taken: [Option<i64>; REMEMBERED],
    counts: RelationCounts,
}

/// As the far end began to capture `packet`, it was playing our frame `frame` of our packet `heard`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// The far end's packet, as the [`Depacketizer`](crate::jacktrip::Depacketizer) numbers them.
    pub packet: i64,
    /// Our packet, as the [`Packetizer`](crate::jacktrip::Packetizer) numbers them.
    pub heard: u64,
    /// The frame in it, in 1/256 of a frame.
    pub offset: u32,
    /// How many of our frames are played there while one is captured, in 1/2^24, from here on.
    pub step: u32,
}

/// What a [`Relation`] was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RelationCounts {
    /// Words that were taken.
    pub taken: u64,
    /// Words that came again, or far too late, or cannot be true.
    pub refused: u64,
}

/// What is known here of both streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streams {
    /// The newest packet of the far end's that has come.
    pub newest: i64,
    /// The next packet that we send.
    pub next: u64,
    /// Frames in each of our packets.
    pub period: Frames,
}

impl Relation {
    /// Another stream begins, here or there. The counts go on.
    pub const fn reset(&mut self) {
        self.newest = None;
        self.taken = [None; REMEMBERED];
    }

    /// The far end says so. Gives what it means, if it can be true and was not said before. It may be of an earlier packet than the word before: words
    /// overtake each other, and both ends of a break are said at once.
    pub fn handle(&mut self, hearing: Hearing, streams: Streams) -> Option<Heard> {
        let heard = Self::understand(hearing, streams)
            .filter(|heard| !self.taken.contains(&Some(heard.packet)));
        match heard {
            Some(heard) => {
                self.taken[self.counts.taken as usize % REMEMBERED] = Some(heard.packet);
                self.newest = self
                    .newest
                    .filter(|newest| newest.packet > heard.packet)
                    .or(Some(heard));
                self.counts.taken += 1;
            }
            None => self.counts.refused += 1,
        }
        heard
    }

    /// What was taken of the newest packet of these streams.
    pub const fn newest(&self) -> Option<Heard> {
        self.newest
    }

    /// What there was so far.
    pub const fn counts(&self) -> RelationCounts {
        self.counts
    }

    fn understand(hearing: Hearing, streams: Streams) -> Option<Heard> {
        let ahead = i64::from(hearing.packet.since(SeqNum(streams.newest as u16)));
        let packet = streams.newest.checked_add(ahead)?;
        let near = (-OLDEST_PACKET..=NEWEST_PACKET).contains(&ahead);
        // Nobody hears what was not sent.
        let back = SeqNum(streams.next as u16).since(hearing.heard);
        let heard = streams.next.checked_sub(u64::try_from(back).ok()?)?;
        let sent = back > 0 && back <= OLDEST_HEARD;
        let within =
            u64::from(hearing.offset) < u64::from(streams.period.0) * u64::from(Hearing::FRAME);
        let speed = (Hearing::EVEN / 16..=Hearing::EVEN * 16).contains(&hearing.step);
        (near && sent && within && speed).then_some(Heard {
            packet,
            heard,
            offset: hearing.offset,
            step: hearing.step,
        })
    }
}

/// A word may overtake packets, and be overtaken by them.
const NEWEST_PACKET: i64 = 1000;
const OLDEST_PACKET: i64 = 4000;

/// Words that come again are known by: as many as may be on their way at once.
const REMEMBERED: usize = 16;

/// Packets of ours that may lie between what is heard there and what we send now.
const OLDEST_HEARD: i16 = 30_000;

#[cfg(test)]
mod tests {
    use super::*;

    const STREAMS: Streams = Streams {
        newest: 100_000,
        next: 200_000,
        period: Frames(64),
    };

    fn word(packet: i64, heard: u64) -> Hearing {
        Hearing {
            packet: SeqNum(packet as u16),
            heard: SeqNum(heard as u16),
            offset: 5 * 256 + 128,
            step: Hearing::EVEN,
        }
    }

    #[test]
    fn numbers_are_those_of_the_streams_again() {
        let mut relation = Relation::default();
        let heard = relation.handle(word(100_003, 199_990), STREAMS);
        assert_eq!(
            heard.map(|heard| (heard.packet, heard.heard, heard.offset)),
            Some((100_003, 199_990, 5 * 256 + 128))
        );
        assert_eq!(relation.newest(), heard);
        let wrapped = Streams {
            newest: 131_071,
            next: 65_536,
            ..STREAMS
        };
        relation.reset();
        let heard = relation.handle(word(131_072, 65_535), wrapped);
        assert_eq!(
            heard.map(|heard| (heard.packet, heard.heard)),
            Some((131_072, 65_535))
        );
    }

    #[test]
    fn words_that_overtook_each_other_are_taken_once_each() {
        let mut relation = Relation::default();
        let words = [(99_900, 198_900), (100_000, 199_030), (99_999, 198_999)];
        for (packet, heard) in words {
            let taken = relation.handle(word(packet, heard), STREAMS);
            assert_eq!(taken.map(|taken| taken.packet), Some(packet));
        }
        assert_eq!(relation.newest().map(|newest| newest.packet), Some(100_000));
        for (packet, heard) in words {
            assert_eq!(relation.handle(word(packet, heard), STREAMS), None);
        }
        relation.reset();
        assert!(relation.handle(word(100_000, 199_030), STREAMS).is_some());
    }

    #[test]
    fn what_cannot_be_true_or_comes_far_too_late_is_refused() {
        let mut relation = Relation::default();
        assert!(relation.handle(word(100_000, 199_000), STREAMS).is_some());
        for (packet, heard) in [
            (100_000, 199_100),
            (95_000, 199_100),
            (101_500, 199_100),
            (100_010, 200_000),
            (100_010, 201_000),
            (100_010, 169_000),
        ] {
            assert_eq!(relation.handle(word(packet, heard), STREAMS), None);
        }
        let good = word(100_010, 199_100);
        for wrong in [
            Hearing {
                offset: 64 * 256,
                ..good
            },
            Hearing {
                offset: u32::MAX,
                ..good
            },
            Hearing { step: 0, ..good },
            Hearing {
                step: u32::MAX,
                ..good
            },
        ] {
            assert_eq!(relation.handle(wrong, STREAMS), None);
        }
        assert!(relation.handle(good, STREAMS).is_some());
        let fresh = Streams {
            newest: 3,
            next: 2,
            ..STREAMS
        };
        relation.reset();
        assert_eq!(relation.handle(word(3, 65_535), fresh), None, "never sent");
        assert_eq!(relation.counts().taken, 2);
        let extreme = Streams {
            newest: i64::MAX,
            next: u64::MAX,
            ..STREAMS
        };
        let _ = relation.handle(word(3, 65_530), extreme);
    }
}
