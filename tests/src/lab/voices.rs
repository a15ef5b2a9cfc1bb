//! Players who each send a constant, so that it can be told who is heard by how loud it is.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::Machine;
use super::farsend::Farsend;

/// The clock of a hub with such players: long periods at a low rate, as the machine may be busy.
pub const CLOCK: &[&str] = &["--rate", "22050", "--period", "256"];
const RATE: u32 = 22_050;

/// A Farsend that joins the hub on this machine from this UDP port, and sends this level for a minute.
///
/// # Panics
///
/// If it does not start.
pub fn join(machine: &Machine, name: &str, level: f32, port: u16) -> Farsend {
    let port = port.to_string();
    let input = machine.path(&format!("{name}.wav"));
    constant(&input, level);
    let input = input.to_str().expect("plain text");
    let words = [
        "join",
        "127.0.0.1",
        "--name",
        name,
        "--input",
        input,
        "--bind-port",
        &port,
    ];
    Farsend::start_without_jack(machine, name, &[&words, CLOCK].concat())
}

/// A minute of it.
fn constant(path: &Path, level: f32) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = hound::WavWriter::create(path, spec).expect("the test's folder is writable");
    for _ in 0..60 * RATE {
        let sample = (level * 32_767.0) as i16;
        file.write_sample(sample).expect("there is room");
    }
    file.finalize().expect("there is room");
}

/// Whether what this one said of what it hears, after so many of its statistics, was as loud as these levels together.
pub fn heard(output: &str, after: usize, levels: &[f32]) -> bool {
    let expected = decibels(levels);
    let lines = output
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    let lines = lines.filter(|line: &Value| line["event"] == "statistics");
    lines.skip(after).any(|line| {
        let heard = line["level_in_db"][0]
            .as_f64()
            .map_or(-120.0, |db| db as f32);
        (heard - expected).abs() < 1.0 || heard.max(expected) < -60.0
    })
}

/// Waits until what this one hears is as loud as these levels together.
///
/// # Panics
///
/// If it never is.
#[track_caller]
pub fn hears(player: &mut Farsend, levels: &[f32], limit: Duration) {
    let what = format!("hear {levels:?}, {:.1} dB", decibels(levels));
    let seen = player.events("statistics").len();
    let is_so = |output: &str| heard(output, seen, levels);
    player.running.wait_until(&what, limit, is_so);
}

fn decibels(levels: &[f32]) -> f32 {
    20.0 * levels.iter().sum::<f32>().max(1e-6).log10()
}
