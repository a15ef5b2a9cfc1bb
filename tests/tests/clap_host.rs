//! The CLAP in a host that calls it in real time, as a DAW does, with the real engine behind it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use farsend_tests::host::{Host, Plan, Progress, Take};
use farsend_tests::lab::farsend::Farsend;
use farsend_tests::lab::jack::{JackClock, JackServer};
use farsend_tests::lab::jacktrip::Jacktrip;
use farsend_tests::lab::{Machine, Need, engines, need, on_a_private_machine};
use farsend_tests::signal::{Depth, Heard, listen, ramp};
use serde_json::json;

const RATE: u32 = 48_000;

/// How often a busy machine may spoil it.
const ATTEMPTS: usize = 3;

/// Until the peer is heard, and between that and the ramp.
const CONNECT_LIMIT: Duration = Duration::from_secs(20);
const SETTLE: Duration = Duration::from_millis(1_500);

#[test]
fn a_track_goes_to_jacktrip_and_comes_back_to_the_sample() {
    on_a_private_machine(&[Need::Jackd, Need::Jacktrip], |machine| {
        let jackd = JackServer::start(machine, "a", JackClock::default());
        // JackTrip's own buffer slips where the machine hesitates.
        let is_heard = (0..ATTEMPTS).any(|attempt| {
            let name = format!("peer{attempt}");
            let _peer = Jacktrip::start(machine, &jackd, &name, &["-s", "-q", "8"]);
            jackd.wait_for_port(&format!("{name}:send_2"), Duration::from_secs(10));
            let (to, from) = (format!("{name}:receive_"), format!("{name}:send_"));
            let mut host = host(2, json!({ "queue": 8 }));
            let mut patched = false;
            let take = perform(&mut host, &[128], 2, 3, |_| {
                patched = patched || jackd.try_connect_all(&to, &from, 2);
            });
            assert_eq!(allocations(&take), 0);
            let heard = hear(&take, 2);
            println!("{heard:?}");
            heard.iter().all(|heard| {
                let enough = heard.exact as f64 > 0.8 * take.output[0].len() as f64;
                enough && heard.delay(0).is_some_and(|frames| frames < 4_800)
            })
        });
        assert!(is_heard);
    });
}

#[test]
fn blocks_of_any_size_come_back_whole_from_a_farsend() {
    on_a_private_machine(&[], |machine| {
        let _peer = loopback(machine, 2, 8);
        let mut host = host(2, json!({ "queue": 8 }));
        let take = perform(
            &mut host,
            &[64, 128, 37, 256, 1, 441, 128, 128],
            2,
            3,
            |_| {},
        );
        assert_heard(&take, 2, 0.8);
        assert_eq!(allocations(&take), 0);
    });
}

#[test]
fn eight_channels_of_24_bit_come_back_whole() {
    on_a_private_machine(&[], |machine| {
        let _peer = loopback(machine, 8, 8);
        let mut host = host(8, json!({ "queue": 8, "bits": 24 }));
        let take = perform(&mut host, &[256], 8, 2, |_| {});
        for channel in 0..8 {
            let heard = listen(
                &take.output[usize::from(channel as u8)],
                channel,
                Depth::Bits24,
                2,
            );
            assert!(heard.exact > 60_000, "channel {channel}: {heard:?}");
        }
        assert_eq!(allocations(&take), 0);
    });
}

#[test]
fn after_its_engine_was_killed_the_track_is_back_by_itself() {
    on_a_private_machine(&[], |machine| {
        // Of 43 ms, for machines that hesitate.
        let _peer = loopback(machine, 2, 16);
        let is_back = (0..ATTEMPTS).any(|_| {
            let mut host = host(2, json!({ "queue": 16 }));
            let mut killed = false;
            let take = perform(&mut host, &[128], 2, 8, |progress| {
                if !killed && progress.recorded() > u64::from(RATE) {
                    killed = true;
                    engines::kill_the_one(&engines::all());
                }
            });
            assert!(killed);
            assert_eq!(allocations(&take), 0);
            let heard = listen(&take.output[0], 0, Depth::Bits16, 2);
            let missing = heard.wrong_samples() as f64 / f64::from(RATE);
            let last = take.output[0].len() - RATE as usize;
            let whole = heard.wrong.iter().all(|stretch| stretch.start < last);
            println!("{missing:.1} s are missing, the last second is whole: {whole}; {heard:?}");
            missing < 3.0 && whole
        });
        assert!(is_back, "not once, see above");
    });
}

#[test]
fn with_nobody_to_call_the_host_goes_on_in_silence() {
    on_a_private_machine(&[], |_| {
        let mut host = host(2, json!({}));
        let take = perform_at_once(&mut host, &[128], 3, false);
        assert!(take.output.iter().flatten().all(|sample| *sample == 0.0));
        assert_eq!(allocations(&take), 0);
    });
}

#[test]
fn an_export_faster_than_real_time_ends_and_stays_sane() {
    on_a_private_machine(&[], |machine| {
        let _peer = loopback(machine, 2, 4);
        let mut host = host(2, json!({}));
        let started = Instant::now();
        let take = perform_at_once(&mut host, &[1024, 512], 60, true);
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "it waits: {:?}",
            started.elapsed()
        );
        assert!(
            take.output
                .iter()
                .flatten()
                .all(|sample| sample.is_finite() && sample.abs() <= 1.0)
        );
        assert_eq!(allocations(&take), 0);
    });
}

#[test]
fn states_that_make_no_sense_are_survived() {
    on_a_private_machine(&[], |_| {
        let mut host = host(2, json!({}));
        let saved = host.state().expect("it has a state");
        let random = |seed: usize| {
            (0..seed * 13)
                .map(|i| ((i * seed * 31) >> 3) as u8)
                .collect::<Vec<u8>>()
        };
        for length in (0..saved.len()).step_by(7) {
            // Refused or not, what counts is that the host lives.
            let _ = host.set_state(&saved[..length]);
            let _ = host.set_state(&random(length));
        }
        for fields in [
            json!({ "version": 99, "connected": true, "host": "from the future", "magic": [1, 2] }),
            json!({ "connected": "yes", "port": -4, "queue": 1e9, "bits": "x", "period": 0 }),
            json!([1, 2, 3]),
        ] {
            let _ = host.want_session(&fields);
        }
        let take = perform_at_once(&mut host, &[64], 1, false);
        assert_eq!(allocations(&take), 0);
        host.set_state(&saved).expect("a state of its own is taken");
    });
}

#[test]
fn the_delay_of_a_track_is_not_the_hosts_to_compensate() {
    on_a_private_machine(&[], |_| assert_eq!(host(2, json!({})).latency(), 0));
}

/// A Farsend that sends back what it gets, at port 4464.
fn loopback(machine: &Machine, channels: u8, queue: u16) -> Farsend {
    let (channels, queue) = (channels.to_string(), queue.to_string());
    Farsend::start_looping(machine, &["-n", &channels, "-q", &queue])
}

/// The plugin with this many channels, that wants a session with port 4464 of this machine.
fn host(channels: u8, more: serde_json::Value) -> Host {
    need::own_program("farsend", "farsend");
    let mut host = Host::load(Path::new(&need::own_plugin())).expect("the plugin can be loaded");
    if channels != 2 {
        host.select_channels(channels)
            .expect("there is such a layout");
    }
    let mut session =
        json!({ "connected": true, "role": "client", "host": "127.0.0.1", "queue": 4 });
    for (name, value) in more.as_object().expect("more fields of a session") {
        session[name] = value.clone();
    }
    host.want_session(&session).expect("its state is as it was");
    host
}

/// Plays clicks until one comes back, then the ramp for so many seconds.
fn perform(
    host: &mut Host,
    blocks: &[u32],
    channels: u8,
    seconds: u32,
    mut meanwhile: impl FnMut(&Progress),
) -> Take {
    let mut click = vec![0.0; RATE as usize / 10];
    click[0] = 0.5;
    let plan = Plan {
        before: click,
        at_once: false,
        ..plan(blocks, channels, seconds)
    };
    let started = Instant::now();
    let mut heard = None;
    let take = host.perform(&plan, |progress| {
        meanwhile(progress);
        match heard {
            None if progress.take_peak() > 0.2 => heard = Some(Instant::now()),
            None => anyhow::ensure!(started.elapsed() < CONNECT_LIMIT, "the peer is not heard"),
            Some(since) if since.elapsed() > SETTLE => progress.open_gate(),
            Some(_) => {}
        }
        Ok(())
    });
    take.expect("the plugin can be activated, and the peer is heard")
}

fn perform_at_once(host: &mut Host, blocks: &[u32], seconds: u32, freewheel: bool) -> Take {
    let plan = Plan {
        freewheel,
        ..plan(blocks, 2, seconds)
    };
    host.perform(&plan, |_| Ok(()))
        .expect("the plugin can be activated")
}

fn plan(blocks: &[u32], channels: u8, seconds: u32) -> Plan {
    let channel = |channel| {
        (0..seconds * RATE)
            .map(|frame| ramp(frame, channel))
            .collect()
    };
    Plan {
        rate: RATE,
        blocks: blocks.to_vec(),
        input: Arc::new((0..u32::from(channels)).map(channel).collect()),
        before: Vec::new(),
        at_once: true,
        freewheel: false,
        hurry: false,
    }
}

/// At least this part of every channel is the ramp after two trips at 16 bit; gives what the first one holds.
fn assert_heard(take: &Take, channels: u8, part: f64) {
    for (channel, heard) in hear(take, channels).iter().enumerate() {
        let enough = heard.exact as f64 > part * take.output[channel].len() as f64;
        assert!(enough, "channel {channel}: {heard:?}");
    }
}

/// What is heard on each channel.
fn hear(take: &Take, channels: u8) -> Vec<Heard> {
    let all = (0..u32::from(channels))
        .map(|channel| listen(&take.output[channel as usize], channel, Depth::Bits16, 2));
    all.collect()
}

fn allocations(take: &Take) -> u64 {
    take.calls.iter().map(|call| call.allocations).sum()
}
