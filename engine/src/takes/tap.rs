//! The audio thread's end of taking takes: what comes and what is sent, each with its place, goes into rings for the disk thread.
//!
//! ```text
//!   link thread                                            takes thread
//!   Tap ── notes (what happened, in its order) ──────────▶ Clerk
//!       ── bytes (the samples of packets, as they came) ─▶
//!       ── floats (what is sent) ────────────────────────▶
//! ```
//! Packets are handed over in the far end's own numbers and samples, whenever and however they come: in time, late, as copies,
//! calculated, or fetched long afterwards. So what is recorded is what was played, to the bit, whatever the network and the
//! jitter buffer made of it.
//!
//! But for [`tap`] nothing here allocates, locks, waits or logs. What the rings have no room for, since the disk stalls, counts as not come.

use farsend_ipc::segment::Stretch;
use farsend_units::{Channels, SampleRate};
use farsend_wire::jacktrip::Format;
use rtrb::{Consumer, Producer, RingBuffer};

use super::ledger::Ledger;

/// How a packet came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// By itself and in time.
    Direct,
    /// As a copy along with a later packet, or calculated from others, in time or not.
    Repaired,
    /// By itself, but after its turn.
    Late,
    /// It was asked for when there was time.
    Fetched,
}

/// What happened, in its order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Note {
    /// A stream of the peer's begins: numbers before and after have nothing to do with each other.
    Stream(Format),
    /// A packet, of so many bytes in the other ring.
    Packet { number: i64, bytes: u32, way: Way },
    /// A block went out that was at `position` of the session's time line; `frame`: which of all that the peer was sent its first is,
    /// `None` where there is no peer. So many floats a channel are in the other ring.
    Sent {
        position: u64,
        frame: Option<i64>,
        frames: u32,
    },
    /// The host's transport does this now. Positions are the session's.
    Stretch(Stretch),
    /// The far end began to capture its frame `captured` as it heard our sent frame `heard`.
    Heard { captured: i64, heard: f64 },
    /// So late after it was sent a frame is heard again, at `position`; and there the peer's frame `played` is played.
    Looped {
        lag: i64,
        position: u64,
        played: f64,
    },
    /// By the time the host was at `position`, the peer's frames up to `end` had come; how long the way there and back is beyond
    /// that, as far as it is known or can be guessed, in frames of ours.
    Came {
        position: u64,
        end: i64,
        beyond: u32,
        /// How much faster than ours the peer's clock is, in ppm, if that is known.
        drift: Option<f64>,
    },
}

/// The audio thread's end.
#[derive(Debug)]
pub struct Tap {
    notes: Producer<Note>,
    bytes: Producer<u8>,
    floats: Producer<f32>,
    ledger: Ledger,
    format: Option<Format>,
    channels: usize,
    stretch: Option<Stretch>,
    /// What was told of a loop.
    looped: Option<(i64, u64, f64)>,
}

/// The disk thread's end.
#[derive(Debug)]
pub(super) struct Drain {
    pub(super) notes: Consumer<Note>,
    pub(super) bytes: Consumer<u8>,
    pub(super) floats: Consumer<f32>,
    /// Channels of what is sent.
    pub(super) channels: usize,
}

/// Both ends, for a session that sends and receives so many channels at this rate. Allocates room for [`STALL_S`] seconds.
pub(super) fn tap(rate: SampleRate, send: Channels, receive: Channels) -> (Tap, Drain) {
    let second = |channels: Channels| rate.0 as usize * channels.get().max(1);
    let bytes = (second(receive) * 4 * STALL_S).clamp(LEAST_ROOM, MOST_ROOM);
    let floats = match send {
        Channels(0) => 1,
        send => (second(send) * STALL_S).clamp(LEAST_ROOM / 4, MOST_ROOM / 4),
    };
    let (notes, noted) = touched(
        NOTES,
        Note::Came {
            position: 0,
            end: 0,
            beyond: 0,
            drift: None,
        },
    );
    let (bytes, of_packets) = touched(bytes, 1);
    let (floats, of_blocks) = touched(floats, 1.0);
    let drain = Drain {
        notes: noted,
        bytes: of_packets,
        floats: of_blocks,
        channels: send.get(),
    };
    let tap = Tap {
        notes,
        bytes,
        floats,
        ledger: Ledger::new(),
        format: None,
        channels: send.get(),
        stretch: None,
        looped: None,
    };
    (tap, drain)
}

impl Tap {
    /// A packet of the peer's, whenever and however it comes; `anew`: it begins a stream. `samples` are as on the wire, planar. Each
    /// number is taken once, and not of another stream than the last. True if it is the first time.
    ///
    /// What is fetched is to be handed over the same way, with the format of the stream it is of.
    pub fn packet(
        &mut self,
        number: i64,
        anew: bool,
        format: Format,
        samples: &[u8],
        way: Way,
    ) -> bool {
        let sampled = (format.rate, format.period, format.channels, format.samples);
        let same = self.format.is_some_and(|format| {
            sampled == (format.rate, format.period, format.channels, format.samples)
        });
        if anew || !same {
            if way == Way::Fetched || self.notes.push(Note::Stream(format)).is_err() {
                return false;
            }
            self.format = Some(format);
            self.ledger.restart();
        }
        if self.ledger.knows(number) {
            return false;
        }
        let note = Note::Packet {
            number,
            bytes: samples.len() as u32,
            way,
        };
        let Ok(room) = self.bytes.write_chunk_uninit(samples.len()) else {
            return false;
        };
        if self.notes.is_full() {
            return false;
        }
        room.fill_from_iter(samples.iter().copied());
        self.ledger.note(number);
        self.notes.push(note).is_ok()
    }

    /// Whether a packet of this number has come in the present stream, or would be of no use.
    pub fn knows(&self, number: i64) -> bool {
        self.ledger.knows(number)
    }

    /// The first number of these that has not come, among those between the oldest and the newest that have.
    pub fn missing(&self, among: std::ops::Range<i64>) -> Option<i64> {
        self.ledger.missing(among)
    }

    /// Numbers that have come, from the first that is still known to the one after the newest.
    pub fn range(&self) -> std::ops::Range<i64> {
        self.ledger.range()
    }

    /// A block goes out (planar, one length), from `position` on of the session's time line. `frame`: which of all frames that the peer
    /// was sent is its first; `None`: it is sent to nobody.
    pub fn sent(&mut self, position: u64, frame: Option<i64>, block: &[&[f32]]) {
        let frames = block.first().map_or(0, |channel| channel.len());
        let room = self.floats.write_chunk_uninit(frames * self.channels);
        let (Ok(room), false) = (room, self.notes.is_full()) else {
            return;
        };
        let silent: &[f32] = &[];
        let lanes = (0..self.channels).map(|channel| block.get(channel).copied().unwrap_or(silent));
        room.fill_from_iter(lanes.flat_map(|lane| {
            let samples = lane.iter().copied().chain(std::iter::repeat(0.0));
            samples.take(frames)
        }));
        _ = self.notes.push(Note::Sent {
            position,
            frame,
            frames: frames as u32,
        });
    }

    /// What the host's transport does, with the session's positions; to be told as often as one likes.
    pub fn stretch(&mut self, stretch: Stretch) {
        if self.stretch != Some(stretch) && self.notes.push(Note::Stretch(stretch)).is_ok() {
            self.stretch = Some(stretch);
        }
    }

    /// The far end says: it began to capture the packet `packet` while it heard our frame `heard`, of all that were sent (as
    /// [`Machines::sent_frames`](crate::peers::Machines::sent_frames) counts). Some times a second is often enough.
    pub fn heard(&mut self, packet: i64, heard: f64) {
        if let Some(format) = self.format {
            let captured = packet.saturating_mul(i64::from(format.period.0));
            _ = self.notes.push(Note::Heard { captured, heard });
        }
    }

    /// Frames a second of the stream that comes; none before its first packet.
    pub(super) fn rate(&self) -> Option<SampleRate> {
        self.format.map(|format| format.rate)
    }

    /// Somebody measured that a frame is heard again `lag` frames after it was sent; at `position` of the session's time line the
    /// peer's frame `played` is played. Once there is a stream that it can be of; then to be told as often as one likes.
    pub(crate) fn looped(&mut self, lag: i64, position: u64, played: f64) {
        let looped = (lag, position, played);
        let note = Note::Looped {
            lag,
            position,
            played,
        };
        if self.looped != Some(looped) && self.notes.push(note).is_ok() {
            self.looped = Some(looped);
        }
    }

    /// The host is at `position` now, of the session's time line; and there and back it is `beyond` frames more than
    /// from the newest packet here; the peer's clock is `drift` ppm faster than ours, if that is known. Some times a second.
    pub(crate) fn came(&mut self, position: u64, beyond: u32, drift: Option<f64>) {
        let (Some(format), numbers) = (self.format, self.ledger.range()) else {
            return;
        };
        if !numbers.is_empty() {
            let end = numbers.end.saturating_mul(i64::from(format.period.0));
            _ = self.notes.push(Note::Came {
                position,
                end,
                beyond,
                drift,
            });
        }
    }
}

/// A ring whose memory was touched, so that the audio thread is not the first to do so.
fn touched<T: Copy>(room: usize, with: T) -> (Producer<T>, Consumer<T>) {
    let (mut producer, mut consumer) = RingBuffer::new(room);
    if let Ok(chunk) = producer.write_chunk_uninit(room) {
        chunk.fill_from_iter(std::iter::repeat_n(with, room));
    }
    if let Ok(chunk) = consumer.read_chunk(room) {
        chunk.commit_all();
    }
    (producer, consumer)
}

/// Seconds that the disk may stall before anything is lost, with few channels.
const STALL_S: usize = 6;
/// Bytes of a ring, at least and at most.
const LEAST_ROOM: usize = 1 << 20;
const MOST_ROOM: usize = 32 << 20;
/// Notes that wait: of packets and blocks of 64 frames at 48 kHz, ten seconds.
const NOTES: usize = 16_384;

#[cfg(test)]
mod tests {
    use assert_no_alloc::assert_no_alloc;
    use farsend_units::Frames;
    use farsend_wire::SampleFormat;

    use super::*;

    fn format(period: u32) -> Format {
        Format {
            rate: SampleRate::HZ_48000,
            period: Frames(period),
            channels: Channels(1),
            wants: Channels(1),
            samples: SampleFormat::I16,
        }
    }

    fn notes(drain: &mut Drain) -> Vec<Note> {
        std::iter::from_fn(|| drain.notes.pop().ok()).collect()
    }

    #[test]
    fn each_packet_is_handed_over_once_however_it_comes() {
        let (mut tap, mut drain) = tap(SampleRate::HZ_48000, Channels(1), Channels(1));
        let first = assert_no_alloc(|| {
            [
                tap.packet(7, true, format(2), &[1; 4], Way::Direct),
                tap.packet(9, false, format(2), &[3; 4], Way::Direct),
                tap.packet(9, false, format(2), &[3; 4], Way::Direct),
                tap.packet(8, false, format(2), &[2; 4], Way::Fetched),
                tap.packet(8, false, format(2), &[2; 4], Way::Late),
            ]
        });
        assert_eq!(first, [true, true, false, true, false]);
        assert_eq!(tap.missing(0..100), None);
        let numbers: Vec<_> = notes(&mut drain)
            .iter()
            .filter_map(|note| match note {
                Note::Packet { number, way, .. } => Some((*number, *way)),
                _ => None,
            })
            .collect();
        let expected = [(7, Way::Direct), (9, Way::Direct), (8, Way::Fetched)];
        assert_eq!(numbers, expected);
        assert_eq!(drain.bytes.slots(), 12);
    }

    #[test]
    fn what_there_is_no_room_for_has_not_come_and_can_be_fetched() {
        let (mut tap, mut drain) = tap(SampleRate(8000), Channels(1), Channels(1));
        let large = vec![0; 60_000];
        let mut number = 0;
        while tap.packet(number, number == 0, format(8192), &large, Way::Direct) {
            number += 1;
        }
        assert!(!tap.knows(number));
        let queued = drain.bytes.slots();
        drain
            .bytes
            .read_chunk(queued)
            .expect("they are there")
            .commit_all();
        assert!(tap.packet(number + 1, false, format(8192), &large, Way::Direct));
        assert_eq!(tap.missing(0..i64::MAX), Some(number));
        assert!(tap.packet(number, false, format(8192), &large, Way::Fetched));
        assert_eq!(tap.missing(0..i64::MAX), None);
    }

    #[test]
    fn what_is_fetched_of_another_stream_is_not_taken() {
        let (mut tap, _drain) = tap(SampleRate::HZ_48000, Channels(1), Channels(1));
        assert!(!tap.packet(1, false, format(64), &[0; 128], Way::Fetched));
        assert!(tap.packet(1, true, format(64), &[0; 128], Way::Direct));
        assert!(!tap.packet(2, false, format(32), &[0; 64], Way::Fetched));
        assert!(tap.packet(5000, true, format(64), &[0; 128], Way::Direct));
        assert_eq!(tap.range(), 5000..5001);
    }

    #[test]
    fn what_is_sent_is_as_wide_as_the_session() {
        let (mut tap, mut drain) = tap(SampleRate::HZ_48000, Channels(2), Channels(1));
        assert_no_alloc(|| tap.sent(480, None, &[&[0.5, 0.25]]));
        assert_eq!(
            notes(&mut drain),
            [Note::Sent {
                position: 480,
                frame: None,
                frames: 2
            }]
        );
        let floats: Vec<f32> = std::iter::from_fn(|| drain.floats.pop().ok()).collect();
        assert_eq!(floats, [0.5, 0.25, 0.0, 0.0]);
    }
}
