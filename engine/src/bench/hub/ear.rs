//! One player's ear: what its datagrams say of the hub and of the other players. Pure, but for the counters.

use farsend_units::{Channels, Frames, MonoTime, SampleRate, SeqNum};
use farsend_wire::SampleFormat;
use farsend_wire::jacktrip::{Header, is_control, is_stop};

use super::histogram::Histogram;
use super::levels::Levels;
use super::proof::{Proof, Proven};

/// What all players send and expect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// Frames a second.
    pub rate: SampleRate,
    /// Frames in a packet of ours; a hub may send others.
    pub period: Frames,
    /// Channels each way.
    pub channels: Channels,
    /// Who is how loud.
    pub levels: Levels,
}

/// What is known when a datagram comes.
#[derive(Debug)]
pub struct Scene<'a> {
    /// Steady players that should be in the mix.
    pub others: u32,
    /// Whether it counts, or the hub is still settling.
    pub counting: bool,
    /// When the marked player sent its packets; empty while nobody is marked or the listener itself is.
    pub marked: &'a [MonoTime],
    /// For all ears together. None for one whose datagrams are not dated.
    pub times: Option<&'a mut Times>,
}

/// Times measured by all ears together.
#[derive(Debug, Default)]
pub struct Times {
    /// How much sooner or later than one period after its predecessor a datagram came.
    pub spacing: Histogram,
    /// From the datagram with a packet leaving its player to its first frame coming back in another's.
    pub delay: Histogram,
}

/// What the hub wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// To play on.
    Audio,
    /// That this player leaves.
    Stop,
}

/// What one ear, or all of them, heard. Contributions are one player's part of one packet heard by another; they are
/// counted in frames here, since a hub may cut packets anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Packets that came in turn.
    pub packets: u64,
    /// Frames of those and of the lost ones.
    pub frames: u64,
    /// Packets that did not come in their turn.
    pub lost: u64,
    /// Runs of such.
    pub gaps: u64,
    /// The longest run.
    pub longest_gap: u64,
    /// Packets that came after their turn, or twice.
    pub behind: u64,
    /// Datagrams that are no audio of the expected kind.
    pub foreign: u64,
    /// Packets that were not the same in all channels.
    pub uneven: u64,
    /// Contributions that should have been heard, times frames; those of lost packets too.
    pub expected: u64,
    /// Those that were silent, times frames.
    pub silent: u64,
    /// Those of lost packets, times frames.
    pub unheard: u64,
    /// Contributions of nobody who should be there, times frames.
    pub extra: u64,
}

impl Counts {
    /// Adds another ear's.
    pub fn add(&mut self, other: &Self) {
        self.packets += other.packets;
        self.frames += other.frames;
        self.lost += other.lost;
        self.gaps += other.gaps;
        self.longest_gap = self.longest_gap.max(other.longest_gap);
        self.behind += other.behind;
        self.foreign += other.foreign;
        self.uneven += other.uneven;
        self.expected += other.expected;
        self.silent += other.silent;
        self.unheard += other.unheard;
        self.extra += other.extra;
    }

    /// Contributions that were not heard, as a share of those expected.
    pub fn missing_share(&self) -> f64 {
        (self.silent + self.unheard) as f64 / self.expected.max(1) as f64
    }
}

/// Listens to one player's datagrams.
#[derive(Debug)]
pub struct Ear {
    form: Form,
    last: Option<(SeqNum, MonoTime)>,
    proof: Proof,
    counts: Counts,
    heard_anything: bool,
}

impl Ear {
    /// An ear that has heard nothing.
    pub fn new(form: Form) -> Self {
        Self {
            form,
            last: None,
            proof: Proof::new(form.period.0),
            counts: Counts::default(),
            heard_anything: false,
        }
    }

    /// What was heard while it counted.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Whether audio ever came.
    pub fn heard_anything(&self) -> bool {
        self.heard_anything
    }

    /// Ends a marking of `sent` packets.
    pub fn close_proof(&mut self, sent: u32) -> Proven {
        self.proof.close(sent)
    }

    /// Takes in a datagram from the hub that came at `at`. Any bytes will do; does not allocate.
    pub fn hear(&mut self, at: MonoTime, payload: &[u8], scene: &mut Scene<'_>) -> Word {
        if is_control(payload) {
            return if is_stop(payload) {
                Word::Stop
            } else {
                Word::Audio
            };
        }
        let Some((header, samples)) = self.open(payload) else {
            self.counts.foreign += u64::from(scene.counting);
            return Word::Audio;
        };
        self.heard_anything = true;
        let frames = u32::from(header.frames);
        if !self.take_turn(header.seq, frames, at, scene) {
            return Word::Audio;
        }
        self.listen(samples, frames, at, scene);
        Word::Audio
    }

    /// Header and samples of the newest packet, if it is of our kind.
    fn open<'a>(&self, payload: &'a [u8]) -> Option<(Header, &'a [u8])> {
        let header = Header::parse(payload).ok()?;
        let format = header.format().ok()?;
        let ours = format.rate == self.form.rate
            && format.samples == SampleFormat::I16
            && format.channels == self.form.channels;
        let samples = payload.get(Header::LEN..)?.get(..format.samples_len())?;
        ours.then_some((header, samples))
    }

    /// Counts the packet by its number. `false`: it is not its turn any more.
    fn take_turn(&mut self, seq: SeqNum, frames: u32, at: MonoTime, scene: &mut Scene<'_>) -> bool {
        let Some((last, last_at)) = self.last else {
            self.last = Some((seq, at));
            return true;
        };
        let ahead = seq.since(last);
        if (-STALE..=0).contains(&ahead) {
            self.counts.behind += u64::from(scene.counting);
            return false;
        }
        self.last = Some((seq, at));
        if !(1..=FURTHEST).contains(&ahead) {
            // The hub counts anew.
            self.proof.interrupt();
            return true;
        }
        let lost = ahead as u64 - 1;
        if lost > 0 {
            self.proof.interrupt();
        }
        if scene.counting {
            let lost_frames = lost * u64::from(frames);
            self.counts.lost += lost;
            self.counts.gaps += u64::from(lost > 0);
            self.counts.longest_gap = self.counts.longest_gap.max(lost);
            self.counts.frames += lost_frames;
            self.counts.expected += lost_frames * u64::from(scene.others);
            self.counts.unheard += lost_frames * u64::from(scene.others);
            let due = Frames(frames).duration(self.form.rate) * ahead as u32;
            if let Some(times) = &mut scene.times {
                times.spacing.record(at.since(last_at).abs_diff(due));
            }
        }
        true
    }

    /// Reads the mix.
    fn listen(&mut self, samples: &[u8], frames: u32, at: MonoTime, scene: &mut Scene<'_>) {
        let line = frames as usize * SampleFormat::I16.bytes();
        let mut lines = samples.chunks_exact(line);
        let Some(first) = lines.next() else {
            return;
        };
        let mut heard = self.read_first(first, at, scene);
        let mut uneven = false;
        for other in lines.filter(|other| *other != first) {
            uneven = true;
            let there = read_line(self.form.levels, other, scene.others, |_, _, _| ());
            heard.silent = heard.silent.max(there.silent);
            heard.extra = heard.extra.max(there.extra);
        }
        if scene.counting {
            let Balance { silent, extra } = heard;
            self.counts.packets += 1;
            self.counts.frames += u64::from(frames);
            self.counts.uneven += u64::from(uneven);
            self.counts.expected += u64::from(frames) * u64::from(scene.others);
            self.counts.silent += silent;
            self.counts.extra += extra;
        }
    }

    /// Reads the first channel, in which the marks are looked for as well.
    fn read_first(&mut self, line: &[u8], at: MonoTime, scene: &mut Scene<'_>) -> Balance {
        let Self { form, proof, .. } = self;
        let Scene {
            others,
            marked,
            ref mut times,
            ..
        } = *scene;
        read_line(form.levels, line, others, |symbol, offset, run| {
            let began = at + Frames(offset).duration(form.rate);
            let Some(arrival) = proof.hear(symbol, run, began) else {
                return;
            };
            let sent = marked.get(arrival.packet as usize);
            if let (Some(times), Some(&sent)) = (&mut *times, sent)
                && sent <= arrival.at
            {
                times.delay.record(arrival.at.since(sent));
            }
        })
    }
}

/// Contributions that are missing from a line and that are too many in it, times frames.
#[derive(Debug, Clone, Copy, Default)]
struct Balance {
    silent: u64,
    extra: u64,
}

/// Reads one channel of a packet, two bytes a sample. `each` gets the runs of equal symbols: symbol, first frame, frames.
fn read_line(
    levels: Levels,
    line: &[u8],
    others: u32,
    mut each: impl FnMut(Option<u8>, u32, u32),
) -> Balance {
    let samples = line.as_chunks::<2>().0;
    let (mut low, mut high) = (i16::MAX, i16::MIN);
    for &sample in samples {
        let sample = i16::from_le_bytes(sample);
        (low, high) = (low.min(sample), high.max(sample));
    }
    let mut balance = Balance::default();
    let mut weigh = |players: u32, frames: u64| {
        balance.silent += u64::from(others.saturating_sub(players)) * frames;
        balance.extra += u64::from(players.saturating_sub(others)) * frames;
    };
    let frames = samples.len() as u32;
    if i32::from(high) - i32::from(low) <= i32::from(levels.ripple()) {
        let heard = levels.read(low.midpoint(high));
        weigh(heard.players, u64::from(frames));
        each(heard.symbol, 0, frames);
        return balance;
    }
    let (mut began, mut symbol) = (0, None);
    for (frame, &sample) in (0..).zip(samples) {
        let heard = levels.read(i16::from_le_bytes(sample));
        weigh(heard.players, 1);
        if heard.symbol != symbol && frame > 0 {
            each(symbol, began, frame - began);
            began = frame;
        }
        symbol = heard.symbol;
    }
    each(symbol, began, frames - began);
    balance
}

/// Packets by which one may come too late and still be an old one, not the first of a new numbering.
const STALE: i16 = 100;

/// Packets that can be lost in a row; beyond, a hub has begun to count anew.
const FURTHEST: i16 = 2000;

#[cfg(test)]
mod tests;
