//! The takes of an instance: what its editor lists, and where they are.

use std::path::PathBuf;

use farsend_ipc::message::{
    self, Listening, Players, SessionState, Take, session_name, take_folder,
};

use crate::playback::{Place, Whose};
use crate::shared::Shared;
use crate::situation::Situation;
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

/// Which takes are to be heard where the host renders; `None`: it has not said at which rate.
pub fn place(shared: &Shared) -> Option<Place> {
    let (session, _) = Environment::read().apply(shared.params.session.get());
    let view = shared.view();
    let hosts = matches!(
        view.situation,
        Situation::Session(SessionState::Hosting { .. })
    );
    let is_hub = hosts || session.role == Role::Hub;
    let listening = shared.params.listening(&session);
    let first = whose(&listening, is_hub, view.players.as_deref());
    let outputs = session.outputs.iter().take(shared.outputs());
    let outputs = outputs.map(|name| Whose::Of(vec![name.clone()]));
    let none = std::iter::repeat(Whose::Of(Vec::new()));
    let more = outputs.chain(none).take(shared.outputs());
    Some(Place {
        folder: folder(&session),
        rate: shared.setup()?.rate,
        whose: std::iter::once(first).chain(more).collect(),
    })
}

/// Whose takes are heard by who hears this.
fn whose(listening: &Listening, is_hub: bool, players: Option<&Players>) -> Whose {
    match listening {
        Listening::Mix => Whose::Everybody,
        Listening::Player(name) | Listening::Free { had: Some(name) } if is_hub => {
            Whose::Of(vec![name.clone()])
        }
        Listening::Player(name) | Listening::Free { had: Some(name) } => {
            Whose::Perhaps(name.clone())
        }
        Listening::Free { had: None } if is_hub => Whose::Of(Vec::new()),
        Listening::Free { had: None } => Whose::Everybody,
        // Who is not here now is in none that is known.
        Listening::Group(name) => {
            let players = players.into_iter().flat_map(|known| &known.players);
            let members = players.filter(|one| one.group.as_ref() == Some(name));
            Whose::Of(members.map(|one| one.name.clone()).collect())
        }
    }
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
    fn a_track_renders_the_player_it_hears() {
        let of = |name: &str| Whose::Of(vec![name.into()]);
        let picked = Listening::Player("ann".into());
        assert_eq!(whose(&Listening::Mix, true, None), Whose::Everybody);
        assert_eq!(whose(&picked, true, None), of("ann"));
        assert_eq!(whose(&picked, false, None), Whose::Perhaps("ann".into()));
        let free = |had: Option<&str>| Listening::Free {
            had: had.map(str::to_owned),
        };
        assert_eq!(whose(&free(Some("ben")), true, None), of("ben"));
        assert_eq!(whose(&free(None), true, None), Whose::Of(vec![]));
        assert_eq!(whose(&free(None), false, None), Whose::Everybody);
        let group = Listening::Group("choir".into());
        assert_eq!(whose(&group, true, None), Whose::Of(vec![]));
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
