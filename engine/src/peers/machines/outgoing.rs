//! What is sent to the peer, block by block.

use farsend_units::MonoTime;
use farsend_wire::jacktrip::{HeaderKind, Stamp};

use super::{Machines, State};
use crate::net::Outlet;
use crate::repair::Outgoing;

impl<O: Outlet> Machines<O> {
    /// Sends one block (planar, any length) as it completes packets. Where there is nobody to send to yet,
    /// the block is gone. Where nobody has answered yet, a packet now and then is the call.
    pub fn send(&mut self, now: MonoTime, wall_us: u64, block: &[&[f32]]) {
        self.send_block(now, wall_us, block, false);
    }

    /// The same for a block that nobody captured: a Farsend at the other end hides it, as it does what is lost.
    pub fn send_filler(&mut self, now: MonoTime, wall_us: u64, block: &[&[f32]]) {
        self.send_block(now, wall_us, block, true);
    }

    fn send_block(&mut self, now: MonoTime, wall_us: u64, block: &[&[f32]], filler: bool) {
        self.call_anew(now);
        let frames = block.iter().map(|channel| channel.len()).max().unwrap_or(0);
        self.hearing.handle_input(frames);
        let Machines {
            state,
            peer,
            packetizer,
            repair,
            fetching,
            hearing,
            sending,
            header,
            out,
            sent,
            unsent,
            ..
        } = self;
        let Some(remote) = peer.remote().filter(|_| *state == State::Open) else {
            return;
        };
        let mut fetching = repair.is_some().then_some(fetching);
        let mut repair = repair.as_mut().filter(|_| peer.understands_repair(now));
        let packets = packetizer.number();
        // Headers that announce nothing have nobody to wait for.
        let call = peer.format().is_none() && *header == HeaderKind::Default;
        let stamp = Stamp {
            micros: wall_us,
            farsend: true,
            call,
            filler: filler && sending.is_whole(packetizer, block),
        };
        let due = sending.calls_due(now);
        let mut allowed = if call { due } else { usize::MAX };
        let mut emit = |datagram: &[u8]| {
            if allowed == 0 {
                return;
            }
            allowed -= 1;
            let counter = if out.send(remote, datagram) {
                &mut *sent
            } else {
                &mut *unsent
            };
            *counter += 1;
            if let Some(fetching) = &mut fetching {
                fetching.handle_sent(datagram);
            }
            let parity = repair
                .as_mut()
                .and_then(|repair| repair.handle_sent(datagram));
            if let Some(parity) = parity {
                out.send(remote, parity);
            }
        };
        sending.pass(block, &mut |block| {
            packetizer.push(stamp.to_u64(), block, &mut emit);
        });
        if call && allowed < due {
            sending.note_called(now);
        }
        if *header == HeaderKind::Default && sending.is_even() {
            hearing.handle_sent(packets, packetizer);
        }
        self.pushed += frames as i64;
    }

    /// What is sent to the peer.
    pub(super) fn outgoing(&self) -> Outgoing {
        let config = self.packetizer.config();
        Outgoing {
            len: self.packetizer.datagram_len() / usize::from(config.redundancy.max(1)),
            period: config.period,
            rate: config.rate,
        }
    }
}
