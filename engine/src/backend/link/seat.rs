//! One instance's part in a session: its end of a segment, its channels of the connection, its time line.

use arrayvec::ArrayVec;
use farsend_ipc::segment::{EngineEnd, HostCall, Released, Stretch};
use farsend_units::{Channels, Frames, SampleRate};

use super::CHUNK;
use super::ear::{Ear, Source};
use super::line::TimeLine;
use super::outputs::Outputs;
use crate::settings::MAX_CHANNELS;

/// Which of a connection's channels are an instance's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// The channel of the connection that the instance's first is, from 1; 0: the first, and an instance of one channel is in
    /// the first two alike.
    pub first: Channels,
}

impl Place {
    fn first(self) -> usize {
        self.first.get().saturating_sub(1)
    }

    /// Whether one channel is in two of `there`.
    fn is_middle(self, own: usize, there: usize) -> bool {
        self.first.get() == 0 && own == 1 && there > 1
    }

    /// Adds `frames` of what an instance sends to the connection's channels. What has no place there is left out.
    fn add(self, own: &[Vec<f32>], to: &mut [Vec<f32>], frames: usize) {
        let middle = self.is_middle(own.len(), to.len());
        for (channel, to) in to.iter_mut().skip(self.first()).enumerate() {
            let from = if middle && channel == 1 { 0 } else { channel };
            let Some(from) = own.get(from) else {
                return;
            };
            for (to, from) in to[..frames].iter_mut().zip(from) {
                *to += from;
            }
        }
    }

    /// An instance's channels of the connection's. `own` is room for them.
    pub(super) fn pick<'a>(
        self,
        from: &[&'a [f32]],
        own: &'a mut [Vec<f32>],
        count: usize,
    ) -> ArrayVec<&'a [f32], MAX_CHANNELS> {
        let middle = match (from, own.first_mut()) {
            ([left, right, ..], Some(room)) if self.is_middle(count, from.len()) => {
                (left, right, room)
            }
            _ => {
                let own = from.iter().skip(self.first()).take(count);
                return own.copied().collect();
            }
        };
        let (left, right, room) = middle;
        let frames = left.len().min(room.len());
        for (room, (left, right)) in room.iter_mut().zip(left.iter().zip(*right)) {
            *room = 0.5 * (left + right);
        }
        let room: &'a [f32] = &room[..frames];
        ArrayVec::from_iter([room])
    }

    /// The same, copied into `own`, of which it fills the first `frames`. A single channel is in both of two.
    pub(super) fn copy(self, from: &[&[f32]], own: &mut [Vec<f32>], frames: usize) {
        let middle = self.is_middle(own.len(), from.len());
        let single = self.first.get() == 0 && from.len() == 1 && own.len() == 2;
        for (channel, to) in own.iter_mut().enumerate() {
            let at = if single { 0 } else { self.first() + channel };
            let from_there = from.get(at).copied().unwrap_or_default();
            let length = from_there.len().min(frames);
            to[..length].copy_from_slice(&from_there[..length]);
            to[length..frames].fill(0.0);
            if middle {
                let right = from.get(1).copied().unwrap_or_default();
                for (to, right) in to[..frames].iter_mut().zip(right) {
                    *to = 0.5 * (*to + right);
                }
            }
        }
    }
}

/// One instance's part. Made on a control thread, used by the session's, dropped on a control thread.
#[derive(Debug)]
pub struct Seat {
    id: u64,
    pub(super) end: EngineEnd,
    pub(super) line: TimeLine,
    place: Place,
    send: usize,
    outputs: Outputs,
    /// What it sends or hears, [`CHUNK`] frames at a time.
    lanes: Vec<Vec<f32>>,
    call: HostCall,
}

impl Seat {
    /// For an instance, who is told from others by `id`. Allocates.
    pub fn new(id: u64, end: EngineEnd, place: Place) -> Box<Self> {
        Self::hearing(id, end, place, &[Source::Mix])
    }

    /// The same for one whose outputs hear these at first; all but the first of them are stereo. Allocates.
    pub fn hearing(id: u64, end: EngineEnd, place: Place, sources: &[Source]) -> Box<Self> {
        let config = end.config();
        let (send, receive) = (config.send.get(), config.receive.get());
        // Nobody is to ring but the session's clock.
        end.listen(false);
        Box::new(Self {
            id,
            end,
            line: TimeLine::default(),
            place,
            send,
            outputs: Outputs::new(config.receive, config.rate, sources),
            lanes: vec![vec![0.0; CHUNK]; send.max(receive).max(1)],
            call: HostCall::default(),
        })
    }

    /// Which instance it is of.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// How many outputs it has.
    pub(super) fn outputs(&self) -> usize {
        self.outputs.ears.len()
    }

    /// What an output hears now.
    pub(super) fn source(&self, output: usize) -> Source {
        let ear = self.outputs.ears.get(output);
        ear.map_or(Source::Nothing, Ear::source)
    }

    /// Channels of an output.
    pub(super) fn hears(&self, output: usize) -> usize {
        self.outputs.channels(output).len()
    }

    /// An output hears this from now on.
    pub(super) fn want(&mut self, output: usize, source: Source) {
        if let Some(ear) = self.outputs.ears.get_mut(output) {
            ear.want(source);
        }
    }

    /// The last call, with the session's position; `None` before the first.
    pub(super) fn session_call(&mut self) -> Option<HostCall> {
        self.call = self.end.host_call()?;
        Some(HostCall {
            position: self.line.session(self.call.position),
            ..self.call
        })
    }

    /// Looks at the last calls, the session's and its own. `played`: the session's clock had all it needed.
    pub(super) fn follow(&mut self, lead: &HostCall, rate: SampleRate, played: bool) {
        if let Some(own) = self.end.host_call() {
            let lacked =
                played && self.end.config().receive.0 > 0 && self.end.ahead_of(own.position) < 0;
            self.line.follow(lead, &own, rate, lacked);
            self.call = own;
        }
    }

    /// Adds the next `frames` of its queue to `to`, at most [`CHUNK`]. Gives how many there were, and where on the session's line they begin. For
    /// the session's clock.
    pub(super) fn lead_in(&mut self, to: &mut [Vec<f32>], frames: usize) -> (Frames, u64) {
        let position = self.line.session(self.end.taken());
        let frames = frames.min(CHUNK);
        let taken = {
            let mut lanes = lanes(&mut self.lanes[..self.send], frames);
            self.end.take(&mut lanes)
        };
        clear(to, taken.get());
        self.place.add(&self.lanes[..self.send], to, taken.get());
        (taken, position)
    }

    /// Adds what it sends at the session's `position`. For all but the session's clock.
    pub(super) fn join_in(&mut self, position: u64, to: &mut [Vec<f32>], frames: usize) {
        let Some(at) = self.line.sends_at(position) else {
            return;
        };
        let frames = frames.min(CHUNK);
        let taken = {
            let mut lanes = lanes(&mut self.lanes[..self.send], frames);
            self.end.take_at(at, &mut lanes)
        };
        self.line.note_sent(taken.get() == frames, self.call.block);
        self.place.add(&self.lanes[..self.send], to, taken.get());
    }

    /// Whether it is to be waited for: it is always there for a block, but not yet for that of `frames` from the session's `position`
    /// on.
    pub(super) fn is_awaited(&self, position: u64, frames: Frames) -> bool {
        let end = position.wrapping_add(frames.0.into());
        let lacks = |at: u64| (self.end.sent().wrapping_sub(at) as i64) < 0;
        self.send > 0 && self.line.is_punctual() && self.line.sends_at(end).is_some_and(lacks)
    }

    /// Gives it what comes next of the mix. For the session's clock.
    pub(super) fn release(&mut self, mix: &[&[f32]]) -> Released {
        let own = self.outputs.of_mix(self.place, mix, &mut self.lanes);
        self.end.release(&own)
    }

    /// Gives it what is played at the session's `position` of the mix.
    pub(super) fn release_at(&mut self, position: u64, mix: &[&[f32]]) {
        if let Some(at) = self.line.hears_at(position) {
            let own = self.outputs.of_mix(self.place, mix, &mut self.lanes);
            // What came too late for it is counted.
            let _ = self.end.release_at(at, &own);
        }
    }

    /// The next frames of what [an output hears](Self::source), for [`put_at`](Self::put_at); `None`: that is not there.
    pub(super) fn hear(&mut self, output: usize, heard: Option<&[&[f32]]>, frames: usize) {
        self.outputs
            .hear(output, self.place, heard, &mut self.lanes, frames);
    }

    /// Gives it what all its outputs heard, at the session's `position`.
    pub(super) fn put_at(&mut self, position: u64, frames: usize) {
        if let Some(at) = self.line.hears_at(position) {
            let own = self.outputs.all(&self.lanes, frames);
            let _ = self.end.release_at(at, &own);
        }
    }

    /// How many frames it lacks for its next call, which is like the last one.
    pub(super) fn lacks(&self) -> i64 {
        i64::from(self.call.block.0) - self.end.fill().max(0)
    }

    /// What its host's transport does, with the session's positions; `None`: it does not say, or its place is not known.
    pub(super) fn stretch(&self) -> Option<Stretch> {
        let stretch = self.end.stretch()?;
        _ = self.line.sends_at(0)?;
        Some(Stretch {
            since: self.line.session(stretch.since),
            ..stretch
        })
    }

    /// When it was called last.
    pub(super) fn last_call(&self) -> HostCall {
        self.call
    }
}

/// The first `frames` of each.
fn lanes(lanes: &mut [Vec<f32>], frames: usize) -> ArrayVec<&mut [f32], MAX_CHANNELS> {
    lanes.iter_mut().map(|lane| &mut lane[..frames]).collect()
}

fn clear(channels: &mut [Vec<f32>], frames: usize) {
    channels
        .iter_mut()
        .for_each(|channel| channel[..frames].fill(0.0));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(place: Place, own: &[f32], there: usize) -> Vec<f32> {
        let own: Vec<Vec<f32>> = own.iter().map(|sample| vec![*sample]).collect();
        let mut to = vec![vec![1.0]; there];
        place.add(&own, &mut to, 1);
        to.into_iter().flatten().collect()
    }

    fn picked(place: Place, from: &[f32], count: usize) -> Vec<f32> {
        let from: Vec<&[f32]> = from.iter().map(std::slice::from_ref).collect();
        let mut own = vec![vec![0.0; 4]; count];
        let own = place.pick(&from, &mut own, count);
        own.iter().flat_map(|lane| lane.to_vec()).collect()
    }

    #[test]
    fn an_instance_has_the_channels_from_its_first_on() {
        let at = |first| Place {
            first: Channels(first),
        };
        assert_eq!(sum(at(0), &[2.0, 3.0], 2), [3.0, 4.0]);
        assert_eq!(sum(at(3), &[2.0, 3.0], 4), [1.0, 1.0, 3.0, 4.0]);
        assert_eq!(sum(at(4), &[2.0, 3.0], 4), [1.0, 1.0, 1.0, 3.0]);
        assert_eq!(sum(at(9), &[2.0], 2), [1.0, 1.0]);
        assert_eq!(picked(at(0), &[1.0, 2.0], 2), [1.0, 2.0]);
        assert_eq!(picked(at(3), &[1.0, 2.0, 3.0, 4.0], 2), [3.0, 4.0]);
        assert_eq!(picked(at(4), &[1.0, 2.0, 3.0, 4.0], 2), [4.0]);
        assert_eq!(picked(at(9), &[1.0], 2), [0.0; 0]);
    }

    #[test]
    fn a_player_of_one_channel_is_in_both_of_a_stereo_instance_and_copies_are_as_what_is_picked() {
        let copied = |place: Place, from: &[f32], count: usize| {
            let from: Vec<&[f32]> = from.iter().map(std::slice::from_ref).collect();
            let mut own = vec![vec![9.0; 4]; count];
            place.copy(&from, &mut own, 2);
            let both = own.iter().map(|lane| (lane[0], lane[1]));
            both.map(|(sample, after)| {
                assert_eq!(after, 0.0);
                sample
            })
            .collect::<Vec<_>>()
        };
        assert_eq!(copied(Place::default(), &[2.0], 2), [2.0, 2.0]);
        assert_eq!(copied(Place::default(), &[1.0, 2.0, 9.0], 1), [1.5]);
        assert_eq!(copied(Place::default(), &[1.0, 2.0, 9.0], 2), [1.0, 2.0]);
        let third = Place { first: Channels(3) };
        assert_eq!(copied(third, &[1.0, 2.0, 3.0], 2), [3.0, 0.0]);
        assert_eq!(copied(Place::default(), &[], 2), [0.0, 0.0]);
    }

    #[test]
    fn an_instance_of_one_channel_is_in_the_middle_unless_it_has_a_channel_of_its_own() {
        let own = Place { first: Channels(1) };
        assert_eq!(sum(Place::default(), &[2.0], 2), [3.0, 3.0]);
        assert_eq!(sum(Place::default(), &[2.0], 1), [3.0]);
        assert_eq!(sum(own, &[2.0], 2), [3.0, 1.0]);
        assert_eq!(picked(Place::default(), &[1.0, 2.0, 9.0], 1), [1.5]);
        assert_eq!(picked(Place::default(), &[1.0], 1), [1.0]);
        assert_eq!(picked(own, &[1.0, 2.0], 1), [1.0]);
    }
}
