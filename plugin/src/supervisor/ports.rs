//! The UDP port that an instance binds where it may bind any.
//!
//! The far end knows its caller by it: a session that comes back on another port, after its engine was killed, is a stranger
//! there until the old one has been silent for long.

use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState};

/// A port of those that nobody has a name for. Each instance keeps its own; where it is taken, the engine takes another.
pub(super) fn any_port() -> u16 {
    port(RandomState::new().build_hasher().finish())
}

/// The port of a session that several instances share: whichever of them opens it, in whatever process, says the same.
pub(super) fn shared_port(session: &str) -> u16 {
    let mut hasher = DefaultHasher::new();
    session.hash(&mut hasher);
    port(hasher.finish())
}

fn port(number: u64) -> u16 {
    FIRST_FREE_PORT + (number % u64::from(u16::MAX - FIRST_FREE_PORT)) as u16
}

/// From here on ports are free to use, says RFC 6335.
const FIRST_FREE_PORT: u16 = 49_152;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_has_one_port_and_others_have_others() {
        assert_eq!(shared_port("Band"), shared_port("Band"));
        assert_ne!(shared_port("Band"), shared_port("Choir"));
        for port in [shared_port("Band"), shared_port(""), any_port()] {
            assert!(port >= FIRST_FREE_PORT);
        }
    }
}
