//! Takes: whether they are recorded, where to, and what there is.

use std::path::{Path, PathBuf};

use egui::{
    Align, Button, Color32, CursorIcon, Frame, Label, Layout, Margin, Response, RichText, Sense,
    TextEdit, TextStyle, Ui, Vec2, vec2,
};
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
    let columns = Columns::of(ui, &view.takes);
    ui.spacing_mut().item_spacing.y = LINES;
    for take in listed {
        let Some(name) = row(ui, take, &columns, chosen.has(&take.path)) else {
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

/// How wide the columns of the list are.
struct Columns {
    name: f32,
    length: f32,
    show: f32,
    /// What there is to say of a take is below the rest.
    below: bool,
}

impl Columns {
    /// As wide as what is in them, but for long names.
    fn of(ui: &Ui, takes: &[Take]) -> Self {
        let width = |text: String, style: TextStyle| {
            let font = style.resolve(ui.style());
            let galley = ui.painter().layout_no_wrap(text, font, Color32::WHITE);
            galley.size().x.ceil()
        };
        let all = ui.available_width();
        let below = all < NARROW;
        let most = if below { MOST_ALONE } else { MOST_OF_NAMES };
        let widest = |widths: &mut dyn Iterator<Item = f32>| widths.fold(0.0, f32::max);
        let mut names = takes
            .iter()
            .map(|take| width(title(ui, take), TextStyle::Button));
        let mut lengths = takes
            .iter()
            .map(|take| width(length(take), TextStyle::Body));
        let show = width(SHOW.into(), TextStyle::Button) + 2.0 * ui.spacing().button_padding.x;
        Self {
            name: (widest(&mut names) + 2.0 * PADDING.x).min(all * most),
            length: widest(&mut lengths),
            show,
            below,
        }
    }
}

/// A row; gives its name, if that can be chosen and dragged.
fn row(ui: &mut Ui, take: &Take, columns: &Columns, chosen: bool) -> Option<Response> {
    let colours = look::palette(ui);
    let colour = match &take.state {
        TakeState::Recording => colours.bad,
        TakeState::Finishing => colours.warm,
        TakeState::Done if take.missing == 0 => colours.good,
        TakeState::Done => colours.warm,
        TakeState::Failed(_) => colours.bad,
    };
    let text = RichText::new(take.to_string()).color(colour).small();
    let row = ui.horizontal(|ui| {
        let column = |ui: &mut Ui, width, layout, content: &mut dyn FnMut(&mut Ui)| {
            ui.allocate_ui_with_layout(vec2(width, ROW), layout, |ui| {
                ui.set_width(width);
                content(ui);
            });
        };
        let (left, right) = (
            Layout::left_to_right(Align::Center),
            Layout::right_to_left(Align::Center),
        );
        let mut named = None;
        column(ui, columns.name, left, &mut |ui| {
            named = name(ui, take, title(ui, take), chosen);
        });
        column(ui, columns.length, right, &mut |ui| {
            ui.label(length(take));
        });
        let rest = ui.available_width() - columns.show - ui.spacing().item_spacing.x;
        column(ui, rest.max(0.0), left, &mut |ui| {
            if !columns.below {
                ui.add(Label::new(text.clone()).wrap());
            }
        });
        let button = Button::new(SHOW).small();
        if ui.add_enabled(is_whole(take), button).clicked() {
            reveal(Path::new(&take.path));
        }
        named
    });
    if columns.below {
        let left = PADDING.x as i8;
        let beneath = Margin {
            left,
            ..Margin::ZERO
        };
        let beneath = Frame::new().inner_margin(beneath);
        beneath.show(ui, |ui| ui.add(Label::new(text).wrap()));
        ui.add_space(BETWEEN);
    }
    row.inner
}

fn title(ui: &Ui, take: &Take) -> String {
    let player = letters::shown(ui, &take.player);
    format!("{}  {player}", take.number)
}

fn name(ui: &mut Ui, take: &Take, title: String, chosen: bool) -> Option<Response> {
    if !(drag::POSSIBLE && is_whole(take)) {
        let around = Frame::new().inner_margin(PADDING);
        let label = Label::new(title).truncate();
        let name = around.show(ui, |ui| ui.add(label)).inner;
        name.on_hover_text(take.name());
        return None;
    }
    let name = ui.scope(|ui| {
        ui.spacing_mut().button_padding = PADDING;
        // As wide as its column, with the name at the left.
        let whole = vec2(ui.available_width(), ROW);
        let button = Button::selectable(chosen, title).right_text("");
        let button = button.min_size(whole).truncate();
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

/// Between the lines of the list.
const LINES: f32 = 4.0;

/// How high the name in a row is.
const ROW: f32 = 20.0;

/// Around it.
const PADDING: Vec2 = vec2(4.0, 1.0);

/// How much of a row a name may take.
const MOST_OF_NAMES: f32 = 0.34;
/// The same, with no sentence beside it.
const MOST_ALONE: f32 = 0.6;

/// Between two takes that have a line of their own for what there is to say, beside the usual.
const BETWEEN: f32 = 4.0;

/// In less than this there is no room for a sentence beside the rest.
const NARROW: f32 = 420.0;

const SHOW: &str = "Show";
