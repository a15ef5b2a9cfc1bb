//! What the host is told of the delay, and how it is measured.

use egui::{Button, ComboBox, Ui};
use nice_plug::prelude::Enum;
use std::time::Instant;

use super::hand::Hand;
use super::look;
use crate::params::Latency;
use crate::shared::{Shared, View};

/// The choice, the button, and what came of it.
pub(super) fn show(ui: &mut Ui, shared: &Shared, view: &View, hand: Option<&Hand>) {
    let latency = &view.latency;
    ui.horizontal(|ui| {
        ui.label(look::quiet("Latency"));
        let (names, mut chosen) = (
            Latency::variants(),
            shared.params.latency.value().to_index(),
        );
        ComboBox::from_id_salt("latency")
            .width(80.0)
            .selected_text(names[chosen])
            .show_ui(ui, |ui| {
                for (index, name) in names.iter().enumerate() {
                    let clicked = ui.selectable_value(&mut chosen, index, *name).clicked();
                    if clicked && let Some(hand) = hand {
                        let chosen = Latency::from_index(index);
                        hand.set(&shared.params.latency, chosen);
                    }
                }
            })
            .response
            .on_hover_text("Live: heard as soon as it can be, for playing together. Aligned: the host is told the delay and compensates it, for a way out and back in a mix.");
        let text = if latency.pinging { "Listening" } else { "Ping" };
        let button = ui
            .add_enabled(!latency.pinging, Button::new(text))
            .on_hover_text("Sends a short chirp, and measures when it comes back. The far end, or the player whom this track hears, has to send back what it gets.");
        if button.clicked() {
            shared.ask_for_ping();
        }
        if let (Some(frames), Some(setup)) = (latency.loop_frames, shared.setup()) {
            let ms = f64::from(frames) / f64::from(setup.rate.0.max(1)) * 1e3;
            ui.label(look::quiet(format!("{frames} frames, {ms:.1} ms")));
        }
        if latency.reported > 0 {
            ui.label(look::quiet(format!("told {}", latency.reported)));
        }
    });
    for line in [latency.said.as_str(), latency.standing.sentence()] {
        if !line.is_empty() {
            ui.label(look::quiet(line));
        }
    }
}

/// Has the parameters say what the session says, where that changed last.
pub(super) fn mirror(shared: &Shared, hand: &Hand) {
    let (connect, queue) = shared.follow_automation(Instant::now());
    if let Some(connect) = connect {
        hand.mirror(&shared.params.connect, connect);
    }
    if let Some(queue) = queue {
        hand.mirror(&shared.params.queue, queue.into());
    }
}
