//! Any packets, blocks and calls in any order: every block is filled, with audio.
#![no_main]

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use farsend_stream::{BufferConfig, Conceal, DepthPolicy, JitterBuffer, Kernels, Origin};
use farsend_units::{Channels, Frames, MonoTime, SampleRate};
use farsend_wire::jacktrip::RATES;
use libfuzzer_sys::arbitrary::{self, Arbitrary, Result, Unstructured};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Clone, Copy, Arbitrary)]
enum How {
    Direct,
    Copy,
    Repaired,
}

impl From<How> for Origin {
    fn from(how: How) -> Self {
        match how {
            How::Direct => Self::Direct,
            How::Copy => Self::Copy,
            How::Repaired => Self::Repaired,
        }
    }
}

/// Those for which there are kernels, and any.
#[derive(Debug, Arbitrary)]
enum Rate {
    Nominal(u8),
    Any(u32),
}

impl From<Rate> for SampleRate {
    fn from(rate: Rate) -> Self {
        match rate {
            Rate::Nominal(which) => RATES[usize::from(which) % RATES.len()],
            Rate::Any(rate) => Self(rate),
        }
    }
}

const OWN: [SampleRate; 3] = [
    SampleRate::HZ_48000,
    SampleRate::HZ_44100,
    SampleRate::HZ_192000,
];

/// Those of `own`, made once.
fn kernels(own: SampleRate) -> &'static Arc<Kernels> {
    static ALL: LazyLock<[Arc<Kernels>; 3]> =
        LazyLock::new(|| OWN.map(|own| Arc::new(Kernels::new(own, &RATES))));
    &ALL[OWN.iter().position(|rate| *rate == own).unwrap_or_default()]
}

#[derive(Debug, Arbitrary)]
enum Step {
    Next {
        later: u16,
        by: i8,
        origin: How,
        level: f32,
    },
    Jump {
        to: i64,
    },
    Pull {
        frames: u16,
        channels: u8,
    },
    Settle {
        ahead: u16,
        block: u16,
    },
    /// As a backend does it each period.
    Period,
    Format {
        rate: Rate,
        period: u16,
        channels: u8,
    },
    /// 0: automatic.
    Depth {
        queue: u16,
    },
    Reset,
    FadeOut,
    Sparing(bool),
    Company(u8),
}

fuzz_target!(|bytes: &[u8]| {
    let _ = run(&mut Unstructured::new(bytes));
});

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    // Now and then a buffer of many megabytes, which takes most of the time.
    let large = input.ratio(1, 64)?;
    let queues: &[u16] = if large {
        &[1000, u16::MAX]
    } else {
        &[0, 1, 2, 4, 10]
    };
    let blocks: &[u32] = if large {
        &[8192, u32::MAX]
    } else {
        &[0, 1, 64, 64, 128, 441]
    };
    let config = BufferConfig {
        channels: Channels(input.int_in_range(0..=2)?),
        rate: *input.choose(&OWN)?,
        depth: match *input.choose(queues)? {
            0 => DepthPolicy::AUTO,
            queue => DepthPolicy::Fixed(queue),
        },
        block: Frames(*input.choose(blocks)?),
        conceal: *input.choose(&[
            Conceal::Predict,
            Conceal::Fade,
            Conceal::Zero,
            Conceal::Wavetable,
        ])?,
    };
    let mut buffer = JitterBuffer::new(config, kernels(config.rate));
    let mut now = MonoTime::from_nanos(0);
    let mut number = 0_i64;
    let mut audio = vec![vec![0.0_f32; 8192]; 4];
    let period = Frames(*input.choose(&[1, 64, 64, 128, 1024])?);
    let _ = buffer.set_format(config.rate, period, Channels(2));
    while !input.is_empty() {
        buffer.prefetch();
        buffer.prefetch_pull();
        match input.arbitrary()? {
            Step::Next {
                later,
                by,
                origin,
                level,
            } => {
                now = now + Duration::from_micros(u64::from(later));
                number = number.saturating_add(by.into());
                buffer.insert(number, now, origin.into(), &mut |_, out| out.fill(level));
            }
            Step::Jump { to } => number = to,
            Step::Pull { frames, channels } => {
                pull(&mut buffer, &mut audio, frames.into(), channels.into());
            }
            Step::Settle { ahead, block } => {
                buffer.settle(now, Frames(ahead.into()), Frames(block.into()));
            }
            Step::Period => {
                buffer.settle(now, Frames::ZERO, Frames(64));
                pull(&mut buffer, &mut audio, 64, config.channels.get());
            }
            Step::Format {
                rate,
                period,
                channels,
            } => {
                let _ = buffer.set_format(rate.into(), Frames(period.into()), Channels(channels));
            }
            Step::Depth { queue } => buffer.set_depth(match queue {
                0 => DepthPolicy::AUTO,
                queue => DepthPolicy::Fixed(queue),
            }),
            Step::Reset => buffer.reset(),
            Step::FadeOut => buffer.fade_out(),
            Step::Sparing(sparing) => buffer.set_sparing(sparing),
            Step::Company(streams) => buffer.set_company(usize::from(streams)),
        }
        let _ = (
            buffer.ready(),
            buffer.queued(),
            buffer.target(),
            buffer.drift(),
            buffer.counts(),
        );
    }
    Ok(())
}

/// What is let in is 256 at the most; what is invented, and the resampler's overshoot, is somewhat more.
const MOST: f32 = 4096.0;

fn pull(buffer: &mut JitterBuffer, audio: &mut [Vec<f32>], frames: usize, channels: usize) {
    let frames = frames.min(8192);
    let mut out: Vec<&mut [f32]> = audio
        .iter_mut()
        .take(channels)
        .map(|channel| &mut channel[..frames])
        .collect();
    out.iter_mut().for_each(|channel| channel.fill(f32::NAN));
    let _ = buffer.pull(&mut out);
    assert!(
        out.iter()
            .all(|channel| channel.iter().all(|x| x.abs() <= MOST))
    );
}
