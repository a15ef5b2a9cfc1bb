//! Whom this track hears, and the hub that it opens.

use egui::{Button, Color32, ComboBox, DragValue, Grid, Label, RichText, Sense, Ui, vec2};
use farsend_ipc::message::{Listening, PlayerInfo};

use super::hand::Hand;
use super::{letters, look};
use crate::choice::Choice;
use crate::params::FarsendParams;
use crate::players::Patch;
use crate::shared::{Shared, View};
use crate::state::{PLACES, Role};

/// Whom this track hears: the mix, a player, the next free one, a group. Can be changed at any time.
pub(super) fn listening(ui: &mut Ui, shared: &Shared, view: &View, hand: Option<&Hand>) {
    let store = &shared.params.session;
    let mut session = store.get();
    let Some(players) = view.players.as_deref() else {
        return;
    };
    if Choice::of(shared.params.player.value()) != Choice::AsChosen {
        automated(ui, &shared.params, hand);
        return;
    }
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
            let text = look::warning(ui, &players.says);
            ui.label(text);
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

/// Whom the host's parameter says, which can be taken back here.
fn automated(ui: &mut Ui, params: &FarsendParams, hand: Option<&Hand>) {
    ui.horizontal(|ui| {
        ui.label(look::quiet("Hears"));
        ui.label(params.player.to_string());
        ui.label(look::quiet("by the host's parameter"));
        let button = ui.add_enabled(hand.is_some(), Button::new("Choose here"));
        if let (true, Some(hand)) = (button.clicked(), hand) {
            hand.set(&params.player, Choice::AsChosen.value());
        }
    });
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
    ui.add_enabled_ui(!session.connected, |ui| {
        ui.horizontal_wrapped(|ui| {
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
            ui.add(Label::new(look::quiet("at most")).extend());
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

/// Who is there, and how they do; nothing where there is one peer only, of whom all else tells.
pub(super) fn table(ui: &mut Ui, view: &View) {
    let Some(players) = view.players.as_deref() else {
        return;
    };
    let colours = look::palette(ui);
    let count = match players.players.len() {
        0 => return,
        1 => "1 player".to_owned(),
        count => format!("{count} players"),
    };
    look::card(ui, &count, |ui| {
        // Nothing here is pressed: lines as close as text.
        ui.spacing_mut().interact_size.y = 18.0;
        let narrow = ui.available_width() < NARROW;
        let numbers = if narrow { FEW_NUMBERS } else { NUMBERS };
        let columns = if narrow { FEW } else { COLUMNS.len() };
        let name = (ui.available_width() - numbers).max(60.0);
        Grid::new("players")
            .num_columns(columns)
            .spacing([10.0, 3.0])
            .show(ui, |ui| {
                for (title, meaning) in COLUMNS.into_iter().take(columns) {
                    ui.label(look::heading(title)).on_hover_text(meaning);
                }
                ui.end_row();
                for player in &players.players {
                    let is_heard = players.heard.as_ref() == Some(&player.name);
                    ui.horizontal(|ui| {
                        ui.set_min_width(name);
                        ui.set_max_width(name);
                        if let Some([red, green, blue]) = player.colour {
                            let (spot, _) = ui.allocate_exact_size(vec2(9.0, 9.0), Sense::hover());
                            let colour = Color32::from_rgb(red, green, blue);
                            ui.painter().rect_filled(spot, 2.0, colour);
                        }
                        let mut name = letters::shown(ui, &player.name);
                        if player.is_muted {
                            name.to_mut().push_str(" (muted)");
                        }
                        let text = RichText::new(name);
                        let text = match (is_heard, player.is_present && !player.is_muted) {
                            (true, _) => text.strong().color(colours.accent),
                            (false, true) => text,
                            (false, false) => text.weak(),
                        };
                        ui.add(Label::new(text).truncate())
                            .on_hover_text(about(player));
                    });
                    level(ui, player.level);
                    number(
                        ui,
                        player
                            .delay_us
                            .map(|delay| format!("{:.1} ms", f64::from(delay) / 1e3)),
                    );
                    let loss = RichText::new(format!("{:>6.1} %", player.loss_percent)).monospace();
                    ui.label(match player.loss_percent {
                        ..0.05 => loss.weak(),
                        ..1.0 => loss.color(colours.warm),
                        _ => loss.color(colours.bad),
                    });
                    if !narrow {
                        number(ui, player.drift_ppm.map(|drift| format!("{drift:+.0} ppm")));
                        ui.add(Label::new(look::quiet(player.tracks.join(", "))).truncate());
                    }
                    ui.end_row();
                }
            });
    });
    ui.add_space(look::GAP);
}

/// A number, right in its column.
fn number(ui: &mut Ui, number: Option<String>) {
    let text = number.unwrap_or_else(|| "–".into());
    ui.label(RichText::new(format!("{text:>8}")).monospace());
}

/// How loud, as a bar.
fn level(ui: &mut Ui, level: f32) {
    let colours = look::palette(ui);
    let (whole, response) = ui.allocate_exact_size(vec2(60.0, 8.0), Sense::hover());
    ui.painter().rect_filled(whole, 2.0, colours.well);
    let db = (20.0 * level.max(1e-6).log10()).clamp(-60.0, 0.0);
    let mut bar = whole;
    bar.set_width(whole.width() * (db + 60.0) / 60.0);
    let colour = match db {
        ..-12.0 => colours.good,
        ..-1.0 => colours.warm,
        _ => colours.bad,
    };
    ui.painter().rect_filled(bar, 2.0, colour);
    response.on_hover_text(format!("{db:.1} dB"));
}

fn about(player: &PlayerInfo) -> String {
    let program = if player.is_farsend {
        "Farsend"
    } else {
        "JackTrip"
    };
    let (address, channels) = (&player.address, player.channels);
    let group = player
        .group
        .as_ref()
        .map_or_else(String::new, |group| format!(", group {group}"));
    let muted = if player.is_muted {
        ", muted for everybody"
    } else {
        ""
    };
    format!("{program} at {address}, {channels} channels{group}{muted}")
}

/// Everything but the name.
const NUMBERS: f32 = 370.0;
/// In less than this there is room for the first columns only: so many, and all of them but the name.
const NARROW: f32 = 450.0;
const FEW: usize = 4;
const FEW_NUMBERS: f32 = 225.0;

const COLUMNS: [(&str, &str); 6] = [
    (
        "Name",
        "What they are called. In colour: whom this track hears.",
    ),
    ("Level", "How loud they are."),
    ("Delay", "From them to here, but for sound cards."),
    ("Loss", "Packets lost or late in the last minute."),
    ("Drift", "How much faster their clock is than ours."),
    ("On", "Tracks that have picked them."),
];

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
