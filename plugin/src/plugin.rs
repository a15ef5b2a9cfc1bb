//! The plugin as a host sees it: activate, process, reset.

use std::sync::Arc;

use farsend_ipc::segment;
use farsend_units::{Channels, Frames, SampleRate};
use nice_plug::prelude::*;
use nice_plug_egui::EguiEditor;

use crate::editor::{EditorApp, create_editor};
use crate::insert::Insert;
use crate::link::{LinkSender, link};
use crate::shared::{Setup, Shared};
use crate::supervisor::{Environment, Supervision};

/// The plugin in CLAP: an insert of 1 to 64 channels.
pub type FarsendClap = Farsend<false>;

/// The plugin in VST3: a stereo insert. Its speaker arrangements have no names for wider ones.
pub type FarsendVst3 = Farsend<true>;

/// One instance. Neither making it nor activating it connects to anything: a thread of its own does,
/// when somebody wants it.
#[derive(Debug)]
pub struct Farsend<const STEREO_ONLY: bool> {
    shared: Arc<Shared>,
    insert: Insert,
    channels: usize,
    /// What the host was told.
    latency: u32,
    supervisor: Supervisor,
}

/// The instance's supervisor, from before its thread runs.
#[derive(Debug)]
enum Supervisor {
    /// The host has not activated the plugin yet; it may only be looking.
    Waiting(Option<LinkSender>),
    /// Its thread runs; it ends when this is dropped.
    Running(#[allow(dead_code, reason = "held for its Drop")] Supervision),
}

impl<const STEREO_ONLY: bool> Default for Farsend<STEREO_ONLY> {
    fn default() -> Self {
        let (sender, link) = link();
        Self {
            shared: Shared::new(),
            insert: Insert::new(link),
            channels: 2,
            latency: 0,
            supervisor: Supervisor::Waiting(Some(sender)),
        }
    }
}

impl<const STEREO_ONLY: bool> Farsend<STEREO_ONLY> {
    /// Starts the supervisor's thread, unless it runs.
    fn supervise(&mut self) {
        if let Supervisor::Waiting(sender) = &mut self.supervisor
            && let Some(sender) = sender.take()
        {
            let supervision =
                Supervision::start(Arc::clone(&self.shared), sender, Environment::read());
            self.supervisor = Supervisor::Running(supervision);
        }
    }
}

impl<const STEREO_ONLY: bool> Plugin for Farsend<STEREO_ONLY> {
    const NAME: &'static str = "Farsend";
    const VENDOR: &'static str = "Farsend";
    const URL: &'static str = "";
    const EMAIL: &'static str = "";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const AUDIO_IO_LAYOUTS: &'static [AudioIOLayout] = if STEREO_ONLY {
        LAYOUTS.split_at(1).0
    } else {
        &LAYOUTS
    };

    type Editor = EguiEditor<EditorApp>;
    type SysExMessage = ();
    /// Nothing: a task that is queued when its instance goes away would end the host.
    type BackgroundTask = ();

    fn params(&self) -> Arc<dyn Params> {
        self.shared.params.clone()
    }

    fn editor(&mut self, _: AsyncExecutor<Self>) -> Option<Self::Editor> {
        create_editor(Arc::clone(&self.shared))
    }

    fn activate(
        &mut self,
        layout: &AudioIOLayout,
        config: &BufferConfig,
        context: &mut impl ActivateContext<Self>,
    ) -> bool {
        self.channels = layout
            .main_output_channels
            .map_or(0, |channels| channels.get() as usize);
        self.insert.prepare(
            self.channels,
            config.max_buffer_size as usize,
            config.sample_rate,
        );
        self.shared.set_setup(Setup {
            channels: Channels(self.channels as u8),
            rate: SampleRate(config.sample_rate.round() as u32),
            block: Frames(config.max_buffer_size),
        });
        self.shared.note_start();
        self.latency = self.insert.latency();
        context.set_latency_samples(self.latency);
        self.supervise();
        true
    }

    fn reset(&mut self) {
        self.insert.reset();
    }

    fn process(
        &mut self,
        buffer: &mut Buffer<'_>,
        _: &mut AuxiliaryBuffers<'_>,
        context: &mut impl ProcessContext<Self>,
    ) -> ProcessStatus {
        self.shared.note_block();
        let transport = context.transport();
        self.insert.set_transport(segment::Transport {
            rolling: transport.playing,
            position: transport.pos_samples(),
        });
        let latency = self.insert.latency();
        if latency != self.latency {
            // The framework tells the host on its main thread, and asks it for a restart.
            self.latency = latency;
            context.set_latency_samples(latency);
        }
        self.insert
            .process(self.shared.params.gains(), buffer.as_slice());
        // The far end plays on when the input is silent.
        ProcessStatus::KeepAlive
    }
}

impl<const STEREO_ONLY: bool> ClapPlugin for Farsend<STEREO_ONLY> {
    const CLAP_ID: &'static str = "org.farsend.farsend";
    const CLAP_DESCRIPTION: Option<&'static str> =
        Some("Sends a track to a musician far away, and brings back what they play");
    const CLAP_MANUAL_URL: Option<&'static str> = None;
    const CLAP_SUPPORT_URL: Option<&'static str> = None;
    const CLAP_FEATURES: &'static [ClapFeature] = &[
        ClapFeature::AudioEffect,
        ClapFeature::Utility,
        ClapFeature::Stereo,
    ];
}

impl Vst3Plugin for Farsend<true> {
    const VST3_CLASS_ID: [u8; 16] = *b"FarsendInsert001";
    const VST3_SUBCATEGORIES: &'static [Vst3SubCategory] = &[
        Vst3SubCategory::Fx,
        Vst3SubCategory::Network,
        Vst3SubCategory::Stereo,
    ];
}

/// Stereo first: it is what a host takes when it does not ask.
const LAYOUTS: [AudioIOLayout; 7] = [
    layout(2, "Stereo"),
    layout(1, "Mono"),
    layout(4, "4 channels"),
    layout(8, "8 channels"),
    layout(16, "16 channels"),
    layout(32, "32 channels"),
    layout(64, "64 channels"),
];

const fn layout(channels: u32, name: &'static str) -> AudioIOLayout {
    AudioIOLayout {
        main_input_channels: NonZeroU32::new(channels),
        main_output_channels: NonZeroU32::new(channels),
        names: PortNames {
            layout: Some(name),
            ..PortNames::const_default()
        },
        ..AudioIOLayout::const_default()
    }
}
