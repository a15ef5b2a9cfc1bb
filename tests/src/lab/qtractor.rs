//! Qtractor with a session that has our CLAP on its tracks, on an Xvfb and a JACK server of the private machine.
//!
//! It does what signals and JACK tell it: SIGUSR1 saves the session, SIGTERM ends the program, and JACK's transport is
//! its own. Source: Qtractor 0.9.31, `qtractorMainForm.cpp`, `qtractorSession.cpp`, `qtractorClapPlugin.cpp`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nix::sys::signal::Signal;

use super::jack::JackServer;
use super::program::{self, Running};
use super::{Machine, need, preload};

/// What is in the session.
#[derive(Debug, Clone, Copy)]
pub struct Session<'a> {
    /// One after another, each with a plugin.
    pub tracks: &'a [Track<'a>],
    /// The JACK server's rate, in Hz.
    pub rate: u32,
}

/// A track whose input is monitored, so that its plugin is called all the time.
#[derive(Debug, Clone, Copy)]
pub struct Track<'a> {
    /// What it is called.
    pub name: &'a str,
    /// The stereo bus that it comes from and goes to; its ports are `CLIENT:BUS/in_1` and so on.
    pub bus: &'a str,
    /// Which plugin of our file it has, from 0, and what that is called, with `_` for each space.
    pub plugin: (usize, &'a str),
    /// The plugin's state, as it saves it.
    pub state: &'a [u8],
    /// What is on it from its beginning on: a stereo WAV at the JACK server's rate, and its length in frames.
    pub clip: Option<(&'a Path, usize)>,
}

/// Its JACK client name, as long as there is one of them.
pub const CLIENT: &str = "Qtractor";

/// Writes a session file.
///
/// # Panics
///
/// If the machine's folder is not writable.
pub fn write_session(machine: &Machine, session: Session<'_>) -> PathBuf {
    let plugin = machine.path("home/.clap/Farsend.clap");
    std::fs::create_dir_all(plugin.parent().expect("it is in a folder"))
        .expect("the test's folder is writable");
    std::os::unix::fs::symlink(need::own_plugin(), &plugin).expect("the test's folder is writable");
    let Session { tracks, rate } = session;
    let mut buses: Vec<&str> = tracks.iter().map(|track| track.bus).collect();
    buses.dedup();
    let buses: String = buses.into_iter().map(bus).collect();
    let tracks: String = tracks.iter().map(|one| track(one, &plugin)).collect();
    let folder = machine.folder().display();
    let text = format!(
        r#"<!DOCTYPE qtractorSession>
<session name="far">
 <properties><directory>{folder}</directory><sample-rate>{rate}</sample-rate><tempo>120</tempo></properties>
 <devices>
  <audio-engine>
   <audio-control><transport-mode>duplex</transport-mode><timebase>0</timebase></audio-control>
{buses}  </audio-engine>
 </devices>
 <tracks>
{tracks} </tracks>
</session>
"#
    );
    let file = machine.path("far.qtr");
    std::fs::write(&file, text).expect("the test's folder is writable");
    file
}

fn bus(name: &str) -> String {
    format!(
        r#"   <audio-bus name="{name}" mode="duplex"><channels>2</channels><auto-connect>0</auto-connect></audio-bus>
"#
    )
}

fn track(track: &Track<'_>, file: &Path) -> String {
    let Track { name, bus, .. } = track;
    let ((index, label), file) = (track.plugin, file.display());
    let state = compress(track.state);
    let clip = track.clip.map_or_else(String::new, |(clip, frames)| {
        let clip = clip.display();
        format!(
            r#"    <clip name="clip">
     <properties><name>clip</name><start>0</start><offset>0</offset><length>{frames}</length><gain>1</gain></properties>
     <audio-clip><filename>{clip}</filename></audio-clip>
    </clip>
"#
        )
    });
    format!(
        r#"  <track name="{name}" type="audio">
   <properties><input-bus>{bus}</input-bus><output-bus>{bus}</output-bus></properties>
   <state><monitor>1</monitor><gain>1</gain><panning>0</panning></state>
   <clips>
{clip}   </clips>
   <plugins>
    <plugin type="CLAP">
     <filename>{file}</filename><index>{index}</index><label>{label}</label><activated>1</activated>
     <configs><config key="state">{state}</config></configs>
    </plugin>
   </plugins>
  </track>
"#
    )
}

/// The plugin's state in a saved session file.
///
/// # Errors
///
/// What is wrong with the file.
pub fn saved_state(file: &Path) -> Result<Vec<u8>, String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    let (_, rest) = text
        .split_once(r#"<config key="state">"#)
        .ok_or("there is no state")?;
    let (state, _) = rest.split_once("</config>").ok_or("it has no end")?;
    decompress(state)
}

/// As Qt's `qCompress`, in base64: the length in four bytes, then zlib.
fn compress(bytes: &[u8]) -> String {
    let packed = miniz_oxide::deflate::compress_to_vec_zlib(bytes, 6);
    STANDARD.encode([&(bytes.len() as u32).to_be_bytes()[..], &packed].concat())
}

fn decompress(text: &str) -> Result<Vec<u8>, String> {
    let text: String = text.split_whitespace().collect();
    let bytes = STANDARD.decode(text).map_err(|error| error.to_string())?;
    let packed = bytes.get(4..).ok_or("it is too short")?;
    miniz_oxide::inflate::decompress_to_vec_zlib(packed).map_err(|error| error.to_string())
}

/// An X server that shows nobody anything. Killed when dropped.
#[derive(Debug)]
pub struct Display {
    name: String,
    _running: Running,
}

impl Display {
    /// Starts one, under the first name that is free.
    ///
    /// # Panics
    ///
    /// If it does not come up.
    pub fn start(machine: &Machine) -> Display {
        let options = [
            "-displayfd",
            "1",
            "-screen",
            "0",
            "1280x800x24",
            "-nolisten",
            "tcp",
            "-noreset",
        ];
        let mut running = Running::start(machine, "xvfb", &mut program::command("Xvfb", &options));
        let limit = Duration::from_secs(20);
        running.wait_until("name its display", limit, |output| output.contains('\n'));
        let number = running.stdout().trim().to_owned();
        Display {
            name: format!(":{number}"),
            _running: running,
        }
    }

    /// As `DISPLAY` has it.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// A running Qtractor; killed when dropped.
#[derive(Debug)]
pub struct Qtractor {
    /// The program.
    pub running: Running,
    session: PathBuf,
}

impl Qtractor {
    /// Starts it with this session file. `engine` is the engine that its plugin starts.
    pub fn start(
        machine: &Machine,
        (jack, display): (&JackServer, &Display),
        session: &Path,
        engine: &Path,
    ) -> Qtractor {
        let folder = |path| {
            let folder = machine.path(path);
            std::fs::create_dir_all(&folder).expect("the test's folder is writable");
            folder
        };
        let mut command = Command::new("qtractor");
        command
            .arg(session)
            .env("HOME", folder("home"))
            .env("XDG_CONFIG_HOME", folder("home/config"))
            .env("XDG_CACHE_HOME", folder("home/cache"))
            .env("XDG_DATA_HOME", folder("home/data"))
            .env("XDG_RUNTIME_DIR", folder("home/run"))
            .env("TMPDIR", folder("tmp"))
            .env("DISPLAY", display.name())
            .env("QT_QPA_PLATFORM", "xcb")
            .env("LC_ALL", "C.UTF-8")
            .env("LD_PRELOAD", preload::no_sequencer(machine))
            .env("FARSEND_ENGINE", engine)
            .env("FARSEND_RUNTIME_DIR", folder("run"))
            .env_remove("WAYLAND_DISPLAY")
            .env_remove("NSM_URL");
        private(&machine.path("run"));
        private(&machine.path("home/run"));
        settings(&machine.path("home/config"));
        let name = (1..)
            .map(|number| format!("qtractor-{number}"))
            .find(|name| !machine.path(&format!("{name}.out")).exists())
            .expect("there are enough numbers");
        Qtractor {
            running: Running::start(machine, &name, jack.used_by(&mut command)),
            session: session.to_owned(),
        }
    }

    /// Lets it save its session, and gives the plugin's state in that.
    ///
    /// # Panics
    ///
    /// If there is none within 10 s.
    pub fn save(&mut self) -> Vec<u8> {
        std::fs::remove_file(&self.session).expect("it was started with it");
        self.running.signal(Signal::SIGUSR1);
        let started = Instant::now();
        loop {
            match saved_state(&self.session) {
                Ok(state) => return state,
                Err(_) if started.elapsed() < Duration::from_secs(10) => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(error) => panic!("nothing is saved: {error}\n{}", self.running.output()),
            }
        }
    }

    /// Asks it to end, and waits for that; it must have no unsaved changes.
    ///
    /// # Panics
    ///
    /// If it does not end well.
    pub fn end(mut self) {
        self.running.signal(Signal::SIGTERM);
        let code = self.running.wait_exit_code(Duration::from_secs(15));
        assert_eq!(code, 0, "{}", self.running.output());
    }
}

/// What it says goes to its standard output, and it keeps no copies of its sessions.
fn settings(config: &Path) {
    let folder = config.join("rncbc.org");
    std::fs::create_dir_all(&folder).expect("the test's folder is writable");
    let text = "[Options]\nDisplay\\StdoutCapture=false\n\n[AutoSave]\nEnabled=false\n";
    std::fs::write(folder.join("Qtractor.conf"), text).expect("the test's folder is writable");
}

/// As the engine and Qt demand of the folders where they meet others.
fn private(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let only_ours = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(folder, only_ours).expect("it was just made");
}
