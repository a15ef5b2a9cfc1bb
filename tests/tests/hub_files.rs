//! A hub without JACK whose own input and output are WAV files.

use std::path::Path;
use std::time::Duration;

use farsend_tests::lab::farsend::Farsend;
use farsend_tests::lab::hub::join;
use farsend_tests::lab::{Machine, on_a_private_machine};
use farsend_tests::signal::{Tone, listen_to_tone};
use hound::{SampleFormat, WavReader, WavSpec, WavWriter};
use nix::sys::signal::Signal;

const LIMIT: Duration = Duration::from_secs(20);

/// Writes some seconds of a sine, in two channels.
fn sine(path: &Path, rate: u32, hertz: f64, seconds: u32) {
    let spec = WavSpec {
        channels: 2,
        sample_rate: rate,
        bits_per_sample: 24,
        sample_format: SampleFormat::Int,
    };
    let mut file = WavWriter::create(path, spec).expect("the test's folder is writable");
    for frame in 0..rate * seconds {
        let phase = f64::from(frame) * hertz / f64::from(rate) * std::f64::consts::TAU;
        for _ in 0..2 {
            let sample = (phase.sin() * 0.5 * f64::from(1 << 23)) as i32;
            file.write_sample(sample).expect("there is room");
        }
    }
    file.finalize().expect("there is room");
}

/// How much of a file's first channel is this sine.
fn tone(path: &Path, hertz: u32) -> Tone {
    let mut file = WavReader::open(path).expect("a whole file was written");
    let spec = file.spec();
    assert_eq!(spec.channels, 2);
    let samples = file.samples::<f32>().step_by(2);
    let samples: Result<Vec<f32>, _> = samples.collect();
    let tone = listen_to_tone(&samples.expect("it is whole"), hertz, spec.sample_rate);
    println!("{}: {tone:?}", path.display());
    tone
}

fn is_heard(tone: &Tone, hertz: f64) -> bool {
    tone.seconds >= 0.5 && (tone.hertz - hertz).abs() < hertz / 100.0
}

/// A hub whose input is a sine of 440 Hz at another rate than the mix's, and one who plays 660 Hz there.
fn play(machine: &Machine, options: &[&str]) -> [std::path::PathBuf; 2] {
    let [input, output, take, back] =
        ["input", "output", "take", "back"].map(|name| machine.path(name).with_extension("wav"));
    sine(&input, 44_100, 440.0, 3);
    sine(&take, 48_000, 660.0, 3);
    let text = |path: &Path| path.display().to_string();
    let files = [
        "--input".into(),
        text(&input),
        "--output".into(),
        text(&output),
    ];
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let words = [&["hub", "--period", "256", "-q", "8"], options, &files].concat();
    let mut hub = Farsend::start_without_jack(machine, "hub", &words);
    hub.wait_for_event("started", 1, LIMIT);
    let (take, heard) = (text(&take), text(&back));
    let ann = ["--name", "ann", "--period", "256", "-q", "8"];
    let words = join(&[&ann[..], &["--input", &take, "--record", &heard]].concat());
    let mut ann = Farsend::start_without_jack(machine, "ann", &words);
    assert_eq!(ann.running.wait_exit_code(LIMIT), 0);
    hub.wait_for_event("input_ended", 1, LIMIT);
    hub.running.signal(Signal::SIGTERM);
    assert_eq!(hub.running.wait_exit_code(LIMIT), 0);
    [output, back]
}

#[test]
fn players_hear_the_hubs_file_at_its_pitch_and_are_recorded_there_and_hear_nothing_of_themselves() {
    on_a_private_machine(&[], |machine| {
        let [output, back] = play(machine, &["-p", "server"]);
        assert!(is_heard(&tone(&back, 440), 440.0));
        assert!(is_heard(&tone(&output, 660), 660.0));
        assert!(
            !is_heard(&tone(&output, 440), 440.0),
            "the hub itself is not in it"
        );
    });
}

#[test]
fn with_i_the_file_is_one_more_player() {
    on_a_private_machine(&[], |machine| {
        let [output, back] = play(machine, &["-i"]);
        assert!(is_heard(&tone(&back, 440), 440.0));
        assert!(!is_heard(&tone(&back, 660), 660.0));
        assert!(is_heard(&tone(&output, 660), 660.0));
    });
}

#[test]
fn files_that_cannot_be_had_and_files_of_a_hub_that_takes_no_part_are_named() {
    on_a_private_machine(&[], |machine| {
        let missing = machine.path("missing.wav").display().to_string();
        for (words, code, said) in [
            (vec!["-i", "--input", &missing], 8, "missing.wav"),
            (
                vec!["-i", "--output", "/proc/no/out.wav"],
                8,
                "cannot record",
            ),
            (vec!["--output", &missing], 2, "add -i"),
        ] {
            let words = [vec!["hub"], words].concat();
            let mut hub = Farsend::start_without_jack(machine, "hub", &words);
            assert_eq!(hub.running.wait_exit_code(LIMIT), code, "{words:?}");
            let output = hub.running.output();
            assert!(output.contains(said), "{words:?}: {output}");
        }
    });
}
