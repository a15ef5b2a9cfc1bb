//! The disk thread of a session's takes: what the [tap](super::Tap) hands over becomes files.
//!
//! ```text
//!   the host rolls       ├──────────── take ────────────┤
//!   sent                 ├──────────────────────────────┤            its file is written as it goes
//!   their packets              ├───── what was played to it ─────┤   come a loop later; the file begins and ends as the
//!                                                                    one that was sent does
//!                        recording                      finishing    done; what is still fetched is put in afterwards
//! ```

mod open;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use farsend_ipc::message::{Take, TakeState};
use farsend_ipc::segment::Stretch;
use farsend_units::SampleRate;
use farsend_wire::jacktrip::Format;
use parking_lot::Mutex;

use super::bend;
use super::book::Book;
use super::leftovers::sweep;
use super::place::{Pair, Place};
use super::tap::{Drain, Note, Way};
use super::track::{self, Disks, PeerTrack, Track};
use super::underway::Underway;
use crate::record::Moment;

/// What takes are called, and where they go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setup {
    pub(super) rate: SampleRate,
    /// Of this session.
    pub(super) folder: PathBuf,
    pub(super) session: String,
    /// Who is at the far end, by what stays: whoever renders finds their takes by it, also once they call themselves otherwise.
    pub(super) player: String,
    /// Whether what is sent has a file, too.
    pub(super) keeps_send: bool,
}

/// What the far end calls itself, for the files that are made from then on.
pub(super) type Called = Arc<Mutex<String>>;

/// Owns the files.
#[derive(Debug)]
pub(super) struct Clerk {
    drain: Drain,
    setup: Setup,
    /// What the far end calls itself; empty: as the setup says.
    called: Called,
    book: Arc<Book>,
    /// The present stream last, and some before it.
    streams: Vec<Stream>,
    /// Where on our time line what was sent was.
    spans: VecDeque<Span>,
    stretch: Option<Stretch>,
    takes: Vec<OpenTake>,
    packets: VecDeque<Packet>,
    packet_bytes: usize,
    blocks: VecDeque<Block>,
    block_frames: usize,
    /// Up to where things were sent.
    now: i64,
    next_checkpoint: Instant,
    disks: Disks,
    /// The last that could not be made, and none was since.
    refused: Option<Take>,
    /// It is waited for.
    _underway: Underway,
}

/// A stream of the far end's.
#[derive(Debug)]
struct Stream {
    id: u32,
    format: Format,
    /// The first number that came, and the one after the newest.
    numbers: Option<(i64, i64)>,
    place: Place,
    /// Since when, on our time line.
    since: i64,
}

/// Sent frames whose places on our time line go on evenly.
#[derive(Debug, Clone, Copy)]
struct Span {
    frame: i64,
    position: i64,
    frames: i64,
}

#[derive(Debug)]
struct Packet {
    stream: u32,
    number: i64,
    way: Way,
    samples: Vec<u8>,
}

/// A block that was sent, planar.
#[derive(Debug)]
struct Block {
    position: i64,
    lanes: Vec<Vec<f32>>,
}

/// A take that is recorded, or that something may still come for.
#[derive(Debug)]
struct OpenTake {
    number: u32,
    moment: Moment,
    /// Of our time line, and of the host's.
    since: i64,
    timeline: u64,
    /// Whether the host records meanwhile.
    recording: bool,
    ends: Option<(i64, Instant)>,
    send: Option<Track>,
    peers: Vec<PeerTrack>,
    /// A file of it could not be made: no other is tried.
    failed: bool,
    /// How many of its files could not be written to the end, as it was told.
    troubles: usize,
    done: bool,
}

impl Clerk {
    /// With nothing recorded yet.
    pub(super) fn new(drain: Drain, setup: Setup, book: Arc<Book>) -> Self {
        Self {
            drain,
            setup,
            called: Called::default(),
            book,
            streams: Vec::new(),
            spans: VecDeque::new(),
            stretch: None,
            takes: Vec::new(),
            packets: VecDeque::new(),
            packet_bytes: 0,
            blocks: VecDeque::new(),
            block_frames: 0,
            now: 0,
            next_checkpoint: Instant::now() + CHECKPOINT_EVERY,
            disks: track::real,
            refused: None,
            _underway: Underway::begin(),
        }
    }

    /// Who looks up in here what the far end calls itself.
    pub(super) fn naming(self, called: Called) -> Self {
        Self { called, ..self }
    }

    /// On other disks than real ones.
    #[cfg(test)]
    pub(super) fn on(self, disks: Disks) -> Self {
        Self { disks, ..self }
    }

    /// Works until the tap has gone; then completes what there is.
    pub(super) fn run(mut self) {
        sweep(&self.setup.folder);
        loop {
            // Looked at first: what was handed over before is taken then.
            let ended = self.drain.notes.is_abandoned();
            self.attend(Instant::now());
            if ended && self.drain.notes.is_empty() {
                break;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        self.finish();
    }

    /// Takes in what was handed over, and sees to the files.
    pub(super) fn attend(&mut self, at: Instant) {
        for _ in 0..self.drain.notes.slots() {
            let Ok(note) = self.drain.notes.pop() else {
                break;
            };
            self.take_in(note, at);
        }
        self.open_files();
        let due = at >= self.next_checkpoint;
        if due {
            self.next_checkpoint = at + CHECKPOINT_EVERY;
        }
        for index in 0..self.takes.len() {
            self.tend(index, at, due);
        }
        self.takes.retain(|take| !take.is_over(at));
    }

    /// Completes what there is, at once.
    pub(super) fn finish(&mut self) {
        let now = self.now;
        let at = Instant::now();
        for take in &mut self.takes {
            _ = take.ends.get_or_insert((now, at));
        }
        self.open_files();
        for index in 0..self.takes.len() {
            self.settle(index, at, true);
        }
    }

    fn take_in(&mut self, note: Note, at: Instant) {
        Underway::step();
        match note {
            Note::Stream(format) => self.begin_stream(format),
            Note::Packet { number, bytes, way } => self.packet(number, bytes as usize, way),
            Note::Sent {
                position,
                frame,
                frames,
            } => self.sent(position as i64, frame, frames as usize),
            Note::Stretch(stretch) => self.stretch(stretch, at),
            Note::Heard { captured, heard } => {
                let position = self.sent_at(heard);
                if let (Some(stream), Some(position)) = (self.streams.last_mut(), position) {
                    let captured = captured as f64;
                    stream.place.note_exact(Pair { captured, position });
                }
            }
            Note::Looped {
                lag,
                position,
                played,
            } => {
                if let Some(stream) = self.streams.last_mut() {
                    stream.place.note_loop(lag, position as i64 as f64, played);
                }
            }
            Note::Came {
                position,
                end,
                beyond,
                drift,
            } => {
                if let Some(stream) = self.streams.last_mut() {
                    let position = position as i64 as f64;
                    stream
                        .place
                        .note_came(position, end as f64, f64::from(beyond));
                    stream.place.note_drift(drift.unwrap_or(0.0));
                }
            }
        }
    }

    fn begin_stream(&mut self, format: Format) {
        let id = self.streams.last().map_or(0, |stream| stream.id + 1);
        let ratio = f64::from(self.setup.rate.0) / f64::from(format.rate.0.max(1));
        self.streams.push(Stream {
            id,
            format,
            numbers: None,
            place: Place::new(ratio),
            since: self.now,
        });
        let kept = self.streams.len().saturating_sub(MOST_STREAMS);
        self.streams.drain(..kept);
    }

    fn packet(&mut self, number: i64, bytes: usize, way: Way) {
        let Ok(chunk) = self.drain.bytes.read_chunk(bytes) else {
            return;
        };
        let samples: Vec<u8> = chunk.into_iter().collect();
        let Some(stream) = self.streams.last_mut() else {
            return;
        };
        let (first, end) = stream.numbers.unwrap_or((number, number));
        stream.numbers = Some((first.min(number), end.max(number + 1)));
        let id = stream.id;
        for track in self.takes.iter_mut().flat_map(|take| &mut take.peers) {
            if track.stream == id {
                track.packet(number, &samples, way);
            }
        }
        self.packet_bytes += samples.len();
        self.packets.push_back(Packet {
            stream: id,
            number,
            way,
            samples,
        });
        let most =
            self.setup.rate.0 as usize * 4 * RECENT_S * usize::from(stream.format.channels.0);
        while self.packet_bytes > most.min(MOST_RECENT)
            && let Some(old) = self.packets.pop_front()
        {
            self.packet_bytes -= old.samples.len();
        }
    }

    fn sent(&mut self, position: i64, frame: Option<i64>, frames: usize) {
        let channels = self.drain.channels;
        let Ok(chunk) = self.drain.floats.read_chunk(frames * channels) else {
            return;
        };
        let samples: Vec<f32> = chunk.into_iter().collect();
        let lanes: Vec<Vec<f32>> = samples
            .chunks_exact(frames.max(1))
            .map(<[f32]>::to_vec)
            .collect();
        if let Some(frame) = frame {
            self.note_span(frame, position, frames as i64);
        }
        self.now = position.saturating_add(frames as i64);
        let block = Block { position, lanes };
        for take in &mut self.takes {
            take.sent(&block);
        }
        self.block_frames += frames;
        self.blocks.push_back(block);
        while self.block_frames > self.setup.rate.0 as usize * RECENT_S
            && let Some(old) = self.blocks.pop_front()
        {
            self.block_frames -= old.lanes.first().map_or(0, Vec::len);
        }
    }

    fn note_span(&mut self, frame: i64, position: i64, frames: i64) {
        let last = self.spans.back_mut();
        match last.filter(|last| {
            frame == last.frame + last.frames && position == last.position + last.frames
        }) {
            Some(last) => last.frames += frames,
            None => self.spans.push_back(Span {
                frame,
                position,
                frames,
            }),
        }
        if self.spans.len() > MOST_SPANS {
            self.spans.pop_front();
        }
    }

    /// Where on our time line a sent frame was.
    fn sent_at(&self, frame: f64) -> Option<f64> {
        let span = self.spans.iter().rev().find(|span| {
            let into = frame - span.frame as f64;
            into >= 0.0 && into <= span.frames as f64
        })?;
        Some(span.position as f64 + (frame - span.frame as f64))
    }

    fn stretch(&mut self, stretch: Stretch, at: Instant) {
        if let Some(last) = self.stretch.replace(stretch).filter(|last| last.rolling) {
            let gone = stretch.since.wrapping_sub(last.since) as i64;
            let evenly = last
                .timeline
                .saturating_add(gone)
                .abs_diff(stretch.timeline)
                <= 2;
            if stretch.rolling && evenly && stretch.recording == last.recording {
                // Another instance's word for the same.
                self.stretch = Some(last);
                return;
            }
            for take in &mut self.takes {
                _ = take.ends.get_or_insert((stretch.since as i64, at));
            }
        }
        if stretch.rolling {
            // What is before the beginning of the timeline has no time stamp.
            let before = (-stretch.timeline).max(0);
            self.takes.push(OpenTake {
                number: 0,
                moment: Moment::now(),
                since: (stretch.since as i64).saturating_add(before),
                timeline: stretch.timeline.max(0).unsigned_abs(),
                recording: stretch.recording,
                ends: None,
                send: None,
                peers: Vec::new(),
                failed: false,
                troubles: 0,
                done: false,
            });
        }
    }

    fn tend(&mut self, index: usize, at: Instant, checkpoint: bool) {
        let take = &mut self.takes[index];
        if checkpoint && !take.done {
            take.send.iter_mut().for_each(Track::checkpoint);
            take.peers
                .iter_mut()
                .for_each(|track| track.track.checkpoint());
        }
        let troubles = take.troubles();
        if std::mem::replace(&mut take.troubles, troubles) < troubles {
            take.tell(&self.book);
        }
        let Some((end, ended)) = take.ends else {
            if checkpoint {
                self.count(index);
                self.takes[index].tell(&self.book);
            }
            return;
        };
        let gone = at.saturating_duration_since(ended);
        if !take.done {
            let came = self.streams.last().is_none_or(|stream| {
                let fit = stream.place.fit(take.since as f64, end as f64);
                let there = stream.numbers.map_or(0, |(_, next)| next);
                let there = there.saturating_mul(i64::from(stream.format.period.0));
                fit.is_none_or(|fit| fit.captured(end as f64) <= there as f64)
            });
            if gone > TAIL || (came && gone > SHORT_TAIL) {
                self.settle(index, at, false);
            }
        } else if checkpoint {
            // Something may have been fetched.
            self.count(index);
            let take = &mut self.takes[index];
            take.peers.iter_mut().for_each(|track| track.track.close());
            take.tell(&self.book);
        }
    }

    fn count(&mut self, index: usize) {
        let Self { takes, streams, .. } = self;
        for track in &mut takes[index].peers {
            let stream = streams.iter().find(|stream| stream.id == track.stream);
            if let Some((first, end)) = stream.and_then(|stream| stream.numbers) {
                track.count(first, end);
            }
        }
    }

    /// The take is over, and its files get their last place.
    fn settle(&mut self, index: usize, now: Instant, at_once: bool) {
        let take = &mut self.takes[index];
        let Some((end, ended)) = take.ends.filter(|_| !take.done) else {
            return;
        };
        let length = (end - take.since).max(0).unsigned_abs();
        if let Some(send) = &mut take.send {
            send.settle(length, take.timeline);
            send.close();
            if !send.has_failed() {
                send.take.state = TakeState::Done;
            }
        }
        let mut waits = false;
        for at in 0..take.peers.len() {
            Underway::step();
            let track = &mut take.peers[at];
            if track.is_sealed() {
                // Another of the same take was still waited for.
                continue;
            }
            let stream = self.streams.iter().find(|stream| stream.id == track.stream);
            let fit = stream.and_then(|it| it.place.fit(take.since as f64, end as f64));
            let (Some(stream), Some(fit)) = (stream, fit) else {
                // Many streams ago: it stays where it was thought to belong.
                track.settle_as_it_is(length, take.timeline, self.setup.rate);
                continue;
            };
            let whole = Whole {
                since: take.since,
                end,
                timeline: take.timeline,
            };
            track.end_at(fit.captured(end as f64).ceil() as i64);
            let (first, next) = stream.numbers.unwrap_or_default();
            track.count(first, next);
            let missing = track.track.take.missing > 0;
            track.track.take.placement = fit.placement();
            let straight = is_straight(track, self.setup.rate);
            let shift = fit
                .shift(take.since as f64, end as f64)
                .filter(|_| straight);
            match shift.and_then(|shift| whole.begins(track.first, shift)) {
                Some(begins) => {
                    let shift = shift.unwrap_or(0);
                    let frames = (end - shift - track.first).max(0).unsigned_abs();
                    track.end_at(end - shift);
                    track.track.settle(frames, begins);
                    track.track.close();
                }
                // What is bent cannot take in what is fetched afterwards.
                None if missing
                    && !at_once
                    && now.saturating_duration_since(ended) < FETCH_PATIENCE =>
                {
                    waits = true;
                    track.track.take.state = TakeState::Finishing;
                    continue;
                }
                None => {
                    let at = bend::Range {
                        since: take.since,
                        end,
                        timeline: take.timeline,
                    };
                    bend::bend(&mut track.track, track.first, &fit, at, self.setup.rate);
                    track.seal();
                }
            }
            if !track.track.has_failed() {
                track.track.take.state = TakeState::Done;
            }
        }
        take.done = !waits;
        take.tell(&self.book);
    }
}

impl OpenTake {
    fn sent(&mut self, block: &Block) {
        let Some(track) = &mut self.send else {
            return;
        };
        let frames = block.lanes.first().map_or(0, Vec::len) as i64;
        let end = self.ends.map_or(i64::MAX, |(end, _)| end);
        let kept = (end - block.position).clamp(0, frames) as usize;
        let lanes: Vec<&[f32]> = block.lanes.iter().map(|lane| &lane[..kept]).collect();
        track.write(block.position - self.since, &lanes);
    }

    fn troubles(&self) -> usize {
        let peers = self.peers.iter().map(|track| &track.track);
        let tracks = self.send.iter().chain(peers);
        tracks.filter(|track| track.has_failed()).count()
    }

    fn tell(&self, book: &Book) {
        let peers = self.peers.iter().map(|track| &track.track);
        for track in self.send.iter().chain(peers) {
            book.tell(track.take.clone());
        }
    }

    /// Nothing more comes for it.
    fn is_over(&self, at: Instant) -> bool {
        let ended = self
            .ends
            .map(|(_, ended)| at.saturating_duration_since(ended));
        let nothing = self.send.is_none() && self.peers.is_empty();
        let whole = self
            .peers
            .iter()
            .all(|track| track.is_sealed() || track.track.take.missing == 0);
        ended
            .is_some_and(|gone| gone > KEPT_FOR || (self.done && whole) || (nothing && gone > TAIL))
    }
}

/// A take's place on our time line and on the host's.
struct Whole {
    since: i64,
    end: i64,
    timeline: u64,
}

impl Whole {
    /// Where on the host's timeline a file begins that begins with this frame of a stream; `None`: before there is any.
    fn begins(&self, first: i64, shift: i64) -> Option<u64> {
        let into = first.saturating_add(shift).saturating_sub(self.since);
        (into < self.end)
            .then(|| self.timeline.checked_add_signed(into))
            .flatten()
    }
}

fn is_straight(track: &PeerTrack, rate: SampleRate) -> bool {
    track.format.rate == rate
}

/// How often the rings are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How much a take loses if the engine is killed.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(2);
/// How long what was played to the end of a take may be on its way, ...
const TAIL: Duration = Duration::from_secs(3);
/// ... and how long it is waited for packets that overtook each other.
const SHORT_TAIL: Duration = Duration::from_millis(300);
/// How long a take that has to be bent waits for what is fetched, ...
const FETCH_PATIENCE: Duration = Duration::from_secs(10);
/// ... and how long one that is not can take it in.
const KEPT_FOR: Duration = Duration::from_secs(60);
/// Seconds of what has come that are kept for files that are not there yet, ...
const RECENT_S: usize = 4;
/// ... in so many bytes at most.
const MOST_RECENT: usize = 64 << 20;
const MOST_STREAMS: usize = 8;
const MOST_SPANS: usize = 4096;
