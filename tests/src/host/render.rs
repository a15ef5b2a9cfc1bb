//! A host that renders: as fast as the plugin lets it, along its timeline.

use anyhow::{Context as _, Result};
use clack_host::events::event_types::{TransportEvent, TransportFlags};
use clack_host::events::{EventFlags, EventHeader};
use clack_host::prelude::*;
use clack_host::utils::{BeatTime, SecondsTime};

use super::Host;

impl Host {
    /// Renders from the beginning of its timeline on, in silence, as long as there are to be more blocks than so many.
    ///
    /// # Errors
    ///
    /// If the plugin refuses.
    pub fn render(&mut self, rate: u32, frames: u32, more: impl Fn(u32) -> bool) -> Result<()> {
        let configuration = PluginAudioConfiguration {
            sample_rate: f64::from(rate),
            min_frames_count: 1,
            max_frames_count: frames,
        };
        let stopped = self.instance.activate(|_, _| (), configuration)?;
        let started = stopped.start_processing().ok();
        let mut processor = started.context("the plugin refuses to start processing")?;
        let channels = usize::from(self.channels);
        let [mut inputs, mut outputs] =
            [(); 2].map(|()| vec![vec![0.0_f32; frames as usize]; channels]);
        let [mut input, mut output] = [(); 2].map(|()| AudioPorts::with_capacity(channels, 1));
        for block in (0..).take_while(|block| more(*block)) {
            let lanes = inputs.iter_mut().map(InputChannel::variable);
            let input = input.with_input_buffers([AudioPortBuffer {
                latency: 0,
                channels: AudioPortBufferType::f32_input_only(lanes),
            }]);
            let lanes = outputs.iter_mut().map(Vec::as_mut_slice);
            let mut output = output.with_output_buffers([AudioPortBuffer {
                latency: 0,
                channels: AudioPortBufferType::f32_output_only(lanes),
            }]);
            let at = f64::from(block) * f64::from(frames) / f64::from(rate);
            let (no_events, mut events) = (InputEvents::empty(), OutputEvents::void());
            let called = processor.process(
                &input,
                &mut output,
                &no_events,
                &mut events,
                None,
                Some(&rolling(at)),
            );
            called.context("process() failed")?;
        }
        self.instance.deactivate(processor.stop_processing());
        Ok(())
    }
}

/// A host that rolls, at so many seconds.
fn rolling(at: f64) -> TransportEvent {
    TransportEvent {
        header: EventHeader::new_core(0, EventFlags::empty()),
        flags: TransportFlags::HAS_SECONDS_TIMELINE | TransportFlags::IS_PLAYING,
        song_pos_beats: BeatTime::from_int(0),
        song_pos_seconds: SecondsTime::from_float(at),
        tempo: 120.0,
        tempo_inc: 0.0,
        loop_start_beats: BeatTime::from_int(0),
        loop_end_beats: BeatTime::from_int(0),
        loop_start_seconds: SecondsTime::from_int(0),
        loop_end_seconds: SecondsTime::from_int(0),
        bar_start: BeatTime::from_int(0),
        bar_number: 0,
        time_signature_numerator: 4,
        time_signature_denominator: 4,
    }
}
