//! What the two ends of a call are called: ours as the track is, the other as it says.

use std::net::SocketAddr;

use farsend_ipc::message::{About, Role, SessionState};
use farsend_wire::jacktrip::Name;

use super::PluginSession;

impl PluginSession {
    /// An instance's track is called this from now on, and has this colour. The peer is told, if it is the first instance's: those who share a session
    /// are one player.
    pub(in crate::control) fn rename(&mut self, seat: u64, about: &About) {
        self.tracks.rename(seat, about);
        self.introduce();
    }

    /// Tells the peer what we are called, where that is told while a session goes on, and the colour of what we play on. A hub that we join is
    /// told the colour only: the name is that of the log-in. Players at a hub of ours are told nothing: they see nobody.
    pub(super) fn introduce(&mut self) {
        if matches!(self.wanted.role, Role::Client | Role::Server) {
            let name = Name::new(self.tracks.first_name().trim());
            if name != self.told_name {
                // With too much waiting it is told the next time.
                let told = self.desk.call_us(name);
                self.told_name = if told { name } else { self.told_name };
            }
        }
        let colour = self.tracks.first_colour();
        if self.wanted.role != Role::Hub
            && colour != self.told_colour
            && self.desk.colour_us(colour)
        {
            self.told_colour = colour;
        }
    }

    /// The peer says what it is called.
    pub(super) fn note_name(&mut self, name: Name) {
        self.peer_name = name;
        // At a hub it is the hub's that is meant.
        if matches!(self.wanted.role, Role::Client | Role::Server) {
            self.takes.call(name.as_str());
        }
        let title = self.peer();
        if let SessionState::Connected { peer, .. } | SessionState::Quiet { peer, .. } =
            &mut self.state
        {
            *peer = title;
        }
    }

    /// Who has written what comes from the peer, unless a hub says it.
    pub(super) fn writer(&mut self) -> String {
        match (self.peer_name.as_str(), self.wanted.role) {
            ("", Role::Client | Role::Member) => self.wanted.host.clone(),
            ("", Role::Server | Role::Hub) => self.peer(),
            (name, _) => name.to_owned(),
        }
    }
}

/// A peer in words: its name, where it has said one, and its address.
pub(super) fn title(name: Name, remote: Option<SocketAddr>) -> String {
    match (name.as_str(), remote) {
        ("", Some(remote)) => remote.to_string(),
        ("", None) => "the peer".into(),
        (name, Some(remote)) => format!("{name} ({remote})"),
        (name, None) => name.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_told_by_its_name_and_where_it_is() {
        let remote = Some(SocketAddr::from(([192, 0, 2, 7], 4464)));
        let title = |name: &str, remote| title(Name::new(name), remote);
        assert_eq!(title("Violin 1", remote), "Violin 1 (192.0.2.7:4464)");
        assert_eq!(title("", remote), "192.0.2.7:4464");
        assert_eq!(title("Violin 1", None), "Violin 1");
        assert_eq!(title("", None), "the peer");
    }
}
