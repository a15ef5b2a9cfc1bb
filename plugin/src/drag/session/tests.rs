//! What windows are told in a drag, whatever happens.

use proptest::prelude::*;

use super::*;

const DAW: Target = target(7, 5);
const BROWSER: Target = target(8, 5);

const fn target(window: u32, version: u8) -> Target {
    Target {
        window,
        to: window,
        version,
    }
}

const fn at(x: i16, y: i16, over: Option<Target>) -> Input {
    Input::Pointer {
        at: (x, y),
        held: true,
        over,
    }
}

const fn let_go(x: i16, y: i16, over: Option<Target>) -> Input {
    Input::Pointer {
        at: (x, y),
        held: false,
        over,
    }
}

const fn status(from: u32, welcome: bool) -> Input {
    let answer = Answer {
        welcome,
        within: None,
    };
    Input::Status { from, answer }
}

const fn finished(from: u32, taken: bool) -> Input {
    Input::Finished { from, taken }
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// All at once.
fn feed(session: &mut Session, inputs: &[Input]) -> Vec<Output> {
    let told = |input: &Input| session.handle(ms(1), Some(*input));
    inputs.iter().flat_map(told).collect()
}

/// Let go over a DAW that welcomes it.
fn dropped() -> Session {
    let mut session = Session::new();
    let all = [
        at(5, 5, Some(DAW)),
        status(7, true),
        let_go(5, 5, Some(DAW)),
    ];
    assert_eq!(feed(&mut session, &all).last(), Some(&Output::Drop(DAW)));
    session
}

#[test]
fn a_take_that_is_let_go_over_a_daw_is_dropped_there() {
    let mut session = Session::new();
    let told = feed(&mut session, &[at(1, 1, None), at(5, 5, Some(DAW))]);
    assert_eq!(told, [Output::Enter(DAW), Output::Position(DAW, (5, 5))]);
    assert_eq!(session.stage(), Stage::Unwelcome);
    assert_eq!(feed(&mut session, &[status(7, true)]), []);
    assert_eq!(session.stage(), Stage::Welcome);
    let told = feed(&mut session, &[let_go(5, 5, Some(DAW))]);
    assert_eq!(told, [Output::Drop(DAW)]);
    assert_eq!(feed(&mut session, &[finished(7, true)]), []);
    assert_eq!(session.stage(), Stage::Ended(End::Taken));
}

#[test]
fn a_window_is_told_where_it_is_once_it_has_answered_for_the_last_place() {
    let mut session = Session::new();
    let moves = [5, 6, 9].map(|x| at(x, 5, Some(DAW)));
    let told = feed(&mut session, &moves);
    assert_eq!(told, [Output::Enter(DAW), Output::Position(DAW, (5, 5))]);
    let told = feed(&mut session, &[status(7, true)]);
    assert_eq!(told, [Output::Position(DAW, (9, 5))]);
    // Somebody else's answer is none, and a pointer that rests is told once.
    let rests = at(9, 5, Some(DAW));
    assert_eq!(feed(&mut session, &[status(8, true), rests]), []);
    assert_eq!(feed(&mut session, &[status(7, true), rests]), []);
}

#[test]
fn what_is_let_go_before_the_answer_waits_for_the_answer_to_where_it_was_let_go() {
    let mut session = Session::new();
    let told = feed(
        &mut session,
        &[at(5, 5, Some(DAW)), let_go(9, 9, Some(DAW))],
    );
    assert_eq!(told, [Output::Enter(DAW), Output::Position(DAW, (5, 5))]);
    let told = feed(&mut session, &[status(7, false)]);
    assert_eq!(told, [Output::Position(DAW, (9, 9))]);
    assert_eq!(feed(&mut session, &[status(7, true)]), [Output::Drop(DAW)]);

    let mut session = Session::new();
    let told = feed(&mut session, &[let_go(9, 9, Some(DAW)), status(7, false)]);
    assert_eq!(told.last(), Some(&Output::Leave(DAW)));
    assert_eq!(session.stage(), Stage::Ended(End::Refused));
}

#[test]
fn in_a_rectangle_that_was_answered_for_nothing_is_told() {
    let answer = Answer::of([7, WELCOME, 0xfffe_0000, 0x0008_0004, 0]);
    assert_eq!(answer.within, Some((-2, 0, 8, 4)));
    let status = Input::Status { from: 7, answer };
    let mut session = Session::new();
    let _ = feed(&mut session, &[at(0, 0, Some(DAW)), status]);
    let inside = [at(5, 3, Some(DAW)), at(-2, 0, Some(DAW))];
    assert_eq!(feed(&mut session, &inside), []);
    let told = feed(&mut session, &[at(6, 3, Some(DAW))]);
    assert_eq!(told, [Output::Position(DAW, (6, 3))]);
    // One that has no size, or is not to be used, is none.
    assert_eq!(Answer::of([7, 3, 0, 0x0008_0004, 0]).within, None);
    assert_eq!(Answer::of([7, 1, 0, 0x0008_0000, 0]).within, None);
}

#[test]
fn a_window_is_left_before_the_next_is_entered() {
    let mut session = Session::new();
    let moves = [at(5, 5, Some(DAW)), at(6, 5, Some(BROWSER)), at(7, 5, None)];
    let expected = [
        Output::Enter(DAW),
        Output::Position(DAW, (5, 5)),
        Output::Leave(DAW),
        Output::Enter(BROWSER),
        Output::Position(BROWSER, (6, 5)),
        Output::Leave(BROWSER),
    ];
    assert_eq!(feed(&mut session, &moves), expected);
    assert_eq!(feed(&mut session, &[let_go(7, 5, None)]), []);
    assert_eq!(session.stage(), Stage::Ended(End::Nowhere));
}

#[test]
fn a_window_that_has_gone_is_told_nothing_more() {
    let mut session = Session::new();
    let _ = feed(&mut session, &[at(5, 5, Some(DAW))]);
    let gone = [Input::Gone(7), let_go(5, 5, None)];
    assert_eq!(feed(&mut session, &gone), []);
    assert_eq!(session.stage(), Stage::Ended(End::Nowhere));

    let mut session = dropped();
    assert_eq!(feed(&mut session, &[Input::Gone(7)]), []);
    assert_eq!(session.stage(), Stage::Ended(End::Unconfirmed));
}

#[test]
fn escape_leaves_but_takes_nothing_back_that_was_dropped() {
    let mut session = Session::new();
    let told = feed(&mut session, &[at(5, 5, Some(DAW)), Input::Cancel]);
    assert_eq!(told.last(), Some(&Output::Leave(DAW)));
    assert_eq!(session.stage(), Stage::Ended(End::Cancelled));

    let mut session = dropped();
    let after = [Input::Cancel, finished(7, false)];
    assert_eq!(feed(&mut session, &after), []);
    assert_eq!(session.stage(), Stage::Ended(End::Refused));
}

#[test]
fn nobody_is_waited_for_for_ever() {
    let mut session = Session::new();
    let _ = feed(
        &mut session,
        &[at(5, 5, Some(DAW)), let_go(5, 5, Some(DAW))],
    );
    assert_eq!(session.handle(ms(2), None), []);
    let late = session.handle(ms(1) + CONSIDERED, None);
    assert_eq!(late, [Output::Leave(DAW)]);
    assert_eq!(session.stage(), Stage::Ended(End::Refused));

    let mut session = dropped();
    assert_eq!(session.handle(ms(1) + FETCHED, None), []);
    assert_eq!(session.stage(), Stage::Ended(End::Unconfirmed));

    let mut session = Session::new();
    let _ = feed(&mut session, &[at(5, 5, Some(DAW))]);
    assert_eq!(session.handle(HELD, None), [Output::Leave(DAW)]);
}

#[test]
fn before_version_5_nobody_says_whether_it_was_taken() {
    let old = target(7, 4);
    let mut session = Session::new();
    let all = [
        at(5, 5, Some(old)),
        status(7, true),
        let_go(5, 5, Some(old)),
        finished(7, false),
    ];
    let _ = feed(&mut session, &all);
    assert_eq!(session.stage(), Stage::Ended(End::Taken));
}

#[test]
fn who_has_got_it_and_does_not_say_that_it_was_taken_is_believed_no_refusal() {
    let mut session = dropped();
    let _ = feed(&mut session, &[Input::Fetched, finished(7, false)]);
    assert_eq!(session.stage(), Stage::Ended(End::Unconfirmed));
    // That somebody else had got it before says nothing of this one.
    let mut session = Session::new();
    let all = [
        at(5, 5, Some(BROWSER)),
        Input::Fetched,
        at(5, 5, Some(DAW)),
        status(7, true),
        let_go(5, 5, Some(DAW)),
        finished(7, false),
    ];
    let _ = feed(&mut session, &all);
    assert_eq!(session.stage(), Stage::Ended(End::Refused));
}

fn any_input() -> impl Strategy<Value = Input> {
    let targets = prop::option::of((7_u32..10, 3_u8..6));
    let pointer = (0_i16..4, any::<bool>(), targets).prop_map(|(x, held, over)| Input::Pointer {
        at: (x, 0),
        // Mostly.
        held: held || x > 0,
        over: over.map(|(window, version)| target(window, version)),
    });
    let answer = (7_u32..10, any::<[u32; 5]>()).prop_map(|(from, words)| Input::Status {
        from,
        answer: Answer::of(words),
    });
    let finished = (7_u32..10, any::<bool>()).prop_map(|(from, taken)| finished(from, taken));
    prop_oneof![
        6 => pointer,
        4 => answer,
        1 => finished,
        1 => (7_u32..10).prop_map(Input::Gone),
        1 => Just(Input::Fetched),
        1 => prop_oneof![Just(Input::Cancel), Just(Input::Stop), Just(Input::Superseded)],
    ]
}

proptest! {
    #[test]
    fn whatever_happens_each_window_is_entered_then_told_then_left_or_dropped_on(
        events in prop::collection::vec((0_u64..2000, prop::option::of(any_input())), 0..80)
    ) {
        let mut session = Session::new();
        let mut now = ms(0);
        let mut inside: Option<Target> = None;
        let mut dropped = false;
        for (later, input) in events {
            now += ms(later);
            let had_ended = matches!(session.stage(), Stage::Ended(_));
            if let Some(Input::Gone(window)) = input
                && now < session.limit
            {
                inside = inside.filter(|target| target.window != window);
            }
            let told = session.handle(now, input);
            prop_assert!(!had_ended || told.is_empty());
            for output in told {
                prop_assert!(!dropped);
                match output {
                    Output::Enter(target) => prop_assert_eq!(inside.replace(target), None),
                    Output::Position(target, _) => prop_assert_eq!(inside, Some(target)),
                    Output::Leave(target) => prop_assert_eq!(inside.take(), Some(target)),
                    Output::Drop(target) => {
                        prop_assert_eq!(inside.take(), Some(target));
                        dropped = true;
                    }
                }
            }
        }
        // Without anything more it ends, and whoever was entered knows.
        for output in session.handle(now + HELD, None) {
            prop_assert!(matches!(output, Output::Leave(target) if inside.take() == Some(target)));
        }
        prop_assert!(matches!(session.stage(), Stage::Ended(_)) && inside.is_none());
    }
}
