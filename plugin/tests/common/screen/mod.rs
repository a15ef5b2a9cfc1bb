//! A screen that nobody sees, with somebody's hand on the mouse.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use x11rb::connection::Connection as _;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    BUTTON_PRESS_EVENT, BUTTON_RELEASE_EVENT, ConnectionExt as _, KEY_PRESS_EVENT,
    KEY_RELEASE_EVENT, Keysym, MOTION_NOTIFY_EVENT, Window,
};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;

pub(crate) mod target;

/// Runs a test of this process once more, with a screen: what it returns says whether this is that run.
///
/// # Panics
///
/// If the test fails there. In CI, if there is no Xvfb: elsewhere it is skipped then.
pub(crate) fn is_on_a_screen(test: &str) -> bool {
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let Some(server) = Server::start() else {
        assert!(
            std::env::var_os("CI").is_none(),
            "in CI nothing is skipped; missing: Xvfb"
        );
        eprintln!("skipped: Xvfb is missing (Debian: apt-get install xvfb)");
        return false;
    };
    let program = std::env::current_exe().expect("it runs");
    let status = Command::new(program)
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env("DISPLAY", &server.display)
        .env(MARK, "1")
        .env_remove("WAYLAND_DISPLAY")
        .status();
    assert!(status.is_ok_and(|status| status.success()), "it failed");
    false
}

const MARK: &str = "FARSEND_TEST_ON_A_SCREEN";

/// An Xvfb; ends when dropped.
struct Server {
    process: Child,
    display: String,
}

impl Server {
    fn start() -> Option<Self> {
        // Without Present, since in some an X server without a screen never tells that one was shown.
        let options =
            "-displayfd 1 -screen 0 1280x800x24 -nolisten tcp -noreset -extension Present";
        let mut process = Command::new("Xvfb")
            .args(options.split(' '))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut number = String::new();
        let told = BufReader::new(process.stdout.take().expect("it was asked for"));
        let _ = { told }.read_line(&mut number);
        let display = format!(":{}", number.trim());
        Some(Self { process, display })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Somebody at the screen.
pub(crate) struct Hand {
    pub(crate) connection: RustConnection,
    pub(crate) root: Window,
}

impl Hand {
    pub(crate) fn new() -> Self {
        let (connection, screen) = x11rb::connect(None).expect("there is a screen");
        let root = connection.setup().roots[screen].root;
        Self { connection, root }
    }

    /// Moves the pointer there.
    pub(crate) fn move_to(&self, (x, y): (i16, i16)) {
        self.fake(MOTION_NOTIFY_EVENT, 0, (x, y));
    }

    /// Presses the first button, or lets it go.
    pub(crate) fn button(&self, down: bool) {
        let what = if down {
            BUTTON_PRESS_EVENT
        } else {
            BUTTON_RELEASE_EVENT
        };
        self.fake(what, 1, (0, 0));
    }

    /// Presses a key, or lets it go.
    pub(crate) fn key(&self, symbol: Keysym, down: bool) {
        let what = if down {
            KEY_PRESS_EVENT
        } else {
            KEY_RELEASE_EVENT
        };
        self.fake(what, self.code(symbol), (0, 0));
    }

    fn code(&self, symbol: Keysym) -> u8 {
        let setup = self.connection.setup();
        let (first, last) = (setup.min_keycode, setup.max_keycode);
        let mapping = self
            .connection
            .get_keyboard_mapping(first, last - first + 1);
        let mapping = mapping.expect("it is there").reply().expect("it answers");
        let mut keys = mapping.keysyms.chunks(mapping.keysyms_per_keycode.into());
        let place = keys.position(|symbols| symbols.contains(&symbol));
        first + place.expect("there is such a key") as u8
    }

    fn fake(&self, what: u8, which: u8, (x, y): (i16, i16)) {
        let done = self
            .connection
            .xtest_fake_input(what, which, 0, self.root, x, y, 0);
        done.expect("it is there").check().expect("it can be done");
    }

    /// The next event that comes within this time.
    pub(crate) fn event(&self, limit: Duration) -> Option<Event> {
        let began = Instant::now();
        loop {
            let event = self.connection.poll_for_event();
            match event.expect("the screen is there") {
                Some(event) => return Some(event),
                None if began.elapsed() > limit => return None,
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        }
    }
}
