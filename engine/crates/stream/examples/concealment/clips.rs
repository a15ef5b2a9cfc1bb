//! The music: three short pieces as MIDI files, rendered by fluidsynth with a soundfont.

use std::error::Error;
use std::path::Path;
use std::process::Command;

use farsend_netsim::Random;

pub const RATE: u32 = 48_000;

/// One piece: its name and what it is played on.
pub struct Clip {
    pub name: &'static str,
    program: u8,
    channel: u8,
    notes: fn(&mut Score),
}

pub const CLIPS: [Clip; 3] = [
    Clip {
        name: "piano",
        program: 0,
        channel: 0,
        notes: piano,
    },
    Clip {
        name: "strings",
        program: 48,
        channel: 0,
        notes: strings,
    },
    Clip {
        name: "drums",
        program: 0,
        channel: 9,
        notes: drums,
    },
];

impl Clip {
    /// The clip as one channel of 16 bit samples; `dry` leaves fluidsynth's reverberation and chorus out.
    pub fn render(
        &self,
        soundfont: &str,
        dry: bool,
        seconds: u32,
    ) -> Result<Vec<f32>, Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let (midi, wav) = (
            folder.path().join("clip.mid"),
            folder.path().join("clip.wav"),
        );
        let mut score = Score::default();
        (self.notes)(&mut score);
        std::fs::write(&midi, score.midi(self.program, self.channel))?;
        let effects = if dry { "0" } else { "1" };
        let done = Command::new("fluidsynth")
            .args([
                "-n",
                "-i",
                "-q",
                "-g",
                "0.8",
                "-R",
                effects,
                "-C",
                effects,
                "-O",
                "s16",
                "-r",
                &RATE.to_string(),
                "-F",
            ])
            .args([&wav as &Path, Path::new(soundfont), &midi])
            .output()
            .map_err(|error| format!("fluidsynth: {error}"))?;
        if !wav.exists() {
            return Err(format!("fluidsynth: {}", String::from_utf8_lossy(&done.stderr)).into());
        }
        let mut reader = hound::WavReader::open(&wav)?;
        let samples: Vec<i16> = reader.samples::<i16>().collect::<Result<_, _>>()?;
        let left = samples.iter().step_by(reader.spec().channels.into());
        Ok(left
            .map(|sample| f32::from(*sample) / 32_768.0)
            .take((seconds * RATE) as usize)
            .collect())
    }
}

/// Notes in ticks of 1 / 480 s (a crotchet is a second's half).
#[derive(Default)]
struct Score(Vec<(u32, bool, u8, u8)>);

impl Score {
    fn note(&mut self, at: u32, length: u32, key: u8, velocity: u8) {
        self.0.push((at, true, key, velocity));
        self.0.push((at + length, false, key, 0));
    }

    /// A MIDI file of one track: 240 ticks a crotchet at the tempo of 120.
    fn midi(mut self, program: u8, channel: u8) -> Vec<u8> {
        self.0.sort_by_key(|(at, on, ..)| (*at, *on));
        let mut track = vec![0, 0xc0 | channel, program];
        let mut now = 0;
        for (at, on, key, velocity) in self.0 {
            let wait = at - now;
            now = at;
            if wait >= 128 {
                if wait >= 1 << 14 {
                    track.push(0x80 | (wait >> 14) as u8);
                }
                track.push(0x80 | (wait >> 7) as u8);
            }
            track.push((wait & 127) as u8);
            track.extend([if on { 0x90 } else { 0x80 } | channel, key, velocity]);
        }
        track.extend([0, 0xff, 0x2f, 0]);
        let mut file = b"MThd\0\0\0\x06\0\0\0\x01\0\xf0MTrk".to_vec();
        file.extend((track.len() as u32).to_be_bytes());
        file.extend(track);
        file
    }
}

/// Chords as roots and thirds, a bar (2 s) each.
const CHORDS: [[u8; 3]; 4] = [[48, 52, 55], [45, 48, 52], [41, 45, 48], [43, 47, 50]];
const SCALE: [u8; 7] = [0, 2, 4, 5, 7, 9, 11];

fn piano(score: &mut Score) {
    let mut random = Random::new(11);
    for bar in 0..16u32 {
        let chord = CHORDS[(bar % 4) as usize];
        for (i, key) in [0, 1, 2, 1, 0, 1, 2, 1].into_iter().enumerate() {
            let at = bar * 960 + i as u32 * 120;
            score.note(at, 230, chord[key], 58 + random.below(16) as u8);
        }
        score.note(bar * 960, 900, chord[0] - 12, 76);
        let mut at = 0;
        while at < 960 {
            let length = [120, 240, 240, 360][random.below(4) as usize].min(960 - at);
            let key = 72 + SCALE[random.below(7) as usize];
            score.note(bar * 960 + at, length, key, 70 + random.below(30) as u8);
            at += length;
        }
    }
}

fn strings(score: &mut Score) {
    let mut random = Random::new(12);
    for bar in 0..16u32 {
        let chord = CHORDS[(bar % 4) as usize];
        for key in chord {
            score.note(bar * 960, 940, key + 12, 74);
        }
        score.note(bar * 960, 940, chord[0] - 12, 84);
        let mut at = 0;
        while at < 960 {
            let length = [240, 480][random.below(2) as usize].min(960 - at);
            let key = 72 + SCALE[random.below(7) as usize];
            score.note(
                bar * 960 + at,
                length + 20,
                key,
                76 + random.below(20) as u8,
            );
            at += length;
        }
    }
}

fn drums(score: &mut Score) {
    let mut random = Random::new(13);
    for bar in 0..16u32 {
        for eighth in 0..8u32 {
            let at = bar * 960 + eighth * 120;
            score.note(
                at,
                60,
                if eighth == 7 { 46 } else { 42 },
                60 + random.below(35) as u8,
            );
            if eighth % 4 == 0 || random.chance(0.15) {
                score.note(at, 60, 36, 100);
            }
            if eighth % 4 == 2 {
                score.note(at, 60, 38, 95 + random.below(20) as u8);
            }
        }
        if bar % 4 == 3 {
            for (i, key) in [50, 48, 47, 45, 43, 41].into_iter().enumerate() {
                score.note(bar * 960 + 720 + i as u32 * 40, 60, key, 90);
            }
        }
        if bar % 4 == 0 {
            score.note(bar * 960, 200, 49, 90);
        }
    }
}
