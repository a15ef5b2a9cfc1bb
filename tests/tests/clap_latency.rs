//! The delay that a host is told of: a ping through the real engine to a Farsend that sends everything back.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use farsend_tests::host::{Host, Plan};
use farsend_tests::lab::farsend::Farsend;
use farsend_tests::lab::{need, on_a_private_machine};
use serde_json::json;

/// Of long blocks, which a busy machine begins in time.
const RATE: u32 = 22_050;
const BLOCK: u32 = 256;

fn host() -> Host {
    need::own_program("farsend", "farsend");
    let mut host = Host::load(Path::new(&need::own_plugin())).expect("the plugin can be loaded");
    let session = json!({ "connected": true, "role": "client", "host": "127.0.0.1", "period": BLOCK, "queue": 8 });
    host.want(&session, &json!({ "latency": { "string": "aligned" } }))
        .expect("its state is as it was");
    host
}

/// Plays a tone for so long, or until it is heard back at this level.
fn play(host: &mut Host, most: Duration, until: Option<f32>) -> bool {
    let tone: Vec<f32> = (0..RATE / 10)
        .map(|i| 0.3 * (i as f32 * 0.3).sin())
        .collect();
    let plan = Plan {
        rate: RATE,
        blocks: vec![BLOCK],
        input: Arc::new(vec![vec![0.0; RATE as usize * 60]; 2]),
        before: tone,
        at_once: false,
        freewheel: false,
        hurry: false,
    };
    let (started, mut heard) = (Instant::now(), false);
    let take = host.perform(&plan, |progress| {
        heard |= progress.take_peak() > until.unwrap_or(f32::MAX);
        if heard || started.elapsed() > most {
            progress.stop();
        }
        Ok(())
    });
    take.expect("it can be activated");
    heard
}

#[test]
fn an_aligned_plugin_tells_the_host_the_loop_that_a_ping_has_measured() {
    on_a_private_machine(&[], |machine| {
        let (rate, period) = (RATE.to_string(), BLOCK.to_string());
        let options = ["-q", "8", "--rate", &rate, "--period", &period];
        let _far = Farsend::start_looping(machine, &options);
        let mut host = host();
        assert!(
            play(&mut host, Duration::from_secs(20), Some(0.2)),
            "it is heard back"
        );
        assert_eq!(host.latency(), 0);
        // Where the machine stood still in the midst of a ping, another one is made.
        let mut latency = 0;
        for _ in 0..4 {
            host.set_parameter("Ping", 0.0).expect("there is one");
            host.set_parameter("Ping", 1.0).expect("there is one");
            play(&mut host, Duration::from_secs(5), None);
            // It counts when the audio is started anew.
            play(&mut host, Duration::from_millis(50), None);
            latency = host.latency();
            if latency > 0 {
                break;
            }
        }
        // Eight packets there, eight here, and what moves them; and no more than that.
        let periods = f64::from(latency) / f64::from(BLOCK);
        assert!((8.0..80.0).contains(&periods), "{latency} frames");
    });
}
