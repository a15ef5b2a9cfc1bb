//! Who was heard without being a player, and since when: a stream that was there before a log-in is another program's.
//!
//! ```text
//!   first datagram, or one after a pause ──▶ begins ──more──▶ goes on
//!                       ▲                                        │
//!                       └── [`PAUSE`]; [`REST`] after a goodbye ─┘
//! ```

use std::hash::BuildHasher as _;
use std::net::SocketAddr;
use std::time::Duration;

use farsend_units::MonoTime;
use foldhash::quality::RandomState;

/// A table of fixed size, so that nobody can make it large or slow: an address has a few seats, which it shares with others, and
/// the one who was silent for longest is forgotten. Who sends all the time is hardly ever that one. Neither allocates nor fails
/// once it is made.
#[derive(Debug)]
pub(super) struct Strangers {
    rows: Box<[[Option<Stranger>; SEATS]]>,
    hasher: RandomState,
}

#[derive(Debug, Clone, Copy)]
struct Stranger {
    from: SocketAddr,
    /// When the stream began that goes on.
    began: MonoTime,
    heard: MonoTime,
    /// When the control thread was told of it.
    told: Option<MonoTime>,
    /// A goodbye was the last that was said.
    left: bool,
}

impl Strangers {
    /// Nobody was heard. Allocates.
    pub(super) fn new() -> Self {
        Self {
            rows: vec![[None; SEATS]; ROWS].into(),
            hasher: RandomState::default(),
        }
    }

    /// Somebody has sent something: since when they do so without a pause.
    pub(super) fn see(&mut self, now: MonoTime, from: SocketAddr) -> MonoTime {
        let one = self.seat(from).get_or_insert(Stranger {
            from,
            began: now,
            heard: now,
            told: None,
            left: false,
        });
        let pause = if one.left { REST } else { PAUSE };
        if now.since(one.heard) >= pause {
            one.began = now;
        }
        (one.heard, one.left) = (now, false);
        one.began
    }

    /// Whether the control thread is to be told of one who was seen: it is not told again within [`TOLD_EVERY`].
    pub(super) fn is_news(&mut self, now: MonoTime, from: SocketAddr) -> bool {
        let Some(one) = self.find(from) else {
            return true;
        };
        let rests = one.told.is_some_and(|told| now.since(told) < TOLD_EVERY);
        if !rests {
            one.told = Some(now);
        }
        !rests
    }

    /// Somebody has said goodbye: if they send again soon, it was none.
    pub(super) fn leave(&mut self, from: SocketAddr) {
        if let Some(one) = self.find(from) {
            one.left = true;
        }
    }

    /// A player was sent away: if they go on sending, that has begun before any log-in.
    pub(super) fn remember(&mut self, now: MonoTime, from: SocketAddr) {
        *self.seat(from) = Some(Stranger {
            from,
            began: MonoTime::default(),
            heard: now,
            told: None,
            left: true,
        });
    }

    /// They are a player now.
    pub(super) fn forget(&mut self, from: SocketAddr) {
        let row = self.row(from);
        let is_theirs = |seat: &&mut Option<Stranger>| seat.is_some_and(|one| one.from == from);
        if let Some(seat) = row.iter_mut().find(is_theirs) {
            *seat = None;
        }
    }

    fn find(&mut self, from: SocketAddr) -> Option<&mut Stranger> {
        let row = self.row(from).iter_mut();
        row.flatten().find(|one| one.from == from)
    }

    /// The seat of this address; else a free one, or that of the one who was silent for longest, made free.
    fn seat(&mut self, from: SocketAddr) -> &mut Option<Stranger> {
        let row = self.row(from);
        let is_theirs = |seat: &Option<Stranger>| seat.is_some_and(|one| one.from == from);
        let index = row.iter().position(is_theirs).unwrap_or_else(|| {
            let heard = |index: &usize| row[*index].map(|one| one.heard);
            let index = (0..SEATS).min_by_key(heard).unwrap_or(0);
            row[index] = None;
            index
        });
        &mut row[index]
    }

    fn row(&mut self, from: SocketAddr) -> &mut [Option<Stranger>; SEATS] {
        let index = self.hasher.hash_one(from) as usize % ROWS;
        &mut self.rows[index]
    }
}

/// Programs that begin again need longer than this from their last datagram to their first, unless they said goodbye; what a
/// network holds up is shorter.
const PAUSE: Duration = Duration::from_secs(2);
/// The same of those who said goodbye, or were said it.
const REST: Duration = Duration::from_millis(500);
/// The control thread looks less often.
const TOLD_EVERY: Duration = Duration::from_millis(10);
/// Together 4096 addresses.
const ROWS: usize = 512;
const SEATS: usize = 8;

#[cfg(test)]
mod tests {
    use assert_no_alloc::assert_no_alloc;

    use super::*;

    fn ms(ms: u64) -> MonoTime {
        MonoTime::from_nanos(ms * 1_000_000)
    }

    fn address(n: u32) -> SocketAddr {
        SocketAddr::from((n.to_be_bytes(), 4464))
    }

    #[test]
    fn a_stream_is_as_old_as_its_last_pause() {
        let mut strangers = Strangers::new();
        let ann = address(1);
        let mut began = |at: u64| strangers.see(ms(at), ann);
        assert_eq!(began(5000), ms(5000));
        assert_eq!(began(5003), ms(5000));
        assert_eq!(began(7002), ms(5000), "a network that stalls");
        assert_eq!(began(9002), ms(9002), "somebody has begun again");
        assert_eq!(began(9005), ms(9002));
    }

    #[test]
    fn a_goodbye_makes_a_short_pause_do_and_nothing_by_itself() {
        let mut strangers = Strangers::new();
        let ann = address(1);
        strangers.leave(ann);
        for at in 1000..1100 {
            assert_eq!(strangers.see(ms(at), ann), ms(1000), "{at}");
            strangers.leave(ann);
        }
        assert_eq!(strangers.see(ms(1600), ann), ms(1600));
    }

    #[test]
    fn one_who_was_sent_away_was_there_all_along_unless_they_stop() {
        let mut strangers = Strangers::new();
        let ann = address(1);
        strangers.remember(ms(1000), ann);
        assert_eq!(strangers.see(ms(1002), ann), ms(0));
        assert_eq!(strangers.see(ms(2500), ann), ms(0), "a stall");
        strangers.remember(ms(3000), ann);
        assert_eq!(strangers.see(ms(3600), ann), ms(3600));
        strangers.remember(ms(4000), ann);
        strangers.forget(ann);
        assert_eq!(strangers.see(ms(4001), ann), ms(4001));
    }

    #[test]
    fn the_control_thread_is_told_of_each_no_more_often_than_it_looks() {
        let mut strangers = Strangers::new();
        let mut is_news = |at: u64, n| {
            strangers.see(ms(at), address(n));
            strangers.is_news(ms(at), address(n))
        };
        assert_eq!((0..1000).filter(|at| is_news(*at, 1)).count(), 100);
        assert!(is_news(1000, 2));
    }

    #[test]
    fn a_storm_of_addresses_hardly_ever_drives_out_one_who_goes_on_and_allocates_nothing() {
        let mut strangers = Strangers::new();
        let ann = address(0);
        let size = size_of_val(&*strangers.rows);
        assert!(size < 512 * 1024, "{size}");
        // Where they sit is chance.
        let mut forgotten = 0;
        assert_no_alloc(|| {
            let mut began = strangers.see(ms(0), ann);
            // A hundred thousand a second.
            for n in 1..500_000_u32 {
                let now = MonoTime::from_nanos(u64::from(n) * 10_000);
                strangers.see(now, address(n));
                if n % 267 == 0 {
                    let before = std::mem::replace(&mut began, strangers.see(now, ann));
                    forgotten += u32::from(began != before);
                }
            }
        });
        assert!(forgotten <= 2, "{forgotten} of 1872 times");
    }
}
