//! The row at the foot: mode, dry, bypass.

use egui::{Button, ComboBox, Ui};
use nice_plug::prelude::Enum;

use super::hand::Hand;
use super::{gain, look};
use crate::params::{FarsendParams, Mode};

/// The row. Without a host (`hand`) it can only be looked at.
pub(super) fn show(ui: &mut Ui, params: &FarsendParams, hand: Option<&Hand>) {
    ui.horizontal(|ui| {
        ui.label(look::quiet("Mode"));
        mode(ui, params, hand);
        ui.add_space(look::GAP);
        ui.label(look::quiet("Dry")).on_hover_text(DRY);
        let width = (ui.available_width() - DRY_NUMBER - BYPASS).clamp(40.0, 140.0);
        gain::lying(ui, &params.dry, hand, width);
        gain::number(ui, &params.dry, hand);
        look::from_right(ui, |ui| {
            let bypassed = params.bypass.value();
            let button = Button::selectable(bypassed, "Bypass").frame_when_inactive(true);
            let button = ui.add_enabled(hand.is_some(), button);
            if let (true, Some(hand)) = (button.on_hover_text(BYPASSED).clicked(), hand) {
                hand.set(&params.bypass, !bypassed);
            }
        });
    });
}

fn mode(ui: &mut Ui, params: &FarsendParams, hand: Option<&Hand>) {
    let (names, mut chosen) = (Mode::variants(), params.mode.value().to_index());
    ComboBox::from_id_salt("mode")
        .width(120.0)
        .selected_text(names[chosen])
        .show_ui(ui, |ui| {
            for (index, name) in names.iter().enumerate() {
                let clicked = ui.selectable_value(&mut chosen, index, *name).clicked();
                if clicked && let Some(hand) = hand {
                    hand.set(&params.mode, Mode::from_index(index));
                }
            }
        });
}

/// Room for the dry gain in words.
const DRY_NUMBER: f32 = 80.0;
/// Room for the button.
const BYPASS: f32 = 80.0;

const DRY: &str = "How much of the input is heard beside the far end.";
const BYPASSED: &str = "The input passes as it is, and nothing is sent or returned.";
