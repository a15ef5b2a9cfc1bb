//! Processor time of a process, as Linux counts it.

use std::io;
use std::time::Duration;

/// What a process has used since it began, all its threads together, ended ones too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProcessorTime {
    /// In its own code.
    pub user: Duration,
    /// In the system, on its behalf.
    pub system: Duration,
}

impl ProcessorTime {
    /// Of process `pid` until now, in steps of 10 ms as a rule.
    ///
    /// # Errors
    /// When there is no such process, or no `/proc` (systems other than Linux).
    pub fn of(pid: u32) -> io::Result<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let tick = Duration::from_secs(1) / ticks_per_second();
        parse(&stat, tick).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Both.
    pub fn total(self) -> Duration {
        self.user + self.system
    }

    /// What was used from `earlier` until `self`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            user: self.user.saturating_sub(earlier.user),
            system: self.system.saturating_sub(earlier.system),
        }
    }
}

/// The short name of process `pid`.
pub fn name_of(pid: u32) -> Option<String> {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(name.trim_end().to_owned())
}

/// Fields 14 and 15 of `/proc/PID/stat` (proc(5)); the second, the name, may hold anything.
fn parse(stat: &str, tick: Duration) -> Option<ProcessorTime> {
    let after_name = stat.rsplit_once(") ")?.1;
    let mut fields = after_name.split(' ').skip(11);
    let mut ticks = || fields.next()?.parse::<u32>().ok();
    Some(ProcessorTime {
        user: tick * ticks()?,
        system: tick * ticks()?,
    })
}

#[cfg(unix)]
fn ticks_per_second() -> u32 {
    use nix::unistd::{SysconfVar, sysconf};
    let said = sysconf(SysconfVar::CLK_TCK).ok().flatten();
    said.and_then(|ticks| u32::try_from(ticks).ok())
        .filter(|&ticks| ticks > 0)
        .unwrap_or(USUAL_TICKS)
}

#[cfg(not(unix))]
fn ticks_per_second() -> u32 {
    USUAL_TICKS
}

const USUAL_TICKS: u32 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_blanks_does_not_shift_the_fields() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 1 2 3 4 150 25 0 0 20 0 9 0";
        let time = parse(stat, Duration::from_millis(10)).unwrap();
        assert_eq!(time.user, Duration::from_millis(1500));
        assert_eq!(time.system, Duration::from_millis(250));
        for broken in ["", "7 (a) S 1", "no process"] {
            assert_eq!(parse(broken, Duration::from_millis(10)), None);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn our_own_process_has_a_time_and_a_name_and_process_0_has_none() {
        assert!(ProcessorTime::of(std::process::id()).is_ok());
        assert!(name_of(std::process::id()).is_some());
        assert!(ProcessorTime::of(0).is_err());
    }
}
