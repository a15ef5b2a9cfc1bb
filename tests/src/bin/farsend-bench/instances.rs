//! What a host's audio thread pays for many instances together.

use std::fmt::Write as _;
use std::process::Stdio;

use anyhow::{Result, ensure};
use farsend_tests::host::Host;
use farsend_tests::host::crowd::{CrowdPlan, Paid, run};
use farsend_tests::lab::program;
use serde_json::json;

use super::{Args, PERIOD, RATE};

/// So many send, ...
const SENDS: usize = 20;
/// ... and so many hear what comes back.
const RETURNS: usize = 20;
const SETTLE_S: usize = 6;
const SECONDS: usize = 20;

/// 40 stereo instances that share one session with a Farsend that sends everything back.
pub(super) fn instances(args: &Args) -> Result<String> {
    let options = [
        "server",
        "--port",
        "4480",
        "--backend",
        "timer",
        "--loopback",
    ];
    let mut server = program::command(&args.engine, &options)
        .stdout(Stdio::null())
        .spawn()?;
    let paid = crowd(args);
    server.kill()?;
    server.wait()?;
    let paid = paid?;
    let heard = paid.peaks[SENDS..]
        .iter()
        .filter(|peak| **peak > 0.1)
        .count();
    ensure!(heard == RETURNS, "only {heard} of {RETURNS} heard anything");
    Ok(report(&paid))
}

fn crowd(args: &Args) -> Result<Paid> {
    let mut hosts = Vec::new();
    for index in 0..SENDS + RETURNS {
        let mut host = Host::load(&args.clap)?;
        let mode = if index < SENDS { "send" } else { "return" };
        let session = json!({
            "connected": true, "role": "client", "host": "127.0.0.1", "port": 4480, "share": "Bench",
        });
        host.want(&session, &json!({ "mode": { "string": mode } }))?;
        hosts.push(host);
    }
    let blocks = |seconds: usize| seconds * (RATE / PERIOD) as usize;
    let plan = CrowdPlan {
        rate: RATE,
        block: PERIOD,
        blocks: [blocks(SETTLE_S), blocks(SECONDS)],
    };
    run(&mut hosts, plan)
}

fn report(paid: &Paid) -> String {
    let mut took: Vec<f64> = paid
        .took
        .iter()
        .map(|took| took.as_secs_f64() * 1e6)
        .collect();
    took.sort_by(f64::total_cmp);
    let at = |part: f64| took[(part * (took.len() - 1) as f64) as usize];
    let block = f64::from(PERIOD) * 1e6 / f64::from(RATE);
    let mut text = format!(
        "## instances: many in one host\n\n\
         {SENDS} sends and {RETURNS} returns, stereo, all in one session with a Farsend that sends everything back; one audio \
         thread calls them\none after another for each block of {PERIOD} frames ({block:.0} µs). Time in all `process()` \
         of a block together. The aim is under 200 µs.\n\n\
         | | half of the blocks | 99 % | longest | of the block | allocations | late blocks of the host |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n"
    );
    _ = writeln!(
        text,
        "| {} instances | {:.0} µs | {:.0} µs | {:.0} µs | {:.1} % | {} | {} |",
        SENDS + RETURNS,
        at(0.5),
        at(0.99),
        at(1.0),
        at(0.5) / block * 100.0,
        paid.allocations,
        paid.late,
    );
    text
}
