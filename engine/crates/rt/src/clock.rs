//! The machine's clocks: the monotonic one, as [`MonoTime`], and the one on the wall.
//!
//! On Unix the first is `CLOCK_MONOTONIC`: the same for every process of the machine, so that a plugin's
//! stamp means something to the engine. Elsewhere it counts from the program's first reading.

use std::time::{SystemTime, UNIX_EPOCH};

use farsend_units::MonoTime;

/// Microseconds since the Unix epoch, as JackTrip stamps its packets; 0 before that. Wait-free, for any thread; may jump.
pub fn wall_us() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
        })
}

/// What time it is. Wait-free (a call into the vDSO where there is one), for any thread.
pub fn now() -> MonoTime {
    system::now()
}

/// Sleeps until `then`, or not at all if that has passed. A signal does not cut the sleep short.
///
/// For threads that pace themselves; blocks, as its name says.
pub fn sleep_until(then: MonoTime) {
    system::sleep_until(then);
}

#[cfg(unix)]
mod system {
    use farsend_units::MonoTime;

    pub(super) fn now() -> MonoTime {
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: `time` is a valid place for a timespec during the call. The call cannot fail: the
        // clock exists on every Unix, and a zero is what would remain.
        unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
        let (seconds, nanos) = (time.tv_sec.max(0) as u64, time.tv_nsec.max(0) as u64);
        MonoTime::from_nanos(seconds * 1_000_000_000 + nanos)
    }

    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
    pub(super) fn sleep_until(then: MonoTime) {
        let time = libc::timespec {
            tv_sec: (then.as_nanos() / 1_000_000_000) as libc::time_t,
            tv_nsec: (then.as_nanos() % 1_000_000_000) as _,
        };
        loop {
            // SAFETY: `time` is a valid timespec; no remainder is asked for with an absolute time.
            let outcome = unsafe {
                libc::clock_nanosleep(
                    libc::CLOCK_MONOTONIC,
                    libc::TIMER_ABSTIME,
                    &raw const time,
                    std::ptr::null_mut(),
                )
            };
            if outcome != libc::EINTR {
                return;
            }
        }
    }

    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
    pub(super) fn sleep_until(then: MonoTime) {
        super::sleep_the_difference(then, now);
    }
}

#[cfg(not(unix))]
mod system {
    use std::sync::OnceLock;
    use std::time::Instant;

    use farsend_units::MonoTime;

    pub(super) fn now() -> MonoTime {
        static START: OnceLock<Instant> = OnceLock::new();
        MonoTime::default() + START.get_or_init(Instant::now).elapsed()
    }

    pub(super) fn sleep_until(then: MonoTime) {
        super::sleep_the_difference(then, now);
    }
}

/// For systems without a sleep that takes an absolute time.
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
fn sleep_the_difference(then: MonoTime, now: fn() -> MonoTime) {
    loop {
        let left = then.since(now());
        if left.is_zero() {
            return;
        }
        std::thread::sleep(left);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{now, sleep_until};

    #[test]
    fn the_clock_never_steps_back() {
        let mut last = now();
        for _ in 0..10_000 {
            let next = now();
            assert!(next >= last);
            last = next;
        }
    }

    #[test]
    fn sleeping_until_a_moment_ends_after_it_and_not_long_after() {
        let then = now() + Duration::from_millis(20);
        sleep_until(then);
        let late = now().since(then);
        assert!(now() >= then);
        assert!(late < Duration::from_millis(500), "{late:?} late");
    }

    #[test]
    fn sleeping_until_a_moment_gone_by_returns_at_once() {
        let before = now();
        sleep_until(before.saturating_sub(Duration::from_secs(1)));
        assert!(now().since(before) < Duration::from_millis(500));
    }
}
