//! Level meters: a bar a channel, fast up and slow down.

use std::time::Instant;

use egui::{Rect, Sense, Ui, pos2, vec2};
use farsend_ipc::segment::{Level, Levels};

use super::look;

/// Levels as shown, in dB of full scale.
#[derive(Debug, Default)]
pub(super) struct Meters {
    /// Of each channel to the peer.
    pub(super) sent: Vec<f32>,
    /// Of each channel from the peer.
    pub(super) returned: Vec<f32>,
    drawn: Option<Instant>,
}

impl Meters {
    /// Takes the peaks since the last time; without a session the bars fall.
    pub(super) fn follow(&mut self, levels: Option<&Levels>) {
        let now = Instant::now();
        let since = self
            .drawn
            .replace(now)
            .map_or(1.0, |drawn| (now - drawn).as_secs_f32());
        let fall = since * FALL_DB_PER_SECOND;
        follow(
            &mut self.sent,
            levels.map_or(&[], |levels| &levels.sent),
            fall,
        );
        follow(
            &mut self.returned,
            levels.map_or(&[], |levels| &levels.returned),
            fall,
        );
    }
}

fn follow(shown: &mut Vec<f32>, levels: &[Level], fall: f32) {
    if !levels.is_empty() {
        shown.resize(levels.len(), FLOOR_DB);
    }
    for (i, shown) in shown.iter_mut().enumerate() {
        let peak = levels
            .get(i)
            .map_or(FLOOR_DB, |level| 20.0 * level.take().log10());
        *shown = peak.max(*shown - fall).clamp(FLOOR_DB, 6.0);
    }
}

/// One bar a channel, side by side in height, over the width that there is.
pub(super) fn bars(ui: &mut Ui, levels: &[f32]) {
    const HEIGHT: f32 = 14.0;
    let (whole, response) =
        ui.allocate_exact_size(vec2(ui.available_width(), HEIGHT), Sense::hover());
    let painter = ui.painter();
    painter.rect_filled(whole, 3.0, look::WELL);
    let count = levels.len().max(1);
    // Thin lines between the bars, where there is room for them.
    let (gap, inner) = (if count <= 4 { 1.0 } else { 0.0 }, whole.shrink(2.0));
    let thickness = (inner.height() - gap * (count - 1) as f32) / count as f32;
    for (i, level) in levels.iter().enumerate() {
        let top = inner.top() + i as f32 * (thickness + gap);
        for (from, to, colour) in [
            (FLOOR_DB, -12.0, look::GOOD),
            (-12.0, -1.0, look::WARM),
            (-1.0, 0.0, look::BAD),
        ] {
            let bar = Rect::from_min_max(
                pos2(across(inner, from), top),
                pos2(across(inner, level.min(to)), top + thickness),
            );
            if bar.width() > 0.0 {
                painter.rect_filled(bar, 0.0, colour);
            }
        }
    }
    let loudest = levels.iter().copied().fold(FLOOR_DB, f32::max);
    let words = if loudest > FLOOR_DB {
        format!("{loudest:.1} dB")
    } else {
        "silence".into()
    };
    response.on_hover_text(words);
}

/// Where a level is on the bar: what is loud has more of it.
fn across(inner: Rect, level: f32) -> f32 {
    let part = ((level - FLOOR_DB) / -FLOOR_DB).clamp(0.0, 1.0);
    inner.left() + inner.width() * part
}

const FLOOR_DB: f32 = -60.0;
const FALL_DB_PER_SECOND: f32 = 30.0;
