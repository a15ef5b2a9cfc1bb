//! Both directions of repair at one end of a link: the machines of [`farsend_protocol::repair`] and what they are to
//! know of the session.

mod fetching;

use farsend_protocol::jacktrip::{Peer, Taken};
use farsend_protocol::repair::{Decoder, Encoder, Policy, Situation};
use farsend_stream::JitterBuffer;
use farsend_units::{Frames, MonoTime, SampleRate};
use farsend_wire::jacktrip::{Format, Header, Reception, Wanted};
use farsend_wire::repair::Repair;

pub use self::fetching::{KEPT_FOR, LinkFetching, MOST_ANSWERS, MOST_BYTES, Outgoing};
use crate::statistics::RepairStatistics;

/// Repairs what one peer loses of ours, and what we lose of its. For the audio thread: nothing here allocates after
/// [`LinkRepair::new`], and a peer that does not repair costs nothing.
#[derive(Debug)]
pub struct LinkRepair {
    encoder: Encoder,
    decoder: Decoder,
    policy: Policy,
    /// With JackTrip's redundancy nothing more is sent.
    sends: bool,
}

impl LinkRepair {
    /// For a session whose datagrams have so many packets. Control thread.
    pub fn new(redundancy: u8) -> Self {
        Self {
            encoder: Encoder::new(),
            decoder: Decoder::new(),
            policy: Policy::new(),
            sends: redundancy == 1,
        }
    }

    /// Another peer is there.
    pub fn begin(&mut self) {
        self.encoder.reset();
        self.decoder.reset();
        self.policy = Policy::new();
    }

    /// An audio datagram leaves for a peer that repairs. Gives what is to leave behind it.
    pub fn handle_sent(&mut self, datagram: &[u8]) -> Option<&[u8]> {
        let header = Header::parse(datagram).ok().filter(|_| self.sends)?;
        self.encoder.handle_datagram(header.seq, datagram)
    }

    /// The peer says how our audio comes; one of our packets is as long as `packet`.
    pub fn handle_reception(
        &mut self,
        now: MonoTime,
        reception: Reception,
        peer: &Peer,
        packet: Frames,
        rate: SampleRate,
    ) {
        self.policy.handle_reception(now, reception);
        let every = self.policy.every(Situation {
            round_trip: peer.round_trip(),
            packet: packet.duration(rate),
        });
        self.encoder.set_every(every);
    }

    /// The peer misses something of ours; the answers are for `send`.
    pub fn handle_wanted(&mut self, wanted: Wanted, send: &mut dyn FnMut(&[u8])) {
        if self.sends {
            self.encoder.handle_wanted(wanted);
            while let Some(answer) = self.encoder.next_answer() {
                send(answer);
            }
        }
    }

    /// An audio datagram of the peer's came by itself, and this is what it was.
    pub fn handle_audio(&mut self, payload: &[u8], taken: Taken) {
        match taken {
            Taken::Audio { .. } | Taken::Behind { .. } => {}
            Taken::First { .. } | Taken::FormatChanged { .. } | Taken::Restarted { .. } => {
                self.decoder.reset();
            }
            Taken::Stray | Taken::Stale | Taken::Malformed(_) => return,
        }
        let header = Header::parse(payload);
        let packet = header.map(|header| (header, header.format()));
        // With redundancy there is nothing to repair, and no such datagram is as long as its only packet.
        if let Ok((header, Ok(format))) = packet
            && payload.len() == Header::LEN + format.samples_len()
        {
            self.decoder.handle_datagram(header.seq, payload);
        }
    }

    /// A repair datagram of the peer's came. One that is none is dropped.
    pub fn handle_repair(&mut self, payload: &[u8]) {
        if let Ok(repair) = Repair::parse(payload) {
            self.decoder.handle_repair(&repair);
        }
    }

    /// The next datagram of the peer's that was lost and is there now.
    pub fn next_recovered(&mut self) -> Option<&[u8]> {
        self.decoder.next_recovered()
    }

    /// Once a period, when all that came was handled: asks the peer, and tells it how its audio comes. Whether it asked.
    pub fn attend(
        &mut self,
        now: MonoTime,
        peer: &mut Peer,
        buffer: &JitterBuffer,
        format: Option<Format>,
    ) -> bool {
        let Some(format) = format.filter(|_| peer.is_farsend()) else {
            return false;
        };
        let period = format.period.0.max(1);
        let depth = u16::try_from(buffer.queued().0 / period).unwrap_or(u16::MAX);
        let reception = Reception {
            depth,
            ..self.decoder.reception()
        };
        peer.note_reception(now, reception);
        if !peer.understands_repair(now) {
            return false;
        }
        let packet = format.period.duration(format.rate).as_nanos().max(1);
        let away = peer.round_trip().unwrap_or_default().as_nanos();
        let round_trip = u8::try_from(away.div_ceil(packet)).unwrap_or(u8::MAX);
        self.decoder.set_times(round_trip, depth);
        let wanted = self.decoder.next_wanted();
        if let Some(wanted) = wanted {
            peer.want(now, wanted);
        }
        wanted.is_some()
    }

    /// What there was so far.
    pub fn report(&self) -> RepairStatistics {
        let (sent, seen) = (self.encoder.counts(), self.decoder.counts());
        RepairStatistics {
            audio_bytes: sent.audio_bytes,
            repair_bytes: sent.repair_bytes,
            parities: sent.parities,
            answers: sent.answers,
            peer_loss: self.policy.loss(),
            requests: seen.requests,
            recovered: seen.recovered,
        }
    }
}
