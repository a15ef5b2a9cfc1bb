//! What the audio thread puts on tape: each player as heard, what is captured at the hub, and all of it together.
//! Nothing here allocates, locks, waits or logs.

use farsend_units::Frames;

use super::lanes::Lanes;
use super::mixer::Mixer;
use super::player::Player;
use crate::record::Tape;
use crate::settings::MAX_CHANNELS;

/// Channels of a file of the mix.
pub(super) const MIX: usize = 2;
/// Files of the mix that there may be.
pub(super) const MIXES: usize = MAX_CHANNELS / MIX;

/// Slots of a tape for a hub of so many places: one for each of them, and after them one for each file of the mix and
/// one for what is captured at the hub.
pub(super) const fn slots(places: usize) -> usize {
    local(places) + 1
}

/// The first slot of the mix.
pub(super) const fn mixes(places: usize) -> usize {
    places
}

/// The slot of what is captured at the hub.
pub(super) const fn local(places: usize) -> usize {
    places + MIXES
}

/// Writes a period. No place from `end` on is taken.
pub(super) fn write(tape: &mut Tape, players: &[Option<Box<Player>>], end: usize, mixer: &Mixer) {
    let (places, period) = (players.len(), mixer.period());
    for (place, player) in players.iter().enumerate().take(end) {
        if let Some(player) = player {
            write_lanes(tape, place, period, player.heard());
        }
    }
    write_lanes(tape, local(places), period, mixer.local());
    for mix in 0..MIXES {
        tape.write(mixes(places) + mix, period, |channel, from, out| {
            let channel = mix * MIX + channel;
            let total = mixer.total(channel).and_then(|lane| lane.get(from..));
            let local = mixer.local_apart(channel);
            let local = local.and_then(|lane| lane.get(from..));
            match (total, local) {
                (Some(total), Some(local)) => {
                    for ((out, total), local) in out.iter_mut().zip(total).zip(local) {
                        *out = (total + f64::from(*local)) as f32;
                    }
                }
                (Some(total), None) => {
                    for (out, total) in out.iter_mut().zip(total) {
                        *out = *total as f32;
                    }
                }
                (None, Some(local)) => {
                    for (out, local) in out.iter_mut().zip(local) {
                        *out = *local;
                    }
                }
                (None, None) => out.fill(0.0),
            }
        });
    }
    tape.advance(period);
}

fn write_lanes(tape: &mut Tape, slot: usize, period: Frames, lanes: &Lanes) {
    tape.write(slot, period, |channel, from, out| {
        let lane = lanes.get(channel).and_then(|lane| lane.get(from..));
        match lane.and_then(|lane| lane.get(..out.len())) {
            Some(lane) => out.copy_from_slice(lane),
            None => out.fill(0.0),
        }
    });
}
