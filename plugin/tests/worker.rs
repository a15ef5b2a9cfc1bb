//! VST3 instances go away while what the host did on another thread still waits for the framework's worker.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unsafe_code, reason = "a host calls native code")]

#[allow(dead_code, reason = "other tests use the rest")]
#[path = "common/raw_vst3.rs"]
mod raw;

use raw::{INSERT, Raw};

#[test]
fn an_instance_that_goes_takes_neither_the_host_nor_the_others_worker_with_it() {
    for _ in 0..50 {
        let (stays, goes) = (Raw::new(INSERT), Raw::new(INSERT));
        let dry = goes.index("Dry");
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for turn in 0..500_i16 {
                    goes.set(dry, f64::from(turn % 2));
                }
            });
        });
        drop(goes);
        assert_eq!(workers(), 1, "of the instance that stays");
        drop(stays);
    }
    assert_eq!(workers(), 0);
}

/// The framework's workers in this program, which has no other test.
fn workers() -> usize {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let names = threads.filter_map(|thread| {
        let name = thread.ok()?.path().join("comm");
        std::fs::read_to_string(name).ok()
    });
    names.filter(|name| name.trim() == "bg-worker").count()
}
