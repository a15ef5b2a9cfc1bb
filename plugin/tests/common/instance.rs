//! An instance without a host: called by hand, and apart from all others.
#![allow(dead_code, reason = "no test needs all of it")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use farsend_ipc::runtime::RuntimeDir;
use farsend_plugin::insert::Insert;
use farsend_plugin::link::link;
use farsend_plugin::mix::Gains;
use farsend_plugin::shared::{Setup, Shared};
use farsend_plugin::situation::Situation;
use farsend_plugin::state::Session;
use farsend_plugin::supervisor::{Environment, Supervision};
use farsend_units::{Channels, Frames, SampleRate};

use super::common::{ECHO, wait_until};

/// Where an instance and an engine meet, apart from all others.
pub(crate) struct Place {
    pub(crate) directory: RuntimeDir,
    _above: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let above = tempfile::tempdir().unwrap();
        Self {
            directory: RuntimeDir::at(above.path().join("run")).unwrap(),
            _above: above,
        }
    }

    /// In which no engine can be started.
    pub(crate) fn environment(&self) -> Environment {
        Environment {
            engine: Some("/nonexistent/farsend".into()),
            runtime: Some(self.directory.path().into()),
            ..Environment::default()
        }
    }
}

/// An instance as the plugin has it, called by hand.
pub(crate) struct Instance {
    pub(crate) shared: Arc<Shared>,
    pub(crate) insert: Insert,
    _supervision: Supervision,
}

impl Instance {
    pub(crate) fn new(place: &Place) -> Self {
        Self::with(place.environment())
    }

    pub(crate) fn with(environment: Environment) -> Self {
        let (sender, link) = link();
        let shared = Shared::new();
        let mut insert = Insert::new(link);
        insert.prepare(2, 64, 48_000.0);
        let (channels, block) = (Channels(2), Frames(64));
        shared.set_setup(Setup {
            channels,
            rate: SampleRate::HZ_48000,
            block,
        });
        let supervision = Supervision::start(Arc::clone(&shared), sender, environment);
        Self {
            shared,
            insert,
            _supervision: supervision,
        }
    }

    pub(crate) fn want(&self, session: Session) {
        self.shared.params.session.set(session);
    }

    pub(crate) fn situation(&self) -> Situation {
        self.shared.view().situation
    }

    /// The last sample of what a block of `value` turns into.
    pub(crate) fn block(&mut self, value: f32) -> f32 {
        self.shared.note_block();
        let (mut left, mut right) = ([value; 64], [value; 64]);
        let gains = Gains {
            dry: 0.0,
            send: 1.0,
            returned: 1.0,
        };
        self.insert.process(gains, &mut [&mut left, &mut right]);
        left[63]
    }

    /// Plays for so long.
    pub(crate) fn play(&mut self, duration: Duration) {
        let start = Instant::now();
        while start.elapsed() < duration {
            let _ = self.block(0.5);
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Plays until the far end is heard, and tells how long that took.
    pub(crate) fn play_until_heard(&mut self) -> Duration {
        wait_until("the far end is heard", || self.block(0.5) == 0.5 * ECHO)
    }
}
