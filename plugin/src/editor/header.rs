//! The top of the window: name, track and its colour, pages.

use egui::{Button, Color32, Key, Label, Modifiers, RichText, Stroke, Ui};

use super::look;
use crate::shared::{Shared, View};

/// What the middle of the window shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Page {
    /// Whom to call, how it stands, how well it goes.
    #[default]
    Session,
    /// What was recorded.
    Takes,
    /// What people write to each other.
    Chat,
    /// Everything that can be set.
    Settings,
}

/// The pages, as they are called.
const PAGES: [(Page, &str); 4] = [
    (Page::Session, "Session"),
    (Page::Takes, "Takes"),
    (Page::Chat, "Chat"),
    (Page::Settings, "Settings"),
];

/// Name, track and the pages, which Ctrl and a number turn to as well. `unread`: lines of the chat that were not shown yet.
pub(super) fn show(ui: &mut Ui, shared: &Shared, view: &View, unread: usize, page: &mut Page) {
    let row = ui.horizontal(|ui| {
        let version = match &view.engine {
            Some(engine) => format!("engine {engine}"),
            None => format!("version {}", env!("CARGO_PKG_VERSION")),
        };
        ui.label(RichText::new("Farsend").heading().strong())
            .on_hover_text(version);
        for (number, (other, _)) in PAGES.into_iter().enumerate() {
            if ui.input_mut(|input| input.consume_key(Modifiers::COMMAND, KEYS[number])) {
                *page = other;
            }
        }
        ui.add_space(look::GAP);
        for (other, name) in PAGES {
            let name = match other {
                Page::Chat if unread > 0 => format!("{name} ({unread})"),
                _ => name.to_owned(),
            };
            if ui.add(Button::selectable(*page == other, name)).clicked() {
                *page = other;
            }
        }
        if let Some(track) = shared.track() {
            look::from_right(ui, |ui| ui.add(Label::new(look::quiet(track)).truncate()));
        }
    });
    if let Some([red, green, blue]) = shared.colour() {
        let below = row.response.rect.bottom() + 0.5 * LINE;
        let colour = Color32::from_rgb(red, green, blue);
        let width = ui.max_rect().x_range();
        ui.painter().hline(width, below, Stroke::new(LINE, colour));
        ui.add_space(LINE);
    }
}

/// How thick the line is that has the track's colour.
const LINE: f32 = 2.0;

const KEYS: [Key; 4] = [Key::Num1, Key::Num2, Key::Num3, Key::Num4];
