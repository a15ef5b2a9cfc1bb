//! The session that a plugin instance wants, as the host saves it with the project.
//!
//! It is one JSON object with a version, under the key `session` of the plugin's persistent fields.
//! Whatever a host hands back is taken for what it is worth: a field that is missing, or that makes no
//! sense, has its default, which is noted for the editor; fields that only a newer Farsend knows are kept
//! and saved with the others.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use farsend_ipc::message::MOST_OUTPUTS;
use nice_plug::prelude::{ParamPtr, Params};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::address;
use crate::players::{Listen, Patch};
use crate::signal::Signal;
use crate::unknown::{self, Fields};

/// The session that a plugin instance wants. Channels, rate and block come from the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Session {
    /// Whether there should be a connection at all.
    pub connected: bool,
    /// Whom we call, or that we are called.
    pub role: Role,
    /// The host's name or address; not of a [`Role::Server`] or [`Role::Hub`].
    pub host: String,
    /// The UDP port of the server: the one that is called, or the one we wait at; the TCP port of a hub. Not 0.
    pub port: u16,
    /// The UDP port that a client or member binds, 0 for one that each instance draws for itself.
    pub local_port: u16,
    /// Bits of a sample on the wire: one of [`BITS`].
    pub bits: u8,
    /// Queue length in packets, in [`QUEUE`]; 0: automatic.
    pub queue: u16,
    /// Packets in a datagram, in [`REDUNDANCY`].
    pub redundancy: u8,
    /// Frames in a packet, in [`PERIOD`].
    pub period: u16,
    /// What we are called at a hub, or by a Farsend at the far end of a call; empty: as the track is.
    pub name: String,
    /// The user to log in as, at a hub that asks for passwords; empty: nobody. There is no password in here.
    pub user: String,
    /// The SHA-256 fingerprint that the hub's certificate must have; empty: any.
    pub fingerprint: String,
    /// The name of the session that is shared with other instances; empty: a connection of our own.
    pub share: String,
    /// Channels of that session, in [`CHANNELS`], where this instance opens it; 0: as many as it has itself.
    pub channels: u8,
    /// The folder for takes; empty: `Farsend` in the user's folder for music.
    pub takes: String,
    /// The channel of that session that is this instance's first, in [`CHANNELS`]; 0: the first, and a mono track in the middle.
    pub channel: u8,
    /// Whom this instance hears.
    pub listen: Listen,
    /// The name of that player or group; with [`Listen::Free`] of the player that it got, empty until then.
    pub player: String,
    /// The players that further outputs have got, in their order; empty: none yet.
    pub outputs: Vec<String>,
    /// As many players as there may be at our hub, in [`PLACES`]; 0: as many as is usual.
    pub places: u16,
    /// Whom they hear.
    pub patch: Patch,
    /// The certificate (a PEM file) of our hub, where players need passwords; empty: they need none.
    pub certificate: String,
    /// Its key (a PEM file).
    pub key: String,
    /// The file of users.
    pub users: String,
    /// Whether a project that is opened connects by itself, where it was connected when it was saved.
    pub connect_on_load: bool,
}

/// Whom we call, or that we are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Connects to a host.
    Client,
    /// Waits for a peer.
    Server,
    /// Joins a hub.
    Member,
    /// Is a hub, for players to join.
    Hub,
}

/// The sample sizes there are.
pub const BITS: [u8; 4] = [8, 16, 24, 32];
/// Queue lengths, in packets.
pub const QUEUE: std::ops::RangeInclusive<u16> = 0..=512;
/// Packets in a datagram.
pub const REDUNDANCY: std::ops::RangeInclusive<u8> = 1..=16;
/// Frames in a packet.
pub const PERIOD: std::ops::RangeInclusive<u16> = 1..=8192;
/// Channels of a connection; 0: not said.
pub const CHANNELS: std::ops::RangeInclusive<u8> = 0..=64;
/// Players at a hub; 0: not said.
pub const PLACES: std::ops::RangeInclusive<u16> = 0..=512;
/// The longest name that a host can have.
pub const LONGEST_HOST: usize = 255;
/// The longest name of a player, user or session, in bytes.
pub const LONGEST_NAME: usize = 200;
/// The longest path of a file or folder, in bytes.
pub const LONGEST_PATH: usize = 1024;
/// What comes before a hub's address: `hub://HOST[:PORT]`.
pub const HUB_SCHEME: &str = "hub://";

impl Default for Session {
    fn default() -> Self {
        Self {
            connected: false,
            role: Role::Client,
            host: String::new(),
            port: Self::PORT,
            local_port: 0,
            bits: 16,
            queue: 0,
            redundancy: 1,
            period: 128,
            name: String::new(),
            user: String::new(),
            fingerprint: String::new(),
            share: String::new(),
            channels: 0,
            channel: 0,
            takes: String::new(),
            listen: Listen::Mix,
            player: String::new(),
            outputs: Vec::new(),
            places: 0,
            patch: Patch::Others,
            certificate: String::new(),
            key: String::new(),
            users: String::new(),
            connect_on_load: true,
        }
    }
}

impl Session {
    /// As saved. Every field counts, in the words of [`overlay`](Self::overlay).
    pub fn to_json(&self) -> String {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        value["version"] = VERSION.into();
        value.to_string()
    }

    /// Reads what [`to_json`](Self::to_json) wrote, or anything else, and what there is to say of it.
    pub fn from_json(text: &str) -> (Self, Vec<String>) {
        let mut session = Self::default();
        let mut notes = session.overlay(text);
        let nobody = session.host.is_empty() && session.share.trim().is_empty();
        let calls = matches!(session.role, Role::Client | Role::Member);
        if session.connected && calls && nobody {
            session.connected = false;
            notes.push("The saved session names no host to connect to.".into());
        }
        (session, notes)
    }

    /// Takes over the fields that `text`, a JSON object, has. Returns what there is to say of it.
    pub fn overlay(&mut self, text: &str) -> Vec<String> {
        let Ok(Value::Object(fields)) = serde_json::from_str(text) else {
            return vec!["The saved session cannot be read; it was left out.".into()];
        };
        let mut reader = FieldReader {
            fields: &fields,
            notes: Vec::new(),
        };
        if let Some(version) = fields
            .get("version")
            .and_then(Value::as_u64)
            .filter(|v| *v > VERSION)
        {
            reader.notes.push(format!(
                "The session was saved by a newer Farsend (state version {version}, this one knows \
                 {VERSION}); what this one does not know has no effect."
            ));
        }
        reader.take("connected", &mut self.connected, |_| true);
        reader.take("role", &mut self.role, |_| true);
        reader.take("host", &mut self.host, |host| address::may_be_host(host));
        reader.take("port", &mut self.port, |port| *port != 0);
        reader.take("local_port", &mut self.local_port, |_| true);
        reader.take("bits", &mut self.bits, |bits| BITS.contains(bits));
        reader.take("queue", &mut self.queue, |queue| QUEUE.contains(queue));
        reader.take("redundancy", &mut self.redundancy, |n| {
            REDUNDANCY.contains(n)
        });
        reader.take("period", &mut self.period, |period| PERIOD.contains(period));
        reader.take("name", &mut self.name, |name| is_name(name));
        reader.take("user", &mut self.user, |user| is_name(user));
        reader.take("fingerprint", &mut self.fingerprint, |text| is_name(text));
        reader.take("share", &mut self.share, |share| is_name(share));
        reader.take("channels", &mut self.channels, |n| CHANNELS.contains(n));
        reader.take("channel", &mut self.channel, |n| CHANNELS.contains(n));
        reader.take("takes", &mut self.takes, |folder| is_path(folder));
        reader.take("listen", &mut self.listen, |_| true);
        reader.take("player", &mut self.player, |player| is_name(player));
        reader.take("outputs", &mut self.outputs, |names| {
            names.len() <= MOST_OUTPUTS && names.iter().all(|name| is_name(name))
        });
        reader.take("places", &mut self.places, |places| PLACES.contains(places));
        reader.take("patch", &mut self.patch, |_| true);
        reader.take("certificate", &mut self.certificate, |path| is_path(path));
        reader.take("key", &mut self.key, |path| is_path(path));
        reader.take("users", &mut self.users, |path| is_path(path));
        reader.take("connect_on_load", &mut self.connect_on_load, |_| true);
        reader.notes
    }

    /// Where JackTrip waits, and so does everybody who says nothing else.
    pub const PORT: u16 = 4464;

    /// Takes an [address](crate::address::parse) for the host to call, or the hub to join. A port that it does not say stays as it is.
    /// False if it is none, and nothing changes.
    pub fn set_address(&mut self, text: &str) -> bool {
        let Ok(address) = address::parse(text) else {
            return false;
        };
        self.host = address.host;
        self.port = address.port.unwrap_or(self.port);
        self.role = address.role.unwrap_or(self.role);
        true
    }
}

/// The version of what is saved. Raised when a field changes its meaning, not when one is added.
const VERSION: u64 = 1;

/// Whether this could be a name that a person gave.
fn is_name(name: &str) -> bool {
    name.len() <= LONGEST_NAME && !name.chars().any(char::is_control)
}

/// Whether this could be the path of a file or folder, or none. Whether it is one, the engine finds out.
fn is_path(path: &str) -> bool {
    path.len() <= LONGEST_PATH && !path.chars().any(char::is_control)
}

/// Takes fields out of a JSON object, and notes those that make no sense.
struct FieldReader<'a> {
    fields: &'a Map<String, Value>,
    notes: Vec<String>,
}

impl FieldReader<'_> {
    fn take<T>(&mut self, name: &str, place: &mut T, makes_sense: impl Fn(&T) -> bool)
    where
        T: for<'de> Deserialize<'de>,
    {
        let Some(value) = self.fields.get(name) else {
            return;
        };
        match T::deserialize(value) {
            Ok(read) if makes_sense(&read) => *place = read,
            _ => {
                let shown: String = value.to_string().chars().take(40).collect();
                self.notes.push(format!(
                    "The saved setting \"{name}\" makes no sense ({shown}); it has its default."
                ));
            }
        }
    }
}

/// Where an instance's wanted session lives: the host loads and saves it, the editor changes it, and
/// the supervisor sees to it. For control threads; the audio thread never looks.
pub struct SessionStore {
    stored: Mutex<Stored>,
    changed: Arc<Signal>,
    loaded: Mutex<Option<Box<OnLoad>>>,
}

/// Told of each session that is loaded.
type OnLoad = dyn Fn(&Session) + Send;

#[derive(Default)]
struct Stored {
    session: Session,
    notes: Vec<String>,
    /// What the host handed over, where not all of it was understood: it gets that back until somebody changes the session.
    kept: Option<String>,
    /// What a newer Farsend has in the session, to be saved with it.
    unknown: Fields,
    /// The same of a whole state that could not be read at all.
    unread: Option<Arc<[u8]>>,
}

impl SessionStore {
    /// With the default session. `changed` is given whenever it changes.
    pub fn new(changed: Arc<Signal>) -> Self {
        Self {
            stored: Mutex::default(),
            changed,
            loaded: Mutex::default(),
        }
    }

    /// Calls this with each session that the host loads, on the host's thread and before anybody else sees it.
    pub fn on_load(&self, call: impl Fn(&Session) + Send + 'static) {
        *self.loaded.lock() = Some(Box::new(call));
    }

    /// The session as it is wanted now.
    pub fn get(&self) -> Session {
        self.stored.lock().session.clone()
    }

    /// Somebody wants this from now on. What was kept of a state that was not understood ends with it, unless they only connect or
    /// disconnect.
    pub fn set(&self, session: Session) {
        {
            let mut stored = self.stored.lock();
            let connected = session.connected;
            let before = std::mem::replace(&mut stored.session, session);
            let as_before = Session {
                connected,
                ..before
            };
            if stored.session != as_before {
                (stored.kept, stored.unread) = (None, None);
            }
        }
        self.changed.give();
    }

    /// The host wants this from now on, by what it automates. What is kept is kept on.
    pub fn follow(&self, session: Session) {
        self.stored.lock().session = session;
        self.changed.give();
    }

    /// Somebody has changed a parameter in the window: what is saved from now on are the settings as they are.
    pub fn touch(&self) {
        self.stored.lock().unread = None;
    }

    /// The host has handed over a state that cannot be read, and is to get it back untouched until somebody changes a setting. `why`:
    /// a sentence.
    pub fn keep(&self, state: Vec<u8>, why: String) {
        {
            let mut stored = self.stored.lock();
            stored.notes = vec![why, KEPT.into()];
            stored.unread = Some(state.into());
        }
        self.changed.give();
    }

    /// The state that the host is to get back.
    pub fn unread(&self) -> Option<Arc<[u8]>> {
        self.stored.lock().unread.clone()
    }

    /// This instance is a copy of another: it has not got these players, whom that one has. Each with the output, 0 for the track's own.
    pub fn part_copies(&self, copied: &[(u8, String)]) {
        let mut is_new = false;
        {
            let session = &mut self.stored.lock().session;
            for (output, name) in copied {
                let place = match (output, session.listen) {
                    (0, Listen::Free) => Some(&mut session.player),
                    (0, _) => None,
                    (output, _) => session.outputs.get_mut(usize::from(output - 1)),
                };
                if let Some(place) = place.filter(|place| *place == name) {
                    place.clear();
                    is_new = true;
                }
            }
        }
        if is_new {
            self.changed.give();
        }
    }

    /// The players that this instance got, which wanted the next free ones: theirs from now on, with the project, unless a state is
    /// kept that was not understood: nobody has changed that.
    pub fn note_players(&self, heard: Option<&str>, outputs: &[Option<String>]) {
        {
            let mut stored = self.stored.lock();
            let session = &mut stored.session;
            let mut is_new = false;
            let mut note = |place: &mut String, name: &str| {
                if place.is_empty() && is_name(name) {
                    name.clone_into(place);
                    is_new = true;
                }
            };
            if let (Listen::Free, Some(name)) = (session.listen, heard) {
                note(&mut session.player, name);
            }
            for (output, name) in outputs.iter().take(MOST_OUTPUTS).enumerate() {
                if let Some(name) = name {
                    let length = session.outputs.len().max(output + 1);
                    session.outputs.resize(length, String::new());
                    note(&mut session.outputs[output], name);
                }
            }
            if !is_new {
                return;
            }
        }
        self.changed.give();
    }

    /// What there was to say when the session was last loaded, a sentence each.
    pub fn notes(&self) -> Vec<String> {
        self.stored.lock().notes.clone()
    }

    /// Forgets the notes: somebody read them.
    pub fn dismiss_notes(&self) {
        self.stored.lock().notes.clear();
    }
}

impl fmt::Debug for SessionStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SessionStore").field(&self.get()).finish()
    }
}

/// What a newer Farsend has in a session.
fn unknown_of(session: &str) -> Fields {
    let ours = unknown::read(Session::default().to_json().as_bytes()).unwrap_or_default();
    let theirs = unknown::read(session.as_bytes()).unwrap_or_default();
    unknown::beyond(theirs, &ours)
}

/// A session as saved, and beside it what a newer Farsend had in it.
fn with_unknown(session: String, unknown: &Fields) -> String {
    let known = unknown::read(session.as_bytes()).filter(|_| !unknown.is_empty());
    let whole =
        known.and_then(|known| serde_json::to_string(&unknown::joined(known, unknown)).ok());
    whole.unwrap_or(session)
}

/// What becomes of a state that was not understood.
const KEPT: &str = "The project keeps them as they were until something is changed here.";

/// The persistent field's name in the host's state.
const KEY: &str = "session";

// SAFETY: there are no parameters in here that a pointer could outlive.
//
// By hand rather than by `#[persist]`, which leaves a field that cannot be read as it was, and says so
// to nobody.
#[allow(unsafe_code, reason = "the framework's trait is unsafe")]
unsafe impl Params for SessionStore {
    fn param_map(&self) -> Vec<(String, ParamPtr, String)> {
        Vec::new()
    }

    fn serialize_fields(&self) -> BTreeMap<String, String> {
        let stored = self.stored.lock();
        let text = match &stored.kept {
            Some(kept) => kept.clone(),
            None => with_unknown(stored.session.to_json(), &stored.unknown),
        };
        BTreeMap::from([(KEY.to_owned(), text)])
    }

    fn deserialize_fields(&self, serialized: &BTreeMap<String, String>) {
        let text = serialized.get(KEY);
        let (mut session, mut notes) = match text {
            Some(text) => Session::from_json(text),
            None => (
                Session::default(),
                vec!["The host's state holds no session.".into()],
            ),
        };
        let kept = text.filter(|_| !notes.is_empty()).cloned();
        if kept.is_some() {
            notes.push(KEPT.into());
        }
        let mut stored = self.stored.lock();
        // An undo or a snapshot does not end what is under way.
        if !session.connect_on_load && !stored.session.connected {
            session.connected = false;
        }
        let loaded = session.clone();
        *stored = Stored {
            session,
            notes,
            kept,
            unknown: text.map(|text| unknown_of(text)).unwrap_or_default(),
            unread: None,
        };
        drop(stored);
        if let Some(call) = &*self.loaded.lock() {
            call(&loaded);
        }
        self.changed.give();
    }
}
