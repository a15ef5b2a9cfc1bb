//! Who we are at a hub, and whom the session is shared with.

use egui::{DragValue, Key, RichText, TextEdit, Ui};

use super::look;
use crate::password;
use crate::shared::{Shared, View};
use crate::state::{CHANNELS, Role, Session};

/// What was typed and is not wanted yet.
#[derive(Debug, Default)]
pub(super) struct JoiningForm {
    password: String,
}

/// Name, user and password at a hub; nothing for other sessions.
pub(super) fn user(ui: &mut Ui, shared: &Shared, form: &mut JoiningForm) {
    let store = &shared.params.session;
    let mut session = store.get();
    if session.role != Role::Member {
        return;
    }
    let before = session.clone();
    ui.horizontal(|ui| {
        ui.add_enabled_ui(!session.connected, |ui| {
            ui.label(look::quiet("Name there"));
            let track = shared.track().unwrap_or_else(|| "Farsend".into());
            field(ui, &mut session.name, &track);
            ui.label(look::quiet("User"));
            field(ui, &mut session.user, "nobody");
        });
        if !session.user.is_empty() {
            ui.label(look::quiet("Password"));
            let hint = match shared.password(&session) {
                Some(_) => "typed",
                None if password::file(&session).is_some_and(|path| path.is_file()) => {
                    "from a file"
                }
                None => "not saved",
            };
            let typed = ui.add(
                TextEdit::singleline(&mut form.password)
                    .password(true)
                    .hint_text(hint)
                    .desired_width(FIELD),
            );
            let entered = typed.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
            if (entered || typed.lost_focus()) && !form.password.is_empty() {
                shared.set_password(&session, std::mem::take(&mut form.password));
            }
        }
    });
    keep(shared, &before, session);
}

/// The name of the session that is shared, this instance's channels of it, and how it is shared.
pub(super) fn sharing(ui: &mut Ui, shared: &Shared, view: &View) {
    let store = &shared.params.session;
    let mut session = store.get();
    let before = session.clone();
    ui.horizontal(|ui| {
        ui.label(look::quiet("Session"));
        ui.add_enabled_ui(!session.connected, |ui| {
            field(ui, &mut session.share, "of its own")
                .on_hover_text("Instances that say the same name share one connection: what they send is summed, and each of them gets what comes back.");
        });
        if session.share.trim().is_empty() {
            return;
        }
        ui.label(look::quiet("from channel"));
        number(ui, &mut session.channel, "first")
            .on_hover_text("The channel of the session that is this track's first. First: the track begins at channel 1, and a mono track is in the middle.");
        ui.label(look::quiet("of"));
        number(ui, &mut session.channels, "auto")
            .on_hover_text("Channels of the session, where this instance opens it. Auto: as many as this track has.");
        if let Some(sharing) = &view.sharing {
            let count = match sharing.instances {
                1 => "alone".to_owned(),
                count => format!("{count} instances"),
            };
            if sharing.as_wanted {
                ui.label(look::quiet(count));
            } else {
                let text = format!("{count}; another one opened {}", sharing.about);
                ui.label(RichText::new(text).color(look::WARM).small());
            }
        }
    });
    keep(shared, &before, session);
}

fn keep(shared: &Shared, before: &Session, session: Session) {
    if session != *before {
        shared.params.session.set(session);
    }
}

fn field(ui: &mut Ui, text: &mut String, hint: &str) -> egui::Response {
    ui.add(
        TextEdit::singleline(text)
            .hint_text(hint)
            .char_limit(LONGEST)
            .desired_width(FIELD),
    )
}

fn number(ui: &mut Ui, number: &mut u8, zero: &'static str) -> egui::Response {
    ui.add(
        DragValue::new(number)
            .range(CHANNELS)
            .speed(0.05)
            .custom_formatter(move |number, _| match number as u8 {
                0 => zero.into(),
                number => number.to_string(),
            })
            .custom_parser(move |text| match text.trim() {
                text if text == zero => Some(0.0),
                text => text.parse().ok(),
            }),
    )
}

const FIELD: f32 = 110.0;
/// Characters of a name: fewer than may be saved, whatever they are.
const LONGEST: usize = 50;
