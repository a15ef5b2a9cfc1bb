//! The track that an instance is on: what it is called.

use super::Supervisor;
use crate::state::{Role, Session};

impl Supervisor {
    /// Whose track it is. The far end of a call hears it too, and rather nothing than what every plugin is called.
    pub(super) fn name(&self, session: &Session) -> String {
        let track = self.shared.track();
        match session.role {
            Role::Client | Role::Server if !session.name.trim().is_empty() => session.name.clone(),
            Role::Client | Role::Server => track.unwrap_or_default(),
            Role::Member | Role::Hub => track.unwrap_or_else(|| NO_NAME.into()),
        }
    }
}

/// What a track is called whose host tells no name.
const NO_NAME: &str = "Farsend";
