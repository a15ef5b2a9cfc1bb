//! What was heard while something was captured: told to the peer of ourselves, and by it of itself.
//!
//! Frames that go out and frames that come in lie on one line, the session's: at the same place where they belong to the same moment at
//! this end. A device's cycle has both at once, and so has a plugin's block; see [`farsend_protocol::hearing`].

use farsend_protocol::hearing::{Heard, Relation, Streams, Teller};
use farsend_protocol::jacktrip::{Packetizer, Peer};
use farsend_stream::JitterBuffer;
use farsend_units::{Frames, MonoTime, SeqNum};
use farsend_wire::jacktrip::{Control, Hearing};

/// Both directions at one end of a link. For the audio thread: nothing allocates after [`LinkHearing::new`].
#[derive(Debug)]
pub struct LinkHearing {
    /// Whether what is played and what is captured have to do with each other at this end.
    tells: bool,
    teller: Teller,
    relation: Relation,
    /// The next frame that goes out, and the next that is played.
    input: i64,
    output: i64,
    /// What was pulled last, and of which part of the peer's stream.
    pulled: (usize, Option<(f64, f64)>),
    /// The newest packet of the peer's.
    newest: Option<i64>,
}

impl LinkHearing {
    /// Nothing is told, until [`tell`](Self::tell). Allocates.
    pub fn new() -> Self {
        Self {
            tells: false,
            teller: Teller::new(),
            relation: Relation::default(),
            input: 0,
            output: 0,
            pulled: (0, None),
            newest: None,
        }
    }

    /// The peer is told what is heard here: what is played and what is captured belong to one player.
    pub const fn tell(&mut self) {
        self.tells = true;
    }

    /// A sound that leaves here comes in again so many frames later: JACK's latencies, say.
    pub fn set_converters(&mut self, frames: Frames) {
        self.teller.set_converters(frames);
    }

    /// Another stream of the peer's begins, in packets of so many frames.
    pub fn begin(&mut self, period: Frames) {
        self.teller.reset(period);
        self.relation.reset();
        self.newest = None;
    }

    /// The next frame that goes out is here on the line.
    pub const fn put_input(&mut self, at: i64) {
        self.input = at;
    }

    /// So many frames were not played by anybody.
    pub fn pass_over(&mut self, frames: Frames) {
        self.output += i64::from(frames.0);
    }

    /// So many frames go out: they are on the line, whether anybody is sent them or not.
    pub fn handle_input(&mut self, frames: usize) {
        self.input += frames as i64;
    }

    /// The packetizer was handed frames as they are, and has sent as many packets as `packetizer` says now; before, it had `sent`.
    pub fn handle_sent(&mut self, sent: u64, packetizer: &Packetizer) {
        if !self.tells {
            return;
        }
        let period = i64::from(packetizer.config().period.0);
        let filling = self.input - i64::from(packetizer.pending().0);
        let number = packetizer.number();
        for packet in number.saturating_sub(MOST_PACKETS).max(sent)..number {
            let at = filling - (number - packet) as i64 * period;
            self.teller.handle_sent(SeqNum(packet as u16), at);
        }
    }

    /// Frames are about to be played: which of the peer's is the first.
    pub fn before_play(&self, buffer: &JitterBuffer) -> Option<f64> {
        buffer.playhead().filter(|_| self.tells)
    }

    /// So many frames were pulled. Where they are on the line is to be said next, if they are heard.
    pub fn handle_pulled(&mut self, frames: usize, before: Option<f64>, buffer: &JitterBuffer) {
        let stretch = before.zip(buffer.playhead());
        self.pulled = (frames, stretch);
    }

    /// What was pulled last follows what was played before.
    pub fn handle_played(&mut self) {
        self.handle_played_at(self.output);
    }

    /// What was pulled last is played here on the line.
    pub fn handle_played_at(&mut self, at: i64) {
        let (frames, stretch) = std::mem::take(&mut self.pulled);
        if let Some((from, to)) = stretch {
            let frames = Frames(frames as u32);
            self.teller.handle_played(at, frames, from, to);
        }
        self.output = at + frames as i64;
    }

    /// Has the peer told what there is to tell, one word at a time.
    pub fn next_word(&mut self, now: MonoTime, peer: &Peer) -> Option<Control> {
        if !self.tells || !peer.is_farsend() {
            return None;
        }
        self.teller.next_word(now).map(Control::Hearing)
    }

    /// A packet of the peer's has come. `anew`: it begins a run.
    pub fn handle_packet(&mut self, number: i64, anew: bool) {
        if anew {
            self.relation.reset();
            self.newest = None;
        }
        self.newest = self.newest.max(Some(number));
    }

    /// The peer says what it was hearing.
    pub fn handle_hearing(&mut self, hearing: Hearing, packetizer: &Packetizer) -> Option<Heard> {
        let streams = Streams {
            newest: self.newest?,
            next: packetizer.number(),
            period: packetizer.config().period,
        };
        self.relation.handle(hearing, streams)
    }

    /// The last of what the peer has said, of the present streams.
    pub const fn heard(&self) -> Option<Heard> {
        self.relation.newest()
    }
}

impl Default for LinkHearing {
    fn default() -> Self {
        Self::new()
    }
}

/// Of one block no more packets are looked at: the last ones are.
const MOST_PACKETS: u64 = 64;
