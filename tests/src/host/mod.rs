//! A plugin host without a sound card: it loads a CLAP and calls it in real time, as a DAW would.
//!
//! ```text
//! main thread                                audio thread (real-time priority where allowed)
//!   load, state, layout ──▶ perform ──spawn──▶  every period: sleep until its time, process(), note
//!   meanwhile(): callbacks, the test's own       how late it was called, how long it took, whether
//!   doing, opens the gate        ◀──join──      anything was allocated; keeps what came out
//! ```

pub mod allocations;
pub mod crowd;
mod handlers;
pub mod perform;
mod render;

use std::ffi::CString;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;

use anyhow::{Context as _, Result, ensure};
use clack_extensions::audio_ports_config::{AudioPortsConfigBuffer, PluginAudioPortsConfig};
use clack_extensions::latency::PluginLatency;
use clack_extensions::params::{ParamInfoBuffer, PluginParams};
use clack_extensions::state::PluginState;
use clack_host::events::event_types::ParamValueEvent;
use clack_host::prelude::*;

use serde_json::Value;

use handlers::{Handlers, MainThread, Shared};
pub use perform::{Call, Plan, Progress, Take};

/// One instance of a plugin, on the thread that made it.
pub struct Host {
    instance: PluginInstance<Handlers>,
    channels: u8,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Host")
            .field("channels", &self.channels)
            .finish_non_exhaustive()
    }
}

impl Host {
    /// Loads the first plugin of a CLAP file and makes an instance of it, in its default layout.
    ///
    /// # Errors
    ///
    /// If the file is no CLAP, or the plugin cannot be made.
    pub fn load(file: &Path) -> Result<Host> {
        // SAFETY: loading runs the library's initializers; it is our own plugin, made to be loaded by hosts.
        #[allow(unsafe_code, reason = "a host loads native code")]
        let entry = unsafe { PluginEntry::load(file) };
        let entry =
            entry.with_context(|| format!("{} cannot be loaded as a CLAP", file.display()))?;
        let factory = entry
            .get_plugin_factory()
            .context("there is no plugin in it")?;
        let descriptor = factory
            .plugin_descriptors()
            .next()
            .context("there is no plugin in it")?;
        let id = CString::from(descriptor.id().context("the plugin has no id")?);
        let info = HostInfo::new(
            "Farsend laboratory",
            "Farsend",
            "",
            env!("CARGO_PKG_VERSION"),
        )?;
        let instance =
            PluginInstance::new(|_| Shared::default(), |_| MainThread, &entry, &id, &info)?;
        Ok(Host {
            instance,
            channels: 2,
        })
    }

    /// Channels in and out of the layout in use.
    pub fn channels(&self) -> u8 {
        self.channels
    }

    /// Chooses the layout with this many channels in and out.
    ///
    /// # Errors
    ///
    /// If the plugin has none such.
    pub fn select_channels(&mut self, channels: u8) -> Result<()> {
        let plugin = self.instance.plugin_handle();
        let layouts: PluginAudioPortsConfig = plugin
            .get_extension()
            .context("the plugin has one layout only")?;
        let mut buffer = AudioPortsConfigBuffer::new();
        let wanted = |layout: &clack_extensions::audio_ports_config::AudioPortsConfiguration<
            '_,
        >| {
            let count = |port: &Option<clack_extensions::audio_ports_config::MainPortInfo<'_>>| {
                port.as_ref().map_or(0, |port| port.channel_count)
            };
            count(&layout.main_input) == u32::from(channels)
                && count(&layout.main_output) == u32::from(channels)
        };
        let ids = (0..layouts.count(&plugin)).filter_map(|index| {
            let layout = layouts.get(&plugin, index, &mut buffer)?;
            wanted(&layout).then_some(layout.id)
        });
        let id = ids
            .into_iter()
            .next()
            .with_context(|| format!("no layout of {channels} channels"))?;
        layouts
            .select(&plugin, id)
            .ok()
            .context("the plugin refuses this layout")?;
        self.channels = channels;
        Ok(())
    }

    /// The plugin's state, as a session would save it.
    ///
    /// # Errors
    ///
    /// If the plugin has none or fails to write it.
    pub fn state(&mut self) -> Result<Vec<u8>> {
        let plugin = self.instance.plugin_handle();
        let extension: PluginState = plugin.get_extension().context("the plugin has no state")?;
        let mut bytes = Vec::new();
        extension.save(&plugin, &mut bytes)?;
        Ok(bytes)
    }

    /// Gives the plugin a saved state.
    ///
    /// # Errors
    ///
    /// If the plugin refuses it.
    pub fn set_state(&mut self, bytes: &[u8]) -> Result<()> {
        let plugin = self.instance.plugin_handle();
        let extension: PluginState = plugin.get_extension().context("the plugin has no state")?;
        let mut reader = bytes;
        extension.load(&plugin, &mut reader)?;
        Ok(())
    }

    /// Gives the plugin the session that it shall want: a JSON object of fields that go over its defaults, such as
    /// `{"connected": true, "role": "client", "host": "10.0.0.7"}`.
    ///
    /// # Errors
    ///
    /// If its state is not as Farsend's is.
    pub fn want_session(&mut self, fields: &Value) -> Result<()> {
        self.want(fields, &Value::Null)
    }

    /// The same, with parameters as the state has them: `{"mode": {"string": "send"}}`.
    ///
    /// # Errors
    ///
    /// If its state is not as Farsend's is.
    pub fn want(&mut self, fields: &Value, parameters: &Value) -> Result<()> {
        // A length of eight bytes, then JSON.
        let saved = self.state()?;
        let json = saved.get(8..).context("its state is too short")?;
        let mut state: Value = serde_json::from_slice(json).context("its state is not JSON")?;
        let place = state
            .pointer_mut("/fields/session")
            .context("there is no session in its state")?;
        *place = Value::String(fields.to_string());
        for (name, value) in parameters.as_object().into_iter().flatten() {
            state["params"][name] = value.clone();
        }
        let json = state.to_string();
        self.set_state(&[&(json.len() as u64).to_le_bytes(), json.as_bytes()].concat())
    }

    /// Sets a parameter, by its name, as from the host's own list of them. Not while it performs.
    ///
    /// # Errors
    ///
    /// If there is none of this name.
    pub fn set_parameter(&mut self, name: &str, value: f64) -> Result<()> {
        let plugin = self.instance.plugin_handle();
        let params: PluginParams = plugin.get_extension().context("it has no parameters")?;
        let mut buffer = ParamInfoBuffer::new();
        let id = (0..params.count(&plugin)).find_map(|index| {
            let info = params.get_info(&plugin, index, &mut buffer)?;
            (info.name == name.as_bytes()).then_some(info.id)
        });
        let id = id.with_context(|| format!("there is no parameter {name}"))?;
        let mut events = EventBuffer::new();
        events.push(&ParamValueEvent::new(0, id, Pckn::match_all(), value));
        let mut told = OutputEvents::void();
        let mut plugin = self
            .instance
            .inactive_plugin_handle()
            .context("it performs")?;
        params.flush(&mut plugin, &events.as_input(), &mut told);
        Ok(())
    }

    /// The latency that the plugin reports, in frames.
    pub fn latency(&mut self) -> u32 {
        let plugin = self.instance.plugin_handle();
        let extension: Option<PluginLatency> = plugin.get_extension();
        extension.map_or(0, |latency| latency.get(&plugin))
    }

    /// What a host's main thread does between other things: the callback, if the plugin asked for it.
    pub fn idle(&mut self) {
        let asked = self
            .instance
            .access_shared_handler(|shared| shared.callback.swap(false, Relaxed));
        if asked {
            self.instance.call_on_main_thread_callback();
        }
    }

    /// Calls the plugin in real time as `plan` says, and `meanwhile` on this thread some hundred times a
    /// second; see [`perform`].
    ///
    /// # Errors
    ///
    /// If the plugin refuses to be activated, or `meanwhile` fails.
    pub fn perform(
        &mut self,
        plan: &Plan,
        meanwhile: impl FnMut(&Progress) -> Result<()>,
    ) -> Result<Take> {
        ensure!(
            plan.input.len() <= usize::from(self.channels),
            "more input than the layout has channels"
        );
        perform::run(self, plan, meanwhile)
    }
}
