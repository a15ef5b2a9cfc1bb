//! Where the peer's packets go: into the jitter buffer, and onto the take.

use farsend_protocol::jacktrip::{Arrival, Taken};
use farsend_rt::MailboxReader;
use farsend_stream::{Inserted, JitterBuffer, Origin};
use farsend_units::MonoTime;
use farsend_wire::jacktrip::Stamp;

use super::Machines;
use crate::net::Outlet;
use crate::peers::LinkEvent;
use crate::takes::{Tap, Way};

impl<O: Outlet> Machines<O> {
    /// Takes one datagram of the peer's into the buffer.
    pub(super) fn take_audio(&mut self, at: MonoTime, payload: &[u8]) {
        if !self.playable() {
            return;
        }
        let Self {
            depacketizer,
            buffer,
            tap,
            fetching,
            hearing,
            ..
        } = self;
        let mut tap = tap.as_mut().and_then(MailboxReader::newest);
        let farsend = self.stamp.farsend;
        let taken = depacketizer.take(payload, &mut |arrival: Arrival<'_>| {
            hearing.handle_packet(arrival.number, arrival.anew);
            if farsend && Stamp::parse(arrival.packet.header.time_stamp).filler {
                // Not to be played, but it is what was sent.
                let kept = record(tap_of(&mut tap), &arrival, Way::Direct);
                fetching.handle_packet(arrival.number, arrival.anew, kept);
                return;
            }
            let origin = if arrival.redundant {
                Origin::Copy
            } else {
                Origin::Direct
            };
            let kept = insert(buffer, tap_of(&mut tap), &arrival, at, origin);
            fetching.handle_packet(arrival.number, arrival.anew, kept);
        });
        if let Some(repair) = self.repair.as_mut().filter(|_| self.peer.is_farsend()) {
            repair.handle_audio(payload, taken);
            self.take_recovered(at);
        }
        match taken {
            Taken::Audio { redundancy, .. } => self.redundancy = redundancy,
            Taken::Restarted { .. } => self.tell(LinkEvent::Restarted),
            _ => {}
        }
    }

    /// Puts what was lost and is calculated now into the buffer, the ordinary way.
    pub(super) fn take_recovered(&mut self, at: MonoTime) {
        let Self {
            repair: Some(repair),
            depacketizer,
            buffer,
            tap,
            fetching,
            ..
        } = self
        else {
            return;
        };
        let mut tap = tap.as_mut().and_then(MailboxReader::newest);
        while let Some(datagram) = repair.next_recovered() {
            depacketizer.take(datagram, &mut |arrival: Arrival<'_>| {
                let kept = insert(buffer, tap_of(&mut tap), &arrival, at, Origin::Repaired);
                fetching.handle_packet(arrival.number, arrival.anew, kept);
            });
        }
    }

    /// Takes what was fetched, which is too late for the buffer.
    pub(super) fn take_fetched(&mut self, payload: &[u8]) {
        let Some((number, packet)) = self.fetching.handle_repair(payload) else {
            return;
        };
        // Of a stream of another format, that has ended, nothing is wanted any more.
        let Some(format) = self
            .format
            .filter(|format| packet.header.format() == Ok(*format))
        else {
            return;
        };
        let kept = self.tap().is_none_or(|tap| {
            tap.packet(number, false, format, packet.samples, Way::Fetched) || tap.knows(number)
        });
        if kept {
            self.fetching.take(number);
        }
    }
}

/// The tap that there is now, for a while.
fn tap_of<'a>(tap: &'a mut Option<&mut Option<Tap>>) -> Option<&'a mut Tap> {
    tap.as_mut()?.as_mut()
}

/// Puts a packet into its place in the buffer, and onto the take. Whether it is there, if there is one.
fn insert(
    buffer: &mut JitterBuffer,
    tap: Option<&mut Tap>,
    arrival: &Arrival<'_>,
    at: MonoTime,
    origin: Origin,
) -> bool {
    if arrival.anew {
        buffer.reset();
    }
    let inserted = buffer.insert(arrival.number, at, origin, &mut |channel, out| {
        arrival.packet.decode_channel(channel, out);
    });
    let way = match (origin, inserted) {
        (Origin::Copy | Origin::Repaired, _) => Way::Repaired,
        (Origin::Direct, Inserted::Late) => Way::Late,
        (Origin::Direct, _) => Way::Direct,
    };
    record(tap, arrival, way)
}

/// Puts a packet onto the take. Whether it is there, if there is one.
fn record(tap: Option<&mut Tap>, arrival: &Arrival<'_>, way: Way) -> bool {
    let Arrival { number, anew, .. } = *arrival;
    tap.is_none_or(|tap| {
        let samples = arrival.packet.samples;
        tap.packet(number, anew, arrival.format, samples, way) || tap.knows(number)
    })
}
