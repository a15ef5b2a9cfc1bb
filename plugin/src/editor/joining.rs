//! Who we are at a hub.

use egui::{Key, TextEdit, Ui};

use super::look;
use crate::password;
use crate::shared::Shared;
use crate::state::Role;

/// What was typed and is not wanted yet.
#[derive(Debug, Default)]
pub(super) struct JoiningForm {
    password: String,
}

/// Name, user and password at a hub; nothing for other sessions.
pub(super) fn show(ui: &mut Ui, shared: &Shared, form: &mut JoiningForm) {
    let store = &shared.params.session;
    let mut session = store.get();
    if session.role != Role::Member {
        return;
    }
    let before = session.clone();
    ui.horizontal_wrapped(|ui| {
        ui.add_enabled_ui(!session.connected, |ui| {
            ui.label(look::quiet("Name"));
            let track = shared.track().unwrap_or_else(|| "Farsend".into());
            field(ui, &mut session.name, &track);
            ui.label(look::quiet("User"));
            field(ui, &mut session.user, "nobody");
        });
        if session.user.is_empty() {
            return;
        }
        ui.label(look::quiet("Password"));
        let hint = match shared.password(&session) {
            Some(_) => "typed",
            None if password::file(&session).is_some_and(|path| path.is_file()) => "from a file",
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
    });
    if session != before {
        store.set(session);
    }
}

fn field(ui: &mut Ui, text: &mut String, hint: &str) {
    ui.add(
        TextEdit::singleline(text)
            .hint_text(hint)
            .char_limit(LONGEST)
            .desired_width(FIELD),
    );
}

const FIELD: f32 = 90.0;
/// Characters of a name: fewer than may be saved, whatever they are.
const LONGEST: usize = 50;
