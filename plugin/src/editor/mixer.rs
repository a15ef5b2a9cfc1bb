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
    ui.add_space(look::GAP);
    gain(ui, "Send", &params.send, gui);
    meters::bars(ui, &levels.sent);
    ui.add_space(look::GAP);
    gain(ui, "Return", &params.returned, gui);
    meters::bars(ui, &levels.returned);
    ui.add_space(look::GAP);
    gain(ui, "Dry", &params.dry, gui);
}

fn gain(ui: &mut Ui, name: &str, param: &FloatParam, gui: Option<&GuiContext>) {
    ui.horizontal(|ui| {
        ui.set_height(28.0);
        let left = ui.cursor().left();
        ui.label(name);
        ui.add_space((left + NAME_WIDTH - ui.cursor().left()).max(0.0));
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
    });
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

/// Room for what a gain is of, left of its slider.
const NAME_WIDTH: f32 = 52.0;

/// Room for a gain in words, right of its slider.
const VALUE_WIDTH: f32 = 76.0;
