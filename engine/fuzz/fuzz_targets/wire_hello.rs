//! Any bytes as the name in a hello and as words: a name is text that can be shown, and what is read is, written again,
//! the same.
#![no_main]

use farsend_wire::jacktrip::{Hello, Name, Reply, is_unruly};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let name = Name::from_bytes(bytes);
    let text = name.as_str();
    assert!(text.len() <= Name::MAX_LEN && !text.contains(is_unruly));
    assert_eq!(Name::new(text), name);
    assert_eq!(Name::from_bytes(text.as_bytes()), name);
    // What came first is what is kept.
    if let Some(valid) = bytes.utf8_chunks().next().map(|chunk| chunk.valid()) {
        let ends = |c: char| c == '\0' || is_unruly(c);
        let kept = valid.split(ends).next().unwrap_or_default();
        assert!(text.starts_with(kept) || kept.starts_with(text.trim_end_matches('\u{fffd}')));
    }
    if let Some(bytes) = bytes.first_chunk::<{ Hello::LEN }>() {
        let hello = Hello::parse(bytes);
        assert_eq!(Hello::parse(&hello.to_bytes()), hello);
    }
    for word in bytes.as_chunks().0 {
        assert_eq!(Reply::parse(*word).to_bytes(), *word);
    }
});
