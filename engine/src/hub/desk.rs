//! The hub's control thread: the door, the roster, what is built and dropped, and what is told.

mod admission;
pub(super) mod chat;
mod lent;
mod osc;
mod requests;
mod sent_away;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use farsend_protocol::jacktrip::{Event, Talked};
use farsend_rt::{LatestReader, clock, latest};
use farsend_stream::{DepthPolicy, Kernels};
use farsend_units::Frames;
use rtrb::{Consumer, Producer, RingBuffer};

use self::chat::Letters;
use self::osc::Osc;
use super::align::Aligner;
use super::auth::Auth;
use super::book::Book;
use super::control::ControlSocket;
use super::door::Door;
use super::files::{Files, Playback};
use super::floor::{Floor, FloorStatistics, Knock, Lines, Order};
use super::pace::{Pacer, Paused, Voice};
use super::player::Player;
use super::ports::Ports;
use super::recordings::{Recordings, TAPES};
use super::report::HubReporter;
use super::roster::{Entry, Expected, KNOCKS_WITHIN, Roster};
use super::sight::Sight;
use super::socket::HubSocket;
use super::track_takes::TrackTakes;
use super::{HubSettings, PatchMode, Through};
use crate::backend::jack::OpenClient;
use crate::control::typed::Typed;
use crate::engine::RunError;
use crate::exit::Exit;
use crate::peers::{LinkEvent, kernels};

/// Runs a hub until `quit`.
///
/// # Errors
/// [`RunError`] when it cannot begin.
pub fn run(
    settings: &HubSettings,
    reporter: &mut HubReporter,
    quit: &Arc<AtomicBool>,
) -> Result<Exit, RunError> {
    let auth = settings.auth.as_ref().map(Auth::load).transpose()?;
    if let Some(auth) = &auth {
        reporter.asks_for_passwords(auth);
    }
    let sound = match settings.local.as_ref().map(|local| &local.through) {
        Some(Through::Jack { name, .. }) => Some(OpenClient::open(name)?),
        Some(Through::Files { .. } | Through::Instances) | None => None,
    };
    let paced = paced_by(settings, sound.as_ref());
    let settings = &paced;
    let voice = sound.map_or(Voice::None, Voice::Jack);
    let door = Door::open(settings.port, auth)?;
    let mut desk = Desk::open(settings, door, voice)?;
    desk.begin(reporter);
    let mut next_report = Instant::now() + REPORT_EVERY;
    let mut typed = Typed::of_terminal();
    while !quit.load(Relaxed) {
        desk.attend(reporter);
        for text in typed.iter_mut().flat_map(Typed::lines) {
            reporter.entered(&text);
            desk.say(None, &text, reporter);
        }
        match desk.pacer.poll() {
            Some(Paused::RateChanged { to }) => {
                _ = desk.close(reporter);
                return Err(RunError::HubRate {
                    from: settings.rate,
                    to,
                });
            }
            Some(other) => reporter.sound(&other),
            None => {}
        }
        if Instant::now() >= next_report {
            next_report += REPORT_EVERY;
            desk.report(reporter);
        }
    }
    let (numbers, late) = (desk.numbers.read(), desk.pacer.late());
    let exit = desk.close(reporter);
    reporter.ended(&numbers, late);
    Ok(exit)
}

/// The same, at the rate of the sound server if there is one, and unless told otherwise with its period.
fn paced_by(settings: &HubSettings, sound: Option<&OpenClient>) -> HubSettings {
    let mut paced = settings.clone();
    if let Some(sound) = sound {
        paced.rate = sound.rate();
        if settings.period == Frames::ZERO {
            paced.period = sound.period();
        }
    }
    if paced.port_each {
        // As many as there are ports from there on.
        let ports = usize::from(u16::MAX - paced.udp_port);
        paced.players = paced.players.min(ports + 1);
    }
    if paced.period == Frames::ZERO {
        paced.period = PERIOD;
    }
    paced
}

pub(super) struct Desk<'a> {
    settings: &'a HubSettings,
    /// What all players are resampled with.
    kernels: Arc<Kernels>,
    door: Door,
    roster: Roster,
    recordings: Recordings,
    udp_port: u16,
    /// Where each player has one.
    ports: Option<Ports>,
    /// Those who are let in anew once their ports are given back.
    moving: Vec<(u16, Expected)>,
    orders: Producer<Order>,
    /// What did not fit into the ring of orders yet, in order.
    pending: std::collections::VecDeque<Order>,
    knocks: Consumer<Knock>,
    returns: Consumer<Box<Player>>,
    numbers: LatestReader<FloorStatistics>,
    pacer: Pacer,
    /// The hub's own.
    files: Option<Playback>,
    control: Option<ControlSocket>,
    osc: Osc,
    book: Book,
    aligner: Aligner,
    sight: Sight,
    letters: Letters,
    /// Of a hub of the plugin's.
    track_takes: Option<TrackTakes>,
    /// As they are now.
    patch: PatchMode,
    depth: DepthPolicy,
}

impl<'a> Desk<'a> {
    fn open(settings: &'a HubSettings, door: Door, voice: Voice) -> Result<Self, RunError> {
        let (socket, udp_port, ports) = if settings.port_each {
            let ports = Ports::open(settings.udp_port, settings.players)?;
            let socket = HubSocket::of_many(ports.are_mapped());
            (socket, settings.udp_port, Some(ports))
        } else {
            let socket = HubSocket::bind(settings.udp_port)?;
            let port = socket.port();
            (socket, port, None)
        };
        let osc = Osc::open(settings.osc, door.port())?;
        let (orders, obeyed) = RingBuffer::new(ORDERS);
        let (knocking, knocks) = RingBuffer::new(KNOCKS);
        let (returning, returns) = RingBuffer::new(settings.players + ORDERS);
        let (writer, numbers) = latest(FloorStatistics::default());
        let (winding, tapes) = RingBuffer::new(TAPES);
        let recordings = Recordings::open(settings, tapes)?;
        // Not before the ports are ours: a hub that cannot begin makes no file.
        let (voice, files) = match (voice, Files::open(settings)?) {
            (Voice::None, Some(files)) => {
                let playback = Playback::of(files.progress());
                (Voice::Files(Box::new(files)), Some(playback))
            }
            (voice, _) => (voice, None),
        };
        let lines = Lines {
            orders: obeyed,
            knocks: knocking,
            returns: returning,
            statistics: writer,
            tapes: winding,
        };
        let floor = Floor::new(settings, socket, lines);
        let pacer = Pacer::start(floor, settings, voice)?;
        Ok(Self {
            settings,
            kernels: kernels(settings.rate),
            door,
            roster: Roster::new(settings.players),
            recordings,
            udp_port,
            ports,
            moving: Vec::new(),
            orders,
            pending: std::collections::VecDeque::new(),
            knocks,
            returns,
            numbers,
            pacer,
            files,
            control: None,
            osc,
            book: Book::default(),
            aligner: Aligner::new(settings.align, settings.align_bound),
            sight: Sight::new(),
            letters: Letters::default(),
            track_takes: None,
            patch: settings.patch,
            depth: settings.depth,
        })
    }

    /// Says what it is, and lets itself be asked.
    fn begin(&mut self, reporter: &mut HubReporter) {
        reporter.started(
            self.settings,
            self.door.port(),
            self.udp_port,
            self.ports.as_ref().map(Ports::range),
            self.osc.port(),
        );
        self.open_control(reporter);
        self.recordings.begin(reporter);
    }

    /// Looks at all numbers, and tells them. Once a second.
    fn report(&mut self, reporter: &mut HubReporter) {
        let numbers = self.numbers.read();
        self.sight.note(&mut self.roster, &numbers);
        for (_, entry) in self.roster.iter_mut() {
            let numbers = entry.watch.statistics.read();
            if !entry.told_broken_floats && numbers.broken_floats {
                entry.told_broken_floats = true;
                reporter.broken_floats(entry);
            }
            if !entry.told_nonsense && numbers.buffer.nonsense > 0 {
                entry.told_nonsense = true;
                reporter.nonsense(entry);
            }
        }
        self.see_off_silent(reporter);
        self.align();
        let status = self.status();
        reporter.statistics(&mut self.roster, &numbers, &status);
    }

    fn attend(&mut self, reporter: &mut HubReporter) {
        self.greet(reporter);
        self.obey_requests(reporter);
        self.obey_osc(reporter);
        while let Ok(knock) = self.knocks.pop() {
            self.admit(&knock, None, reporter);
        }
        if self.ports.is_some() {
            for (port, knock) in self.roster.listen(clock::now()) {
                self.admit(&knock, Some(port), reporter);
            }
        }
        self.see_off(reporter);
        self.give_up(reporter);
        while let Ok(player) = self.returns.pop() {
            self.take_back(*player);
        }
        self.recordings.attend(reporter, &mut self.pending);
        if let Some(takes) = &mut self.track_takes {
            takes.attend();
        }
        if let Some(files) = &mut self.files {
            files.attend(reporter);
        }
        self.flush();
    }

    /// Lets those go who said goodbye or were not heard any more.
    fn see_off(&mut self, reporter: &mut HubReporter) {
        let (mut gone, mut written, mut fates) = (Vec::new(), Vec::new(), Vec::new());
        let mut told = Vec::new();
        for (place, entry) in self.roster.iter_mut() {
            while let Ok(event) = entry.watch.events.pop() {
                match event {
                    LinkEvent::Peer(Event::Left) => gone.push((place, "left")),
                    LinkEvent::Peer(Event::GaveUp) => {
                        gone.push((place, "was not heard for ten seconds"));
                    }
                    LinkEvent::Talked(Talked::Theirs(line)) => {
                        reporter.wrote(entry, &line);
                        written.push((place, line));
                    }
                    LinkEvent::Talked(Talked::Ours { arrived }) => fates.push((place, arrived)),
                    other => {
                        reporter.event(entry, &other);
                        told.push((place, other));
                    }
                }
            }
        }
        for (place, arrived) in fates {
            self.letters.note(place, arrived);
        }
        for (place, line) in written {
            self.pass_on(place, &line);
        }
        for (place, why) in gone {
            self.let_go(place, why, reporter);
        }
        let now = Instant::now();
        for (place, event) in told {
            self.roster.note(place, &event, now);
        }
        for place in self.roster.begun_anew(now) {
            self.let_go(place, "began again", reporter);
        }
        for (before, place) in self.roster.returned(now) {
            self.let_go(before, "is back from elsewhere", reporter);
            self.seat_again(place, reporter);
        }
    }

    /// One who plays is let in anew, as who they are known to be now: what was set for them counts again.
    fn seat_again(&mut self, place: u16, reporter: &mut HubReporter) {
        let Some(again) = self.roster.newly_come(place, Instant::now()) else {
            return;
        };
        let port = self.roster.get(place).map(|entry| entry.udp_port);
        self.let_go(place, "is one who was here before", reporter);
        match port {
            Some(port) if self.ports.is_some() => self.moving.push((port, again)),
            _ => {
                self.order(Order::Expect(again.host, true));
                self.roster.expect(again, None);
            }
        }
    }

    /// One whom the audio thread has let go. Where they are let in anew they keep the port of their own.
    fn take_back(&mut self, player: Player) {
        let Some(line) = player.into_line() else {
            return;
        };
        let mut moving = self.moving.iter();
        if let Some(index) = moving.position(|(port, _)| *port == line.port()) {
            let (_, again) = self.moving.swap_remove(index);
            self.roster.expect(again, Some(line));
        }
    }

    /// Lets those go whose end was not told: nobody looked for too long, or nothing came that could be played.
    fn see_off_silent(&mut self, reporter: &mut HubReporter) {
        let mut gone = Vec::new();
        for (place, entry) in self.roster.iter_mut() {
            let numbers = entry.watch.statistics.read();
            let never = numbers.remote.is_none() && entry.since.elapsed() >= KNOCKS_WITHIN;
            if numbers.ended {
                gone.push((place, "left"));
            } else if never {
                gone.push((place, "was not heard for ten seconds"));
            }
        }
        for (place, why) in gone {
            self.let_go(place, why, reporter);
        }
    }

    fn let_go(&mut self, place: u16, why: &str, reporter: &mut HubReporter) {
        if let Some(entry) = self.roster.leave(place) {
            self.forget(place);
            self.order(Order::Dismiss(place));
            reporter.left(&entry, why, self.roster.count());
        }
    }

    /// Nothing that goes on is of the player any more who was in this place.
    fn forget(&mut self, place: u16) {
        self.recordings.leave(place);
        self.letters.leave(place);
        if let Some(takes) = &mut self.track_takes {
            takes.leave(place);
        }
    }

    fn order(&mut self, order: Order) {
        self.pending.push_back(order);
    }

    fn flush(&mut self) {
        while let Some(order) = self.pending.pop_front() {
            if let Err(rtrb::PushError::Full(order)) = self.orders.push(order) {
                self.pending.push_front(order);
                return;
            }
        }
    }

    /// Says goodbye to all, and completes what was recorded.
    fn close(mut self, reporter: &mut HubReporter) -> Exit {
        // Where a sound server hangs it has the tape; the files are true but for their last moments.
        let Some(mut floor) = self.pacer.stop() else {
            reporter.note(
                "the JACK server does not answer any more: recordings may lack their last two seconds, and players are not told that this is the end",
            );
            return Exit::NoJack;
        };
        floor.close();
        // And with it what was on its way there.
        drop((floor, self.orders, self.pending));
        while let Ok(player) = self.returns.pop() {
            drop(player);
        }
        self.recordings.close(reporter);
        let written = self.files.is_none_or(|files| files.finish(reporter));
        if let Some(takes) = self.track_takes {
            takes.finish();
        }
        if written { Exit::Done } else { Exit::File }
    }
}

/// Of the mix, unless told.
const PERIOD: Frames = Frames(128);
/// How often the door and the players are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// So many players' gaps are filled with what is foretold: it costs much of a core when packets are lost.
const FORETOLD: usize = 4;
const ORDERS: usize = 256;
const KNOCKS: usize = 64;
