//! Any bytes at a hub's OSC port: requests with finite numbers or an error, and an answer that is OSC whatever names are in it.
#![no_main]

use farsend_wire::jacktrip::{MOST_OSC, OscError, OscRequest, latency_response};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Vec<(String, f32)>, &[u8])| {
    let (players, bytes) = input;
    match OscRequest::read(bytes) {
        Ok(requests) => {
            assert!(bytes.len() <= MOST_OSC);
            // Twelve bytes are the least of a message in a bundle.
            assert!(requests.len() <= 1 + bytes.len() / 12);
            for request in &requests {
                check(request);
            }
        }
        Err(OscError::TooLong) => assert!(bytes.len() > MOST_OSC),
        Err(error @ OscError::Malformed(_)) => _ = error.to_string(),
    }
    let answer = latency_response(&players);
    assert!(!answer.is_empty(), "whoever asks is answered");
    for datagram in answer.iter().filter(|datagram| datagram.len() <= MOST_OSC) {
        let read = OscRequest::read(datagram).expect("what we write is OSC");
        assert!(
            matches!(&read[..], [OscRequest::Other { address }] if address == "/response/latency")
        );
    }
});

fn check(request: &OscRequest) {
    let text = match request {
        OscRequest::Config { key, value } => {
            assert!(value.is_finite());
            key
        }
        OscRequest::Get { key } => key,
        OscRequest::Other { address } => address,
    };
    assert!(text.len() < MOST_OSC);
}
