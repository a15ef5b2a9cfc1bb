//! WAV files as the hub's own ears and voice: what is played to the players, and what they play together.
//!
//! ```text
//!   file ──▶ wav-read: at the mix's rate ──▶ ring ──▶ Floor ──▶ ring ──▶ wav-write ──▶ file
//! ```
//! Both begin with the first period that has a player: frame 0 of the one leaves as frame 0 of the other is taken. The
//! hub keeps its own time.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use serde_json::json;

use crate::backend::WavError;
use crate::backend::file::{FileEars, News, Progress, WavInput};
use crate::backend::timer::Ears as _;

use super::floor::Floor;
use super::lanes::Lanes;
use super::report::HubReporter;
use super::settings::{HubSettings, Through};

/// For the thread that paces the floor.
#[derive(Debug)]
pub(super) struct Files {
    ears: FileEars,
    inputs: Vec<Vec<f32>>,
    outputs: Vec<Vec<f32>>,
    /// The same as lanes.
    input: Lanes,
    output: Lanes,
}

impl Files {
    /// Opens those that are wanted, if any are, and starts the threads at the disk. Allocates.
    ///
    /// # Errors
    /// [`WavError`].
    pub(super) fn open(settings: &HubSettings) -> Result<Option<Self>, WavError> {
        let Some(local) = &settings.local else {
            return Ok(None);
        };
        let Through::Files { input, output } = &local.through else {
            return Ok(None);
        };
        let rate = settings.rate;
        let input = input.as_deref().map(WavInput::open).transpose()?;
        let input = input.map(|input| input.converted_to(rate));
        let ears = FileEars::start(
            input,
            output.as_deref(),
            rate,
            local.channels,
            Duration::ZERO,
        )?;
        let silence = vec![vec![0.0; settings.period.get()]; local.channels.get()];
        Ok(Some(Self {
            ears,
            inputs: silence.clone(),
            outputs: silence,
            input: Lanes::new(local.channels, settings.period),
            output: Lanes::new(local.channels, settings.period),
        }))
    }

    /// What to watch meanwhile, and to complete them with.
    pub(super) fn progress(&self) -> Progress {
        self.ears.progress()
    }

    /// One period of the floor. Audio thread: nothing allocates, locks or waits.
    pub(super) fn period(&mut self, floor: &mut Floor) {
        let attended = floor.is_attended();
        self.ears.listen(attended, &mut self.inputs);
        for (lane, input) in self.input.iter_mut().zip(&self.inputs) {
            lane.copy_from_slice(input);
        }
        floor.period(Some((&self.input, &mut self.output)));
        for (output, lane) in self.outputs.iter_mut().zip(self.output.iter()) {
            output.copy_from_slice(lane);
        }
        self.ears.hear(attended, &self.outputs);
    }
}

/// The files, for the control thread.
#[derive(Debug)]
pub(super) struct Playback {
    progress: Progress,
    told: bool,
    /// The output could not be written.
    failed: bool,
}

impl Playback {
    pub(super) fn of(progress: Progress) -> Self {
        Self {
            progress,
            told: false,
            failed: false,
        }
    }

    /// Says when the input has been played, and what becomes of the output.
    pub(super) fn attend(&mut self, reporter: &mut HubReporter) {
        if !self.told && self.progress.done.load(Relaxed) {
            self.told = true;
            reporter.say("input_ended", "the input has been played", json!({}));
        }
        for news in self.progress.news() {
            self.failed |= matches!(news, News::Failed(_));
            let name = match &news {
                News::Renamed { .. } | News::GoesOn { .. } => "output",
                News::Failed(_) => "output_failed",
            };
            let file = news.file().map(|file| file.to_string_lossy());
            reporter.say(name, &news.to_string(), json!({ "file": file }));
        }
    }

    /// Completes the output, once the audio thread has gone. Blocks until the disk has it. False: it could not be written.
    pub(super) fn finish(mut self, reporter: &mut HubReporter) -> bool {
        // An error is in the news, too.
        _ = self.progress.finish();
        self.attend(reporter);
        let lost = self.progress.lost.load(Relaxed);
        if lost > 0 && !self.failed {
            let text = format!("the disk was too slow: {lost} frames are silence in the output");
            reporter.say("output_lost", &text, json!({ "frames": lost }));
        }
        !self.failed
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use assert_no_alloc::assert_no_alloc;
    use farsend_units::{Channels, Frames, SampleRate};

    use super::*;
    use crate::backend::wav;
    use crate::hub::floor::Lines;
    use crate::hub::socket::HubSocket;
    use crate::hub::{LocalSettings, PatchMode};

    fn settings(input: &Path, output: &Path) -> HubSettings {
        HubSettings {
            period: Frames(64),
            patch: PatchMode::Server,
            local: Some(LocalSettings {
                channels: Channels(2),
                through: Through::Files {
                    input: Some(input.to_owned()),
                    output: Some(output.to_owned()),
                },
            }),
            players: 2,
            ..HubSettings::default()
        }
    }

    fn floor(settings: &HubSettings) -> Floor {
        Floor::new(settings, HubSocket::of_many(false), Lines::to_nobody())
    }

    #[test]
    fn files_wait_for_the_first_player_and_a_period_with_them_allocates_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let [input, output] = ["in.wav", "out.wav"].map(|name| folder.path().join(name));
        wav::write(
            &input,
            SampleRate(44_100),
            &[vec![0.5; 44_100], vec![0.25; 44_100]],
        )
        .unwrap();
        let settings = settings(&input, &output);
        let mut floor = floor(&settings);
        let mut files = Files::open(&settings).unwrap().unwrap();
        let progress = files.progress();
        assert_no_alloc(|| {
            for _ in 0..1000 {
                files.period(&mut floor);
            }
        });
        assert!(files.inputs.iter().flatten().all(|sample| *sample == 0.0));
        assert_eq!(progress.played.load(Relaxed), 0);
        drop(files);
        progress.finish().unwrap();
        assert!(!output.exists(), "nobody was there to be recorded");
    }

    #[test]
    fn a_file_of_another_rate_is_played_at_the_mixs() {
        let folder = tempfile::tempdir().unwrap();
        let [input, output] = ["in.wav", "out.wav"].map(|name| folder.path().join(name));
        wav::write(
            &input,
            SampleRate(24_000),
            &[vec![0.5; 24_000], vec![0.25; 24_000]],
        )
        .unwrap();
        let mut files = Files::open(&settings(&input, &output)).unwrap().unwrap();
        let progress = files.progress();
        let mut heard = Vec::new();
        // As if somebody were there; the disk has its own time.
        while !progress.done.load(Relaxed) {
            files.ears.listen(true, &mut files.inputs);
            heard.extend_from_slice(&files.inputs[1]);
            std::thread::yield_now();
        }
        let sounding = heard.iter().filter(|sample| (**sample - 0.25).abs() < 1e-3);
        assert!((47_900..=48_000).contains(&sounding.count()));
    }
}
