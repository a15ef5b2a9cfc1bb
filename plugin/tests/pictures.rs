//! The editor looks as it does in docs/editor. After a change that was meant: `FARSEND_PICTURES=new cargo test -p farsend-plugin --test pictures`,
//! and look at each of them.

#![allow(unsafe_code, reason = "what a host has to offer an editor")]
#![allow(clippy::expect_used, reason = "what fails here fails the test")]

#[path = "common/editor/mod.rs"]
mod editor;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use editor::scenes::{SCENES, Scene};
use editor::window::Window;
use egui::{Event, Key, Modifiers, PointerButton, pos2};
use farsend_plugin::editor::Files;
use farsend_plugin::state::Role;
use farsend_plugin::user::{Book, Entry, Preferences, Theme, UserFile};

/// A picture: its name, its scene, and what is different from an ordinary dark window.
struct Shot {
    name: &'static str,
    scene: &'static str,
    size: [f32; 2],
    scale: f32,
    theme: Theme,
}

const fn shot(name: &'static str, scene: &'static str) -> Shot {
    Shot {
        name,
        scene,
        size: ORDINARY,
        scale: 1.0,
        theme: Theme::Dark,
    }
}

fn shots() -> Vec<Shot> {
    let mut shots: Vec<_> = SCENES.into_iter().map(|scene| shot(scene, scene)).collect();
    let light = |name, scene| Shot {
        theme: Theme::Light,
        ..shot(name, scene)
    };
    shots.extend([
        light("light", "trouble"),
        light("light-off", "off"),
        light("light-settings", "settings"),
        Shot {
            size: [540.0, 380.0],
            ..shot("small", "connected")
        },
        Shot {
            size: [540.0, 380.0],
            ..shot("small-takes", "takes")
        },
        Shot {
            size: [540.0, 500.0],
            ..light("small-players", "players")
        },
        Shot {
            size: [1200.0, 820.0],
            ..shot("large", "connected")
        },
        Shot {
            size: [540.0, 380.0],
            ..light("small-off", "off")
        },
        Shot {
            scale: 2.0,
            ..shot("sharp", "connected")
        },
    ]);
    shots
}

#[test]
fn the_editor_looks_as_it_does_in_the_documentation() {
    let renew = std::env::var_os("FARSEND_PICTURES").is_some_and(|wish| wish == "new");
    let documented = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/editor");
    let mut different = Vec::new();
    for shot in shots() {
        let picture = take(&shot).picture();
        let path = documented.join(format!("{}.png", shot.name));
        let share = picture.differs_from(&path);
        if renew && share.is_none_or(|share| share > 0.0) {
            picture.save(&path);
        } else if share.is_none_or(|share| share > TOLERATED) {
            let now = seen().join(format!("{}.png", shot.name));
            picture.save(&now);
            let share = share.map_or("no picture to compare with".into(), |share| {
                format!("{:.2} % of the pixels differ", share * 100.0)
            });
            different.push(format!("{}: {share}, see {}", shot.name, now.display()));
        }
    }
    assert!(different.is_empty(), "{different:#?}");
}

fn take(shot: &Shot) -> Window {
    let files = files(shot.theme);
    let scene = Scene::of(shot.scene);
    let mut window = Window::open(scene, files, shot.size, shot.scale);
    // A loud moment, then a quieter one: what is held is above what is shown.
    window.frame(0.0, vec![]);
    window.scene.play([0.6, 0.45], [0.35, 0.93]);
    window.frame(0.1, vec![]);
    window.scene.play([0.25, 0.2], [0.2, 0.17]);
    window.frame(0.3, vec![]);
    window.frame(0.0, vec![]);
    window
}

/// The files of somebody who has called some people.
fn files(theme: Theme) -> Files {
    let folder = tempfile::tempdir().expect("there is room for files");
    let named = |name: &str| Some(UserFile::at(folder.path().join(name)));
    let files = Files {
        addresses: named(Book::FILE),
        preferences: named(Preferences::FILE),
    };
    let entry = |name: &str, role, host: &str| Entry {
        name: name.into(),
        role,
        host: host.into(),
        port: 4464,
        user: String::new(),
    };
    let book = files.addresses.as_ref().expect("it was just named");
    book.change(|book: &mut Book| {
        book.save(&entry("Ada, at home", Role::Client, "ada.example.net"));
        book.save(&entry("Choir", Role::Member, "hub.example.org"));
        book.note(&entry("", Role::Client, "203.0.113.7"));
        book.note(&entry("", Role::Client, "fe80::5c1a"));
    })
    .expect("it can be written");
    let preferences = files.preferences.as_ref().expect("it was just named");
    preferences
        .change(|preferences: &mut Preferences| preferences.theme = theme)
        .expect("it can be written");
    // The folder is needed for as long as the test.
    let _ = folder.keep();
    files
}

/// Where pictures go that differ.
fn seen() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("editor")
}

const ORDINARY: [f32; 2] = [760.0, 560.0];

/// Of the pixels: letters may be drawn a little otherwise elsewhere.
const TOLERATED: f64 = 0.005;

#[test]
fn everything_can_be_done_with_the_keyboard_alone() {
    let mut window = Window::open(Scene::of("off"), files(Theme::Dark), ORDINARY, 1.0);
    let wanted = |window: &Window| window.scene.shared.params.session.get();
    window.frame(0.0, vec![]);
    // Four pages, then role and address.
    tab(&mut window, 6);
    window.write("hub://[2001:db8::7]:4470");
    window.press(Key::Enter, Modifiers::NONE);
    window.frame(0.1, vec![]);
    let session = wanted(&window);
    assert!(session.connected && window.scene.shared.is_asked());
    assert_eq!(
        (session.role, session.host.as_str(), session.port),
        (Role::Member, "2001:db8::7", 4470)
    );

    // What is no address says why, and nothing is called.
    let mut window = Window::open(Scene::of("off"), files(Theme::Dark), ORDINARY, 1.0);
    window.frame(0.0, vec![]);
    tab(&mut window, 6);
    window.write("https://far.example");
    window.press(Key::Enter, Modifiers::NONE);
    assert!(!wanted(&window).connected);

    // Address, button, then the first of the book: taken, and called by Enter.
    tab(&mut window, 2);
    window.press(Key::Enter, Modifiers::NONE);
    window.frame(0.1, vec![]);
    assert_eq!(wanted(&window).host, "ada.example.net");
    window.press(Key::Enter, Modifiers::NONE);
    assert!(wanted(&window).connected);
}

#[test]
fn an_emoji_without_a_picture_is_written_by_its_name_and_sent_as_it_is() {
    let mut window = Window::open(Scene::of("chat"), files(Theme::Dark), ORDINARY, 1.0);
    window.frame(0.0, vec![]);
    // Four pages, then the field.
    tab(&mut window, 5);
    window.write("The 🥁");
    // Behind the name, not within it.
    window.write(" was early");
    window.press(Key::Backspace, Modifiers::NONE);
    window.press(Key::Enter, Modifiers::NONE);
    let said = window.scene.shared.take_said();
    assert_eq!(said, ["The 🥁 was earl"]);
    // Without its last colon it is no name any more.
    window.write("🥁");
    window.press(Key::Backspace, Modifiers::NONE);
    window.press(Key::Enter, Modifiers::NONE);
    assert_eq!(window.scene.shared.take_said(), [":drum"]);
}

#[test]
fn the_window_is_drawn_again_only_when_something_moves() {
    let mut window = Window::open(Scene::of("connected"), files(Theme::Dark), ORDINARY, 1.0);
    window.frame(0.0, vec![]);
    window.frame(0.1, vec![]);
    assert!(window.patience() > 1e6, "nothing is heard");
    window.scene.play([0.5, 0.5], [0.0, 0.0]);
    window.frame(0.1, vec![]);
    assert!(
        (0.02..0.05).contains(&window.patience()),
        "{}",
        window.patience()
    );
    (0..100).for_each(|_| window.frame(0.1, vec![]));
    assert!(window.patience() > 1e6, "it is silent again");
}

#[test]
fn what_is_set_in_the_window_ends_what_was_kept_of_a_state_that_cannot_be_read() {
    let mut window = Window::open(Scene::of("unreadable"), files(Theme::Dark), ORDINARY, 1.0);
    let shared = Arc::clone(&window.scene.shared);
    window.frame(0.0, vec![]);
    assert!(shared.params.session.unread().is_some());
    let bypass = pos2(ORDINARY[0] - 40.0, ORDINARY[1] - 24.0);
    window.frame(0.1, vec![Event::PointerMoved(bypass)]);
    for pressed in [true, false] {
        window.frame(
            0.1,
            vec![Event::PointerButton {
                pos: bypass,
                button: PointerButton::Primary,
                pressed,
                modifiers: Modifiers::NONE,
            }],
        );
    }
    assert!(shared.params.bypass.value());
    assert!(shared.params.session.unread().is_none());
}

fn tab(window: &mut Window, times: usize) {
    (0..times).for_each(|_| window.press(Key::Tab, Modifiers::NONE));
}
