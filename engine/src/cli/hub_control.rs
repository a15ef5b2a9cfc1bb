//! `farsend hub status`, `kick`, `mute` and the like: asks a hub that runs on this machine.

use std::io::{ErrorKind, IsTerminal as _, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use farsend_ipc::hub::{Answer, MOST_BOUND_MS, MOST_DB, MOST_MINUTES, Request, Status};
use farsend_ipc::runtime::RuntimeDir;
use thiserror::Error;

use crate::control::printer::terminal;
use crate::exit::Exit;
use crate::hub::PatchMode;
use crate::hub::table;

/// What a hub that runs is asked.
#[derive(Debug, Subcommand)]
pub(super) enum Control {
    /// Who is here, and how it goes.
    Status {
        /// Print it as JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        hub: Which,
    },
    /// Send a player away, and keep them out for a while.
    Kick {
        /// As `status` names them; or their address.
        player: String,
        /// They may log in again after so long; 0: at once.
        #[arg(long = "for", value_name = "MINUTES", default_value_t = 10.0, value_parser = minutes)]
        minutes: f64,
        /// Keep out everybody from that host, not only one of that name.
        #[arg(long)]
        host: bool,
        #[command(flatten)]
        hub: Which,
    },
    /// Let somebody in again who was sent away.
    Unkick {
        /// As `status` names them: name, user or host.
        player: String,
        #[command(flatten)]
        hub: Which,
    },
    /// Let nobody hear a player, or a single listener not.
    Mute(Heard),
    /// Take that back, also of one who is not here.
    Unmute(Heard),
    /// How loud a player is heard: by all, as if turned up where they play, or by a single listener.
    Gain {
        /// As `status` names them; or their address.
        player: String,
        /// From -40 to 40; 0: as they send.
        #[arg(value_name = "DB", allow_negative_numbers = true, value_parser = decibels)]
        db: f64,
        #[command(flatten)]
        by: By,
        #[command(flatten)]
        hub: Which,
    },
    /// Where a listener hears a player.
    Pan {
        /// As `status` names them; or their address.
        player: String,
        /// From -1 (left) to 1 (right); off: as they send.
        #[arg(value_name = "SIDE", allow_negative_numbers = true, value_parser = side)]
        side: Side,
        /// Who hears it so.
        #[arg(long = "for", value_name = "LISTENER")]
        listener: String,
        #[command(flatten)]
        hub: Which,
    },
    /// Let a listener hear only this player, and whom else they single out.
    Solo {
        /// As `status` names them; or their address.
        player: String,
        /// Who hears it so.
        #[arg(long = "for", value_name = "LISTENER")]
        listener: String,
        /// Take that back.
        #[arg(long)]
        off: bool,
        #[command(flatten)]
        hub: Which,
    },
    /// Who hears whom from now on.
    Patch {
        /// others, all, loopback or none; or JackTrip's 2, 4, 1, 5.
        mode: PatchMode,
        #[command(flatten)]
        hub: Which,
    },
    /// Have everybody heard as late as the latest, or as early as can be.
    Align {
        /// Whether it begins or ends.
        on: Switch,
        /// Hold nobody back for longer; who is later than that is not waited for [default: as before; 100 at first].
        #[arg(long, value_name = "MS", value_parser = align_bound)]
        bound: Option<f64>,
        #[command(flatten)]
        hub: Which,
    },
    /// Put a player into a group, such as a section: those of a group hear one another, and others not, or more quietly. Who
    /// is in none hears everybody, and is heard by everybody.
    #[command(
        override_usage = "farsend hub group PLAYER GROUP\n       farsend hub group [PLAYER] --clear\n       farsend hub group --between DB"
    )]
    Group {
        /// As `status` names them; or their address.
        #[arg(required_unless_present_any = ["clear", "between"])]
        player: Option<String>,
        /// Any name.
        #[arg(required_unless_present_any = ["clear", "between"], conflicts_with = "clear")]
        group: Option<String>,
        /// Out of the group; without a player: everybody.
        #[arg(long)]
        clear: bool,
        /// How loud groups hear each other: from -40 to 0, or off.
        #[arg(long, value_name = "DB", allow_negative_numbers = true, value_parser = between, conflicts_with_all = ["player", "clear"])]
        between: Option<Between>,
        #[command(flatten)]
        hub: Which,
    },
    /// Write a line to the players: Farsends show it, and print it at a terminal; a JackTrip shows nothing of it.
    Say {
        /// What to write; several words are one line.
        #[arg(required = true, value_name = "TEXT")]
        text: Vec<String>,
        /// Only to this player, as `status` names them; or their address.
        #[arg(long = "to", value_name = "PLAYER")]
        player: Option<String>,
        #[command(flatten)]
        hub: Which,
    },
    /// Record each player and the mix from now on, or end that.
    Record {
        #[command(subcommand)]
        what: Record,
    },
}

/// A recording begins or ends.
#[derive(Debug, Subcommand)]
pub(super) enum Record {
    /// Begin, in a new folder within DIR.
    Start {
        /// Where [default: where the recording before went, as with --record].
        #[arg(value_name = "DIR")]
        folder: Option<PathBuf>,
        /// Bits of a recorded player's samples: 24, or 32 for floats [default: as before; 24 at first].
        #[arg(long, value_parser = bits)]
        bits: Option<u8>,
        #[command(flatten)]
        hub: Which,
    },
    /// End it, and complete the files.
    Stop {
        #[command(flatten)]
        hub: Which,
    },
}

/// Which of the hubs of this machine.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Which {
    /// The TCP port of the hub, where several run here.
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
}

/// Who hears somebody.
#[derive(Debug, Args)]
pub(super) struct By {
    /// Only for this listener.
    #[arg(long = "for", value_name = "LISTENER")]
    listener: Option<String>,
}

/// Somebody who is heard or not.
#[derive(Debug, Args)]
pub(super) struct Heard {
    /// As `status` names them; or their address.
    player: String,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    hub: Which,
}

/// Left, right, or as it comes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Side(Option<f64>);

/// One way or the other.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Switch {
    /// It begins.
    On,
    /// It ends.
    Off,
}

/// How loud, or not at all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Between(Option<f64>);

/// Why a hub gives no answer.
#[derive(Debug, Error)]
enum AskError {
    #[error("no hub of this user runs on this machine: start one with `farsend hub`")]
    NoHub,
    #[error("no hub of this user runs at TCP port {port} of this machine{}", others(.ports))]
    NotThere { port: u16, ports: Vec<u16> },
    #[error("several hubs run here: choose one by its port{}", others(.0))]
    Several(Vec<u16>),
    #[error("the hub at TCP port {port} does not answer: {source}")]
    NoAnswer { port: u16, source: std::io::Error },
    #[error(
        "the hub at TCP port {port} answers what cannot be read: is it of another version? {source}"
    )]
    Unreadable {
        port: u16,
        source: serde_json::Error,
    },
    #[error("{0}")]
    Directory(#[from] farsend_ipc::runtime::RuntimeError),
}

/// Asks and prints the answer.
pub(super) fn main(control: Control) -> Exit {
    let json = matches!(control, Control::Status { json: true, .. });
    let (request, hub) = match control.request() {
        Ok(asked) => asked,
        Err(why) => {
            eprintln!("farsend: {why}");
            return Exit::Other;
        }
    };
    match ask(&request, hub) {
        Ok(Answer::Status(status)) => print_status(&status, json),
        Ok(Answer::Done { text }) => print_out(&format!("{text}\n")),
        Ok(Answer::Refused { text, players, .. }) => {
            eprintln!("farsend: {text}");
            if !players.is_empty() {
                eprintln!("farsend: here are {}", players.join(", "));
            }
            Exit::Other
        }
        Err(error) => {
            eprintln!("farsend: {error}");
            match error {
                AskError::Directory(_) | AskError::Several(_) => Exit::Other,
                _ => Exit::NoHub,
            }
        }
    }
}

impl Control {
    fn request(self) -> Result<(Request, Which), String> {
        Ok(match self {
            Self::Record { what } => return what.request(),
            Self::Align { on, bound, hub } => {
                let on = matches!(on, Switch::On);
                if !on && bound.is_some() {
                    return Err("without `align on` nobody is held back: leave --bound out".into());
                }
                let bound_ms = bound;
                (Request::Align { on, bound_ms }, hub)
            }
            Self::Group {
                between: Some(Between(db)),
                hub,
                ..
            } => (Request::Between { db }, hub),
            Self::Group {
                player, group, hub, ..
            } => (Request::Group { player, group }, hub),
            Self::Status { hub, .. } => (Request::Status {}, hub),
            Self::Kick {
                player,
                minutes,
                host,
                hub,
            } => {
                let request = Request::Kick {
                    player,
                    minutes,
                    host,
                };
                (request, hub)
            }
            Self::Unkick { player, hub } => (Request::Unkick { player }, hub),
            Self::Mute(heard) => heard.muted(true),
            Self::Unmute(heard) => heard.muted(false),
            Self::Gain {
                player,
                db,
                by,
                hub,
            } => {
                let listener = by.listener;
                let request = Request::Gain {
                    player,
                    listener,
                    db,
                };
                (request, hub)
            }
            Self::Pan {
                player,
                side: Side(pan),
                listener,
                hub,
            } => {
                let request = Request::Pan {
                    player,
                    listener,
                    pan,
                };
                (request, hub)
            }
            Self::Solo {
                player,
                listener,
                off,
                hub,
            } => {
                let request = Request::Solo {
                    player,
                    listener,
                    on: !off,
                };
                (request, hub)
            }
            Self::Say { text, player, hub } => {
                let text = text.join(" ");
                (Request::Say { text, player }, hub)
            }
            Self::Patch { mode, hub } => {
                let mode = mode.name().to_owned();
                (Request::Patch { mode }, hub)
            }
        })
    }
}

impl Record {
    fn request(self) -> Result<(Request, Which), String> {
        let (on, folder, bits, hub) = match self {
            Self::Start { folder, bits, hub } => (true, folder, bits, hub),
            Self::Stop { hub } => (false, None, None, hub),
        };
        let folder = folder.map(|folder| {
            // The hub may run elsewhere.
            let folder = std::path::absolute(folder).map_err(|error| error.to_string())?;
            let text = folder.into_os_string().into_string();
            text.map_err(|_| "the folder's name is no UTF-8 text".to_owned())
        });
        let folder = folder.transpose()?;
        Ok((Request::Record { on, folder, bits }, hub))
    }
}

impl Heard {
    fn muted(self, on: bool) -> (Request, Which) {
        let request = Request::Mute {
            player: self.player,
            listener: self.by.listener,
            on,
        };
        (request, self.hub)
    }
}

fn ask(request: &Request, hub: Which) -> Result<Answer, AskError> {
    let directory = RuntimeDir::find()?;
    let (port, mut stream) = find(&directory, hub)?;
    let line = converse(&mut stream, request).map_err(|source| {
        let source = match source.kind() {
            ErrorKind::WouldBlock => ErrorKind::TimedOut.into(),
            _ => source,
        };
        AskError::NoAnswer { port, source }
    })?;
    Answer::parse(&line).map_err(|source| AskError::Unreadable { port, source })
}

/// The hub that is meant: the one of this port, or the only one.
fn find(directory: &RuntimeDir, hub: Which) -> Result<(u16, UnixStream), AskError> {
    let connect = |port: u16| {
        let stream = UnixStream::connect(directory.hub_socket(port)).ok()?;
        Some((port, stream))
    };
    let mut all = directory.hub_ports().into_iter().filter_map(connect);
    if let Some(port) = hub.port {
        return connect(port).ok_or_else(|| AskError::NotThere {
            port,
            ports: all.map(|(port, _)| port).collect(),
        });
    }
    let only = all.next().ok_or(AskError::NoHub)?;
    let mut others: Vec<u16> = all.map(|(port, _)| port).collect();
    if others.is_empty() {
        return Ok(only);
    }
    others.insert(0, only.0);
    Err(AskError::Several(others))
}

fn converse(stream: &mut UnixStream, request: &Request) -> std::io::Result<Vec<u8>> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(&request.to_line())?;
    let mut answer = Vec::new();
    let mut bytes = [0; 8192];
    while !answer.ends_with(b"\n") {
        match stream.read(&mut bytes)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            count => answer.extend(bytes.iter().take(count)),
        }
        if answer.len() > LONGEST_ANSWER {
            return Err(ErrorKind::InvalidData.into());
        }
    }
    Ok(answer)
}

fn print_status(status: &Status, json: bool) -> Exit {
    if json {
        let text = serde_json::to_string_pretty(status).unwrap_or_default();
        return print_out(&format!("{text}\n"));
    }
    let width = if std::io::stdout().is_terminal() {
        terminal().0
    } else {
        u16::MAX
    };
    print_out(&table::whole(status, width))
}

/// Whoever reads may stop doing so: `farsend hub status | head -3`.
fn print_out(text: &str) -> Exit {
    _ = std::io::stdout().write_all(text.as_bytes());
    Exit::Done
}

fn others(ports: &[u16]) -> String {
    if ports.is_empty() {
        return String::new();
    }
    let ports: Vec<String> = ports.iter().map(|port| format!("--port {port}")).collect();
    format!(": there is {}", ports.join(", "))
}

fn minutes(text: &str) -> Result<f64, String> {
    within(text, 0.0, MOST_MINUTES)
}

fn bits(text: &str) -> Result<u8, String> {
    let bits = text.parse().ok().filter(|bits| [24, 32].contains(bits));
    bits.ok_or_else(|| "expected 24 or 32".to_owned())
}

fn decibels(text: &str) -> Result<f64, String> {
    within(text, -MOST_DB, MOST_DB)
}

/// Milliseconds that players may be held back.
pub(super) fn align_bound(text: &str) -> Result<f64, String> {
    within(text, 0.0, MOST_BOUND_MS)
}

fn between(text: &str) -> Result<Between, String> {
    match text {
        "off" => Ok(Between(None)),
        _ => within(text, -MOST_DB, 0.0).map(|db| Between(Some(db))),
    }
}

fn side(text: &str) -> Result<Side, String> {
    match text {
        "off" => Ok(Side(None)),
        _ => within(text, -1.0, 1.0).map(|side| Side(Some(side))),
    }
}

fn within(text: &str, least: f64, most: f64) -> Result<f64, String> {
    let number = text.parse().ok().filter(|it| (least..=most).contains(it));
    number.ok_or_else(|| format!("expected a number from {least} to {most}"))
}

/// A hub looks at its socket fifty times a second.
const PATIENCE: Duration = Duration::from_secs(5);
/// Some thousand players.
const LONGEST_ANSWER: usize = 16 * 1024 * 1024;
