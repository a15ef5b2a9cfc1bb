//! Who calls whom, and the button that does it.

use egui::{Button, ComboBox, DragValue, Key, RichText, TextEdit, Ui, vec2};
use farsend_ipc::message::SessionState;

use super::look;
use crate::address::{self, NoAddress};
use crate::shared::{Shared, View};
use crate::situation::Situation;
use crate::state::{Role, Session};
use crate::user::Entry;

/// What was typed and is not wanted yet.
#[derive(Debug, Default)]
pub(super) struct CallForm {
    address: String,
    /// What the session said when the form was filled from it.
    filled: Option<(Role, String, u16)>,
    wrong: Option<NoAddress>,
    /// The keyboard is to go on at the button, ...
    ready: bool,
    /// ... or at the address, which was wrong.
    stay: bool,
}

/// Role, address and button in a row.
pub(super) fn show(ui: &mut Ui, shared: &Shared, view: &View, form: &mut CallForm) {
    let store = &shared.params.session;
    let mut session = store.get();
    form.fill(&session);
    let before = session.clone();
    let mut go = false;
    // Where there is little room, an address or port has a row of its own.
    let narrow = ui.available_width() < NARROW;
    let verb = verb(session.connected, &view.situation);
    ui.horizontal(|ui| {
        ui.add_enabled_ui(!session.connected, |ui| {
            role(ui, &mut session.role);
            match session.role {
                _ if narrow => {}
                Role::Client | Role::Member => go |= field(ui, form, BUTTON + 8.0),
                Role::Server | Role::Hub => port(ui, &mut session),
            }
        });
        look::from_right(ui, |ui| go |= button(ui, verb, form));
    });
    if narrow {
        ui.add_enabled_ui(!session.connected, |ui| match session.role {
            Role::Client | Role::Member => go |= field(ui, form, 0.0),
            Role::Server | Role::Hub => _ = ui.horizontal(|ui| port(ui, &mut session)),
        });
    }
    if go {
        toggle(shared, form, &mut session);
    }
    if let Some(wrong) = &form.wrong {
        let text = RichText::new(wrong.to_string()).color(look::palette(ui).bad);
        ui.label(text.small());
    }
    if session != before {
        form.filled = Some(place(&session));
        store.set(session);
    }
}

fn role(ui: &mut Ui, chosen: &mut Role) {
    ComboBox::from_id_salt("role")
        .width(ROLE)
        .selected_text(name(*chosen))
        .show_ui(ui, |ui| {
            for role in [Role::Client, Role::Server, Role::Member, Role::Hub] {
                ui.selectable_value(chosen, role, name(role));
            }
        });
}

fn name(role: Role) -> &'static str {
    match role {
        Role::Client => "Call",
        Role::Server => "Wait for a call",
        Role::Member => "Join a hub",
        Role::Hub => "Be the hub",
    }
}

/// The address, with so much room left beside it. Whether Enter was pressed in it.
fn field(ui: &mut Ui, form: &mut CallForm, beside: f32) -> bool {
    let width = (ui.available_width() - beside).max(80.0);
    let field = ui.add(
        TextEdit::singleline(&mut form.address)
            .hint_text("host name or address")
            .desired_width(width)
            .min_size(vec2(width, look::HEIGHT)),
    );
    if std::mem::take(&mut form.stay) {
        field.request_focus();
    }
    if field.changed() {
        form.wrong = None;
    }
    field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter))
}

fn port(ui: &mut Ui, session: &mut Session) {
    let name = match session.role {
        Role::Hub => "at TCP and UDP port",
        _ => "at UDP port",
    };
    ui.label(look::quiet(name));
    let port = DragValue::new(&mut session.port);
    ui.add(port.range(1..=65_535).speed(0.2));
}

/// What the button does.
fn verb(wanted: bool, situation: &Situation) -> &'static str {
    let Situation::Session(state) = situation else {
        return if wanted { CANCEL } else { CONNECT };
    };
    match state {
        _ if !wanted => CONNECT,
        SessionState::Connected { .. } | SessionState::Quiet { .. } => DISCONNECT,
        SessionState::Hosting { .. } => CLOSE,
        SessionState::WaitingForPeer { .. } => STOP_WAITING,
        SessionState::Ended { .. } => DISCONNECT,
        _ => CANCEL,
    }
}

fn button(ui: &mut Ui, verb: &str, form: &mut CallForm) -> bool {
    let colours = look::palette(ui);
    let button = match verb {
        CONNECT => {
            Button::new(RichText::new(verb).strong().color(colours.on_accent)).fill(colours.accent)
        }
        _ => Button::new(RichText::new(verb).strong()),
    };
    let response = ui.add(button.min_size(vec2(BUTTON, look::HEIGHT)));
    if std::mem::take(&mut form.ready) {
        response.request_focus();
    }
    response.clicked()
}

fn toggle(shared: &Shared, form: &mut CallForm, session: &mut Session) {
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
        match address::parse(&form.address) {
            Ok(address) => {
                session.host = address.host;
                session.port = address.port.unwrap_or(Session::PORT);
                session.role = address.role.unwrap_or(session.role);
            }
            Err(wrong) => {
                (form.wrong, form.stay) = (Some(wrong), true);
                return;
            }
        }
        form.address = shown(session);
    }
    session.connected = true;
    shared.ask();
}

impl CallForm {
    /// Follows a session that was changed elsewhere, as by a project that was loaded.
    fn fill(&mut self, session: &Session) {
        let place = place(session);
        if self.filled.as_ref() != Some(&place) {
            self.address = shown(session);
            self.filled = Some(place);
            self.wrong = None;
        }
    }

    /// Takes an address out of the book: Enter calls it now.
    pub(super) fn take(&mut self, shared: &Shared, entry: &Entry) {
        let mut session = shared.params.session.get();
        if !session.connected && entry.apply(&mut session) {
            self.filled = None;
            self.ready = true;
            shared.params.session.set(session);
        }
    }

    /// Takes it and calls.
    pub(super) fn call(&mut self, shared: &Shared, entry: &Entry) {
        self.take(shared, entry);
        let mut session = shared.params.session.get();
        if !session.connected && !session.host.is_empty() {
            session.connected = true;
            shared.params.session.set(session);
            shared.ask();
        }
    }
}

/// What makes the field be filled anew.
fn place(session: &Session) -> (Role, String, u16) {
    (session.role, session.host.clone(), session.port)
}

/// The address as it is typed: the scheme is said by the role.
fn shown(session: &Session) -> String {
    let client = Session {
        role: Role::Client,
        ..session.clone()
    };
    Entry::of(&client).map_or_else(String::new, |entry| entry.address())
}

const ROLE: f32 = 112.0;
const BUTTON: f32 = 100.0;
/// From here on the address does not fit beside the button.
const NARROW: f32 = 400.0;

const CONNECT: &str = "Connect";
const DISCONNECT: &str = "Disconnect";
/// There is nothing yet that could be disconnected.
const CANCEL: &str = "Cancel";
const STOP_WAITING: &str = "Stop waiting";
const CLOSE: &str = "Close the hub";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_button_says_what_it_does() {
        let calling = Situation::Session(SessionState::Calling {
            host: "far.example".into(),
            port: 4464,
            heard_nothing_s: 3,
        });
        let quiet = Situation::Session(SessionState::Quiet {
            peer: "far.example".into(),
            heard_nothing_s: 3,
        });
        assert_eq!(verb(false, &Situation::Off), "Connect");
        assert_eq!(verb(true, &calling), "Cancel");
        assert_eq!(verb(true, &Situation::Starting), "Cancel");
        assert_eq!(verb(true, &quiet), "Disconnect");
        // What is shown may be a moment older than what is wanted.
        assert_eq!(verb(false, &quiet), "Connect");
    }
}
