//! Who is expected, let in and taken for whom.

use super::*;

fn log_in(roster: &mut Roster, host: u8, port: u16, now: Instant) -> LogIn {
    let name = Name::EMPTY;
    roster.log_in([10, 0, 0, host].into(), &Hello { port, name }, now)
}

fn welcome(roster: &mut Roster, host: u8, port: u16, now: Instant) -> bool {
    matches!(log_in(roster, host, port, now), LogIn::Welcome { .. })
}

#[test]
fn one_host_cannot_have_all_places_kept_for_it() {
    let (mut roster, now) = (Roster::new(40), Instant::now());
    let of_school = (0..100)
        .filter(|port| welcome(&mut roster, 1, *port, now))
        .count();
    assert_eq!(of_school, 30, "a school of 30 at once");
    assert!(welcome(&mut roster, 2, 4464, now));
    assert!(welcome(&mut roster, 2, 4465, now));
    // As soon as some are heard, the next may come.
    assert_eq!(log_in(&mut roster, 1, 200, now), LogIn::Later);
    for port in 0..3 {
        let heard = SocketAddr::from(([10, 0, 0, 1], port));
        assert!(roster.knocked(heard).is_some());
    }
    assert!(welcome(&mut roster, 1, 200, now));
    // And when they are not, after a while.
    let later = now + KNOCKS_WITHIN;
    assert_eq!(roster.expire(later).len(), 30);
    assert!(welcome(&mut roster, 1, 201, later));
}

/// Somebody plays from there; with what they publish.
fn seat(
    roster: &mut Roster,
    host: u8,
    port: u16,
) -> farsend_rt::LatestWriter<crate::statistics::Statistics> {
    let (mut writer, reader) = farsend_rt::latest(crate::statistics::Statistics::default());
    let address = SocketAddr::from(([10, 0, 0, host], port));
    let mut entry = Entry::quiet("ann", address, farsend_units::Channels(2));
    entry.watch.statistics = reader;
    writer.write(heard(true));
    roster.take(roster.free().unwrap(), entry);
    writer
}

fn heard(present: bool) -> crate::statistics::Statistics {
    crate::statistics::Statistics {
        present,
        ..Default::default()
    }
}

#[test]
fn a_program_that_began_again_replaces_itself_and_nobody_else_of_its_network() {
    let (mut roster, now) = (Roster::new(16), Instant::now());
    let mut ann = seat(&mut roster, 1, 4464);
    let known = now + SETTLED_WITHIN;
    let welcome = |replaces| LogIn::Welcome { replaces };
    // As long as Ann may just have ended nobody knows. She is heard: it is somebody else.
    assert_eq!(log_in(&mut roster, 1, 4464, now), LogIn::Later);
    assert_eq!(log_in(&mut roster, 1, 4464, known), welcome(None));
    // Not any more: she has begun again.
    let later = known + Duration::from_secs(60);
    assert_eq!(log_in(&mut roster, 1, 4464, later), LogIn::Later);
    ann.write(heard(false));
    assert_eq!(log_in(&mut roster, 1, 4464, later), welcome(Some(0)));
    // Another port, another host: nothing to wonder about.
    assert_eq!(log_in(&mut roster, 1, 4465, later), welcome(None));
    assert_eq!(log_in(&mut roster, 2, 4464, later), welcome(None));
}

#[test]
fn a_stream_that_begins_anew_is_one_who_has_logged_in_if_nobody_else_is_heard() {
    let (mut roster, now) = (Roster::new(4), Instant::now());
    let _ann = seat(&mut roster, 1, 4470);
    roster.note(0, &LinkEvent::Restarted, now);
    assert!(
        roster.begun_anew(now + OTHERS_WITHIN).is_empty(),
        "nobody has logged in"
    );
    assert!(welcome(&mut roster, 1, 4464, now));
    let anew = now + Duration::from_millis(50);
    roster.note(0, &LinkEvent::Restarted, anew);
    assert!(
        roster.begun_anew(anew).is_empty(),
        "somebody else may be heard yet"
    );
    assert_eq!(roster.begun_anew(anew + OTHERS_WITHIN), [0]);
    // Somebody else is.
    assert!(
        roster
            .knocked(SocketAddr::from(([10, 0, 0, 1], 5000)))
            .is_some()
    );
    assert!(roster.begun_anew(anew + OTHERS_WITHIN).is_empty());
    assert!(welcome(&mut roster, 1, 4464, anew + OTHERS_WITHIN));
    assert!(
        roster.begun_anew(anew + OTHERS_WITHIN).is_empty(),
        "that was before"
    );
}

#[test]
fn one_who_is_back_from_another_port_is_the_same_once_nothing_comes_from_the_old_one() {
    let (mut roster, now) = (Roster::new(4), Instant::now());
    let _ann = seat(&mut roster, 1, 4464);
    let host = |last| IpAddr::from([10, 0, 0, last]);
    let ann = Name::new("ann");
    let later = now + GONE_AFTER;
    assert_eq!(roster.former(ann, host(1), later), None);
    roster.note(0, &LinkEvent::Peer(Event::FellQuiet), now);
    assert_eq!(roster.former(ann, host(1), now), None, "perhaps a stall");
    assert_eq!(roster.former(ann, host(2), later), None);
    assert_eq!(roster.former(Name::EMPTY, host(1), later), None);
    assert_eq!(roster.former(ann, host(1), later), Some(0));
    roster.note(0, &LinkEvent::Peer(Event::Returned), now);
    assert_eq!(roster.former(ann, host(1), later), None);
}

#[test]
fn junk_is_told_once_for_each_who_has_logged_in() {
    let (mut roster, now) = (Roster::new(4), Instant::now());
    let host: IpAddr = [10, 0, 0, 1].into();
    assert!(!roster.note_junk(host));
    assert!(welcome(&mut roster, 1, 4464, now) && welcome(&mut roster, 1, 4465, now));
    let told: Vec<bool> = (0..4).map(|_| roster.note_junk(host)).collect();
    assert_eq!(told, [true, true, false, false]);
}

#[test]
fn of_ipv6_a_whole_network_is_one_host() {
    let (mut roster, now) = (Roster::new(40), Instant::now());
    let hello = Hello {
        port: 4464,
        name: Name::EMPTY,
    };
    let let_in = (0..100u128)
        .filter(|low| {
            let host = std::net::Ipv6Addr::from((0x2001_0db8 << 96) | low).into();
            matches!(roster.log_in(host, &hello, now), LogIn::Welcome { .. })
        })
        .count();
    assert_eq!(let_in, 30);
}

#[test]
fn two_of_a_host_find_the_last_two_places() {
    let (mut roster, now) = (Roster::new(2), Instant::now());
    assert!(welcome(&mut roster, 1, 4464, now));
    assert!(welcome(&mut roster, 1, 4465, now));
    assert_eq!(log_in(&mut roster, 1, 4466, now), LogIn::Later);
    assert_eq!(log_in(&mut roster, 2, 4464, now), LogIn::Later);
    let none = &mut Roster::new(0);
    assert_eq!(log_in(none, 2, 4464, now), LogIn::Full);
}
