//! What the audio thread of a hub does, period after period. Nothing here allocates, locks, waits or logs.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use arrayvec::ArrayVec;
use farsend_ipc::message::Loop;
use farsend_ipc::segment::Stretch;
use farsend_protocol::jacktrip::Remark;
use farsend_rt::{LatestWriter, clock};
use farsend_stream::DepthPolicy;
use farsend_units::{MonoTime, SampleRate};
use farsend_wire::jacktrip::is_stop;
use rtrb::{Consumer, Producer};

use super::group_mixes::Group;
use super::lanes::Lanes;
use super::mixer::Mixer;
use super::player::Player;
use super::routes::{Routes, Sender};
use super::socket::{AT_ONCE, HubSocket};
use super::strangers::Strangers;
use super::strips::Strip;
use super::taping;
use super::{HubSettings, PatchMode};
use crate::record::{Pen, Tape};

/// From the control thread.
#[derive(Debug)]
pub(super) enum Order {
    /// Somebody at this host has logged in (or, with `false`, is not waited for any more).
    Expect(IpAddr, bool),
    /// A player takes a place, in this group.
    Admit(u16, Box<Player>, Group),
    /// The player in this place goes, without a word.
    Dismiss(u16),
    /// The same of one who goes on sending, which is not to be taken for somebody else's.
    Unseat(u16),
    /// All is put on this tape from now on, or on none.
    Tape(Option<Tape>),
    /// A slot of the tape is written to from now on.
    Record(usize, Pen),
    /// The same, faded out, told for how many seconds they are to stay away, and with a goodbye.
    SendAway(u16, u32),
    /// Something that another player has written, for the player in this place.
    Say(u16, Remark),
    /// How loud everybody hears the player in this place, linear.
    Gain(u16, f32),
    /// How much of the player in this place is kept before it is mixed.
    Depth(u16, DepthPolicy),
    /// How long the audio of the player in this place waits here at least.
    Hold(u16, Duration),
    /// How long what is captured at the hub waits before it is mixed.
    HoldLocal(Duration),
    /// Whether the delay of the player in this place is to stay as it is.
    KeepDelay(u16, bool),
    /// Somebody has measured the loop to the player in this place.
    Loop(u16, Loop),
    /// What a listener wishes of a player.
    Wish {
        listener: u16,
        player: u16,
        strip: Strip,
    },
    /// Who hears whom.
    Patch(PatchMode),
    /// The player in this place is in this group.
    Group(u16, Group),
    /// How loud other groups are heard, linear.
    Between(f32),
}

/// A datagram from where somebody is expected; perhaps their first.
#[derive(Debug)]
pub(super) struct Knock {
    pub(super) at: MonoTime,
    pub(super) from: SocketAddr,
    /// Since when there is one after the other from there.
    began: MonoTime,
    bytes: [u8; KNOCK],
    length: usize,
}

impl Knock {
    /// As much of it as there is room for. `began`: of the stream that it is of.
    pub(super) fn new(at: MonoTime, from: SocketAddr, began: MonoTime, payload: &[u8]) -> Self {
        let length = payload.len();
        let kept = length.min(KNOCK);
        let mut bytes = [0; KNOCK];
        bytes[..kept].copy_from_slice(&payload[..kept]);
        Self {
            at,
            from,
            began,
            bytes,
            length,
        }
    }

    /// When the stream began that it is of; `None`: as long ago as can be.
    pub(super) fn began(&self, now: Instant) -> Option<Instant> {
        // Taken after `now`, so that who was there before a log-in is never younger than it for what passes in between.
        now.checked_sub(clock::now().since(self.began))
    }

    /// All of the datagram, unless it was longer than [`KNOCK`] bytes.
    pub(super) fn payload(&self) -> &[u8] {
        &self.bytes[..self.length.min(KNOCK)]
    }

    /// Whether [`payload`](Self::payload) is less than came.
    pub(super) fn is_cut(&self) -> bool {
        self.length > KNOCK
    }
}

/// The hub's own numbers.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FloorStatistics {
    pub(super) periods: u64,
    /// The longest that a period took, and all of them together.
    pub(super) longest: Duration,
    pub(super) busy: Duration,
    /// Datagrams from nobody who has logged in.
    pub(super) strangers: u64,
    pub(super) sent: u64,
    pub(super) unsent: u64,
}

/// The ends of the rings and cells that the audio thread holds.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) orders: Consumer<Order>,
    pub(super) knocks: Producer<Knock>,
    pub(super) returns: Producer<Box<Player>>,
    pub(super) statistics: LatestWriter<FloorStatistics>,
    /// Tapes that are not written to any more, to be finished.
    pub(super) tapes: Producer<Tape>,
}

#[cfg(test)]
impl Lines {
    /// Nobody holds the other ends.
    pub(super) fn to_nobody() -> Self {
        Self {
            orders: rtrb::RingBuffer::new(1).1,
            knocks: rtrb::RingBuffer::new(1).0,
            returns: rtrb::RingBuffer::new(1).0,
            statistics: farsend_rt::latest(FloorStatistics::default()).0,
            tapes: rtrb::RingBuffer::new(1).0,
        }
    }
}

/// All players, and the mix.
#[derive(Debug)]
pub(super) struct Floor {
    socket: HubSocket,
    routes: Routes,
    strangers: Strangers,
    players: Box<[Option<Box<Player>>]>,
    /// No place from here on is taken.
    end: usize,
    /// How many of them are being faded out.
    sent_away: usize,
    mixer: Mixer,
    lines: Lines,
    /// Where all is recorded, if it is.
    tape: Option<Tape>,
    numbers: FloorStatistics,
    publish_at: MonoTime,
}

impl Floor {
    /// An empty one. Allocates.
    pub(super) fn new(settings: &HubSettings, socket: HubSocket, lines: Lines) -> Self {
        let mut players = Vec::new();
        players.resize_with(settings.players, || None);
        Self {
            socket,
            routes: Routes::new(settings.players),
            strangers: Strangers::new(),
            players: players.into(),
            end: 0,
            sent_away: 0,
            mixer: Mixer::new(settings),
            lines,
            tape: None,
            numbers: FloorStatistics::default(),
            publish_at: MonoTime::default(),
        }
    }

    /// Takes what has come, in the middle of a period: a socket holds only so much.
    pub(super) fn receive(&mut self) {
        let begun = clock::now();
        self.obey();
        self.take(begun);
        self.numbers.busy += clock::now().since(begun);
    }

    /// Whether anybody plays.
    pub(super) fn is_attended(&self) -> bool {
        self.end > 0
    }

    /// Where the player in this place sends from, and what they played last period.
    pub(super) fn heard(&self, place: u16) -> Option<(SocketAddr, &Lanes)> {
        let player = self.players.get(usize::from(place))?.as_deref()?;
        Some((player.address(), player.heard()))
    }

    /// What the players of this group played last period.
    pub(super) fn of_group(&self, group: Group) -> impl Iterator<Item = &Lanes> {
        let players = (0..).zip(self.players.iter().take(self.end));
        players.filter_map(move |(place, player)| {
            let is_in = self.mixer.group(place) == group;
            player.as_deref().filter(|_| is_in).map(Player::heard)
        })
    }

    /// The last period of so many frames was at `position` of the time line on which takes are recorded. `block`: a channel of what was
    /// captured for it.
    pub(super) fn note_sent(&mut self, position: u64, frames: usize, block: &[f32]) {
        let position = position.wrapping_sub(self.mixer.local_wait());
        for player in self.players[..self.end].iter_mut().flatten() {
            player.note_sent(position, frames, block);
        }
    }

    /// What is played next is heard at `position` of that time line.
    pub(super) fn note_heard(&mut self, position: u64) {
        for player in self.players[..self.end].iter_mut().flatten() {
            player.note_heard(position);
        }
    }

    /// What is sent and heard there lies differently from now on: see [`Player::shift`].
    pub(super) fn shift(&mut self, stood: bool) {
        for player in self.players[..self.end].iter_mut().flatten() {
            player.shift(stood);
        }
    }

    /// What the transport does there, and where it is, if what has come is to be noted.
    pub(super) fn tell_taking(
        &mut self,
        stretch: Stretch,
        position: Option<u64>,
        rate: SampleRate,
    ) {
        for player in self.players[..self.end].iter_mut().flatten() {
            player.tell_taking(stretch, position, rate);
        }
    }

    /// Whether one look into the socket a period is too few.
    pub(super) fn is_crowded(&self) -> bool {
        self.end > MANY && !self.socket.is_of_many()
    }

    /// One period. `local`: what is captured at the hub, and what is to be heard there.
    pub(super) fn period(&mut self, local: Option<(&Lanes, &mut Lanes)>) {
        let begun = clock::now();
        self.obey();
        self.take(begun);
        let Self {
            players,
            end,
            mixer,
            socket,
            ..
        } = self;
        let players = players.get_mut(..*end).unwrap_or_default();
        mixer.clear();
        for place in 0..players.len() {
            look_ahead(players, |ahead| Some(place + ahead), Player::prefetch_play);
            if let Some(player) = &mut players[place] {
                player.play(begun, place as u16, *end, mixer);
            }
        }
        if let Some((input, output)) = local {
            mixer.mix_local(output);
            mixer.add_local(input);
        }
        mixer.complete();
        let wall_us = clock::wall_us();
        for place in 0..players.len() {
            look_ahead(players, |ahead| Some(place + ahead), Player::prefetch_mix);
            // Out of the row, so that it can be looked along.
            let Some(mut player) = players[place].take() else {
                continue;
            };
            let heard = |other: u16| players.get(usize::from(other))?.as_deref();
            player.mix(place as u16, mixer, |other| heard(other).map(Player::heard));
            player.send(begun, wall_us, socket);
            players[place] = Some(player);
        }
        socket.flush();
        self.record();
        if self.sent_away > 0 {
            self.see_off();
            self.socket.flush();
        }
        self.count(begun);
    }

    /// Says goodbye to all. For the end, on whichever thread.
    pub(super) fn close(&mut self) {
        let now = clock::now();
        for player in self.players.iter_mut().flatten() {
            player.leave(now, &mut self.socket);
        }
        self.socket.flush();
        if let Some(tape) = self.tape.take() {
            tape.finish();
        }
    }

    /// What was played this period, when all has been sent.
    fn record(&mut self) {
        if let Some(tape) = &mut self.tape {
            taping::write(tape, &self.players, self.end, &self.mixer);
        }
    }

    fn take(&mut self, now: MonoTime) {
        let Self {
            socket,
            routes,
            strangers,
            players,
            lines,
            numbers,
            ..
        } = self;
        socket.receive(now, |batch| {
            let mut senders: ArrayVec<Sender, AT_ONCE> = ArrayVec::new();
            senders.extend(batch.iter().map(|one| {
                one.sender()
                    .map_or(Sender::Stranger, |from| routes.find(from))
            }));
            for (i, one) in batch.iter().enumerate() {
                look_ahead(
                    players,
                    |ahead| place_of(senders.get(i + ahead)),
                    Player::prefetch_take,
                );
                match senders[i] {
                    Sender::Player(place) => {
                        if let Some(Some(player)) = players.get_mut(usize::from(place)) {
                            player.take(batch.time_of(one), one.payload());
                        }
                    }
                    stranger @ (Sender::Expected | Sender::Stranger) => {
                        let is_expected = stranger == Sender::Expected;
                        numbers.strangers += u64::from(!is_expected);
                        let Some(from) = one.sender() else { continue };
                        if is_stop(one.payload()) {
                            strangers.leave(from);
                            continue;
                        }
                        let began = strangers.see(now, from);
                        if is_expected && strangers.is_news(now, from) {
                            let knock = Knock::new(batch.time_of(one), from, began, one.payload());
                            tell(&mut lines.knocks, knock);
                        }
                    }
                }
            }
        });
        if socket.is_of_many() {
            for player in players.iter_mut().flatten() {
                numbers.strangers += player.listen(now, socket);
            }
        }
    }

    fn obey(&mut self) {
        for _ in 0..MOST_ORDERS {
            let Ok(order) = self.lines.orders.pop() else {
                return;
            };
            match order {
                Order::Expect(host, more) => self.routes.expect(host, more),
                Order::Admit(place, player, group) => {
                    self.dismiss(place);
                    if let Some(seat) = self.players.get_mut(usize::from(place)) {
                        self.routes.add(player.address(), place);
                        self.strangers.forget(player.address());
                        let sends = player.heard().channels();
                        self.mixer.seat(place, sends, player.hears(), group);
                        *seat = Some(player);
                        self.end = self.end.max(usize::from(place) + 1);
                    }
                }
                Order::Dismiss(place) => self.dismiss(place),
                Order::Unseat(place) => {
                    let address = self.player(place).map(|player| player.address());
                    self.dismiss(place);
                    if let Some(from) = address {
                        self.strangers.remember(clock::now(), from);
                    }
                }
                Order::Tape(tape) => {
                    if let Some(full) = std::mem::replace(&mut self.tape, tape) {
                        // The ring has room for as many as there can be.
                        _ = self.lines.tapes.push(full);
                    }
                }
                Order::Record(slot, pen) => {
                    if let Some(tape) = &mut self.tape {
                        tape.put(slot, pen);
                    }
                }
                Order::SendAway(place, seconds) => {
                    if let Some(player) = self.player(place).filter(|one| !one.is_sent_away()) {
                        player.send_away(clock::now(), seconds);
                        self.sent_away += 1;
                    }
                }
                Order::Say(place, line) => {
                    if let Some(player) = self.player(place) {
                        player.say(clock::now(), line);
                    }
                }
                Order::Gain(place, gain) => {
                    if let Some(player) = self.player(place) {
                        player.set_gain(gain);
                    }
                }
                Order::Depth(place, policy) => {
                    if let Some(player) = self.player(place) {
                        player.set_depth(policy);
                    }
                }
                Order::Hold(place, wait) => {
                    if let Some(player) = self.player(place) {
                        player.hold(wait);
                    }
                }
                Order::HoldLocal(wait) => self.mixer.delay_local(wait),
                Order::KeepDelay(place, keep) => {
                    if let Some(player) = self.player(place) {
                        player.keep_delay(keep);
                    }
                }
                Order::Loop(place, measured) => {
                    if let Some(player) = self.player(place) {
                        player.note_loop(measured);
                    }
                }
                Order::Wish {
                    listener,
                    player,
                    strip,
                } => self.mixer.set_strip(listener, player, strip),
                Order::Patch(patch) => self.mixer.set_patch(patch),
                Order::Group(place, group) => self.mixer.set_group(place, group),
                Order::Between(factor) => self.mixer.set_between(factor),
            }
        }
    }

    fn player(&mut self, place: u16) -> Option<&mut Player> {
        self.players.get_mut(usize::from(place))?.as_deref_mut()
    }

    /// Says goodbye to those who cannot be heard any more.
    fn see_off(&mut self) {
        for place in 0..self.end {
            let Some(player) = &self.players[place] else {
                continue;
            };
            if player.is_sent_away() && player.is_silenced() {
                self.dismiss(place as u16);
            }
        }
    }

    fn dismiss(&mut self, place: u16) {
        let Some(mut player) = self
            .players
            .get_mut(usize::from(place))
            .and_then(Option::take)
        else {
            return;
        };
        if player.is_sent_away() {
            self.sent_away -= 1;
            let now = clock::now();
            player.leave(now, &mut self.socket);
            // Who does not listen goes on.
            self.strangers.remember(now, player.address());
        }
        self.routes.remove(player.address(), place);
        if let Some(tape) = &mut self.tape {
            tape.lift(usize::from(place));
        }
        self.mixer.leave(place);
        while self.end > 0 && self.players[self.end - 1].is_none() {
            self.end -= 1;
        }
        // The ring has room for as many as there are places.
        _ = self.lines.returns.push(player);
    }

    fn count(&mut self, begun: MonoTime) {
        let ended = clock::now();
        let took = ended.since(begun);
        self.numbers.periods += 1;
        self.numbers.longest = self.numbers.longest.max(took);
        self.numbers.busy += took;
        if ended >= self.publish_at {
            self.publish_at = ended + PUBLISH_EVERY;
            let flushed = self.socket.flushed();
            self.numbers.sent = flushed.sent as u64;
            self.numbers.unsent = flushed.unsent as u64;
            self.lines.statistics.write(self.numbers);
        }
    }
}

/// Has the memory of those who come next brought near: hundreds have more of it than the caches hold. First a player, then, when that is
/// there, the audio.
fn look_ahead(
    players: &[Option<Box<Player>>],
    place: impl Fn(usize) -> Option<usize>,
    audio: impl Fn(&Player),
) {
    let next = |ahead| players.get(place(ahead)?)?.as_deref();
    if let Some(next) = next(2) {
        next.prefetch();
    }
    if let Some(next) = next(1) {
        audio(next);
    }
}

/// The place of a player who sent something.
fn place_of(sender: Option<&Sender>) -> Option<usize> {
    match sender {
        Some(Sender::Player(place)) => Some(usize::from(*place)),
        _ => None,
    }
}

/// Tells the control thread of one who may be expected; with its ring full it will be a later datagram.
fn tell(knocks: &mut Producer<Knock>, knock: Knock) {
    if let Ok(chunk) = knocks.write_chunk_uninit(1) {
        chunk.fill_from_iter(std::iter::once(knock));
    }
}

/// So many players' datagrams of a period fit into the smallest buffers that sockets have.
const MANY: usize = 48;
/// Bytes of a knock that are kept.
const KNOCK: usize = 4096;
/// Orders a period.
const MOST_ORDERS: usize = 16;
/// How old the published numbers may be.
const PUBLISH_EVERY: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
