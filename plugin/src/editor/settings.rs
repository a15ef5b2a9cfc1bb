//! Everything that can be set, in one place.

use egui::{Color32, ComboBox, DragValue, Grid, Response, RichText, TextEdit, Ui};

use super::look;
use crate::shared::{Shared, View};
use crate::state::{BITS, CHANNELS, QUEUE, REDUNDANCY, Role, Session};
use crate::user::{Preferences, Theme, UserFile};

/// What this person prefers, as it was read.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    file: Option<UserFile>,
    /// How the window looks.
    pub(super) preferences: Preferences,
    note: Option<String>,
}

impl Wishes {
    /// With what this file says; `None`: this person has no folder of settings.
    pub(super) fn new(file: Option<UserFile>) -> Self {
        let mut wishes = Self {
            file,
            ..Self::default()
        };
        wishes.read();
        wishes
    }

    /// Reads them again.
    pub(super) fn read(&mut self) {
        match self.file.as_ref().map(UserFile::read) {
            Some(Ok((preferences, note))) => (self.preferences, self.note) = (preferences, note),
            Some(Err(error)) => self.note = Some(error.to_string()),
            None => {}
        }
    }

    fn choose(&mut self, theme: Theme) {
        self.preferences.theme = theme;
        let change = |preferences: &mut Preferences| preferences.theme = theme;
        match self.file.as_ref().map(|file| file.change(change)) {
            Some(Ok((_, note))) => self.note = note,
            Some(Err(error)) => self.note = Some(format!("That was not saved: {error}")),
            None => {}
        }
    }
}

/// The page. A change takes effect at once, but for what names the session: that waits for the next one.
pub(super) fn show(ui: &mut Ui, shared: &Shared, view: &View, wishes: &mut Wishes) {
    let store = &shared.params.session;
    let mut session = store.get();
    let before = session.clone();
    look::card(ui, "Audio on the network", |ui| audio(ui, &mut session));
    ui.add_space(look::GAP);
    look::card(ui, "Connection", |ui| connection(ui, &mut session));
    ui.add_space(look::GAP);
    look::card(ui, "Sharing", |ui| {
        ui.label(look::quiet(
            "Instances that name the same session share one connection: what they send is summed, and each hears what comes back.",
        ));
        sharing(ui, &mut session, view);
    });
    ui.add_space(look::GAP);
    look::card(ui, "Window", |ui| window(ui, wishes));
    if session != before {
        store.set(session);
    }
}

fn audio(ui: &mut Ui, session: &mut Session) {
    grid(ui, "audio", |ui| {
        row(ui, "Queue", QUEUE_MEANING, |ui| {
            queue(ui, &mut session.queue);
        });
        row(ui, "Bits of a sample", BITS_MEANING, |ui| {
            choice(ui, "bits", &mut session.bits, &BITS);
        });
        row(ui, "Frames in a packet", PERIOD_MEANING, |ui| {
            choice(ui, "period", &mut session.period, &PERIODS);
        });
        row(ui, "Copies of each packet", COPIES_MEANING, |ui| {
            ui.add(
                DragValue::new(&mut session.redundancy)
                    .range(REDUNDANCY)
                    .speed(0.05),
            );
        });
    });
}

fn connection(ui: &mut Ui, session: &mut Session) {
    let connected = session.connected;
    ui.add_enabled_ui(!connected, |ui| {
        grid(ui, "connection", |ui| {
            let name = match session.role {
                Role::Member => "Hub's TCP port",
                Role::Hub => "TCP and UDP port",
                _ => "UDP port",
            };
            row(ui, name, PORT_MEANING, |ui| {
                ui.add(
                    DragValue::new(&mut session.port)
                        .range(1..=65_535)
                        .speed(0.2),
                );
            });
            if matches!(session.role, Role::Client | Role::Server) {
                row(ui, "Name", NAME_MEANING, |ui| {
                    field(ui, &mut session.name, "as the track");
                });
            }
            if matches!(session.role, Role::Client | Role::Member) {
                row(ui, "Own UDP port", LOCAL_MEANING, |ui| {
                    number(ui, &mut session.local_port, 0..=65_535, "any");
                });
            }
            if session.role == Role::Member {
                row(ui, "Hub's fingerprint", FINGERPRINT_MEANING, |ui| {
                    field(ui, &mut session.fingerprint, "any certificate");
                });
            }
        });
    });
    if connected {
        ui.label(look::heading(
            "These can be changed while there is no connection.",
        ));
    }
    ui.checkbox(
        &mut session.connect_on_load,
        "Connect when the project is opened",
    );
}

fn sharing(ui: &mut Ui, session: &mut Session, view: &View) {
    grid(ui, "sharing", |ui| {
        row(ui, "Session", SESSION_MEANING, |ui| {
            ui.add_enabled_ui(!session.connected, |ui| {
                field(ui, &mut session.share, "of its own")
            });
        });
        if session.share.trim().is_empty() {
            return;
        }
        row(ui, "First channel", CHANNEL_MEANING, |ui| {
            number(ui, &mut session.channel, CHANNELS, "first");
        });
        row(ui, "Channels", CHANNELS_MEANING, |ui| {
            number(ui, &mut session.channels, CHANNELS, "auto");
        });
    });
    shared_with(ui, session.share.trim(), view);
}

/// Who else is in the session, if it is shared.
pub(super) fn shared_with(ui: &mut Ui, name: &str, view: &View) {
    let Some(sharing) = &view.sharing else { return };
    let count = match sharing.instances {
        1 => format!("No other instance shares \"{name}\" now"),
        count => format!("{count} instances share \"{name}\""),
    };
    if sharing.as_wanted {
        ui.label(look::quiet(format!("{count}.")));
    } else {
        let text = format!(
            "{count}; another one opened {}, and that counts.",
            sharing.about
        );
        let text = look::warning(ui, text);
        ui.label(text);
    }
}

fn window(ui: &mut Ui, wishes: &mut Wishes) {
    let mut theme = wishes.preferences.theme;
    ui.horizontal(|ui| {
        ui.radio_value(&mut theme, Theme::Dark, "Dark");
        ui.radio_value(&mut theme, Theme::Light, "Light");
        ui.label(look::quiet("for you, in every project"));
    });
    if theme != wishes.preferences.theme {
        wishes.choose(theme);
    }
    if let Some(note) = &wishes.note {
        let text = look::warning(ui, note);
        ui.label(text);
    }
}

fn grid(ui: &mut Ui, name: &str, rows: impl FnOnce(&mut Ui)) {
    Grid::new(name)
        .num_columns(2)
        .min_col_width(NAMES)
        .spacing([12.0, 6.0])
        .show(ui, rows);
}

fn row(ui: &mut Ui, name: &str, meaning: &str, contents: impl FnOnce(&mut Ui)) {
    ui.label(look::quiet(name)).on_hover_text(meaning);
    ui.horizontal(contents).response.on_hover_text(meaning);
    ui.end_row();
}

fn queue(ui: &mut Ui, queue: &mut u16) {
    ui.add(
        DragValue::new(queue)
            .range(QUEUE)
            .speed(0.05)
            .custom_formatter(|queue, _| match queue as u16 {
                0 => "automatic".into(),
                1 => "1 packet".into(),
                queue => format!("{queue} packets"),
            })
            .custom_parser(|text| match text.trim() {
                "auto" | "automatic" => Some(0.0),
                text => text
                    .trim_end_matches(|c: char| !c.is_ascii_digit())
                    .parse()
                    .ok(),
            }),
    );
}

fn choice<T>(ui: &mut Ui, name: &str, chosen: &mut T, among: &[T])
where
    T: Copy + PartialEq + std::fmt::Display,
{
    ComboBox::from_id_salt(name)
        .width(64.0)
        .selected_text(chosen.to_string())
        .show_ui(ui, |ui| {
            for value in among {
                ui.selectable_value(chosen, *value, value.to_string());
            }
        });
}

fn field(ui: &mut Ui, text: &mut String, hint: &str) -> Response {
    ui.add(
        TextEdit::singleline(text)
            .hint_text(RichText::new(hint).color(Color32::PLACEHOLDER))
            .char_limit(LONGEST)
            .desired_width(FIELD),
    )
}

/// A number whose 0 has a name.
fn number<T: egui::emath::Numeric>(
    ui: &mut Ui,
    number: &mut T,
    range: std::ops::RangeInclusive<T>,
    zero: &'static str,
) {
    ui.add(
        DragValue::new(number)
            .range(range)
            .speed(0.05)
            .custom_formatter(move |number, _| match number {
                0.0 => zero.into(),
                number => format!("{number:.0}"),
            })
            .custom_parser(move |text| match text.trim() {
                text if text == zero => Some(0.0),
                text => text.parse().ok(),
            }),
    );
}

const PERIODS: [u16; 7] = [16, 32, 64, 128, 256, 512, 1024];
const NAMES: f32 = 140.0;
const FIELD: f32 = 180.0;
/// Characters of a name: fewer than may be saved, whatever they are.
const LONGEST: usize = 50;

const QUEUE_MEANING: &str = "Packets kept before playing. Automatic: as few as the network's lateness allows. A number: always so many.";
const BITS_MEANING: &str =
    "16 is what every JackTrip takes; 24 is better, and half as many bytes again.";
const PERIOD_MEANING: &str = "Fewer frames: less delay and more packets a second.";
const COPIES_MEANING: &str =
    "How often each packet is sent: 2 or more mend what gets lost on the way to a JackTrip.";
const PORT_MEANING: &str = "Of the one who is called, or the one that is waited at.";
const NAME_MEANING: &str =
    "What a Farsend at the far end calls you. As the track: what the host calls it.";
const LOCAL_MEANING: &str = "Where this end receives. Any: each instance draws one.";
const FINGERPRINT_MEANING: &str = "The SHA-256 fingerprint that the hub's certificate must have.";
const SESSION_MEANING: &str = "Instances that say the same name share one connection.";
const CHANNEL_MEANING: &str = "The channel of the session that is this track's first. First: channel 1, and a mono track in the middle.";
const CHANNELS_MEANING: &str =
    "Channels of the session, where this instance opens it. Auto: as many as this track has.";
