//! Where to, and how it stands.

use egui::{Button, ComboBox, DragValue, Grid, Key, RichText, Sense, TextEdit, Ui, vec2};

use super::look;
use crate::shared::{Shared, View};
use crate::situation::Situation;
use crate::state::{BITS, QUEUE, REDUNDANCY, Role, Session};

/// What was typed and is not wanted yet.
#[derive(Debug, Default)]
pub(super) struct SessionForm {
    address: String,
    /// The session that the form was filled from.
    filled: Option<(String, u16)>,
    wrong: bool,
}

/// Name and version.
pub(super) fn header(ui: &mut Ui, shared: &Shared, view: &View) {
    ui.horizontal(|ui| {
        ui.heading("Farsend");
        if let Some(track) = shared.track() {
            ui.label(look::quiet(track));
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let engine = match &view.engine {
                Some(engine) => format!("engine {engine}"),
                None => format!("version {}", env!("CARGO_PKG_VERSION")),
            };
            ui.label(look::quiet(engine).small());
        });
    });
}

/// Who calls whom, and the button that does it.
pub(super) fn address(ui: &mut Ui, shared: &Shared, form: &mut SessionForm) {
    let store = &shared.params.session;
    let mut session = store.get();
    form.fill(&session);
    let before = session.clone();
    let mut go = false;
    ui.horizontal(|ui| {
        ui.add_enabled_ui(!session.connected, |ui| {
            let roles = [
                (Role::Client, "Call"),
                (Role::Server, "Wait for a call"),
                (Role::Member, "Join a hub"),
                (Role::Hub, "Be the hub"),
            ];
            let name = |role| {
                roles
                    .iter()
                    .find(|entry| entry.0 == role)
                    .map_or("", |e| e.1)
            };
            ComboBox::from_id_salt("role")
                .width(120.0)
                .selected_text(name(session.role))
                .show_ui(ui, |ui| {
                    for (role, name) in roles {
                        ui.selectable_value(&mut session.role, role, name);
                    }
                });
            match session.role {
                Role::Client | Role::Member => {
                    let width = ui.available_width() - CONNECT_WIDTH - PORT_WIDTH;
                    let field = ui.add(
                        TextEdit::singleline(&mut form.address)
                            .hint_text("host name or address")
                            .desired_width(width)
                            .min_size(vec2(width, 24.0)),
                    );
                    let entered =
                        field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
                    go = entered;
                    if field.changed() {
                        form.wrong = false;
                    }
                }
                Role::Server | Role::Hub => {
                    ui.add_space((ui.available_width() - CONNECT_WIDTH - PORT_WIDTH).max(0.0));
                }
            }
            ui.label(look::quiet(match session.role {
                Role::Client | Role::Server => "UDP port",
                Role::Member => "TCP port",
                Role::Hub => "TCP/UDP port",
            }));
            ui.add(
                DragValue::new(&mut session.port)
                    .range(1..=65_535)
                    .speed(0.2),
            );
        });
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let text = if session.connected {
                "Disconnect"
            } else {
                "Connect"
            };
            let fill = if session.connected {
                ui.visuals().widgets.inactive.weak_bg_fill
            } else {
                look::ACCENT
            };
            let button = Button::new(RichText::new(text).strong()).fill(fill);
            go |= ui
                .add_sized(vec2(ui.available_width(), 24.0), button)
                .clicked();
        });
    });
    if go {
        toggle(shared, form, &mut session);
    }
    if form.wrong {
        ui.label(RichText::new(WRONG_ADDRESS).color(look::BAD).small());
    }
    if session != before {
        form.filled = Some((session.host.clone(), session.port));
        store.set(session);
    }
}

fn toggle(shared: &Shared, form: &mut SessionForm, session: &mut Session) {
    if session.connected {
        session.connected = false;
        return;
    }
    // Without an address, it is another instance that opens the session.
    let is_guest = form.address.trim().is_empty() && !session.share.trim().is_empty();
    if is_guest {
        session.host.clear();
    }
    if matches!(session.role, Role::Client | Role::Member) && !is_guest {
        form.wrong = !session.set_address(&form.address);
        if form.wrong {
            return;
        }
        form.address.clone_from(&session.host);
    }
    session.connected = true;
    shared.ask();
}

impl SessionForm {
    /// Follows a session that was changed elsewhere, as by a project that was loaded.
    fn fill(&mut self, session: &Session) {
        let place = (session.host.clone(), session.port);
        if self.filled.as_ref() != Some(&place) {
            if self
                .filled
                .as_ref()
                .is_none_or(|filled| filled.0 != place.0)
            {
                self.address.clone_from(&session.host);
            }
            self.filled = Some(place);
        }
    }
}

/// How it stands, why, and what to do about it.
pub(super) fn situation(ui: &mut Ui, shared: &Shared, view: &View) {
    look::card(ui, "", |ui| {
        ui.horizontal(|ui| {
            let (spot, _) = ui.allocate_exact_size(vec2(12.0, 12.0), Sense::hover());
            let colour = look::colour(view.situation.tone());
            ui.painter().circle_filled(spot.center(), 5.0, colour);
            ui.label(RichText::new(view.situation.headline()).strong());
            if view.situation == Situation::HostSilent && ui.small_button("Connect now").clicked() {
                shared.ask();
            }
        });
        let told = view
            .statistics
            .iter()
            .flat_map(|numbers| numbers.advice.iter().cloned());
        let mut advice: Vec<String> = told.collect();
        if advice.is_empty() {
            // The engine knows better, where it has something to say.
            advice.push(view.situation.advice());
        }
        for line in std::iter::once(view.situation.reason()).chain(advice) {
            if !line.is_empty() {
                ui.label(look::quiet(sentence(&line)));
            }
        }
        if let Some(said) = &view.overridden {
            ui.label(RichText::new(said).color(look::WARM).small());
        }
        notes(ui, shared);
    });
}

/// With a capital and a full stop, as in the engine's log it has neither.
fn sentence(line: &str) -> String {
    let mut letters = line.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    let mut whole: String = first.chain(letters).collect();
    if !whole.ends_with(['.', '?', '!']) {
        whole.push('.');
    }
    whole
}

/// What there was to say when the project was loaded.
fn notes(ui: &mut Ui, shared: &Shared) {
    let notes = shared.params.session.notes();
    for note in &notes {
        ui.label(RichText::new(note).color(look::WARM).small());
    }
    if !notes.is_empty() && ui.small_button("Dismiss").clicked() {
        shared.params.session.dismiss_notes();
    }
}

/// What it costs, and what it stands: a change takes effect at once.
pub(super) fn quality(ui: &mut Ui, shared: &Shared) {
    let store = &shared.params.session;
    let mut session = store.get();
    let before = session.clone();
    Grid::new("quality")
        .num_columns(4)
        .spacing([10.0, 6.0])
        .show(ui, |ui| {
            ui.label(look::quiet("Queue"));
            ui.add(
                DragValue::new(&mut session.queue)
                    .range(QUEUE)
                    .speed(0.05)
                    .custom_formatter(|queue, _| match queue as u16 {
                        0 => "automatic".into(),
                        1 => "1 packet".into(),
                        queue => format!("{queue} packets"),
                    })
                    .custom_parser(|text| match text.trim() {
                        "auto" | "automatic" => Some(0.0),
                        text => text.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().ok(),
                    }),
            )
            .on_hover_text(
                "Packets kept before playing. Automatic: as few as the network's lateness allows. A number: always so many.",
            );
            ui.label(look::quiet("Bits"));
            choice(ui, "bits", &mut session.bits, &BITS);
            ui.end_row();
            ui.label(look::quiet("Packet"));
            choice(ui, "period", &mut session.period, &PERIODS);
            ui.label(look::quiet("Copies"));
            ui.add(
                DragValue::new(&mut session.redundancy)
                    .range(REDUNDANCY)
                    .speed(0.05),
            )
            .on_hover_text("How often each packet is sent: 2 or more mend lost ones.");
            ui.end_row();
        });
    if session != before {
        store.set(session);
    }
}

fn choice<T>(ui: &mut Ui, name: &str, chosen: &mut T, among: &[T])
where
    T: Copy + PartialEq + std::fmt::Display,
{
    ComboBox::from_id_salt(name)
        .width(64.0)
        .selected_text(chosen.to_string())
        .show_ui(ui, |ui| {
            for value in among {
                ui.selectable_value(chosen, *value, value.to_string());
            }
        });
}

const PERIODS: [u16; 7] = [16, 32, 64, 128, 256, 512, 1024];
const CONNECT_WIDTH: f32 = 120.0;
const PORT_WIDTH: f32 = 150.0;
const WRONG_ADDRESS: &str =
    "That is no host: a name or an address, with or without \":port\"; a hub's after \"hub://\".";
