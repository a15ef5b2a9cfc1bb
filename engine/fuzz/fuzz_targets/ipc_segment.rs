//! A shared segment that somebody scribbles over: both ends go on, with audio that is finite.
#![no_main]

use std::fs::File;
use std::os::unix::fs::FileExt;

use farsend_ipc::segment::{EngineEnd, PluginEnd, SegmentConfig};
use farsend_units::{Channels, Frames, MonoTime, SampleRate};
use libfuzzer_sys::arbitrary::{self, Arbitrary, Result, Unstructured};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
enum Step {
    Exchange {
        frames: u8,
    },
    Take {
        frames: u8,
    },
    Skip {
        frames: u32,
    },
    Release {
        frames: u8,
    },
    /// Around where the engine is.
    TakeAt {
        off: i8,
        frames: u8,
    },
    ReleaseAt {
        off: i8,
        frames: u8,
    },
    /// A word of the header, or a sample.
    Scribble {
        at: u16,
        value: u64,
    },
    /// A position of the other side, a little off.
    Nudge {
        at: u8,
        value: i8,
    },
    Reopen,
    Look,
}

fuzz_target!(|bytes: &[u8]| {
    let _ = run(&mut Unstructured::new(bytes));
});

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    let config = SegmentConfig {
        send: Channels(input.int_in_range(0..=3)?),
        receive: Channels(input.int_in_range(0..=3)?),
        rate: SampleRate(48_000),
        capacity: Frames(64),
    };
    let (mut engine, handle) = EngineEnd::create(config).expect("a small segment can be made");
    let handles = || handle.try_clone().expect("a few descriptors can be had");
    let memory = File::from(handles().into_descriptors().0);
    let size = memory.metadata().expect("it is open").len();
    let mut plugin = PluginEnd::open(handles()).expect("nobody has touched it");
    let mut now = MonoTime::from_nanos(1);
    while !input.is_empty() {
        match input.arbitrary()? {
            Step::Exchange { frames } => {
                let send = vec![vec![0.5; frames.into()]; 2];
                let mut back = vec![vec![f32::NAN; frames.into()]; 2];
                let inputs: Vec<_> = send.iter().map(|channel| &channel[..]).collect();
                let mut outputs: Vec<_> = back.iter_mut().map(|channel| &mut channel[..]).collect();
                let _ = plugin.exchange(&inputs, &mut outputs);
                assert!(back.iter().flatten().all(|x| x.is_finite()));
            }
            Step::Take { frames } => {
                let mut out = vec![vec![f32::NAN; frames.into()]; 2];
                let mut channels: Vec<_> = out.iter_mut().map(|channel| &mut channel[..]).collect();
                let taken = engine.take(&mut channels).get();
                assert!(taken <= usize::from(frames));
                assert!(
                    out.iter()
                        .all(|channel| channel[..taken].iter().all(|x| x.is_finite()))
                );
            }
            Step::Skip { frames } => assert!(engine.skip(Frames(frames)).0 <= frames),
            Step::Release { frames } => {
                let audio = vec![vec![0.25; frames.into()]; 2];
                let audio: Vec<_> = audio.iter().map(|channel| &channel[..]).collect();
                let released = engine.release(&audio);
                assert!(released.written.get() <= usize::from(frames));
            }
            Step::TakeAt { off, frames } => {
                let mut out = vec![vec![f32::NAN; frames.into()]; 2];
                let mut channels: Vec<_> = out.iter_mut().map(|channel| &mut channel[..]).collect();
                let position = engine.taken().wrapping_add_signed(off.into());
                let taken = engine.take_at(position, &mut channels).get();
                assert!(taken <= usize::from(frames));
                assert!(out.iter().flatten().all(|x| x.is_finite()));
            }
            Step::ReleaseAt { off, frames } => {
                let audio = vec![vec![0.25; frames.into()]; 2];
                let audio: Vec<_> = audio.iter().map(|channel| &channel[..]).collect();
                let position = engine.host_call().map_or(0, |call| call.position);
                let position = position.wrapping_add_signed(off.into());
                let released = engine.release_at(position, &audio);
                assert!(released.written.get() <= usize::from(frames));
            }
            Step::Scribble { at, value } => {
                let at = u64::from(at) * 8 % size;
                let bytes = value.to_le_bytes();
                let room = usize::try_from(size - at).unwrap_or(8).min(8);
                memory
                    .write_all_at(&bytes[..room], at)
                    .expect("it can be written");
            }
            Step::Nudge { at, value } => {
                let at = u64::from(at) * 8 % 1100;
                let mut word = [0; 8];
                memory.read_exact_at(&mut word, at).expect("it can be read");
                let word = u64::from_le_bytes(word).wrapping_add_signed(value.into());
                memory
                    .write_all_at(&word.to_le_bytes(), at)
                    .expect("it can be written");
            }
            Step::Reopen => {
                if let Ok(opened) = PluginEnd::open(handles()) {
                    plugin = opened;
                }
            }
            Step::Look => {
                now = now + std::time::Duration::from_millis(1);
                engine.beat(now);
                engine.hush();
                let _ = (
                    engine.available(),
                    engine.fill(),
                    engine.room(),
                    engine.counts(),
                );
                let _ = (engine.host_block(), engine.host_call());
                let _ = (plugin.counts(), plugin.levels());
                let watch = plugin.watch();
                let _ = (watch.host_call(), watch.engine_silence(now), watch.counts());
            }
        }
        assert!(engine.available().0 <= 64 && engine.room().0 <= 64);
    }
    Ok(())
}
