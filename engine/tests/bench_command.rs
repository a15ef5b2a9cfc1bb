//! `farsend bench network` at the command line.

use std::process::{Command, Output};

use serde_json::Value;

#[test]
fn the_list_names_every_scenario_and_says_what_it_stands_for() {
    let output = bench(&["--list"]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().count() > 10);
    assert!(
        text.lines()
            .any(|line| line.starts_with("loss  ") && line.contains("3 % lost"))
    );
}

#[test]
fn what_is_heard_is_written_and_scored() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("heard");
    let out = out.to_str().unwrap();
    let output = bench(&["-s", "clean", "--seconds", "4", "--json", "--out", out]);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    for line in lines {
        assert_eq!(line["scenario"], "clean");
        assert_eq!([&line["dry"], &line["late"], &line["lost"]], [0, 0, 0]);
        assert_eq!(line["remarks"], serde_json::json!([]));
        assert!(
            line["signal_to_error_db"].as_f64().unwrap() > 75.0,
            "{line}"
        );
    }
    for name in ["sent.wav", "clean.there.wav", "clean.back.wav"] {
        let wav = hound::WavReader::open(folder.path().join("heard").join(name)).unwrap();
        assert!(wav.duration() >= 4 * 48_000, "{name}");
    }
    // And what was written can be played again.
    let sent = folder.path().join("heard/sent.wav");
    let again = bench(&["-s", "clean", "--json", "--input", sent.to_str().unwrap()]);
    assert_eq!(String::from_utf8(again.stdout).unwrap(), text);
}

#[test]
fn delays_of_ones_own_are_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("monday.csv");
    std::fs::write(&trace, "# mine\n20\n21\n20\n").unwrap();
    let output = bench(&["--trace", trace.to_str().unwrap(), "--seconds", "4"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        text.lines()
            .filter(|line| line.starts_with("monday "))
            .count(),
        2,
        "{text}"
    );
    assert_eq!(text.lines().count(), 3, "only the trace: {text}");
}

#[test]
fn a_scenario_is_drawn_and_no_picture_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("wet & <windy>.csv");
    std::fs::write(&trace, "20\n21\nlost\n60\n20\n").unwrap();
    let pictures = folder.path().join("pictures");
    let arguments = ["--trace", trace.to_str().unwrap(), "--seconds", "4", "-p"];
    let arguments = [&arguments[..], &[pictures.to_str().unwrap()]].concat();
    for name in ["wet & <windy>.svg", "wet & <windy> (2).svg"] {
        let output = bench(&arguments);
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        let svg = std::fs::read_to_string(pictures.join(name)).unwrap();
        assert!(svg.starts_with("<svg xmlns") && svg.ends_with("</svg>\n"));
        assert!(svg.contains("wet &amp; &lt;windy&gt;: "), "{svg}");
        for class in ["late", "depth", "lost", "concealed"] {
            // In the legend, and in both directions.
            let drawn = svg.matches(&format!(r#"class="{class}""#)).count();
            assert!(drawn >= 3, "{class}: {drawn}");
        }
        assert!(svg.contains("there: ") && svg.contains("back: "));
    }
}

#[test]
fn what_the_numbers_do_not_say_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let gone = folder.path().join("gone.trace");
    std::fs::write(&gone, "lost\n").unwrap();
    let silent = folder.path().join("silent.wav");
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(&silent, spec).unwrap();
    (0..4 * 48_000).for_each(|_| wav.write_sample(0i16).unwrap());
    wav.finalize().unwrap();
    let (gone, silent) = (gone.to_str().unwrap(), silent.to_str().unwrap());
    for (arguments, said) in [
        (
            ["--trace", gone, "--seconds", "4"],
            "back: nothing was heard, since all",
        ),
        (
            ["--input", silent, "-s", "clean"],
            "back: what is played is silent",
        ),
        (["--seconds", "6", "-s", "drift-step"], "give 13 s or more"),
    ] {
        let output = bench(&arguments);
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        let table = String::from_utf8(output.stdout).unwrap();
        assert!(table.contains(said) && !table.contains("NaN"), "{table}");
        let output = bench(&[&arguments[..], &["--json"]].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        let remark = last["remarks"][0].as_str().unwrap();
        assert!(remark.contains(said), "{last}");
    }
}

#[test]
fn bad_input_is_named_and_ends_with_its_own_code() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let text = file("text.wav", b"no audio at all");
    let bad = file("bad.trace", b"10\nten\n");
    let empty = file("empty.trace", b"");
    let short = folder.path().join("short.wav");
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(&short, spec).unwrap();
    (0..480).for_each(|i| wav.write_sample(i as i16).unwrap());
    wav.finalize().unwrap();
    for (arguments, code, says) in [
        (["-s", "heaven"], 2, "There are: clean"),
        (["--seconds", "1"], 2, "4..=3600"),
        (["--input", "/nowhere.wav"], 8, "/nowhere.wav"),
        (["--input", &text], 8, "no WAV file"),
        (["--input", short.to_str().unwrap()], 8, "480 frames"),
        (["--trace", "/nowhere.trace"], 8, "/nowhere.trace"),
        (["--trace", &bad], 8, "line 2: `ten`"),
        (["--trace", &empty], 8, "no packets"),
    ] {
        let output = bench(&arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert!(
            errors(&output).contains(says),
            "{arguments:?}: {}",
            errors(&output)
        );
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
    let output = bench(&[
        "-s",
        "clean",
        "--seconds",
        "4",
        "--out",
        &format!("{text}/x"),
    ]);
    assert_eq!(output.status.code(), Some(8));
    assert!(errors(&output).contains("cannot make the folder"));
}

fn bench(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_farsend"));
    command.args(["bench", "network"]).args(arguments);
    command.output().expect("it was just built")
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
