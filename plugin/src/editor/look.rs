//! Colours and spacing: dark and neutral, so that it sits beside any host.

use egui::{
    Color32, Context, CornerRadius, FontId, Frame, Margin, RichText, Stroke, TextStyle, Ui,
    Visuals, vec2,
};

use crate::situation::Tone;

/// Behind everything.
pub(super) const GROUND: Color32 = Color32::from_rgb(28, 29, 31);
/// Behind what belongs together.
const CARD: Color32 = Color32::from_rgb(37, 38, 41);
/// Behind what can be typed into, and meters.
pub(super) const WELL: Color32 = Color32::from_rgb(20, 21, 22);
const EDGE: Color32 = Color32::from_rgb(56, 58, 62);
const TEXT: Color32 = Color32::from_rgb(222, 223, 226);
/// Text that only explains.
pub(super) const QUIET: Color32 = Color32::from_rgb(152, 155, 161);
/// What can be acted on.
pub(super) const ACCENT: Color32 = Color32::from_rgb(83, 141, 196);
/// As it should be.
pub(super) const GOOD: Color32 = Color32::from_rgb(98, 178, 116);
/// On the way, or loud.
pub(super) const WARM: Color32 = Color32::from_rgb(216, 172, 84);
/// To be dealt with, or too loud.
pub(super) const BAD: Color32 = Color32::from_rgb(214, 98, 88);

/// Between groups.
pub(super) const GAP: f32 = 8.0;

/// Lays this look over everything that `context` shows.
pub(super) fn apply(context: &Context) {
    context.all_styles_mut(|style| {
        let mut visuals = Visuals::dark();
        visuals.panel_fill = GROUND;
        visuals.window_fill = CARD;
        visuals.extreme_bg_color = WELL;
        visuals.override_text_color = Some(TEXT);
        visuals.selection.bg_fill = ACCENT.gamma_multiply(0.7);
        visuals.selection.stroke = Stroke::new(1.0, TEXT);
        let widgets = &mut visuals.widgets;
        for widget in [
            &mut widgets.noninteractive,
            &mut widgets.inactive,
            &mut widgets.hovered,
            &mut widgets.active,
            &mut widgets.open,
        ] {
            widget.corner_radius = CornerRadius::same(4);
            widget.expansion = 0.0;
        }
        widgets.inactive.weak_bg_fill = Color32::from_rgb(52, 54, 58);
        widgets.inactive.bg_fill = Color32::from_rgb(52, 54, 58);
        widgets.hovered.weak_bg_fill = Color32::from_rgb(64, 67, 72);
        widgets.hovered.bg_stroke = Stroke::new(1.0, EDGE);
        widgets.active.weak_bg_fill = ACCENT.gamma_multiply(0.6);
        style.visuals = visuals;
        style.spacing.item_spacing = vec2(8.0, 6.0);
        style.spacing.button_padding = vec2(10.0, 4.0);
        style.spacing.interact_size.y = 24.0;
        for (kind, size) in [
            (TextStyle::Heading, 19.0),
            (TextStyle::Body, 13.5),
            (TextStyle::Button, 13.5),
            (TextStyle::Small, 11.5),
        ] {
            style.text_styles.insert(kind, FontId::proportional(size));
        }
        style
            .text_styles
            .insert(TextStyle::Monospace, FontId::monospace(12.5));
    });
}

/// What belongs together, under a small title.
pub(super) fn card<R>(ui: &mut Ui, title: &str, contents: impl FnOnce(&mut Ui) -> R) -> R {
    let frame = Frame::new()
        .fill(CARD)
        .stroke(Stroke::new(1.0, EDGE))
        .corner_radius(6)
        .inner_margin(Margin::same(10));
    frame
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            if !title.is_empty() {
                ui.label(RichText::new(title).color(QUIET).small());
            }
            contents(ui)
        })
        .inner
}

/// The colour of a situation.
pub(super) fn colour(tone: Tone) -> Color32 {
    match tone {
        Tone::Neutral => QUIET,
        Tone::Waiting => WARM,
        Tone::Good => GOOD,
        Tone::Bad => BAD,
    }
}

/// Text that only explains.
pub(super) fn quiet(text: impl Into<String>) -> RichText {
    RichText::new(text).color(QUIET)
}
