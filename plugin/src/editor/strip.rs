//! One direction's strip at the side of the window: meters with peak hold, fader, gain.

use egui::{Align, Align2, Button, FontId, Layout, Rect, RichText, Sense, Stroke, Ui, pos2, vec2};
use nice_plug::prelude::BoolParam;

use super::hand::Hand;
use super::hold::{FLOOR_DB, Meters};
use super::{gain, look};
use crate::params::{FarsendParams, Mode};

/// Which side the meter is on: the outer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// What is sent.
    Left,
    /// What comes back.
    Right,
}

/// The strip, as high as there is room.
pub(super) fn show(
    ui: &mut Ui,
    side: Side,
    params: &FarsendParams,
    hand: Option<&Hand>,
    meters: &mut Meters,
) {
    let (name, param, mute) = match side {
        Side::Left => ("Send", &params.send, &params.mute_send),
        Side::Right => ("Return", &params.returned, &params.mute_return),
    };
    let silent = silent(side, params);
    ui.with_layout(Layout::top_down(Align::Center), |ui| {
        match silent {
            None => ui.label(RichText::new(name).strong()),
            Some(why) => ui
                .label(RichText::new(format!("{name}: off")).color(look::palette(ui).warm))
                .on_hover_text(why),
        };
        top(ui, meters);
        let height = (ui.available_height() - 2.0 * (look::HEIGHT + 8.0)).max(40.0);
        ui.allocate_ui_with_layout(
            vec2(BARS + SCALE + FADER + 2.0 * GAP, height),
            Layout::left_to_right(Align::Min),
            |ui| {
                ui.spacing_mut().item_spacing.x = GAP;
                match side {
                    Side::Left => {
                        bars(ui, meters, height);
                        scale(ui, height);
                        gain::fader(ui, param, hand, height);
                    }
                    Side::Right => {
                        gain::fader(ui, param, hand, height);
                        scale(ui, height);
                        bars(ui, meters, height);
                    }
                }
            },
        );
        gain::number(ui, param, hand);
        mute_button(ui, mute, hand);
    });
}

/// Why nothing goes through, whatever the fader says; `None`: it does.
fn silent(side: Side, params: &FarsendParams) -> Option<&'static str> {
    let (mute, mode, by_mode) = match side {
        Side::Left => (
            &params.mute_send,
            Mode::Return,
            "Nothing is sent: the mode is Return.",
        ),
        Side::Right => (
            &params.mute_return,
            Mode::Send,
            "The far end is not heard: the mode is Send.",
        ),
    };
    if params.bypass.value() {
        Some("Bypassed: nothing is sent or returned.")
    } else if mute.value() {
        Some("Muted.")
    } else {
        (params.mode.value() == mode).then_some(by_mode)
    }
}

fn mute_button(ui: &mut Ui, mute: &BoolParam, hand: Option<&Hand>) {
    let muted = mute.value();
    let colours = look::palette(ui);
    let button = match muted {
        true => Button::new(RichText::new("Muted").color(colours.ground)).fill(colours.warm),
        false => Button::new("Mute"),
    };
    let button = ui.add_enabled(hand.is_some(), button.min_size(vec2(56.0, look::HEIGHT)));
    if let (true, Some(hand)) = (button.clicked(), hand) {
        hand.set(mute, !muted);
    }
}

/// The highest level, which forgets itself when it is pressed.
fn top(ui: &mut Ui, meters: &mut Meters) {
    let colours = look::palette(ui);
    let (text, colour) = match meters.top() {
        None => ("–".to_owned(), colours.quiet),
        Some(top) if top >= 0.0 => (format!("{top:+.1}"), colours.bad),
        Some(top) => (format!("{top:.1}"), colours.text),
    };
    let text = RichText::new(text).monospace().color(colour);
    let button = Button::new(text)
        .fill(colours.well)
        .min_size(vec2(56.0, 20.0));
    if ui.add(button).on_hover_text(TOP).clicked() {
        meters.reset();
    }
}

/// A bar a channel, with lines at what was highest of late. Pressed, they forget it.
fn bars(ui: &mut Ui, meters: &mut Meters, height: f32) {
    let colours = look::palette(ui);
    let (whole, response) = ui.allocate_exact_size(vec2(BARS, height), Sense::click());
    let painter = ui.painter();
    painter.rect_filled(whole, 3.0, colours.well);
    let inner = whole.shrink(3.0);
    for db in MARKS {
        let y = up(inner, db);
        painter.hline(inner.x_range(), y, Stroke::new(1.0, colours.edge));
    }
    let all = meters.bars();
    let count = all.len().max(1) as f32;
    let gap = if all.len() <= 8 { 2.0 } else { 0.0 };
    let width = (inner.width() - gap * (count - 1.0)) / count;
    for (i, bar) in all.iter().enumerate() {
        let left = inner.left() + i as f32 * (width + gap);
        let part = |from: f32, to: f32| {
            Rect::from_min_max(
                pos2(left, up(inner, to)),
                pos2(left + width, up(inner, from)),
            )
        };
        for (from, to, colour) in [
            (FLOOR_DB, LOUD_DB, colours.good),
            (LOUD_DB, NEAR_DB, colours.warm),
            (NEAR_DB, 0.0, colours.bad),
        ] {
            if bar.level > from {
                painter.rect_filled(part(from, bar.level.min(to)), 0.0, colour);
            }
        }
        if bar.held > FLOOR_DB {
            let colour = match bar.held {
                ..LOUD_DB => colours.good,
                ..NEAR_DB => colours.warm,
                _ => colours.bad,
            };
            let y = up(inner, bar.held);
            painter.hline(left..=left + width, y, Stroke::new(1.5, colour));
        }
    }
    if response.on_hover_text(TOP).clicked() {
        meters.reset();
    }
}

/// The numbers of the lines.
fn scale(ui: &mut Ui, height: f32) {
    let (whole, _) = ui.allocate_exact_size(vec2(SCALE, height), Sense::hover());
    let inner = whole.shrink(3.0);
    for db in MARKS {
        let at = pos2(inner.center().x, up(inner, db));
        let colour = look::palette(ui).quiet;
        let text = format!("{:.0}", -db);
        ui.painter().text(
            at,
            Align2::CENTER_CENTER,
            text,
            FontId::proportional(9.5),
            colour,
        );
    }
}

/// Where a level is on the bar.
fn up(inner: Rect, level: f32) -> f32 {
    let part = ((level - FLOOR_DB) / -FLOOR_DB).clamp(0.0, 1.0);
    inner.bottom() - inner.height() * part
}

/// From here on it is loud, ...
const LOUD_DB: f32 = -12.0;
/// ... and from here on as good as too loud.
const NEAR_DB: f32 = -1.0;
/// Where there are lines.
const MARKS: [f32; 5] = [-6.0, -12.0, -24.0, -36.0, -48.0];

const BARS: f32 = 34.0;
const SCALE: f32 = 14.0;
const FADER: f32 = 20.0;
const GAP: f32 = 4.0;

const TOP: &str = "The highest level in dB of full scale. Press to forget it.";
