//! The address book: whom to call again.

use egui::{Button, Key, RichText, TextEdit, Ui, vec2};

use super::calling::CallForm;
use super::look;
use crate::shared::Shared;
use crate::state::Role;
use crate::user::Stamp;
use crate::user::{Book, Entry, List, UserFile};

/// The book as it was read, and what is being done to it.
#[derive(Debug, Default)]
pub(super) struct Places {
    file: Option<UserFile>,
    stamp: Option<Stamp>,
    book: Book,
    /// What there is to say of the file.
    note: Option<String>,
    /// The name that is being typed for an entry.
    naming: Option<(Entry, String)>,
    /// It has only begun.
    begun: bool,
    looked: Option<f64>,
}

impl Places {
    /// With the book in this file; `None`: this person has no folder of settings.
    pub(super) fn new(file: Option<UserFile>) -> Self {
        Self {
            file,
            ..Self::default()
        }
    }

    /// Reads it again if it was changed, by whichever program.
    fn look(&mut self, now: f64) {
        if self.looked.is_some_and(|looked| now < looked + LOOK_EVERY) {
            return;
        }
        self.looked = Some(now);
        let Some(file) = &self.file else { return };
        let stamp = file.stamp();
        if self.stamp.is_some() && stamp == self.stamp {
            return;
        }
        self.stamp = stamp;
        match file.read() {
            Ok((book, note)) => (self.book, self.note) = (book, note),
            Err(error) => self.note = Some(error.to_string()),
        }
    }

    fn change(&mut self, change: impl FnOnce(&mut Book)) {
        let Some(file) = &self.file else { return };
        match file.change(change) {
            Ok((book, note)) => (self.book, self.note) = (book, note),
            Err(error) => self.note = Some(format!("That was not saved: {error}")),
        }
        self.stamp = file.stamp();
    }
}

/// What was done to an entry.
enum Done {
    Taken,
    Called,
    Naming,
    Forgotten,
}

/// The book, where there is no session.
pub(super) fn show(ui: &mut Ui, shared: &Shared, places: &mut Places, form: &mut CallForm) {
    places.look(ui.input(|input| input.time));
    let lists = [(List::Saved, "Saved"), (List::Recent, "Recent")];
    let [saved, recent] = lists.map(|(list, _)| places.book.entries(list));
    // What is saved need not be there twice.
    let recent = recent
        .into_iter()
        .filter(|entry| places.book.name_of(entry).is_none())
        .collect();
    let mut done = None;
    for ((list, title), entries) in lists.into_iter().zip([saved, recent]) {
        if list == List::Saved && entries.is_empty() {
            continue;
        }
        look::card(ui, title, |ui| {
            if entries.is_empty() {
                ui.label(look::quiet("Whom you call appears here, in every project."));
            }
            for entry in entries {
                let what = row(ui, places, list, &entry);
                done = what.map(|what| (what, list, entry)).or(done.take());
            }
        });
        ui.add_space(look::GAP);
    }
    if let Some(note) = &places.note {
        let text = look::warning(ui, note);
        ui.label(text);
    }
    match done {
        Some((Done::Taken, _, entry)) => form.take(shared, &entry),
        Some((Done::Called, _, entry)) => form.call(shared, &entry),
        Some((Done::Forgotten, list, entry)) => places.change(|book| book.forget(list, &entry)),
        Some((Done::Naming, _, entry)) => {
            places.naming = Some((entry.clone(), entry.name));
            places.begun = true;
        }
        None => {}
    }
}

fn row(ui: &mut Ui, places: &mut Places, list: List, entry: &Entry) -> Option<Done> {
    if places
        .naming
        .as_ref()
        .is_some_and(|(named, _)| named == entry)
    {
        name(ui, places);
        return None;
    }
    let mut done = None;
    ui.horizontal(|ui| {
        let title = RichText::new(entry.title());
        let width = ui.available_width() - 2.0 * (WORD + ui.spacing().item_spacing.x);
        let about = match (entry.name.is_empty(), entry.role) {
            _ if width < NARROW => String::new(),
            (false, _) => entry.address(),
            (true, Role::Member) => "hub".into(),
            (true, _) => String::new(),
        };
        let button = Button::new(title).right_text(look::quiet(about));
        let button = ui.add(button.truncate().min_size(vec2(width, look::HEIGHT)));
        let address = entry.address();
        let hint = format!("{address}\nPress to take this address, twice to call it.");
        let button = button.on_hover_text(hint);
        if button.double_clicked() {
            done = Some(Done::Called);
        } else if button.clicked() {
            done = Some(Done::Taken);
        }
        let word = match list {
            List::Saved => "Rename",
            List::Recent => "Save",
        };
        if word_button(ui, word) {
            done = Some(Done::Naming);
        }
        if word_button(ui, "Forget") {
            done = Some(Done::Forgotten);
        }
    });
    done
}

fn word_button(ui: &mut Ui, word: &str) -> bool {
    let button = Button::new(RichText::new(word).small()).min_size(vec2(WORD, look::HEIGHT));
    ui.add(button).clicked()
}

/// A field for a name.
fn name(ui: &mut Ui, places: &mut Places) {
    let Some((entry, mut name)) = places.naming.take() else {
        return;
    };
    let mut saved = false;
    let mut given_up = false;
    ui.horizontal(|ui| {
        let field = ui.add(
            TextEdit::singleline(&mut name)
                .hint_text(format!("a name for {}", entry.address()))
                .char_limit(LONGEST)
                .min_size(vec2(0.0, look::HEIGHT))
                .desired_width(ui.available_width() - 2.0 * (WORD + ui.spacing().item_spacing.x)),
        );
        saved = word_button(ui, "Save");
        given_up = word_button(ui, "Cancel");
        if field.lost_focus() {
            saved |= ui.input(|input| input.key_pressed(Key::Enter));
            given_up |= ui.input(|input| input.key_pressed(Key::Escape));
        } else if std::mem::take(&mut places.begun) {
            field.request_focus();
        }
    });
    if saved {
        places.change(|book| book.save(&Entry { name, ..entry }));
    } else if !given_up {
        places.naming = Some((entry, name));
    }
}

/// How often it is looked whether the file was changed, in seconds.
const LOOK_EVERY: f64 = 2.0;
/// How wide the buttons behind an entry are.
const WORD: f32 = 62.0;
/// An entry in less than this shows its name only.
const NARROW: f32 = 220.0;
/// Of a name, in letters.
const LONGEST: usize = 60;
