//! Both hubs under the same load: `farsend bench hub` plays the players.

use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use farsend_tests::lab::farsend::command;
use farsend_tests::lab::jack::{JackClock, JackServer};
use farsend_tests::lab::machine::is_listening;
use farsend_tests::lab::{Machine, Running, hub, program, wait_until};
use serde_json::Value;

/// The table.
pub(super) fn hubs(machine: &Machine) -> Result<String> {
    let mut text = format!(
        "## hub: what a player costs\n\n\
         `farsend bench hub` plays stereo players of 16 bit and 128 frames at 48 kHz against each hub, everyone hears the \
         others, {SECONDS} s\neach, one after the other: the hub on one core, the players on the other (JackTrip on both). \
         *Missing* is the share of all contributions that\nwere not in a mix; *late* the share of packets that the load itself \
         sent too late. *Bare* is a program that only receives, sums, subtracts\nand sends, without any buffer \
         (`tests/src/bin/farsend-bare-hub.rs`): what a hub costs at least on this machine. The aim is a fifth of JackTrip's \
         time\nat 16 players and 2.5 ms at 200, where the bare program had 1.5 ms.\n\n\
         | hub | players | ms per second and player | user | system | missing | delay, median | 99 % | late |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
    );
    for players in [16, 100, 200] {
        let hub = hub::start(machine, &[]);
        pin(&hub.running)?;
        let report = load(&hub.running, players, &PINNED)?;
        writeln!(text, "{}", row("Farsend", players, &report))?;
        drop(hub);
        let bare = start_bare(machine)?;
        pin(&bare)?;
        let report = load(&bare, players, &PINNED)?;
        writeln!(text, "{}", row("bare", players, &report))?;
    }
    let jack = JackServer::start(machine, "hub", JackClock::default());
    let hub = hub::jacktrips_hub(machine, &jack, DOOR, &["-p", "2"]);
    let report = load(&hub, 16, &[])?;
    writeln!(text, "{}", row("JackTrip `-S -p 2`", 16, &report))?;
    Ok(text)
}

fn start_bare(machine: &Machine) -> Result<Running> {
    let beside = std::env::current_exe()?.with_file_name("farsend-bare-hub");
    let bare = Running::start(machine, "bare-hub", &mut Command::new(beside));
    wait_until("the bare hub listens", LIMIT, || is_listening(DOOR));
    Ok(bare)
}

/// All of its threads on the first core.
fn pin(hub: &Running) -> Result<()> {
    let mut taskset = program::command("taskset", &["--all-tasks", "--cpu-list", "--pid", "0"]);
    let status = taskset
        .arg(hub.pid().to_string())
        .stdout(Stdio::null())
        .status()?;
    ensure!(status.success(), "the hub cannot be kept on one core");
    Ok(())
}

fn load(hub: &Running, players: u32, options: &[&str]) -> Result<Value> {
    let (pid, players) = (hub.pid().to_string(), players.to_string());
    let seconds = SECONDS.to_string();
    let mut load: Command = command(&["bench", "hub", "--clients", &players]);
    load.args(["--seconds", &seconds, "--pid", &pid, "--json"]);
    load.args(options);
    let output = load.output().context("cannot run farsend bench hub")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let report = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find(|line| line["event"] == "hub");
    report.with_context(|| {
        format!(
            "the load test says nothing: {}",
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

fn row(hub: &str, players: u32, report: &Value) -> String {
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    let cpu = &report["server"][0]["processor"];
    let late = number(&report["load_test"]["late"]) / number(&report["load_test"]["sent"]);
    format!(
        "| {hub} | {players} | {:.2} | {:.2} | {:.2} | {:.1e} | {:.1} ms | {:.1} ms | {:.1e} |",
        number(&cpu["ms_per_second_and_player"]),
        number(&cpu["user_ms_per_second_and_player"]),
        number(&cpu["system_ms_per_second_and_player"]),
        number(&report["contributions"]["missing_share"]),
        number(&report["delay_ms"]["median"]),
        number(&report["delay_ms"]["p99"]),
        late
    )
}

const SECONDS: u64 = 20;
/// What keeps the players on the second core.
const PINNED: [&str; 2] = ["--cpu", "1"];
/// JackTrip's TCP port.
const DOOR: u16 = 4464;
const LIMIT: Duration = Duration::from_secs(10);
