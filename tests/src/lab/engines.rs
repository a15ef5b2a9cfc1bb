//! The engines that plugins have started on this machine.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

/// Those that run now, however they are called.
///
/// # Panics
///
/// If there is no `/proc`.
pub fn all() -> Vec<Pid> {
    let processes = std::fs::read_dir("/proc").expect("/proc is there");
    let pids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    let is_engine = |pid: &i32| {
        let words = words_of(*pid);
        let word = |index: usize| words.get(index).map(Vec::as_slice);
        (word(1), word(2)) == (Some(b"engine"), Some(b"--grace"))
    };
    pids.filter(is_engine).map(Pid::from_raw).collect()
}

/// The program that a process runs, as it was called; nothing if it has ended.
pub fn program(pid: Pid) -> PathBuf {
    let mut words = words_of(pid.as_raw());
    OsString::from_vec(words.swap_remove(0)).into()
}

/// Kills the one engine that there is to be among these, with SIGKILL; gives its process id.
///
/// # Panics
///
/// If there is none, or more than one.
pub fn kill_the_one(engines: &[Pid]) -> Pid {
    let [engine] = *engines else {
        panic!("one engine was expected: {engines:?}");
    };
    signal::kill(engine, Signal::SIGKILL).expect("it was there a moment ago");
    engine
}

/// Of its command line; one empty word if it has ended.
fn words_of(pid: i32) -> Vec<Vec<u8>> {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect()
}
