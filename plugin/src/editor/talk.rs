//! What people write to each other.

use egui::text::{CCursor, CCursorRange};
use egui::{Align, Button, Key, Label, Layout, RichText, ScrollArea, TextEdit, Ui, vec2};
use farsend_ipc::message::{ChatLine, Fate};

use super::letters::Typed;
use super::{letters, look};
use crate::shared::{Shared, View};
use crate::situation::Situation;

/// What is being written, and what was read.
#[derive(Debug, Default)]
pub(super) struct TalkForm {
    typed: Typed,
    /// The number of the last line that was shown.
    read: Option<u64>,
}

impl TalkForm {
    /// How many lines of others were not shown yet.
    pub(super) fn unread(&self, view: &View) -> usize {
        let lines = view.chat.iter().filter(|line| line.from.is_some());
        lines.filter(|line| Some(line.number) > self.read).count()
    }
}

/// The page: the lines, and a field under them.
pub(super) fn show(ui: &mut Ui, shared: &Shared, view: &View, form: &mut TalkForm) {
    form.read = view.chat.last().map(|line| line.number).or(form.read);
    let connected = matches!(&view.situation, Situation::Session(state) if state.is_connected());
    ui.with_layout(Layout::bottom_up(Align::Min), |ui| {
        ui.add_enabled_ui(connected, |ui| field(ui, shared, form));
        ui.add_space(2.0);
        ui.with_layout(Layout::top_down(Align::Min), |ui| {
            look::card(ui, "", |ui| {
                ui.set_height(ui.available_height());
                ScrollArea::vertical()
                    .auto_shrink(false)
                    .stick_to_bottom(true)
                    .show(ui, |ui| {
                        lines(ui, view, connected);
                    });
            });
        });
    });
}

fn lines(ui: &mut Ui, view: &View, connected: bool) {
    if view.chat.is_empty() {
        let text = match connected {
            true => {
                "What you write appears at the other end, if Farsend runs there; a JackTrip shows nothing of it."
            }
            false => {
                "Once there is a connection to another Farsend, you can write to each other here."
            }
        };
        ui.label(look::quiet(text));
    }
    let mut before = None;
    for line in view.chat.iter() {
        if before != Some(&line.from) {
            if before.is_some() {
                ui.add_space(4.0);
            }
            let name = line.from.as_deref().unwrap_or("You");
            let colours = look::palette(ui);
            let colour = if line.from.is_some() {
                colours.accent
            } else {
                colours.quiet
            };
            let name = letters::shown(ui, name);
            ui.label(RichText::new(name).small().strong().color(colour));
        }
        before = Some(&line.from);
        said(ui, line);
    }
}

fn said(ui: &mut Ui, line: &ChatLine) {
    ui.add(Label::new(letters::shown(ui, &line.text)).wrap());
    match line.fate {
        Fate::Arrived => {}
        Fate::Sent => _ = ui.label(look::heading("on its way")),
        Fate::Lost => {
            let text = look::warning(
                ui,
                "not delivered: the other end is not there, or no Farsend",
            );
            ui.label(text);
        }
    }
}

fn field(ui: &mut Ui, shared: &Shared, form: &mut TalkForm) {
    ui.horizontal(|ui| {
        let width = ui.available_width() - BUTTON - ui.spacing().item_spacing.x;
        let output = TextEdit::singleline(&mut form.typed.text)
            .hint_text("Write a line")
            .char_limit(LONGEST)
            .min_size(vec2(0.0, look::HEIGHT))
            .desired_width(width)
            .show(ui);
        let field = output.response.response;
        let cursor = output.cursor_range.map_or(0, |range| range.primary.index.0);
        if field.changed()
            && let Some(cursor) = form.typed.spell(ui, cursor)
        {
            let mut state = output.state;
            let cursor = CCursorRange::one(CCursor::new(cursor));
            state.cursor.set_char_range(Some(cursor));
            state.store(ui.ctx(), field.id);
            ui.ctx().request_repaint();
        }
        let button = Button::new("Send").min_size(vec2(BUTTON, look::HEIGHT));
        let pressed = ui.add(button).clicked();
        let entered = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        if (pressed || entered) && !form.typed.text.trim().is_empty() {
            shared.say(form.typed.take());
        }
        if entered {
            field.request_focus();
        }
    });
}

const BUTTON: f32 = 70.0;

/// Letters of a line. What is more than a line's bytes, the engine leaves out.
const LONGEST: usize = 120;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_others_are_unread_until_they_are_shown() {
        let mut view = View::default();
        for (number, from) in [(5, None), (6, Some("far")), (9, Some("far"))] {
            view.hear(ChatLine {
                number,
                from: from.map(str::to_owned),
                text: "x".into(),
                fate: Fate::Sent,
            });
        }
        let mut form = TalkForm::default();
        assert_eq!(form.unread(&view), 2);
        form.read = Some(6);
        assert_eq!(form.unread(&view), 1);
        // What became of a line is no other line.
        view.hear(ChatLine {
            number: 9,
            from: Some("far".into()),
            text: "x".into(),
            fate: Fate::Arrived,
        });
        assert_eq!((form.unread(&view), view.chat.len()), (1, 3));
    }
}
