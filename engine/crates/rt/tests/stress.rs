//! Mailbox and latest value while both their threads do as they please.

use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64};
use std::thread;
use std::time::{Duration, Instant};

use assert_no_alloc::{AllocDisabler, assert_no_alloc};
use farsend_rt::{latest, mailbox};

#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

/// How long each of them runs.
const TIME: Duration = Duration::from_millis(500);

/// Counts those alive, and remembers where it was dropped.
struct Witness {
    number: u64,
    alive: Arc<AtomicI64>,
    dropped_by_audio: Arc<AtomicBool>,
    audio: thread::ThreadId,
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, SeqCst);
        if thread::current().id() == self.audio {
            self.dropped_by_audio.store(true, SeqCst);
        }
    }
}

#[test]
fn installed_values_come_in_order_and_each_is_dropped_once_by_the_control_thread() {
    let (mut sender, mut reader) = mailbox::<Witness>();
    let alive = Arc::new(AtomicI64::new(0));
    let dropped_by_audio = Arc::new(AtomicBool::new(false));
    let seen = Arc::new(AtomicU64::new(0));
    let stop = Arc::new(AtomicBool::new(false));

    let audio = thread::spawn({
        let (stop, seen) = (Arc::clone(&stop), Arc::clone(&seen));
        move || {
            assert_no_alloc(|| {
                let (mut last, mut taken) = (0, 0_u64);
                while !stop.load(Relaxed) {
                    if let Some(witness) = reader.newest() {
                        assert!(witness.number >= last, "an older value after a newer one");
                        taken += u64::from(witness.number > last);
                        last = witness.number;
                        seen.store(last, Relaxed);
                    }
                }
                (reader, taken)
            })
        }
    });
    let mut number = 0;
    let end = Instant::now() + TIME;
    while Instant::now() < end {
        number += 1;
        alive.fetch_add(1, SeqCst);
        let witness = Witness {
            number,
            alive: Arc::clone(&alive),
            dropped_by_audio: Arc::clone(&dropped_by_audio),
            audio: audio.thread().id(),
        };
        drop(sender.install(Box::new(witness)));
        if number % 7 == 0 {
            drop(sender.collect());
        }
        if number % 64 == 0 {
            thread::yield_now();
        }
        // In use, given back, and under way: never more.
        assert!(alive.load(SeqCst) <= 3);
    }
    drop(sender.collect());
    while sender.is_pending() {
        thread::yield_now();
        drop(sender.collect());
    }
    let waited = Instant::now();
    while seen.load(Relaxed) < number {
        assert!(
            waited.elapsed() < Duration::from_secs(10),
            "the newest value never arrived"
        );
        thread::yield_now();
    }
    stop.store(true, Relaxed);
    let (reader, taken) = audio.join().unwrap();
    println!("{number} installed, {taken} taken");
    assert!(taken > 0);
    drop((sender, reader));
    assert_eq!(alive.load(SeqCst), 0);
    assert!(!dropped_by_audio.load(SeqCst));
}

#[test]
fn a_published_value_is_never_torn_and_never_older_than_the_last() {
    // Larger than a cache line, so that a torn copy would show.
    let (mut writer, mut reader) = latest([0_u64; 40]);
    let stop = Arc::new(AtomicBool::new(false));
    let audio = thread::spawn({
        let stop = Arc::clone(&stop);
        move || {
            assert_no_alloc(|| {
                let mut number = 0;
                while !stop.load(Relaxed) {
                    number += 1;
                    writer.write([number; 40]);
                }
                number
            })
        }
    });
    let (mut last, mut fresh) = (0, 0_u64);
    let end = Instant::now() + TIME;
    while Instant::now() < end {
        let is_new = reader.read_new();
        let value = reader.read();
        assert!(
            value.iter().all(|number| *number == value[0]),
            "torn: {value:?}"
        );
        assert!(value[0] >= last);
        assert!(is_new.is_none_or(|new| new[0] > last && new[0] <= value[0]));
        fresh += u64::from(value[0] > last);
        last = value[0];
    }
    stop.store(true, Relaxed);
    let written = audio.join().unwrap();
    println!("{written} written, {fresh} seen");
    assert_eq!(reader.read(), [written; 40]);
    assert!(fresh > 0);
}
