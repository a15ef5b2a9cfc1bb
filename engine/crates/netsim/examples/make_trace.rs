//! Makes the traces in `traces/`, which are synthetic: no network was measured for them.
//!
//! `cargo run -p farsend-netsim --example make_trace -- wifi > engine/crates/netsim/traces/wifi.trace`
//! (or `evening`). A test holds the files against this.

use farsend_netsim::Random;

/// Seconds and packets (of 128 frames at 48 kHz) of a trace.
const SECONDS: f64 = 20.0;
const EVERY: f64 = 128.0 / 48.0;

#[allow(dead_code, reason = "a test takes only the rest")]
fn main() {
    let name = std::env::args().nth(1).unwrap_or_default();
    match make(&name) {
        Some(trace) => print!("{trace}"),
        None => {
            eprintln!("usage: make_trace wifi|evening");
            std::process::exit(2);
        }
    }
}

/// The text of the trace of this name.
pub(crate) fn make(name: &str) -> Option<String> {
    let (what, delays) = match name {
        "wifi" => (
            "a room with Wi-Fi and neighbours: 9 ms away, some waiting for the air, \
             stalls of 25 to 90 ms every few seconds",
            wifi(),
        ),
        "evening" => (
            "a line that others use too: 14 ms away, a queue that fills up to 25 ms within two seconds and \
             empties, packets lost in bursts when it is full",
            evening(),
        ),
        _ => return None,
    };
    let mut text = format!(
        "# Synthetic, made by examples/make_trace.rs; no network was measured: {what}.\nevery {EVERY:.4}\n"
    );
    for delay in delays {
        match delay {
            Some(delay) => text.push_str(&format!("{delay:.2}\n")),
            None => text.push_str("lost\n"),
        }
    }
    Some(text)
}

/// Milliseconds of each packet.
fn wifi() -> Vec<Option<f64>> {
    let mut random = Random::new(80_211);
    let (mut air_free, mut next_stall) = (0.0_f64, 1800.0);
    let packet = |i: usize| {
        let sent = i as f64 * EVERY;
        if sent >= next_stall {
            air_free = air_free.max(next_stall + 25.0 + 65.0 * random.unit());
            next_stall += 2500.0 - 3000.0 * (1.0 - random.unit()).ln();
        }
        // The air is taken by others one time in five, for up to three milliseconds.
        let others = if random.chance(0.2) {
            3.0 * random.unit()
        } else {
            0.0
        };
        air_free = air_free.max(sent) + others + 0.15;
        let lost = random.chance(0.002);
        (!lost).then_some(air_free - sent + 9.0)
    };
    (0..count()).map(packet).collect()
}

/// Milliseconds of each packet.
fn evening() -> Vec<Option<f64>> {
    let mut random = Random::new(18);
    let (mut queue, mut filling) = (0.0_f64, false);
    let mut losing = false;
    let packet = |_| {
        // Somebody's download begins every five seconds, and lasts for two.
        filling = random.chance(if filling {
            1.0 - EVERY / 2000.0
        } else {
            EVERY / 5000.0
        });
        let rate = if filling { 0.0125 } else { -0.05 };
        queue = (queue + rate * EVERY + 0.6 * (random.unit() - 0.5)).clamp(0.0, 25.0);
        losing = random.chance(match (losing, queue > 23.0) {
            (true, _) => 0.5,
            (false, true) => 0.05,
            (false, false) => 0.0005,
        });
        let lost = losing;
        (!lost).then_some(14.0 + queue)
    };
    (0..count()).map(packet).collect()
}

fn count() -> usize {
    (SECONDS * 1000.0 / EVERY) as usize
}
