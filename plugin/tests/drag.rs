//! Takes are dragged out of the real editor, on a screen that nobody sees, to a program that takes files.

#![cfg(target_os = "linux")]
#![allow(unsafe_code, reason = "what a host has to offer an editor")]
#![allow(clippy::expect_used, reason = "what fails here fails the test")]

#[path = "common/editor/nobody.rs"]
mod nobody;
#[path = "common/editor/scenes.rs"]
#[allow(dead_code, reason = "the others are looked at elsewhere")]
mod scenes;
#[path = "common/screen/mod.rs"]
mod screen;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use farsend_ipc::message::TakeState;
use farsend_plugin::editor::create_editor;
use nice_plug::editor::EditorHandle as _;
use nice_plug::prelude::Editor as _;
use scenes::Scene;
use screen::target::{Heard, LIMIT, Target};
use screen::{Hand, is_on_a_screen};

#[test]
fn takes_are_dragged_to_another_program_or_not_as_its_user_and_it_want() {
    let name = "takes_are_dragged_to_another_program_or_not_as_its_user_and_it_want";
    if !is_on_a_screen(name) {
        return;
    }
    let folder = tempfile::tempdir().expect("there is room for files");
    let files = ["Zoë - take 1.wav", "take #2.wav", "take 3.wav"];
    let files = files.map(|name| folder.path().join(name));
    for file in &files {
        std::fs::write(file, "RIFF").expect("there is room for files");
    }
    let scene = scene(&files);
    let editor = create_editor(Arc::clone(&scene.shared)).expect("there is one");
    let nobody = nobody::nobody(&scene.shared);
    let spawned = editor.spawn(None, false, None, nobody, None);
    let spawned = spawned.expect("there is a screen");
    spawned.handle.show(&spawned.window).expect("it is shown");

    let hand = Hand::new();
    let mut target = Target::show(&hand, PLACE);

    // One that is chosen brings the others along.
    let start = format!("file://{}/", folder.path().display());
    let both = format!("{start}take%20%232.wav\r\n{start}Zo%C3%AB%20-%20take%201.wav\r\n");
    assert_eq!(drop_both(&hand, &mut target), both);
    target.finish();

    // What is not taken is left.
    drag(&hand, &mut target, SECOND);
    target.answer(false);
    hand.button(false);
    wait_for(&mut target, Heard::Leave);

    // Escape.
    drag(&hand, &mut target, SECOND);
    target.answer(true);
    hand.key(ESCAPE, true);
    wait_for(&mut target, Heard::Leave);
    hand.key(ESCAPE, false);
    hand.button(false);

    // Who goes is not waited for.
    drag(&hand, &mut target, SECOND);
    target.vanish();
    hand.button(false);
    wait_for_no_drag();
    let mut target = Target::show(&hand, PLACE);

    // What is recorded still cannot be dragged; a drag ends with the window.
    pull(&hand, RECORDING);
    assert_eq!(target.hear(Duration::from_millis(200)), None);
    hand.button(false);
    drag(&hand, &mut target, FIRST);
    drop(spawned);
    wait_for(&mut target, Heard::Leave);
    wait_for_no_drag();
}

fn scene(files: &[PathBuf; 3]) -> Scene {
    let scene = Scene::of("takes");
    scene.shared.show(|view| {
        let mut takes = (*view.takes).clone();
        takes.retain(|take| !matches!(take.state, TakeState::Failed(_)));
        for (take, file) in takes.iter_mut().zip(files) {
            take.path = file.display().to_string();
        }
        view.takes = Arc::new(takes);
    });
    scene
}

/// Chooses both takes that are done, drops one of them, and fetches what that is.
fn drop_both(hand: &Hand, target: &mut Target<'_>) -> String {
    for _ in 0..ATTEMPTS {
        turn_to_takes(hand);
        click(hand, SECOND);
        hand.key(SHIFT, true);
        click(hand, FIRST);
        hand.key(SHIFT, false);
        drag(hand, target, FIRST);
        target.answer(true);
        hand.button(false);
        wait_for(target, Heard::Drop);
        let list = target.fetch();
        if list.lines().count() > 1 {
            return list;
        }
        target.finish();
        wait_for_no_drag();
    }
    panic!("both are never chosen");
}

/// Pulls a row over the target until that is told.
fn drag(hand: &Hand, target: &mut Target<'_>, row: (i16, i16)) {
    for _ in 0..ATTEMPTS {
        pull(hand, row);
        let heard = target.hear(Duration::from_secs(1));
        if heard.is_some() {
            assert_eq!(heard, Some(Heard::Enter { version: 5 }));
            let Some(Heard::Position(x, y)) = target.hear(LIMIT) else {
                panic!("it is told no position");
            };
            let (left, top) = PLACE;
            assert!((left..left + 200).contains(&x) && (top..top + 200).contains(&y));
            return;
        }
        hand.button(false);
        wait_for_no_drag();
        while target.hear(Duration::ZERO).is_some() {}
        turn_to_takes(hand);
    }
    panic!("nothing can be dragged");
}

fn pull(hand: &Hand, (x, y): (i16, i16)) {
    hand.move_to((x, y));
    pause();
    hand.button(true);
    pause();
    hand.move_to((x + 20, y + 5));
    pause();
    hand.move_to((PLACE.0 + 90, PLACE.1 + 90));
    pause();
    hand.move_to((PLACE.0 + 100, PLACE.1 + 100));
}

fn turn_to_takes(hand: &Hand) {
    click(hand, TAKES);
}

fn click(hand: &Hand, place: (i16, i16)) {
    hand.move_to(place);
    pause();
    hand.button(true);
    pause();
    hand.button(false);
    pause();
}

/// For the editor to draw.
fn pause() {
    std::thread::sleep(Duration::from_millis(60));
}

/// Waits for these words; others before them are places.
fn wait_for(target: &mut Target<'_>, words: Heard) {
    loop {
        match target.hear(LIMIT) {
            Some(Heard::Position(..)) if words != Heard::Leave => target.answer(true),
            Some(Heard::Position(..)) => target.answer(false),
            heard => return assert_eq!(heard, Some(words)),
        }
    }
}

fn wait_for_no_drag() {
    let ended = (0..100).any(|_| {
        pause();
        threads_that_drag() == 0
    });
    assert!(ended, "somebody is waited for");
}

fn threads_that_drag() -> usize {
    let threads = std::fs::read_dir(Path::new("/proc/self/task")).expect("this is Linux");
    let names = threads
        .flatten()
        .map(|one| std::fs::read_to_string(one.path().join("comm")));
    names
        .flatten()
        .filter(|name| name.trim() == "farsend-drag")
        .count()
}

/// A busy machine draws too little of what is done now and then.
const ATTEMPTS: usize = 6;

/// Where the target is.
const PLACE: (i16, i16) = (900, 300);

/// Where things are in the window, whose corner is the screen's.
const TAKES: (i16, i16) = (196, 20);
const RECORDING: (i16, i16) = (160, 133);
const SECOND: (i16, i16) = (160, 163);
const FIRST: (i16, i16) = (160, 193);

const ESCAPE: u32 = 0xff1b;
const SHIFT: u32 = 0xffe1;
