//! Both directions of what is fetched when it is too late for playing: at one end of a link, whose other end records, or which records itself.

use std::time::Duration;

use farsend_protocol::jacktrip::Peer;
use farsend_protocol::repair::{Fetcher, History, HistorySize};
use farsend_rt::MailboxReader;
use farsend_units::{Frames, MonoTime, SampleRate};
use farsend_wire::jacktrip::{
    Control, Datagram, Format, Header, HeaderKind, Keep, Kept, Packet, Wanted,
};
use farsend_wire::repair::Repair;

use crate::statistics::FetchStatistics;

/// Fetches what we have not got of one peer, while we record, and keeps what it has not got of ours, while it does.
///
/// For the audio thread: nothing here allocates after [`LinkFetching::new`]. Memory for what is kept comes from the control thread, once the peer has asked for it
/// ([`FetchStatistics::wanted`]); until then it costs nothing.
#[derive(Debug)]
pub struct LinkFetching {
    fetcher: Fetcher,
    history: Option<MailboxReader<History>>,
    /// When the peer has said last that it records.
    asked_at: Option<MonoTime>,
    /// How much is to be kept for it.
    size: HistorySize,
    /// When we say that we record.
    due: MonoTime,
    /// The peer is another one than what was kept was sent to.
    stale: bool,
}

/// What we send, as far as it matters for how much of it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outgoing {
    /// Bytes of one packet.
    pub len: usize,
    /// Frames of one.
    pub period: Frames,
    /// Its rate.
    pub rate: SampleRate,
}

impl Outgoing {
    /// What is to be kept of it: [`KEPT_FOR`], and no more than [`MOST_BYTES`].
    fn size(self) -> HistorySize {
        let packet = self.period.duration(self.rate).as_nanos().max(1);
        let packets = usize::try_from(KEPT_FOR.as_nanos() / packet).unwrap_or(usize::MAX);
        HistorySize::of(packets, self.len, MOST_BYTES)
    }
}

impl LinkFetching {
    /// Nobody records. Control thread.
    pub fn new() -> Self {
        Self {
            fetcher: Fetcher::new(),
            history: None,
            asked_at: None,
            size: HistorySize::NONE,
            due: MonoTime::default(),
            stale: false,
        }
    }

    /// What is kept is kept in what comes through here. Control thread, before the first period.
    pub fn keep_in(&mut self, histories: MailboxReader<History>) {
        self.history = Some(histories);
    }

    /// Another peer is there, or none any more: what was sent is none of its business.
    pub fn begin(&mut self) {
        self.fetcher.reset();
        self.asked_at = None;
        self.stale = true;
    }

    /// An audio datagram leaves.
    pub fn handle_sent(&mut self, datagram: &[u8]) {
        let Some(history) = self.history.as_mut().and_then(MailboxReader::newest) else {
            return;
        };
        if std::mem::take(&mut self.stale) {
            history.clear();
        }
        let Some((header, packet)) = first_packet(datagram) else {
            return;
        };
        history.handle_datagram(header.seq, packet);
    }

    /// The peer records. What to say to that; nothing where nothing can ever be kept.
    pub fn handle_keep(
        &mut self,
        now: MonoTime,
        keep: Keep,
        outgoing: Outgoing,
    ) -> Option<Control> {
        let history = self.history.as_mut()?;
        self.asked_at = Some(now);
        let size = outgoing.size();
        // A little more or less is no reason to begin anew.
        if size.bytes / 2 > self.size.bytes || size.packets / 2 > self.size.packets {
            self.size = size;
        }
        let kept = match history.newest() {
            Some(history) if !self.stale => history.handle_keep(keep),
            _ => Kept {
                oldest: keep.from,
                count: 0,
            },
        };
        Some(Control::Kept(kept))
    }

    /// The peer misses something of ours.
    pub fn handle_wanted(&mut self, wanted: Wanted) {
        if let Some(history) = self.history.as_mut().and_then(MailboxReader::newest)
            && !self.stale
        {
            history.handle_wanted(wanted);
        }
    }

    /// The next answer that is to leave now. Ask for no more than [`MOST_ANSWERS`] a period.
    pub fn next_answer(&mut self) -> Option<&[u8]> {
        let history = self.history.as_mut()?.current()?;
        if self.stale {
            return None;
        }
        history.next_answer()
    }

    /// The peer says what it keeps.
    pub fn handle_kept(&mut self, kept: Kept) {
        self.fetcher.handle_kept(kept);
    }

    /// A packet of the peer's came, however it did. `anew`: it begins a run. `kept`: it is recorded, if anything is; else there was no room for it.
    pub fn handle_packet(&mut self, number: i64, anew: bool, kept: bool) {
        if kept {
            self.fetcher.handle_packet(number, anew);
        } else if anew {
            self.fetcher.reset();
        }
    }

    /// A repair datagram came. Gives the packet that was fetched, if that is what it is and it is missing, with its number. To be [taken](Self::take).
    pub fn handle_repair<'a>(&mut self, payload: &'a [u8]) -> Option<(i64, Packet<'a>)> {
        let repair = Repair::parse(payload).ok()?;
        let (number, datagram) = self.fetcher.handle_answer(&repair)?;
        let datagram = Datagram::parse(datagram, HeaderKind::Default, None).ok()?;
        let packet = datagram.packets().next()?;
        (packet.header.seq == repair.first).then_some((number, packet))
    }

    /// What was fetched is where it belongs.
    pub fn take(&mut self, number: i64) {
        self.fetcher.take(number);
    }

    /// Once a period, when all that came was handled. `records`: what comes is recorded. `busy`: something more urgent was asked for.
    pub fn attend(
        &mut self,
        now: MonoTime,
        peer: &mut Peer,
        format: Option<Format>,
        records: bool,
        busy: bool,
    ) {
        if self.asked_at.is_some_and(|asked| now >= asked + ASKED_FOR) {
            self.asked_at = None;
        }
        if self.asked_at.is_none() {
            self.size = HistorySize::NONE;
        }
        self.fetcher.set_on(records);
        let (Some(keep), Some(format)) = (self.fetcher.keep(), format) else {
            return;
        };
        if now >= self.due && peer.is_farsend() {
            self.due = now + SAY_EVERY;
            peer.say(Control::Keep(keep));
        }
        // Who does not understand is not asked, but then nothing is waited for either.
        if busy || (self.fetcher.is_served() && !peer.understands_repair(now)) {
            return;
        }
        let packet = format.period.duration(format.rate).as_nanos().max(1);
        let away = peer.round_trip().unwrap_or_default().as_nanos();
        let round_trip = u16::try_from(away.div_ceil(packet)).unwrap_or(u16::MAX);
        self.fetcher.set_round_trip(round_trip);
        if let Some(wanted) = self.fetcher.next_wanted() {
            peer.want(now, wanted);
        }
    }

    /// What there was so far.
    pub fn report(&self) -> FetchStatistics {
        let fetched = self.fetcher.counts();
        FetchStatistics {
            records: self.fetcher.is_on(),
            served: self.fetcher.is_served(),
            settled: self.fetcher.settled(),
            fetched: fetched.fetched,
            given_up: fetched.given_up,
            wanted: self.size,
        }
    }
}

impl Default for LinkFetching {
    fn default() -> Self {
        Self::new()
    }
}

/// The newest packet of an audio datagram.
fn first_packet(datagram: &[u8]) -> Option<(Header, &[u8])> {
    let header = Header::parse(datagram).ok()?;
    let len = Header::LEN + header.format().ok()?.samples_len();
    Some((header, datagram.get(..len)?))
}

/// What was sent is kept for so long, ...
pub const KEPT_FOR: Duration = Duration::from_secs(30);

/// ... as far as it goes into so many bytes: 64 channels of 24 bits at 48 kHz for 14 s.
pub const MOST_BYTES: usize = 128 << 20;

/// Answers a period, at most.
pub const MOST_ANSWERS: usize = 4;

/// The peer says every half second that it records. If it does not for so long, it does not any more.
const ASKED_FOR: Duration = Duration::from_secs(30);
const SAY_EVERY: Duration = Duration::from_millis(500);
