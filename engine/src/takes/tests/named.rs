//! Takes of a far end that says its name.

use super::Rig;

#[test]
fn a_far_end_that_says_its_name_has_files_of_that_name_and_renders_as_the_same_one() {
    let mut rig = Rig::new();
    rig.play(100);
    // It says so while the first take is under way: that one goes on.
    for name in ["Violin 1", ""] {
        rig.roll(Some(0));
        rig.play(200);
        *rig.called.lock() = name.into();
        rig.play(200);
        rig.roll(None);
        rig.play(400);
    }
    let names = |player: &str| -> Vec<String> {
        let takes = rig.takes(player).into_iter();
        takes.map(|take| take.name().to_owned()).collect()
    };
    let [first] = &names("Ann")[..] else {
        panic!("{:?}", rig.book.since(0));
    };
    assert!(first.starts_with("band - Ann - take 1 - "), "{first}");
    let [second] = &names("Violin 1")[..] else {
        panic!("{:?}", rig.book.since(0));
    };
    assert!(
        second.starts_with("band - Violin 1 - take 2 - "),
        "{second}"
    );
    for take in rig.takes("Ann").iter().chain(&rig.takes("Violin 1")) {
        let bytes = std::fs::read(&take.path).expect("it was written");
        let player = b"player=Ann";
        assert!(bytes.windows(player.len()).any(|part| part == player));
    }
}
