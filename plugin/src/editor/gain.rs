//! A gain: a fader and its number in dB, by mouse and by keyboard.

use egui::{DragValue, Response, Slider, Ui};
use nice_plug::context::gui::GuiContext;
use nice_plug::prelude::{FloatParam, Param, ParamSetter};

/// An upright fader of this height in points. Twice pressed it is back at its default.
pub(super) fn fader(ui: &mut Ui, param: &FloatParam, gui: Option<&GuiContext>, height: f32) {
    ui.spacing_mut().slider_width = height;
    slider(ui, param, gui, true);
}

/// A fader that lies, of this width in points.
pub(super) fn lying(ui: &mut Ui, param: &FloatParam, gui: Option<&GuiContext>, width: f32) {
    ui.spacing_mut().slider_width = width;
    slider(ui, param, gui, false);
}

fn slider(ui: &mut Ui, param: &FloatParam, gui: Option<&GuiContext>, upright: bool) {
    let mut value = param.unmodulated_normalized_value();
    let slider = Slider::new(&mut value, 0.0..=1.0).show_value(false);
    let slider = if upright { slider.vertical() } else { slider };
    let response = ui.add_enabled(gui.is_some(), slider);
    // Of two presses the second is the reset: its place on the fader does not count.
    let twice = response.hovered()
        && ui.input(|input| {
            input
                .pointer
                .button_double_clicked(egui::PointerButton::Primary)
        });
    if twice {
        set_default(param, gui);
    } else {
        follow(&response, param, gui, value);
    }
}

/// The gain in dB, to be dragged or typed.
pub(super) fn number(ui: &mut Ui, param: &FloatParam, gui: Option<&GuiContext>) {
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
    let response = ui.add_enabled(gui.is_some(), number);
    follow(&response, param, gui, value);
}

/// Tells the host what was done to a parameter.
fn follow(response: &Response, param: &FloatParam, gui: Option<&GuiContext>, value: f32) {
    let Some(gui) = gui else { return };
    let setter = gui.param_setter();
    let held = response.dragged() || response.drag_stopped();
    if response.drag_started() {
        setter.begin_set_parameter(param);
    }
    if response.changed() {
        match held {
            true => setter.set_parameter_normalized(param, value),
            false => at_once(&setter, param, value),
        }
    }
    if response.drag_stopped() {
        setter.end_set_parameter(param);
    }
}

fn set_default(param: &FloatParam, gui: Option<&GuiContext>) {
    if let Some(gui) = gui {
        at_once(&gui.param_setter(), param, param.default_normalized_value());
    }
}

fn at_once<P: Param>(setter: &ParamSetter<'_>, param: &P, value: f32) {
    setter.begin_set_parameter(param);
    setter.set_parameter_normalized(param, value);
    setter.end_set_parameter(param);
}

/// A gain of nothing.
const OFF: &str = "off";
