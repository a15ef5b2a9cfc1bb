//! What a hub makes of a hello, whole, cut, cut off, or none.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use assert_no_alloc::{AllocDisabler, assert_no_alloc};
use farsend_protocol::jacktrip::{Greeter, Greeting};
use farsend_wire::jacktrip::{Hello, Name, Reply};
use proptest::collection::vec;
use proptest::prelude::*;

#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

#[test]
fn a_hello_in_one_piece_is_welcome_at_once() {
    let mut greeter = Greeter::new(false);
    let bytes = alice().to_bytes();
    assert_no_alloc(|| assert_eq!(greeter.handle_bytes(&bytes), Greeting::Welcome(alice())));
    assert_eq!(greeter.handle_bytes(b"more"), Greeting::Close);
    assert_eq!(greeter.handle_pause(), Greeting::Close);
}

#[test]
fn a_port_alone_is_welcome_after_a_pause_without_a_name() {
    let mut greeter = Greeter::new(false);
    assert_eq!(greeter.handle_bytes(&[0x70, 0x11, 0, 0]), Greeting::More);
    assert_eq!(greeter.handle_pause(), Greeting::Welcome(nameless(4464)));
}

#[test]
fn a_name_may_come_in_a_later_piece() {
    let bytes = alice().to_bytes();
    for cut in 1..Hello::LEN {
        let mut greeter = Greeter::new(false);
        assert_eq!(greeter.handle_bytes(&bytes[..cut]), Greeting::More, "{cut}");
        let rest = greeter.handle_bytes(&bytes[cut..]);
        assert_eq!(rest, Greeting::Welcome(alice()), "{cut}");
    }
    let mut greeter = Greeter::new(false);
    let (last, others) = bytes.split_last().unwrap();
    for byte in others {
        assert_eq!(greeter.handle_bytes(&[*byte]), Greeting::More);
    }
    assert_eq!(greeter.handle_bytes(&[*last]), Greeting::Welcome(alice()));
}

#[test]
fn a_name_that_is_not_padded_counts_after_a_pause() {
    let mut greeter = Greeter::new(false);
    assert_eq!(greeter.handle_bytes(b"\x70\x11\0\0alice"), Greeting::More);
    assert_eq!(greeter.handle_pause(), Greeting::Welcome(alice()));
}

#[test]
fn a_pause_within_the_word_is_waited_for() {
    let mut greeter = Greeter::new(false);
    assert_eq!(greeter.handle_pause(), Greeting::More);
    assert_eq!(greeter.handle_bytes(&[0x70, 0x11]), Greeting::More);
    assert_eq!(greeter.handle_pause(), Greeting::More);
    assert_eq!(greeter.handle_bytes(&[0, 0]), Greeting::More);
    assert_eq!(greeter.handle_pause(), Greeting::Welcome(nameless(4464)));
}

#[test]
fn what_comes_after_68_bytes_is_not_looked_at() {
    let mut greeter = Greeter::new(false);
    let mut bytes = alice().to_bytes().to_vec();
    bytes.resize(100_000, b'x');
    assert_eq!(greeter.handle_bytes(&bytes), Greeting::Welcome(alice()));
}

#[test]
fn a_port_of_zero_is_taken_with_a_whole_hello_and_else_the_next_word_counts() {
    let whole = Hello { port: 0, ..alice() };
    let mut greeter = Greeter::new(false);
    let greeting = greeter.handle_bytes(&whole.to_bytes());
    assert_eq!(greeting, Greeting::Welcome(whole));

    let mut greeter = Greeter::new(false);
    assert_eq!(greeter.handle_bytes(&[0; 4]), Greeting::More);
    assert_eq!(greeter.handle_pause(), Greeting::More);
    assert_eq!(greeter.handle_bytes(&[0x71, 0x11, 0, 0]), Greeting::More);
    assert_eq!(greeter.handle_pause(), Greeting::Welcome(nameless(4465)));

    let mut greeter = Greeter::new(false);
    assert_eq!(greeter.handle_bytes(&[0; 8]), Greeting::More);
    assert_eq!(greeter.handle_pause(), Greeting::Close);

    let mut greeter = Greeter::new(false);
    let asked = [0, 0, 0, 0, 0, 0, 1, 0];
    assert_eq!(greeter.handle_bytes(&asked), Greeting::More);
    assert_eq!(greeter.handle_pause(), Greeting::Say(Reply::NotRequired));
}

#[test]
fn of_the_word_only_the_low_half_is_a_port() {
    let mut greeter = Greeter::new(false);
    assert_eq!(greeter.handle_bytes(&[0xff; 4]), Greeting::More);
    assert_eq!(greeter.handle_pause(), Greeting::Welcome(nameless(65_535)));
}

#[test]
fn whoever_asks_to_authenticate_is_answered_at_once() {
    for (authenticates, reply) in [
        (true, Reply::PleaseAuthenticate),
        (false, Reply::NotRequired),
    ] {
        let mut greeter = Greeter::new(authenticates);
        let greeting = greeter.handle_bytes(&Reply::PleaseAuthenticate.to_bytes());
        assert_eq!(greeting, Greeting::Say(reply));
    }
}

#[test]
fn a_hub_with_users_lets_nobody_in_who_does_not_ask_to_authenticate() {
    let hello = alice().to_bytes();
    let code = Reply::WrongCredentials.to_bytes();
    for bytes in [&hello[..], &hello[..4], &[0; 4], &code] {
        let greeting = Greeter::new(true).handle_bytes(bytes);
        let required = Greeting::Say(Reply::AuthenticationRequired);
        assert_eq!(greeting, required, "{bytes:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes_in_any_pieces_come_to_an_end(
        pieces in vec((vec(any::<u8>(), 0..40), any::<bool>()), 0..20), authenticates: bool, zeros in 0_usize..12
    ) {
        let mut greeter = Greeter::new(authenticates);
        let mut given = 0;
        let mut ended = false;
        for (mut piece, pause) in pieces {
            piece.iter_mut().take(zeros.saturating_sub(given)).for_each(|byte| *byte = 0);
            given += piece.len();
            for greeting in [Some(greeter.handle_bytes(&piece)), pause.then(|| greeter.handle_pause())] {
                let Some(greeting) = greeting else { continue };
                if ended {
                    prop_assert_eq!(greeting, Greeting::Close);
                }
                ended |= greeting != Greeting::More;
                if let Greeting::Welcome(_) = greeting {
                    prop_assert!(!authenticates);
                }
            }
            prop_assert!(ended || given < Hello::LEN);
            prop_assert!(ended || !pause || given < 2 * Hello::WORD_LEN);
        }
    }
}

fn alice() -> Hello {
    Hello {
        port: 4464,
        name: Name::new("alice"),
    }
}

fn nameless(port: u16) -> Hello {
    Hello {
        port,
        name: Name::EMPTY,
    }
}
