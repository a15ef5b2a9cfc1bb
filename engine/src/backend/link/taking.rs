//! What the session's thread tells of its time line where takes are recorded.

use std::time::Duration;

use farsend_ipc::message::Loop;
use farsend_ipc::segment::HostCall;
use farsend_units::{MonoTime, SampleRate};

use super::turns::Link;
use crate::takes::MeasuredLoop;

/// How what is played lies on the session's time line.
#[derive(Debug, Default)]
pub(super) struct Taking {
    looped: MeasuredLoop,
    /// When the next look is due.
    next: MonoTime,
}

impl Link {
    /// This was released up to there.
    pub(super) fn note_released(&mut self, end: u64) {
        let played = self.path.link().buffer().playhead();
        self.taking.looped.note_played(end, played);
    }

    /// A block goes out that is at `position`, and is the first that was sent after so many frames, if it was sent to anybody.
    pub(super) fn note_sent(&mut self, position: u64, before: i64, frames: usize) {
        let after = self.path.link().sent_frames();
        let sent = after == before.wrapping_add(frames as i64);
        if let Some(tap) = self.path.link().tap() {
            let block = super::turns::heads(&self.scratch[..self.send], frames);
            tap.sent(position, sent.then_some(before), &block);
        }
    }

    /// Somebody has measured that a frame is heard again so late: of use unless the delay was changed meanwhile.
    pub(super) fn note_loop(&mut self, measured: Loop) {
        if self.path.link().buffer().counts().moves == measured.moves {
            self.taking.looped.note(measured.frames);
        }
    }

    /// Tells of the host's transport and of what has come.
    pub(super) fn tell_taking(&mut self, now: MonoTime) {
        let stretch = self.seats.transport();
        let position = self.seats.lead.session_call();
        let rate = self.seats.rate();
        let link = self.path.link();
        let (beyond, drift) = (link.beyond(rate), link.buffer().drift());
        let Some(tap) = link.tap() else {
            return;
        };
        if let Some(stretch) = stretch {
            tap.stretch(stretch);
        }
        if now >= self.taking.next
            && let Some(call) = position
        {
            self.taking.next = now + LOOK_EVERY;
            tap.came(reached(&call, now, rate), beyond, drift);
        }
        self.taking.looped.tell(tap, rate);
    }
}

/// Where the host is now, after this call of its.
pub(super) fn reached(call: &HostCall, now: MonoTime, rate: SampleRate) -> u64 {
    let since = now.since(call.at).min(LONGEST_LOOK).as_secs_f64();
    call.position
        .wrapping_add((since * f64::from(rate.0)) as u64)
}

/// How often it is told what has come.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A host that has not called for longer stands still.
const LONGEST_LOOK: Duration = Duration::from_millis(100);
