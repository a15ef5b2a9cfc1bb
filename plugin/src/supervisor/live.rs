//! What is changed about a session while it goes on, and what the engine says of its delay.

use std::time::{Duration, Instant};

use farsend_ipc::connection::ConnectionError;
use farsend_ipc::message::{
    About, Delay, Listening, Loop, Role, SessionState, Statistics, ToEngine, WantedSession,
};

use super::latency::{Heard, Whom};
use super::{Attached, SEND_PATIENCE, SETTLE, Supervisor};
use crate::align::{Epoch, Measured};
use crate::situation::Situation;

/// What the engine was told since it opened the session, and what it said.
#[derive(Debug, Default)]
pub(super) struct Live {
    /// The segment in use.
    generation: Option<u64>,
    /// Whose delay it is, and how often it was changed.
    delay: Option<Delay>,
    keep: bool,
    /// Another queue, since when it is wanted.
    queue: Option<(u16, Instant)>,
    about: Option<About>,
    /// The loop.
    measured: Option<Measured>,
}

impl Live {
    /// There is a segment: the engine knows nothing of it yet.
    pub(super) fn begin(&mut self, generation: u64) {
        *self = Self {
            generation: Some(generation),
            ..Self::default()
        };
    }

    /// The engine told its numbers.
    pub(super) fn note(&mut self, statistics: &Statistics) {
        if self.generation.is_some() {
            self.delay = Some(statistics.delay);
        }
    }
}

impl Attached {
    /// What is known of the session's delay; `None` before it is open.
    pub(super) fn heard(&self) -> Option<Heard> {
        let delay = self.live.delay?;
        let epoch = Epoch {
            generation: self.live.generation?,
            player: delay.player,
            moves: delay.moves,
        };
        let whom = match &self.situation {
            Some(Situation::Session(SessionState::Connected { .. })) => Whom::One,
            Some(Situation::Session(SessionState::Hosting { .. })) if delay.player > 0 => Whom::One,
            Some(Situation::Session(SessionState::Hosting { .. })) => self.not_heard(),
            _ => Whom::Nobody,
        };
        Some(Heard { epoch, whom })
    }

    /// Why this track hears no single player of our hub.
    fn not_heard(&self) -> Whom {
        match self.opened.as_ref().map(|opened| &opened.listening) {
            None | Some(Listening::Mix | Listening::Group(_)) => Whom::Several,
            Some(Listening::Player(name) | Listening::Free { had: Some(name) }) => {
                Whom::Away(name.clone())
            }
            Some(Listening::Free { had: None }) => Whom::Next,
        }
    }
}

impl Supervisor {
    /// Tells the engine what changed and does not need another session.
    pub(super) fn update(
        &self,
        attached: &mut Attached,
        wanted: &WantedSession,
    ) -> Result<(), ConnectionError> {
        if attached.live.generation.is_none() {
            return Ok(());
        }
        let mut news = Vec::new();
        let keep = self.latency.keeps_delay(&self.shared);
        if keep != attached.live.keep {
            attached.live.keep = keep;
            news.push(ToEngine::KeepDelay(keep));
        }
        if let Some(opened) = &mut attached.opened
            && opened.queue != wanted.queue
            && is_one_session(opened, wanted)
        {
            // Numbers are dragged.
            let now = Instant::now();
            let dragged = attached
                .live
                .queue
                .filter(|(queue, _)| *queue == wanted.queue);
            let (queue, since) = *attached
                .live
                .queue
                .insert(dragged.unwrap_or((wanted.queue, now)));
            if now.saturating_duration_since(since) >= SETTLE {
                opened.queue = queue;
                news.push(ToEngine::Queue(queue));
            }
        }
        let about = About {
            name: wanted.name.clone(),
            colour: self.shared.colour(),
        };
        if attached.live.about.as_ref() != Some(&about) {
            attached.live.about = Some(about.clone());
            news.push(ToEngine::About(about));
        }
        let measured = self.latency.measured();
        // Until the numbers of another session come, it is still that of the one before.
        let is_here =
            |measured: &Measured| Some(measured.epoch.generation) == attached.live.generation;
        if let Some(known) = measured.filter(is_here)
            && measured != attached.live.measured
        {
            attached.live.measured = measured;
            news.push(ToEngine::Loop(Loop {
                frames: known.frames,
                player: known.epoch.player,
                moves: known.epoch.moves,
            }));
        }
        for message in news {
            attached.connection.send(&message, SEND_PATIENCE)?;
        }
        Ok(())
    }
}

/// Whether the one goes on as the other without being opened anew.
pub(super) fn is_one_session(one: &WantedSession, other: &WantedSession) -> bool {
    let mut alike = other.clone();
    alike.queue = one.queue;
    if !is_named_by_the_track(one) {
        alike.name.clone_from(&one.name);
    }
    *one == alike
}

/// How long a wish has to last before the session is opened anew for it. A track is renamed letter by letter, and at a hub that costs a
/// log-in.
pub(super) fn patience(opened: Option<&WantedSession>, wanted: &WantedSession) -> Duration {
    let renamed = opened.is_some_and(|opened| {
        let mut alike = wanted.clone();
        alike.name.clone_from(&opened.name);
        is_one_session(opened, &alike)
    });
    if renamed { RENAMED } else { SETTLE }
}

/// Whether the hub shows the track's name.
fn is_named_by_the_track(session: &WantedSession) -> bool {
    session.role == Role::Member && session.user.name.trim().is_empty()
}

/// How long a track has to have had a name.
const RENAMED: Duration = Duration::from_secs(3);
