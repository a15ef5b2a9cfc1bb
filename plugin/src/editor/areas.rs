//! Where things are in the window.

use egui::{Rect, Stroke, Ui, UiBuilder, pos2, vec2};

use super::look;

/// The parts of the window, with room around their contents.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Areas {
    whole: Rect,
    pub(super) header: Rect,
    pub(super) sent: Rect,
    pub(super) middle: Rect,
    pub(super) returned: Rect,
    pub(super) foot: Rect,
}

impl Areas {
    /// Of a window that is this large.
    pub(super) fn of(whole: Rect) -> Self {
        let Rect { min, max } = whole;
        let (top, bottom) = (min.y + BAR, (max.y - BAR).max(min.y + BAR));
        let (left, right) = (min.x + STRIP, (max.x - STRIP).max(min.x + STRIP));
        let area =
            |x0, y0, x1, y1, room| Rect::from_min_max(pos2(x0, y0), pos2(x1, y1)).shrink2(room);
        let (bar, strip) = (vec2(12.0, 8.0), vec2(6.0, 10.0));
        Self {
            whole,
            header: area(min.x, min.y, max.x, top, bar),
            sent: area(min.x, top, left, bottom, strip),
            middle: area(left, top, right, bottom, vec2(12.0, 10.0)),
            returned: area(right, top, max.x, bottom, strip),
            foot: area(min.x, bottom, max.x, max.y, bar),
        }
    }

    /// The ground, and lines between the parts.
    pub(super) fn paint(&self, ui: &Ui) {
        let (colours, painter) = (look::palette(ui), ui.painter());
        painter.rect_filled(self.whole, 0.0, colours.ground);
        let line = Stroke::new(1.0, colours.edge);
        let Rect { min, max } = self.whole;
        for y in [min.y + BAR, max.y - BAR] {
            painter.hline(min.x..=max.x, y, line);
        }
        for x in [min.x + STRIP, max.x - STRIP] {
            painter.vline(x, min.y + BAR..=max.y - BAR, line);
        }
    }
}

/// Shows something in a part of the window, and nothing of it outside.
pub(super) fn within(ui: &mut Ui, area: Rect, contents: impl FnOnce(&mut Ui)) {
    ui.scope_builder(UiBuilder::new().max_rect(area), |ui| {
        ui.shrink_clip_rect(area.expand(AROUND));
        contents(ui);
    });
}

/// How high the bars at head and foot are.
const BAR: f32 = 40.0;
/// How wide the strips at the sides are.
const STRIP: f32 = 100.0;
/// For frames of what the keyboard is at.
const AROUND: f32 = 4.0;
