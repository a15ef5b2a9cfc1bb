//! What is asked of the engine: the saved session, as this instance and its host have it.

use farsend_ipc::message::{self, HubUser, HubWish, Share, WantedSession};
use farsend_units::{Channels, Frames};

use super::{Supervisor, ports};
use crate::password;
use crate::shared::Setup;
use crate::state::{Role, Session};

impl Supervisor {
    /// What to ask of the engine.
    pub(super) fn wanted(&self, session: &Session, setup: Setup, name: String) -> WantedSession {
        let share = session.share.trim();
        let client_port = match (session.local_port, share) {
            (0, "") => self.port,
            (0, share) => ports::shared_port(share),
            (port, _) => port,
        };
        let (role, port, peer_port) = match session.role {
            Role::Client => (message::Role::Client, client_port, session.port),
            Role::Server => (message::Role::Server, session.port, 0),
            Role::Hub => (message::Role::Hub, session.port, 0),
            Role::Member => (message::Role::Member, client_port, session.port),
        };
        let share = (!share.is_empty()).then(|| Share {
            session: share.to_owned(),
            channels: Channels(session.channels),
            first: Channels(session.channel),
        });
        WantedSession {
            role,
            host: session.host.clone(),
            port,
            peer_port,
            send: setup.channels,
            receive: Channels(setup.channels.0 + 2 * self.shared.outputs() as u8),
            bits: session.bits,
            queue: session.queue,
            redundancy: session.redundancy,
            period: Frames(session.period.into()),
            rate: setup.rate,
            block: setup.block,
            name,
            user: match session.role {
                Role::Member => self.user(session),
                Role::Client | Role::Server | Role::Hub => HubUser::default(),
            },
            share,
            listening: self.shared.params.listening(session),
            outputs: session.outputs(self.shared.outputs()),
            hub: match session.role {
                Role::Hub => session.hub(),
                Role::Client | Role::Server | Role::Member => HubWish::default(),
            },
        }
    }

    /// Who we are at a hub.
    fn user(&self, session: &Session) -> HubUser {
        let mut user = HubUser {
            name: session.name.clone(),
            user: session.user.clone(),
            fingerprint: session.fingerprint.clone(),
            ..HubUser::default()
        };
        if password::is_needed(session) {
            user.password = self.shared.password(session);
            let own = || password::file(session).filter(|path| path.is_file());
            let file = self.environment.password_file.clone().or_else(own);
            user.password_file = file.map(|path| path.to_string_lossy().into_owned());
        }
        user
    }
}
