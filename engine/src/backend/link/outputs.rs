//! One instance's outputs: the first as wide as its track, and maybe more for a player each, two channels wide.

use std::ops::Range;

use arrayvec::ArrayVec;
use farsend_units::{Channels, SampleRate};

use super::CHUNK;
use super::ear::{Ear, Source};
use super::seat::Place;
use crate::settings::MAX_CHANNELS;

/// What each of them hears. Made on a control thread; then nothing allocates.
#[derive(Debug)]
pub(super) struct Outputs {
    pub(super) ears: Box<[Ear]>,
    /// Channels of the first.
    first: usize,
}

impl Outputs {
    /// As many as there are sources, of so many channels together. Allocates.
    pub(super) fn new(channels: Channels, rate: SampleRate, sources: &[Source]) -> Self {
        let more = sources.len().saturating_sub(1) * STEREO;
        let first = channels.get().saturating_sub(more);
        let width = |output| if output == 0 { first } else { STEREO };
        let sources = sources.iter().enumerate();
        let ear = |(output, source): (usize, &Source)| {
            Ear::new(Channels(width(output) as u8), rate, *source)
        };
        Self {
            ears: sources.map(ear).collect(),
            first,
        }
    }

    /// Which of the instance's channels an output has.
    pub(super) fn channels(&self, output: usize) -> Range<usize> {
        match output {
            0 => 0..self.first,
            more => {
                let begin = self.first + (more - 1) * STEREO;
                begin..begin + STEREO
            }
        }
    }

    /// What an output hears next, put into its channels of `lanes`; `None`: that is not there.
    pub(super) fn hear(
        &mut self,
        output: usize,
        place: Place,
        heard: Option<&[&[f32]]>,
        lanes: &mut [Vec<f32>],
        frames: usize,
    ) {
        let channels = self.channels(output);
        let (Some(ear), Some(lanes)) = (self.ears.get_mut(output), lanes.get_mut(channels)) else {
            return;
        };
        let frames = frames.min(CHUNK);
        // A session's channels are those of the mix, and of the first output.
        let place = match ear.source() {
            Source::Mix if output == 0 => place,
            _ => Place::default(),
        };
        place.copy(heard.unwrap_or_default(), lanes, frames);
        ear.hear(lanes, frames, heard.is_some());
    }

    /// What all hear next where there is nothing but the mix. `lanes` is room for it.
    pub(super) fn of_mix<'a>(
        &mut self,
        place: Place,
        mix: &[&'a [f32]],
        lanes: &'a mut [Vec<f32>],
    ) -> ArrayVec<&'a [f32], MAX_CHANNELS> {
        let frames = mix.first().map_or(0, |lane| lane.len());
        if let [ear] = &*self.ears
            && ear.is_plain()
        {
            return place.pick(mix, lanes, self.first);
        }
        for output in 0..self.ears.len() {
            let heard = Some(mix).filter(|_| self.ears[output].source() == Source::Mix);
            self.hear(output, place, heard, lanes, frames);
        }
        self.all(lanes, frames)
    }

    /// The first `frames` of each channel.
    pub(super) fn all<'a>(
        &self,
        lanes: &'a [Vec<f32>],
        frames: usize,
    ) -> ArrayVec<&'a [f32], MAX_CHANNELS> {
        let count = self.channels(self.ears.len().saturating_sub(1)).end;
        let lanes = lanes.iter().take(count.min(MAX_CHANNELS));
        lanes.map(|lane| &lane[..frames.min(CHUNK)]).collect()
    }
}

/// Channels of each output but the first.
const STEREO: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_output_has_the_channels_that_the_others_leave() {
        let sources = [Source::Mix, Source::Nothing, Source::Mix];
        let mut outputs = Outputs::new(Channels(6), SampleRate::HZ_48000, &sources);
        let ranges: Vec<_> = (0..3).map(|output| outputs.channels(output)).collect();
        assert_eq!(ranges, [0..2, 2..4, 4..6]);
        let mut lanes = vec![vec![9.0; CHUNK]; 6];
        let (left, right) = (vec![0.5; 64], vec![0.25; 64]);
        let place = Place { first: Channels(2) };
        let heard = outputs.of_mix(place, &[&left, &right], &mut lanes);
        let heard: Vec<f32> = heard.iter().map(|lane| lane[63]).collect();
        // The first one's from the session's second channel on.
        assert_eq!(heard, [0.25, 0.0, 0.0, 0.0, 0.5, 0.25]);
        // Fewer channels than there are outputs for.
        let outputs = Outputs::new(Channels(1), SampleRate::HZ_48000, &sources);
        assert_eq!(outputs.channels(0), 0..0);
    }
}
