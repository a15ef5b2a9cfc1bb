use super::*;

const RATE: SampleRate = SampleRate::HZ_48000;
const PERIOD: i64 = 128;

/// A peer and our blocks, both of 128 frames, in virtual time.
struct Play {
    depth: Depth,
    /// Seconds that a packet takes, and seconds a period of the peer's and of ours.
    late: fn(i64) -> f64,
    theirs: f64,
    ours: f64,
    /// Packets that came, blocks that were settled, and the next frame to be played.
    came: i64,
    settled: i64,
    next: f64,
    steps: Vec<(i64, Step)>,
    /// Whose server is late by 1.6 ms, once in how many periods, and stays so.
    xrun: (bool, i64),
}

impl Play {
    fn new(policy: DepthPolicy, ppm: f64) -> Self {
        let mut depth = Depth::new(policy, RATE);
        depth.set_format(RATE, Frames(PERIOD as u32), 50_000, 32);
        let ours = PERIOD as f64 / 48_000.0;
        Self {
            depth,
            late: |_| 0.0,
            theirs: ours / (1.0 + ppm * 1e-6),
            ours,
            came: 0,
            settled: 0,
            next: 0.0,
            steps: Vec::new(),
            xrun: (true, i64::MAX),
        }
    }

    /// Plays as a buffer would; a move is made at once.
    fn run(&mut self, blocks: i64) -> &mut Self {
        for _ in 0..blocks {
            let stood = if self.xrun.0 {
                self.settled / self.xrun.1
            } else {
                0
            };
            let now = 1.0 + self.settled as f64 * self.ours + stood as f64 * 1.6e-3;
            while self.arrival(self.came) <= now {
                let end = (self.came + 1) * PERIOD;
                let at = time(self.arrival(self.came));
                let late_by = (self.next - (self.came * PERIOD) as f64) as i64;
                self.depth.arrived(end, at, late_by, Origin::Direct);
                self.came += 1;
            }
            let step = self.depth.settle(Place {
                now: time(now),
                block: Frames(PERIOD as u32),
                play: self.next,
            });
            match step {
                Step::Stay | Step::Lose => {}
                Step::Anchor(depth) => self.next = (self.came * PERIOD - depth) as f64,
                Step::Jump(frames) => self.next += frames as f64,
                Step::Move(frames) => {
                    self.next += frames as f64;
                    self.depth.moved();
                }
            }
            if step != Step::Stay {
                self.steps.push((self.settled, step));
            }
            self.next += match self.depth.pace() {
                Pace::Even => PERIOD as f64,
                Pace::Step(step) => PERIOD as f64 * step,
            };
            self.settled += 1;
        }
        self
    }

    /// A third of a period after a block begins.
    fn arrival(&self, packet: i64) -> f64 {
        let stood = if self.xrun.0 { 0 } else { packet / self.xrun.1 };
        1.0009 + packet as f64 * self.theirs + (self.late)(packet) + stood as f64 * 1.6e-3
    }

    /// Frames that came and are not played yet, right before a block.
    fn held(&self) -> i64 {
        self.came * PERIOD - self.next as i64
    }

    fn steps_since(&self, block: i64) -> Vec<Step> {
        self.steps
            .iter()
            .filter(|(at, _)| *at >= block)
            .map(|(_, step)| *step)
            .collect()
    }
}

fn time(seconds: f64) -> MonoTime {
    MonoTime::from_nanos((seconds * 1e9) as u64)
}

#[test]
fn a_queue_is_a_packet_without_a_gap_and_one_more_for_each_of_the_queue() {
    for queue in [1, 2, 4, 9] {
        let mut play = Play::new(DepthPolicy::Fixed(queue), 0.0);
        play.run(4000);
        assert_eq!(play.steps_since(2), [], "{queue}");
        // After the block was taken, before the next packet.
        assert_eq!(play.held(), (i64::from(queue) - 1) * PERIOD, "{queue}");
    }
}

#[test]
fn by_itself_the_depth_comes_down_to_a_packet_on_a_clean_path() {
    let mut play = Play::new(DepthPolicy::AUTO, 0.0);
    play.run(8000);
    assert_eq!(play.held(), 0);
    assert_eq!(play.depth.pace(), Pace::Even);
}

#[test]
fn by_itself_the_depth_follows_the_jitter_up_at_once_and_down_slowly() {
    let mut play = Play::new(DepthPolicy::AUTO, 0.0);
    play.run(4000);
    play.late = |i| if i % 7 == 0 { 0.009 } else { 0.0 };
    play.run(1000);
    let raised = (0..7).map(|_| play.run(1).held()).max().unwrap();
    assert!(raised >= 3 * PERIOD, "{raised}");
    play.late = |_| 0.0;
    play.run(1000);
    assert!(play.held() >= 2 * PERIOD, "not after three seconds");
    play.run(375 * 240);
    assert_eq!(play.held(), 0, "{:?}", play.steps);
}

#[test]
fn a_drift_is_followed_all_the_time() {
    for ppm in [300.0, -300.0] {
        let mut play = Play::new(DepthPolicy::Fixed(2), ppm);
        play.run(375 * 100);
        let Pace::Step(step) = play.depth.pace() else {
            panic!("{ppm} ppm is not seen");
        };
        assert!(((step - 1.0) * 1e6 - ppm).abs() < 5.0, "{ppm}: {step}");
        assert!((play.depth.drift().unwrap() * 1e6 - ppm).abs() < 2.0);
        assert_eq!(play.steps_since(375 * 20), [], "no jump, no move");
    }
}

#[test]
fn clocks_that_are_equal_are_left_alone_through_jitter() {
    let mut play = Play::new(DepthPolicy::Fixed(4), 0.0);
    play.late = |i| (i * 7919 % 1000) as f64 * 4e-6;
    play.run(375 * 120);
    assert_eq!(play.depth.pace(), Pace::Even);
    assert_eq!(play.steps_since(1000), []);
}

#[test]
fn a_path_that_became_longer_is_anchored_anew_after_four_blocks_of_late_packets() {
    let mut play = Play::new(DepthPolicy::Fixed(2), 0.0);
    play.late = |i| if i >= 2000 { 0.05 } else { 0.0 };
    play.run(4000);
    let steps = play.steps_since(1000);
    assert!(matches!(steps[..], [Step::Anchor(256)]), "{steps:?}");
    assert_eq!(play.held(), PERIOD);
}

#[test]
fn half_a_second_without_packets_loses_the_stream_and_the_next_packet_anchors_it() {
    let mut play = Play::new(DepthPolicy::Fixed(1), 0.0);
    play.late = |i| if i >= 1000 { 1.0 } else { 0.0 };
    play.run(2000);
    let steps = play.steps_since(900);
    assert!(
        matches!(steps[..], [Step::Lose, Step::Anchor(_), ..]),
        "{steps:?}"
    );
}

#[test]
fn a_larger_block_raises_the_depth_at_once() {
    let mut play = Play::new(DepthPolicy::Fixed(1), 0.0);
    play.run(1000);
    let step = play.depth.settle(Place {
        now: time(1.0 + 1000.0 * play.ours),
        block: Frames(512),
        play: play.next,
    });
    assert_eq!(step, Step::Jump(-384));
}

#[test]
fn what_is_too_much_is_passed_over_where_a_gap_is_heard_if_there_are_gaps() {
    for gaps in [false, true] {
        let mut play = Play::new(DepthPolicy::AUTO, 0.0);
        // Stalls that are ridden out, for a while.
        play.late = |i| match (i < 7500, i % 375) {
            (true, late @ 0..10) => (10 - late) as f64 * 2.6e-3,
            _ => 0.0,
        };
        play.run(375 * 20);
        let held = play.held();
        for _ in 0..60 {
            play.run(375);
            if gaps {
                // One that was lost and is repaired too late in any case.
                let end = (play.came - 90) * PERIOD;
                let at = time(1.0 + play.settled as f64 * play.ours);
                play.depth.arrived(end, at, 80 * PERIOD, Origin::Repaired);
            }
        }
        assert!(play.held() < held / 2, "{gaps}: {}", play.held());
        let steps = play.steps_since(7500);
        let as_meant = |step: &Step| match step {
            Step::Jump(frames) => gaps && *frames > 0,
            Step::Move(frames) => !gaps && *frames > 0,
            _ => false,
        };
        assert!(steps.iter().all(as_meant), "{gaps}: {steps:?}");
    }
}

#[test]
fn a_sound_server_that_falls_behind_by_jumps_is_followed() {
    for ours in [false, true] {
        for every in [30, 100, 400] {
            let mut play = Play::new(DepthPolicy::AUTO, 0.0);
            play.xrun = (ours, every);
            play.run(375 * 10);
            for block in 0..375 * 30 {
                let held = play.run(1).held();
                assert!(
                    (0..=768).contains(&held),
                    "ours: {ours}, one in {every}, block {block}: {held}"
                );
            }
        }
    }
}

#[test]
fn after_a_peers_xrun_the_depth_is_soon_what_it_was() {
    let mut play = Play::new(DepthPolicy::AUTO, 0.0);
    play.late = |i| (i * 7919 % 1000) as f64 * 0.5e-6;
    play.run(375 * 20);
    let held = play.held();
    // Two of them: each is a fifth of what the last half minute holds, if it is held against the path.
    play.xrun = (false, 375 * 21);
    play.run(375 * 2 + 375 / 2);
    assert!(play.held() <= held + PERIOD, "{} after {held}", play.held());
    assert!(play.depth.reserve() < 1e-3, "{}", play.depth.reserve());
}

#[test]
fn what_came_while_our_own_blocks_stood_is_passed_over_soon() {
    let mut play = Play::new(DepthPolicy::AUTO, 0.0);
    play.run(375 * 20);
    let held = play.held();
    play.xrun = (true, 375 * 20);
    let raised = (0..10).map(|_| play.run(1).held()).max().unwrap();
    assert!(raised > held, "{raised} after {held}");
    play.run(375 / 3);
    assert_eq!(play.held(), held, "{:?}", play.steps);
}

#[test]
fn another_queue_is_jumped_to_at_once_and_kept() {
    for ppm in [0.0, 200.0] {
        let mut play = Play::new(DepthPolicy::Fixed(2), ppm);
        let depth = |play: &Play| play.came as f64 * PERIOD as f64 - play.next;
        play.run(3000);
        let before = depth(&play);
        play.depth.set_policy(DepthPolicy::Fixed(12));
        play.run(200);
        let deeper = depth(&play);
        let raised = (deeper - before) / PERIOD as f64;
        assert!((9.0..=11.0).contains(&raised), "{ppm}: {before} {deeper}");
        play.run(2000);
        assert!((depth(&play) - deeper).abs() <= PERIOD as f64);
        play.depth.set_policy(DepthPolicy::Fixed(2));
        play.run(200);
        assert!((depth(&play) - before).abs() <= PERIOD as f64);
    }
}

#[test]
fn a_queue_that_was_asked_for_is_soon_what_it_was_when_our_own_blocks_stood() {
    for queue in [1, 2, 4] {
        let mut play = Play::new(DepthPolicy::Fixed(queue), 0.0);
        play.xrun = (true, 400);
        play.run(375 * 25);
        let asked = (i64::from(queue) - 1) * PERIOD;
        let depths: Vec<i64> = (0..375 * 10).map(|_| play.run(1).held() - asked).collect();
        let most = depths.iter().max();
        assert!(most <= Some(&PERIOD), "{queue}: {most:?}");
        let mean = depths.iter().sum::<i64>() / depths.len() as i64;
        assert!(mean < PERIOD / 2, "{queue}: {mean}");
    }
}
