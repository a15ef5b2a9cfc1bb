//! Datagrams of one sender to packets in their place.

use farsend_wire::SampleFormat;
use farsend_wire::jacktrip::{
    Datagram, DatagramError, Format, HeaderKind, Packet, Words, classify_words,
};

use super::Continuity;
use super::numbering::{Numbering, Place, Signs};

/// Numbers the packets of one sender, and takes from redundant copies what is missing.
///
/// Wait-free and without allocation, for any bytes. Within a run a packet's number tells its place in
/// time; a new run (first contact, the sender has started again, its format has changed) starts behind
/// all numbers of the one before.
///
/// Behind headers without numbers that can be relied on (all but the default one) packets are numbered as
/// they come, and copies are not used.
#[derive(Debug)]
pub struct Depacketizer {
    kind: HeaderKind,
    fallback: Option<Format>,
    format: Option<Format>,
    numbering: Numbering,
    /// The next packet starts a run.
    anew: bool,
    floats: Floats,
    counts: DepacketizerCounts,
}

/// Are the 32-bit samples of this run floats?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Floats {
    Unknown { low_halves: u8 },
    Yes,
    No,
}

impl Depacketizer {
    /// For a session with this kind of header. `fallback` is needed for kinds other than the default.
    pub const fn new(kind: HeaderKind, fallback: Option<Format>) -> Self {
        Self {
            kind,
            fallback,
            format: None,
            numbering: Numbering::new(),
            anew: false,
            floats: Floats::Unknown { low_halves: 0 },
            counts: DepacketizerCounts::NONE,
        }
    }

    /// Takes one audio datagram and hands over its packets, oldest first.
    ///
    /// The newest packet is always handed over, even if it was there before or is late, for the jitter
    /// buffer to count; an older copy only if that packet was missing. Nothing is handed over of datagrams
    /// that are malformed, stray or stale.
    pub fn take(&mut self, payload: &[u8], each: &mut dyn FnMut(Arrival<'_>)) -> Taken {
        let datagram = match Datagram::parse(payload, self.kind, self.fallback) {
            Ok(datagram) => datagram,
            Err(error) => {
                self.counts.malformed += 1;
                return Taken::Malformed(error);
            }
        };
        self.counts.datagrams += 1;
        let (taken, newest) = self.place(&datagram);
        if !matches!(taken, Taken::Stray | Taken::Stale) {
            self.check_floats(&datagram);
            self.deliver(&datagram, newest, each);
        }
        taken
    }

    /// Notes what the next datagram continues.
    pub const fn note(&mut self, continuity: Continuity) {
        match continuity {
            Continuity::GoesOn => {}
            Continuity::AfterBreak => self.note_break(),
            Continuity::NewSender => self.note_new_sender(),
        }
    }

    /// The peer was quiet: the next number is believed at once, even if it is far off or behind.
    pub const fn note_break(&mut self) {
        self.numbering.note_break();
    }

    /// Forgets the sender, for the next one. The counts stay.
    const fn note_new_sender(&mut self) {
        self.numbering.end_run();
        self.format = None;
        self.floats = Floats::Unknown { low_halves: 0 };
    }

    /// The format of the present run.
    pub const fn format(&self) -> Option<Format> {
        self.format
    }

    /// The peer sends 32-bit samples that are no floats: it is a JackTrip from 1.3.0 to 2.7.2, and
    /// nothing of its audio can be saved; other depths work. Its packets are handed over as silence, from the first
    /// on: read as floats they would be noise of any loudness. See [`classify_words`].
    pub fn has_32_bit_bug(&self) -> bool {
        self.floats == Floats::No
    }

    /// What there was so far.
    pub const fn counts(&self) -> DepacketizerCounts {
        self.counts
    }

    /// Finds where the datagram belongs, and the number of its newest packet.
    fn place(&mut self, datagram: &Datagram<'_>) -> (Taken, i64) {
        let (to, redundancy) = (datagram.format(), datagram.redundancy());
        let from = self.format.unwrap_or(to);
        let signs = Signs::of(datagram, self.kind);
        let (place, newest) = self.numbering.place(signs, from == to);
        let counts = &mut self.counts;
        let taken = match place {
            Place::Stray => {
                counts.strays += 1;
                Taken::Stray
            }
            Place::Behind { by } => {
                counts.behind += 1;
                if from == to {
                    Taken::Behind { by }
                } else {
                    Taken::Stale
                }
            }
            Place::Ahead { skipped } => {
                counts.skipped += u64::from(skipped);
                if from == to {
                    Taken::Audio {
                        format: to,
                        redundancy,
                    }
                } else {
                    self.begin_run(from, to)
                }
            }
            Place::NewRun => self.begin_run(from, to),
        };
        (taken, newest)
    }

    fn begin_run(&mut self, from: Format, to: Format) -> Taken {
        let first = self.format.replace(to).is_none();
        self.anew = true;
        self.floats = Floats::Unknown { low_halves: 0 };
        if first {
            Taken::First { format: to }
        } else if from != to {
            self.counts.format_changes += 1;
            Taken::FormatChanged { from, to }
        } else {
            self.counts.restarts += 1;
            Taken::Restarted { format: to }
        }
    }

    fn deliver(&mut self, datagram: &Datagram<'_>, newest: i64, each: &mut dyn FnMut(Arrival<'_>)) {
        let format = datagram.format();
        let mut packets = datagram.packets();
        let Some(first) = packets.next() else { return };
        let doubtful = format.samples == SampleFormat::F32 && self.floats != Floats::Yes;
        let mut deliver = |mut packet: Packet<'_>, number, redundant| {
            if doubtful && classify_words(packet.samples) != Words::Floats {
                packet.samples = SILENCE.get(..packet.samples.len()).unwrap_or_default();
            }
            self.counts.packets += 1;
            self.counts.revived += u64::from(redundant);
            let anew = std::mem::take(&mut self.anew);
            each(Arrival {
                number,
                redundant,
                anew,
                format,
                packet,
            });
        };
        if self.kind == HeaderKind::Default {
            for packet in packets.rev() {
                let number = newest - i64::from(first.header.seq.since(packet.header.seq));
                if !self.numbering.see(number) {
                    deliver(packet, number, true);
                }
            }
        }
        self.numbering.see(newest);
        deliver(first, newest, false);
    }

    fn check_floats(&mut self, datagram: &Datagram<'_>) {
        let Floats::Unknown { low_halves } = self.floats else {
            return;
        };
        if datagram.format().samples != SampleFormat::F32 {
            return;
        }
        let Some(packet) = datagram.packets().next() else {
            return;
        };
        self.floats = match classify_words(packet.samples) {
            Words::Floats => Floats::Yes,
            Words::Undecided => return,
            Words::LowHalves if low_halves + 1 >= CONVINCING => Floats::No,
            Words::LowHalves => Floats::Unknown {
                low_halves: low_halves + 1,
            },
        };
    }
}

/// One packet, in its place.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// Its number, which does not wrap. May be negative for copies that came with a session's first packets.
    pub number: i64,
    /// Whether it is an older copy, of a packet that was missing.
    pub redundant: bool,
    /// Whether it begins a run: what came before has nothing to do with it, perhaps not even the format.
    pub anew: bool,
    /// What its samples are.
    pub format: Format,
    /// The packet itself.
    pub packet: Packet<'a>,
}

/// What a datagram was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// The first of a sender: delivered, as a new run.
    First {
        /// What the stream is made of.
        format: Format,
    },
    /// The next, or one of the next: delivered.
    Audio {
        /// What the stream is made of.
        format: Format,
        /// Packets in the datagram.
        redundancy: u8,
    },
    /// The newest again, or one before it: delivered, to be counted as duplicate or late.
    Behind {
        /// Packets before the newest; 0 for the newest again.
        by: u16,
    },
    /// Delivered, as a new run.
    FormatChanged {
        /// What it was.
        from: Format,
        /// What it is now.
        to: Format,
    },
    /// The sender has started again: delivered, as a new run.
    Restarted {
        /// What the stream is made of.
        format: Format,
    },
    /// A number far from all others: not delivered, but believed if the next one is near it.
    Stray,
    /// Late, and of another format than what came since: not delivered.
    Stale,
    /// No audio datagram: not delivered.
    Malformed(DatagramError),
}

/// How many of what a [`Depacketizer`] has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DepacketizerCounts {
    /// Well-formed datagrams.
    pub datagrams: u64,
    /// Packets delivered.
    pub packets: u64,
    /// Of those, copies of packets that had been missing.
    pub revived: u64,
    /// Numbers jumped over by a newer datagram; some of them may have come since, or been revived.
    pub skipped: u64,
    /// Datagrams that were not newer than the newest.
    pub behind: u64,
    /// Datagrams with a number that was not believed.
    pub strays: u64,
    /// Payloads that are no audio datagrams.
    pub malformed: u64,
    /// Times that the sender has started again.
    pub restarts: u64,
    /// Times that the format has changed.
    pub format_changes: u64,
}

impl DepacketizerCounts {
    const NONE: Self = Self {
        datagrams: 0,
        packets: 0,
        revived: 0,
        skipped: 0,
        behind: 0,
        strays: 0,
        malformed: 0,
        restarts: 0,
        format_changes: 0,
    };
}

/// Packets that fit the 32-bit bug and nothing else, before it is reported.
const CONVINCING: u8 = 3;

/// Samples of any packet: no datagram is longer.
static SILENCE: [u8; 1 << 16] = [0; 1 << 16];
