//! Delays that make what comes out exactly as late as the host was told.
//!
//! ```text
//!   input ───────[ latency ]──────▶ + ──▶ output        all of it `latency` late
//!   far end ──▶──[ hold back ]────▶ ┘                   loop + hold back = latency
//! ```
//! Made by the supervisor, used by the audio thread. Nothing there allocates, locks or waits.

use farsend_rt::{MailboxReader, MailboxSender, mailbox};

/// Both halves: the supervisor's and the audio thread's.
pub fn delays() -> (DelaySender, DelayReader) {
    let ((dry, dries), (returned, returns)) = (mailbox(), mailbox());
    (
        DelaySender { dry, returned },
        DelayReader {
            dry: dries,
            returned: returns,
        },
    )
}

/// The supervisor's half.
#[derive(Debug)]
pub struct DelaySender {
    dry: MailboxSender<Lines>,
    returned: MailboxSender<Lines>,
}

impl DelaySender {
    /// From now on the host is told of so many frames, and the input that passes is so late. Allocates.
    pub fn set_latency(&mut self, channels: usize, frames: usize) {
        drop(self.dry.install(Box::new(Lines::new(channels, frames))));
    }

    /// From now on what comes back is held back by so many frames. Allocates.
    pub fn hold_back(&mut self, channels: usize, frames: usize) {
        drop(
            self.returned
                .install(Box::new(Lines::new(channels, frames))),
        );
    }

    /// Drops what the audio thread has given back.
    pub fn collect(&mut self) {
        drop(self.dry.collect());
        drop(self.returned.collect());
    }
}

/// The audio thread's half.
#[derive(Debug)]
pub struct DelayReader {
    dry: MailboxReader<Lines>,
    returned: MailboxReader<Lines>,
}

impl DelayReader {
    /// Takes what is new. Gives the latency that the host is to be told. Wait-free; at the start of a block.
    pub fn refresh(&mut self) -> u32 {
        self.returned.refresh();
        let dry = self.dry.newest();
        dry.map_or(0, |lines| u32::try_from(lines.frames).unwrap_or(u32::MAX))
    }

    /// The delays of the input that passes, and of what comes back.
    pub fn lines(&mut self) -> [Option<&mut Lines>; 2] {
        [self.dry.current(), self.returned.current()]
    }

    /// As if nothing had gone through: what is in them is not heard any more.
    pub fn reset(&mut self) {
        for lines in self.lines().into_iter().flatten() {
            lines
                .lines
                .iter_mut()
                .for_each(|line| line.stale = line.ring.len());
        }
    }
}

/// One delay for some channels.
#[derive(Debug)]
pub struct Lines {
    frames: usize,
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    ring: Vec<f32>,
    at: usize,
    /// Frames to come that are from before.
    stale: usize,
}

impl Lines {
    /// Of so many frames each. Allocates.
    pub fn new(channels: usize, frames: usize) -> Self {
        let line = || Line {
            ring: vec![0.0; frames],
            at: 0,
            stale: 0,
        };
        Self {
            frames,
            lines: (0..channels).map(|_| line()).collect(),
        }
    }

    /// Delays what goes through this channel, in place. A channel that there is no line for passes as it is.
    pub fn run(&mut self, channel: usize, samples: &mut [f32]) {
        let Some(line) = self
            .lines
            .get_mut(channel)
            .filter(|line| !line.ring.is_empty())
        else {
            return;
        };
        let mut rest = samples;
        while !rest.is_empty() {
            let count = rest.len().min(line.ring.len() - line.at);
            let (part, after) = rest.split_at_mut(count);
            part.swap_with_slice(&mut line.ring[line.at..line.at + count]);
            let stale = line.stale.min(count);
            part[..stale].fill(0.0);
            line.stale -= stale;
            line.at = (line.at + count) % line.ring.len();
            rest = after;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(lines: &mut Lines, from: usize, count: usize) -> Vec<f32> {
        let mut block: Vec<f32> = (from..from + count)
            .map(|frame| frame as f32 + 1.0)
            .collect();
        lines.run(0, &mut block);
        block
    }

    #[test]
    fn what_goes_in_comes_out_so_many_frames_later_in_blocks_of_any_size() {
        for frames in [0, 1, 5, 64, 1000] {
            let mut lines = Lines::new(1, frames);
            let (mut at, mut heard) = (0, Vec::new());
            for count in [0, 1, 3, 64, 1, 700, 2000, 5] {
                heard.extend(run(&mut lines, at, count));
                at += count;
            }
            for (frame, sample) in heard.iter().enumerate() {
                let expected = (frame + 1).saturating_sub(frames) as f32;
                assert_eq!(*sample, expected, "{frames} frames, at {frame}");
            }
        }
    }

    #[test]
    fn after_a_reset_nothing_from_before_is_heard() {
        let (mut sender, mut reader) = delays();
        sender.set_latency(1, 10);
        assert_eq!(reader.refresh(), 10);
        let [dry, returned] = reader.lines();
        assert!(returned.is_none());
        run(dry.unwrap(), 0, 25);
        reader.reset();
        let [dry, _] = reader.lines();
        let heard = run(dry.unwrap(), 100, 12);
        assert_eq!(heard[..10], [0.0; 10]);
        assert_eq!(heard[10..], [101.0, 102.0]);
    }

    #[test]
    fn a_channel_that_there_is_no_line_for_passes() {
        let mut lines = Lines::new(1, 10);
        let mut block = [0.5; 4];
        lines.run(7, &mut block);
        assert_eq!(block, [0.5; 4]);
    }
}
