//! Players whose ages are told, look by look.

use super::*;

/// Players by their place: path and own wait in milliseconds, and what they are held for.
struct Hall {
    aligner: Aligner,
    players: Vec<(f64, f64)>,
    held: Vec<f64>,
    changes: usize,
}

impl Hall {
    fn new(players: &[(f64, f64)], bound: u64) -> Self {
        Self {
            aligner: Aligner::new(true, Duration::from_millis(bound)),
            players: players.to_vec(),
            held: vec![0.0; players.len()],
            changes: 0,
        }
    }

    fn look(&mut self) {
        let ms = |ms: f64| Duration::from_secs_f64(ms / 1e3);
        let players = self.players.iter().enumerate();
        let ages: Vec<Age> = players
            .map(|(place, (path, wait))| Age {
                place: place as u16,
                path: ms(*path),
                wait: ms(*wait),
            })
            .collect();
        for hold in self.aligner.look(&ages) {
            let wait = hold.wait.as_secs_f64() * 1e3;
            let own = self.players[usize::from(hold.place)].1;
            let held = &mut self.held[usize::from(hold.place)];
            let step = (wait.max(own) - held.max(own)).abs();
            assert!(step <= STEP * 1e3 + 1e-6, "{step} ms at once");
            *held = wait;
            self.changes += 1;
        }
    }

    fn run(&mut self, looks: usize) {
        (0..looks).for_each(|_| self.look());
    }

    /// How old each player's audio is in the mix, in milliseconds.
    fn ages(&self) -> Vec<f64> {
        let players = self.players.iter().zip(&self.held);
        players
            .map(|((path, wait), held)| (path + wait.max(*held)).round())
            .collect()
    }

    fn standings(&self) -> Vec<Standing> {
        let places = 0..self.players.len() as u16;
        places
            .map(|place| self.aligner.of(place).expect("it is on").0)
            .collect()
    }
}

#[test]
fn all_are_brought_to_the_age_of_the_latest() {
    let mut hall = Hall::new(&[(1.0, 4.0), (20.0, 10.0), (45.0, 30.0)], 100);
    hall.run(60);
    assert_eq!(hall.ages(), [75.0; 3]);
    assert_eq!(hall.standings(), [Standing::With; 3]);
    assert_eq!(hall.aligner.moment(), Some(Duration::from_millis(75)));
    let added = hall.aligner.of(0).expect("it is on").1;
    assert!((added.as_secs_f64() - 0.07).abs() < 1e-6, "{added:?}");
}

#[test]
fn nobody_waits_for_one_who_is_later_than_the_bound() {
    let mut hall = Hall::new(&[(1.0, 4.0), (20.0, 10.0), (45.0, 90.0)], 50);
    hall.run(60);
    assert_eq!(hall.ages(), [30.0, 30.0, 135.0]);
    assert_eq!(hall.standings()[2], Standing::Late);
    // A little within the bound is not enough to be waited for; more is.
    hall.players[2] = (45.0, 8.0);
    hall.run(60);
    assert_eq!(hall.ages(), [30.0, 30.0, 53.0]);
    hall.players[2] = (40.0, 8.0);
    hall.run(60);
    assert_eq!(hall.ages(), [48.0; 3]);
}

#[test]
fn one_who_is_near_is_held_for_the_bound_at_most_when_all_others_are_far() {
    let mut hall = Hall::new(
        &[(0.0, 5.0), (150.0, 10.0), (140.0, 8.0), (130.0, 9.0)],
        100,
    );
    hall.run(60);
    assert_eq!(hall.ages(), [105.0, 160.0, 160.0, 160.0]);
    assert_eq!(hall.standings()[0], Standing::Early);
}

#[test]
fn nothing_moves_for_a_millisecond_or_a_moment() {
    let mut hall = Hall::new(&[(1.0, 4.0), (20.0, 10.0)], 100);
    hall.run(60);
    hall.changes = 0;
    for look in 0..100 {
        hall.players[1].1 = 9.4 + f64::from(look % 3) * 0.3;
        hall.look();
    }
    assert_eq!(hall.changes, 0);
    // A jitter that comes again and again moves it once.
    for look in 0..100 {
        hall.players[1].1 = if look % 8 == 0 { 20.0 } else { 10.0 };
        hall.look();
    }
    assert!(hall.changes <= 2, "{}", hall.changes);
    assert_eq!(hall.ages()[0], 40.0);
    hall.players[1].1 = 10.0;
    hall.run(60);
    assert_eq!(hall.ages(), [30.0; 2]);
}

#[test]
fn switched_off_all_go_back_as_slowly_and_nothing_is_left() {
    let mut hall = Hall::new(&[(1.0, 4.0), (45.0, 40.0)], 100);
    hall.run(60);
    assert_eq!(hall.ages(), [85.0; 2]);
    hall.aligner.set(false, Duration::from_millis(100));
    hall.run(60);
    assert_eq!(hall.ages(), [5.0, 85.0]);
    assert_eq!(hall.held, [0.0; 2]);
    assert_eq!(hall.aligner.of(0), None);
    hall.aligner.set(true, Duration::from_millis(30));
    hall.run(60);
    assert_eq!(hall.ages(), [5.0, 85.0], "that is too far for this bound");
}

#[test]
fn with_nobody_there_or_one_alone_nothing_is_held() {
    let mut hall = Hall::new(&[], 100);
    hall.run(3);
    assert_eq!(hall.aligner.moment(), None);
    let mut hall = Hall::new(&[(10.0, 5.0)], 100);
    hall.run(30);
    assert_eq!(hall.held, [0.0]);
    hall.aligner.forget(0);
    assert_eq!(hall.aligner.of(0), None);
}

#[test]
fn what_is_captured_at_the_hub_waits_as_one_who_is_not_away() {
    let mut aligner = Aligner::new(true, Duration::from_millis(100));
    let away = Age {
        place: 0,
        path: Duration::from_millis(40),
        wait: Duration::from_millis(5),
    };
    let mut held = Duration::ZERO;
    for _ in 0..60 {
        let holds = aligner.look(&[away, Age::HERE]);
        assert!(holds.iter().all(|hold| hold.place == HERE));
        held = holds.first().map_or(held, |hold| hold.wait);
    }
    assert_eq!(held.as_millis(), 45);
}
