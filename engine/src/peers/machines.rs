//! The protocol machines of one remote peer and its jitter buffer, joined: a datagram in, a block out.
//!
//! Nothing here allocates, locks, waits or logs, and nothing knows a clock or a socket: what leaves goes to an
//! [`Outlet`], what the control thread should know goes out through a ring of events.

mod incoming;
mod outgoing;
mod taking;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use farsend_protocol::jacktrip::{
    Depacketizer, Event, Output, Packetizer, PacketizerConfig, PacketizerError, Peer, PeerConfig,
    Remark, Talked, Verdict,
};
use farsend_rt::MailboxReader;
use farsend_stream::{BufferConfig, JitterBuffer, Kernels, Pulled};
use farsend_units::{Frames, MonoTime, SeqNum};
use farsend_wire::jacktrip::{DatagramError, Format, HeaderKind, Hearing, Name, Stamp};
use farsend_wire::repair::Repair;
use rtrb::{Consumer, Producer};

use super::{Beat, Invitation, LinkEvent, Word};
use crate::hearing::LinkHearing;
use crate::net::Outlet;
use crate::repair::{LinkFetching, LinkRepair, MOST_ANSWERS};
use crate::sending::{Adopted, Sending, Wire, stamp_of};
use crate::settings::{Role, SessionSettings};
use crate::statistics::Statistics;
use crate::takes::Tap;

/// Everything of a [`PeerLink`](super::PeerLink) but the receiving socket, which lends out the datagram in hand. Knows no
/// clock: the bench runs two of them against each other in virtual time.
#[derive(Debug)]
pub struct Machines<O> {
    out: O,
    peer: Peer,
    depacketizer: Depacketizer,
    packetizer: Packetizer,
    sending: Sending,
    header: HeaderKind,
    /// What the time stamp of the datagram in hand says.
    stamp: Stamp,
    buffer: JitterBuffer,
    repair: Option<LinkRepair>,
    repairs: bool,
    /// Of use where there is `repair`.
    fetching: LinkFetching,
    hearing: LinkHearing,
    /// All that comes is to be there in the end.
    keeps_all: bool,
    playable: bool,
    adopts_samples: bool,
    /// A client's way to call again after a goodbye.
    call: Option<(PeerConfig, SocketAddr)>,
    /// What the control thread hears from the hub that we join.
    invitations: Option<Consumer<Invitation>>,
    /// What the control thread has to say to the peer.
    words: Option<Consumer<Word>>,
    /// What we are called, whichever peer it is.
    name: Name,
    colour: Option<[u8; 3]>,
    /// The round trip to the peer's host, estimated by others than the peer.
    sounded: Option<Duration>,
    /// Whether the one that is called was heard: else it is not said goodbye to. A JackTrip 2.7.2 hub hangs for ever
    /// if that is the first that it hears.
    heard: bool,
    once: bool,
    /// Where takes are recorded, if somebody wants that.
    tap: Option<MailboxReader<Option<Tap>>>,
    /// Frames that were handed to the packetizer, at our rate.
    pushed: i64,
    state: State,
    events: Producer<LinkEvent>,
    sent: u64,
    unsent: u64,
    format: Option<Format>,
    adopted: Option<Adopted>,
    redundancy: u8,
}

/// Where the audio of the session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Audio flows as far as there is a peer.
    Open,
    /// The peer said goodbye; a client calls again then.
    Resting { until: MonoTime },
    /// There is nobody to call before the next log-in.
    Outside,
    /// Over: nothing is sent or taken any more.
    Ended,
}

impl<O: Outlet> Machines<O> {
    /// Machines that send through `out`, and call `remote` unless they wait for a call. `kernels`: of
    /// [`kernels`](super::kernels) for the beat's rate. Control thread.
    ///
    /// # Errors
    /// [`PacketizerError`] when such packets cannot be sent, as for a datagram beyond UDP's limit.
    pub fn new(
        settings: &SessionSettings,
        out: O,
        remote: Option<SocketAddr>,
        beat: Beat,
        kernels: &Arc<Kernels>,
        events: Producer<LinkEvent>,
    ) -> Result<Self, PacketizerError> {
        let Beat {
            rate,
            period,
            block,
        } = beat;
        let packetizer = Packetizer::new(PacketizerConfig {
            header: settings.header,
            rate,
            period,
            send: settings.send,
            receive: settings.receive,
            samples: settings.first_samples(),
            redundancy: settings.redundancy,
        })?;
        let own = Wire {
            rate,
            period,
            samples: settings.first_samples(),
        };
        // JamLink's and the empty header announce nothing: the peer is taken to send as we do.
        let fallback = Some(Format {
            rate,
            period,
            channels: settings.receive,
            wants: settings.send,
            samples: settings.first_samples(),
        });
        let config = PeerConfig {
            header: settings.header,
            fallback,
            give_up: settings.give_up,
            repair: settings.repair,
            ..PeerConfig::default()
        };
        let mut peer = match remote {
            Some(remote) => Peer::client(config, remote),
            None => Peer::server(config),
        };
        peer.call_us(settings.name);
        let buffer = BufferConfig {
            channels: settings.receive,
            rate,
            depth: settings.depth,
            block,
            conceal: settings.conceal,
        };
        Ok(Self {
            out,
            peer,
            depacketizer: Depacketizer::new(settings.header, fallback),
            packetizer,
            sending: Sending::new(own, settings.send, kernels),
            header: settings.header,
            stamp: Stamp::default(),
            buffer: JitterBuffer::new(buffer, kernels),
            repair: (settings.repair && settings.header == HeaderKind::Default)
                .then(|| LinkRepair::new(settings.redundancy)),
            repairs: false,
            fetching: LinkFetching::new(),
            hearing: LinkHearing::new(),
            keeps_all: false,
            playable: false,
            adopts_samples: settings.samples.is_none() && settings.role == Role::Server,
            call: remote.map(|remote| (config, remote)),
            invitations: None,
            words: None,
            name: settings.name,
            colour: None,
            sounded: None,
            heard: false,
            once: settings.once,
            tap: None,
            pushed: 0,
            state: State::Open,
            events,
            sent: 0,
            unsent: 0,
            format: None,
            adopted: None,
            redundancy: 1,
        })
    }

    /// Calls nobody but the addresses that come through here, each from its coming on.
    pub(super) fn await_invitations(&mut self, invitations: Consumer<Invitation>) {
        self.invitations = Some(invitations);
        self.state = State::Outside;
    }

    /// Says to the peer what comes through here.
    pub(super) fn await_words(&mut self, words: Consumer<Word>) {
        self.words = Some(words);
    }

    /// What we are called from now on, for whoever is the peer and a Farsend.
    pub fn call_us(&mut self, name: Name) {
        self.name = name;
        self.peer.call_us(name);
    }

    /// Writes a line to the peer. What becomes of it is told, in the order of lines.
    pub fn say(&mut self, now: MonoTime, line: Remark) {
        if !self.peer.write(now, line) {
            self.tell(LinkEvent::Talked(Talked::Ours { arrived: false }));
        }
    }

    /// Nothing listened when we called.
    pub(super) fn note_refused(&mut self, now: MonoTime) {
        self.sending.note_refused(now);
    }

    /// Calls once more, or another, where that is due.
    fn call_anew(&mut self, now: MonoTime) {
        let Some((config, remote)) = self.call.filter(|_| self.state != State::Ended) else {
            return;
        };
        let callee = match (self.invitations.as_mut().and_then(newest), self.state) {
            (Some(Invitation::To(callee)), _) => callee,
            (Some(Invitation::Withdrawn), _) => {
                self.state = State::Outside;
                return;
            }
            (None, State::Resting { until }) if now >= until => remote,
            (None, _) => return,
        };
        self.peer = Peer::client(config, callee);
        self.peer.call_us(self.name);
        self.peer.colour_us(self.colour);
        self.sending.call_at_once();
        self.heard = false;
        self.state = State::Open;
    }

    /// Lets the machines act that waited for this time. Once a period, after what has come was taken.
    pub fn attend(&mut self, now: MonoTime) {
        while let Some(word) = self.words.as_mut().and_then(|words| words.pop().ok()) {
            match word {
                Word::Line(line) => self.say(now, line),
                Word::Called(name) => self.call_us(name),
                Word::Coloured(colour) => {
                    self.colour = colour;
                    self.peer.colour_us(colour);
                }
                Word::Sounded(trip) => self.sounded = trip,
            }
        }
        if self.state == State::Outside {
            return;
        }
        if let Some(repair) = &mut self.repair {
            let busy = repair.attend(now, &mut self.peer, &self.buffer, self.format);
            self.repairs = self.peer.understands_repair(now);
            let records = self.keeps_all || self.tap.as_mut().is_some_and(taking::is_tapped);
            self.fetching
                .attend(now, &mut self.peer, self.format, records, busy);
            if let Some(remote) = self.peer.remote().filter(|_| self.repairs) {
                for _ in 0..MOST_ANSWERS {
                    let Some(answer) = self.fetching.next_answer() else {
                        break;
                    };
                    self.out.send(remote, answer);
                }
            }
        }
        self.peer.handle_timeout(now);
        self.drain(now);
    }

    /// What datagrams leave through.
    pub fn out(&mut self) -> &mut O {
        &mut self.out
    }

    /// The jitter buffer, to look at.
    pub fn jitter_buffer(&self) -> &JitterBuffer {
        &self.buffer
    }

    /// The jitter buffer, to play from.
    pub fn buffer(&mut self) -> &mut JitterBuffer {
        &mut self.buffer
    }

    /// Plays the next block (planar). For backends that play at once: one call a period.
    pub fn play(&mut self, now: MonoTime, out: &mut [&mut [f32]]) -> Pulled {
        let block = Frames(out.first().map_or(0, |channel| channel.len()) as u32);
        self.buffer.settle(now, Frames::ZERO, block);
        let pulled = self.pull(out);
        self.hearing.handle_played();
        self.tell_heard(now);
        pulled
    }

    /// Plays the next frames, for a backend that sees to the buffer itself, and tells [`hearing`](Self::hearing) where they are.
    pub fn pull(&mut self, out: &mut [&mut [f32]]) -> Pulled {
        let before = self.hearing.before_play(&self.buffer);
        let pulled = self.buffer.pull(out);
        let frames = out.first().map_or(0, |channel| channel.len());
        self.hearing.handle_pulled(frames, before, &self.buffer);
        pulled
    }

    /// So many frames were never asked for and never heard: see [`JitterBuffer::pass_over`].
    pub fn pass_over(&mut self, frames: Frames) {
        self.buffer.pass_over(frames);
        self.hearing.pass_over(frames);
    }

    /// Tells the peer, if it is a Farsend, that it is sent away for so many seconds. A goodbye is to follow.
    pub fn send_away(&mut self, now: MonoTime, seconds: u32) {
        self.peer.handle_send_away(now, seconds);
        self.drain(now);
    }

    /// Says goodbye to the peer, if there is one. Nothing is sent after that.
    pub fn leave(&mut self, now: MonoTime) {
        if self.state != State::Ended {
            if self.state != State::Outside {
                self.peer.handle_leave(now);
                self.drain(now);
            }
            self.state = State::Ended;
        }
    }

    /// Fills in what the machines know.
    pub fn report(&self, to: &mut Statistics) {
        let Machines {
            peer,
            depacketizer,
            buffer,
            ..
        } = self;
        to.remote = peer.remote().filter(|_| self.state != State::Outside);
        to.format = self.format;
        to.adopted = self.adopted;
        to.redundancy = self.redundancy;
        to.present = peer.is_present();
        to.ended = self.is_ended();
        to.broken_floats = depacketizer.has_32_bit_bug();
        to.sent = self.sent;
        to.unsent = self.unsent;
        to.buffer = buffer.counts();
        to.peer = peer.counts();
        to.irregular = buffer.irregular();
        to.queued = buffer.depth();
        to.target = buffer.target();
        to.reserve = buffer.reserve();
        to.wait = buffer.wait();
        to.jitter = buffer.jitter();
        to.hub = self.invitations.is_some();
        to.name = peer.called();
        to.colour = peer.colour();
        (to.farsend, to.repairs) = (peer.is_farsend(), self.repairs);
        to.round_trip = peer.round_trip().filter(|_| to.farsend);
        to.drift_ppm = buffer.drift();
        to.own_drift_ppm = buffer.own_drift();
        if let Some(repair) = &self.repair {
            to.repair = repair.report();
        }
        to.fetching = self.fetching.report();
        to.heard = self.hearing.heard();
    }

    /// Takes one datagram, from anybody, that came at `at`.
    ///
    /// # Errors
    /// It could not be understood.
    pub fn take(
        &mut self,
        at: MonoTime,
        from: SocketAddr,
        payload: &[u8],
    ) -> Result<(), DatagramError> {
        if matches!(self.state, State::Ended | State::Outside) {
            return Ok(());
        }
        self.stamp = stamp_of(self.header, payload);
        let verdict = self.peer.handle_datagram(at, from, payload);
        self.drain(at);
        match verdict {
            Verdict::Audio(continuity) => {
                self.depacketizer.note(continuity);
                if !self.stamp.call {
                    self.take_audio(at, payload);
                }
            }
            Verdict::Repair => {
                if Repair::is_plain(payload) {
                    self.take_fetched(payload);
                } else if let Some(repair) = &mut self.repair {
                    repair.handle_repair(payload);
                }
                self.take_recovered(at);
            }
            Verdict::Malformed(error) => return Err(error),
            Verdict::Consumed | Verdict::Stranger | Verdict::Ignored => {}
        }
        Ok(())
    }

    /// Does what the peer machine wants done, until it waits.
    fn drain(&mut self, now: MonoTime) {
        loop {
            match self.peer.poll_output() {
                Output::Send { .. } if self.invitations.is_some() && !self.heard => {}
                Output::Send { to, payload } => _ = self.out.send(to, &payload),
                Output::Event(event) => self.act_on(event, now),
                Output::Talked(talked) => self.tell(LinkEvent::Talked(talked)),
                Output::Called(name) => self.tell(LinkEvent::Called(name)),
                Output::Reception(reception) => {
                    if let Some(repair) = &mut self.repair {
                        let packet = self.packetizer.config().period;
                        let rate = self.packetizer.config().rate;
                        repair.handle_reception(now, reception, &self.peer, packet, rate);
                    }
                }
                Output::Wanted(wanted) => {
                    if let (Some(repair), Some(remote)) = (&mut self.repair, self.peer.remote()) {
                        repair.handle_wanted(wanted, &mut |answer| {
                            self.out.send(remote, answer);
                        });
                        self.fetching.handle_wanted(wanted);
                    }
                }
                Output::Keep(keep) => {
                    let outgoing = self.outgoing();
                    if let Some(kept) = self.fetching.handle_keep(now, keep, outgoing) {
                        self.peer.say(kept);
                    }
                }
                Output::Kept(kept) => self.fetching.handle_kept(kept),
                Output::Hearing(hearing) => {
                    let heard = self.hearing.handle_hearing(hearing, &self.packetizer);
                    if let Some(heard) = heard {
                        let frame = self.sent_frame_of(SeqNum(heard.heard as u16)) as f64;
                        let frame = frame + f64::from(heard.offset) / f64::from(Hearing::FRAME);
                        if let Some(tap) = self.tap() {
                            tap.heard(heard.packet, frame);
                        }
                    }
                }
                Output::Wait => return,
            }
        }
    }

    fn act_on(&mut self, event: Event, now: MonoTime) {
        self.tell(LinkEvent::Peer(event));
        if !matches!(
            event,
            Event::FellQuiet | Event::Returned | Event::FormatChanged { .. }
        ) {
            self.fetching.begin();
        }
        if let (Event::Arrived { .. } | Event::Replaced { .. }, Some(repair)) =
            (event, &mut self.repair)
        {
            repair.begin();
        }
        match event {
            Event::Arrived { format, .. } => {
                self.heard = true;
                self.begin(format);
            }
            Event::FormatChanged { to, .. } => self.begin(to),
            Event::Replaced { format, .. } => self.begin(format),
            Event::FellQuiet | Event::Returned | Event::SentAway { .. } => {}
            // Not the end of a session that has one: it may have been nobody.
            Event::Forgotten => self.buffer.fade_out(),
            Event::Left | Event::GaveUp => {
                self.buffer.fade_out();
                if self.once || event == Event::GaveUp {
                    self.state = State::Ended;
                } else if self.invitations.is_some() {
                    // No answer: somebody else may have our place, and its address, by now.
                    self.heard = false;
                    self.state = State::Outside;
                } else if self.call.is_some() {
                    self.state = State::Resting { until: now + REST };
                }
            }
        }
    }

    /// A stream of this format begins.
    fn begin(&mut self, format: Format) {
        self.format = Some(format);
        let Format {
            rate,
            period,
            channels,
            ..
        } = format;
        self.playable = self.buffer.set_format(rate, period, channels).is_ok();
        self.hearing.begin(period);
        if !self.playable {
            self.tell(LinkEvent::Unplayable(format));
        }
        let wire = self
            .sending
            .choose(format, self.stamp.farsend, self.adopts_samples);
        // Refused only where packets that large would not fit into a datagram: then ours stay.
        let set = self
            .packetizer
            .set_stream(wire.rate, wire.period, wire.samples);
        if set.is_ok() {
            self.sending.begin(wire);
        }
        self.adopted = self.sending.adopted(format, self.stamp.farsend);
        if let Some(adopted) = self.adopted {
            self.tell(LinkEvent::Adopted(adopted));
        }
    }

    /// Whether the peer is there and its audio can be played.
    pub fn has_peer(&self) -> bool {
        self.state == State::Open && self.peer.is_present() && self.playable()
    }

    /// Whether the session is over.
    pub(super) fn is_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// A client that has not been answered. Members of a hub are told by their control thread.
    pub(super) fn is_calling(&self) -> bool {
        self.call.is_some() && self.invitations.is_none() && !self.peer.is_present()
    }

    fn playable(&self) -> bool {
        self.playable
    }

    /// To the control thread. With its ring full (nobody looks) the event is gone; the statistics remain.
    pub(super) fn tell(&mut self, event: LinkEvent) {
        _ = self.events.push(event);
    }
}

/// The last of what is in the ring, which holds a few.
fn newest(ring: &mut Consumer<Invitation>) -> Option<Invitation> {
    (0..ring.slots()).filter_map(|_| ring.pop().ok()).last()
}

/// How long a client is silent after the peer's goodbye before it calls again.
const REST: Duration = Duration::from_secs(1);
