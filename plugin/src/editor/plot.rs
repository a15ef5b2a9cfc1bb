//! The plot of the last minute: how late packets come, how long audio waits for them, and which were missing.

use egui::{Align2, FontId, Pos2, Rect, Sense, Shape, Stroke, Ui, pos2, vec2};

use super::look;
use crate::history::{History, SPAN};

/// The plot, as wide as there is room. What lies above the line of the queue was not there in time.
pub(super) fn show(ui: &mut Ui, history: &History, height: f32) {
    let colours = look::palette(ui);
    let size = vec2(ui.available_width(), height);
    let (whole, response) = ui.allocate_exact_size(size, Sense::hover());
    let painter = ui.painter().with_clip_rect(whole);
    painter.rect_filled(whole, 3.0, colours.well);
    let plot = Rect::from_min_max(
        whole.min + vec2(SCALE_WIDTH, 8.0),
        whole.max - vec2(8.0, 8.0),
    );
    let most = scale(history.most_ms());
    let at = |age: f32, ms: f32| -> Pos2 {
        pos2(
            plot.right() - plot.width() * age / SPAN.as_secs_f32(),
            plot.bottom() - plot.height() * (ms / most).min(1.0),
        )
    };
    let font = FontId::proportional(10.5);
    for part in 0..=2 {
        let ms = most * part as f32 / 2.0;
        let y = at(0.0, ms).y;
        painter.hline(plot.x_range(), y, Stroke::new(1.0, colours.edge));
        let (place, text) = (pos2(plot.left() - 5.0, y), label(ms));
        painter.text(
            place,
            Align2::RIGHT_CENTER,
            text,
            font.clone(),
            colours.quiet,
        );
    }
    if history.is_empty() {
        let text = "The last minute of jitter and queue is drawn here.";
        painter.text(
            plot.center(),
            Align2::CENTER_CENTER,
            text,
            font,
            colours.quiet,
        );
        return;
    }
    let mut queue = Vec::new();
    for (age, sample) in history.samples() {
        let (top, foot) = (at(age, sample.jitter_ms), at(age, 0.0));
        let colour = colours.accent.gamma_multiply(0.45);
        painter.rect_filled(Rect::from_min_max(top, foot + vec2(BAR, 0.0)), 0.0, colour);
        if sample.missing > 0 {
            let tick = Stroke::new(2.0, colours.bad);
            painter.vline(foot.x + BAR / 2.0, foot.y - 7.0..=foot.y, tick);
        }
        queue.push(at(age, sample.queue_ms) + vec2(BAR / 2.0, 0.0));
    }
    painter.add(Shape::line(queue, Stroke::new(1.5, colours.good)));
    response.on_hover_text(MEANING);
}

/// What the plot's colours are, in a row.
pub(super) fn legend(ui: &mut Ui) {
    let colours = look::palette(ui);
    ui.horizontal(|ui| {
        ui.label(look::heading("The last minute"));
        ui.add_space(8.0);
        ui.spacing_mut().item_spacing.x = 5.0;
        for (colour, name) in [
            (colours.good, "queue"),
            (colours.accent, "jitter"),
            (colours.bad, "missing"),
        ] {
            let (spot, _) = ui.allocate_exact_size(vec2(9.0, 9.0), Sense::hover());
            ui.painter().rect_filled(spot.shrink(0.5), 2.0, colour);
            ui.label(look::heading(name));
            ui.add_space(6.0);
        }
    });
}

/// The end of the scale, in milliseconds: a round number, so that it stays while numbers change a little.
fn scale(most: f32) -> f32 {
    let most = most * 1.15;
    let rounds = [
        2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0,
    ];
    rounds
        .into_iter()
        .find(|round| *round >= most)
        .unwrap_or(5000.0)
}

fn label(ms: f32) -> String {
    if ms.fract() == 0.0 {
        format!("{ms:.0} ms")
    } else {
        format!("{ms:.1} ms")
    }
}

/// Left of the plot, for the numbers.
const SCALE_WIDTH: f32 = 48.0;

/// How wide a sample is.
const BAR: f32 = 3.0;

const MEANING: &str = "The last minute. Blue: how late packets come (99.9 % of them). Green: how long audio waits for them. Red: \
                       packets that were not there in time.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_is_round_and_has_room_above() {
        for (most, end) in [
            (0.0, 2.0),
            (1.7, 2.0),
            (1.8, 5.0),
            (90.0, 200.0),
            (1e9, 5000.0),
        ] {
            assert_eq!(scale(most), end, "{most}");
        }
    }
}
