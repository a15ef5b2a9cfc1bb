//! What is wrong with a session, told from its numbers: one thing at a time, with what to do about it.

mod judge;
mod sentences;

use std::time::Duration;

use farsend_stream::{DepthPolicy, Jitter};

use self::judge::Judge;
use super::minute::Minute;

/// What a look at a session is judged by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Facts {
    /// What happened of late.
    pub minute: Minute,
    /// How long a packet of the peer's is.
    pub packet: Duration,
    /// How late packets may be, as the depth is meant to be, and how much depth that is in all.
    pub reserve: Duration,
    /// See [`Facts::reserve`].
    pub target: Duration,
    /// How late packets are.
    pub jitter: Jitter,
    /// How the depth is chosen.
    pub depth: DepthPolicy,
    /// Packets in each of the peer's datagrams.
    pub redundancy: u8,
    /// Whether the peer is a Farsend, and whether it repairs what we lose.
    pub farsend: bool,
    /// Whether it is a hub that we have joined.
    pub hub: bool,
    /// See [`Facts::farsend`].
    pub repairs: bool,
    /// The peer's clock against ours, in ppm.
    pub drift_ppm: Option<f64>,
    /// Our sound card's clock against the machine's, in ppm.
    pub own_drift_ppm: Option<f64>,
    /// Whether our way to the peer begins in the air.
    pub wireless: bool,
    /// Who calls us for each block.
    pub caller: Caller,
}

/// Who calls for each local block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// A sound card, or the machine's clock.
    Machine,
    /// A DAW, by way of the plugin.
    Daw,
}

/// Something that is wrong. Displayed as a sentence for musicians.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Trouble {
    /// Samples come that are no audio.
    Nonsense,
    /// This end's own blocks are late.
    LateHere {
        /// How often a minute, and by how much each time, where that is known.
        times: f64,
        /// See `times`.
        by: Option<Duration>,
        /// Who is late.
        caller: Caller,
    },
    /// Packets get lost.
    Loss {
        /// What share of all.
        percent: f64,
        /// What is done against it.
        cure: Cure,
    },
    /// For some time nothing comes, and then all at once.
    Stalls {
        /// How long it lasts on the average.
        length: Duration,
        /// How long at most.
        longest: Duration,
        /// How often it was.
        times: u64,
        /// In how long a time.
        within: Duration,
        /// Our own way to the peer begins in the air.
        wireless: bool,
        /// What it costs.
        cost: Cost,
    },
    /// More packets are late than the settings allow for.
    TooShort {
        /// What share of all.
        percent: f64,
        /// What is set.
        set: Set,
        /// What would be enough.
        enough: Set,
    },
    /// The delay varies all the time.
    Jitter {
        /// By how much for all but a few packets.
        spread: Duration,
        /// What is waited.
        target: Duration,
        /// What share of packets is late all the same.
        percent: f64,
    },
    /// The peer sends in bunches.
    Bunches {
        /// How far they are apart.
        length: Duration,
    },
    /// A clock is not what it says.
    Clock {
        /// By how much too fast it is.
        ppm: f64,
        /// Whose.
        whose: Whose,
    },
    /// Packets overtake each other.
    Overtaking {
        /// What share of them.
        percent: f64,
        /// What is waited.
        target: Duration,
    },
}

/// What is done against loss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cure {
    /// Nothing: each packet is sent once.
    None,
    /// Nothing, and no hub can be told to do anything: JackTrip's send each packet once.
    NoneOfHub,
    /// So many copies of each packet are sent, and that is not enough.
    Copies(u8),
    /// The peer could repair, but one of the ends was told not to.
    RepairIsOff,
    /// This share of all packets is repaired, and that is not enough.
    Repaired {
        /// Of all packets.
        percent: f64,
    },
}

/// What stalls cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cost {
    /// Gaps, unless the delay were this: a queue of so many packets.
    Gaps {
        /// The delay without gaps.
        delay: Duration,
        /// The same, in packets.
        queue: u64,
    },
    /// This much delay, and no gaps.
    Delay(Duration),
}

/// What the delay is bounded by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Set {
    /// A queue of so many packets, each of this length.
    Queue(u64, Duration),
    /// `--latency-target`.
    Target(Duration),
}

/// Whose clock it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// This end's.
    Ours,
    /// The peer's.
    Theirs,
}

/// A kind of trouble, with a name for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "see `Trouble`")]
pub enum Kind {
    Nonsense,
    LateHere,
    Loss,
    Stalls,
    TooShort,
    Jitter,
    Bunches,
    Clock,
    Overtaking,
}

impl Kind {
    /// Its name in JSON lines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nonsense => "nonsense",
            Self::LateHere => "late_here",
            Self::Loss => "loss",
            Self::Stalls => "stalls",
            Self::TooShort => "too_short",
            Self::Jitter => "jitter",
            Self::Bunches => "bunches",
            Self::Clock => "clock",
            Self::Overtaking => "overtaking",
        }
    }
}

impl Trouble {
    /// The worst that these facts show, if anything is wrong. What `known` already was is still wrong at half of what
    /// it takes to begin.
    pub fn find(facts: &Facts, known: Option<Kind>) -> Option<Self> {
        if facts.minute.length < KNOWN_AFTER {
            return None;
        }
        let judge = Judge { facts, known };
        judge
            .nonsense()
            .or_else(|| judge.late_here())
            .or_else(|| judge.loss())
            .or_else(|| judge.bunches())
            .or_else(|| judge.stalls())
            .or_else(|| judge.too_short())
            .or_else(|| judge.jitter())
            .or_else(|| judge.clock())
            .or_else(|| judge.overtaking())
    }

    /// Which one it is.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Nonsense => Kind::Nonsense,
            Self::LateHere { .. } => Kind::LateHere,
            Self::Loss { .. } => Kind::Loss,
            Self::Stalls { .. } => Kind::Stalls,
            Self::TooShort { .. } => Kind::TooShort,
            Self::Jitter { .. } => Kind::Jitter,
            Self::Bunches { .. } => Kind::Bunches,
            Self::Clock { .. } => Kind::Clock,
            Self::Overtaking { .. } => Kind::Overtaking,
        }
    }

    /// How bad it is, to be compared with the same kind only.
    pub fn size(&self) -> f64 {
        match self {
            Self::Nonsense => 1.0,
            Self::LateHere { times, .. } => *times,
            Self::Loss { percent, .. } | Self::Overtaking { percent, .. } => *percent,
            Self::Stalls {
                length,
                times,
                within,
                ..
            } => {
                let a_minute = *times as f64 * 60.0 / within.as_secs_f64().max(1.0);
                length.as_secs_f64() * a_minute.sqrt()
            }
            Self::TooShort { percent, .. } => *percent,
            Self::Jitter { spread, .. } => spread.as_secs_f64(),
            Self::Bunches { length } => length.as_secs_f64(),
            Self::Clock { ppm, .. } => ppm.abs(),
        }
    }
}

fn clipped(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Before this much was seen nothing is said.
const KNOWN_AFTER: Duration = Duration::from_secs(10);
