//! The drag that is under way from this window, if there is one: how it shows, and that it ends with the window.

use std::path::PathBuf;
use std::sync::Arc;

use egui::{CursorIcon, Id, Key, Ui};
use nice_plug_egui::RepaintNotifier;

use super::look;
use crate::drag::{Drag, End, Stage};

/// Begins to drag these files.
pub(super) fn start(ui: &Ui, files: Vec<PathBuf>, repaint: &RepaintNotifier) {
    // One that still waits to be fetched ends with this, once the context is not locked any more.
    let _before = current(ui);
    // What is kept in the window's context goes with the window.
    let drag = Arc::new(Drag::start(files, repaint.clone()));
    ui.data_mut(|data| data.insert_temp(id(), drag));
}

/// How the pointer looks meanwhile, wherever it is: while a button is down, it is that of the window where it went down. Escape ends it.
pub(super) fn follow(ui: &Ui) {
    let Some(drag) = current(ui) else {
        return;
    };
    if ui.input(|input| input.key_pressed(Key::Escape)) {
        drag.cancel();
    }
    match drag.stage() {
        Stage::Welcome => ui.set_cursor_icon(CursorIcon::Copy),
        Stage::Unwelcome => ui.set_cursor_icon(CursorIcon::NoDrop),
        Stage::Dropped | Stage::Ended(_) => {}
    }
}

/// A line that says how it goes, or how the last one went; nothing where that is plain.
pub(super) fn note(ui: &mut Ui) {
    let Some(stage) = current(ui).map(|drag| drag.stage()) else {
        return;
    };
    let said = match stage {
        Stage::Unwelcome => look::quiet("Drop it on a track of your DAW. Escape ends it.").small(),
        Stage::Welcome => look::quiet("It can be dropped there.").small(),
        Stage::Dropped => look::quiet("Dropped.").small(),
        Stage::Ended(End::Taken | End::Unconfirmed | End::Cancelled) => return,
        Stage::Ended(End::Refused) => look::warning(ui, "No files were taken there."),
        Stage::Ended(End::Nowhere) => look::warning(ui, "Nobody there takes files."),
        Stage::Ended(End::Missing) => look::warning(
            ui,
            "The file is not there any more: it was moved or renamed.",
        ),
        Stage::Ended(End::Failed(why)) => {
            look::warning(ui, format!("Takes cannot be dragged: {why}."))
        }
    };
    ui.label(said);
}

fn current(ui: &Ui) -> Option<Arc<Drag>> {
    ui.data(|data| data.get_temp(id()))
}

fn id() -> Id {
    Id::unique("takes that are dragged")
}
