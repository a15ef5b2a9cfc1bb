//! Waiting for what nothing tells of: asking again and again.

use std::time::{Duration, Instant};

/// How often is asked.
const POLL: Duration = Duration::from_millis(20);

/// Asks until something is so; `what` is it, in words.
///
/// # Panics
///
/// If it is not within `limit`.
#[track_caller]
pub fn wait_until(what: &str, limit: Duration, mut is_so: impl FnMut() -> bool) {
    wait_for(what, limit, || is_so().then_some(()).ok_or("it is not"));
}

/// Asks until there is an answer, and gives it; until then, what is there instead.
///
/// # Panics
///
/// If there is none within `limit`, with what was there last.
#[track_caller]
pub fn wait_for<T, E: std::fmt::Debug>(
    what: &str,
    limit: Duration,
    mut ask: impl FnMut() -> Result<T, E>,
) -> T {
    let started = Instant::now();
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(instead) => assert!(
                started.elapsed() < limit,
                "not within {limit:?}: {what}; {instead:#?}"
            ),
        }
        std::thread::sleep(POLL);
    }
}
