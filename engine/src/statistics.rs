//! What a session is doing, in numbers: published whole by the audio thread, shown by everybody else.

use std::net::SocketAddr;
use std::time::Duration;

use farsend_protocol::hearing::Heard;
use farsend_protocol::jacktrip::PeerCounts;
use farsend_protocol::repair::{HistorySize, Settled};
use farsend_rt::clock;
use farsend_stream::{BufferCounts, Irregular, Jitter, Meter, Wait};
use farsend_units::{Frames, MonoTime, SampleRate};
use farsend_wire::jacktrip::{Format, Name};

use crate::sending::Adopted;
use crate::settings::MAX_CHANNELS;

/// One look at a session. Counts run since its start.
#[derive(Debug, Clone, Copy)]
pub struct Statistics {
    /// Where audio goes now.
    pub remote: Option<SocketAddr>,
    /// What the peer sends, once it was heard.
    pub format: Option<Format>,
    /// What it is sent where that is not what we have, or where it plays at another rate.
    pub adopted: Option<Adopted>,
    /// Packets in each of its datagrams.
    pub redundancy: u8,
    /// Whether it is there now.
    pub present: bool,
    /// Whether the session is over for good.
    pub ended: bool,
    /// Whether it sends 32 bit samples as JackTrip 1.3 to 2.7.2 do, which destroys them.
    pub broken_floats: bool,
    /// Audio datagrams sent.
    pub sent: u64,
    /// Datagrams that the system would not take.
    pub unsent: u64,
    /// Datagrams that found nobody listening.
    pub refused: u64,
    /// What the jitter buffer did.
    pub buffer: BufferCounts,
    /// What was not from the peer, or not to be understood.
    pub peer: PeerCounts,
    /// What repair does, and costs; only between two Farsends.
    pub repair: RepairStatistics,
    /// What is fetched late, while one of both records.
    pub fetching: FetchStatistics,
    /// What the far end has said last of what it was hearing.
    pub heard: Option<Heard>,
    /// What came, or was played, irregularly.
    pub irregular: Irregular,
    /// Audio waiting to be played right before a block is, at the most; in the peer's frames.
    pub queued: Frames,
    /// What that is to be.
    pub target: Frames,
    /// How late packets may be without being missed.
    pub reserve: Duration,
    /// How long what is heard waits here, once that is known.
    pub wait: Option<Wait>,
    /// How late they are.
    pub jitter: Jitter,
    /// Whether the peer is a hub that we have joined.
    pub hub: bool,
    /// Whether the peer is a Farsend.
    pub farsend: bool,
    /// What it is called, where it has said; else empty.
    pub name: Name,
    /// The colour that the peer has said: red, green, blue.
    pub colour: Option<[u8; 3]>,
    /// Whether it repairs what we lose.
    pub repairs: bool,
    /// The network's round trip, where the peer answers us (another Farsend does).
    pub round_trip: Option<Duration>,
    /// The same of a peer that does not answer, as its host answers echoes. Filled in on the control thread.
    pub echoed: Option<Duration>,
    /// The peer's clock against ours, in parts per million; positive: the peer's is faster.
    pub drift_ppm: Option<f64>,
    /// Our sound card's clock against the machine's, likewise.
    pub own_drift_ppm: Option<f64>,
    /// Local periods since the start.
    pub periods: u64,
    /// The longest that one of them took us.
    pub longest: Duration,
    /// Peak of each channel going out, 0 to 1 and beyond.
    pub peaks_out: [f32; MAX_CHANNELS],
    /// Peak of each channel coming in.
    pub peaks_in: [f32; MAX_CHANNELS],
}

impl Default for Statistics {
    fn default() -> Self {
        Self {
            remote: None,
            format: None,
            adopted: None,
            redundancy: 1,
            present: false,
            ended: false,
            broken_floats: false,
            sent: 0,
            unsent: 0,
            refused: 0,
            buffer: BufferCounts::default(),
            peer: PeerCounts::default(),
            repair: RepairStatistics::default(),
            fetching: FetchStatistics::default(),
            heard: None,
            irregular: Irregular::default(),
            queued: Frames::ZERO,
            target: Frames::ZERO,
            reserve: Duration::ZERO,
            wait: None,
            jitter: Jitter::default(),
            hub: false,
            farsend: false,
            name: Name::EMPTY,
            colour: None,
            repairs: false,
            round_trip: None,
            echoed: None,
            drift_ppm: None,
            own_drift_ppm: None,
            periods: 0,
            longest: Duration::ZERO,
            peaks_out: [0.0; MAX_CHANNELS],
            peaks_in: [0.0; MAX_CHANNELS],
        }
    }
}

impl Statistics {
    /// How long so many of the peer's frames are. Its rate is ours (`rate`) until it is known.
    pub fn duration(&self, frames: Frames, rate: SampleRate) -> Duration {
        frames.duration(self.format.map_or(rate, |format| format.rate))
    }
}

/// Counts periods where they are played, and knows when their numbers are due.
#[derive(Debug, Default)]
pub struct PeriodNumbers {
    periods: u64,
    longest: Duration,
    due: MonoTime,
}

impl PeriodNumbers {
    /// Counts a period that began at `begun` and is over now. True where the last time was `every` ago: the numbers are due.
    pub fn finish(&mut self, begun: MonoTime, every: Duration) -> bool {
        let ended = clock::now();
        self.periods += 1;
        self.longest = self.longest.max(ended.since(begun));
        let is_due = ended >= self.due;
        if is_due {
            self.due = ended + every;
        }
        is_due
    }

    /// Periods so far.
    pub fn periods(&self) -> u64 {
        self.periods
    }

    /// The numbers so far with the peaks of what goes out and comes in; all else is as at the start.
    pub fn report(&self, out: &Meter, back: &Meter) -> Statistics {
        let mut now = Statistics {
            periods: self.periods,
            longest: self.longest,
            ..Statistics::default()
        };
        for (to, meter) in [(&mut now.peaks_out, out), (&mut now.peaks_in, back)] {
            let peaks = to.iter_mut().zip(meter.peaks());
            peaks.for_each(|(to, peak)| *to = *peak);
        }
        now
    }
}

/// What repair does, and costs.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RepairStatistics {
    /// Bytes of audio datagrams sent to a peer that repairs.
    pub audio_bytes: u64,
    /// Bytes of repair datagrams sent on top of that.
    pub repair_bytes: u64,
    /// Of those datagrams: parities over several of audio.
    pub parities: u64,
    /// And those that the peer has asked for.
    pub answers: u64,
    /// The share of our packets that does not reach the peer by itself, 0 to 1, of late.
    pub peer_loss: f32,
    /// Times that we have asked for something.
    pub requests: u64,
    /// Packets of the peer's that were calculated, in time or not.
    pub recovered: u64,
}

impl RepairStatistics {
    /// What is sent for repair on top of the audio, in percent of its bytes.
    pub fn overhead_percent(&self) -> f64 {
        100.0 * self.repair_bytes as f64 / self.audio_bytes.max(1) as f64
    }
}

/// What is fetched when it is too late for playing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FetchStatistics {
    /// Whether what comes is recorded.
    pub records: bool,
    /// Whether the peer keeps what it sends for that.
    pub served: bool,
    /// How much of the peer's stream is there: all packets before `to` are, or were given up.
    pub settled: Settled,
    /// Packets that were fetched.
    pub fetched: u64,
    /// Packets that will never come, since the peer does not have them any more.
    pub given_up: u64,
    /// How much of ours is to be kept for the peer, which records: for the control thread, which has the memory.
    pub wanted: HistorySize,
}
