//! Any bytes in any pieces, with pauses anywhere: the hub's side of a log-in comes to an end and stays there, and what
//! it lets in has a name that can be shown.
#![no_main]

use farsend_protocol::jacktrip::{Greeter, Greeting};
use farsend_wire::jacktrip::{Hello, Name, Reply};
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = run(&mut Unstructured::new(bytes));
});

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    let authenticates = input.arbitrary()?;
    let mut greeter = Greeter::new(authenticates);
    let mut said = Vec::new();
    let mut ended = false;
    while !input.is_empty() {
        let paused = input.ratio(1, 4)?;
        let greeting = if paused {
            greeter.handle_pause()
        } else {
            let len = input.int_in_range(0..=80)?;
            let piece = input.bytes(len.min(input.len()))?;
            said.extend_from_slice(piece);
            greeter.handle_bytes(piece)
        };
        assert!(!ended || greeting == Greeting::Close, "one answer");
        ended |= greeting != Greeting::More;
        assert!(ended || said.len() < Hello::LEN);
        assert!(ended || !paused || said.len() < 2 * Hello::WORD_LEN);
        match greeting {
            Greeting::Welcome(hello) => {
                assert!(!authenticates);
                look_at(hello);
            }
            Greeting::Say(reply) => assert_eq!(Reply::parse(reply.to_bytes()), reply),
            Greeting::More | Greeting::Close => {}
        }
    }
    Ok(())
}

fn look_at(hello: Hello) {
    let text = hello.name.as_str();
    assert!(text.len() <= Name::MAX_LEN && !text.contains(char::is_control));
    assert_eq!(Name::new(text), hello.name);
    assert_eq!(Hello::parse(&hello.to_bytes()), hello);
}
