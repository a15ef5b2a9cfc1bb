//! Who is let in by a credentials file, and what is said of lines that cannot be read.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use farsend_protocol::jacktrip::{
    BadEntry, BadUser, Heard, Judgement, Moment, Registrar, Times, TimesError, Users, put_line,
    times_of, user_line,
};
use farsend_wire::jacktrip::{Hello, LogIn, Name};
use proptest::prelude::*;

/// By `openssl passwd -6 -salt abcdefgh secret`.
const SECRET: &str = "$6$abcdefgh$ltjgWl6579NluT/Vi1nwEvcil.G5Nbc4NiXZaNGStk8PSwGfQv72N2CKPPrVACtLtip/cZ/1GM/O6IND4WQhG.";
/// Of 256 letters x.
const LONG: &str = "$6$abcdefgh$LrINoF8XqUfymH3b16RFbn5kCfG5cwDFSkCuJKT.1Q3pEC2INq.ANx6.N1STQw/FVE8vn7098.y.bc6q/KsnY0";
/// By `openssl passwd -6 -salt 0123456789abcdef grün`.
const GREEN: &str = "$6$0123456789abcdef$VoVNIk6c6NIBjinTPD/p7vWPkkQoBXufHrMRH5slxEknlTCJD/mViC42J6ISjF7ObUqU4yck74E81e9w/eUy2.";

/// A Wednesday at noon.
const NOON: Moment = Moment {
    weekday: 2,
    minute: 12 * 60,
};

fn log_in<'a>(user: &'a str, password: &'a str) -> LogIn<'a> {
    LogIn {
        hello: Hello {
            port: 4464,
            name: Name::EMPTY,
        },
        user: user.as_bytes(),
        password: password.as_bytes(),
    }
}

fn users(file: &str) -> Users {
    let (users, bad) = Users::parse(file.as_bytes());
    assert_eq!(bad, []);
    users
}

#[test]
fn a_user_with_the_right_password_is_welcome_and_no_other() {
    let file = format!("# the choir\n\nann:{SECRET}:*\r\nbén:{GREEN}:*:alto\nlong:{LONG}:*");
    let users = users(&file);
    assert_eq!(users.count(), 3);
    let judge = |user: &str, password: &str| users.judge(&log_in(user, password), NOON);
    assert_eq!(judge("ann", "secret"), Judgement::Welcome);
    assert_eq!(judge("bén", "grün"), Judgement::Welcome);
    assert_eq!(judge("long", &"x".repeat(256)), Judgement::Welcome);
    // As in JackTrip, no more of it is looked at.
    assert_eq!(judge("long", &"x".repeat(300)), Judgement::Welcome);
    for (user, password) in [
        ("ann", "Secret"),
        ("ann", ""),
        ("ann", "secret "),
        ("", "secret"),
        ("", ""),
        ("Ann", "secret"),
        ("ann\0", "secret"),
        ("# the choir", "secret"),
        ("long", "x"),
        ("carl", "secret"),
    ] {
        assert_eq!(judge(user, password), Judgement::WrongCredentials, "{user}");
    }
    let mut no_text = log_in("", "secret");
    no_text.user = &[0xff];
    assert_eq!(users.judge(&no_text, NOON), Judgement::WrongCredentials);
}

#[test]
fn at_the_wrong_time_a_user_is_told_so_only_with_the_right_password() {
    let file = format!("never:{SECRET}:\nann:{SECRET}:We0900-1159,We1201-1300,Th*,Tu*\n");
    let users = users(&file);
    let at =
        |user, weekday, minute| users.judge(&log_in(user, "secret"), Moment { weekday, minute });
    assert_eq!(at("never", 2, 720), Judgement::NotAtThisTime);
    assert_eq!(at("ann", 2, 720), Judgement::NotAtThisTime);
    assert_eq!(at("ann", 2, 719), Judgement::Welcome);
    assert_eq!(at("ann", 2, 721), Judgement::Welcome);
    assert_eq!(at("ann", 2, 13 * 60), Judgement::Welcome);
    assert_eq!(at("ann", 2, 13 * 60 + 1), Judgement::NotAtThisTime);
    assert_eq!(at("ann", 3, 0), Judgement::Welcome);
    assert_eq!(at("ann", 3, 1439), Judgement::Welcome);
    assert_eq!(at("ann", 4, 0), Judgement::NotAtThisTime);
    let wrong = users.judge(&log_in("never", "wrong"), NOON);
    assert_eq!(wrong, Judgement::WrongCredentials);
}

#[test]
fn each_line_that_cannot_be_read_is_named_and_the_others_count() {
    let rounds = SECRET.replacen("$6$", "$6$rounds=9000$", 1);
    let sha256 = SECRET.replacen("$6$", "$5$", 1);
    let short = &SECRET[..SECRET.len() - 1];
    let salty = SECRET.replacen("abcdefgh", "0123456789abcdefg", 1);
    let file = format!(
        "ann:{SECRET}:*\nonly two:fields\n:{SECRET}:*\na:{rounds}:*\nb:{sha256}:*\nc:{short}:*\nd:{salty}:*\n\
         e:secret:*\nann:{GREEN}:*\nf:{SECRET}:Mo\ng:{SECRET}:Fr2200-0100\nh:{SECRET}:*"
    );
    let mut file = file.into_bytes();
    file.extend(b"\ni:\xff:*\nword");
    let (users, bad) = Users::parse(&file);
    let said: Vec<(usize, BadUser)> = bad.into_iter().map(|bad| (bad.number, bad.why)).collect();
    assert_eq!(
        said,
        [
            (2, BadUser::Fields(2)),
            (3, BadUser::NoName),
            (4, BadUser::Hash),
            (5, BadUser::Hash),
            (6, BadUser::Hash),
            (7, BadUser::Hash),
            (8, BadUser::Hash),
            (9, BadUser::Again("ann".into(), 1)),
            (10, BadUser::Times(TimesError::NoTime("Mo".into()))),
            (
                11,
                BadUser::Times(TimesError::Backwards("Fr2200-0100".into()))
            ),
            (13, BadUser::NotText),
            (14, BadUser::Fields(1)),
        ]
    );
    assert_eq!(users.count(), 2);
    // The later of two counts.
    let judged = users.judge(&log_in("ann", "grün"), NOON);
    assert_eq!(judged, Judgement::Welcome);
    assert!(users.knows("h") && !users.knows("f"));
}

#[test]
fn times_are_written_as_they_are_read_and_nonsense_is_none() {
    for text in ["*", "", "Mo*", "Mo0900-1730,Sa*,Su0000-2358"] {
        assert_eq!(text.parse::<Times>().unwrap().to_string(), text);
    }
    assert_eq!(
        "Mo0000-2359,Tu1200-1200"
            .parse::<Times>()
            .unwrap()
            .to_string(),
        "Mo*,Tu1200-1200"
    );
    for text in [
        "mo*",
        "Mo",
        "Mo0900",
        "Mo900-1000",
        "Mo0900-2500",
        "Mo0960-1000",
        "Mo0900-2400",
        ",",
        "Mo*,",
        "Xx*",
        "M",
        "é*",
        "Mo+900-1000",
        "**",
        " Mo*",
        "Mo* ",
        "Mo*, Tu*",
        " *",
    ] {
        let error = text.parse::<Times>().unwrap_err();
        assert!(matches!(error, TimesError::NoTime(_)), "{text}: {error}");
    }
}

#[test]
fn a_line_that_is_made_lets_its_user_in() {
    let salt = *b"\x00\x01\xff\x80abcdefgh";
    let line = user_line("ann", "grün".as_bytes(), salt, &Times::always()).unwrap();
    assert!(
        line.starts_with("ann:$6$") && line.ends_with(":*"),
        "{line}"
    );
    let made = users(&line);
    assert_eq!(made.judge(&log_in("ann", "grün"), NOON), Judgement::Welcome);
    assert_eq!(
        made.judge(&log_in("ann", "x"), NOON),
        Judgement::WrongCredentials
    );
    for name in ["", "a:b", "a\nb", " a", "a ", "#a"] {
        let error = user_line(name, b"x", salt, &Times::always()).unwrap_err();
        assert_eq!(error, BadEntry::Name, "{name}");
    }
    for password in [&b""[..], &[b'x'; 257], b"a\0b"] {
        let error = user_line("ann", password, salt, &Times::always()).unwrap_err();
        assert_eq!(error, BadEntry::Password);
    }
}

#[test]
fn a_line_takes_the_place_of_its_users_own_and_nothing_else_moves() {
    let mut file = format!("# us\nann:{SECRET}:Mo*\nnonsense\nanna:{SECRET}:*").into_bytes();
    assert_eq!(times_of(&file, "ann").unwrap().to_string(), "Mo*");
    assert!(times_of(&file, "ben").is_none());
    assert!(put_line(&mut file, "ann", "ann:NEW"));
    let now = format!("# us\nann:NEW\nnonsense\nanna:{SECRET}:*");
    assert_eq!(String::from_utf8(file.clone()).unwrap(), now);
    assert!(!put_line(&mut file, "ben", "ben:NEW"));
    assert_eq!(String::from_utf8(file).unwrap(), now + "\nben:NEW\n");
    let mut empty = Vec::new();
    assert!(!put_line(&mut empty, "ben", "ben:NEW"));
    assert_eq!(empty, b"ben:NEW\n");
}

#[test]
fn a_log_in_in_any_pieces_is_heard_once_it_is_whole() {
    let mut bytes = Vec::new();
    log_in("ann", "secret").write(&mut bytes).unwrap();
    for piece in 1..bytes.len() {
        let mut registrar = Registrar::new();
        let (last, others) = bytes.split_last().unwrap();
        for piece in others.chunks(piece) {
            registrar.handle_bytes(piece);
            assert_eq!(registrar.heard(), Heard::More);
        }
        registrar.handle_bytes(&[*last, 1, 2, 3]);
        assert_eq!(registrar.heard(), Heard::Whole(log_in("ann", "secret")));
        assert!(!format!("{registrar:?}").contains("115"), "no bytes of it");
    }
}

#[test]
fn an_impossible_length_ends_it() {
    let mut registrar = Registrar::new();
    registrar.handle_bytes(&[0xff; 76]);
    assert!(matches!(registrar.heard(), Heard::Nonsense(error) if error.bytes == -1));
}

proptest! {
    #[test]
    fn any_bytes_are_some_file(file in proptest::collection::vec(any::<u8>(), 0..400)) {
        let (users, bad) = Users::parse(&file);
        let lines = file.split(|byte| *byte == b'\n').count();
        prop_assert!(users.count() + bad.len() <= lines);
        prop_assert!(bad.iter().all(|bad| bad.number <= lines));
    }
}
