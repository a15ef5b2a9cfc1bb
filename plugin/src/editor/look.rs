//! Colours, sizes and spacing, in the dark and in the light.

use egui::{
    Align, Color32, Context, CornerRadius, FontId, Frame, Layout, Margin, RichText, Shadow, Stroke,
    TextStyle, Theme, Ui, Visuals, vec2,
};

use crate::situation::Tone;
use crate::user;

/// The colours of one of the two looks. One of them, the accent, marks what can be acted on; three say how things are.
#[derive(Debug)]
pub(super) struct Palette {
    /// Behind everything.
    pub(super) ground: Color32,
    /// Behind what belongs together.
    pub(super) card: Color32,
    /// Behind what can be typed into, meters and plots.
    pub(super) well: Color32,
    /// Of buttons.
    pub(super) button: Color32,
    /// Around cards and between them.
    pub(super) edge: Color32,
    /// Of text.
    pub(super) text: Color32,
    /// Of text that only explains.
    pub(super) quiet: Color32,
    /// What can be acted on.
    pub(super) accent: Color32,
    /// Of text on the accent.
    pub(super) on_accent: Color32,
    /// As it should be.
    pub(super) good: Color32,
    /// On the way, or loud.
    pub(super) warm: Color32,
    /// To be dealt with, or too loud.
    pub(super) bad: Color32,
}

const DARK: Palette = Palette {
    ground: Color32::from_rgb(27, 28, 30),
    card: Color32::from_rgb(36, 37, 40),
    well: Color32::from_rgb(19, 20, 21),
    button: Color32::from_rgb(54, 56, 60),
    edge: Color32::from_rgb(56, 58, 62),
    text: Color32::from_rgb(226, 227, 230),
    quiet: Color32::from_rgb(156, 159, 165),
    accent: Color32::from_rgb(64, 124, 182),
    on_accent: Color32::from_rgb(250, 251, 253),
    good: Color32::from_rgb(96, 178, 116),
    warm: Color32::from_rgb(220, 174, 84),
    bad: Color32::from_rgb(222, 100, 88),
};

const LIGHT: Palette = Palette {
    ground: Color32::from_rgb(233, 234, 236),
    card: Color32::from_rgb(248, 248, 249),
    well: Color32::from_rgb(222, 224, 227),
    button: Color32::from_rgb(218, 220, 224),
    edge: Color32::from_rgb(203, 206, 210),
    text: Color32::from_rgb(30, 32, 36),
    quiet: Color32::from_rgb(92, 97, 105),
    accent: Color32::from_rgb(36, 100, 166),
    on_accent: Color32::from_rgb(255, 255, 255),
    good: Color32::from_rgb(40, 136, 70),
    warm: Color32::from_rgb(160, 102, 0),
    bad: Color32::from_rgb(186, 52, 44),
};

/// The colours that `ui` is drawn in.
pub(super) fn palette(ui: &Ui) -> &'static Palette {
    if ui.visuals().dark_mode {
        &DARK
    } else {
        &LIGHT
    }
}

/// Between groups.
pub(super) const GAP: f32 = 8.0;

/// Of everything that can be pressed or typed into.
pub(super) const HEIGHT: f32 = 24.0;

/// Lays both looks over everything that `context` shows.
pub(super) fn apply(context: &Context) {
    context.style_mut_of(Theme::Dark, |style| {
        style.visuals = visuals(Visuals::dark(), &DARK);
    });
    context.style_mut_of(Theme::Light, |style| {
        style.visuals = visuals(Visuals::light(), &LIGHT);
    });
    context.all_styles_mut(|style| {
        style.spacing.item_spacing = vec2(8.0, 6.0);
        style.spacing.button_padding = vec2(10.0, 4.0);
        style.spacing.interact_size.y = HEIGHT;
        style.animation_time = 0.0;
        for (kind, size) in [
            (TextStyle::Heading, 20.0),
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

/// Chooses one of them.
pub(super) fn choose(context: &Context, theme: user::Theme) {
    context.set_theme(match theme {
        user::Theme::Dark => Theme::Dark,
        user::Theme::Light => Theme::Light,
    });
}

fn visuals(mut visuals: Visuals, colours: &Palette) -> Visuals {
    visuals.panel_fill = colours.ground;
    visuals.window_fill = colours.card;
    visuals.window_stroke = Stroke::new(1.0, colours.edge);
    visuals.popup_shadow = Shadow::NONE;
    visuals.extreme_bg_color = colours.well;
    visuals.text_edit_bg_color = Some(colours.well);
    visuals.faint_bg_color = colours.well.gamma_multiply(0.5);
    visuals.weak_text_color = Some(colours.quiet);
    visuals.warn_fg_color = colours.warm;
    visuals.error_fg_color = colours.bad;
    visuals.hyperlink_color = colours.accent;
    visuals.selection.bg_fill = colours.accent;
    visuals.selection.stroke = Stroke::new(1.0, colours.on_accent);
    visuals.slider_trailing_fill = true;
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
        widget.fg_stroke = Stroke::new(1.0, colours.text);
        widget.weak_bg_fill = colours.button;
        widget.bg_fill = colours.button;
        widget.bg_stroke = Stroke::new(1.0, Color32::TRANSPARENT);
    }
    widgets.noninteractive.bg_stroke = Stroke::new(1.0, colours.edge);
    widgets.hovered.bg_stroke = Stroke::new(1.0, colours.quiet);
    // Also of what the keyboard is at.
    widgets.active.bg_stroke = Stroke::new(1.5, colours.accent);
    widgets.open.bg_stroke = Stroke::new(1.0, colours.quiet);
    visuals
}

/// What belongs together, under a small title.
pub(super) fn card<R>(ui: &mut Ui, title: &str, contents: impl FnOnce(&mut Ui) -> R) -> R {
    let colours = palette(ui);
    let frame = Frame::new()
        .fill(colours.card)
        .stroke(Stroke::new(1.0, colours.edge))
        .corner_radius(6)
        .inner_margin(Margin::same(10));
    frame
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            if !title.is_empty() {
                ui.label(heading(title));
            }
            contents(ui)
        })
        .inner
}

/// The colour of a situation.
pub(super) fn colour(ui: &Ui, tone: Tone) -> Color32 {
    let colours = palette(ui);
    match tone {
        Tone::Neutral => colours.quiet,
        Tone::Waiting => colours.warm,
        Tone::Good => colours.good,
        Tone::Bad => colours.bad,
    }
}

/// Text that only explains.
pub(super) fn quiet(text: impl Into<String>) -> RichText {
    RichText::new(text).weak()
}

/// Over a group.
pub(super) fn heading(text: &str) -> RichText {
    RichText::new(text).weak().small()
}

/// Text that somebody has to read.
pub(super) fn warning(ui: &Ui, text: impl Into<String>) -> RichText {
    RichText::new(text).color(palette(ui).warm).small()
}

/// A row whose contents begin at its right end.
pub(super) fn from_right<R>(ui: &mut Ui, contents: impl FnOnce(&mut Ui) -> R) -> R {
    ui.with_layout(Layout::right_to_left(Align::Center), contents)
        .inner
}
