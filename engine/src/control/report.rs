//! What the program prints: sentences and one line of numbers on a terminal, plain lines into a file or a pipe,
//! JSON lines for programs.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use farsend_protocol::jacktrip::{Event, Remark, Talked};
use farsend_units::{Frames, SampleRate};
use serde_json::{Value, json};

use super::adopted;
use super::facts::facts;
use super::health::Health;
use super::line::line;
use super::printer::{Printer, print_json};
use super::trouble::{Caller, Trouble};
use super::words;
use crate::backend::file::News;
use crate::backend::jack::JackEvent;
use crate::engine::Desk;
use crate::membership::Told;
use crate::peers::LinkEvent;
use crate::settings::{Role, SessionSettings};
use crate::statistics::Statistics;

/// Of a JACK server that hangs.
pub(crate) const JACK_STANDS: &str = "the JACK server is there and has done nothing for three seconds (does it hang, is it stopped, is its sound card gone?)";
/// After that.
pub(crate) const JACK_GOES_ON: &str = "the JACK server goes on";

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Sentences; numbers in one line that is written over, if standard output is a terminal.
    Text,
    /// Sentences only.
    Quiet,
    /// One JSON object a line.
    Json,
}

/// Prints to standard output. Control thread.
#[derive(Debug)]
pub struct Reporter {
    printer: Printer,
    waiting_since: Option<Instant>,
    next_advice: Duration,
    told_broken_floats: bool,
    /// Who was there last.
    peer: Option<SocketAddr>,
    send: usize,
    receive: usize,
    health: Option<(Instant, Health)>,
}

impl Reporter {
    /// A reporter on standard output.
    pub fn new(style: Style) -> Self {
        Self {
            printer: Printer::new(style),
            waiting_since: None,
            next_advice: FIRST_ADVICE,
            told_broken_floats: false,
            peer: None,
            send: 0,
            receive: 0,
            health: None,
        }
    }

    /// Prints the numbers that often where they cannot be written over, too: into a file or a pipe.
    pub fn every(mut self, interval: Option<Duration>) -> Self {
        self.printer.every(interval);
        self
    }

    /// The session stands and waits for its peer.
    pub fn started(
        &mut self,
        desk: &Desk,
        settings: &SessionSettings,
        rate: SampleRate,
        period: Frames,
    ) {
        (self.send, self.receive) = (settings.send.get(), settings.receive.get());
        self.wait_anew();
        let health = Health::new(rate, settings.depth, Caller::Machine);
        self.health = Some((Instant::now(), health));
        let port = match settings.bind_port {
            taken if settings.or_any_port && ![0, desk.port].contains(&taken) => {
                format!("UDP port {} ({taken} is taken)", desk.port)
            }
            _ => format!("UDP port {}", desk.port),
        };
        let text = match (&settings.role, desk.remote) {
            (Role::Client { host, .. }, Some(remote)) if *host == remote.ip().to_string() => {
                format!("calling {remote} from {port}")
            }
            (Role::Client { host, .. }, Some(remote)) => {
                format!("calling {host} ({remote}) from {port}")
            }
            (Role::Member { name, .. }, _) if name.is_empty() => {
                format!("joining a hub from {port}")
            }
            (Role::Member { name, .. }, _) => {
                format!("joining a hub as {name} from {port}")
            }
            _ => format!("waiting for a peer on {port}"),
        };
        let text = format!(
            "{text}: sending {} and receiving {}, {rate}, {period} a packet",
            settings.send, settings.receive
        );
        let facts = json!({
            "port": desk.port, "remote": desk.remote, "rate": rate.0, "period": period.0,
            "send": settings.send.0, "receive": settings.receive.0,
        });
        self.say("started", &text, facts);
    }

    /// Something happened to the peer.
    pub fn event(&mut self, event: &LinkEvent, desk: &Desk) {
        if let LinkEvent::Peer(Event::Arrived { from, .. } | Event::Replaced { to: from, .. }) =
            event
        {
            self.peer = Some(*from);
        }
        let called = match &desk.membership {
            Some(membership) => membership.remote(),
            None => desk.remote,
        };
        let remote = self.peer.or(called);
        match event {
            LinkEvent::Peer(Event::Arrived { .. } | Event::Returned) => self.waiting_since = None,
            LinkEvent::Peer(Event::Left | Event::Forgotten) => self.wait_anew(),
            _ => {}
        }
        if matches!(event, LinkEvent::Called(name) if name.is_empty()) {
            // Who it was has left, or is somebody else: that is said.
            return;
        }
        let facts = match event {
            LinkEvent::Peer(
                Event::Arrived { format, .. } | Event::FormatChanged { to: format, .. },
            )
            | LinkEvent::Unplayable(format) => json!({
                "remote": remote, "rate": format.rate.0, "period": format.period.0,
                "channels": format.channels.0, "bits": format.samples.bits(),
            }),
            LinkEvent::Adopted(adopted) => adopted::facts(adopted, remote),
            LinkEvent::Peer(Event::SentAway { seconds }) => {
                json!({ "remote": remote, "seconds": seconds })
            }
            LinkEvent::Talked(Talked::Theirs(line)) => {
                json!({ "remote": remote, "text": line.as_str() })
            }
            LinkEvent::Called(name) => json!({ "remote": remote, "name": name.as_str() }),
            _ => json!({ "remote": remote }),
        };
        self.say(words::name(event), &words::sentence(event, remote), facts);
    }

    /// Something happened to our place at a hub.
    pub fn membership(&mut self, told: &Told) {
        match told {
            Told::Inside { .. } => self.wait_anew(),
            _ => self.waiting_since = None,
        }
        let mut facts = json!({ "remote": told.remote() });
        if let Told::Inside {
            certificate: Some(met),
            ..
        } = told
        {
            facts["certificate"] = met.to_string().into();
        }
        if let Told::Waiting { pause, .. } = told {
            facts["pause_s"] = pause.as_secs_f64().into();
        }
        self.say(told.name(), &told.to_string(), facts);
    }

    /// Something happened to the JACK server.
    pub fn jack(&mut self, event: JackEvent) {
        let (name, text) = match event {
            JackEvent::ServerGone => (
                "jack_gone",
                "the JACK server has ended; waiting for one to come back".to_owned(),
            ),
            JackEvent::ServerBack => (
                "jack_back",
                "the JACK server is back, and so are our ports".to_owned(),
            ),
            JackEvent::ServerStands => (
                "jack_stands",
                format!("{JACK_STANDS}: nothing is sent or heard"),
            ),
            JackEvent::ServerGoesOn => ("jack_goes_on", JACK_GOES_ON.to_owned()),
            JackEvent::RateChanged { to } => (
                "jack_rate",
                format!("the JACK server is back at {to}: starting the session anew"),
            ),
            JackEvent::PeriodChanged { to } => (
                "jack_period",
                format!("the JACK server's period is now {to}; packets keep their size"),
            ),
        };
        self.say(name, &text, json!({}));
    }

    /// Somebody has pressed Enter at the terminal. Without a line before it there is room for one now.
    pub fn entered(&mut self, text: &str) {
        self.printer.entered();
        if text.trim().is_empty() {
            self.printer.ask_for_line();
        }
    }

    /// A line that was written here is on its way to the peer.
    pub fn wrote(&mut self, line: &Remark) {
        let text = format!("you write: {}", line.as_str());
        self.say("wrote", &text, json!({ "text": line.as_str() }));
    }

    /// Something worth knowing.
    pub fn note(&mut self, text: &str) {
        self.say("note", text, json!({}));
    }

    /// What becomes of the recording.
    pub fn recording(&mut self, news: &[News]) {
        for one in news {
            let name = match one {
                News::Renamed { .. } | News::GoesOn { .. } => "recording",
                News::Failed(_) => "recording_failed",
            };
            let file = one.file().map(|file| file.to_string_lossy());
            self.say(name, &one.to_string(), json!({ "file": file }));
        }
    }

    /// The numbers, once a second.
    pub fn statistics(&mut self, now: &Statistics, desk: &Desk, rate: SampleRate, xruns: u64) {
        self.advise(now, desk);
        if let Some((since, health)) = &mut self.health
            && let Some(trouble) = health.look(since.elapsed(), now, xruns)
        {
            self.trouble(&trouble);
        }
        match self.printer.style() {
            Style::Json => {
                let mut facts = facts(
                    now,
                    rate,
                    xruns,
                    self.health.as_ref().map(|(_, health)| health),
                    [self.send, self.receive],
                );
                facts.insert("event".into(), "statistics".into());
                print_json(facts);
            }
            Style::Text if self.printer.shows_numbers() => {
                if let Some((_, health)) = &self.health {
                    // Many terminals go to the next line with the last column.
                    let width = usize::from(self.printer.size().0) - 1;
                    let line = line(now, health, [self.send, self.receive], width);
                    self.printer.show(&line);
                }
            }
            Style::Text | Style::Quiet => {}
        }
    }

    /// The session is over: the numbers once more.
    pub fn ended(&mut self, now: &Statistics, rate: SampleRate, xruns: u64) {
        let facts = Value::Object(facts(
            now,
            rate,
            xruns,
            self.health.as_ref().map(|(_, health)| health),
            [self.send, self.receive],
        ));
        let text = if now.buffer.received == 0 {
            "ended; no peer was heard".to_owned()
        } else {
            let counts = &now.buffer;
            format!(
                "ended: {} packets received, {} lost, {} late, {} dry periods, {} sent",
                counts.received, counts.lost, counts.late, counts.dry, now.sent
            )
        };
        self.say("ended", &text, facts);
    }

    /// Something has begun to be wrong.
    fn trouble(&mut self, trouble: &Trouble) {
        let facts = json!({ "about": trouble.kind().name() });
        self.say("advice", &trouble.to_string(), facts);
    }

    fn wait_anew(&mut self) {
        self.waiting_since = Some(Instant::now());
        self.next_advice = FIRST_ADVICE;
    }

    /// While there is no peer: says why, ever more rarely.
    fn advise(&mut self, now: &Statistics, desk: &Desk) {
        if now.broken_floats && !self.told_broken_floats {
            self.told_broken_floats = true;
            self.say("advice", words::BROKEN_FLOATS, json!({}));
        }
        let Some(waiting) = self.waiting_since.map(|since| since.elapsed()) else {
            return;
        };
        if waiting < self.next_advice {
            return;
        }
        self.next_advice = waiting * 3;
        let text = match (&desk.membership, desk.remote) {
            (Some(membership), _) => membership.remote().map(words::no_answer_of_hub),
            (None, Some(remote)) => Some(words::no_answer(remote, waiting, now)),
            (None, None) => words::no_caller(desk.port, waiting, now),
        };
        if let Some(text) = text {
            self.say("advice", &text, json!({}));
        }
    }

    fn say(&mut self, name: &str, text: &str, facts: Value) {
        self.printer.say(name, text, facts);
    }
}

/// When a silent line first gets a reason.
const FIRST_ADVICE: Duration = Duration::from_secs(3);
