//! The row at the foot: mode, dry, bypass.

use egui::{Button, ComboBox, Ui};
use nice_plug::context::gui::GuiContext;
use nice_plug::prelude::{Enum, Param, ParamSetter};

use super::{gain, look};
use crate::params::{FarsendParams, Mode};

/// The row. Without a host (`gui`) it can only be looked at.
pub(super) fn show(ui: &mut Ui, params: &FarsendParams, gui: Option<&GuiContext>) {
    ui.horizontal(|ui| {
        ui.label(look::quiet("Mode"));
        mode(ui, params, gui);
        ui.add_space(look::GAP);
        ui.label(look::quiet("Dry")).on_hover_text(DRY);
        let width = (ui.available_width() - DRY_NUMBER - BYPASS).clamp(40.0, 140.0);
        gain::lying(ui, &params.dry, gui, width);
        gain::number(ui, &params.dry, gui);
        look::from_right(ui, |ui| {
            let bypassed = params.bypass.value();
            let button = Button::selectable(bypassed, "Bypass").frame_when_inactive(true);
            let button = ui.add_enabled(gui.is_some(), button);
            if let (true, Some(gui)) = (button.on_hover_text(BYPASSED).clicked(), gui) {
                set(&gui.param_setter(), &params.bypass, !bypassed);
            }
        });
    });
}

fn mode(ui: &mut Ui, params: &FarsendParams, gui: Option<&GuiContext>) {
    let (names, mut chosen) = (Mode::variants(), params.mode.value().to_index());
    ComboBox::from_id_salt("mode")
        .width(120.0)
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

/// Room for the dry gain in words.
const DRY_NUMBER: f32 = 80.0;
/// Room for the button.
const BYPASS: f32 = 80.0;

const DRY: &str = "How much of the input is heard beside the far end.";
const BYPASSED: &str = "The input passes as it is, and nothing is sent or returned.";
