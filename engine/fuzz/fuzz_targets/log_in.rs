//! Any bytes in any pieces inside TLS: a log-in is heard once it is whole, whatever its pieces, and is, written again, the
//! same; what is none ends at its head; and no more is kept than a log-in can have.
#![no_main]

use farsend_protocol::jacktrip::{Heard, Registrar};
use farsend_wire::jacktrip::LogIn;
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = run(&mut Unstructured::new(bytes));
});

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    let mut registrar = Registrar::new();
    let mut said = Vec::new();
    // Lengths that make sense, or else hardly any input would.
    if input.arbitrary()? {
        said.extend([0x70, 0x11, 0, 0]);
        said.extend(input.arbitrary::<[u8; 64]>()?);
        for _ in 0..2 {
            said.extend(input.int_in_range(-1..=1100_i32)?.to_le_bytes());
        }
        registrar.handle_bytes(&said);
    }
    while !input.is_empty() {
        let len = input.int_in_range(0..=400)?;
        let piece = input.bytes(len.min(input.len()))?;
        let ended = registrar.heard() != Heard::More;
        said.extend(piece);
        registrar.handle_bytes(piece);
        assert!(
            !ended || registrar.heard() != Heard::More,
            "it stays as it is"
        );
        match registrar.heard() {
            Heard::More => assert!(said.len() < LogIn::MAX_LEN),
            Heard::Nonsense(error) => {
                assert!(said.len() >= LogIn::HEAD_LEN);
                assert!(!(0..=LogIn::MAX_TEXT as i32).contains(&error.bytes));
            }
            Heard::Whole(log_in) => {
                assert_eq!(LogIn::parse(&said), Ok(Some(log_in)));
                let mut written = Vec::new();
                assert_eq!(log_in.write(&mut written), Ok(()));
                assert_eq!(LogIn::parse(&written), Ok(Some(log_in)));
                assert!(written.len() <= said.len() && written.len() <= LogIn::MAX_LEN);
            }
        }
    }
    Ok(())
}
