//! What a newer Farsend has saved beside what this one knows: parameters, fields, settings of a session.
//!
//! This one goes by what it knows, and writes the rest back as it came, letter for letter, with what it saves itself.
//!
//! ```text
//!   host ── load ──▶ {known, unknown} ──▶ known ──▶ settings ──▶ changed ──▶ {known, unknown} ── save ──▶ host
//!                             └─────────────────────────────────────────────────────┘
//! ```

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// The members of a JSON object, each as it was written.
pub(crate) type Fields = BTreeMap<String, Box<RawValue>>;

/// What is unknown of a state: beside our parts of it, and within those that are lists of what has a name.
#[derive(Debug, Default)]
pub(crate) struct Unknown {
    beside: Fields,
    within: BTreeMap<&'static str, Fields>,
}

impl Unknown {
    /// What this state has that `ours` has not, which is one that this version has saved. Nothing of what is no state.
    pub(crate) fn of(state: &[u8], ours: &[u8]) -> Self {
        let (Some(state), Some(ours)) = (read(state), read(ours)) else {
            return Self::default();
        };
        let within = LISTS.iter().filter_map(|list| {
            let [theirs, ours] =
                [&state, &ours].map(|state| read(state.get(*list)?.get().as_bytes()));
            Some((*list, beyond(theirs?, &ours?)))
        });
        Self {
            within: within.filter(|(_, fields)| !fields.is_empty()).collect(),
            beside: beyond(state, &ours),
        }
    }

    /// What is to be saved in place of `state`, which is ours.
    pub(crate) fn put_into(&self, state: Vec<u8>) -> Vec<u8> {
        let Some(mut all) = read(&state).filter(|_| !self.is_empty()) else {
            return state;
        };
        for (list, unknown) in &self.within {
            if let Some(known) = all.get(*list).and_then(|list| read(list.get().as_bytes()))
                && let Ok(whole) = serde_json::value::to_raw_value(&joined(known, unknown))
            {
                all.insert((*list).to_owned(), whole);
            }
        }
        serde_json::to_vec(&joined(all, &self.beside)).unwrap_or(state)
    }

    fn is_empty(&self) -> bool {
        self.beside.is_empty() && self.within.is_empty()
    }
}

/// The members of what is a JSON object.
pub(crate) fn read(object: &[u8]) -> Option<Fields> {
    serde_json::from_slice(object).ok()
}

/// What the one has that the other has not.
pub(crate) fn beyond(mut theirs: Fields, ours: &Fields) -> Fields {
    theirs.retain(|name, _| !ours.contains_key(name));
    theirs
}

/// Both; where they have the same name the first counts.
pub(crate) fn joined(mut known: Fields, unknown: &Fields) -> Fields {
    for (name, value) in unknown {
        known.entry(name.clone()).or_insert_with(|| value.clone());
    }
    known
}

/// Parts of a state that are lists of what has a name, as the framework writes it.
const LISTS: [&str; 2] = ["params", "fields"];

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &[u8] = br#"{"version":"1","params":{"a":{"f32":0.5}},"fields":{"session":"{}"}}"#;

    fn text(bytes: &[u8]) -> &str {
        std::str::from_utf8(bytes).expect("JSON is text")
    }

    #[test]
    fn what_is_unknown_is_written_back_to_the_letter_and_what_is_known_as_it_is_now() {
        let theirs = br#"{"new": [1e-400, 00.1e0 ,{"x":  12345678901234567890123}],"version":"2",
            "params":{"b":{"f32":0.1000000000000000055},"a":{"f32":0.75}},"fields":{"session":"{\"c\":1}","lights":"\u00e4"}}"#;
        // A number does not begin with two zeros.
        assert!(read(theirs).is_none());
        let theirs = text(theirs).replace("00.1e0", "0.1E0");
        let unknown = Unknown::of(theirs.as_bytes(), OURS);
        let saved = unknown.put_into(OURS.to_vec());
        let expected = r#"{"fields":{"lights":"\u00e4","session":"{}"},"new":[1e-400, 0.1E0 ,{"x":  12345678901234567890123}],"params":{"a":{"f32":0.5},"b":{"f32":0.1000000000000000055}},"version":"1"}"#;
        assert_eq!(text(&saved), expected);
        // Once more, it is the same.
        let again = Unknown::of(&saved, OURS).put_into(OURS.to_vec());
        assert_eq!(text(&again), expected);
    }

    #[test]
    fn where_all_is_known_nothing_is_touched() {
        for theirs in [OURS, b"", b"[1]", b"\xff", br#"{"params":7,"fields":[]}"#] {
            let unknown = Unknown::of(theirs, OURS);
            assert_eq!(text(&unknown.put_into(OURS.to_vec())), text(OURS));
        }
        let unknown = Unknown::of(br#"{"more":1}"#, OURS);
        assert_eq!(unknown.put_into(b"cut {".to_vec()), b"cut {");
    }
}
