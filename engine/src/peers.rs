//! One remote peer on the audio thread: its socket, its protocol machines and its jitter buffer.
//!
//! Bytes go from the socket to the machines and, when they are audio of the peer's, straight into the buffer;
//! what the machines want done is done at once. Nothing here allocates, locks, waits or logs: what the control
//! thread should know goes out through a ring of events.

mod machines;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use farsend_protocol::jacktrip::{Event, PacketizerError, Remark, Talked};
use farsend_protocol::repair::History;
use farsend_rt::MailboxReader;
use farsend_stream::{JitterBuffer, Kernels, Pulled};
use farsend_units::{Frames, MonoTime, SampleRate};
use farsend_wire::jacktrip::{DatagramError, Format, Name, RATES, STOP};
use rtrb::{Consumer, Producer};

pub use self::machines::Machines;
use crate::hearing::LinkHearing;
use crate::net::Outlet as _;
use crate::net::udp::{AudioSocket, Received, SendHandle};
use crate::sending::Adopted;
use crate::settings::SessionSettings;
use crate::statistics::Statistics;
use crate::takes::Tap;

/// What the control thread is told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LinkEvent {
    /// Something in the life of the peer.
    Peer(Event),
    /// What people have written to each other, or what has become of that.
    Talked(Talked),
    /// The peer is called this from now on; empty: it has no name any more.
    Called(Name),
    /// The peer's stream has a shape that cannot be played.
    Unplayable(Format),
    /// The peer is sent other rates, bits or packets than ours, or plays at another rate.
    Adopted(Adopted),
    /// A datagram of ours came back: nothing listens where we send.
    Refused,
    /// The peer was restarted: its numbers began anew.
    Restarted,
    /// The peer's first datagram that could not be understood, and why.
    Malformed(DatagramError),
}

/// What the control thread tells the audio thread of a peer; most of it is said to the peer, if it is a Farsend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// Somebody has written this.
    Line(Remark),
    /// We are called this from now on.
    Called(Name),
    /// What we play on has this colour from now on.
    Coloured(Option<[u8; 3]>),
    /// So long its host takes to answer echoes, where that is known.
    Sounded(Option<Duration>),
}

/// What a member of a hub is to do from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invitation {
    /// Call this address: the hub expects us there.
    To(SocketAddr),
    /// Be silent: the place may be another's by now, whose hub would take our audio for that one's.
    Withdrawn,
}

/// The remote end of a session: its machines, and the socket that they hear through.
#[derive(Debug)]
pub struct PeerLink {
    socket: AudioSocket,
    machines: Machines<SendHandle>,
    refused: u64,
    malformed: u64,
}

/// What a link sends and receives through.
#[derive(Debug)]
pub struct Line {
    /// Datagrams come in here ...
    pub socket: AudioSocket,
    /// ... and go out here.
    pub out: SendHandle,
    /// Whom to call; `None`: wait for a call.
    pub remote: Option<SocketAddr>,
}

/// The local side of a session's timing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beat {
    /// Frames a second.
    pub rate: SampleRate,
    /// Frames in each packet that we send.
    pub period: Frames,
    /// The largest block that is played at a time.
    pub block: Frames,
}

impl PeerLink {
    /// Builds the link. Control thread.
    ///
    /// # Errors
    /// [`PacketizerError`] when such packets cannot be sent, as for a datagram beyond UDP's limit.
    pub fn new(
        settings: &SessionSettings,
        line: Line,
        beat: Beat,
        events: Producer<LinkEvent>,
    ) -> Result<Self, PacketizerError> {
        let Line {
            socket,
            out,
            remote,
        } = line;
        let kernels = kernels(beat.rate);
        let mut machines = Machines::new(settings, out, remote, beat, &kernels, events)?;
        machines.hearing().tell();
        Ok(Self {
            socket,
            machines,
            refused: 0,
            malformed: 0,
        })
    }

    /// Calls nobody but a hub's addresses that come through here, each from its coming on. Control thread, before
    /// the first period.
    pub fn await_invitations(&mut self, invitations: Consumer<Invitation>) {
        self.machines.await_invitations(invitations);
    }

    /// Takes are recorded through what is in there. Control thread, before the first period.
    pub fn record_through(&mut self, taps: MailboxReader<Option<Tap>>) {
        self.machines.record_through(taps);
    }

    /// Where takes are recorded, while somebody wants that.
    pub fn tap(&mut self) -> Option<&mut Tap> {
        self.machines.tap()
    }

    /// How long the way to the far end's ear and back is, beyond from its newest packet here to us: frames at `rate`.
    pub fn beyond(&self, rate: SampleRate) -> u32 {
        self.machines.beyond(rate)
    }

    /// Frames that the peer was sent so far, at our own rate.
    pub fn sent_frames(&self) -> i64 {
        self.machines.sent_frames()
    }

    /// What the peer wants to be kept is kept in what comes through here. Control thread, before the first period.
    pub fn keep_in(&mut self, histories: MailboxReader<History>) {
        self.machines.keep_in(histories);
    }

    /// What the player here hears, and what they play.
    pub fn hearing(&mut self) -> &mut LinkHearing {
        self.machines.hearing()
    }

    /// Tells the peer what is heard here, for a backend that does not [`play`](Self::play). After what was due was played.
    pub fn tell_heard(&mut self, now: MonoTime) {
        self.machines.tell_heard(now);
    }

    /// Plays the next frames (planar), for a backend that sees to the [`buffer`](Self::buffer) itself.
    pub fn pull(&mut self, out: &mut [&mut [f32]]) -> Pulled {
        self.machines.pull(out)
    }

    /// So many frames were never asked for and never heard: see [`JitterBuffer::pass_over`].
    pub fn pass_over(&mut self, frames: Frames) {
        self.machines.pass_over(frames);
    }

    /// Says to the peer what comes through here. Control thread, before the first period.
    pub fn await_words(&mut self, words: Consumer<Word>) {
        self.machines.await_words(words);
    }

    /// Sends one block (planar, any length) as it completes packets. Where there is nobody to send to yet,
    /// the block is gone.
    pub fn send(&mut self, now: MonoTime, wall_us: u64, block: &[&[f32]]) {
        self.machines.send(now, wall_us, block);
    }

    /// The same for a block that nobody captured: a Farsend at the other end hides it, as it does what is lost.
    pub fn send_filler(&mut self, now: MonoTime, wall_us: u64, block: &[&[f32]]) {
        self.machines.send_filler(now, wall_us, block);
    }

    /// Takes what has come since the last call, [`MOST_DATAGRAMS`] at most, and lets the machines act.
    pub fn receive(&mut self, now: MonoTime) {
        self.socket.begin(now);
        for _ in 0..MOST_DATAGRAMS {
            match self.socket.receive(now) {
                Received::Nothing => break,
                Received::Refused => {
                    self.refused += 1;
                    self.machines.note_refused(now);
                    // To a server it only says that a peer has gone, which its goodbye told.
                    if self.refused == 1 && self.machines.is_calling() {
                        self.machines.tell(LinkEvent::Refused);
                    }
                }
                Received::Datagram { at, from, payload } => {
                    if let Err(error) = self.machines.take(at, from, payload) {
                        self.malformed += 1;
                        if self.malformed == 1 {
                            self.machines.tell(LinkEvent::Malformed(error));
                        }
                    }
                }
            }
        }
        self.machines.attend(now);
    }

    /// The jitter buffer, to play from.
    pub fn buffer(&mut self) -> &mut JitterBuffer {
        self.machines.buffer()
    }

    /// Plays the next block (planar). For backends that play at once: one call a period.
    pub fn play(&mut self, now: MonoTime, out: &mut [&mut [f32]]) -> Pulled {
        self.machines.play(now, out)
    }

    /// Whether the peer is there and its audio can be played.
    pub fn has_peer(&self) -> bool {
        self.machines.has_peer()
    }

    /// Whether the session is over.
    pub fn is_ended(&self) -> bool {
        self.machines.is_ended()
    }

    /// The audio clock stood still for a while: what is queued is old.
    pub fn resume(&mut self) {
        self.machines.buffer().reset();
    }

    /// Says goodbye to the peer, if there is one. Nothing is sent after that.
    pub fn leave(&mut self, now: MonoTime) {
        self.machines.leave(now);
    }

    /// Fills in what this end knows.
    pub fn report(&self, to: &mut Statistics) {
        self.machines.report(to);
        to.refused = self.refused;
    }

    /// The socket, to wait on.
    pub fn socket(&self) -> &AudioSocket {
        &self.socket
    }
}

/// Whatever rate a peer announces, there is a kernel for it: made here, some milliseconds before the first datagram, an
/// audio thread need not make it. To be shared by all who play at `own`. Control thread.
pub fn kernels(own: SampleRate) -> Arc<Kernels> {
    Arc::new(Kernels::new(own, &RATES))
}

/// The goodbye, for a control thread whose audio thread is gone: twice, as every JackTrip does.
pub fn say_goodbye(out: &SendHandle, remote: SocketAddr) {
    for _ in 0..2 {
        out.send(remote, &STOP);
    }
}

/// A bound on one period's reading. A socket buffer of 1 MiB holds fewer than this of JackTrip's.
const MOST_DATAGRAMS: usize = 512;
