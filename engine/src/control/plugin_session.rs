//! A session for plugin instances: how it stands, and who takes part in it.

mod chat;
mod live;
mod naming;
mod numbers;
mod opening;
mod tracks;

use std::sync::Arc;
use std::time::{Duration, Instant};

use farsend_ipc::message::{
    ChatLine, PeerFormat, Role as WantedRole, SessionState, Sharing, Statistics as Told, Take,
    TakeWishes, WantedSession,
};
use farsend_ipc::segment::{SegmentHandle, Watch};
use farsend_protocol::jacktrip::Event;
use farsend_rt::clock;
use farsend_units::{Channels, Frames, SampleRate};
use farsend_wire::jacktrip::{Format, Name};

use self::chat::Chat;
use self::live::Live;
use self::numbers::clipped;
use self::opening::{LARGEST_BLOCK, TRY_AGAIN, build, is_final, seat};
use self::tracks::Tracks;
use super::health::Health;
use super::trouble::Caller;
use super::wishes::{self, Refused};
use super::{words, writing};
use crate::backend::link::{LinkBackend, MOST_SEATS};
use crate::engine::Desk;
use crate::hub::{HubHost, TakeOrders};
use crate::membership::Told as ToldByHub;
use crate::peers::LinkEvent;
use crate::statistics::Statistics;
use crate::takes::TakeDesk;

/// A session that runs for one plugin instance or several. Control threads, one at a time.
#[derive(Debug)]
pub(super) struct PluginSession {
    /// No other session of this engine has it.
    serial: u64,
    title: String,
    desk: Desk,
    backend: LinkBackend,
    /// If we are the hub.
    hub: Option<HubHost>,
    tracks: Tracks,
    /// As the instance wanted it that opened it.
    wanted: WantedSession,
    rate: SampleRate,
    width: [Channels; 2],
    seats: Vec<(u64, Watch)>,
    state: SessionState,
    /// Since when there is no peer.
    alone_since: Instant,
    since: Instant,
    health: Health,
    takes: TakeDesk,
    /// Of the players at our hub.
    take_orders: Option<Arc<TakeOrders>>,
    /// Of those seats that said so.
    take_wishes: Vec<(u64, TakeWishes)>,
    live: Live,
    chat: Chat,
    /// What the peer has said that it is called; else empty.
    peer_name: Name,
    /// What it was told of us.
    told_name: Name,
    told_colour: Option<[u8; 3]>,
}

/// What an instance gets that takes part.
#[derive(Debug)]
pub(super) struct Entrance {
    /// Its number among the instances of this session.
    pub(super) seat: u64,
    /// Of its segment.
    pub(super) generation: u64,
    /// For the instance.
    pub(super) handle: SegmentHandle,
}

impl PluginSession {
    /// Opens what is wanted, as the session of this number. Blocks on the name service.
    ///
    /// # Errors
    /// [`Refused`], in words for the plugin's window.
    pub(super) fn open(serial: u64, wanted: &WantedSession) -> Result<(Self, Entrance), Refused> {
        if wanted.role == WantedRole::Hub {
            return Self::host(serial, wanted);
        }
        wishes::check_instance(wanted)?;
        let settings = wishes::settings(wanted)?;
        let health = Health::new(wanted.rate, settings.depth, Caller::Daw);
        let block = match wanted.share {
            None => wanted.block.clamp(Frames(1), LARGEST_BLOCK),
            // Others may be called with larger ones.
            Some(_) => LARGEST_BLOCK,
        };
        let width = [settings.send, settings.receive];
        let called = settings.name;
        let mut session = build(&settings, wanted.rate, wanted.period, block)?;
        let (takes, taps) = TakeDesk::new(wanted.rate, width);
        session.path.link().record_through(taps);
        let mut tracks = Tracks::default();
        let sources = tracks.seat(0, wanted);
        let (seat, entrance) = seat(0, wanted, &sources)?;
        let watch = seat.1;
        let [send, receive] = width;
        let backend = LinkBackend::start_with(session.path, seat.0, send, receive)
            .map_err(|error| Refused::because(&error, TRY_AGAIN))?;
        let title = match wanted.role {
            WantedRole::Client => format!("a call to {}:{}", wanted.host, wanted.peer_port),
            WantedRole::Server | WantedRole::Hub => {
                format!("a wait on UDP port {}", session.desk.port)
            }
            WantedRole::Member => {
                format!("a place at the hub {}:{}", wanted.host, wanted.peer_port)
            }
        };
        let mut opened = Self {
            serial,
            title,
            desk: session.desk,
            backend,
            hub: None,
            tracks,
            wanted: wanted.clone(),
            rate: wanted.rate,
            width,
            seats: vec![(entrance.seat, watch)],
            state: SessionState::Connecting,
            alone_since: Instant::now(),
            since: Instant::now(),
            health,
            takes,
            take_orders: None,
            take_wishes: Vec::new(),
            live: Live::default(),
            chat: Chat::numbered_from(clock::wall_us()),
            peer_name: Name::EMPTY,
            told_name: called,
            told_colour: None,
        };
        opened.state = opened.alone();
        Ok((opened, entrance))
    }

    /// Lets another instance take part.
    ///
    /// # Errors
    /// [`Refused`], in words for the plugin's window.
    pub(super) fn join(&mut self, wanted: &WantedSession) -> Result<Entrance, Refused> {
        wishes::check_instance(wanted)?;
        let name = wanted.share.as_ref().map_or("", |share| &share.session);
        if wanted.rate != self.rate {
            let (ours, theirs) = (self.rate, wanted.rate);
            let why = format!(
                "The session \"{name}\" is in use at {ours}, and this project runs at {theirs}"
            );
            return Err(Refused::new(
                why,
                "Give both projects one rate, or this one a session of another name.",
            )
            .for_now());
        }
        let first = wanted
            .share
            .as_ref()
            .map_or(Channels(0), |share| share.first);
        let [send, receive] = self.width;
        if first > send.max(receive) {
            let why = format!("The session \"{name}\" has no channel {}", first.get());
            let advice = format!("It has {}.", send.max(receive));
            return Err(Refused::new(why, advice));
        }
        let next = self
            .seats
            .iter()
            .map(|(seat, _)| seat + 1)
            .max()
            .unwrap_or(0);
        let full = || {
            let why = format!("The session \"{name}\" has {} instances", self.seats.len());
            Refused::new(why, "Use a session of another name for more.")
        };
        if self.seats.len() >= MOST_SEATS {
            return Err(full());
        }
        let sources = self.tracks.seat(next, wanted);
        let seated = seat(next, wanted, &sources).and_then(|((boxed, watch), entrance)| {
            let joined = self.backend.join(boxed);
            joined.map(|()| (watch, entrance)).map_err(|_| full())
        });
        let (watch, entrance) = seated.inspect_err(|_| self.tracks.leave(next))?;
        self.seats.push((entrance.seat, watch));
        Ok(entrance)
    }

    /// Lets an instance go, unless it is the last one. Whether it did.
    pub(super) fn leave(&mut self, seat: u64) -> bool {
        if self.seats.iter().all(|(other, _)| *other == seat) {
            return false;
        }
        self.seats.retain(|(other, _)| *other != seat);
        self.take_wishes.retain(|(other, _)| *other != seat);
        self.record();
        self.tracks.leave(seat);
        self.introduce();
        self.keep_delay(seat, false);
        // With its ring full the thread does not look any more, and nobody is served.
        self.backend.leave(seat)
    }

    /// What it is about.
    pub(super) fn title(&self) -> &str {
        &self.title
    }

    /// Which session of the engine's it is.
    pub(super) fn serial(&self) -> u64 {
        self.serial
    }

    /// Of all its instances.
    pub(super) fn rate(&self) -> SampleRate {
        self.rate
    }

    /// How many take part.
    pub(super) fn instances(&self) -> usize {
        self.seats.len()
    }

    /// Whether it cannot go on by itself.
    pub(super) fn is_over(&self) -> bool {
        matches!(
            self.state,
            SessionState::Denied { .. } | SessionState::Failed { .. }
        )
    }

    /// Whether any instance's host has called lately, or may still begin to.
    pub(super) fn is_in_use(&self) -> bool {
        let now = clock::now();
        let calls = |watch: &Watch| {
            let call = watch.host_call();
            call.is_some_and(|call| now.since(call.at) < ASLEEP_AFTER)
        };
        self.since.elapsed() < YOUNG || self.seats.iter().any(|(_, watch)| calls(watch))
    }

    /// How it stands.
    pub(super) fn state(&self) -> &SessionState {
        &self.state
    }

    /// How the instance shares it that wants this.
    pub(super) fn sharing(&self, wanted: &WantedSession) -> Sharing {
        Sharing {
            instances: clipped(self.seats.len() as u128),
            about: self.title.clone(),
            as_wanted: wishes::is_guest(wanted) || wishes::is_same(&self.wanted, wanted),
        }
    }

    /// This instance wants takes, or wants none. They are recorded while anybody wants them.
    pub(super) fn want_takes(&mut self, seat: u64, wishes: TakeWishes) {
        self.take_wishes.retain(|(other, _)| *other != seat);
        self.take_wishes.push((seat, wishes));
        self.record();
    }

    /// A number that changes with the takes.
    pub(super) fn take_edition(&self) -> u64 {
        self.takes.edition()
    }

    /// The takes of which something is new since then.
    pub(super) fn takes_since(&self, edition: u64) -> Vec<Take> {
        self.takes.since(edition)
    }

    fn record(&mut self) {
        let wishes = self.take_wishes.iter().map(|(_, wishes)| wishes);
        let wishes = wishes.rev().find(|wishes| wishes.record).cloned();
        let player = match self.wanted.role {
            WantedRole::Server => "far end".to_owned(),
            WantedRole::Client | WantedRole::Member => self.wanted.host.trim().to_owned(),
            // What each of them plays is recorded at the hub.
            WantedRole::Hub => "players".to_owned(),
        };
        let wishes = wishes.unwrap_or_default();
        if let Some(orders) = &self.take_orders {
            orders.wish(&wishes);
        }
        self.takes.wish(&wishes, &self.wanted, &player);
    }

    /// Looks after it. Some times a second, by whichever instance's thread.
    pub(super) fn poll(&mut self) {
        while let Ok(event) = self.desk.events.pop() {
            self.note(&event);
            if let Some(membership) = &mut self.desk.membership {
                membership.note(&event);
            }
        }
        while let Some(told) = self.desk.poll_membership() {
            self.note_hub(&told);
        }
        self.backend.collect();
        self.takes.collect();
        self.attend_tracks();
        self.desk.attend();
        let numbers = self.desk.numbers();
        self.age(&numbers);
        // A DAW's xruns are not known here; late calls are seen.
        _ = self.health.look(self.since.elapsed(), &numbers, 0);
    }

    /// How its audio does, and the delay of what this instance hears.
    pub(super) fn statistics(&mut self, seat: u64) -> Told {
        let numbers = self.desk.numbers();
        Told {
            delay: self.delay(seat, &numbers),
            ..self.numbers(&numbers)
        }
    }

    /// Writes this to the other end, a line or several: as long as what is said at once.
    pub(super) fn say(&mut self, text: &str) {
        let reserved = self.hub.as_ref().map_or(0, |_| HubHost::SIGN);
        for line in writing::lines(text, reserved) {
            let number = self.chat.write(&line);
            let sent = self.state.is_connected()
                && match &self.hub {
                    Some(hub) => hub.say(number, line),
                    None => self.desk.say(line),
                };
            if !sent {
                self.chat.settle(number, false);
            }
        }
    }

    /// What of the chat has changed since `told`, which is then up to date.
    pub(super) fn chat(&self, told: &mut u64) -> Vec<ChatLine> {
        self.chat.news(told)
    }

    /// Says goodbye to the peer and lets go of everything.
    pub(super) fn close(mut self) {
        let path = self.backend.stop();
        self.desk.leave(path);
        // Its players hear a goodbye before a disk is waited for.
        if let Some(hub) = self.hub.take() {
            hub.stop();
        }
        self.takes.finish();
    }

    fn note(&mut self, event: &LinkEvent) {
        let peer = self.peer();
        match event {
            LinkEvent::Peer(
                Event::Arrived { format, .. }
                | Event::FormatChanged { to: format, .. }
                | Event::Replaced { format, .. },
            ) => {
                self.state = SessionState::Connected {
                    peer,
                    format: peer_format(format, 1),
                }
            }
            LinkEvent::Peer(Event::FellQuiet) => {
                self.alone_since = Instant::now();
                self.state = SessionState::Quiet {
                    peer,
                    heard_nothing_s: 0,
                };
            }
            LinkEvent::Peer(Event::Returned) => {
                if let Some(format) = self.desk.statistics.read().format {
                    self.state = SessionState::Connected {
                        peer,
                        format: peer_format(&format, 1),
                    };
                }
            }
            LinkEvent::Peer(Event::Left | Event::GaveUp | Event::Forgotten) => {
                self.alone_since = Instant::now();
                self.state = self.alone();
            }
            LinkEvent::Unplayable(format) => {
                let text = words::unplayable(&peer, format);
                let (why, advice) = text.split_once(": ").unwrap_or((&text, ""));
                self.state = SessionState::Failed {
                    why: why.into(),
                    advice: advice.into(),
                };
            }
            LinkEvent::Talked(talked) => {
                let is_hub = self.wanted.role == WantedRole::Member;
                let writer = self.writer();
                self.chat.note(talked, &writer, is_hub);
            }
            LinkEvent::Called(name) => self.note_name(*name),
            LinkEvent::Adopted(_)
            | LinkEvent::Peer(Event::SentAway { .. })
            | LinkEvent::Refused
            | LinkEvent::Restarted
            | LinkEvent::Malformed(_) => {}
        }
    }

    /// What has become of our place at a hub.
    fn note_hub(&mut self, told: &ToldByHub) {
        let (host, port) = (self.wanted.host.clone(), self.wanted.peer_port);
        let why = match told {
            ToldByHub::Knocking { .. } => String::new(),
            ToldByHub::Inside { remote, .. } => {
                self.alone_since = Instant::now();
                format!(
                    "let in, waiting for its audio from UDP port {}",
                    remote.port()
                )
            }
            ToldByHub::Waiting { why, .. } => why.to_string(),
            ToldByHub::Unanswered(_) | ToldByHub::Lost(_) => told.to_string(),
            ToldByHub::Failed(why) => {
                let text = why.to_string();
                let (why_text, advice) = text.split_once(": ").unwrap_or((&text, ""));
                let (why_text, advice) = (why_text.into(), advice.into());
                self.state = match is_final(why) {
                    true => SessionState::Denied {
                        why: why_text,
                        advice,
                    },
                    false => SessionState::Failed {
                        why: why_text,
                        advice,
                    },
                };
                return;
            }
        };
        self.state = SessionState::Joining { host, port, why };
    }

    /// Seconds go by without a peer.
    fn age(&mut self, numbers: &Statistics) {
        let seconds = u32::try_from(self.alone_since.elapsed().as_secs()).unwrap_or(u32::MAX);
        match &mut self.state {
            SessionState::Calling {
                heard_nothing_s, ..
            }
            | SessionState::Quiet {
                heard_nothing_s, ..
            } => *heard_nothing_s = seconds,
            SessionState::Connected { format, .. } => format.redundancy = numbers.redundancy,
            _ => {}
        }
        if !self.backend.is_running() {
            self.state = SessionState::Failed {
                why: "The engine's audio thread has ended".into(),
                advice: "Disconnect and connect again.".into(),
            };
        }
    }

    fn alone(&self) -> SessionState {
        match self.wanted.role {
            WantedRole::Server => SessionState::WaitingForPeer {
                port: self.desk.port,
            },
            WantedRole::Hub => SessionState::Hosting {
                port: self.desk.port,
                players: 0,
            },
            WantedRole::Client => SessionState::Calling {
                host: self.wanted.host.clone(),
                port: self.wanted.peer_port,
                heard_nothing_s: 0,
            },
            WantedRole::Member => SessionState::Joining {
                host: self.wanted.host.clone(),
                port: self.wanted.peer_port,
                why: String::new(),
            },
        }
    }

    fn peer(&mut self) -> String {
        let remote = self.desk.statistics.read().remote.or(self.desk.remote);
        naming::title(self.peer_name, remote)
    }
}

fn peer_format(format: &Format, redundancy: u8) -> PeerFormat {
    PeerFormat {
        rate: format.rate,
        period: format.period,
        channels: format.channels,
        wants: format.wants,
        bits: format.samples.bits(),
        redundancy,
    }
}

/// A host that has not called for so long does not keep others from a rate of their own, ...
const ASLEEP_AFTER: Duration = Duration::from_secs(2);

/// ... unless its session has only begun.
const YOUNG: Duration = Duration::from_secs(10);
