//! Who is expected, let in and taken for whom.

use super::*;

fn log_in(roster: &mut Roster, host: u8, port: u16, now: Instant) -> LogIn {
    let name = Name::EMPTY;
    roster.log_in([10, 0, 0, host].into(), &Hello { port, name }, None, now)
}

fn welcome(roster: &mut Roster, host: u8, port: u16, now: Instant) -> bool {
    matches!(log_in(roster, host, port, now), LogIn::Welcome { .. })
}

/// Whether a stream that begins now is somebody's who has logged in.
fn heard_from(roster: &mut Roster, host: u8, port: u16, now: Instant) -> bool {
    let claim = roster.claim(([10, 0, 0, host], port).into(), Some(now), now);
    let number = roster.admission();
    let settled = claim.and_then(|claim| roster.settle(claim, Some(number)));
    settled.is_some_and(|settled| settled.is_over)
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
        assert!(heard_from(&mut roster, 1, port, now));
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
fn a_stream_that_begins_anew_is_one_who_has_logged_in_if_it_had_stopped_before_and_nobody_else_is_heard()
 {
    let (mut roster, now) = (Roster::new(4), Instant::now());
    let _ann = seat(&mut roster, 1, 4470);
    let ms = |ms| now + Duration::from_millis(ms);
    let stops = |roster: &mut Roster, at, until| {
        roster.note(0, &LinkEvent::Peer(Event::FellQuiet), ms(at));
        roster.note(0, &LinkEvent::Peer(Event::Returned), ms(until));
        roster.note(0, &LinkEvent::Restarted, ms(until));
    };
    stops(&mut roster, 600, 1000);
    assert!(roster.begun_anew(ms(1300)).is_empty(), "nobody logged in");
    assert!(welcome(&mut roster, 1, 4464, ms(2000)));
    // Her program goes on, with other numbers: the one who logs in has not begun yet.
    roster.note(0, &LinkEvent::Restarted, ms(2050));
    assert!(roster.begun_anew(ms(2400)).is_empty());
    // A network that stalls: she was heard as somebody logged in, or is only back before that.
    stops(&mut roster, 2700, 2900);
    assert!(roster.begun_anew(ms(3300)).is_empty());
    // She has ended, and then somebody logs in.
    let (mut roster, now) = (Roster::new(4), Instant::now());
    let _ann = seat(&mut roster, 1, 4470);
    let ms = |ms| now + Duration::from_millis(ms);
    roster.note(0, &LinkEvent::Peer(Event::FellQuiet), ms(1500));
    assert!(welcome(&mut roster, 1, 4464, ms(1600)));
    for event in [LinkEvent::Peer(Event::Returned), LinkEvent::Restarted] {
        roster.note(0, &event, ms(1700));
    }
    assert!(
        roster.begun_anew(ms(1900)).is_empty(),
        "somebody else may be heard yet"
    );
    assert_eq!(roster.begun_anew(ms(2000)), [0]);
    // Somebody else is.
    assert!(heard_from(&mut roster, 1, 5000, ms(2000)));
    assert!(roster.begun_anew(ms(2000)).is_empty());
}

#[test]
fn a_stream_that_begins_anew_from_the_port_that_was_said_at_a_log_in_is_that_ones() {
    let (mut roster, now) = (Roster::new(4), Instant::now());
    let _ann = seat(&mut roster, 1, 4464);
    let known = now + SETTLED_WITHIN;
    assert_eq!(log_in(&mut roster, 1, 4464, now), LogIn::Later);
    assert!(welcome(&mut roster, 1, 4464, known));
    roster.note(0, &LinkEvent::Restarted, known);
    assert!(roster.begun_anew(known).is_empty());
    assert_eq!(roster.begun_anew(known + OTHERS_WITHIN), [0]);
    assert!(welcome(&mut roster, 1, 4465, known + OTHERS_WITHIN));
    // The first is heard from elsewhere.
    assert!(heard_from(&mut roster, 1, 5000, known));
    assert!(roster.begun_anew(known + OTHERS_WITHIN).is_empty());
}

#[test]
fn a_stream_of_before_a_log_in_is_not_taken_for_it_while_another_may_come() {
    let (mut roster, now) = (Roster::new(4), Instant::now());
    let ms = |ms| now + Duration::from_millis(ms);
    let from = |port| SocketAddr::from(([10, 0, 0, 1], port));
    assert!(welcome(&mut roster, 1, 4464, ms(1000)));
    let claim = |roster: &Roster, port, began: Option<u64>, at| {
        let claim = roster.claim(from(port), began.map(ms), ms(at));
        claim.map(|claim| (claim.is_exact, roster.replaces(claim)))
    };
    // Somebody of before: as long as one may come who begins now.
    assert_eq!(claim(&roster, 4470, None, 1010), None);
    assert_eq!(claim(&roster, 4470, Some(999), 2999), None);
    // Behind a NAT the port that all of them say may be that of another.
    assert_eq!(claim(&roster, 4464, Some(999), 1999), None);
    assert_eq!(claim(&roster, 4464, None, 2000), Some((true, false)));
    assert_eq!(claim(&roster, 4470, None, 3000), Some((false, false)));
    // One who begins now is welcome at once.
    assert_eq!(claim(&roster, 4470, Some(1000), 1000), Some((false, false)));
    assert_eq!(claim(&roster, 4464, Some(1010), 1010), Some((true, false)));
    // Two log in: the first stream began before the second of them.
    assert!(welcome(&mut roster, 1, 5000, ms(1500)));
    let first = roster.claim(from(5000), Some(ms(1200)), ms(1510));
    assert_eq!(first.map(|claim| claim.is_exact), Some(false));
}

#[test]
fn one_who_was_let_in_for_want_of_another_goes_when_that_one_comes() {
    let (mut roster, now) = (Roster::new(1), Instant::now());
    let from = |port| SocketAddr::from(([10, 0, 0, 1], port));
    assert!(welcome(&mut roster, 1, 4464, now));
    let later = now + Duration::from_secs(2);
    let old = roster.claim(from(4470), None, later).unwrap();
    let settled = roster.settle(old, Some(7)).unwrap();
    assert!(!settled.is_over && settled.instead_of.is_none());
    // Nobody else of before is let in for the same log-in, nor is anything said of it.
    assert_eq!(roster.claim(from(4471), None, later), None);
    assert!(!roster.note_junk(from(4472), None, "is noise"));
    let new = roster.claim(from(4473), Some(later), later).unwrap();
    assert!(roster.replaces(new));
    let settled = roster.settle(new, Some(8)).unwrap();
    assert!(settled.is_over);
    assert_eq!(settled.instead_of, Some(7));
    assert!(roster.expire(now + KNOCKS_WITHIN).is_empty());
    // Where nobody comes, they stay.
    assert!(welcome(&mut roster, 1, 4464, now));
    let old = roster.claim(from(4470), None, later).unwrap();
    roster.settle(old, Some(9)).unwrap();
    let gone = roster.expire(now + KNOCKS_WITHIN);
    assert!(!gone[0].is_awaited());
}

#[test]
fn one_who_cannot_be_served_uses_up_no_log_in_but_their_own() {
    let (mut roster, now) = (Roster::new(4), Instant::now());
    let from = |port| SocketAddr::from(([10, 0, 0, 1], port));
    assert!(welcome(&mut roster, 1, 4464, now) && welcome(&mut roster, 1, 4465, now));
    let other = roster.claim(from(5000), Some(now), now).unwrap();
    assert!(!other.is_exact);
    let theirs = roster.claim(from(4465), Some(now), now).unwrap();
    assert!(theirs.is_exact);
    assert!(roster.settle(theirs, None).is_some_and(|one| one.is_over));
    assert!(heard_from(&mut roster, 1, 4464, now));
    assert!(!heard_from(&mut roster, 1, 4465, now));
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
fn one_who_is_back_before_it_is_known_that_they_were_gone_is_the_same_once_it_is() {
    let (mut roster, now) = (Roster::new(4), Instant::now());
    let _ann = seat(&mut roster, 1, 4464);
    roster.note(0, &LinkEvent::Peer(Event::FellQuiet), now);
    let later = now + GONE_AFTER;
    assert!(roster.returned(later).is_empty(), "nobody came");
    let _other_host = seat(&mut roster, 2, 4464);
    assert!(roster.returned(later).is_empty());
    let _again = seat(&mut roster, 1, 5000);
    assert!(roster.returned(now).is_empty(), "perhaps a stall");
    assert_eq!(roster.returned(later), [(0, 2)]);
    roster.note(0, &LinkEvent::Peer(Event::Returned), later);
    assert!(
        roster.returned(later + GONE_AFTER).is_empty(),
        "two of a name"
    );
    // Who was here before the other stopped is somebody else.
    roster.note(0, &LinkEvent::Peer(Event::FellQuiet), now + 10 * GONE_AFTER);
    assert!(roster.returned(now + 20 * GONE_AFTER).is_empty());

    let again = roster.newly_come(2, later).expect("is here");
    assert_eq!(again.host, IpAddr::from([10, 0, 0, 1]));
    assert!(roster.newly_come(3, later).is_none());
    roster.leave(2);
    roster.expect(again, None);
    assert!(heard_from(&mut roster, 1, 5000, later));
}

#[test]
fn junk_is_told_once_for_each_who_has_logged_in_and_kept_in_mind_for_those_who_are_not_heard() {
    let (mut roster, now) = (Roster::new(4), Instant::now());
    let from = |port| SocketAddr::from(([10, 0, 0, 1], port));
    assert!(!roster.note_junk(from(5000), None, "is noise"));
    assert!(welcome(&mut roster, 1, 4464, now) && welcome(&mut roster, 1, 4465, now));
    assert!(welcome(&mut roster, 2, 4464, now));
    let told = (0..4).map(|_| roster.note_junk(from(5000), None, "is noise"));
    assert_eq!(told.collect::<Vec<_>>(), [true, true, false, false]);
    assert!(!roster.note_junk(from(4465), None, "is worse"));
    let mut gone = roster.expire(now + KNOCKS_WITHIN).into_iter();
    let mut instead = || gone.next().and_then(|one| one.instead);
    assert_eq!(instead(), Some((from(5000), "is noise".to_owned())));
    assert_eq!(instead(), Some((from(4465), "is worse".to_owned())));
    assert_eq!(instead(), None, "of another host");
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
            matches!(
                roster.log_in(host, &hello, None, now),
                LogIn::Welcome { .. }
            )
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
