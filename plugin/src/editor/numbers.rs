//! How well it goes, in numbers.

use egui::{Color32, Grid, RichText, Ui};

use super::look;
use crate::shared::{Setup, View};

/// The statistics, or lines where they would be.
pub(super) fn show(ui: &mut Ui, view: &View, setup: Option<Setup>) {
    let numbers = view.statistics.as_deref();
    let text = |value: Option<String>| value.unwrap_or_else(|| "–".into());
    let count = |value: Option<u64>, bad: Color32| {
        let colour = if value.unwrap_or(0) > 0 {
            bad
        } else {
            look::QUIET
        };
        RichText::new(text(value.map(|n| n.to_string())))
            .monospace()
            .color(colour)
    };
    let plain = |value: Option<String>| RichText::new(text(value)).monospace();
    let queued = numbers.map(|n| {
        let rate = setup.map_or(48_000.0, |setup| setup.rate.0.max(1) as f32);
        let frames = n.queued.0;
        format!("{frames} frames, {:.1} ms", frames as f32 * 1000.0 / rate)
    });
    let trip = numbers
        .and_then(|n| n.round_trip_us)
        .map(|microseconds| format!("{:.1} ms", microseconds as f32 / 1000.0));
    let drift = numbers
        .and_then(|n| n.drift_ppm)
        .map(|ppm| format!("{ppm:+.0} ppm"));

    Grid::new("numbers")
        .num_columns(4)
        .spacing([10.0, 4.0])
        .show(ui, |ui| {
            ui.label(look::quiet("Queued"));
            ui.label(plain(queued));
            ui.end_row();
            ui.label(look::quiet("Round trip"));
            ui.label(plain(trip)).on_hover_text(
            "There and back on the network, without queues. Only another Farsend answers for it.",
        );
            ui.end_row();
            ui.label(look::quiet("Drift"));
            ui.label(plain(drift))
                .on_hover_text("How much faster the peer's clock is than yours.");
            ui.end_row();
        });
    ui.add_space(2.0);
    ui.horizontal(|ui| {
        for (name, value, colour, meaning) in [
            ("Lost", numbers.map(|n| n.lost), look::BAD, LOST),
            ("Late", numbers.map(|n| n.late), look::WARM, LATE),
            ("Dry", numbers.map(|n| n.dry), look::WARM, DRY),
        ] {
            ui.label(look::quiet(name)).on_hover_text(meaning);
            ui.label(count(value, colour)).on_hover_text(meaning);
            ui.add_space(4.0);
        }
    });
}

const LOST: &str = "Packets that never came.";
const LATE: &str = "Packets that came after their turn: a longer queue would wait for them.";
const DRY: &str = "Blocks that had to be filled with less than the audio due.";
