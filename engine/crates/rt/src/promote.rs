//! Real-time scheduling for the calling thread.

use std::fmt;

/// Asks for real-time scheduling of the calling thread (`SCHED_FIFO`), as high as `priority` (1 to
/// 99, JACK's own clients have 5 to 10) or as the user's limit allows.
///
/// Where that is not allowed the thread gets what can be had, in the end nothing. Never fails; makes
/// system calls, so do it before the first period.
pub fn promote_current_thread(priority: u8) -> Promotion {
    system::promote(priority.clamp(1, 99))
}

/// What a thread got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promotion {
    /// Real-time scheduling: it runs before every thread without.
    RealTime {
        /// 1 to 99, as asked for or the highest allowed.
        priority: u8,
    },
    /// Time sharing, but with more weight.
    Raised {
        /// The nice level, negative.
        nice: i8,
    },
    /// Nothing: it is scheduled like any other thread.
    Refused {
        /// The system's error number, 0 where this system is not known.
        os_error: i32,
    },
}

impl fmt::Display for Promotion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RealTime { priority } => write!(f, "real-time priority {priority}"),
            Self::Raised { nice } => write!(f, "no real-time priority, but nice level {nice}"),
            Self::Refused { os_error: 0 } => write!(f, "no real-time priority on this system"),
            Self::Refused { os_error } => {
                write!(
                    f,
                    "no real-time priority: {}",
                    std::io::Error::from_raw_os_error(*os_error)
                )
            }
        }
    }
}

#[cfg(unix)]
mod system {
    use super::Promotion;

    pub(super) fn promote(priority: u8) -> Promotion {
        let mut refused = 0;
        let limit = limit();
        for priority in [priority, priority.min(limit)] {
            match fifo(priority) {
                0 => return Promotion::RealTime { priority },
                error => refused = error,
            }
            if limit == 0 {
                break;
            }
        }
        raise().unwrap_or(Promotion::Refused { os_error: refused })
    }

    /// 0, or an error number.
    fn fifo(priority: u8) -> i32 {
        // SAFETY: all zeros is a valid `sched_param`; the calls get the calling thread and a pointer
        // that is good while they run.
        unsafe {
            let mut param: libc::sched_param = std::mem::zeroed();
            param.sched_priority = i32::from(priority);
            #[cfg(any(target_os = "linux", target_os = "android"))]
            {
                // What this thread starts (a helper program, say) is not to be real-time as well.
                let policy = libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK;
                if libc::sched_setscheduler(0, policy, &raw const param) == 0 {
                    0
                } else {
                    errno()
                }
            }
            #[cfg(not(any(target_os = "linux", target_os = "android")))]
            libc::pthread_setschedparam(libc::pthread_self(), libc::SCHED_FIFO, &raw const param)
        }
    }

    /// The highest priority that the user may have, 99 where no limit is known.
    fn limit() -> u8 {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        {
            let mut limit = libc::rlimit {
                rlim_cur: 0,
                rlim_max: 0,
            };
            // SAFETY: `limit` is a valid place for the answer during the call.
            if unsafe { libc::getrlimit(libc::RLIMIT_RTPRIO, &raw mut limit) } == 0 {
                return u8::try_from(limit.rlim_cur.min(99)).unwrap_or(99);
            }
        }
        99
    }

    /// A nicer place among the ordinary threads: on Linux the nice level is a thread's own.
    fn raise() -> Option<Promotion> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        for nice in [-15_i8, -11, -5] {
            // SAFETY: takes numbers only; 0 is the calling thread.
            if unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, i32::from(nice)) } == 0 {
                return Some(Promotion::Raised { nice });
            }
        }
        None
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn errno() -> i32 {
        std::io::Error::last_os_error()
            .raw_os_error()
            .unwrap_or(libc::EPERM)
    }
}

#[cfg(not(unix))]
mod system {
    pub(super) fn promote(_priority: u8) -> super::Promotion {
        super::Promotion::Refused { os_error: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::{Promotion, promote_current_thread};

    #[test]
    fn a_promotion_says_truly_what_the_thread_got() {
        std::thread::spawn(|| {
            let got = promote_current_thread(5);
            println!("got {got}");
            #[cfg(target_os = "linux")]
            {
                // SAFETY: takes a number; 0 is the calling thread.
                let policy = unsafe { libc::sched_getscheduler(0) } & !libc::SCHED_RESET_ON_FORK;
                let real_time = matches!(got, Promotion::RealTime { .. });
                assert_eq!(policy == libc::SCHED_FIFO, real_time);
            }
        })
        .join()
        .unwrap();
    }

    #[test]
    fn what_was_got_reads_as_a_sentence() {
        assert_eq!(
            Promotion::RealTime { priority: 5 }.to_string(),
            "real-time priority 5"
        );
        assert!(
            Promotion::Refused { os_error: 1 }
                .to_string()
                .contains("no real-time priority")
        );
    }
}
