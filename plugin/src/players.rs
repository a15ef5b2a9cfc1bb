//! Players as tracks: whom an instance hears, and the hub that it may open.

use farsend_ipc::message::{self, HubUsers, HubWish, Listening};
use serde::{Deserialize, Serialize};

use crate::state::Session;

/// Whom an instance hears; `player` of the [`Session`] says which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Listen {
    /// All that comes.
    #[default]
    Mix,
    /// The player of that name.
    Player,
    /// The next player whom no other instance has; that is the one of that name, once there was one.
    Free,
    /// The group of that name.
    Group,
}

/// Whom the players at our hub hear beside what the instances send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Patch {
    /// All others.
    #[default]
    Others,
    /// All, themselves too.
    All,
    /// Nobody.
    Nobody,
}

impl Session {
    /// Whom this instance hears, for the engine.
    pub fn listening(&self) -> Listening {
        let player = self.player.trim().to_owned();
        match self.listen {
            Listen::Mix => Listening::Mix,
            Listen::Free => Listening::Free {
                had: (!player.is_empty()).then_some(player),
            },
            // Of nobody in particular, as after a change that is not complete.
            Listen::Player | Listen::Group if player.is_empty() => Listening::Mix,
            Listen::Player => Listening::Player(player),
            Listen::Group => Listening::Group(player),
        }
    }

    /// Whom so many further outputs hear: the next free player each, or the one that it got.
    pub fn outputs(&self, count: usize) -> Vec<Listening> {
        let names = self.outputs.iter().map(|name| name.trim());
        let names = names.chain(std::iter::repeat("")).take(count);
        let had = |name: &str| (!name.is_empty()).then(|| name.to_owned());
        names
            .map(|name| Listening::Free { had: had(name) })
            .collect()
    }

    /// Wants to hear this from now on.
    pub fn set_listening(&mut self, listening: &Listening) {
        (self.listen, self.player) = match listening {
            Listening::Mix => (Listen::Mix, String::new()),
            Listening::Player(name) => (Listen::Player, name.clone()),
            Listening::Free { had } => (Listen::Free, had.clone().unwrap_or_default()),
            Listening::Group(name) => (Listen::Group, name.clone()),
        };
    }

    /// What our hub is to be like, for the engine.
    pub fn hub(&self) -> HubWish {
        let files = [&self.certificate, &self.key, &self.users].map(|path| path.trim().to_owned());
        let users = files.iter().any(|path| !path.is_empty()).then(|| {
            let [certificate, key, users] = files;
            HubUsers {
                certificate,
                key,
                users,
            }
        });
        HubWish {
            players: self.places,
            patch: match self.patch {
                Patch::Others => message::Patch::Others,
                Patch::All => message::Patch::All,
                Patch::Nobody => message::Patch::Nobody,
            },
            users,
        }
    }
}
