//! Parameters that say what the session says, too: which of them changed, and whether it means it.
//!
//! A host may automate *Connect* and *Queue*, and the window and saved projects change the session. Whichever changed last counts, and
//! the other one follows. What a host automates counts once it has rested for a moment, and not again for a second: a lane that
//! scribbles never makes a storm of calls.

use std::time::{Duration, Instant};

/// What can be said in both places.
#[derive(Debug)]
pub struct Automation {
    /// Whether there should be a connection.
    pub connect: Follow<bool>,
    /// The queue, in packets; 0: automatic.
    pub queue: Follow<u16>,
}

impl Automation {
    /// Both places say this.
    pub fn new(connect: bool, queue: u16) -> Self {
        Self {
            connect: Follow::new(connect),
            queue: Follow::new(queue),
        }
    }
}

/// One thing that a parameter says and the session says, too.
#[derive(Debug)]
pub struct Follow<T> {
    /// What both said last.
    agreed: T,
    /// What the parameter says instead, since when.
    changing: Option<(T, Instant)>,
    /// When the session last followed.
    followed: Option<Instant>,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Said<T> {
    /// Nothing, for now.
    Nothing,
    /// The session is to become this, which the parameter says.
    ByHost(T),
    /// The parameter is to become this, which the session says.
    BySession(T),
}

impl<T: Copy + PartialEq> Follow<T> {
    fn new(agreed: T) -> Self {
        Self {
            agreed,
            changing: None,
            followed: None,
        }
    }

    /// Both say this from now on, as after a project was loaded.
    pub fn agree(&mut self, value: T) {
        (self.agreed, self.changing) = (value, None);
    }

    /// Looks at what both say now.
    pub fn look(&mut self, now: Instant, parameter: T, session: T) -> Said<T> {
        if parameter == session {
            self.agree(session);
            return Said::Nothing;
        }
        if parameter == self.agreed {
            self.changing = None;
            return Said::BySession(session);
        }
        let since = match self.changing {
            Some((value, since)) if value == parameter => since,
            _ => {
                self.changing = Some((parameter, now));
                now
            }
        };
        let rested = now.saturating_duration_since(since) >= REST;
        let lately = |at: Instant| now.saturating_duration_since(at) < PAUSE;
        if !rested || self.followed.is_some_and(lately) {
            return Said::Nothing;
        }
        self.agree(parameter);
        self.followed = Some(now);
        Said::ByHost(parameter)
    }
}

/// How long an automated value has to stay before it counts.
const REST: Duration = Duration::from_millis(300);

/// How long the session then stays, whatever is automated.
const PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    /// What the session becomes, and when (in ms), of a lane that says so at each of these times.
    fn follow(lane: &[(u64, bool)], until: u64) -> Vec<(u64, bool)> {
        let (start, mut follow, mut session) = (Instant::now(), Follow::new(false), false);
        let mut changes = Vec::new();
        for ms in (0..until).step_by(10) {
            let value = lane
                .iter()
                .rfind(|(from, _)| *from <= ms)
                .is_some_and(|at| at.1);
            let now = start + Duration::from_millis(ms);
            if let Said::ByHost(value) = follow.look(now, value, session) {
                session = value;
                changes.push((ms, value));
            }
        }
        changes
    }

    #[test]
    fn an_automated_value_counts_once_it_has_rested() {
        let lane = [(100, true), (2_000, false), (2_100, true), (4_000, false)];
        assert_eq!(follow(&lane, 6_000), [(400, true), (4_300, false)]);
    }

    #[test]
    fn a_lane_that_scribbles_changes_nothing_or_once_a_second_at_most() {
        let fast: Vec<_> = (0..100).map(|i| (i * 50, i % 2 == 0)).collect();
        assert_eq!(follow(&fast, 5_000), []);
        let slow: Vec<_> = (0..20).map(|i| (i * 400, i % 2 == 0)).collect();
        let changes = follow(&slow, 8_000);
        assert!(
            changes
                .windows(2)
                .all(|pair| pair[1].0 - pair[0].0 >= 1_000),
            "{changes:?}"
        );
        assert!(changes.len() <= 8, "{changes:?}");
    }

    #[test]
    fn whichever_changed_last_counts() {
        let (now, mut follow) = (Instant::now(), Follow::new(0_u16));
        // The window says 4: the parameter is to follow, and is not taken for the host's word meanwhile.
        for late in [0, 5_000] {
            let now = now + Duration::from_millis(late);
            assert_eq!(follow.look(now, 0, 4), Said::BySession(4));
        }
        assert_eq!(follow.look(now, 4, 4), Said::Nothing);
        // The host says 8.
        assert_eq!(follow.look(now, 8, 4), Said::Nothing);
        let later = now + Duration::from_secs(9);
        assert_eq!(follow.look(later, 8, 4), Said::ByHost(8));
        assert_eq!(follow.look(later, 8, 8), Said::Nothing);
    }
}
