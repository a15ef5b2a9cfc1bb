//! What came of a scenario, for people and for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::network::Traffic;
use super::take::Outcome;

/// The line above the rows. With `scores` the columns that say how it sounds.
pub fn head(scores: bool) -> String {
    let mut line = format!(
        "{:<16}{:>6}{:>7}{:>7}{:>7}{:>9}{:>9}{:>9}{:>22}{:>17}{:>6}",
        "scenario",
        "way",
        "dry",
        "late",
        "lost",
        "repaired",
        "conceal",
        "skipped",
        "delay ms",
        "depth ms",
        "more"
    );
    if scores {
        _ = write!(
            line,
            "{:>9}{:>8}{:>9}{:>12}",
            "S/E dB", "middle", "log-mel", "clicks/min"
        );
    }
    line
}

/// One direction of a scenario: dry blocks, late, lost and repaired packets, concealed and skipped frames; the mean delay with
/// its least and greatest, the mean depth of the queue with the greatest; bytes beyond the audio's.
pub fn row(name: &str, way: &str, outcome: &Outcome, scores: bool) -> String {
    let Outcome {
        score,
        counts,
        depth_ms: (depth, deepest),
        delays_ms: (longest, shortest),
        ..
    } = outcome;
    let mut line = format!(
        "{name:<16}{way:>6}{:>7}{:>7}{:>7}{:>9}{:>9}{:>9}{:>22}{:>17}{:>6}",
        counts.dry,
        counts.late,
        counts.lost,
        counts.repaired,
        counts.concealed,
        counts.skipped,
        if shortest.is_finite() {
            format!("{:.1} ({shortest:.1}-{longest:.1})", score.mean_delay())
        } else {
            // Not one half second of it is what was sent.
            "-".to_owned()
        },
        format!("{depth:.1} (-{deepest:.1})"),
        format!("{:.0}%", outcome.overhead() * 100.0),
    );
    if scores {
        // Silence cannot be scored.
        let told = |number: f64, decimals: usize| match number {
            number if number.is_nan() => "-".to_owned(),
            number => format!("{number:.decimals$}"),
        };
        _ = write!(
            line,
            "{:>9}{:>8}{:>9}{:>12}",
            told(score.signal_to_error, 1),
            told(score.middle, 1),
            told(score.log_mel, 2),
            told(score.clicks_per_minute(), 1),
        );
    }
    line
}

/// What the numbers do not say by themselves, if there is such a thing: nothing arrived, or nothing was played.
pub fn remark(way: &str, outcome: &Outcome) -> Option<String> {
    let Traffic {
        datagrams, lost, ..
    } = outcome.traffic;
    if datagrams == 0 {
        return Some(format!(
            "{way}: nothing was sent, since nothing came from the other end"
        ));
    }
    if lost == datagrams {
        return Some(format!(
            "{way}: nothing was heard, since all {datagrams} datagrams were lost"
        ));
    }
    let is_silent = outcome.score.signal_to_error.is_nan();
    is_silent.then(|| format!("{way}: what is played is silent, so there is nothing to score"))
}

/// The same for a program, with what is to be said about it.
pub fn as_json(name: &str, way: &str, outcome: &Outcome, remarks: &[String]) -> Value {
    let Outcome { score, counts, .. } = outcome;
    json!({
        "event": "scenario",
        "scenario": name,
        "way": way,
        "dry": counts.dry,
        "late": counts.late,
        "lost": counts.lost,
        "revived": counts.revived,
        "repaired": counts.repaired,
        "concealed_frames": counts.concealed,
        "skipped_frames": counts.skipped,
        "reanchored": counts.reanchored,
        "delay_ms": score.mean_delay(),
        "least_delay_ms": outcome.delays_ms.1,
        "greatest_delay_ms": outcome.delays_ms.0,
        "depth_ms": outcome.depth_ms.0,
        "greatest_depth_ms": outcome.depth_ms.1,
        "drift_ppm": outcome.drift_ppm,
        "datagrams": outcome.traffic.datagrams,
        "datagrams_lost": outcome.traffic.lost,
        "overhead": outcome.overhead(),
        "signal_to_error_db": score.signal_to_error,
        "middle_db": score.middle,
        "log_mel_db": score.log_mel,
        "clicks_per_minute": score.clicks_per_minute(),
        "remarks": remarks,
    })
}
