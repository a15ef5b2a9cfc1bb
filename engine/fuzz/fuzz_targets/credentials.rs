//! Any bytes as a credentials file: every line is a user, a remark, or named as bad; times are written as they were read;
//! and a user's line takes the place of their own and of no other.
#![no_main]

use farsend_protocol::jacktrip::{Times, Users, put_line, times_of};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (users, bad) = Users::parse(bytes);
    let lines = bytes.split(|byte| *byte == b'\n').count();
    assert!(users.count() + bad.len() <= lines);
    assert!(bad.windows(2).all(|two| two[0].number < two[1].number));
    for bad in &bad {
        assert!((1..=lines).contains(&bad.number));
        let said = bad.to_string();
        assert!(!said.contains(|c: char| c.is_control()), "{said:?}");
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(times) = text.parse::<Times>()
    {
        let written = times.to_string();
        assert_eq!(written.parse(), Ok(times), "{written}");
    }
    let mut file = bytes.to_vec();
    let there = put_line(&mut file, "ann", ANN);
    assert!(!users.knows("ann") || there);
    let (again, _) = Users::parse(&file);
    assert_eq!(times_of(&file, "ann"), Some(Times::always()));
    assert_eq!(
        again.count(),
        users.count() + usize::from(!users.knows("ann"))
    );
    let once = file.clone();
    assert!(put_line(&mut file, "ann", ANN));
    assert_eq!(file, once);
});

const ANN: &str = "ann:$6$abcdefgh$ltjgWl6579NluT/Vi1nwEvcil.G5Nbc4NiXZaNGStk8PSwGfQv72N2CKPPrVACtLtip/cZ/1GM/O6IND4WQhG.:*";
