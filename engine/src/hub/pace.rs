//! Who paces the hub's audio thread: the machine's clock, or the sound server that the hub is heard through.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use std::time::Duration;

use farsend_rt::{clock, promote_current_thread};
use farsend_units::{Frames, SampleRate};

use super::files::Files;
use super::floor::Floor;
use super::hosted::HostedFloor;
use super::instances::Lend;
use super::local::Stage;
use super::{HubSettings, Through};
use crate::backend::AUDIO_PRIORITY;
use crate::backend::jack::{JackBackend, JackEvent, OpenClient};
use crate::backend::timer::Beat;
use crate::engine::RunError;

/// How the hub hears and speaks itself.
#[derive(Debug)]
pub(super) enum Voice {
    /// Not at all.
    None,
    /// Through JACK, which keeps the time then.
    Jack(OpenClient),
    /// By files.
    Files(Box<Files>),
    /// By the plugin's instances, whose session's thread keeps the time and gives all back at its end.
    Instances(Lend),
}

/// A floor under way.
#[derive(Debug)]
pub(super) enum Pacer {
    /// A thread that keeps the machine's time.
    Timer {
        stop: Arc<AtomicBool>,
        late: Arc<AtomicU64>,
        thread: JoinHandle<Floor>,
    },
    /// JACK's process callback.
    Jack(JackBackend<Stage>),
    /// Somebody else's thread, who gives it back.
    Lent(Receiver<Box<HostedFloor>>),
}

/// What the sound server has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paused {
    /// It ended: the hub stands until it is back.
    Gone,
    /// It is back, and the hub goes on.
    Back,
    /// It is back at another rate, for which all would have to be made anew.
    RateChanged { to: SampleRate },
    /// It is there and has no cycles.
    Stands,
    /// It has them again.
    GoesOn,
    /// Its blocks are of another size; the mix's are not.
    Period { to: Frames },
}

impl Pacer {
    /// Starts the floor.
    ///
    /// # Errors
    /// No thread, or the sound server does not want us.
    pub(super) fn start(
        floor: Floor,
        settings: &HubSettings,
        voice: Voice,
    ) -> Result<Self, RunError> {
        let files = match (voice, &settings.local) {
            (Voice::Jack(sound), Some(local)) => {
                let stage = Stage::new(floor, local.channels, settings.period);
                let connect = matches!(local.through, Through::Jack { connect: true, .. });
                let channels = local.channels;
                let backend = sound.start(Box::new(stage), channels, channels, connect)?;
                return Ok(Self::Jack(backend));
            }
            (Voice::Instances(lend), _) => {
                let Lend { to, back, numbers } = lend;
                // Whoever is to have it waits for it, or has given up, and then nobody comes in.
                _ = to.send(Box::new(HostedFloor::new(floor, settings, numbers)));
                return Ok(Self::Lent(back));
            }
            (Voice::Files(files), _) => Some(files),
            _ => None,
        };
        let (stop, late) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let thread = keep_time(floor, files, settings.rate, settings.period, &stop, &late);
        let thread = thread.map_err(|source| RunError::System {
            what: "an audio thread",
            source,
        })?;
        Ok(Self::Timer { stop, late, thread })
    }

    /// Looks after the sound server.
    pub(super) fn poll(&mut self) -> Option<Paused> {
        let Self::Jack(jack) = self else {
            return None;
        };
        Some(match jack.poll()? {
            JackEvent::ServerGone => Paused::Gone,
            JackEvent::ServerBack => Paused::Back,
            JackEvent::ServerStands => Paused::Stands,
            JackEvent::ServerGoesOn => Paused::GoesOn,
            JackEvent::RateChanged { to } => Paused::RateChanged { to },
            JackEvent::PeriodChanged { to } => Paused::Period { to },
        })
    }

    /// Periods that began late; cycles that the sound server missed.
    pub(super) fn late(&self) -> u64 {
        match self {
            Self::Timer { late, .. } => late.load(Relaxed),
            Self::Jack(jack) => jack.xruns(),
            Self::Lent(_) => 0,
        }
    }

    /// Gives the floor back, unless a sound server that hangs has it.
    pub(super) fn stop(self) -> Option<Floor> {
        match self {
            Self::Timer { stop, thread, .. } => {
                stop.store(true, Relaxed);
                thread.join().ok()
            }
            Self::Jack(jack) => Some(jack.stop()?.into_floor()),
            Self::Lent(back) => Some(back.recv_timeout(GIVEN_BACK_WITHIN).ok()?.into_floor()),
        }
    }
}

/// Starts the audio thread: a period of the mix after the other, and looks into the socket in between.
fn keep_time(
    mut floor: Floor,
    mut files: Option<Box<Files>>,
    rate: SampleRate,
    period: Frames,
    stop: &Arc<AtomicBool>,
    late: &Arc<AtomicU64>,
) -> std::io::Result<JoinHandle<Floor>> {
    let (stop, late) = (stop.clone(), late.clone());
    let slice = period.duration(rate) / LOOKS;
    let run = move || {
        promote_current_thread(AUDIO_PRIORITY);
        let mut beat = Beat::new(rate, period).catching_up_with(MOST_BEHIND);
        while !stop.load(Relaxed) {
            let due = beat.next_due();
            for look in (1..LOOKS).rev() {
                let at = due.saturating_sub(slice * look);
                if floor.is_crowded() && clock::now() < at {
                    clock::sleep_until(at);
                    floor.receive();
                }
            }
            if beat.wait() {
                late.fetch_add(1, Relaxed);
            }
            match &mut files {
                Some(files) => files.period(&mut floor),
                None => floor.period(None),
            }
        }
        floor
    };
    std::thread::Builder::new().name("audio".into()).spawn(run)
}

/// A session's thread ends much sooner.
const GIVEN_BACK_WITHIN: Duration = Duration::from_secs(2);
/// A hub that stood for longer goes on from there: what it would send at once nobody could use.
const MOST_BEHIND: Duration = Duration::from_millis(20);
/// Looks into the socket in a period, where many play.
const LOOKS: u32 = 4;
