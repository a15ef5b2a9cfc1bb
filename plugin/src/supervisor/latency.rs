//! The supervisor's part in telling the host the truth about the delay: pings, and what follows from them.
//!
//! ```text
//!   Idle ── asked ──▶ Calm ── the delay rests ──▶ Fired ── done ──▶ Returning ── here ──▶ searched
//!     ▲                ▲                            ▲                                     │ │ │
//!     │                │                            └───── not heard: listen for longer ──┘ │ │
//!     │                └── the delay moved, or it is another player's: once more ────────────┘ │
//!     └───────────────────── found, or a sentence why not ──────────────────────────────────────┘
//! ```

use std::time::{Duration, Instant};

use crate::align::{Aligner, Epoch, Measured};
use crate::link::LinkSender;
use crate::params::Latency;
use crate::ping::{Found, Probe, Shot, Unheard, find};
use crate::shared::{LatencyView, Setup, Shared};

/// Follows pings and the delay of one instance.
#[derive(Debug)]
pub(super) struct LatencyKeeper {
    aligner: Aligner,
    stage: Stage,
    setup: Option<Setup>,
    starts: u32,
    /// What the audio thread's delays were made for: channels, latency, what is held back.
    made: [usize; 3],
    found: Option<Found>,
    said: String,
    told: Option<LatencyView>,
    /// The session's delay was changed last.
    epoch: Option<(Epoch, Instant)>,
}

/// How far a ping is.
#[derive(Debug)]
enum Stage {
    Idle,
    /// Until the delay has rested. It was asked for then.
    Calm {
        asked: Instant,
    },
    Fired {
        ping: Ping,
        since: Instant,
    },
    Returning {
        ping: Ping,
        since: Instant,
    },
}

#[derive(Debug)]
struct Ping {
    probe: Probe,
    asked: Instant,
    /// Delays up to this are looked at.
    longest: usize,
    epoch: Epoch,
    is_last: bool,
}

/// What is known of the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Heard {
    /// Tells its segment from others, whom this track hears, and how often that delay was changed.
    pub(super) epoch: Epoch,
    /// Who sends back what a ping sends.
    pub(super) whom: Whom,
}

/// Whose delay a ping would measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Whom {
    /// The far end's, or that of the player at our hub whom the track hears.
    One,
    /// There is nobody.
    Nobody,
    /// The track hears several players of our hub.
    Several,
    /// The player of this name, who is not here.
    Away(String),
    /// Whoever is the next to come.
    Next,
}

impl Whom {
    /// Whether there is one perhaps, of whom it was not told yet: a player is heard before that.
    fn may_be_here(&self) -> bool {
        !matches!(self, Self::Several)
    }

    /// Why there can be no ping, a sentence; empty if there can be one.
    fn sentence(&self) -> String {
        match self {
            Self::One => String::new(),
            Self::Nobody => "There is nobody to ping: connect first.".into(),
            Self::Several => {
                "A ping measures the delay of one player: pick whom this track hears.".into()
            }
            Self::Away(name) => format!("There is nobody to ping: {name} is not here."),
            Self::Next => "There is nobody to ping: this track waits for the next player.".into(),
        }
    }
}

impl LatencyKeeper {
    /// For a new instance.
    pub(super) fn new() -> Self {
        Self {
            aligner: Aligner::default(),
            stage: Stage::Idle,
            setup: None,
            starts: 0,
            made: [0; 3],
            found: None,
            said: String::new(),
            told: None,
            epoch: None,
        }
    }

    /// Whether it is to be looked at soon, though nothing else happens.
    pub(super) fn is_busy(&self) -> bool {
        !matches!(self.stage, Stage::Idle)
    }

    /// Whether the delay is to stay as it is.
    pub(super) fn keeps_delay(&self, shared: &Shared) -> bool {
        shared.params.latency.value() == Latency::Aligned
    }

    /// The loop as it is now, if it is known.
    pub(super) fn measured(&self) -> Option<Measured> {
        self.aligner.current()
    }

    /// One look at everything. Searching takes up to some tenths of a second.
    pub(super) fn turn(&mut self, shared: &Shared, link: &mut LinkSender, heard: Option<Heard>) {
        let now = Instant::now();
        self.follow(shared, now, heard.as_ref());
        let is_open = heard.is_some();
        let whom = heard.map_or(Whom::Nobody, |heard| heard.whom);
        let is_asked = shared.take_ping();
        if is_asked || self.aligner.is_to_verify(now) {
            match &whom {
                _ if self.is_busy() => {}
                _ if shared.params.bypass.value() => drop(self.give_up(BYPASSED.into())),
                whom if *whom == Whom::One || (is_asked && is_open && whom.may_be_here()) => {
                    self.said.clear();
                    self.stage = Stage::Calm { asked: now };
                }
                whom if is_asked => drop(self.give_up(whom.sentence())),
                _ => self.aligner.give_up_verifying(),
            }
        }
        self.stage = match std::mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Idle => Stage::Idle,
            Stage::Calm { asked } => self.await_calm(link, &whom, asked, now),
            Stage::Fired { ping, since } => self.await_end(link, ping, since, now),
            Stage::Returning { ping, since } => self.await_return(link, ping, since, now),
        };
        self.install(link, 2 * shared.outputs());
        self.tell(shared);
    }

    /// The host, the parameter and the session as they are now.
    fn follow(&mut self, shared: &Shared, now: Instant, heard: Option<&Heard>) {
        if let Some(setup) = shared.setup().filter(|setup| self.setup != Some(*setup)) {
            self.setup = Some(setup);
            self.aligner.set_rate(setup.rate);
        }
        let starts = shared.starts();
        if starts != self.starts {
            self.starts = starts;
            self.aligner.host_restarted(now);
        }
        self.aligner.set_aligned(self.keeps_delay(shared), now);
        let epoch = heard.map(|heard| heard.epoch);
        self.aligner.set_epoch(epoch);
        if epoch != self.epoch.map(|(epoch, _)| epoch) {
            self.epoch = epoch.map(|epoch| (epoch, now));
        }
    }

    fn await_calm(
        &mut self,
        link: &mut LinkSender,
        whom: &Whom,
        asked: Instant,
        now: Instant,
    ) -> Stage {
        if *whom != Whom::One {
            if whom.may_be_here() && now.saturating_duration_since(asked) < NEWS {
                return Stage::Calm { asked };
            }
            return self.give_up(whom.sentence());
        }
        let (Some((epoch, since)), Some(setup)) = (self.epoch, self.setup) else {
            return self.give_up(Whom::Nobody.sentence());
        };
        let calm = now.saturating_duration_since(since) >= CALM;
        if !calm && now.saturating_duration_since(asked) < CALM_PATIENCE {
            return Stage::Calm { asked };
        }
        let probe = Probe::new(setup.rate);
        let ping = Ping {
            longest: probe.frames(SHORT_S),
            probe,
            asked,
            epoch,
            is_last: false,
        };
        fire(link, ping, setup, now)
    }

    fn await_end(
        &mut self,
        link: &mut LinkSender,
        ping: Ping,
        since: Instant,
        now: Instant,
    ) -> Stage {
        if link.pings.is_done() {
            // The audio thread took it, so it comes back with a later turn.
            let _ = link.pings.call_back();
            return Stage::Returning { ping, since: now };
        }
        if now.saturating_duration_since(since) < PATIENCE {
            return Stage::Fired { ping, since };
        }
        let _ = link.pings.call_back();
        self.give_up(HOST_SILENT.into())
    }

    fn await_return(
        &mut self,
        link: &mut LinkSender,
        ping: Ping,
        since: Instant,
        now: Instant,
    ) -> Stage {
        if now.saturating_duration_since(since) < NEWS {
            return Stage::Returning { ping, since };
        }
        let Some(shot) = link.pings.collect() else {
            if now.saturating_duration_since(since) < PATIENCE {
                return Stage::Returning { ping, since };
            }
            return self.give_up(HOST_SILENT.into());
        };
        let epoch = self.epoch.map(|(epoch, _)| epoch);
        let is_same = epoch.map(|epoch| epoch.generation) == Some(ping.epoch.generation);
        let is_patient = now.saturating_duration_since(ping.asked) < MOVING_PATIENCE;
        if is_same && epoch != Some(ping.epoch) && is_patient {
            return Stage::Calm { asked: ping.asked };
        }
        match find(&ping.probe, shot.lanes(), ping.longest) {
            _ if !is_same => self.give_up(OTHER_SESSION.into()),
            _ if epoch.map(|epoch| epoch.player) != Some(ping.epoch.player) => {
                self.give_up(OTHER_PLAYER.into())
            }
            _ if epoch != Some(ping.epoch) => self.give_up(MOVED.into()),
            Ok(found) => {
                self.found = Some(found);
                let measured = Measured {
                    frames: found.frames,
                    epoch: ping.epoch,
                };
                self.aligner.heard(measured, now);
                self.said.clear();
                Stage::Idle
            }
            Err(Unheard::Ambiguous) => self.give_up(unheard(Unheard::Ambiguous)),
            Err(why) if ping.is_last => self.give_up(unheard(why)),
            Err(_) => match self.setup {
                Some(setup) => {
                    let longest = ping.probe.frames(LONGEST_S);
                    let ping = Ping {
                        longest,
                        is_last: true,
                        ..ping
                    };
                    fire(link, ping, setup, now)
                }
                None => Stage::Idle,
            },
        }
    }

    fn give_up(&mut self, why: String) -> Stage {
        self.said = why;
        self.aligner.give_up_verifying();
        self.stage = Stage::Idle;
        Stage::Idle
    }

    /// Gives the audio thread what makes it true; `more` channels come back beside the track's.
    fn install(&mut self, link: &mut LinkSender, more: usize) {
        let Some(setup) = self.setup else {
            return;
        };
        let channels = setup.channels.get();
        let (latency, hold_back) = (self.aligner.latency(), self.aligner.hold_back());
        let wanted = [channels, latency as usize, hold_back as usize];
        if wanted == self.made || latency == 0 && self.made[1..] == [0, 0] {
            return;
        }
        if wanted[..2] != self.made[..2] {
            link.delays.set_latency(channels, wanted[1]);
        }
        if wanted[2] != self.made[2] || wanted[0] != self.made[0] {
            link.delays.hold_back(channels + more, wanted[2]);
        }
        self.made = wanted;
    }

    fn tell(&mut self, shared: &Shared) {
        let current = self.aligner.current();
        let view = LatencyView {
            pinging: self.is_busy(),
            loop_frames: current.map(|measured| measured.frames),
            confidence: match (self.found, current) {
                (Some(found), Some(_)) => found.confidence,
                _ => 0.0,
            },
            reported: self.aligner.latency(),
            standing: self.aligner.standing(),
            said: self.said.clone(),
        };
        if self.told.as_ref() != Some(&view) {
            shared.show(|shown| shown.latency = view.clone());
            self.told = Some(view);
        }
    }
}

fn fire(link: &mut LinkSender, ping: Ping, setup: Setup, now: Instant) -> Stage {
    let frames = ping.longest + ping.probe.samples().len();
    let _ = link.pings.collect();
    link.pings
        .fire(Shot::new(&ping.probe, setup.channels.get(), frames));
    Stage::Fired { ping, since: now }
}

fn unheard(why: Unheard) -> String {
    let advice = match why {
        Unheard::Ambiguous => "Mute what repeats it.",
        Unheard::Silence | Unheard::NotLooped => {
            "Ask the far end to send back what it gets for a moment."
        }
    };
    format!("The ping was in vain: {why}. {advice}")
}

/// Delays that are listened for at first, ...
const SHORT_S: f64 = 0.7;
/// ... and where nothing was heard, the longest there are.
const LONGEST_S: f64 = 4.0;

/// How long the delay has to have been one.
const CALM: Duration = Duration::from_millis(1_500);
/// Where it never is, that is found out.
const CALM_PATIENCE: Duration = Duration::from_secs(8);
/// How late the engine may tell that the delay has moved, and who is heard: a player's numbers go to the hub's control thread, to the session,
/// and here.
const NEWS: Duration = Duration::from_millis(750);
/// For how long it is tried again where the delay moved meanwhile: that of one who has just joined a hub does at first.
const MOVING_PATIENCE: Duration = Duration::from_secs(20);
/// A host that runs audio is done with a ping long before.
const PATIENCE: Duration = Duration::from_secs(12);

const BYPASSED: &str = "A ping needs the plugin: take it out of bypass.";
const HOST_SILENT: &str = "The ping was in vain: the host runs no audio through the plugin.";
const OTHER_SESSION: &str = "The session ended during the ping: ping again.";
const OTHER_PLAYER: &str =
    "The player left, or another one was picked, during the ping: ping again.";
const MOVED: &str = "The delay changed during the ping: ping again.";
