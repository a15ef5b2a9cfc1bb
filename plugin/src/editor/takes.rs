//! Takes: whether they are recorded, where to, and what there is.

use std::path::Path;

use egui::{Button, RichText, TextEdit, Ui};
use farsend_ipc::message::{Take, TakeState};
use nice_plug::context::gui::GuiContext;
use nice_plug::prelude::{BoolParam, ParamSetter};

use super::look;
use crate::shared::{Shared, View};
use crate::state::LONGEST_PATH;
use crate::takes;

/// Everything about takes. Without a host (`gui`) nothing of it can be automated.
pub(super) fn show(ui: &mut Ui, shared: &Shared, view: &View, gui: Option<&GuiContext>) {
    let mut session = shared.params.session.get();
    let folder = takes::folder(&session);
    ui.horizontal_wrapped(|ui| {
        let (record, render) = (&shared.params.record, &shared.params.render);
        switch(ui, "Record while the host rolls", record, gui);
        switch(ui, "Render from takes", render, gui);
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
    if let Some(note) = &view.rendered {
        let text = look::warning(ui, note);
        ui.label(text);
    }
    if view.takes.is_empty() {
        ui.label(look::quiet("No takes yet.").small());
    }
    for take in view.takes.iter().rev().take(LISTED) {
        row(ui, take);
    }
}

fn row(ui: &mut Ui, take: &Take) {
    let colours = look::palette(ui);
    let colour = match &take.state {
        TakeState::Recording => colours.bad,
        TakeState::Finishing => colours.warm,
        TakeState::Done if take.missing == 0 => colours.good,
        TakeState::Done => colours.warm,
        TakeState::Failed(_) => colours.bad,
    };
    ui.horizontal(|ui| {
        let title = format!("{}  {}  {}", take.number, take.player, length(take));
        ui.label(title).on_hover_text(take.name());
        let text = RichText::new(take.to_string()).color(colour).small();
        ui.label(text);
        let can = take.state == TakeState::Done;
        if ui.add_enabled(can, Button::new("Show").small()).clicked() {
            reveal(Path::new(&take.path));
        }
    });
}

/// `1:05.3`.
fn length(take: &Take) -> String {
    let tenths = (take.seconds() * 10.0) as u64;
    let (seconds, tenths) = (tenths / 10, tenths % 10);
    format!("{}:{:02}.{tenths}", seconds / 60, seconds % 60)
}

fn switch(ui: &mut Ui, name: &str, param: &BoolParam, gui: Option<&GuiContext>) {
    let on = param.value();
    let button = ui.add(Button::selectable(on, name).frame_when_inactive(true));
    if button.clicked()
        && let Some(gui) = gui
    {
        set(&gui.param_setter(), param, !on);
    }
}

fn set(setter: &ParamSetter<'_>, param: &BoolParam, value: bool) {
    setter.begin_set_parameter(param);
    setter.set_parameter(param, value);
    setter.end_set_parameter(param);
}

/// Shows the folder of a file, or a folder, in the system's file manager. Where there is none nothing happens: the path is in the list.
fn reveal(path: &Path) {
    let folder = if path.is_dir() {
        Some(path)
    } else {
        path.parent()
    };
    if let Some(folder) = folder {
        // On a thread of its own: some systems take their time.
        let folder = folder.to_owned();
        _ = std::thread::Builder::new()
            .name("farsend-show".into())
            .spawn(move || opener::open(folder));
    }
}

/// Files that are listed, newest first.
const LISTED: usize = 12;
