//! The plugin's window: where to, how it stands, how loud, how well.
//!
//! ```text
//!   ┌ name, track ─────────────── pages ┐
//!   │ send │ who calls whom      │ ret. │
//!   │  ▮▮  │ how it stands, why  │  ▮▮  │
//!   │  ▮▮  │ the page            │  ▮▮  │
//!   ├──────┴─────────────────────┴──────┤
//!   └ mode, dry ──────────────── bypass ┘
//! ```
//! It is drawn when something changed, and thirty times a second while a meter moves.

mod areas;
mod calling;
mod carry;
mod chosen;
mod gain;
mod hand;
mod header;
mod hold;
mod joining;
mod latency;
mod letters;
mod look;
mod mixer;
mod numbers;
mod places;
mod players;
mod plot;
mod reveal;
mod settings;
mod status;
mod strip;
mod takes;
mod talk;

use std::sync::Arc;
use std::time::Duration;

use egui::{Context, ScrollArea, Ui};
use farsend_ipc::message::SessionState;
use nice_plug::context::gui::GuiContext;
use nice_plug::editor::dpi::LogicalSize;
use nice_plug::editor::{ResizeHint, SizeConstraints};
use nice_plug_egui::baseview::HandlerError;
use nice_plug_egui::{
    EguiEditor, EguiEditorState, EguiNiceSettings, Frame, NiceEguiApp, create_egui_editor,
};

use crate::shared::{Shared, View};
use crate::situation::Situation;
use crate::user::{Book, Preferences, UserFile};
use areas::{Areas, within};
use calling::CallForm;
use chosen::Chosen;
use hand::Hand;
use hold::Meters;
use joining::JoiningForm;
use places::Places;
use settings::Wishes;
use strip::Side;
use talk::TalkForm;

pub use header::Page;

/// The editor of an instance.
pub fn create_editor(shared: Arc<Shared>) -> Option<EguiEditor<EditorApp>> {
    let settings = EguiNiceSettings::new()
        .with_tile("Farsend")
        .with_repaint_poll_interval(MOVING)
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
        shared.repaint().clone(),
        settings,
        EditorApp::new(shared, Files::of_user()),
    )
}

/// What is this person's, whichever instance shows it.
#[derive(Debug, Clone, Default)]
pub struct Files {
    /// The address book.
    pub addresses: Option<UserFile>,
    /// How the window looks.
    pub preferences: Option<UserFile>,
}

impl Files {
    /// Those in Farsend's folder of settings.
    pub fn of_user() -> Self {
        Self {
            addresses: UserFile::named(Book::FILE),
            preferences: UserFile::named(Preferences::FILE),
        }
    }
}

/// The window's contents. One lives as long as its instance, whether the window is open or not.
#[derive(Debug)]
pub struct EditorApp {
    shared: Arc<Shared>,
    hand: Option<Hand>,
    page: Page,
    call: CallForm,
    joining: JoiningForm,
    talk: TalkForm,
    places: Places,
    chosen: Chosen,
    wishes: Wishes,
    sent: Meters,
    returned: Meters,
}

impl EditorApp {
    /// For an instance, with these files of its user's.
    pub fn new(shared: Arc<Shared>, files: Files) -> Self {
        Self {
            shared,
            hand: None,
            page: Page::default(),
            call: CallForm::default(),
            joining: JoiningForm::default(),
            talk: TalkForm::default(),
            places: Places::new(files.addresses),
            chosen: Chosen::default(),
            wishes: Wishes::new(files.preferences),
            sent: Meters::default(),
            returned: Meters::default(),
        }
    }

    /// The window is there: dresses its context. Without a host (`gui`), parameters can only be looked at.
    pub fn open(&mut self, context: &Context, gui: Option<GuiContext>) {
        look::apply(context);
        self.wishes.read();
        self.call = CallForm::default();
        self.joining = JoiningForm::default();
        let store = &self.shared.params.session;
        self.hand = gui.map(|gui| Hand::new(gui, Arc::clone(store)));
    }

    /// Turns to a page.
    pub fn turn_to(&mut self, page: Page) {
        self.page = page;
    }

    /// Everything in the window.
    pub fn show(&mut self, ui: &mut Ui) {
        if let Some(hand) = &self.hand {
            latency::mirror(&self.shared, hand);
        }
        look::choose(ui.ctx(), self.wishes.preferences.theme);
        let view = self.shared.view();
        self.follow(ui, &view);
        let areas = Areas::of(ui.max_rect());
        areas.paint(ui);
        let unread = self.talk.unread(&view);
        // In the order in which the keyboard goes round.
        within(ui, areas.header, |ui| {
            header::show(ui, &self.shared, &view, unread, &mut self.page);
        });
        within(ui, areas.middle, |ui| self.middle(ui, &view));
        let hand = self.hand.as_ref();
        let params = &self.shared.params;
        within(ui, areas.sent, |ui| {
            strip::show(ui, Side::Left, params, hand, &mut self.sent);
        });
        within(ui, areas.returned, |ui| {
            strip::show(ui, Side::Right, params, hand, &mut self.returned);
        });
        within(ui, areas.foot, |ui| mixer::show(ui, params, hand));
        // What it says of the pointer counts, since it comes last.
        carry::follow(ui);
    }

    /// What is between the strips.
    fn middle(&mut self, ui: &mut Ui, view: &View) {
        if self.page == Page::Chat {
            return talk::show(ui, &self.shared, view, &mut self.talk);
        }
        ScrollArea::vertical()
            .id_salt(self.page)
            .auto_shrink(false)
            .show(ui, |ui| self.page(ui, view));
    }

    /// What scrolls.
    fn page(&mut self, ui: &mut Ui, view: &View) {
        let shared = &self.shared;
        match self.page {
            Page::Session => {
                calling::show(ui, shared, view, &mut self.call);
                joining::show(ui, shared, &mut self.joining);
                players::hub(ui, shared);
                ui.add_space(look::GAP / 2.0);
                status::show(ui, shared, view);
                ui.add_space(look::GAP);
                if !shared.params.session.get().connected {
                    places::show(ui, shared, &mut self.places, &mut self.call);
                    return;
                }
                players::listening(ui, shared, view, self.hand.as_ref());
                if plays(view) {
                    players::table(ui, view);
                    self.numbers(ui, view);
                }
            }
            Page::Takes => look::card(ui, "", |ui| {
                takes::show(ui, shared, view, self.hand.as_ref(), &mut self.chosen);
            }),
            // Scrolls by itself.
            Page::Chat => {}
            Page::Settings => {
                look::card(ui, "Latency", |ui| {
                    latency::show(ui, shared, view, self.hand.as_ref());
                });
                ui.add_space(look::GAP);
                settings::show(ui, shared, view, &mut self.wishes);
            }
        }
    }

    /// How well the session does.
    fn numbers(&self, ui: &mut Ui, view: &View) {
        look::card(ui, "", |ui| {
            plot::legend(ui);
            self.shared.history(|history| plot::show(ui, history, PLOT));
        });
        ui.add_space(look::GAP);
        look::card(ui, "", |ui| numbers::show(ui, view));
    }

    /// Takes what was loudest since the last time; sees to it that the window is drawn again when it would look otherwise.
    fn follow(&mut self, ui: &Ui, view: &View) {
        let now = ui.input(|input| input.time);
        let levels = view.levels.as_deref();
        let sent = levels.map_or(&[][..], |levels| &levels.sent);
        let returned = levels.map_or(&[][..], |levels| &levels.returned);
        self.sent.follow(now, sent.iter().map(|level| level.take()));
        self.returned
            .follow(now, returned.iter().map(|level| level.take()));
        if self.sent.moves() || self.returned.moves() {
            ui.ctx().request_repaint_after(MOVING);
        }
    }
}

/// Whether there is a peer, or was one just now.
fn plays(view: &View) -> bool {
    matches!(
        view.situation,
        Situation::Session(
            SessionState::Connected { .. }
                | SessionState::Quiet { .. }
                | SessionState::Hosting { players: 1.., .. }
        )
    )
}

impl NiceEguiApp for EditorApp {
    fn build(
        &mut self,
        context: Context,
        gui: GuiContext,
        _: &mut Frame,
    ) -> Result<(), HandlerError> {
        self.open(&context, Some(gui));
        Ok(())
    }

    fn ui(&mut self, ui: &mut Ui, _: &mut Frame) {
        self.show(ui);
    }

    fn editor_closed(&mut self) {
        self.hand = None;
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

const SIZE: LogicalSize<f32> = LogicalSize::new(760.0, 560.0);
const SMALLEST: LogicalSize<f32> = LogicalSize::new(540.0, 380.0);

/// How high the plot is.
const PLOT: f32 = 110.0;

/// How often the window is drawn anew while something moves.
const MOVING: Duration = Duration::from_millis(33);
