//! Any bytes on a hub's control socket, in pieces of any size: requests within their ranges or an error, and no request
//! is read that is not written as one line that can be read again.
#![no_main]

use farsend_ipc::hub::{Answer, Lines, MOST_LINE, Request};
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
            assert_eq!(written.iter().position(|byte| *byte == b'\n'), Some(written.len() - 1));
            assert!(Request::parse(&written).is_ok(), "what we write can be read");
        }
        Err(error) => _ = error.to_string(),
    }
}
