//! Who is at the other end, and is it there.
//!
//! ```text
//!   server:  Awaited ──audio──▶ ┐                           client:  Calling ──audio──▶ ┐
//!                               │                                                       │
//!      ┌────────────────────────┘◀──────────────────────────────────────────────────────┘
//!      ▼
//!   Present ──quiet for `quiet_limit`──▶ Absent ──quiet for `give_up`──▶ (gone)
//!      ▲                                  │  │
//!      ├──────────────audio───────────────┘  │
//!      └──server: audio of another, after `takeover_after`──┘
//!
//!   Present, Absent ──server: heard for a [moment](Heard::is_glimpsed), then quiet for `forget_after`──▶ Awaited
//!   Present, Absent ──stop datagram──▶ (gone), after two stop datagrams of ours
//!   Calling ──stop datagram, but not at once──▶ (gone): it does not want us
//!   (gone): a server is Awaited again, a client is Over.      handle_leave: any ──▶ Over
//! ```
//!
//! Unlike JackTrip, which listens to anybody who finds its port, the machine holds on to one address:
//! the client to the one that it calls, the server to the first that sends audio. Datagrams of others are
//! counted and nothing else. Anybody may write any sender's address on a datagram: so one who was heard for no more than a
//! moment is not sent audio for ever, but forgotten, without a word, until the next datagram.
//!
//! Source: the behaviour of JackTrip 1.7.0 and 2.7.2 as peers.

mod address;
mod farewell;
mod naming;
mod ping;
mod repairs;
mod succession;
mod takes;
mod talk;
mod words;

use std::net::SocketAddr;
use std::time::Duration;

use arrayvec::ArrayVec;
use farsend_units::MonoTime;
use farsend_wire::jacktrip::{Control, Datagram, Format, HeaderKind, Name, Reception, Wanted};
use farsend_wire::repair::Repair;

use self::address::canonical;
use self::farewell::Farewell;
use self::naming::Naming;
use self::ping::Pinger;
use self::repairs::Repairs;
use self::takes::Takes;
use self::talk::Talk;
pub use self::words::{
    Continuity, Event, MAX_REMARK, Output, PeerConfig, PeerCounts, Remark, Talked, Verdict,
};
use super::numbering::{Numbering, Signs};

/// Follows one session. Neither allocates nor fails: any datagrams, times and order of calls will do.
///
/// After each `handle_...`, call [`poll_output`](Self::poll_output) until it says [`Output::Wait`].
#[derive(Debug)]
pub struct Peer {
    config: PeerConfig,
    role: Role,
    state: State,
    /// As in the depacketizer, so that both see the same datagrams as late or as a new beginning.
    numbering: Numbering,
    /// Whom to send control datagrams that are still owed.
    stops: Stops,
    farewell: Farewell,
    pinger: Pinger,
    repairs: Repairs,
    takes: Takes,
    talk: Talk,
    naming: Naming,
    events: ArrayVec<Event, MAX_EVENTS>,
    counts: PeerCounts,
}

#[derive(Debug, Clone, Copy)]
enum Role {
    Server {
        /// Who has left last, and when: what it sent before is still on its way.
        left: Option<(SocketAddr, MonoTime)>,
    },
    Client {
        remote: SocketAddr,
    },
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Server: nobody is there.
    Awaited,
    /// Client: nothing was heard, and this is how long it was waited for.
    Calling { since: Option<MonoTime> },
    /// Audio comes.
    Present(Heard),
    /// Audio came.
    Absent(Heard),
    /// Ended for good.
    Over,
}

/// Whom audio comes from.
#[derive(Debug, Clone, Copy)]
struct Heard {
    /// As the socket names it, to send to.
    remote: SocketAddr,
    /// When the last audio came.
    at: MonoTime,
    format: Format,
    /// How many datagrams of audio, and for how long in all, without pauses.
    datagrams: u32,
    lasted: Duration,
}

impl Heard {
    /// The first audio of somebody.
    const fn first(remote: SocketAddr, at: MonoTime, format: Format) -> Self {
        Self {
            remote,
            at,
            format,
            datagrams: 1,
            lasted: Duration::ZERO,
        }
    }

    /// Whether that is so little that it may have been anybody.
    fn is_glimpsed(&self) -> bool {
        self.datagrams <= GLIMPSE && self.lasted <= GLIMPSE_LASTS
    }
}

/// Stop datagrams that are still to be sent.
#[derive(Debug, Clone, Copy)]
struct Stops {
    to: Option<SocketAddr>,
    left: u8,
}

impl Peer {
    /// Waits for whoever sends audio first.
    pub fn server(config: PeerConfig) -> Self {
        Self::new(config, Role::Server { left: None }, State::Awaited)
    }

    /// Calls `remote`: audio goes there at once, and only what comes from there counts.
    pub fn client(config: PeerConfig, remote: SocketAddr) -> Self {
        Self::new(
            config,
            Role::Client { remote },
            State::Calling { since: None },
        )
    }

    fn new(config: PeerConfig, role: Role, state: State) -> Self {
        Self {
            config,
            role,
            state,
            numbering: Numbering::new(),
            stops: Stops { to: None, left: 0 },
            farewell: Farewell::default(),
            pinger: Pinger::new(config.ping_every),
            repairs: Self::silent_repairs(&config),
            takes: Takes::default(),
            talk: Talk::new(),
            naming: Naming::new(),
            events: ArrayVec::new(),
            counts: PeerCounts::default(),
        }
    }

    /// Takes in a UDP payload that came at `at` from `from`, and says what to do with it.
    pub fn handle_datagram(&mut self, at: MonoTime, from: SocketAddr, payload: &[u8]) -> Verdict {
        self.start_clock(at);
        let control = Control::parse(payload);
        if self.is_over() || self.is_aftermath(at, from) {
            return Verdict::Ignored;
        }
        let repair = self.repairs.are_wished() && Repair::is_meant(payload);
        if !self.is_welcome(at, from, control.is_none() && !repair) {
            self.counts.strangers += 1;
            self.counts.stranger_stops += u64::from(control == Some(Control::Stop));
            return Verdict::Stranger;
        }
        match control {
            Some(control) => self.handle_control(at, control),
            None if repair => match self.state {
                State::Present(_) | State::Absent(_) => Verdict::Repair,
                _ => Verdict::Ignored,
            },
            None => self.handle_audio(at, from, payload),
        }
    }

    /// The time that [`next_timeout`](Self::next_timeout) said has come. Too early or too often does no harm.
    pub fn handle_timeout(&mut self, at: MonoTime) {
        self.start_clock(at);
        let gave_up =
            |since: MonoTime| self.config.give_up.is_some_and(|limit| at >= since + limit);
        match self.state {
            State::Calling { since: Some(since) } if gave_up(since) => self.end(at, Event::GaveUp),
            State::Present(heard) | State::Absent(heard) if gave_up(heard.at) => {
                self.end(at, Event::GaveUp);
            }
            State::Present(heard) | State::Absent(heard)
                if self.forgets_at(heard).is_some_and(|then| at >= then) =>
            {
                self.part(at, Event::Forgotten);
                self.state = State::Awaited;
            }
            State::Present(heard) if at >= heard.at + self.config.quiet_limit => {
                self.state = State::Absent(heard);
                self.pinger.pause();
                self.report(Event::FellQuiet);
            }
            State::Present(_) => {
                self.pinger.handle_timeout(at);
                self.talk.handle_timeout(at);
                self.naming.handle_timeout(at, self.is_farsend());
            }
            _ => {}
        }
    }

    /// Tells a Farsend that it is sent away, for so many seconds (0: it may come again at once); a JackTrip nothing.
    /// [`handle_leave`](Self::handle_leave) is to follow.
    pub fn handle_send_away(&mut self, _at: MonoTime, seconds: u32) {
        if let (true, Some(remote)) = (self.is_farsend(), self.remote()) {
            self.farewell.say(remote, seconds);
        }
    }

    /// Writes a line to the peer. [`Output::Talked`] tells what becomes of it, in the order of lines. False if the peer is no Farsend or too many wait: then
    /// nothing becomes of it.
    pub fn write(&mut self, at: MonoTime, line: Remark) -> bool {
        self.is_farsend() && self.talk.say(at, line)
    }

    /// What we are called from now on; empty: nothing. A Farsend is told, a JackTrip nothing.
    pub fn call_us(&mut self, name: Name) {
        self.naming.call_us(name);
    }

    /// The colour of what we play on from now on: red, green, blue. A Farsend is told, a JackTrip nothing.
    pub fn colour_us(&mut self, colour: Option<[u8; 3]>) {
        self.naming.colour_us(colour);
    }

    /// The colour that the peer has said.
    pub const fn colour(&self) -> Option<[u8; 3]> {
        if self.is_farsend() {
            self.naming.their_colour()
        } else {
            None
        }
    }

    /// What the peer is called; empty while it is no Farsend or has not said.
    pub const fn called(&self) -> Name {
        if self.is_farsend() {
            self.naming.theirs()
        } else {
            Name::EMPTY
        }
    }

    /// We end the session: two stop datagrams are to be sent, and that is all.
    pub fn handle_leave(&mut self, at: MonoTime) {
        self.talk.give_up(at);
        self.farewell.say_again();
        self.owe_stops(self.remote());
        self.state = State::Over;
        self.pinger.pause();
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Output {
        if let Some(event) = self.events.pop_at(0) {
            return Output::Event(event);
        }
        if let Some((to, control)) = self.farewell.poll() {
            let payload = control.to_bytes();
            return Output::Send { to, payload };
        }
        if let (Some(to), Some(left)) = (self.stops.to, self.stops.left.checked_sub(1)) {
            self.stops.left = left;
            return Output::Send {
                to,
                payload: Control::Stop.to_bytes(),
            };
        }
        if let (State::Present(heard) | State::Absent(heard), Some(control)) =
            (self.state, self.pinger.poll())
        {
            return Output::Send {
                to: heard.remote,
                payload: control.to_bytes(),
            };
        }
        if let (State::Present(heard), Some(control)) = (self.state, self.repairs.poll()) {
            return Output::Send {
                to: heard.remote,
                payload: control.to_bytes(),
            };
        }
        if let (State::Present(heard), Some(control)) = (self.state, self.takes.poll()) {
            return Output::Send {
                to: heard.remote,
                payload: control.to_bytes(),
            };
        }
        if self.is_farsend()
            && let (State::Present(heard), Some(control)) = (self.state, self.talk.poll())
        {
            return Output::Send {
                to: heard.remote,
                payload: control.to_bytes(),
            };
        }
        if self.is_farsend()
            && let (State::Present(heard), Some(control)) = (self.state, self.naming.poll())
        {
            return Output::Send {
                to: heard.remote,
                payload: control.to_bytes(),
            };
        }
        // What came before the peer fell quiet waits until it is heard again.
        if self.is_farsend()
            && let Some(told) = self.takes.told()
        {
            return told;
        }
        if let Some(talked) = self.talk.told() {
            return Output::Talked(talked);
        }
        if let Some(name) = self.naming.told() {
            return Output::Called(name);
        }
        if let Some(reception) = self.repairs.told() {
            return Output::Reception(reception);
        }
        if let Some(wanted) = self.repairs.asked() {
            return Output::Wanted(wanted);
        }
        Output::Wait
    }

    /// How the peer's audio comes, as often as that is looked at. It is told, now and then, if it is a Farsend.
    pub fn note_reception(&mut self, at: MonoTime, reception: Reception) {
        if self.is_farsend() {
            self.repairs.note(at, reception);
        }
    }

    /// Asks the peer for audio again. Without effect where it does not understand that.
    pub fn want(&mut self, at: MonoTime, wanted: Wanted) {
        if self.understands_repair(at) {
            self.repairs.want(at, wanted);
        }
    }

    /// Says something that one who records wants to know: [`Control::Keep`], [`Control::Kept`] or [`Control::Hearing`]. Of each kind the last before a poll is said;
    /// to a Farsend only.
    pub const fn say(&mut self, word: Control) {
        if self.is_farsend() {
            self.takes.say(word);
        }
    }

    /// Whether the peer is a Farsend: it is there and answers pings.
    pub const fn is_farsend(&self) -> bool {
        self.is_present() && self.pinger.is_answered()
    }

    /// Whether the peer may be sent repair datagrams: it is a Farsend that has said, and lately, that it takes them.
    pub fn understands_repair(&self, at: MonoTime) -> bool {
        self.is_farsend() && self.repairs.are_understood(at)
    }

    /// Where audio is to be sent now.
    pub fn remote(&self) -> Option<SocketAddr> {
        match (self.state, self.role) {
            (State::Present(heard) | State::Absent(heard), _) => Some(heard.remote),
            (State::Calling { .. }, Role::Client { remote }) => Some(remote),
            _ => None,
        }
    }

    /// Whether audio has come lately.
    pub const fn is_present(&self) -> bool {
        matches!(self.state, State::Present(_))
    }

    /// Whether the session has ended for good.
    pub const fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// What the peer announced last, while there is one.
    pub const fn format(&self) -> Option<Format> {
        match self.state {
            State::Present(heard) | State::Absent(heard) => Some(heard.format),
            _ => None,
        }
    }

    /// The time that the last answered ping took to the peer and back. Only a Farsend answers.
    pub const fn round_trip(&self) -> Option<Duration> {
        self.pinger.round_trip()
    }

    /// What there was so far.
    pub const fn counts(&self) -> PeerCounts {
        self.counts
    }

    /// Whether anything that `from` says is to be looked at.
    fn is_welcome(&self, at: MonoTime, from: SocketAddr, audio: bool) -> bool {
        let from = canonical(from);
        match (self.state, self.role) {
            (_, Role::Client { remote }) => from == canonical(remote),
            (State::Present(heard) | State::Absent(heard), Role::Server { .. }) => {
                let takes_over = || audio && at >= heard.at + self.config.takeover_after;
                from == canonical(heard.remote) || takes_over()
            }
            (State::Awaited, Role::Server { .. }) => true,
            _ => false,
        }
    }

    /// Whether `from` has just left: the second stop datagram, or audio that was on its way.
    fn is_aftermath(&self, at: MonoTime, from: SocketAddr) -> bool {
        let Role::Server { left } = self.role else {
            return false;
        };
        let is_recent = |(gone, when)| canonical(from) == gone && at < when + AFTERMATH;
        matches!(self.state, State::Awaited) && left.is_some_and(is_recent)
    }

    fn handle_control(&mut self, at: MonoTime, control: Control) -> Verdict {
        let refused = |since: MonoTime| control == Control::Stop && at >= since + AFTERMATH;
        match self.state {
            State::Present(_) | State::Absent(_) => {}
            // It does not want us. At first, though, this can be the end of a session before.
            State::Calling { since: Some(since) } if refused(since) => {}
            // Nobody is there yet, so nobody can leave or wants to know how far it is.
            _ => return Verdict::Ignored,
        }
        match control {
            Control::Stop => self.end(at, Event::Left),
            Control::Ping { stamp } => self.pinger.handle_ping(at, stamp),
            Control::Pong { stamp } => self.pinger.handle_pong(at, stamp),
            Control::Reception(reception) => self.repairs.handle_reception(at, reception),
            Control::Wanted(wanted) => self.repairs.handle_wanted(at, wanted),
            Control::Keep(_) | Control::Kept(_) | Control::Hearing(_) => {
                // Who answers pings can be sent something at this address.
                let known = self.is_farsend();
                self.takes.handle(control, known, self.repairs.are_wished());
            }
            Control::Chat(piece) => self.talk.handle_piece(at, &piece),
            Control::Heard { talk, number } => self.talk.handle_heard(at, talk, number),
            Control::Called(name) => self.naming.handle_called(at, name),
            Control::Coloured(colour) => self.naming.handle_coloured(colour),
            Control::SentAway { seconds } if matches!(self.role, Role::Client { .. }) => {
                if self.farewell.hear() {
                    self.report(Event::SentAway { seconds });
                }
            }
            Control::Unknown | Control::SentAway { .. } => self.counts.unknown_controls += 1,
        }
        Verdict::Consumed
    }

    fn handle_audio(&mut self, at: MonoTime, from: SocketAddr, payload: &[u8]) -> Verdict {
        let datagram = match Datagram::parse(payload, self.config.header, self.config.fallback) {
            Ok(datagram) => datagram,
            Err(error) => {
                self.counts.malformed += 1;
                return Verdict::Malformed(error);
            }
        };
        let format = datagram.format();
        let signs = Signs::of(&datagram, self.config.header);
        let heard = Heard::first(from, at, format);
        let (State::Present(before) | State::Absent(before)) = self.state else {
            let from = canonical(from);
            return Verdict::Audio(self.greet(heard, signs, Event::Arrived { from, format }));
        };
        let (former, now) = (canonical(before.remote), canonical(from));
        Verdict::Audio(if former == now {
            self.go_on(before, heard, signs)
        } else {
            self.owe_stops(Some(before.remote));
            self.counts.replaced += 1;
            let event = Event::Replaced {
                from: former,
                to: now,
                format,
            };
            self.greet(heard, signs, event)
        })
    }

    /// The session is over, for a server until the next one.
    fn end(&mut self, at: MonoTime, event: Event) {
        let remote = self.remote();
        self.owe_stops(remote);
        self.part(at, event);
        self.state = match &mut self.role {
            Role::Server { left } => {
                *left = remote.map(|remote| (canonical(remote), at));
                State::Awaited
            }
            Role::Client { .. } => State::Over,
        };
    }

    /// Nothing that goes on is of this peer any more.
    fn part(&mut self, at: MonoTime, event: Event) {
        self.report(event);
        self.talk.give_up(at);
        self.naming.begin_anew();
        self.pinger = Pinger::new(self.config.ping_every);
        self.repairs = Self::silent_repairs(&self.config);
        self.takes = Takes::default();
    }

    /// When a server is to forget one of whom no more comes.
    fn forgets_at(&self, heard: Heard) -> Option<MonoTime> {
        let forgets = matches!(self.role, Role::Server { .. }) && heard.is_glimpsed();
        forgets.then(|| heard.at + self.config.forget_after)
    }

    /// Only the default header has numbers to ask for.
    fn silent_repairs(config: &PeerConfig) -> Repairs {
        Repairs::new(config.repair && config.header == HeaderKind::Default)
    }

    fn owe_stops(&mut self, to: Option<SocketAddr>) {
        self.stops = Stops { to, left: STOPS };
    }

    /// Of more events than anybody waits for, the oldest are forgotten.
    fn report(&mut self, event: Event) {
        if self.events.is_full() {
            self.events.remove(0);
            self.counts.forgotten_events += 1;
        }
        self.events.push(event);
    }

    fn start_clock(&mut self, at: MonoTime) {
        if let State::Calling {
            since: since @ None,
        } = &mut self.state
        {
            *since = Some(at);
        }
    }

    /// When there is more to do, with nothing to [poll](Self::poll_output); none: not before the next datagram.
    pub fn next_timeout(&self) -> Option<MonoTime> {
        let give_up = |since: MonoTime| self.config.give_up.map(|limit| since + limit);
        match self.state {
            // At once: how long it is called is counted from the first call with a time.
            State::Calling { since: None } => self.config.give_up.map(|_| MonoTime::from_nanos(0)),
            State::Calling { since: Some(since) } => give_up(since),
            State::Present(heard) => {
                let quiet = heard.at + self.config.quiet_limit;
                let others = [
                    self.pinger.next_timeout(),
                    self.talk.next_timeout(),
                    self.naming.next_timeout(self.is_farsend()),
                ];
                [give_up(heard.at), self.forgets_at(heard)]
                    .into_iter()
                    .chain(others)
                    .flatten()
                    .chain([quiet])
                    .min()
            }
            State::Absent(heard) => {
                let ends = [give_up(heard.at), self.forgets_at(heard)];
                ends.into_iter().flatten().min()
            }
            State::Awaited | State::Over => None,
        }
    }
}

/// As JackTrip does it, since one may be lost.
const STOPS: u8 = 2;

/// Who was heard in no more datagrams than these, ...
const GLIMPSE: u32 = 100;
/// ... and for no longer, may be anybody: see [`PeerConfig::forget_after`].
const GLIMPSE_LASTS: Duration = Duration::from_secs(1);

/// More than one input can cause, with room for inputs between two polls.
const MAX_EVENTS: usize = 8;

/// What comes so soon after the end of a session can be a part of it that was on its way.
const AFTERMATH: Duration = Duration::from_millis(300);
