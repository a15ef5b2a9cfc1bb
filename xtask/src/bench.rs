//! `cargo xtask bench`: measures Farsend beside JackTrip, in one run on one machine.
//!
//! The work is done by the program `farsend-bench` of the package `farsend-tests`. What it prints is Markdown; with
//! `--save` it becomes docs/benchmarks.md.

use std::fs;

use anyhow::{Context, Result, ensure};

use crate::{bundle, lab, packages, workspace};

/// What `cargo xtask bench` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only these measurements (round-trip, drift, hop, process, processor, hub, quality); all unless given.
    only: Vec<String>,
    /// Write the result to docs/benchmarks.md.
    #[arg(long, conflicts_with = "only")]
    save: bool,
}

/// Where results are kept.
const PAGE: &str = "docs/benchmarks.md";

/// Runs the command from the workspace's root.
pub(crate) fn run(args: Args) -> Result<()> {
    packages::ensure(&[packages::LINKER, packages::JACK_TO_BUILD])?;
    packages::ensure(&[lab::NAMESPACES, lab::JACKD, lab::JACKTRIP])?;
    if args.only.is_empty() || args.only.iter().any(|part| part == "quality") {
        packages::ensure(&[lab::FLUIDSYNTH])?;
    }
    let bundle = bundle::run(bundle::Args {
        dev: false,
        with_tests: false,
    })?;
    let programs = lab::build_programs(false)?;
    let mut bench = std::process::Command::new(programs.join("farsend-bench"));
    bench.args(&args.only).env("FARSEND_BUILT", "1");
    bench
        .arg("--clap")
        .arg(&bundle.clap)
        .arg("--engine")
        .arg(&bundle.engine);
    if !args.save {
        return workspace::run(&mut bench);
    }
    let output = bench
        .stderr(std::process::Stdio::inherit())
        .output()
        .context("cannot run farsend-bench")?;
    ensure!(
        output.status.success(),
        "the measurements failed: {}",
        output.status
    );
    print!("{}", String::from_utf8_lossy(&output.stdout));
    fs::write(PAGE, output.stdout).with_context(|| format!("cannot write {PAGE}"))?;
    eprintln!("Written to {PAGE}");
    Ok(())
}
