//! A path with what is under way on it.

use std::collections::BTreeMap;
use std::iter;

use farsend_units::MonoTime;

use crate::{Deliveries, Path};

/// One direction of a network that holds what it carries until it arrives: a [`Path`] and its payloads.
///
/// ```
/// # use farsend_netsim::{Path, PathConfig, Way};
/// # use farsend_units::MonoTime;
/// let mut way = Way::new(Path::new(PathConfig::default()));
/// let now = MonoTime::from_nanos(0);
/// way.send(now, "hello");
/// assert_eq!(way.arrivals(now).next(), Some((now, "hello")));
/// ```
#[derive(Debug)]
pub struct Way<T> {
    path: Path,
    /// By arrival, then in the order in which they were sent.
    under_way: BTreeMap<(MonoTime, u64), T>,
    count: u64,
}

impl<T> Way<T> {
    /// Nothing is under way yet.
    pub fn new(path: Path) -> Self {
        Self {
            path,
            under_way: BTreeMap::new(),
            count: 0,
        }
    }

    /// Whatever is sent from now on takes another path. What is under way arrives as it would have.
    pub fn set_path(&mut self, path: Path) {
        self.path = path;
    }

    /// Puts a payload on its way at a time, not earlier than the last one's; returns when it arrives, if it does.
    pub fn send(&mut self, at: MonoTime, payload: T) -> Deliveries
    where
        T: Clone,
    {
        let deliveries = self.path.send(at);
        for arrival in deliveries {
            self.count += 1;
            self.under_way
                .insert((arrival, self.count), payload.clone());
        }
        deliveries
    }

    /// Takes what has arrived until now, the earliest first, each with its time.
    pub fn arrivals(&mut self, now: MonoTime) -> impl Iterator<Item = (MonoTime, T)> {
        iter::from_fn(move || {
            let first = self.under_way.first_entry()?;
            let (at, _) = *first.key();
            (at <= now).then(|| (at, first.remove()))
        })
    }

    /// Loses all that is under way.
    pub fn clear(&mut self) {
        self.under_way.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{Loss, PathConfig};

    const NOW: MonoTime = MonoTime::from_nanos(1_000_000_000);
    const DELAY: Duration = Duration::from_millis(10);

    fn way(config: PathConfig) -> Way<u32> {
        Way::new(Path::new(PathConfig {
            delay: DELAY,
            ..config
        }))
    }

    #[test]
    fn what_is_sent_waits_until_its_time() {
        let mut way = way(PathConfig::default());
        way.send(NOW, 1);
        let early = NOW + (DELAY - Duration::from_nanos(1));
        assert_eq!(way.arrivals(early).count(), 0);
        let arrivals: Vec<_> = way.arrivals(NOW + DELAY).collect();
        assert_eq!(arrivals, [(NOW + DELAY, 1)]);
        assert_eq!(way.arrivals(NOW + DELAY * 2).count(), 0);
    }

    #[test]
    fn what_arrives_at_one_time_keeps_its_order() {
        let mut way = way(PathConfig::default());
        for n in 0..20 {
            way.send(NOW, n);
        }
        let arrived: Vec<u32> = way.arrivals(NOW + DELAY).map(|(_, n)| n).collect();
        assert_eq!(arrived, Vec::from_iter(0..20));
    }

    #[test]
    fn a_copy_arrives_as_well_and_what_is_lost_does_not() {
        let mut twice = way(PathConfig {
            duplicate: 1.0,
            ..PathConfig::default()
        });
        twice.send(NOW, 1);
        assert_eq!(twice.arrivals(NOW + DELAY * 2).count(), 2);
        let mut never = way(PathConfig {
            loss: Loss::Independent(1.0),
            ..PathConfig::default()
        });
        assert!(never.send(NOW, 1).is_lost());
        assert_eq!(never.arrivals(NOW + DELAY * 2).count(), 0);
    }

    #[test]
    fn another_path_leaves_alone_what_is_under_way() {
        let mut way = way(PathConfig::default());
        way.send(NOW, 1);
        way.set_path(Path::new(PathConfig::default()));
        way.send(NOW, 2);
        let arrived: Vec<u32> = way.arrivals(NOW + DELAY).map(|(_, n)| n).collect();
        assert_eq!(arrived, [2, 1]);
        way.send(NOW, 3);
        way.clear();
        assert_eq!(way.arrivals(NOW + DELAY).count(), 0);
    }
}
