//! Any bytes on a hub's control socket, in pieces of any size: requests within their ranges or an error, and no request
//! is read that is not written as one line that can be read again.
#![no_main]

use std::path::Path;

use farsend_ipc::hub::{
    Answer, Lines, MOST_BOUND_MS, MOST_DB, MOST_LINE, MOST_MINUTES, MOST_NAME, MOST_TEXT,
    Request,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, bytes) = input;
    let mut lines = Lines::default();
    for piece in bytes.chunks(usize::from(piece).max(1)) {
        lines.push(piece);
        while let Ok(Some(line)) = lines.next_line() {
            assert!(line.len() <= MOST_LINE);
            check(&line);
        }
    }
    // What has no end yet, too, so that the fuzzer needs no luck with it.
    check(bytes);
    if let Ok(answer) = Answer::parse(bytes) {
        assert!(Answer::parse(&answer.to_line()).is_ok());
    }
});

fn check(line: &[u8]) {
    match Request::parse(line) {
        Ok(request) => {
            let written = request.to_line();
            assert_eq!(
                written.iter().position(|byte| *byte == b'\n'),
                Some(written.len() - 1)
            );
            assert!(
                Request::parse(&written).is_ok(),
                "what we write can be read"
            );
            check_bounds(&request);
        }
        Err(error) => _ = error.to_string(),
    }
}

/// What the hub relies on.
fn check_bounds(request: &Request) {
    match request {
        Request::Gain { db, .. } => assert!(db.abs() <= MOST_DB),
        Request::Align { bound_ms, .. } => {
            assert!(bound_ms.is_none_or(|ms| (0.0..=MOST_BOUND_MS).contains(&ms)));
        }
        Request::Between { db } => assert!(db.is_none_or(|db| (-MOST_DB..=0.0).contains(&db))),
        Request::Pan { pan, .. } => assert!(pan.is_none_or(|pan| pan.abs() <= 1.0)),
        Request::Kick { minutes, .. } => assert!((0.0..=MOST_MINUTES).contains(minutes)),
        Request::Group {
            group: Some(name), ..
        } => {
            assert!((1..=MOST_NAME).contains(&name.chars().count()));
            assert!(!name.contains(char::is_control));
        }
        Request::Say { text, .. } => {
            assert!(!text.trim().is_empty() && text.len() <= MOST_TEXT);
        }
        Request::Record { folder, bits, .. } => {
            assert!(
                folder
                    .as_ref()
                    .is_none_or(|folder| Path::new(folder).is_absolute())
            );
            assert!(bits.is_none_or(|bits| bits == 24 || bits == 32));
        }
        _ => {}
    }
}
