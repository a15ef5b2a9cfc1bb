//! An instance that waits for its session, which runs at another rate. Mostly a project is changing the rate of all of its instances
//! then, one after another: the last of them takes the session along, and the others follow.

use std::time::{Duration, Instant};

use farsend_ipc::message::WantedSession;

/// When to ask again in its place, and when to tell it why it waits.
#[derive(Debug)]
pub(super) struct Waiting {
    /// What it asks for.
    pub(super) wanted: WantedSession,
    since: Instant,
    next: Instant,
    told: bool,
}

impl Waiting {
    /// It was refused this. `before`: what it waited for until now.
    pub(super) fn new(wanted: &WantedSession, before: Option<Self>, now: Instant) -> Self {
        let what = |wanted: &WantedSession| {
            let share = wanted.share.as_ref();
            (wanted.rate, share.map(|share| share.session.clone()))
        };
        let same = before.filter(|before| what(&before.wanted) == what(wanted));
        Self {
            since: same.map_or(now, |before| before.since),
            wanted: wanted.clone(),
            next: now + EVERY,
            told: false,
        }
    }

    /// Whether to ask again now.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let due = self.next <= now;
        if due {
            self.next = now + EVERY;
        }
        due
    }

    /// Whether it is to be told now why it waits: once, when that has taken long.
    pub(super) fn is_to_tell(&mut self, now: Instant) -> bool {
        let long = now.saturating_duration_since(self.since) >= QUIETLY;
        long && !std::mem::replace(&mut self.told, true)
    }
}

/// How often it is asked.
const EVERY: Duration = Duration::from_millis(100);
/// A project has changed the rate of all instances by then.
const QUIETLY: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use farsend_ipc::message::{HubUser, HubWish, Listening, Role, Share};
    use farsend_units::{Channels, Frames, SampleRate};

    use super::*;

    fn at(rate: u32) -> WantedSession {
        WantedSession {
            role: Role::Client,
            host: String::new(),
            port: 0,
            peer_port: 1,
            send: Channels(2),
            receive: Channels(2),
            bits: 24,
            queue: 2,
            redundancy: 1,
            period: Frames(128),
            rate: SampleRate(rate),
            block: Frames(128),
            name: "Track".into(),
            user: HubUser::default(),
            share: Some(Share {
                session: "Band".into(),
                channels: Channels(2),
                first: Channels(0),
            }),
            listening: Listening::Mix,
            outputs: Vec::new(),
            hub: HubWish::default(),
        }
    }

    #[test]
    fn an_instance_that_waits_for_its_session_is_told_why_once_and_only_when_it_takes_long() {
        let begun = Instant::now();
        let later = |ms| begun + Duration::from_millis(ms);
        let mut waiting = Waiting::new(&at(44_100), None, begun);
        assert!(!waiting.is_due(later(50)));
        assert!(waiting.is_due(later(100)));
        assert!(!waiting.is_due(later(150)));
        assert!(!waiting.is_to_tell(later(2900)));
        assert!(waiting.is_to_tell(later(3000)));
        assert!(!waiting.is_to_tell(later(3100)));
        // The plugin asks for the same again: it is to hear of it, at once.
        let mut again = Waiting::new(&at(44_100), Some(waiting), later(6000));
        assert!(again.is_to_tell(later(6000)));
        // For something else it has not waited yet.
        let mut other = Waiting::new(&at(96_000), Some(again), later(6100));
        assert!(!other.is_to_tell(later(6200)));
    }
}
