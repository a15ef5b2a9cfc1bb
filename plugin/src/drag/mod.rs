//! Takes that are dragged out of the editor and dropped on another program, or on the host: as files.
//!
//! ```text
//!   editor ──files──▶ a thread ──XDND──▶ the window under the pointer
//!      ◀──── stage ──────┘ ▲
//!                          └── a connection of its own to the X server
//! ```
//! The editor's window has the pointer for as long as the button is down, so nothing can be grabbed: the thread looks where the pointer is, a hundred
//! times a second. It ends with the drag, and with the [`Drag`]. On systems without X11 nothing can be dragged.

#[cfg(target_os = "linux")]
mod session;
#[cfg(target_os = "linux")]
mod uris;
#[cfg(target_os = "linux")]
mod x11;

#[cfg(target_os = "linux")]
pub(crate) use uris::uri;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use nice_plug_egui::RepaintNotifier;
use parking_lot::Mutex;

use crate::mapped::part_from;

/// Whether something can be dragged on this system.
pub const POSSIBLE: bool = cfg!(target_os = "linux");

/// Files on their way to where they are dropped. Dropping this ends it, and waits for that: a look at the pointer at most.
#[derive(Debug)]
pub struct Drag {
    told: Arc<Told>,
    thread: Option<JoinHandle<()>>,
}

/// How it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// Over nobody, or nobody who would take it.
    Unwelcome,
    /// Who is there would take it.
    Welcome,
    /// It was let go there, and is fetched.
    Dropped,
    /// It is over.
    Ended(End),
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// They are where they were dropped.
    Taken,
    /// They were dropped, and nobody said what became of it.
    Unconfirmed,
    /// Who was there did not take them.
    Refused,
    /// Nobody was there.
    Nowhere,
    /// By Escape, or because the window was closed.
    Cancelled,
    /// None of the files is there any more.
    Missing,
    /// The system did not let it happen: why.
    Failed(String),
}

/// What the thread and its [`Drag`] tell each other.
#[derive(Debug)]
struct Told {
    stage: Mutex<Stage>,
    cancel: AtomicBool,
    stop: AtomicBool,
    repaint: RepaintNotifier,
}

impl Drag {
    /// Begins to drag files, while the pointer's first button is down. Does not wait for anything; `repaint` is asked for whenever the stage changes.
    pub fn start(files: Vec<PathBuf>, repaint: RepaintNotifier) -> Self {
        let told = Arc::new(Told {
            stage: Mutex::new(Stage::Unwelcome),
            cancel: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            repaint,
        });
        let theirs = Arc::clone(&told);
        let thread = std::thread::Builder::new()
            .name("farsend-drag".into())
            .spawn(move || theirs.enter(Stage::Ended(carry(files, &theirs))));
        let thread = thread.inspect_err(|error| {
            let why = format!("the system gives no thread: {error}");
            told.enter(Stage::Ended(End::Failed(why)));
        });
        Self {
            told,
            thread: thread.ok(),
        }
    }

    /// How it goes.
    pub fn stage(&self) -> Stage {
        self.told.stage.lock().clone()
    }

    /// The user wants no more of it. What has been dropped stays so.
    pub fn cancel(&self) {
        self.told.cancel.store(true, Ordering::Relaxed);
    }
}

impl Drop for Drag {
    fn drop(&mut self) {
        self.told.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            part_from(thread, PARTING);
        }
    }
}

impl Told {
    fn enter(&self, stage: Stage) {
        let mut now = self.stage.lock();
        if *now != stage {
            *now = stage;
            self.repaint.request_repaint();
        }
    }
}

/// How long who ends it waits: not for a disk that does not answer.
const PARTING: Duration = Duration::from_millis(500);

/// From the button to the end, on the thread.
#[cfg(target_os = "linux")]
fn carry(mut files: Vec<PathBuf>, told: &Told) -> End {
    files.retain(|file| file.is_file());
    if files.is_empty() {
        return End::Missing;
    }
    let list = uris::uri_list(files.iter().map(PathBuf::as_path));
    x11::carry(list.as_bytes(), told).unwrap_or_else(|error| End::Failed(error.to_string()))
}

#[cfg(not(target_os = "linux"))]
fn carry(_: Vec<PathBuf>, _: &Told) -> End {
    End::Failed("not on this system".into())
}
