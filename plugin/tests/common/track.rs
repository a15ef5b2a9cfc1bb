//! A track of a host with the CLAP on it: loaded from this test's own code, called in any order.

use std::ffi::CString;
use std::io::Cursor;

use clack_extensions::audio_ports::{AudioPortInfoBuffer, PluginAudioPorts};
use clack_extensions::audio_ports_config::{AudioPortsConfigBuffer, PluginAudioPortsConfig};
use clack_extensions::latency::PluginLatency;
use clack_extensions::params::PluginParams;
use clack_extensions::state::PluginState;
use clack_host::events::event_types::{ParamValueEvent, TransportEvent, TransportFlags};
use clack_host::events::{EventFlags, EventHeader};
use clack_host::prelude::*;
use clack_host::process::StartedPluginAudioProcessor;
use clack_host::utils::{BeatTime, ClapId, SecondsTime};

/// One instance on a track.
pub(crate) struct Track {
    // Before the instance, that it is dropped first.
    processor: Option<StartedPluginAudioProcessor<Host>>,
    instance: PluginInstance<Host>,
    channels: usize,
    /// Stereo output ports beside the track's own.
    more: usize,
    events: Vec<(ClapId, f64)>,
    /// Where its host's timeline is at the next block, in seconds, while it rolls.
    pub(crate) rolls_at: Option<f64>,
    /// Whether its host records while it does.
    pub(crate) records: bool,
}

pub(crate) struct Host;
pub(crate) struct Shared;

impl HostHandlers for Host {
    type Shared<'a> = Shared;
    type MainThread<'a> = ();
    type AudioProcessor<'a> = ();
}

impl SharedHandler<'_> for Shared {
    fn request_restart(&self) {}
    fn request_process(&self) {}
    fn request_callback(&self) {}
}

impl Track {
    pub(crate) fn new() -> Self {
        Self::of(0, "org.farsend.farsend")
    }

    /// With the plugin at this index of the library, which is to be this one.
    pub(crate) fn of(index: u32, expected: &str) -> Self {
        // SAFETY: it is this crate's own entry, and sound to call.
        let entry = unsafe { PluginEntry::load_from_raw(&farsend_plugin::clap_entry, c"") };
        let entry = entry.unwrap();
        let factory = entry.get_plugin_factory().unwrap();
        assert_eq!(factory.plugin_count(), 2);
        let descriptor = factory.plugin_descriptor(index).unwrap();
        let id = CString::from(descriptor.id().unwrap());
        assert_eq!(id.to_str(), Ok(expected));
        let info = HostInfo::new("test", "test", "", "0").unwrap();
        let instance = PluginInstance::new(|_| Shared, |_| (), &entry, &id, &info).unwrap();
        Self {
            processor: None,
            instance,
            channels: 2,
            more: 8 * index as usize,
            events: Vec::new(),
            rolls_at: None,
            records: false,
        }
    }

    /// Chooses the layout with so many channels in and out.
    pub(crate) fn select(&mut self, channels: u32) -> bool {
        let plugin = self.instance.plugin_handle();
        let layouts: PluginAudioPortsConfig = plugin.get_extension().unwrap();
        let mut buffer = AudioPortsConfigBuffer::new();
        let id = (0..layouts.count(&plugin)).find_map(|index| {
            let layout = layouts.get(&plugin, index, &mut buffer)?;
            let (input, output) = (layout.main_input?, layout.main_output?);
            ((input.channel_count, output.channel_count) == (channels, channels))
                .then_some(layout.id)
        });
        self.channels = channels as usize;
        id.is_some_and(|id| layouts.select(&plugin, id).is_ok())
    }

    /// The channels of each output port.
    pub(crate) fn output_ports(&mut self) -> Vec<u32> {
        let plugin = self.instance.plugin_handle();
        let ports: PluginAudioPorts = plugin.get_extension().unwrap();
        let mut buffer = AudioPortInfoBuffer::new();
        (0..ports.count(&plugin, false))
            .filter_map(|index| {
                let port = ports.get(&plugin, index, false, &mut buffer)?;
                Some(port.channel_count)
            })
            .collect()
    }

    pub(crate) fn layouts(&mut self) -> u32 {
        let plugin = self.instance.plugin_handle();
        let layouts: PluginAudioPortsConfig = plugin.get_extension().unwrap();
        layouts.count(&plugin)
    }

    pub(crate) fn activate(&mut self, rate: f64, frames: u32) {
        let configuration = PluginAudioConfiguration {
            sample_rate: rate,
            min_frames_count: 1,
            max_frames_count: frames,
        };
        let stopped = self.instance.activate(|_, _| (), configuration).unwrap();
        self.processor = Some(stopped.start_processing().unwrap());
    }

    pub(crate) fn deactivate(&mut self) {
        let processor = self.processor.take().unwrap();
        self.instance.deactivate(processor.stop_processing());
    }

    /// Starts and stops, as a host does for a pause.
    pub(crate) fn pause(&mut self) {
        let stopped = self.processor.take().unwrap().stop_processing();
        self.processor = Some(stopped.start_processing().unwrap());
    }

    pub(crate) fn reset(&mut self) {
        self.processor.as_mut().unwrap().reset();
    }

    /// Sets a parameter with the next block.
    pub(crate) fn set(&mut self, name: &str, value: f64) {
        let id = self
            .parameters()
            .into_iter()
            .find(|(_, known)| known == name)
            .unwrap()
            .0;
        self.events.push((id, value));
    }

    pub(crate) fn parameters(&mut self) -> Vec<(ClapId, String)> {
        let plugin = self.instance.plugin_handle();
        let params: PluginParams = plugin.get_extension().unwrap();
        let mut buffer = clack_extensions::params::ParamInfoBuffer::new();
        (0..params.count(&plugin))
            .map(|index| {
                let info = params.get_info(&plugin, index, &mut buffer).unwrap();
                (info.id, String::from_utf8_lossy(info.name).into_owned())
            })
            .collect()
    }

    pub(crate) fn parameter(&mut self, name: &str) -> f64 {
        let id = self
            .parameters()
            .into_iter()
            .find(|(_, known)| known == name)
            .unwrap()
            .0;
        let plugin = self.instance.plugin_handle();
        let params: PluginParams = plugin.get_extension().unwrap();
        params.get_value(&plugin, id).unwrap()
    }

    /// The last sample of each channel of what a block of `value` turns into.
    pub(crate) fn block(&mut self, frames: usize, value: f32) -> Vec<f32> {
        let mut inputs = vec![vec![value; frames]; self.channels];
        let mut outputs = vec![vec![f32::NAN; frames]; self.channels + 2 * self.more];
        let mut ports = (
            AudioPorts::with_capacity(64, 1),
            AudioPorts::with_capacity(64, 1 + self.more),
        );
        let mut events = EventBuffer::new();
        for (id, value) in self.events.drain(..) {
            let at = ParamValueEvent::new(0, id, Pckn::match_all(), value);
            events.push(&at);
        }
        let channels = inputs.iter_mut().map(InputChannel::variable);
        let input = ports.0.with_input_buffers([AudioPortBuffer {
            latency: 0,
            channels: AudioPortBufferType::f32_input_only(channels),
        }]);
        let (own, more) = outputs.split_at_mut(self.channels);
        let all: Vec<_> = std::iter::once(own).chain(more.chunks_mut(2)).collect();
        let mut output = ports
            .1
            .with_output_buffers(all.into_iter().map(|port| AudioPortBuffer {
                latency: 0,
                channels: AudioPortBufferType::f32_output_only(
                    port.iter_mut().map(Vec::as_mut_slice),
                ),
            }));
        let processor = self.processor.as_mut().unwrap();
        let (events, mut told) = (events.as_input(), OutputEvents::void());
        processor
            .process(
                &input,
                &mut output,
                &events,
                &mut told,
                None,
                self.rolls_at.map(|at| rolling(at, self.records)).as_ref(),
            )
            .unwrap();
        outputs
            .iter()
            .map(|channel| channel.last().copied().unwrap_or(0.0))
            .collect()
    }

    pub(crate) fn save(&mut self) -> Vec<u8> {
        let plugin = self.instance.plugin_handle();
        let state: PluginState = plugin.get_extension().unwrap();
        let mut bytes = Vec::new();
        state.save(&plugin, &mut bytes).unwrap();
        bytes
    }

    pub(crate) fn load(&mut self, bytes: &[u8]) -> bool {
        let plugin = self.instance.plugin_handle();
        let state: PluginState = plugin.get_extension().unwrap();
        state.load(&plugin, &mut Cursor::new(bytes)).is_ok()
    }

    pub(crate) fn latency(&mut self) -> u32 {
        let plugin = self.instance.plugin_handle();
        let latency: PluginLatency = plugin.get_extension().unwrap();
        latency.get(&plugin)
    }
}

impl Drop for Track {
    fn drop(&mut self) {
        if self.processor.is_some() {
            self.deactivate();
        }
    }
}

/// A host that rolls, at so many seconds.
fn rolling(at: f64, records: bool) -> TransportEvent {
    let recording = match records {
        true => TransportFlags::IS_RECORDING,
        false => TransportFlags::empty(),
    };
    TransportEvent {
        header: EventHeader::new_core(0, EventFlags::empty()),
        flags: TransportFlags::HAS_SECONDS_TIMELINE | TransportFlags::IS_PLAYING | recording,
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

/// A state as the framework writes it: a length and JSON, with a session of ours inside.
pub(crate) fn state_with(session: &str) -> Vec<u8> {
    let fields = serde_json::json!({ "session": session });
    let state = serde_json::json!({ "version": "0.1.0", "params": {}, "fields": fields });
    let text = state.to_string();
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}
