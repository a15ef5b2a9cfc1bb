//! The weaver's part in foretelling: what the forecast begins with, what it is to meet, how it fades.

use super::{Due, Invention, Kind, Weaver};
use crate::slots::Slots;

impl Weaver {
    /// Sees to it that up to `frames` of a gap since `from` are foretold; returns how many are, none if what was foretold
    /// is of no use any more.
    pub(super) fn foretell(
        &mut self,
        slots: &Slots,
        due: Due,
        (from, frames): (usize, usize),
    ) -> Option<usize> {
        let now = self.written;
        if self.forecast.is_closed() {
            let left = self.forecast.left(now);
            let meets = due.position.saturating_add(left as i64 - due.after);
            if left > 0 && self.forecast.meets(now.wrapping_add(left), meets) {
                return Some(frames.min(left));
            }
            // It was to meet something else.
            return None;
        }
        let reach = self.forecast.reach() as i64;
        let (fades, _) = self.ebb;
        // What sounds already is not bent to anything within a few frames.
        let least = if self.forecast.is_new(now) {
            1
        } else {
            (self.cross.len() / 8) as i64
        };
        let fading = now.wrapping_sub(from) > fades;
        let next = slots.next_after(due.position, reach).filter(|_| !fading);
        let gap = next.map(|next| due.after.saturating_add(next - due.position));
        match (gap, next) {
            (Some(gap), Some(next))
                if (least..=reach).contains(&gap) && !self.forecast.refuses(next) =>
            {
                let midway = now != self.forecast.begun();
                if midway {
                    self.reload();
                }
                let context = slots.available(next, self.forecast.context() as i64);
                _ = self.forecast.close(
                    (gap as usize, next),
                    context as usize,
                    self.sounding,
                    |channel, out| {
                        slots.copy(channel, next, out);
                    },
                );
                // Where it is not closed it goes on as it was: a gap that is closed does not fade yet.
                Some(frames.min(gap as usize))
            }
            (gap, _) => {
                let until = gap
                    .filter(|gap| *gap > reach)
                    .map_or(frames as i64, |gap| gap - reach);
                let frames = frames.min(until.max(1) as usize);
                self.forecast.extend(now, frames, self.sounding);
                Some(frames)
            }
        }
    }

    /// Begins a forecast here.
    pub(super) fn foretold(&mut self) -> Invention {
        self.analyst.alarm();
        let (past, mask, now) = (&self.history, self.ring - 1, self.written);
        self.forecast.begin(
            self.effort,
            now,
            self.sounding,
            &self.analyst,
            |channel, out| {
                last(&past[channel * (mask + 1)..][..mask + 1], now, out);
            },
        );
        Invention {
            from: now,
            kind: Kind::Foretold,
        }
    }

    /// Has the forecast go on from what was put out, as it was.
    fn reload(&mut self) {
        let (past, mask, now) = (&self.history, self.ring - 1, self.written);
        self.forecast.reload(now, self.sounding, |channel, out| {
            last(&past[channel * (mask + 1)..][..mask + 1], now, out);
        });
    }

    /// Fades out what is foretold for longer and longer; `begun` frames of it came before.
    pub(super) fn wane(&self, begun: usize, out: &mut [f32]) {
        let (from, to) = self.ebb;
        if begun.saturating_add(out.len()) <= from {
            return;
        }
        let scale = 1.0 / (to - from) as f32;
        for (i, sample) in out.iter_mut().enumerate() {
            let at = begun.saturating_add(i).clamp(from, to) - from;
            let part = at as f32 * scale;
            *sample *= 1.0 - part * part * (3.0 - 2.0 * part);
        }
    }
}

/// The last frames of a ring (a power of two long) before `now`; silence before those it has.
pub(super) fn last(ring: &[f32], now: usize, out: &mut [f32]) {
    let missing = out.len().saturating_sub(ring.len());
    let (silent, out) = out.split_at_mut(missing);
    silent.fill(0.0);
    let from = now.wrapping_sub(out.len()) & (ring.len() - 1);
    let first = out.len().min(ring.len() - from);
    out[..first].copy_from_slice(&ring[from..from + first]);
    let rest = out.len() - first;
    out[first..].copy_from_slice(&ring[..rest]);
}
