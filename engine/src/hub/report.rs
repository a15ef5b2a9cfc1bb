//! What a hub says: who comes and goes, and the numbers, as sentences or JSON lines.

use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use farsend_ipc::hub::Status;
use farsend_protocol::jacktrip::{Event, Remark};
use farsend_wire::jacktrip::{Format, Name};
use serde_json::{Map, Value, json};
use tracing::info;

use super::book::Barred;
use super::floor::FloorStatistics;
use super::pace::Paused;
use super::ports::NoPort;
use super::roster::{Entry, Expected, Roster};
use super::table;
use super::{HubSettings, LocalSettings, Through};
use crate::control::printer::{Printer, print_json};
use crate::control::report::{JACK_GOES_ON, JACK_STANDS, Style};
use crate::control::{adopted, words};
use crate::peers::LinkEvent;

/// Prints to standard output, or tells the log. Control thread.
#[derive(Debug)]
pub struct HubReporter {
    /// `None`: the log.
    printer: Option<Printer>,
}

impl HubReporter {
    /// A reporter on standard output.
    pub fn new(style: Style) -> Self {
        Self {
            printer: Some(Printer::new(style)),
        }
    }

    /// Prints the table that often where it cannot be written over, too: into a file or a pipe.
    pub fn every(mut self, interval: Option<Duration>) -> Self {
        if let Some(printer) = &mut self.printer {
            printer.every(interval);
        }
        self
    }

    /// One that says what happens to the log only, and no numbers.
    pub(super) fn to_the_log() -> Self {
        Self { printer: None }
    }

    pub(super) fn started(
        &mut self,
        settings: &HubSettings,
        port: u16,
        udp_port: u16,
        udp_ports: Option<RangeInclusive<u16>>,
        osc_port: Option<u16>,
    ) {
        let ports = match &udp_ports {
            Some(range) => format!(
                "TCP port {port}, each player's audio to a UDP port of their own, {} to {}",
                range.start(),
                range.end()
            ),
            None if port == udp_port => format!("TCP and UDP port {port}"),
            None => format!("TCP port {port}, audio to UDP port {udp_port}"),
        };
        let text = format!(
            "hub at {ports}: {}, {}, {} at a time; up to {} players",
            settings.patch, settings.rate, settings.period, settings.players
        );
        let text = match &settings.local {
            Some(LocalSettings { channels, through }) => {
                let through = match through {
                    Through::Jack { .. } => "through JACK",
                    Through::Files { .. } => "by WAV files, from the first player on",
                    Through::Instances => "by a DAW's tracks",
                };
                format!("{text}; heard and spoken to {through} ({channels} each way)")
            }
            None => text,
        };
        let text = match osc_port {
            Some(osc_port) => format!("{text}; OSC at UDP port {osc_port} of this machine"),
            None => text,
        };
        let facts = json!({
            "port": port, "udp_port": udp_port, "last_udp_port": udp_ports.map(|range| *range.end()),
            "osc_port": osc_port, "rate": settings.rate.0, "period": settings.period.0,
            "patch": settings.patch.name(), "players": settings.players,
        });
        self.say("started", &text, facts);
    }

    pub(super) fn joined(&mut self, entry: &Entry, format: &Format, players: usize) {
        let text = format!(
            "{} plays: sends {}, hears {}, {}, {} a packet, {} bit; {}",
            title(entry.name, entry.address),
            format.channels,
            format.wants,
            format.rate,
            format.period,
            format.samples.bits(),
            count(players)
        );
        let mut facts = of(entry.name, entry.address.ip());
        facts["remote"] = json!(entry.address);
        facts["user"] = json!(entry.user.as_deref());
        facts["channels"] = json!(format.channels.0);
        facts["wants"] = json!(format.wants.0);
        facts["rate"] = json!(format.rate.0);
        facts["period"] = json!(format.period.0);
        facts["bits"] = json!(format.samples.bits());
        facts["players"] = json!(players);
        facts["udp_port"] = json!(entry.udp_port);
        self.say("joined", &text, facts);
    }

    /// A remark on how the hub was asked for.
    pub fn note(&mut self, text: &str) {
        self.say("note", text, json!({}));
    }

    pub(super) fn sound(&mut self, what: &Paused) {
        let (event, text, facts) = match what {
            Paused::Gone => (
                "jack_gone",
                "the JACK server ended: the hub stands until it is back".to_owned(),
                json!({}),
            ),
            Paused::Back => ("jack_back", "the JACK server is back".to_owned(), json!({})),
            Paused::Stands => (
                "jack_stands",
                format!("{JACK_STANDS}, and so does the hub"),
                json!({}),
            ),
            Paused::GoesOn => ("jack_goes_on", JACK_GOES_ON.to_owned(), json!({})),
            Paused::Period { to } => (
                "jack_period",
                format!("JACK's period is {to} now; the mix keeps its own"),
                json!({ "period": to.0 }),
            ),
            Paused::RateChanged { to } => (
                "jack_rate",
                format!("the JACK server is back at {to}"),
                json!({ "rate": to.0 }),
            ),
        };
        self.say(event, &text, facts);
    }

    pub(super) fn left(&mut self, entry: &Entry, why: &str, players: usize) {
        let text = format!(
            "{} {why}; {}",
            title(entry.name, entry.address),
            count(players)
        );
        let mut facts = of(entry.name, entry.address.ip());
        facts["remote"] = json!(entry.address);
        facts["why"] = json!(why);
        facts["players"] = json!(players);
        self.say("left", &text, facts);
    }

    pub(super) fn full(&mut self, name: Name, host: IpAddr) {
        let text = format!(
            "{} was turned away: all places are taken (more with --players)",
            title(name, host)
        );
        self.say("full", &text, of(name, host));
    }

    pub(super) fn no_port(
        &mut self,
        name: Name,
        host: IpAddr,
        range: &RangeInclusive<u16>,
        why: &NoPort,
    ) {
        let (first, last) = (range.start(), range.end());
        let why = match why {
            NoPort::Taken | NoPort::Listening => {
                format!("all UDP ports from {first} to {last} are taken (others with --udp-base)")
            }
            NoPort::System(error) => format!("the system gives no UDP port: {error}"),
        };
        let text = format!("{} was turned away: {why}", title(name, host));
        self.say("no_port", &text, of(name, host));
    }

    /// Somebody has logged in, and nothing of use came.
    pub(super) fn never_heard(&mut self, one: &Expected, udp_port: u16) {
        let title = title(one.name, one.host);
        let text = match &one.instead {
            None => format!(
                "{title} logged in, but no audio came within ten seconds: a firewall may block UDP port {udp_port} here"
            ),
            Some((from, what)) => format!(
                "{title} logged in, but no audio came within ten seconds that can be played: what {from} sends {what}"
            ),
        };
        let mut facts = of(one.name, one.host);
        if let Some((from, _)) = &one.instead {
            facts["instead_from"] = json!(from);
        }
        self.say("never_heard", &text, facts);
    }

    pub(super) fn not_understood(&mut self, from: SocketAddr, why: &dyn Display) {
        let text = format!("what {from} sends is not understood: {why}");
        self.say("not_understood", &text, json!({ "remote": from }));
    }

    pub(super) fn cannot_serve(&mut self, name: Name, from: SocketAddr, why: &dyn Display) {
        let text = format!("{} cannot be served: {why}", title(name, from));
        self.say("refused", &text, of(name, from.ip()));
    }

    /// The same where it is anybody's of that host.
    pub(super) fn cannot_serve_from(&mut self, from: SocketAddr, why: &dyn Display) {
        let text = format!("who sends from {from} cannot be served: {why}");
        self.say("refused", &text, json!({ "remote": from }));
    }

    pub(super) fn kept_out(&mut self, name: Name, host: IpAddr, barred: Barred) {
        if !barred.first {
            return;
        }
        let text = format!(
            "{} wants in again, and was sent away: not for another {} min",
            title(name, host),
            barred.left.as_secs().div_ceil(60)
        );
        self.say("kept_out", &text, of(name, host));
    }

    /// Something was changed by hand. `request` is what was asked for, as the control socket has it.
    pub(super) fn asked_for(&mut self, text: &str, request: Value) {
        self.say("control", text, request);
    }

    /// Something was asked for by OSC that is not to be had.
    pub(super) fn not_by_osc(&mut self, why: &str) {
        let text = format!("what came by OSC was not done: {why}");
        self.say("osc_refused", &text, json!({}));
    }

    /// Nobody can ask for anything.
    pub(super) fn no_control(&mut self, why: &dyn Display) {
        let text = format!("farsend hub status, kick, mute and the like find no way here: {why}");
        self.say("no_control", &text, json!({}));
    }

    /// A player has written something, which goes to all others.
    pub(super) fn wrote(&mut self, entry: &Entry, line: &Remark) {
        let text = format!(
            "{} writes: {}",
            title(entry.name, entry.address),
            line.as_str()
        );
        let mut facts = of(entry.name, entry.address.ip());
        (facts["remote"], facts["text"]) = (json!(entry.address), json!(line.as_str()));
        self.say("chat", &text, facts);
    }

    /// Somebody has pressed Enter at the hub's terminal. Without a line before it there is room for one now.
    pub(super) fn entered(&mut self, text: &str) {
        if let Some(printer) = &mut self.printer {
            printer.entered();
            if text.trim().is_empty() {
                printer.ask_for_line();
            }
        }
    }

    /// Something was written at the hub, to all or to one.
    pub(super) fn said(&mut self, line: &Remark, to: Option<&Entry>) {
        let to = to.map(|entry| title(entry.name, entry.address));
        let whom = to
            .as_ref()
            .map_or_else(String::new, |to| format!(" to {to}"));
        let text = format!("the hub writes{whom}: {}", line.as_str());
        let facts = json!({ "text": line.as_str(), "to": to });
        self.say("said", &text, facts);
    }

    /// A player is silence to all, and cannot know.
    pub(super) fn broken_floats(&mut self, entry: &Entry) {
        self.advise(entry, "is not heard:", words::BROKEN_FLOATS);
    }

    /// A player sends what nobody should hear, and cannot know.
    pub(super) fn nonsense(&mut self, entry: &Entry) {
        self.advise(entry, "sends", words::NONSENSE);
    }

    fn advise(&mut self, entry: &Entry, does: &str, what: &str) {
        let title = title(entry.name, entry.address);
        let text = format!("{title} {does} {what}");
        let mut facts = of(entry.name, entry.address.ip());
        facts["remote"] = json!(entry.address);
        self.say("advice", &text, facts);
    }

    /// Something in the life of a player.
    pub(super) fn event(&mut self, entry: &Entry, event: &LinkEvent) {
        let (name, what) = match event {
            LinkEvent::Peer(Event::FellQuiet) => ("quiet", "is not heard any more".to_owned()),
            LinkEvent::Peer(Event::Returned) => ("returned", "is heard again".to_owned()),
            LinkEvent::Peer(Event::FormatChanged { to, .. }) => (
                "format",
                format!(
                    "sends {}, {}, {} a packet now",
                    to.channels, to.rate, to.period
                ),
            ),
            LinkEvent::Unplayable(format) => (
                "unplayable",
                format!("sends what cannot be played: {} a packet", format.period),
            ),
            LinkEvent::Adopted(adopted) => ("adopted", adopted::predicate(adopted)),
            LinkEvent::Malformed(error) => (
                "malformed",
                format!("sends what is not understood: {error}"),
            ),
            _ => return,
        };
        let text = format!("{} {what}", title(entry.name, entry.address));
        let mut facts = of(entry.name, entry.address.ip());
        facts["remote"] = json!(entry.address);
        if let (LinkEvent::Adopted(adopted), Value::Object(facts)) = (event, &mut facts)
            && let Value::Object(adopted) = adopted::facts(adopted, Some(entry.address))
        {
            facts.extend(adopted);
        }
        self.say(name, &text, facts);
    }

    /// The numbers, once a second.
    pub(super) fn statistics(
        &mut self,
        roster: &mut Roster,
        now: &FloorStatistics,
        status: &Status,
    ) {
        let Some(printer) = &mut self.printer else {
            return;
        };
        match printer.style() {
            Style::Json => {
                let players: Vec<Value> = roster
                    .iter_mut()
                    .map(|(place, entry)| player(place, entry))
                    .collect();
                let mut line = Map::new();
                line.insert("event".into(), "statistics".into());
                line.insert("periods".into(), now.periods.into());
                line.insert("late_periods".into(), status.late_periods.into());
                line.insert("busy_percent".into(), status.busy_percent.into());
                line.insert(
                    "longest_period_us".into(),
                    json!(now.longest.as_micros() as u64),
                );
                line.insert("sent".into(), now.sent.into());
                line.insert("unsent".into(), now.unsent.into());
                line.insert("strangers".into(), now.strangers.into());
                line.insert("players".into(), players.into());
                if let Some(recording) = &status.recording {
                    line.insert("recording".into(), json!(recording));
                }
                print_json(line);
            }
            Style::Text if printer.shows_numbers() => {
                let (columns, lines) = printer.size();
                printer.show(&table::fitting(status, columns, lines));
            }
            Style::Text | Style::Quiet => {}
        }
    }

    pub(super) fn ended(&mut self, now: &FloorStatistics, late: u64) {
        let text = format!(
            "ended: {} periods, {late} of them late, {} packets sent",
            now.periods, now.sent
        );
        let facts = json!({ "periods": now.periods, "late_periods": late, "sent": now.sent });
        self.say("ended", &text, facts);
    }

    pub(super) fn say(&mut self, name: &str, text: &str, facts: Value) {
        match &mut self.printer {
            Some(printer) => printer.say(name, text, facts),
            None => info!("hub: {text}"),
        }
    }
}

/// A player's numbers, for programs.
fn player(place: u16, entry: &mut Entry) -> Value {
    let now = entry.watch.statistics.read();
    let ms = |duration: Duration| (duration.as_secs_f64() * 1e5).round() / 100.0;
    let counts = now.buffer;
    json!({
        "place": place, "name": entry.name.as_str(), "remote": entry.address, "present": now.present,
        "channels": now.format.map(|format| format.channels.0),
        "rate": now.format.map(|format| format.rate.0),
        "period": now.format.map(|format| format.period.0),
        "received": counts.received, "lost": counts.lost, "late": counts.late, "dry": counts.dry,
        "repaired": counts.repaired, "sent": now.sent,
        "queued_frames": now.queued.0, "jitter_95_ms": ms(now.jitter.most), "drift_ppm": now.drift_ppm,
        "is_farsend": now.farsend,
    })
}

fn of(name: Name, host: IpAddr) -> Value {
    json!({ "name": name.as_str(), "host": host })
}

/// A name to show: what they call themselves, else where they are.
fn title(name: Name, at: impl Display) -> String {
    if name.is_empty() {
        at.to_string()
    } else {
        format!("{} ({at})", name.as_str().escape_debug())
    }
}

fn count(players: usize) -> String {
    match players {
        0 => "nobody is left".to_owned(),
        1 => "1 player".to_owned(),
        more => format!("{more} players"),
    }
}
