//! A gain: a fader and its number in dB, by mouse and by keyboard.

use egui::{DragValue, Response, Slider, Ui};
use nice_plug::prelude::{FloatParam, Param};

use super::hand::Hand;

/// An upright fader of this height in points. Twice pressed it is back at its default.
pub(super) fn fader(ui: &mut Ui, param: &FloatParam, hand: Option<&Hand>, height: f32) {
    ui.spacing_mut().slider_width = height;
    slider(ui, param, hand, true);
}

/// A fader that lies, of this width in points.
pub(super) fn lying(ui: &mut Ui, param: &FloatParam, hand: Option<&Hand>, width: f32) {
    ui.spacing_mut().slider_width = width;
    slider(ui, param, hand, false);
}

fn slider(ui: &mut Ui, param: &FloatParam, hand: Option<&Hand>, upright: bool) {
    let mut value = param.unmodulated_normalized_value();
    let slider = Slider::new(&mut value, 0.0..=1.0).show_value(false);
    let slider = if upright { slider.vertical() } else { slider };
    let response = ui.add_enabled(hand.is_some(), slider);
    // Of two presses the second is the reset: its place on the fader does not count.
    let twice = response.hovered()
        && ui.input(|input| {
            input
                .pointer
                .button_double_clicked(egui::PointerButton::Primary)
        });
    if twice {
        set_default(param, hand);
    } else {
        follow(&response, param, hand, value);
    }
}

/// The gain in dB, to be dragged or typed.
pub(super) fn number(ui: &mut Ui, param: &FloatParam, hand: Option<&Hand>) {
    let mut value = param.unmodulated_normalized_value();
    let number = DragValue::new(&mut value)
        .range(0.0..=1.0)
        .speed(0.003)
        .custom_formatter(|value, _| match value {
            ..=0.0 => OFF.into(),
            value => param.normalized_value_to_string(value as f32, true),
        })
        .custom_parser(|text| match text.trim() {
            OFF => Some(0.0),
            text => param.string_to_normalized_value(text).map(f64::from),
        });
    let response = ui.add_enabled(hand.is_some(), number);
    follow(&response, param, hand, value);
}

/// Tells the host what was done to a parameter.
fn follow(response: &Response, param: &FloatParam, hand: Option<&Hand>, value: f32) {
    let Some(hand) = hand else { return };
    let held = response.dragged() || response.drag_stopped();
    if response.drag_started() {
        hand.begin(param);
    }
    if response.changed() {
        match held {
            true => hand.drag(param, value),
            false => hand.set_normalized(param, value),
        }
    }
    if response.drag_stopped() {
        hand.end(param);
    }
}

fn set_default(param: &FloatParam, hand: Option<&Hand>) {
    if let Some(hand) = hand {
        hand.set_normalized(param, param.default_normalized_value());
    }
}

/// A gain of nothing.
const OFF: &str = "off";
