//! Takes: whether they are recorded, where to, and what there is.

use std::path::{Path, PathBuf};

use egui::{Button, CursorIcon, Frame, Response, RichText, Sense, TextEdit, Ui, Vec2, vec2};
use farsend_ipc::message::{Take, TakeState};
use nice_plug::prelude::BoolParam;

use super::chosen::{Chosen, Click};
use super::hand::Hand;
use super::reveal::reveal;
use super::{carry, letters, look};
use crate::drag;
use crate::shared::{Shared, View};
use crate::state::LONGEST_PATH;
use crate::takes;

/// Everything about takes. Without a host (`hand`) nothing of it can be automated.
pub(super) fn show(
    ui: &mut Ui,
    shared: &Shared,
    view: &View,
    hand: Option<&Hand>,
    chosen: &mut Chosen,
) {
    let mut session = shared.params.session.get();
    let folder = takes::folder(&session);
    ui.horizontal_wrapped(|ui| {
        let (record, render) = (&shared.params.record, &shared.params.render);
        switch(ui, "Record while the host rolls", record, hand);
        switch(ui, "Render from takes", render, hand);
        if ui.button("Show folder").clicked() {
            reveal(&folder);
        }
    });
    ui.horizontal(|ui| {
        ui.label(look::quiet("Folder"));
        let field = TextEdit::singleline(&mut session.takes)
            .hint_text("Farsend, in your folder for music")
            .char_limit(LONGEST_PATH / 4)
            .desired_width(f32::INFINITY);
        if ui.add(field).changed() {
            shared.params.session.set(session);
        }
    });
    let lacks = shared
        .setup()
        .and_then(|setup| shared.gap().note(setup.rate));
    for note in lacks.iter().chain(&view.rendered) {
        let text = look::warning(ui, note);
        ui.label(text);
    }
    if view.takes.is_empty() {
        ui.label(look::quiet("No takes yet.").small());
    }
    // Newest first.
    let listed = view.takes.iter().rev();
    let whole: Vec<&str> = listed
        .clone()
        .filter(|take| is_whole(take))
        .map(|take| &*take.path)
        .collect();
    for take in listed {
        let Some(name) = row(ui, take, chosen.has(&take.path)) else {
            continue;
        };
        if name.clicked() {
            chosen.click(&take.path, how(ui), &whole);
        }
        if name.drag_started() {
            let files = chosen.with(&take.path, &whole);
            let files = files.into_iter().map(PathBuf::from).collect();
            carry::start(ui, files, shared.repaint());
        }
    }
    carry::note(ui);
}

/// Whether it can be used: what is still written, waited for or laid along the timeline is another file in a moment.
fn is_whole(take: &Take) -> bool {
    take.state == TakeState::Done
}

fn how(ui: &Ui) -> Click {
    let modifiers = ui.input(|input| input.modifiers);
    match (modifiers.command, modifiers.shift) {
        (true, _) => Click::Toggle,
        (_, true) => Click::UpTo,
        _ => Click::Only,
    }
}

/// A row; gives its name, if that can be chosen and dragged.
fn row(ui: &mut Ui, take: &Take, chosen: bool) -> Option<Response> {
    let colours = look::palette(ui);
    let colour = match &take.state {
        TakeState::Recording => colours.bad,
        TakeState::Finishing => colours.warm,
        TakeState::Done if take.missing == 0 => colours.good,
        TakeState::Done => colours.warm,
        TakeState::Failed(_) => colours.bad,
    };
    ui.horizontal_wrapped(|ui| {
        let player = letters::shown(ui, &take.player);
        let title = format!("{}  {player}  {}", take.number, length(take));
        let name = name(ui, take, title, chosen);
        let text = RichText::new(take.to_string()).color(colour).small();
        ui.label(text);
        let button = Button::new("Show").small();
        if ui.add_enabled(is_whole(take), button).clicked() {
            reveal(Path::new(&take.path));
        }
        name
    })
    .inner
}

fn name(ui: &mut Ui, take: &Take, title: String, chosen: bool) -> Option<Response> {
    if !(drag::POSSIBLE && is_whole(take)) {
        let around = Frame::new().inner_margin(PADDING);
        let name = around.show(ui, |ui| ui.label(title)).inner;
        name.on_hover_text(take.name());
        return None;
    }
    let name = ui.scope(|ui| {
        ui.spacing_mut().button_padding = PADDING;
        let button = Button::selectable(chosen, title).min_size(vec2(0.0, ROW));
        ui.add(button.sense(Sense::click_and_drag()))
    });
    let hint = format!("{}\nDrag it to a track of your DAW.", take.name());
    let name = name.inner.on_hover_text(hint);
    Some(name.on_hover_cursor(CursorIcon::Grab))
}

/// `1:05.3`.
fn length(take: &Take) -> String {
    let tenths = (take.seconds() * 10.0) as u64;
    let (seconds, tenths) = (tenths / 10, tenths % 10);
    format!("{}:{:02}.{tenths}", seconds / 60, seconds % 60)
}

fn switch(ui: &mut Ui, name: &str, param: &BoolParam, hand: Option<&Hand>) {
    let on = param.value();
    let button = ui.add(Button::selectable(on, name).frame_when_inactive(true));
    if button.clicked()
        && let Some(hand) = hand
    {
        hand.set(param, !on);
    }
}

/// How high the name in a row is.
const ROW: f32 = 20.0;

/// Around it.
const PADDING: Vec2 = vec2(4.0, 1.0);
