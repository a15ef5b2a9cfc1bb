//! The editor in a window of its own, without a host: `cargo run -p farsend-plugin --example editor`.
//!
//! It shows a made-up session (`connected`, `hub`, `calling`, `trouble`, `off` ..., the first by default), so that
//! its looks can be worked on; `takes FILE...` lists these files, to be dragged somewhere; and `live` talks to a real engine, though there is no audio to send.

#![allow(
    unsafe_code,
    reason = "what a host has to offer an editor is unsafe by the framework's interface"
)]

#[path = "../tests/common/editor/nobody.rs"]
mod nobody;
#[path = "../tests/common/editor/scenes.rs"]
mod scenes;

use std::sync::Arc;
use std::time::Duration;

use farsend_plugin::editor::create_editor;
use farsend_plugin::link::link;
use farsend_plugin::shared::Shared;
use farsend_plugin::supervisor::{Environment, Supervision};
use nice_plug::editor::EditorHandle;
use nice_plug::prelude::Editor;
use scenes::{SCENES, Scene};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let what = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "connected".into());
    let mut supervision = None;
    let shared = if SCENES.contains(&what.as_str()) {
        let mut scene = Scene::of(&what);
        let shared = Arc::clone(&scene.shared);
        shared.show(|view| {
            let mut takes = (*view.takes).clone();
            let files = takes.iter_mut().zip(std::env::args().skip(2));
            files.for_each(|(take, file)| take.path = file);
            view.takes = Arc::new(takes);
        });
        std::thread::spawn(move || play(&mut scene));
        shared
    } else {
        let shared = Shared::new();
        let (sender, _) = link();
        supervision = Some(Supervision::start(
            Arc::clone(&shared),
            sender,
            Environment::read(),
        ));
        shared
    };
    let editor = create_editor(Arc::clone(&shared)).ok_or("no editor")?;
    let spawned = editor.spawn(None, false, None, nobody::nobody(&shared), None)?;
    run(&editor, spawned.window)?;
    drop(supervision);
    Ok(())
}

fn run<E: Editor>(
    _: &E,
    window: <E::Handle as EditorHandle>::Window,
) -> Result<(), <E::Handle as EditorHandle>::Error> {
    E::Handle::run_until_closed(window)
}

/// Goes on like a good session.
fn play(scene: &mut Scene) {
    let mut phase = 0.0_f32;
    loop {
        phase += 0.03;
        let sent = [0.3 + 0.15 * phase.sin(), 0.24 + 0.1 * (phase * 1.3).cos()];
        scene.play(sent, [0.5 + 0.4 * (phase * 0.7).sin(), 0.4]);
        scene.shared.repaint().request_repaint();
        std::thread::sleep(Duration::from_millis(10));
    }
}
