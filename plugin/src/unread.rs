//! A state that a host hands over and that nobody here can read: cut, damaged, or a newer Farsend's.
//!
//! The framework refuses it, and what the host saves next are the defaults: whoever opens a project with an older Farsend and saves it
//! has lost what was set. So the guards before the framework read the bytes themselves:
//!
//! ```text
//!   host ── load ──▶ bytes ──▶ framework: read? ── yes ─────────────────────────▶ as saved
//!                                │ no
//!                                └─▶ the defaults; the bytes are kept in the [`SessionStore`], and its notes say so
//!   host ◀── save ── kept bytes, until somebody changes a setting in the window ── else ── framework
//! ```
//! Of one that can be read, what is [unknown](crate::unknown) goes past the framework. On the host's main thread.

use std::cell::RefCell;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;

use crate::state::SessionStore;
use crate::unknown::Unknown;

/// What an instance knows of its own state, for the guard before it.
#[derive(Debug, Default)]
pub(crate) struct Unread {
    /// `None`: the instance has not said where it is; then all is left to the framework.
    store: Option<Arc<SessionStore>>,
    /// What the framework saves of a new instance.
    new: Option<Vec<u8>>,
    /// What a newer Farsend has in the state that was loaded last.
    unknown: Mutex<Unknown>,
    /// Bytes before the state itself: its length.
    lead: usize,
}

/// Bytes that came from a host's stream.
#[derive(Debug)]
pub(crate) struct Came {
    pub(crate) bytes: Vec<u8>,
    /// The stream broke off, or was longer than [`MOST`]: there is more of it.
    pub(crate) in_part: bool,
}

impl Unread {
    /// For an instance that was just made, which saves this. Before the state itself there are `lead` bytes that tell its length, or none.
    pub(crate) fn new(store: Option<Arc<SessionStore>>, new: Option<Vec<u8>>, lead: usize) -> Self {
        Self {
            store,
            new,
            unknown: Mutex::default(),
            lead,
        }
    }

    /// Loads these bytes by the framework's `load`, or keeps them. Whether the host may take it for loaded.
    pub(crate) fn load(&self, came: Came, load: impl Fn(&[u8]) -> bool) -> bool {
        if load(&came.bytes) {
            let ours = self.new.as_deref().unwrap_or(&[]);
            *self.unknown.lock() = Unknown::of(self.state(&came.bytes), self.state(ours));
            return true;
        }
        let Some(store) = self.store.as_ref().filter(|_| !came.in_part) else {
            return false;
        };
        // As a new instance, whatever was loaded before.
        *self.unknown.lock() = Unknown::default();
        if let Some(new) = &self.new {
            let _ = load(new);
        }
        if !came.bytes.is_empty() {
            let why = why(self.state(&came.bytes));
            store.keep(came.bytes, why);
        }
        true
    }

    /// What the host is to save, where the framework saves this.
    pub(crate) fn save(&self, saved: impl FnOnce() -> Option<Vec<u8>>) -> Option<Vec<u8>> {
        if let Some(kept) = self.store.as_ref().and_then(|store| store.unread()) {
            return Some(kept.to_vec());
        }
        let saved = saved()?;
        let state = self.unknown.lock().put_into(self.state(&saved).to_vec());
        let length = (state.len() as u64).to_le_bytes();
        Some([&length[..self.lead], &state].concat())
    }

    /// The state itself, of what is loaded or saved: what comes behind it is nobody's.
    fn state<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let Some((lead, state)) = bytes.split_at_checked(self.lead) else {
            return &[];
        };
        let length = lead.try_into().ok().map(u64::from_le_bytes);
        let length = length.and_then(|length| usize::try_from(length).ok());
        &state[..length.map_or(state.len(), |length| length.min(state.len()))]
    }
}

/// Why this state cannot be read, a sentence.
fn why(state: &[u8]) -> String {
    const BEGINNING: &str = "This project's settings of this plugin cannot be read:";
    let fields = match serde_json::from_slice(state) {
        Ok(Value::Object(fields)) => fields,
        _ => return format!("{BEGINNING} they are damaged."),
    };
    match fields.get("version") {
        Some(Value::String(theirs)) if is_newer(theirs) => {
            let theirs: String = theirs
                .chars()
                .filter(|c| !c.is_control())
                .take(20)
                .collect();
            format!("{BEGINNING} they were saved by a newer Farsend ({theirs}; this is {OURS}).")
        }
        // Our own say it in letters.
        Some(Value::Number(_)) => format!("{BEGINNING} they were saved by a newer Farsend."),
        _ => format!("{BEGINNING} they are damaged."),
    }
}

/// Whether this version comes after ours.
fn is_newer(theirs: &str) -> bool {
    let numbers = |version: &str| -> Vec<u64> {
        let version = version.split(['-', '+']).next().unwrap_or_default();
        let numbers = version.split('.');
        numbers.map_while(|number| number.parse().ok()).collect()
    };
    numbers(theirs) > numbers(OURS)
}

/// The longest state that is read: far longer than any of ours, and short enough to be kept beside it.
pub(crate) const MOST: usize = 16 << 20;

const OURS: &str = env!("CARGO_PKG_VERSION");

thread_local! {
    /// Where the instance that is being made on this thread has its state; `None`: nobody wants to know.
    static OFFERED: RefCell<Option<Option<Arc<SessionStore>>>> = const { RefCell::new(None) };
}

/// Makes an instance; gives where it has its state, too.
pub(crate) fn with_store<T>(make: impl FnOnce() -> T) -> (T, Option<Arc<SessionStore>>) {
    OFFERED.set(Some(None));
    let made = make();
    (made, OFFERED.take().flatten())
}

/// An instance that is being made says where it has its state: the framework tells nobody.
pub(crate) fn offer(store: &Arc<SessionStore>) {
    OFFERED.with_borrow_mut(|offered| {
        if let Some(offered) = offered {
            *offered = Some(Arc::clone(store));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_version_is_told_from_damage() {
        let ends = |state: &[u8], end: &str| {
            let why = why(state);
            assert!(why.ends_with(end), "{why}");
        };
        let newer = format!("a newer Farsend (99.0.0-rc.1; this is {OURS}).");
        ends(br#"{"version":"99.0.0-rc.1","params":[]}"#, &newer);
        ends(br#"{"version":2}"#, "by a newer Farsend.");
        for damaged in [
            &b""[..],
            b"\xff\xfe",
            b"[1,2]",
            b"{}",
            br#"{"version":"0.0.1","params":[]}"#,
            br#"{"version":"","params":[]}"#,
            br#"{"version":"99.0.0","par"#,
        ] {
            ends(damaged, "they are damaged.");
        }
        assert!(is_newer("0.1.1") && is_newer("1.0") && !is_newer(OURS) && !is_newer("0.0.9"));
    }
}
