//! How it stands, in large words, why, and what to do about it.

use egui::{Align, Layout, RichText, Sense, Ui, vec2};
use farsend_ipc::message::SessionState;

use super::{look, settings};
use crate::shared::{Shared, View};
use crate::situation::{Situation, Tone};
use crate::state::{Role, Session};

/// The card of the state.
pub(super) fn show(ui: &mut Ui, shared: &Shared, view: &View) {
    let session = shared.params.session.get();
    let advice = advice(view);
    let tone = match view.situation.tone() {
        // It plays, and something is wrong with it.
        Tone::Good if !advice.is_empty() => Tone::Waiting,
        tone => tone,
    };
    // Where there is little room, the title has its row for itself.
    let narrow = ui.available_width() < NARROW;
    let delay = delay(view);
    look::card(ui, "", |ui| {
        ui.horizontal(|ui| {
            let (spot, _) = ui.allocate_exact_size(vec2(14.0, 24.0), Sense::hover());
            let colour = look::colour(ui, tone);
            ui.painter().circle_filled(spot.center(), 6.0, colour);
            let title = title(&view.situation, &session);
            let title = egui::Label::new(RichText::new(title).heading().strong());
            if narrow {
                ui.add(title.wrap());
                return;
            }
            look::from_right(ui, |ui| {
                if let Some(delay) = &delay {
                    ui.spacing_mut().item_spacing.x = 5.0;
                    ui.label(look::heading("one way")).on_hover_text(DELAY);
                    ui.label(RichText::new(delay).heading())
                        .on_hover_text(DELAY);
                }
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    ui.add(title.truncate());
                });
            });
        });
        if let Some(delay) = delay.filter(|_| narrow) {
            ui.label(format!("{delay} one way")).on_hover_text(DELAY);
        }
        let reason = reason(view);
        if !reason.is_empty() {
            ui.label(reason);
        }
        for line in advice {
            let text = RichText::new(sentence(&line));
            ui.label(match tone {
                Tone::Waiting if view.situation.tone() == Tone::Good => {
                    text.color(look::palette(ui).warm)
                }
                _ => text.weak(),
            });
        }
        let share = session.share.trim();
        if !share.is_empty() {
            settings::shared_with(ui, share, view);
        }
        if view.situation == Situation::HostSilent && ui.button("Connect now").clicked() {
            shared.ask();
        }
        if let Some(said) = &view.overridden {
            let text = look::warning(ui, said);
            ui.label(text);
        }
        notes(ui, shared);
    });
}

/// The state with whom it is about.
fn title(situation: &Situation, session: &Session) -> String {
    let Situation::Session(state) = situation else {
        return situation.headline().into();
    };
    let host = session.host.trim();
    let called = matches!(session.role, Role::Client | Role::Member) && !host.is_empty();
    match state {
        SessionState::Calling { host, .. } => format!("Calling {host}"),
        SessionState::Connected { .. } if called => format!("Connected to {host}"),
        SessionState::Connected { peer, .. } => format!("Connected to {peer}"),
        SessionState::Quiet { .. } if called => format!("Nothing comes from {host}"),
        SessionState::Quiet { peer, .. } => format!("Nothing comes from {peer}"),
        SessionState::WaitingForPeer { port } => format!("Waiting for a call at port {port}"),
        SessionState::Joining { host, .. } => format!("Joining {host}"),
        SessionState::Denied { .. } if called => format!("{host} does not let you in"),
        _ => situation.headline().into(),
    }
}

/// Why it is so; empty where the title says it all.
fn reason(view: &View) -> String {
    match &view.situation {
        Situation::Off => {
            "Choose whom to play with: type an address above, or take one from below.".into()
        }
        Situation::Session(SessionState::Connected { peer, format }) => match peer.as_str() {
            "" => format!("It sends {format}."),
            peer => format!("{peer} sends {format}."),
        },
        Situation::Session(SessionState::Calling {
            port,
            heard_nothing_s,
            ..
        }) => match heard_nothing_s {
            0..2 => format!("To UDP port {port}."),
            seconds => format!("Nothing has come back for {seconds} s."),
        },
        Situation::Session(SessionState::Quiet {
            heard_nothing_s, ..
        }) => {
            format!("For {heard_nothing_s} s. Audio is sent on.")
        }
        Situation::Session(SessionState::WaitingForPeer { .. }) => String::new(),
        Situation::Session(SessionState::Joining { why, .. }) => match why.as_str() {
            "" => String::new(),
            why => sentence(why),
        },
        other => other.reason(),
    }
}

/// What to do about it: the engine knows better, where it has something to say.
fn advice(view: &View) -> Vec<String> {
    let told = view.statistics.as_deref().map(|numbers| &numbers.advice);
    match told.filter(|told| !told.is_empty()) {
        Some(told) => told.clone(),
        None => Some(view.situation.advice())
            .filter(|line| !line.is_empty())
            .into_iter()
            .collect(),
    }
}

/// The delay in short, if there is a session with audio.
fn delay(view: &View) -> Option<String> {
    let connected = matches!(&view.situation, Situation::Session(state) if state.is_connected());
    let numbers = view.statistics.as_deref().filter(|_| connected)?;
    let one_way = numbers.one_way_us?;
    Some(format!("{:.1} ms", f64::from(one_way) / 1e3))
}

/// With a capital and a full stop, as in the engine's log it has neither; and commands in quotes, as people write them.
fn sentence(line: &str) -> String {
    let mut letters = line.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    let mut whole: String = first.chain(letters).collect();
    whole = whole.replace('`', "\"");
    if !whole.ends_with(['.', '?', '!']) {
        whole.push('.');
    }
    whole
}

/// What there was to say when the project was loaded.
fn notes(ui: &mut Ui, shared: &Shared) {
    let notes = shared.params.session.notes();
    for note in &notes {
        let text = look::warning(ui, note);
        ui.label(text);
    }
    if !notes.is_empty() && ui.small_button("Dismiss").clicked() {
        shared.params.session.dismiss_notes();
    }
}

/// From here on title and delay do not fit side by side.
const NARROW: f32 = 400.0;

const DELAY: &str = "From the other end's sound card to yours, estimated: half the round trip, and what waits here.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_says_whom_it_is_about() {
        let session = Session {
            host: "far.example".into(),
            ..Session::default()
        };
        let calling = Situation::Session(SessionState::Calling {
            host: "far.example".into(),
            port: 4464,
            heard_nothing_s: 3,
        });
        assert_eq!(title(&calling, &session), "Calling far.example");
        let quiet = Situation::Session(SessionState::Quiet {
            peer: "10.0.0.2:4464".into(),
            heard_nothing_s: 3,
        });
        assert_eq!(title(&quiet, &session), "Nothing comes from far.example");
        let server = Session {
            role: Role::Server,
            ..Session::default()
        };
        assert_eq!(title(&quiet, &server), "Nothing comes from 10.0.0.2:4464");
        assert_eq!(title(&Situation::Off, &session), "Not connected");
    }

    #[test]
    fn what_the_engine_says_is_a_sentence() {
        assert_eq!(sentence("the network stalls"), "The network stalls.");
        assert_eq!(sentence("really?"), "Really?");
        assert_eq!(sentence("start `jacktrip -s`"), "Start \"jacktrip -s\".");
        assert_eq!(sentence(""), ".");
    }
}
