//! Piano, strings and drums: notes written here, played by fluidsynth with a soundfont.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::lab::need::find_program;

/// What is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clip {
    /// Broken chords and a melody on a grand piano.
    Piano,
    /// Four voices of slow chords.
    Strings,
    /// Kick, snare, hi-hat, toms and a crash.
    Drums,
}

impl Clip {
    /// All of them.
    pub const ALL: [Clip; 3] = [Clip::Piano, Clip::Strings, Clip::Drums];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Clip::Piano => "piano",
            Clip::Strings => "strings",
            Clip::Drums => "drums",
        }
    }

    /// [`SECONDS`] of it at 48 kHz, one channel, with its peak at -3 dB of full scale. Made in `folder`.
    ///
    /// # Errors
    ///
    /// Where fluidsynth or its soundfont is missing or fails.
    pub fn render(self, folder: &Path) -> Result<Vec<f32>> {
        let midi = folder.join(format!("{}.mid", self.name()));
        let wav = folder.join(format!("{}.wav", self.name()));
        std::fs::write(&midi, self.midi())?;
        let mut command = Command::new("fluidsynth");
        command.args(["-n", "-i", "-q", "-g", "0.6", "-r", "48000", "-F"]);
        command.arg(&wav).arg(soundfont().context("no soundfont")?);
        let output = command.arg(&midi).stdin(Stdio::null()).output();
        let output = output.context("cannot run fluidsynth")?;
        ensure!(
            output.status.success() && wav.is_file(),
            "fluidsynth: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let mut reader = hound::WavReader::open(&wav)?;
        ensure!(reader.spec().sample_rate == 48_000 && reader.spec().channels == 2);
        let samples: Vec<f32> = reader
            .samples::<i16>()
            .map(|sample| sample.map(f32::from))
            .collect::<Result<_, _>>()?;
        let mut mono: Vec<f32> = samples
            .chunks_exact(2)
            .map(|pair| pair[0] + pair[1])
            .collect();
        mono.resize(SECONDS * 48_000, 0.0);
        let peak = mono.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        ensure!(peak > 0.0, "fluidsynth has played nothing");
        mono.iter_mut().for_each(|x| *x *= PEAK / peak);
        Ok(mono)
    }

    /// A Standard MIDI File of one track, 480 ticks a quarter, 120 quarters a minute.
    fn midi(self) -> Vec<u8> {
        let (program, channel) = match self {
            Clip::Piano => (0, 0),
            Clip::Strings => (48, 0),
            Clip::Drums => (0, 9),
        };
        let mut events: Vec<(u32, [u8; 3])> = Vec::new();
        for Note {
            at,
            length,
            key,
            velocity,
        } in self.notes()
        {
            events.push((at, [0x90 | channel, key, velocity]));
            events.push((at + length, [0x80 | channel, key, 0]));
        }
        // What ends goes before what begins at the same time.
        events.sort_by_key(|(at, [kind, ..])| (*at, *kind));
        let mut track = vec![0, 0xc0 | channel, program];
        let mut now = 0;
        for (at, message) in events {
            push_variable(&mut track, at - now);
            track.extend(message);
            now = at;
        }
        track.extend([0, 0xff, 0x2f, 0]);
        let mut file = b"MThd\0\0\0\x06\0\0\0\x01\x01\xe0MTrk".to_vec();
        file.extend((track.len() as u32).to_be_bytes());
        file.extend(track);
        file
    }

    fn notes(self) -> Vec<Note> {
        // A minor, F, C, G; two bars... of four quarters each.
        const CHORDS: [[u8; 4]; 4] = [
            [57, 64, 69, 72],
            [53, 60, 69, 72],
            [48, 55, 64, 72],
            [55, 62, 67, 71],
        ];
        const MELODY: [u8; 8] = [76, 74, 72, 74, 76, 79, 77, 74];
        let mut notes = Vec::new();
        let mut add = |at, length, key, velocity| {
            notes.push(Note {
                at,
                length,
                key,
                velocity,
            });
        };
        let end = SECONDS as u32 * 2 * QUARTER;
        for step in 0..end / (QUARTER / 2) {
            let at = step * QUARTER / 2;
            let chord = CHORDS[(step / 8 % 4) as usize];
            match self {
                Clip::Piano => {
                    let key = chord[[0, 1, 2, 3, 2, 1, 2, 3][step as usize % 8]];
                    add(at, QUARTER, key, 60 + (step * 7 % 23) as u8);
                    if step % 3 == 0 {
                        let key = MELODY[(step / 3 % 8) as usize] + 12 * (step / 24 % 2) as u8;
                        add(at, QUARTER * 3 / 2, key, 90);
                    }
                }
                Clip::Strings if step % 8 == 0 => {
                    for key in chord {
                        add(at, 4 * QUARTER - 20, key, 80);
                    }
                    add(at, 2 * QUARTER, MELODY[(step / 8 % 8) as usize], 95);
                    add(
                        at + 2 * QUARTER,
                        2 * QUARTER,
                        MELODY[(step / 8 % 8) as usize] + 3,
                        90,
                    );
                }
                Clip::Strings => {}
                Clip::Drums => {
                    const HAT: u8 = 42;
                    add(at, 60, HAT, 60 + 30 * (step % 2) as u8);
                    match step % 8 {
                        0 | 3 | 5 => add(at, 60, 36, 110),
                        2 | 6 => add(at, 60, 38, 115),
                        7 => add(at, 60, 45 + 2 * (step / 8 % 3) as u8, 100),
                        _ => {}
                    }
                    if step % 32 == 0 {
                        add(at, 60, 49, 100);
                    }
                }
            }
        }
        notes
    }
}

struct Note {
    /// Ticks.
    at: u32,
    length: u32,
    key: u8,
    velocity: u8,
}

/// A number as MIDI files write them: seven bits a byte, the highest first.
fn push_variable(to: &mut Vec<u8>, number: u32) {
    for shift in [21, 14, 7] {
        if number >> shift > 0 {
            to.push((number >> shift) as u8 & 0x7f | 0x80);
        }
    }
    to.push(number as u8 & 0x7f);
}

/// Whether clips can be made here.
pub fn can_be_rendered() -> bool {
    find_program("fluidsynth").is_some() && soundfont().is_some()
}

fn soundfont() -> Option<PathBuf> {
    let fonts = ["FluidR3_GM.sf2", "default-GM.sf2"];
    let folder = Path::new("/usr/share/sounds/sf2");
    fonts
        .into_iter()
        .map(|name| folder.join(name))
        .find(|font| font.is_file())
}

/// Of every clip.
pub const SECONDS: usize = 24;

/// -3 dB.
const PEAK: f32 = 0.708;

/// Ticks.
const QUARTER: u32 = 480;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_midi_wants_them() {
        for (number, bytes) in [
            (0, &[0][..]),
            (127, &[127]),
            (128, &[0x81, 0]),
            (16_384, &[0x81, 0x80, 0]),
        ] {
            let mut written = Vec::new();
            push_variable(&mut written, number);
            assert_eq!(written, bytes, "{number}");
        }
    }

    #[test]
    fn every_note_that_begins_ends_and_all_within_the_clip() {
        for clip in Clip::ALL {
            let notes = clip.notes();
            assert!(notes.len() > 40, "{}", clip.name());
            assert!(notes.iter().all(|note| note.key < 128 && note.length > 0));
            let midi = clip.midi();
            assert!(midi.starts_with(b"MThd") && midi.ends_with(&[0, 0xff, 0x2f, 0]));
        }
    }
}
