//! The plugin's window: where to, how it stands, how loud, how well.

mod joining;
mod latency;
mod look;
mod meters;
mod mixer;
mod numbers;
mod players;
mod session;
mod takes;

use std::sync::Arc;
use std::time::Duration;

use egui::{CentralPanel, Context, Frame as Panel, ScrollArea, Ui};
use nice_plug::context::gui::GuiContext;
use nice_plug::editor::dpi::LogicalSize;
use nice_plug::editor::{ResizeHint, SizeConstraints};
use nice_plug_egui::baseview::HandlerError;
use nice_plug_egui::{
    EguiEditor, EguiEditorState, EguiNiceSettings, Frame, NiceEguiApp, RepaintNotifier,
    create_egui_editor,
};

use crate::shared::Shared;
use joining::JoiningForm;
use meters::Meters;
use session::SessionForm;

/// The editor of an instance.
pub fn create_editor(shared: Arc<Shared>) -> Option<EguiEditor<EditorApp>> {
    let settings = EguiNiceSettings::new()
        .with_tile("Farsend")
        .with_resize_hint(ResizeHint {
            can_resize: true,
            can_resize_horizontally: true,
            can_resize_vertically: true,
            size_constraints: SizeConstraints::Logical {
                min_size: Some(SMALLEST),
                max_size: None,
            },
            ..ResizeHint::default()
        });
    create_egui_editor(
        EguiEditorState::from_size(SIZE, 1.0),
        RepaintNotifier::new(),
        settings,
        EditorApp::new(shared),
    )
}

/// The window's contents. One lives as long as its instance, whether the window is open or not.
#[derive(Debug)]
pub struct EditorApp {
    shared: Arc<Shared>,
    gui: Gui,
    form: SessionForm,
    joining: JoiningForm,
    meters: Meters,
}

/// The way to the host, while the window is open.
struct Gui(Option<GuiContext>);

impl std::fmt::Debug for Gui {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Gui").field(&self.0.is_some()).finish()
    }
}

impl EditorApp {
    /// For an instance.
    pub fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            gui: Gui(None),
            form: SessionForm::default(),
            joining: JoiningForm::default(),
            meters: Meters::default(),
        }
    }

    /// Lays the look over everything that this context shows.
    pub fn dress(context: &Context) {
        look::apply(context);
    }

    /// Everything in the window.
    pub fn show(&mut self, ui: &mut Ui) {
        if let Some(gui) = &self.gui.0 {
            latency::mirror(&self.shared, gui);
        }
        let view = self.shared.view();
        self.meters.follow(view.levels.as_deref());
        session::header(ui, &self.shared, &view);
        ui.add_space(look::GAP);
        session::address(ui, &self.shared, &mut self.form);
        ui.add_space(look::GAP / 2.0);
        joining::user(ui, &self.shared, &mut self.joining);
        joining::sharing(ui, &self.shared, &view);
        players::hub(ui, &self.shared);
        players::listening(ui, &self.shared, &view);
        ui.add_space(look::GAP);
        session::situation(ui, &self.shared, &view);
        ui.add_space(look::GAP);
        ui.columns(2, |columns| {
            look::card(&mut columns[0], "Level", |ui| {
                mixer::show(ui, &self.shared.params, self.gui.0.as_ref(), &self.meters);
            });
            look::card(&mut columns[1], "Network", |ui| {
                session::quality(ui, &self.shared);
                ui.add_space(look::GAP);
                numbers::show(ui, &view);
                ui.add_space(look::GAP);
                latency::show(ui, &self.shared, &view, self.gui.0.as_ref());
            });
        });
        ui.add_space(look::GAP);
        look::card(ui, "Takes", |ui| {
            takes::show(ui, &self.shared, &view, self.gui.0.as_ref());
        });
        // Meters and states move by themselves.
        ui.ctx().request_repaint_after(REFRESH);
    }
}

impl NiceEguiApp for EditorApp {
    fn build(
        &mut self,
        context: Context,
        gui: GuiContext,
        _: &mut Frame,
    ) -> Result<(), HandlerError> {
        Self::dress(&context);
        self.form = SessionForm::default();
        self.joining = JoiningForm::default();
        self.gui = Gui(Some(gui));
        Ok(())
    }

    fn ui(&mut self, ui: &mut Ui, _: &mut Frame) {
        CentralPanel::default()
            .frame(Panel::new().fill(look::GROUND).inner_margin(14.0))
            .show(ui, |ui| ScrollArea::vertical().show(ui, |ui| self.show(ui)));
    }

    fn editor_closed(&mut self) {
        self.gui = Gui(None);
    }

    fn track_info_changed(&mut self, info: nice_plug::prelude::TrackInfo) {
        let name = info.name().trim();
        self.shared
            .set_track((!name.is_empty()).then(|| name.to_owned()));
        let colour = info.color().map(|colour| colour.rgba());
        self.shared
            .set_colour(colour.map(|(red, green, blue, _)| [red, green, blue]));
    }
}

const SIZE: LogicalSize<f32> = LogicalSize::new(600.0, 530.0);
const SMALLEST: LogicalSize<f32> = LogicalSize::new(480.0, 320.0);

/// How often the window is drawn anew.
const REFRESH: Duration = Duration::from_millis(33);
