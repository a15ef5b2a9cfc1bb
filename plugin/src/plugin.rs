//! The plugin as a host sees it: activate, process, reset.

use std::sync::Arc;

use farsend_ipc::message::MOST_OUTPUTS;
use farsend_ipc::segment;
use farsend_rt::clock;
use farsend_units::{Channels, Frames, SampleRate};
use nice_plug::prelude::*;
use nice_plug_egui::EguiEditor;

use crate::editor::{EditorApp, create_editor};
use crate::insert::Insert;
use crate::link::{LinkSender, link};
use crate::playback::{Pace, Playback, playback, waited};
use crate::shared::{Setup, Shared};
use crate::supervisor::{Environment, Supervision};
use crate::takes;
use crate::unread;
use crate::worker::{self, Mark};

/// The plugin in CLAP: an insert of 1 to 64 channels.
pub type FarsendClap = Farsend<false, 0>;

/// The plugin in VST3: a stereo insert. Its speaker arrangements have no names for wider ones.
pub type FarsendVst3 = Farsend<true, 0>;

/// In both formats: the same for a stereo track, with eight more stereo outputs, a player each.
pub type FarsendPlayers = Farsend<true, MOST_OUTPUTS>;

/// One instance. Neither making it nor activating it connects to anything: a thread of its own does,
/// when somebody wants it.
#[derive(Debug)]
pub struct Farsend<const STEREO_ONLY: bool, const OUTPUTS: usize> {
    shared: Arc<Shared>,
    insert: Insert,
    channels: usize,
    /// What the host was told.
    latency: u32,
    supervisor: Supervisor,
    /// Whether the host renders, by its calls and by what it says; and what is heard then.
    pace: Pace,
    offline: bool,
    rate: SampleRate,
    playback: Playback,
}

/// The instance's supervisor, from before its thread runs.
#[derive(Debug)]
enum Supervisor {
    /// The host has not activated the plugin yet; it may only be looking.
    Waiting(Option<LinkSender>),
    /// Its thread runs; it ends when this is dropped.
    Running(#[allow(dead_code, reason = "held for its Drop")] Supervision),
}

impl<const STEREO_ONLY: bool, const OUTPUTS: usize> Default for Farsend<STEREO_ONLY, OUTPUTS> {
    fn default() -> Self {
        let (sender, link) = link();
        let mut insert = Insert::with_more(link, 2 * OUTPUTS);
        let shared = Shared::with_outputs(OUTPUTS);
        let (playback, player) = playback(Arc::clone(shared.gap()));
        insert.play_takes(player);
        Self {
            shared,
            insert,
            channels: 2,
            latency: 0,
            supervisor: Supervisor::Waiting(Some(sender)),
            pace: Pace::default(),
            offline: false,
            rate: SampleRate::HZ_48000,
            playback,
        }
    }
}

impl<const STEREO_ONLY: bool, const OUTPUTS: usize> Farsend<STEREO_ONLY, OUTPUTS> {
    /// Starts the supervisor's thread, unless it runs.
    fn supervise(&mut self) {
        if let Supervisor::Waiting(sender) = &mut self.supervisor
            && let Some(sender) = sender.take()
        {
            let supervision =
                Supervision::start(Arc::clone(&self.shared), sender, Environment::read());
            self.supervisor = Supervisor::Running(supervision);
            let shared = Arc::clone(&self.shared);
            let told = Arc::clone(&self.shared);
            self.playback.start(
                move || takes::place(&shared),
                move |note| told.show(|view| view.rendered = note),
            );
        }
    }
}

impl<const STEREO_ONLY: bool, const OUTPUTS: usize> Plugin for Farsend<STEREO_ONLY, OUTPUTS> {
    const NAME: &'static str = if OUTPUTS > 0 {
        "Farsend Players"
    } else {
        "Farsend"
    };
    const VENDOR: &'static str = "Farsend";
    const URL: &'static str = "";
    const EMAIL: &'static str = "";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const AUDIO_IO_LAYOUTS: &'static [AudioIOLayout] = if OUTPUTS > 0 {
        &PLAYERS_LAYOUT
    } else if STEREO_ONLY {
        LAYOUTS.split_at(1).0
    } else {
        &LAYOUTS
    };

    type Editor = EguiEditor<EditorApp>;
    type SysExMessage = ();
    type BackgroundTask = Mark;

    fn task_executor(&mut self) -> TaskExecutor<Self> {
        Box::new(Mark::reach)
    }

    fn params(&self) -> Arc<dyn Params> {
        self.shared.params.clone()
    }

    fn editor(&mut self, executor: AsyncExecutor<Self>) -> Option<Self::Editor> {
        worker::offer(executor);
        unread::offer(&self.shared.params.session);
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
        self.offline = config.process_mode == ProcessMode::Offline;
        self.rate = SampleRate(config.sample_rate.round() as u32);
        self.supervise();
        true
    }

    fn reset(&mut self) {
        self.insert.reset();
    }

    fn process(
        &mut self,
        buffer: &mut Buffer<'_>,
        more: &mut AuxiliaryBuffers<'_>,
        context: &mut impl ProcessContext<Self>,
    ) -> ProcessStatus {
        self.shared.note_block();
        let block = Frames(buffer.samples() as u32).duration(self.rate);
        let rendering = self.pace.look(clock::now(), waited(), block, self.offline);
        self.insert
            .set_rendering(rendering && self.shared.params.render.value());
        let transport = context.transport();
        self.insert.set_transport(segment::Transport {
            rolling: transport.playing,
            recording: transport.recording,
            position: transport.pos_samples(),
        });
        let latency = self.insert.latency();
        if latency != self.latency {
            // The framework tells the host on its main thread, and asks it for a restart.
            self.latency = latency;
            context.set_latency_samples(latency);
        }
        let gains = self.shared.params.gains();
        let outputs = &mut *more.outputs;
        self.insert
            .process_with(gains, buffer.as_slice(), &mut |channel, at, samples| {
                let output = outputs.get_mut(channel / 2).map(Buffer::as_slice);
                let lane = output.and_then(|output| output.get_mut(channel % 2));
                let lane = lane.and_then(|lane| lane.get_mut(at..at + samples.len()));
                if let Some(lane) = lane {
                    lane.copy_from_slice(samples);
                }
            });
        // The far end plays on when the input is silent.
        ProcessStatus::KeepAlive
    }
}

impl<const STEREO_ONLY: bool, const OUTPUTS: usize> ClapPlugin for Farsend<STEREO_ONLY, OUTPUTS> {
    const CLAP_ID: &'static str = if OUTPUTS > 0 {
        "org.farsend.players"
    } else {
        "org.farsend.farsend"
    };
    const CLAP_DESCRIPTION: Option<&'static str> = Some(if OUTPUTS > 0 {
        "Sends a track to musicians far away, and brings back what each of them plays, at an output of their own"
    } else {
        "Sends a track to a musician far away, and brings back what they play"
    });
    const CLAP_MANUAL_URL: Option<&'static str> = None;
    const CLAP_SUPPORT_URL: Option<&'static str> = None;
    const CLAP_FEATURES: &'static [ClapFeature] = &[
        ClapFeature::AudioEffect,
        ClapFeature::Utility,
        ClapFeature::Stereo,
    ];
}

impl<const OUTPUTS: usize> Vst3Plugin for Farsend<true, OUTPUTS> {
    const VST3_CLASS_ID: [u8; 16] = if OUTPUTS > 0 {
        *b"FarsendPlayers01"
    } else {
        *b"FarsendInsert001"
    };
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

/// A stereo track, and a stereo output for each of eight players.
const PLAYERS_LAYOUT: [AudioIOLayout; 1] = [AudioIOLayout {
    aux_output_ports: &[new_nonzero_u32(2); MOST_OUTPUTS],
    names: PortNames {
        layout: Some("Stereo and 8 players"),
        aux_outputs: &[
            "Player 1", "Player 2", "Player 3", "Player 4", "Player 5", "Player 6", "Player 7",
            "Player 8",
        ],
        ..PortNames::const_default()
    },
    ..layout(2, "Stereo")
}];

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
