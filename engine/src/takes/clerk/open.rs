//! The files of a take: made when it is known what goes into them and where they belong.

use farsend_ipc::message::{Placement, Take};
use farsend_units::{Channels, SampleRate};

use super::{Clerk, OpenTake, Setup};
use crate::record::{Depth, Head};
use crate::takes::names::{self, Label};
use crate::takes::place::Fit;
use crate::takes::track::{Disks, PeerTrack, Track, at_least_one, depth, draft, scaled};

impl Clerk {
    /// Creates the files that are due.
    pub(super) fn open_files(&mut self) {
        for index in 0..self.takes.len() {
            let take = &self.takes[index];
            let end = take.ends.map_or(self.now, |(end, _)| end);
            let length = end - take.since;
            if take.failed || take.done || length < i64::from(self.setup.rate.0 / SHORTEST) {
                continue;
            }
            if take.number == 0 {
                let take = &mut self.takes[index];
                let numbers = &self.book.numbers;
                let (folder, since) = (&self.setup.folder, take.since);
                take.number = numbers.of(folder, since, take.timeline, take.recording);
            }
            if self.setup.keeps_send && self.takes[index].send.is_none() {
                self.open_send(index);
            }
            self.open_peer(index);
        }
    }

    fn open_send(&mut self, index: usize) {
        let channels = Channels(u8::try_from(self.drain.channels).unwrap_or(u8::MAX));
        let take = &mut self.takes[index];
        let made = create(
            (self.disks, &self.setup),
            take,
            Draft {
                player: SEND,
                called: SEND,
                label: Label::SEND,
                rate: self.setup.rate,
                begins: take.timeline,
                channels,
                depth: Depth::Float32,
                placement: Placement::Sent,
            },
        );
        match made {
            Ok(track) => take.send = Some(track),
            Err(failed) => return self.refuse(index, failed),
        }
        self.refused = None;
        for block in &self.blocks {
            take.sent(block);
        }
        take.tell(&self.book);
    }

    /// A file for the present stream, once it is known where it belongs; or by the last that is known.
    fn open_peer(&mut self, index: usize) {
        let Some(stream) = self.streams.last() else {
            return;
        };
        let take = &self.takes[index];
        let known = take.peers.iter().any(|track| track.stream == stream.id);
        let ended = take.ends.is_some();
        let begun = take.since.max(stream.since);
        let soon = self.now - begun < i64::from(self.setup.rate.0) * PATIENCE_MS / 1000;
        if take.failed || known || stream.numbers.is_none() || (soon && !ended) {
            return;
        }
        let end = take.ends.map_or(self.now, |(end, _)| end);
        if stream.since > end {
            return;
        }
        let Some(fit) = stream.place.fit(take.since as f64, end as f64) else {
            return;
        };
        let first = first_frame(&fit, take.since, end);
        let (id, format, begins) = (stream.id, stream.format, take.timeline);
        let take = &mut self.takes[index];
        let called = self.called.lock().clone();
        let made = create(
            (self.disks, &self.setup),
            take,
            Draft {
                player: &self.setup.player,
                called: match called.trim() {
                    "" => &self.setup.player,
                    called => called,
                },
                label: Label::RETURN,
                rate: format.rate,
                begins: scaled(begins, format.rate, self.setup.rate),
                channels: format.channels,
                depth: depth(format.samples),
                placement: fit.placement(),
            },
        );
        match made {
            Ok(track) => {
                let mut track = PeerTrack::new(track, id, format, first);
                for packet in self.packets.iter().filter(|packet| packet.stream == id) {
                    track.packet(packet.number, &packet.samples, packet.way);
                }
                take.peers.push(track);
                self.refused = None;
            }
            Err(failed) => self.refuse(index, failed),
        }
    }

    /// A file could not be made: nothing more is tried for this take. Told in one place of the list for as long as it goes on for the same reason.
    fn refuse(&mut self, index: usize, failed: Take) {
        self.takes[index].failed = true;
        let path = match self.refused.take() {
            Some(last) if last.state == failed.state => last.path,
            _ => failed.path.clone(),
        };
        let told = Take { path, ..failed };
        self.refused = Some(told.clone());
        self.book.tell(told);
    }
}

/// What a new file is to be.
struct Draft<'a> {
    /// Whom it is of, for those who render.
    player: &'a str,
    /// What they are called, for people.
    called: &'a str,
    label: Label,
    rate: SampleRate,
    begins: u64,
    channels: Channels,
    depth: Depth,
    placement: Placement,
}

fn create(
    (disks, setup): (Disks, &Setup),
    take: &OpenTake,
    file: Draft<'_>,
) -> Result<Track, Take> {
    let name = names::name(&setup.session, file.called, take.number, &take.moment);
    let name = names::free(&setup.folder, &name);
    let head = Head {
        rate: file.rate,
        channels: at_least_one(file.channels),
        depth: file.depth,
        description: file.label.describe(take.number, file.player),
        reference: names::reference(take.number, &take.moment),
        begins: take.moment.clone(),
        time_reference: file.begins,
        history: String::new(),
    };
    let take = Take {
        placement: file.placement,
        ..draft(take.number, file.called, file.rate, file.begins)
    };
    Track::create(disks(&setup.folder), &setup.folder, name, head, take)
}

/// The frame of a stream that a file begins with whose take begins at `since`.
fn first_frame(fit: &Fit, since: i64, end: i64) -> i64 {
    match fit.shift(since as f64, end as f64) {
        Some(shift) => since - shift,
        None => fit.captured(since as f64).floor() as i64,
    }
}

/// What the file of what was sent is called.
const SEND: &str = "send";
/// A part of a second: what is shorter is no take, but somebody looking for a place.
const SHORTEST: u32 = 10;
/// How long it is waited, after a take or a stream begins, for the far end to say where it belongs.
const PATIENCE_MS: i64 = 1500;
