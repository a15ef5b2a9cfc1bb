//! Whom this track hears, and the hub that it opens.

use egui::{ComboBox, DragValue, RichText, Ui};
use farsend_ipc::message::{Listening, PlayerInfo};

use super::look;
use crate::players::Patch;
use crate::shared::{Shared, View};
use crate::state::{PLACES, Role};

/// Whom this track hears: the mix, a player, the next free one, a group. Can be changed at any time.
pub(super) fn listening(ui: &mut Ui, shared: &Shared, view: &View) {
    let store = &shared.params.session;
    let mut session = store.get();
    let Some(players) = view.players.as_deref() else {
        return;
    };
    let now = session.listening();
    let mut wanted = now.clone();
    ui.horizontal(|ui| {
        ui.label(look::quiet("Hears"));
        let chosen = title(&now, players.heard.as_deref());
        let hint = "Everybody's mix, or one player as a track of their own. A player who leaves and comes back has the same track.";
        ComboBox::from_id_salt("listening")
            .width(200.0)
            .selected_text(chosen)
            .show_ui(ui, |ui| {
                ui.selectable_value(&mut wanted, Listening::Mix, "The mix");
                let is_free = matches!(now, Listening::Free { .. });
                // Chosen again it lets go of the one it had.
                if ui.selectable_label(is_free, "The next free player").clicked() {
                    wanted = Listening::Free { had: None };
                }
                for player in &players.players {
                    let choice = Listening::Player(player.name.clone());
                    ui.selectable_value(&mut wanted, choice, described(player));
                }
                for group in &players.groups {
                    let choice = Listening::Group(group.clone());
                    ui.selectable_value(&mut wanted, choice, format!("Group {group}"));
                }
            })
            .response
            .on_hover_text(hint);
        if !players.says.is_empty() {
            ui.label(RichText::new(&players.says).color(look::WARM).small());
        }
    });
    let before = session.outputs.clone();
    outputs(ui, &mut session.outputs, &players.outputs);
    if wanted != now || session.outputs != before {
        if wanted != now {
            session.set_listening(&wanted);
        }
        store.set(session);
    }
}

/// Whose further outputs are, of an instance that has some; each can be made free again.
fn outputs(ui: &mut Ui, had: &mut [String], heard: &[Option<String>]) {
    if heard.is_empty() {
        return;
    }
    ui.horizontal_wrapped(|ui| {
        for (output, heard) in heard.iter().enumerate() {
            let number = output + 1;
            match (heard, had.get_mut(output)) {
                (Some(name), Some(had)) if !had.is_empty() => {
                    let button = ui.small_button(format!("{number}: {name}"));
                    if button
                        .on_hover_text("Free this output for the next player")
                        .clicked()
                    {
                        had.clear();
                    }
                }
                _ => {
                    ui.label(look::quiet(format!("{number}: free")));
                }
            }
        }
    });
}

/// The hub's size, and whom its players hear; nothing for other sessions.
pub(super) fn hub(ui: &mut Ui, shared: &Shared) {
    let store = &shared.params.session;
    let mut session = store.get();
    if session.role != Role::Hub {
        return;
    }
    let before = session.clone();
    ui.horizontal(|ui| {
        ui.add_enabled_ui(!session.connected, |ui| {
            ui.label(look::quiet("Players hear this track and"));
            let name = |patch| match patch {
                Patch::Others => "each other",
                Patch::All => "everybody, themselves too",
                Patch::Nobody => "nobody else",
            };
            ComboBox::from_id_salt("patch")
                .selected_text(name(session.patch))
                .show_ui(ui, |ui| {
                    for patch in [Patch::Others, Patch::All, Patch::Nobody] {
                        ui.selectable_value(&mut session.patch, patch, name(patch));
                    }
                });
            ui.label(look::quiet("at most"));
            ui.add(
                DragValue::new(&mut session.places)
                    .range(PLACES)
                    .speed(0.1)
                    .custom_formatter(|places, _| match places as u16 {
                        0 => "32 players".into(),
                        1 => "1 player".into(),
                        places => format!("{places} players"),
                    }),
            );
        });
    });
    if session != before {
        store.set(session);
    }
}

fn title(listening: &Listening, heard: Option<&str>) -> String {
    match (listening, heard) {
        (Listening::Mix, _) => "The mix".into(),
        (Listening::Player(name), _) | (Listening::Free { had: Some(name) }, _) => name.clone(),
        (Listening::Free { had: None }, Some(heard)) => heard.into(),
        (Listening::Free { had: None }, None) => "The next free player".into(),
        (Listening::Group(name), _) => format!("Group {name}"),
    }
}

/// A player, and who has them already.
fn described(player: &PlayerInfo) -> String {
    if player.tracks.is_empty() {
        player.name.clone()
    } else {
        format!("{} (on {})", player.name, player.tracks.join(", "))
    }
}
