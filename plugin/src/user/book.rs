//! Whom this person calls: addresses that were saved, and those of late.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::state::{HUB_SCHEME, Role, Session};

/// The address book, for this person in all hosts: `addresses.json`. Entries that this version does not understand are kept, and
/// not shown.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Book {
    #[serde(default)]
    saved: Vec<Value>,
    #[serde(default)]
    recent: Vec<Value>,
    #[serde(flatten)]
    other: Map<String, Value>,
}

/// Which part of the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum List {
    /// Saved under a name.
    Saved,
    /// Called of late, the last one first.
    Recent,
}

/// Whom to call, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What the person calls it; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// A client of a peer, or a member of a hub.
    pub role: Role,
    /// The host's name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The user there; empty: nobody.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub user: String,
}

impl Entry {
    /// Whom this session calls; nobody, if it waits for a call.
    pub fn of(session: &Session) -> Option<Self> {
        let calls = matches!(session.role, Role::Client | Role::Member);
        (calls && !session.host.is_empty()).then(|| Self {
            name: String::new(),
            role: session.role,
            host: session.host.clone(),
            port: session.port,
            user: match session.role {
                Role::Member => session.user.clone(),
                _ => String::new(),
            },
        })
    }

    /// Has the session call this. False if it is no address, as a file by hand may hold; then nothing changes.
    pub fn apply(&self, session: &mut Session) -> bool {
        let mut changed = session.clone();
        changed.role = self.role;
        if self.port == 0 || !changed.set_address(&self.address()) {
            return false;
        }
        (changed.port, changed.user) = (self.port, self.user.clone());
        *session = changed;
        true
    }

    /// As it may be typed: `host`, `host:port`, `[ipv6]:port`, after `hub://` for a hub.
    pub fn address(&self) -> String {
        let scheme = if self.role == Role::Member {
            HUB_SCHEME
        } else {
            ""
        };
        let (host, port) = (&self.host, self.port);
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.clone()
        };
        match port {
            Session::PORT => format!("{scheme}{host}"),
            port => format!("{scheme}{host}:{port}"),
        }
    }

    /// What to call it.
    pub fn title(&self) -> String {
        match self.name.trim() {
            "" => self.address(),
            name => name.to_owned(),
        }
    }

    /// Whether both are the same place there.
    fn is_same(&self, other: &Self) -> bool {
        self.role == other.role
            && self.host.eq_ignore_ascii_case(&other.host)
            && self.port == other.port
            && self.user == other.user
    }
}

impl Book {
    /// The file's name.
    pub const FILE: &str = "addresses.json";

    /// The entries that are understood, in their order.
    pub fn entries(&self, list: List) -> Vec<Entry> {
        let raw = match list {
            List::Saved => &self.saved,
            List::Recent => &self.recent,
        };
        raw.iter().filter_map(understood).collect()
    }

    /// The name that this place was saved under; `None`: it was not.
    pub fn name_of(&self, entry: &Entry) -> Option<String> {
        let entries = self.entries(List::Saved);
        let found = entries.into_iter().find(|saved| saved.is_same(entry))?;
        Some(found.name)
    }

    /// It was called now.
    pub fn note(&mut self, entry: &Entry) {
        let entry = Entry {
            name: String::new(),
            ..entry.clone()
        };
        remove(&mut self.recent, &entry);
        self.recent.insert(0, value(&entry));
        let mut known = 0;
        self.recent.retain(|raw| {
            known += usize::from(understood(raw).is_some());
            known <= MOST_RECENT || understood(raw).is_none()
        });
    }

    /// Whether this is the one that was called last.
    pub fn is_last(&self, entry: &Entry) -> bool {
        let last = self.recent.iter().find_map(understood);
        last.is_some_and(|last| last.is_same(entry))
    }

    /// Saves it, or names anew what was saved.
    pub fn save(&mut self, entry: &Entry) {
        let same = |raw: &Value| understood(raw).is_some_and(|saved| saved.is_same(entry));
        let Some(saved) = self.saved.iter_mut().find(|raw| same(raw)) else {
            return self.saved.push(value(entry));
        };
        match saved.as_object_mut() {
            Some(fields) => _ = fields.insert("name".into(), entry.name.trim().into()),
            // A list of the fields' values is understood, too.
            None => *saved = value(entry),
        }
    }

    /// Forgets it.
    pub fn forget(&mut self, list: List, entry: &Entry) {
        match list {
            List::Saved => remove(&mut self.saved, entry),
            List::Recent => remove(&mut self.recent, entry),
        }
    }
}

fn understood(raw: &Value) -> Option<Entry> {
    Entry::deserialize(raw).ok()
}

fn remove(list: &mut Vec<Value>, entry: &Entry) {
    list.retain(|raw| understood(raw).is_none_or(|other| !other.is_same(entry)));
}

fn value(entry: &Entry) -> Value {
    serde_json::to_value(entry).expect("strings and numbers are JSON")
}

/// Fewer than anybody looks through.
const MOST_RECENT: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(host: &str) -> Entry {
        Entry {
            name: String::new(),
            role: Role::Client,
            host: host.into(),
            port: 4464,
            user: String::new(),
        }
    }

    fn hosts(book: &Book, list: List) -> Vec<String> {
        let entries = book.entries(list).into_iter();
        entries.map(|entry| entry.host).collect()
    }

    #[test]
    fn the_last_one_called_is_the_first_and_none_is_there_twice() {
        let mut book = Book::default();
        for host in ["a", "b", "A", "c"] {
            book.note(&entry(host));
        }
        assert_eq!(hosts(&book, List::Recent), ["c", "A", "b"]);
        assert!(book.is_last(&entry("C")) && !book.is_last(&entry("b")));
        (0..30).for_each(|number| book.note(&entry(&number.to_string())));
        assert_eq!(book.entries(List::Recent).len(), MOST_RECENT);
        assert_eq!(hosts(&book, List::Recent)[0], "29");
    }

    #[test]
    fn a_place_has_one_name() {
        let mut book = Book::default();
        for name in ["Studio", "The studio "] {
            book.save(&Entry {
                name: name.into(),
                ..entry("studio.example")
            });
        }
        let saved = book.entries(List::Saved);
        assert_eq!(saved.len(), 1);
        assert_eq!(saved[0].title(), "The studio");
        assert_eq!(
            book.name_of(&entry("studio.example")).as_deref(),
            Some("The studio")
        );
        book.forget(List::Saved, &entry("studio.example"));
        assert_eq!(book, Book::default());
    }

    #[test]
    fn entries_of_a_newer_version_stay_and_are_not_shown() {
        let text = r#"{"saved":[{"role":"satellite","orbit":7},{"role":"client","host":"a","port":1,"colour":"red"}],"recent":[7],"tags":[]}"#;
        let mut book: Book = serde_json::from_str(text).expect("it is JSON");
        assert_eq!(hosts(&book, List::Saved), ["a"]);
        (0..30).for_each(|number| book.note(&entry(&number.to_string())));
        book.save(&Entry {
            name: "A".into(),
            port: 1,
            ..entry("a")
        });
        let kept = serde_json::to_value(&book).expect("it is JSON");
        assert_eq!(kept["saved"][0]["orbit"], 7);
        assert_eq!(kept["saved"][1]["colour"], "red");
        assert_eq!(kept["saved"][1]["name"], "A");
        assert!(
            kept["recent"]
                .as_array()
                .is_some_and(|all| all.contains(&7.into()))
        );
        assert!(kept["tags"].is_array());
    }

    #[test]
    fn an_entry_that_is_a_list_by_hand_is_named_anew() {
        let text = r#"{"saved":[["x","client","a",4464,"u"]],"recent":[["","client","b",1,""],[],null,"a"]}"#;
        let mut book: Book = serde_json::from_str(text).expect("it is JSON");
        let named = Entry {
            name: "A".into(),
            user: "u".into(),
            ..entry("a")
        };
        book.save(&named);
        assert_eq!(book.entries(List::Saved), std::slice::from_ref(&named));
        book.note(&named);
        assert_eq!(hosts(&book, List::Recent), ["a", "b"]);
        book.forget(List::Saved, &named);
        assert_eq!(book.entries(List::Saved), []);
    }

    #[test]
    fn an_entry_is_called_as_it_was() {
        for (role, host, port, user, address) in [
            (Role::Client, "far.example", 4464, "", "far.example"),
            (Role::Client, "10.0.0.2", 4470, "", "10.0.0.2:4470"),
            (Role::Client, "fe80::1%eth0", 4464, "", "[fe80::1%eth0]"),
            (
                Role::Member,
                "hub.example",
                4465,
                "ann",
                "hub://hub.example:4465",
            ),
        ] {
            let session = Session {
                role,
                host: host.into(),
                port,
                user: user.into(),
                ..Session::default()
            };
            let entry = Entry::of(&session).expect("it calls somebody");
            assert_eq!(entry.address(), address);
            let mut other = Session {
                role: Role::Server,
                port: 9,
                ..Session::default()
            };
            assert!(entry.apply(&mut other), "{address}");
            assert_eq!(other, session);
        }
        let mut session = Session::default();
        assert!(!entry("no host").apply(&mut session) && !entry("").apply(&mut session));
        assert_eq!(session, Session::default());
        assert_eq!(Entry::of(&Session::default()), None);
    }
}
