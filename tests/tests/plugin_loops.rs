//! The loop to a player at a hub of the plugin's: measured to the sample, told to the host, and kept as it is.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use farsend_ipc::message::{Listening, WantedSession};
use farsend_tests::host::{Host as Clap, Plan};
use farsend_tests::lab::instance::{BLOCK, Host, Instance, RATE, call, engine, hub};
use farsend_tests::lab::looping::LoopingPlayer;
use farsend_tests::lab::{need, on_a_private_machine};
use serde_json::json;

const PORT: u16 = 4464;
const LIMIT: Duration = Duration::from_secs(20);
/// Tries, on a machine that may stand still in the midst of any.
const TRIES: usize = 5;

/// An instance of the plugin that is aligned, opens a hub with this queue, and hears this player of it.
fn clap(player: &str, queue: u16) -> Clap {
    need::own_program("farsend", "farsend");
    let mut host = Clap::load(Path::new(&need::own_plugin())).expect("the plugin can be loaded");
    let session = json!({
        "connected": true, "role": "hub", "port": PORT, "period": BLOCK, "listen": "player", "player": player,
        "queue": queue,
    });
    host.want(&session, &json!({ "latency": { "string": "aligned" } }))
        .expect("its state is as it was");
    host
}

/// What comes out while this is played, from the first block on.
fn play(host: &mut Clap, input: Vec<f32>, before: Vec<f32>, until: Option<f32>) -> Vec<f32> {
    let plan = Plan {
        rate: RATE.0,
        blocks: vec![BLOCK as u32],
        input: Arc::new(vec![input; 2]),
        at_once: before.is_empty(),
        before,
        freewheel: false,
        hurry: false,
    };
    let begun = Instant::now();
    let take = host.perform(&plan, |progress| {
        let is_loud = until.is_some_and(|level| progress.take_peak() > level);
        if is_loud || begun.elapsed() > LIMIT {
            progress.stop();
        }
        Ok(())
    });
    take.expect("it can be activated").output.swap_remove(0)
}

fn silence(seconds: f64) -> Vec<f32> {
    vec![0.0; (seconds * f64::from(RATE.0)) as usize]
}

#[test]
fn what_comes_back_from_a_player_is_exactly_as_late_as_the_host_is_told() {
    on_a_private_machine(&[], |_| {
        let mut host = clap("echo", 0);
        let _echo = LoopingPlayer::join("echo", 4);
        let tone = (0..RATE.0 / 10).map(|i| 0.3 * (i as f32 * 0.3).sin());
        play(&mut host, silence(1.0), tone.collect(), Some(0.2));
        assert_eq!(host.latency(), 0);
        let good = (0..TRIES).any(|_| {
            host.set_parameter("Ping", 0.0).expect("there is one");
            host.set_parameter("Ping", 1.0).expect("there is one");
            play(&mut host, silence(7.0), Vec::new(), None);
            // It counts when the audio is started anew, and is measured once more then.
            let mut clicks = silence(10.0);
            let at: Vec<usize> = (0..5).map(|n| clicks.len() - (5 + n) * BLOCK * 8).collect();
            at.iter().for_each(|at| clicks[*at] = 0.5);
            let heard = play(&mut host, clicks, Vec::new(), None);
            let latency = host.latency() as usize;
            let is_there = |at: &&usize| heard.get(**at + latency).is_some_and(|s| *s > 0.4);
            let there = at.iter().filter(is_there).count();
            eprintln!(
                "told {latency}: {there} of {} clicks are in their place",
                at.len()
            );
            // The player's queue, a packet here, and a block. What comes late on a busy machine is concealed.
            (6 * BLOCK..60 * BLOCK).contains(&latency) && there > at.len() / 2
        });
        assert!(good);
    });
}

#[test]
fn the_delay_of_a_player_stays_for_the_track_that_wants_it_while_the_network_hesitates() {
    on_a_private_machine(&[], |machine| {
        let _engine = engine(machine);
        let hub = WantedSession {
            queue: 0,
            listening: Listening::Player("echo".into()),
            ..hub(PORT, Some("Duo"))
        };
        let mix = WantedSession {
            host: String::new(),
            ..call(0, Some("Duo"))
        };
        let mut host = Host::default();
        for wanted in [hub, mix] {
            host.instances.push(Instance::new(&wanted, &[0.0; 2]));
            host.play_until("it takes part", |all| {
                all.iter().all(|one| one.segments == 1)
            });
            host.instances
                .iter_mut()
                .for_each(|one| one.keep_delay(true));
        }
        let echo = LoopingPlayer::join("echo", 4);
        host.play_until("the delay of the player is kept", |all| all[0].delay.kept);
        assert!(host.instances[0].delay.player > 0);
        let of_mix = host.instances[1].delay;
        assert!(!of_mix.kept && of_mix.player == 0, "{of_mix:?}");
        host.play_for(Duration::from_secs(4));
        echo.hesitate(Duration::from_millis(60));
        let moved = |host: &mut Host| {
            let before = host.instances[0].delay;
            host.play_for(Duration::from_secs(4));
            host.instances[0].delay != before
        };
        let stays = (0..TRIES).any(|_| !moved(&mut host));
        assert!(stays, "{:?}", host.instances[0].delay);
        host.instances[0].keep_delay(false);
        let before = host.instances[0].delay.moves;
        host.play_until("it moves", |all| {
            let delay = all[0].delay;
            !delay.kept && delay.moves > before
        });
    });
}

#[test]
fn a_ping_right_after_a_player_is_heard_finds_them_and_the_queue_that_the_project_asks_for() {
    on_a_private_machine(&[], |_| {
        let mut host = clap("echo", 12);
        let tone: Vec<f32> = (0..RATE.0 / 10)
            .map(|i| 0.3 * (i as f32 * 0.3).sin())
            .collect();
        let good = (0..TRIES).any(|_| {
            let _echo = LoopingPlayer::join("echo", 4);
            host.set_parameter("Ping", 0.0).expect("there is one");
            play(&mut host, silence(0.3), tone.clone(), Some(0.2));
            host.set_parameter("Ping", 1.0).expect("there is one");
            play(&mut host, silence(8.0), Vec::new(), None);
            // It counts when the audio is started anew.
            play(&mut host, silence(0.5), Vec::new(), None);
            let latency = host.latency() as usize;
            eprintln!("told {latency}");
            // The player's queue, a block, and what is kept here but for the packet in hand.
            ((4 + 1 + 11) * BLOCK..60 * BLOCK).contains(&latency)
        });
        assert!(good);
    });
}

#[test]
fn the_queue_that_a_hub_of_the_plugins_is_to_keep_is_kept_of_each_player_and_changes_while_they_play()
 {
    on_a_private_machine(&[], |machine| {
        let _engine = engine(machine);
        let hub = WantedSession {
            queue: 8,
            listening: Listening::Player("one".into()),
            ..hub(PORT, Some("Duo"))
        };
        let mut host = Host::default();
        host.instances.push(Instance::new(&hub, &[0.0; 2]));
        host.play_until("it is open", |all| all[0].segments == 1);
        // Of 12 ms each.
        let [few, many] = [Duration::from_millis(50), Duration::from_millis(80)];
        let is = |all: &[Instance], player: &str, right: &dyn Fn(Duration) -> bool| {
            all[0].delay_of(player).is_some_and(right)
        };
        let _one = LoopingPlayer::join("one", 2);
        host.play_until("the player is heard", |all| {
            all[0].delay_of("one").is_some()
        });
        host.play_for(Duration::from_secs(3));
        host.play_until(
            "as many packets are kept as were asked for at first",
            |all| is(all, "one", &|delay| delay >= many),
        );
        host.instances[0].set_queue(2);
        host.play_until("fewer are kept", |all| is(all, "one", &|delay| delay < few));
        let _other = LoopingPlayer::join("other", 2);
        host.play_until("so it is with one who comes later", |all| {
            is(all, "other", &|delay| delay < few)
        });
        host.instances[0].set_queue(9);
        host.play_until("more are kept of both", |all| {
            ["one", "other"]
                .iter()
                .all(|player| is(all, player, &|delay| delay >= many))
        });
        // Nobody had to come again.
        assert_eq!(host.instances[0].segments, 1);
    });
}
