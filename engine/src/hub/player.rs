//! One player on the audio thread: machines, jitter buffer, what is heard of them and what they hear.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arrayvec::ArrayVec;
use farsend_ipc::message::Loop;
use farsend_ipc::segment::Stretch;
use farsend_protocol::jacktrip::{PacketizerError, Remark};
use farsend_rt::batch::Outbox;
use farsend_rt::{LatestReader, LatestWriter, MailboxReader, latest};
use farsend_stream::{Conceal, DepthPolicy, Gain, Kernels, Meter};
use farsend_units::{MonoTime, SampleRate};
use farsend_wire::jacktrip::Format;
use rtrb::{Consumer, RingBuffer};

use super::HubSettings;
use super::lanes::Lanes;
use super::mixer::Mixer;
use super::ports::Line;
use super::socket::HubSocket;
use crate::control::minute::LastMinute;
use crate::net::Outlet;
use crate::peers::{Beat, LinkEvent, Machines};
use crate::settings::{MAX_CHANNELS, Role, SessionSettings};
use crate::statistics::Statistics;
use crate::takes::{MeasuredLoop, Tap};

/// Built by the control thread, then owned by the audio thread.
#[derive(Debug)]
pub(super) struct Player {
    machines: Machines<Shelf>,
    address: SocketAddr,
    /// What they send to and are sent through, if that is theirs alone.
    line: Option<Line>,
    heard: Lanes,
    mix: Lanes,
    /// As if at the source: of what everybody hears of them.
    gain: Gain,
    /// Whether they are faded out, to be said goodbye to then.
    is_sent_away: bool,
    meter: Meter,
    statistics: LatestWriter<Statistics>,
    publish_at: MonoTime,
    /// Datagrams of theirs that could not be understood.
    malformed: u64,
    /// Frames that they had been sent before the last period.
    sent_before: i64,
    /// The loop to them, if somebody at the hub has measured it.
    looped: MeasuredLoop,
    /// How often the way between the mix and those who pace it was changed since they came.
    shifts: u64,
}

/// What the control thread keeps of a player.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) events: Consumer<LinkEvent>,
    pub(super) statistics: LatestReader<Statistics>,
    pub(super) minute: LastMinute,
}

impl Player {
    /// For one who sends this from there, in so many copies: they get theirs in as many, if that fits into a datagram.
    /// Allocates megabytes. Control thread.
    ///
    /// # Errors
    /// Their channels make packets that are too large to send.
    pub(super) fn new(
        settings: &HubSettings,
        kernels: &Arc<Kernels>,
        conceal: Conceal,
        address: SocketAddr,
        format: Format,
        redundancy: u8,
    ) -> Result<(Box<Self>, Watch), PacketizerError> {
        let most = MAX_CHANNELS as u8;
        let send = format.wants.min(farsend_units::Channels(most));
        let receive = format.channels.min(farsend_units::Channels(most));
        let session = SessionSettings {
            role: Role::Server,
            send,
            receive,
            samples: settings.samples,
            depth: settings.depth,
            repair: settings.repair,
            conceal,
            give_up: Some(VANISHED_AFTER),
            once: true,
            ..SessionSettings::default()
        };
        let beat = Beat {
            rate: settings.rate,
            period: settings.period,
            block: settings.period,
        };
        let (writer, reader) = latest(Statistics::default());
        let faster = format.rate.0.div_ceil(settings.rate.0.max(1)).max(1) as usize;
        let samples = send.get() * settings.period.get() * faster;
        let build = |redundancy: u8| {
            let shelf = Shelf::new(samples * size_of::<f32>() * usize::from(redundancy));
            let (events, told) = RingBuffer::new(EVENTS);
            let session = SessionSettings {
                redundancy,
                ..session.clone()
            };
            Machines::new(&session, shelf, None, beat, kernels, events).map(|made| (made, told))
        };
        let (machines, told) = build(redundancy.clamp(1, MOST_COPIES)).or_else(|_| build(1))?;
        let player = Box::new(Self {
            machines,
            address,
            line: None,
            heard: Lanes::new(receive, settings.period),
            mix: Lanes::new(send, settings.period),
            gain: Gain::new(settings.rate, 1.0),
            is_sent_away: false,
            meter: Meter::new(receive, settings.rate),
            statistics: writer,
            publish_at: MonoTime::default(),
            malformed: 0,
            sent_before: 0,
            looped: MeasuredLoop::default(),
            shifts: 0,
        });
        let watch = Watch {
            events: told,
            statistics: reader,
            minute: LastMinute::default(),
        };
        Ok((player, watch))
    }

    /// They are sent to, and heard, through this port of their own. Control thread.
    pub(super) fn take_line(&mut self, line: Option<Line>) {
        self.line = line;
    }

    /// That port, of one who has left the audio thread. Control thread.
    pub(super) fn into_line(self) -> Option<Line> {
        self.line
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What they played last period.
    pub(super) fn heard(&self) -> &Lanes {
        &self.heard
    }

    /// The round trip to their host when they logged in, where the system knows it.
    pub(super) fn sound(&mut self, trip: Option<Duration>) {
        self.machines.sound(trip);
    }

    /// Has what each period needs of them brought near, but for their audio, which one of the other two asks for when this is there.
    pub(super) fn prefetch(&self) {
        self.machines.jitter_buffer().prefetch();
    }

    /// What [`take`](Self::take) needs beside that, once it is there.
    pub(super) fn prefetch_take(&self) {
        self.machines.jitter_buffer().prefetch_insert();
    }

    /// The audio for [`play`](Self::play).
    pub(super) fn prefetch_play(&self) {
        self.machines.jitter_buffer().prefetch_pull();
        self.heard.prefetch();
    }

    /// The audio for [`mix`](Self::mix).
    pub(super) fn prefetch_mix(&self) {
        self.heard.prefetch();
        self.mix.prefetch();
    }

    /// Takes what has come through a line of their own. How many datagrams there were of others.
    pub(super) fn listen(&mut self, now: MonoTime, socket: &mut HubSocket) -> u64 {
        let Self {
            line: Some(line),
            machines,
            address,
            malformed,
            ..
        } = self
        else {
            return 0;
        };
        let mut strangers = 0;
        socket.receive_through(&mut line.socket, now, |batch| {
            for one in batch.iter() {
                if one.sender() == Some(*address) {
                    let taken = machines.take(batch.time_of(one), *address, one.payload());
                    *malformed += u64::from(taken.is_err());
                } else {
                    strangers += 1;
                }
            }
        });
        strangers
    }

    /// Takes one datagram of theirs.
    pub(super) fn take(&mut self, at: MonoTime, payload: &[u8]) {
        let taken = self.machines.take(at, self.address, payload);
        self.malformed += u64::from(taken.is_err());
    }

    /// Takes the first datagram of theirs, from which all else follows but what is heard: others have come since, and were
    /// not lost. Control thread.
    pub(super) fn take_knock(&mut self, at: MonoTime, payload: &[u8]) {
        self.take(at, payload);
        self.machines.buffer().reset();
    }

    /// What they play this period from this place, into the total. The more `players` there are, the less pains are taken to
    /// foretell what is missing; in a crowd there is no time for that.
    pub(super) fn play(&mut self, now: MonoTime, place: u16, players: usize, mixer: &mut Mixer) {
        self.machines.attend(now);
        let buffer = self.machines.buffer();
        buffer.set_company(players);
        buffer.set_sparing(players > CROWD);
        {
            let mut lanes: ArrayVec<&mut [f32], MAX_CHANNELS> = ArrayVec::new();
            lanes.extend(self.heard.iter_mut());
            _ = self.machines.play(now, &mut lanes);
        }
        {
            let mut lanes: ArrayVec<&[f32], MAX_CHANNELS> = ArrayVec::new();
            lanes.extend(self.heard.iter());
            self.meter.update(&lanes);
        }
        if self.gain.target() != 1.0 || !self.gain.is_at_rest() {
            let mut lanes: ArrayVec<&mut [f32], MAX_CHANNELS> = ArrayVec::new();
            lanes.extend(self.heard.iter_mut());
            self.gain.apply(&mut lanes);
        }
        mixer.add(place, &self.heard);
    }

    /// How loud everybody hears them from now on, linear; nothing for one who is sent away.
    pub(super) fn set_gain(&mut self, gain: f32) {
        if !self.is_sent_away {
            self.gain.set(gain);
        }
    }

    /// Their audio waits here for so long at least; 0: no longer than it must.
    pub(super) fn hold(&mut self, wait: Duration) {
        self.machines.buffer().hold(wait);
    }

    /// How much of them is kept before it is mixed, from now on.
    pub(super) fn set_depth(&mut self, policy: DepthPolicy) {
        self.machines.buffer().set_depth(policy);
    }

    /// Whether the delay of what they play is to stay as it is.
    pub(super) fn keep_delay(&mut self, keep: bool) {
        self.machines.buffer().keep_delay(keep);
    }

    /// Writes to them, if they are a Farsend.
    pub(super) fn say(&mut self, now: MonoTime, line: Remark) {
        self.machines.say(now, line);
    }

    /// Tells them (a JackTrip does not hear it) for how many seconds they are sent away, and fades them out. They may be said
    /// goodbye to when they [cannot be heard](Self::is_silenced).
    pub(super) fn send_away(&mut self, now: MonoTime, seconds: u32) {
        self.machines.send_away(now, seconds);
        self.gain.set(0.0);
        self.is_sent_away = true;
    }

    pub(super) fn is_sent_away(&self) -> bool {
        self.is_sent_away
    }

    pub(super) fn is_silenced(&self) -> bool {
        self.gain.target() == 0.0 && self.gain.is_at_rest()
    }

    /// Channels that they hear.
    pub(super) fn hears(&self) -> usize {
        self.mix.channels()
    }

    /// Makes their mix. `others` are those in the other places.
    pub(super) fn mix<'a>(
        &mut self,
        place: u16,
        mixer: &mut Mixer,
        others: impl Fn(u16) -> Option<&'a Lanes>,
    ) {
        mixer.mix(place, &self.heard, others, &mut self.mix);
    }

    /// Sends them their mix.
    pub(super) fn send(&mut self, now: MonoTime, wall_us: u64, socket: &mut HubSocket) {
        {
            let mut lanes: ArrayVec<&[f32], MAX_CHANNELS> = ArrayVec::new();
            lanes.extend(self.mix.iter());
            self.sent_before = self.machines.sent_frames();
            self.machines.out().borrow(socket);
            self.machines.send(now, wall_us, &lanes);
            self.machines.out().give_back(socket);
        }
        self.flush_line(socket);
        if now >= self.publish_at {
            self.publish_at = now + PUBLISH_EVERY;
            self.publish();
        }
    }

    /// Takes of theirs are recorded through what is in there. Control thread, before they are on the floor.
    pub(super) fn record_through(&mut self, taps: MailboxReader<Option<Tap>>) {
        self.machines.record_through(taps);
    }

    /// What they were sent last, so many frames, was at `position` of the time line on which takes are recorded.
    pub(super) fn note_sent(&mut self, position: u64, frames: usize, block: &[f32]) {
        let before = self.sent_before;
        let sent = self.machines.sent_frames() == before.wrapping_add(frames as i64);
        if let Some(tap) = self.machines.tap() {
            tap.sent(position, sent.then_some(before), &[block]);
        }
    }

    /// What they play next is heard at `position` of the same time line.
    pub(super) fn note_heard(&mut self, position: u64) {
        let playhead = self.machines.buffer().playhead();
        self.looped.note_played(position, playhead);
    }

    /// Somebody there has measured the loop to them: of use unless their delay was changed meanwhile.
    pub(super) fn note_loop(&mut self, measured: Loop) {
        let moves = self.machines.buffer().counts().moves + self.shifts;
        if moves == measured.moves {
            self.looped.note(measured.frames);
        }
    }

    /// What is sent and heard there lies differently from now on. `stood`: the time line stood still, and what was measured on it is of no use
    /// any more.
    pub(super) fn shift(&mut self, stood: bool) {
        self.shifts += 1;
        if stood {
            self.looped = MeasuredLoop::default();
        }
    }

    /// What the transport does there, and where it is, if what has come is to be noted.
    pub(super) fn tell_taking(
        &mut self,
        stretch: Stretch,
        position: Option<u64>,
        rate: SampleRate,
    ) {
        if self.machines.tap().is_none() {
            return;
        }
        let beyond = self.machines.beyond(rate);
        let drift = self.machines.buffer().drift();
        if let Some(tap) = self.machines.tap() {
            tap.stretch(stretch);
            if let Some(position) = position {
                tap.came(position, beyond, drift);
            }
            self.looped.tell(tap, rate);
        }
    }

    /// Says goodbye, if there is somebody.
    pub(super) fn leave(&mut self, now: MonoTime, socket: &mut HubSocket) {
        self.machines.leave(now);
        self.empty(socket);
        self.publish();
    }

    /// Gives the socket what is for them.
    fn empty(&mut self, socket: &mut HubSocket) {
        self.machines.out().empty(socket);
        self.flush_line(socket);
    }

    /// What goes through a line of their own leaves at once.
    fn flush_line(&self, socket: &mut HubSocket) {
        if let Some(line) = &self.line {
            socket.flush_through(&line.socket);
        }
    }

    fn publish(&mut self) {
        let mut now = Statistics::default();
        self.machines.report(&mut now);
        now.peer.malformed = now.peer.malformed.max(self.malformed);
        now.buffer.moves += self.shifts;
        now.peaks_in
            .iter_mut()
            .zip(self.meter.peaks())
            .for_each(|(to, peak)| *to = *peak);
        self.statistics.write(now);
    }
}

/// Where a player's machines put their datagrams, until the socket takes those of all players; when it is a player's turn to be sent
/// to, right where the socket has them, as long as there is room.
#[derive(Debug)]
struct Shelf(RefCell<Datagrams>);

#[derive(Debug)]
struct Datagrams {
    /// The socket's, when it is their turn; else one without room.
    borrowed: Outbox,
    bytes: Box<[u8]>,
    /// Never more than there is room for.
    ends: Vec<(SocketAddr, usize)>,
}

impl Outlet for Shelf {
    fn send(&self, to: SocketAddr, payload: &[u8]) -> bool {
        let Ok(mut shelf) = self.0.try_borrow_mut() else {
            return false;
        };
        // In order: behind what is on the shelf.
        if shelf.ends.is_empty() && shelf.borrowed.push(to, payload) {
            return true;
        }
        let begin = shelf.ends.last().map_or(0, |(_, end)| *end);
        let end = begin + payload.len();
        if shelf.ends.len() == shelf.ends.capacity() {
            return false;
        }
        let Some(room) = shelf.bytes.get_mut(begin..end) else {
            return false;
        };
        room.copy_from_slice(payload);
        shelf.ends.push((to, end));
        true
    }
}

impl Shelf {
    /// For so many bytes of samples a period, and as many of parities, or for those of a few long periods. Allocates.
    fn new(samples: usize) -> Self {
        let bytes = (2 * samples + MOST_DATAGRAMS * HEADERS).max(LONG);
        Self(RefCell::new(Datagrams {
            borrowed: Outbox::new(0, 0, false),
            bytes: vec![0; bytes].into(),
            ends: Vec::with_capacity(MOST_DATAGRAMS),
        }))
    }

    /// Gives the socket what is here and takes its outbox, until [`give_back`](Self::give_back).
    fn borrow(&mut self, socket: &mut HubSocket) {
        self.empty(socket);
        std::mem::swap(&mut self.0.get_mut().borrowed, socket.outbox());
    }

    /// Gives the socket its outbox, and what there was no room for in it.
    fn give_back(&mut self, socket: &mut HubSocket) {
        std::mem::swap(&mut self.0.get_mut().borrowed, socket.outbox());
        self.empty(socket);
    }

    /// Gives the socket what is here.
    fn empty(&mut self, socket: &mut HubSocket) {
        let shelf = self.0.get_mut();
        let mut begin = 0;
        for (to, end) in shelf.ends.drain(..) {
            socket.send(to, shelf.bytes.get(begin..end).unwrap_or_default());
            begin = end;
        }
    }
}

/// With more players than this what is missing is faded, not foretold: there is no time for that.
const CROWD: usize = 48;
/// One who was not heard for so long has gone, as with JackTrip's hub.
const VANISHED_AFTER: Duration = Duration::from_secs(10);
/// How old the published numbers may be.
const PUBLISH_EVERY: Duration = Duration::from_millis(200);
/// Copies that anybody gets, however many they send.
const MOST_COPIES: u8 = 4;
/// Events that the control thread may be behind.
const EVENTS: usize = 32;
/// Datagrams that one player may get in a period: of 2048 frames in packets of 16 at four times the rate, and as many parities, and pings;
/// and what each may have beside samples.
const MOST_DATAGRAMS: usize = 1100;
const HEADERS: usize = 64;
/// Twice what UDP can carry at once.
const LONG: usize = 128 * 1024;
