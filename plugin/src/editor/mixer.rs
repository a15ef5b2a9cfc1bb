//! Mode, gains, bypass and meters.

use egui::{Button, ComboBox, Ui};
use nice_plug::context::gui::GuiContext;
use nice_plug::prelude::{Enum, FloatParam, Param, ParamSetter};
use nice_plug_egui::widgets::ParamSlider;

use super::look;
use super::meters::{self, Meters};
use crate::params::{FarsendParams, Mode};

/// Everything about loudness. Without a host (`gui`) it can only be looked at.
pub(super) fn show(ui: &mut Ui, params: &FarsendParams, gui: Option<&GuiContext>, levels: &Meters) {
    ui.label("Send");
    meters::bars(ui, &levels.sent);
    gain(ui, &params.send, gui);
    ui.add_space(look::GAP);
    ui.label("Return");
    meters::bars(ui, &levels.returned);
    gain(ui, &params.returned, gui);
    ui.add_space(look::GAP);
    ui.label("Dry");
    gain(ui, &params.dry, gui);
    ui.add_space(look::GAP);
    ui.horizontal(|ui| {
        mode(ui, params, gui);
        let bypassed = params.bypass.value();
        let button = ui.add(Button::new("Bypass").selected(bypassed));
        if button.clicked()
            && let Some(gui) = gui
        {
            set(&gui.param_setter(), &params.bypass, !bypassed);
        }
    });
}

fn gain(ui: &mut Ui, param: &FloatParam, gui: Option<&GuiContext>) {
    match gui {
        Some(gui) => {
            let setter = gui.param_setter();
            let width = (ui.available_width() - VALUE_WIDTH).max(60.0);
            ui.add(ParamSlider::for_param(param, &setter).with_width(width));
        }
        None => {
            ui.label(param.to_string());
        }
    }
}

fn mode(ui: &mut Ui, params: &FarsendParams, gui: Option<&GuiContext>) {
    let (names, mut chosen) = (Mode::variants(), params.mode.value().to_index());
    ComboBox::from_id_salt("mode")
        .width(130.0)
        .selected_text(names[chosen])
        .show_ui(ui, |ui| {
            for (index, name) in names.iter().enumerate() {
                let clicked = ui.selectable_value(&mut chosen, index, *name).clicked();
                if clicked && let Some(gui) = gui {
                    set(&gui.param_setter(), &params.mode, Mode::from_index(index));
                }
            }
        });
}

fn set<P: Param>(setter: &ParamSetter<'_>, param: &P, value: P::Plain) {
    setter.begin_set_parameter(param);
    setter.set_parameter(param, value);
    setter.end_set_parameter(param);
}

/// Room for a gain in words, right of its slider.
const VALUE_WIDTH: f32 = 76.0;
