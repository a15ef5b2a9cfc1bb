//! Tells a host that runs audio from one that only tries the plugin.
//!
//! While they load a plugin, some hosts activate it with a rate of their own choice and pass a few blocks, and
//! activate it anew, with the project's rate, when the audio begins. A session at the first rate would be over
//! soon, and with it a JackTrip at the far end: it ends when it hears a rate other than its own.

use std::time::{Duration, Instant};

use crate::shared::Setup;

/// Looks at a host now and then.
#[derive(Debug, Default)]
pub(super) struct HostWatch {
    now: Option<Seen>,
    steady: Option<Setup>,
}

/// How the host calls at present.
#[derive(Debug)]
struct Seen {
    setup: Setup,
    /// Its count of blocks at the last look.
    blocks: u32,
    /// Since when it moves.
    moving: Option<Instant>,
}

impl HostWatch {
    /// Takes a look: how the host calls, and its count of blocks. Gives how it called last for long enough to mean
    /// it; nothing before it has.
    pub(super) fn look(&mut self, at: Instant, setup: Setup, blocks: u32) -> Option<Setup> {
        match &mut self.now {
            Some(seen) if seen.setup == setup => {
                if seen.blocks != blocks {
                    seen.blocks = blocks;
                    let since = *seen.moving.get_or_insert(at);
                    if at.saturating_duration_since(since) >= LONG_ENOUGH {
                        self.steady = Some(setup);
                    }
                }
            }
            now => {
                *now = Some(Seen {
                    setup,
                    blocks,
                    moving: None,
                });
            }
        }
        self.steady
    }
}

/// Hosts that only try are done much sooner.
const LONG_ENOUGH: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use farsend_units::{Channels, Frames, SampleRate};

    use super::*;

    #[test]
    fn blocks_that_go_on_are_audio() {
        let (mut watch, start) = (HostWatch::default(), Instant::now());
        assert_eq!(watch.look(start, at_rate(48_000), 3), None);
        assert_eq!(watch.look(start + TURN, at_rate(48_000), 12), None);
        assert_eq!(watch.look(start + TURN * 2, at_rate(48_000), 21), None);
        let audio = watch.look(start + TURN * 3, at_rate(48_000), 30);
        assert_eq!(audio, Some(at_rate(48_000)));
        // A pause changes nothing.
        let pause = watch.look(start + TURN * 90, at_rate(48_000), 30);
        assert_eq!(pause, Some(at_rate(48_000)));
    }

    #[test]
    fn a_few_blocks_while_loading_are_not() {
        let (mut watch, start) = (HostWatch::default(), Instant::now());
        assert_eq!(watch.look(start, at_rate(44_100), 0), None);
        for turn in 1..100 {
            assert_eq!(watch.look(start + TURN * turn, at_rate(44_100), 40), None);
        }
    }

    #[test]
    fn a_new_rate_counts_when_blocks_go_on_with_it() {
        let (mut watch, start) = (HostWatch::default(), Instant::now());
        for turn in 0..4 {
            let _ = watch.look(start + TURN * turn, at_rate(48_000), turn);
        }
        for turn in 4..7 {
            let audio = watch.look(start + TURN * turn, at_rate(96_000), turn);
            assert_eq!(audio, Some(at_rate(48_000)));
        }
        let audio = watch.look(start + TURN * 7, at_rate(96_000), 7);
        assert_eq!(audio, Some(at_rate(96_000)));
    }

    const TURN: Duration = Duration::from_millis(50);

    fn at_rate(rate: u32) -> Setup {
        Setup {
            channels: Channels(2),
            rate: SampleRate(rate),
            block: Frames(64),
        }
    }
}
