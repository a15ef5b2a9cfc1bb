//! Any bytes on the control socket, in pieces of any size: messages or an error, and no message is
//! read that is not written the same way again.
#![no_main]

use farsend_ipc::message::{Deframer, FromEngine, Hello, ToEngine, encode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, bytes) = input;
    if let Ok(hello) = Hello::parse(bytes) {
        // Not the same as `hello`, whose text may have been no UTF-8 and then be too long.
        let written = hello.to_bytes();
        let again = Hello::parse(&written).expect("what we write can be read");
        assert_eq!(again.to_bytes(), written);
    }
    let (mut to_engine, mut from_engine) = (Deframer::default(), Deframer::default());
    let (mut dead, mut silent) = (false, false);
    // As bare messages too, so that the fuzzer needs no luck with the length.
    let mut framed = u32::try_from(bytes.len())
        .unwrap_or(0)
        .to_le_bytes()
        .to_vec();
    framed.extend(bytes);
    for piece in framed.chunks(usize::from(piece).max(1)) {
        to_engine.push(piece);
        from_engine.push(piece);
        while !dead {
            match to_engine.next_message::<ToEngine>() {
                Ok(Some(message)) => check(&message),
                Ok(None) => break,
                Err(error) => {
                    let _ = error.to_string();
                    dead = true;
                }
            }
        }
        while !silent {
            match from_engine.next_message::<FromEngine>() {
                Ok(Some(message)) => check(&message),
                Ok(None) => break,
                Err(_) => silent = true,
            }
        }
    }
});

/// Written and read once more, it is still written the same way.
fn check<M: serde::Serialize + serde::de::DeserializeOwned + std::fmt::Debug>(message: &M) {
    let bytes = encode(message).expect("it was not too long before");
    let mut deframer = Deframer::default();
    deframer.push(&bytes);
    let again: M = deframer
        .next_message()
        .expect("what we write can be read")
        .expect("it is whole");
    assert_eq!(encode(&again).expect("as before"), bytes);
}
