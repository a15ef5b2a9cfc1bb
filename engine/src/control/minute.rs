//! What happened in the last minute, from counts that run since the start.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use farsend_stream::{BufferCounts, Irregular};

use crate::statistics::Statistics;

/// Remembers the counts of the last minute, one look a second. A peer that goes, or another one, begins it anew.
#[derive(Debug, Clone, Default)]
pub struct LastMinute {
    looks: VecDeque<Look>,
    peer: Option<SocketAddr>,
}

/// What happened in [`Minute::length`]: a minute, or less where the peer has not been there for so long.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Minute {
    /// How long it was.
    pub length: Duration,
    /// What the jitter buffer did in it.
    pub buffer: BufferCounts,
    /// What was irregular in it.
    pub irregular: Irregular,
    /// The longest stall in it; of several in one second only the last counts.
    pub longest_stall: Duration,
    /// How often the sound card, or the clock, found us late.
    pub xruns: u64,
    /// The shortest round trip that was measured, or estimated by echoes: the others waited somewhere.
    pub round_trip: Option<Duration>,
}

#[derive(Debug, Clone, Copy)]
struct Look {
    at: Duration,
    buffer: BufferCounts,
    irregular: Irregular,
    xruns: u64,
    round_trip: Option<Duration>,
}

impl LastMinute {
    /// Looks at the numbers, `at` after the session's start. `false`: less than a second after the last time, or
    /// there is no peer, so that there is nothing new.
    pub fn note(&mut self, at: Duration, now: &Statistics, xruns: u64) -> bool {
        let peer = now.remote.filter(|_| now.present);
        if peer != self.peer || peer.is_none() {
            self.looks.clear();
            self.peer = peer;
        }
        if peer.is_none()
            || self
                .looks
                .back()
                .is_some_and(|last| at < last.at + A_SECOND)
        {
            return false;
        }
        self.looks.push_back(Look {
            at,
            buffer: now.buffer,
            irregular: now.irregular,
            xruns,
            round_trip: now.round_trip.or(now.echoed),
        });
        // The one at the minute's beginning stays.
        while self.looks.len() > MOST_LOOKS
            || self
                .looks
                .get(1)
                .is_some_and(|second| at >= second.at + A_MINUTE)
        {
            self.looks.pop_front();
        }
        true
    }

    /// What happened from the first look of the last minute to the last one.
    pub fn so_far(&self) -> Minute {
        let (Some(first), Some(last)) = (self.looks.front(), self.looks.back()) else {
            return Minute::default();
        };
        Minute {
            length: last.at.saturating_sub(first.at),
            buffer: buffer_between(&first.buffer, &last.buffer),
            irregular: irregular_between(&first.irregular, &last.irregular),
            longest_stall: self.longest_stall(),
            xruns: last.xruns.saturating_sub(first.xruns),
            round_trip: self.looks.iter().filter_map(|look| look.round_trip).min(),
        }
    }
}

impl LastMinute {
    fn longest_stall(&self) -> Duration {
        let looks = self.looks.iter().map(|look| &look.irregular);
        let stalled = looks.clone().zip(looks.skip(1));
        let stalled = stalled.filter(|(before, after)| after.stalls > before.stalls);
        stalled
            .map(|(_, after)| after.last_stall)
            .max()
            .unwrap_or_default()
    }
}

impl Minute {
    /// Packets that were due.
    pub fn due(&self) -> u64 {
        self.buffer.received + self.buffer.lost
    }

    /// So many of the packets that were due, in percent; 0 without any.
    pub fn percent(&self, packets: u64) -> f64 {
        100.0 * packets as f64 / self.due().max(1) as f64
    }

    /// So many times in this time, as times a minute.
    pub fn rate(&self, times: u64) -> f64 {
        let seconds = self.length.as_secs_f64().max(1.0);
        times as f64 * (60.0 / seconds)
    }

    /// How far the other end's microphone is from here, as far as it is known: half the shortest round trip, and what
    /// audio waits here. Without both ends' sound cards.
    pub fn one_way(&self, queue: Duration) -> Option<Duration> {
        Some(self.round_trip? / 2 + queue)
    }
}

/// A packet that comes after all is not lost any more, so counts may also fall.
fn buffer_between(from: &BufferCounts, to: &BufferCounts) -> BufferCounts {
    BufferCounts {
        received: to.received.saturating_sub(from.received),
        late: to.late.saturating_sub(from.late),
        lost: to.lost.saturating_sub(from.lost),
        duplicate: to.duplicate.saturating_sub(from.duplicate),
        revived: to.revived.saturating_sub(from.revived),
        repaired: to.repaired.saturating_sub(from.repaired),
        nonsense: to.nonsense.saturating_sub(from.nonsense),
        dry: to.dry.saturating_sub(from.dry),
        concealed: to.concealed.saturating_sub(from.concealed),
        skipped: to.skipped.saturating_sub(from.skipped),
        reanchored: to.reanchored.saturating_sub(from.reanchored),
        moves: to.moves.saturating_sub(from.moves),
    }
}

fn irregular_between(from: &Irregular, to: &Irregular) -> Irregular {
    Irregular {
        stalls: to.stalls.saturating_sub(from.stalls),
        stalled: to.stalled.saturating_sub(from.stalled),
        last_stall: to.last_stall,
        overtaken: to.overtaken.saturating_sub(from.overtaken),
        late_blocks: to.late_blocks.saturating_sub(from.late_blocks),
        late_by: to.late_by.saturating_sub(from.late_by),
    }
}

const A_MINUTE: Duration = Duration::from_secs(60);
/// Looks are a second apart, or nearly.
const A_SECOND: Duration = Duration::from_millis(900);
/// As many looks as there can be in a minute, and one more.
const MOST_LOOKS: usize = 68;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_those_of_the_last_minute_only() {
        let mut minute = LastMinute::default();
        for second in 0..200 {
            minute.note(
                Duration::from_secs(second),
                &numbers(second * 375, second * 2),
                0,
            );
        }
        let so_far = minute.so_far();
        assert_eq!(so_far.length, Duration::from_secs(60));
        assert_eq!((so_far.buffer.received, so_far.buffer.lost), (22_500, 120));
        assert!((so_far.percent(so_far.buffer.lost) - 0.5305).abs() < 1e-3);
    }

    #[test]
    fn a_session_that_is_younger_has_what_there_is_and_looks_at_any_rate_are_the_same() {
        let mut minute = LastMinute::default();
        for tick in 0..50u64 {
            minute.note(
                Duration::from_millis(tick * 200),
                &numbers(tick * 75, tick),
                0,
            );
        }
        let so_far = minute.so_far();
        assert_eq!(so_far.length, Duration::from_secs(9));
        assert_eq!((so_far.buffer.received, so_far.buffer.lost), (45 * 75, 45));
        assert!((so_far.rate(3) - 20.0).abs() < 1e-9);
    }

    #[test]
    fn a_peer_that_was_away_begins_anew() {
        let mut minute = LastMinute::default();
        minute.note(Duration::from_secs(1), &numbers(0, 0), 0);
        minute.note(Duration::from_secs(2), &numbers(375, 9), 0);
        let away = Statistics {
            present: false,
            ..numbers(375, 500)
        };
        minute.note(Duration::from_secs(3), &away, 0);
        assert_eq!(minute.so_far(), Minute::default());
        minute.note(Duration::from_secs(4), &numbers(375, 500), 0);
        minute.note(Duration::from_secs(5), &numbers(750, 501), 0);
        assert_eq!(minute.so_far().buffer.lost, 1);
    }

    #[test]
    fn what_was_lost_and_came_after_all_is_not_less_than_nothing() {
        let mut minute = LastMinute::default();
        minute.note(Duration::from_secs(1), &numbers(0, 9), 0);
        minute.note(Duration::from_secs(2), &numbers(375, 3), 0);
        assert_eq!(minute.so_far().buffer.lost, 0);
    }

    #[test]
    fn one_way_is_half_the_shortest_round_trip_and_the_queue() {
        let mut minute = LastMinute::default();
        for (second, trip) in [30, 24, 50].into_iter().enumerate() {
            let now = Statistics {
                round_trip: Some(Duration::from_millis(trip)),
                ..numbers(0, 0)
            };
            minute.note(Duration::from_secs(second as u64), &now, 0);
        }
        let queue = Duration::from_millis(5);
        assert_eq!(
            minute.so_far().one_way(queue),
            Some(Duration::from_millis(17))
        );
        assert_eq!(Minute::default().one_way(queue), None);
    }

    fn numbers(received: u64, lost: u64) -> Statistics {
        let mut now = Statistics {
            remote: Some(([192, 0, 2, 1], 4464).into()),
            present: true,
            ..Statistics::default()
        };
        (now.buffer.received, now.buffer.lost) = (received, lost);
        now
    }
}
