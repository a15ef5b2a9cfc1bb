//! What instances are told of how their session does.

use std::time::Duration;

use farsend_ipc::message::{Delay, Minute as ToldMinute, SessionState, Statistics as Told};
use farsend_units::{Channels, Frames};

use super::PluginSession;
use crate::control::words;
use crate::statistics::Statistics;

impl PluginSession {
    pub(super) fn numbers(&self, now: &Statistics) -> Told {
        let peaks = |all: &[f32], channels: Channels| all[..channels.get()].to_vec();
        let counts = &now.buffer;
        let [queue, target] = self.health.queue(now);
        let minute = self.health.minute();
        let jitter = [now.jitter.half, now.jitter.most, now.jitter.nearly_all];
        Told {
            sent: now.sent,
            received: counts.received,
            lost: counts.lost,
            late: counts.late,
            duplicate: counts.duplicate,
            revived: counts.revived,
            dry: counts.dry,
            skipped: counts.skipped,
            dropped: now.peer.strangers + now.peer.malformed,
            minute: self.told_minute(now),
            queued: now.queued,
            queue_us: us(queue),
            target_us: us(target),
            jitter_us: jitter.map(us),
            round_trip_us: now.round_trip.map(us),
            round_trip_about_us: now.echoed.filter(|_| now.round_trip.is_none()).map(us),
            one_way_us: minute.one_way(queue).map(us),
            drift_ppm: now.drift_ppm.map(|ppm| ppm as f32),
            sent_peaks: peaks(&now.peaks_out, self.width[0]),
            received_peaks: peaks(&now.peaks_in, self.width[1]),
            advice: self.advice(now),
            // Each instance's own: see `delay`.
            delay: Delay::default(),
        }
    }

    fn told_minute(&self, now: &Statistics) -> ToldMinute {
        let minute = self.health.minute();
        let counts = &minute.buffer;
        let concealed = Frames(clipped(counts.concealed.into()));
        ToldMinute {
            seconds: clipped(minute.length.as_secs().into()),
            lost: counts.lost,
            late: counts.late,
            dry: counts.dry,
            repaired: counts.repaired + counts.revived,
            concealed_ms: us(now.duration(concealed, self.wanted.rate)) / 1000,
        }
    }

    fn advice(&self, now: &Statistics) -> Vec<String> {
        let mut advice = Vec::new();
        let alone = self.alone_since.elapsed();
        match (&self.state, self.desk.remote) {
            (SessionState::Calling { .. }, Some(remote)) if alone >= FIRST_ADVICE => {
                advice.push(words::no_answer(remote, alone, now));
            }
            (SessionState::Joining { .. }, _) if alone >= FIRST_ADVICE => {
                let inside = self.desk.membership.as_ref().and_then(|hub| hub.remote());
                advice.extend(inside.map(words::no_answer_of_hub));
            }
            (SessionState::WaitingForPeer { port }, _) => {
                advice.extend(words::no_caller(*port, alone, now));
            }
            _ => {}
        }
        if now.broken_floats {
            advice.push(words::BROKEN_FLOATS.into());
        } else if let (SessionState::Connected { .. }, Some(wrong)) =
            (&self.state, self.health.wrong())
        {
            advice.push(wrong.to_string());
        }
        advice
    }
}

fn us(time: Duration) -> u32 {
    clipped(time.as_micros())
}

pub(super) fn clipped(number: u128) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// When a silent line first gets a reason.
const FIRST_ADVICE: Duration = Duration::from_secs(2);
