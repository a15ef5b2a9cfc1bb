//! The takes of an instance: what its editor lists, and where they are.

use std::path::PathBuf;

use farsend_ipc::message::{self, Take, session_name, take_folder};
use farsend_units::SampleRate;

use crate::shared::Shared;
use crate::state::{Role, Session};
use crate::supervisor::Environment;

/// Takes in what the engine tells: what is known by its path is brought up to date, what is new comes after it. A session that is opened anew tells of
/// its own takes only, and the others stay.
pub fn merge(known: &mut Vec<Take>, told: Vec<Take>) {
    for take in told {
        match known.iter_mut().find(|known| known.path == take.path) {
            Some(known) => *known = take,
            None => known.push(take),
        }
    }
    let forgotten = known.len().saturating_sub(MOST);
    known.drain(..forgotten);
}

/// The folder of the takes of this session.
pub fn folder(session: &Session) -> PathBuf {
    let role = match session.role {
        Role::Client => message::Role::Client,
        Role::Server => message::Role::Server,
        Role::Member => message::Role::Member,
        Role::Hub => message::Role::Hub,
    };
    let name = session_name(&session.share, role, session.port, &session.host);
    take_folder(&session.takes, &name)
}

/// Where the takes are that are to be heard where the host renders, and its rate; `None`: it has not said so much.
pub fn place(shared: &Shared) -> Option<(PathBuf, SampleRate)> {
    let (session, _) = Environment::read().apply(shared.params.session.get());
    Some((folder(&session), shared.setup()?.rate))
}

/// Files that are listed.
const MOST: usize = 400;

#[cfg(test)]
mod tests {
    use farsend_ipc::message::{Placement, TakeState};
    use farsend_units::SampleRate;

    use super::*;

    fn take(path: &str, missing: u64) -> Take {
        Take {
            path: path.into(),
            number: 1,
            player: "Ann".into(),
            rate: SampleRate::HZ_48000,
            begins: 0,
            frames: 480,
            placement: Placement::Exact,
            bent: false,
            repaired: 0,
            missing,
            state: TakeState::Done,
        }
    }

    #[test]
    fn takes_of_a_session_before_stay_and_those_that_are_known_are_brought_up_to_date() {
        let mut known = Vec::new();
        merge(&mut known, vec![take("a", 3), take("b", 0)]);
        merge(&mut known, vec![take("a", 0), take("c", 0)]);
        let listed: Vec<_> = known
            .iter()
            .map(|take| (&*take.path, take.missing))
            .collect();
        assert_eq!(listed, [("a", 0), ("b", 0), ("c", 0)]);
    }

    #[test]
    fn the_list_has_an_end() {
        let mut known = Vec::new();
        merge(
            &mut known,
            (0..MOST + 5).map(|n| take(&n.to_string(), 0)).collect(),
        );
        assert_eq!((known.len(), &*known[0].path), (MOST, "5"));
    }
}
