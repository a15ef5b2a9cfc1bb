//! `cargo xtask bench`: measures Farsend beside JackTrip, in one run on one machine.
//!
//! The work is done by the program `farsend-bench` of the package `farsend-tests`. What it prints is Markdown; with
//! `--save` it becomes docs/benchmarks.md, where the remarks at the end, which are by hand, stay as they are.

use std::fs;

use anyhow::{Context, Result, ensure};

use crate::{bundle, lab, packages, workspace};

/// What `cargo xtask bench` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only these measurements; all unless given.
    #[arg(value_parser = MEASUREMENTS)]
    only: Vec<String>,
    /// How long `overdub` plays, with each player.
    #[arg(long, default_value_t = 600)]
    seconds: u32,
    /// Write the result to docs/benchmarks.md.
    #[arg(long, conflicts_with = "only")]
    save: bool,
}

/// What `farsend-bench` measures, by the names that it takes.
const MEASUREMENTS: [&str; 9] = [
    "round-trip",
    "drift",
    "hop",
    "process",
    "instances",
    "processor",
    "hub",
    "quality",
    "overdub",
];

/// Where results are kept.
const PAGE: &str = "docs/benchmarks.md";

/// What begins the part of the page that is by hand: its last heading.
const REMARKS: &str = "\n## Remarks\n";

/// Runs the command from the workspace's root.
pub(crate) fn run(args: Args) -> Result<()> {
    packages::ensure(&[packages::LINKER, packages::JACK_TO_BUILD])?;
    packages::ensure(&[lab::NAMESPACES, lab::JACKD, lab::JACKTRIP])?;
    if args.only.is_empty() || args.only.iter().any(|part| part == "quality") {
        packages::ensure(&[lab::FLUIDSYNTH])?;
    }
    if args.only.is_empty() || args.only.iter().any(|part| part == "overdub") {
        packages::ensure(&[lab::ARDOUR])?;
    }
    let bundle = bundle::run(bundle::Args {
        dev: false,
        with_tests: false,
    })?;
    let programs = lab::build_programs(false)?;
    let mut bench = std::process::Command::new(programs.join("farsend-bench"));
    bench
        .args(&args.only)
        .args(["--seconds", &args.seconds.to_string()])
        .env("FARSEND_BUILT", "1")
        .env("FARSEND_VST3", &bundle.vst3);
    bench
        .arg("--clap")
        .arg(&bundle.clap)
        .arg("--engine")
        .arg(&bundle.engine);
    if !args.save {
        return workspace::run(&mut bench);
    }
    let old = fs::read_to_string(PAGE).with_context(|| format!("cannot read {PAGE}"))?;
    let output = bench
        .stderr(std::process::Stdio::inherit())
        .output()
        .context("cannot run farsend-bench")?;
    ensure!(
        output.status.success(),
        "the measurements failed: {}",
        output.status
    );
    let measured = String::from_utf8_lossy(&output.stdout);
    print!("{measured}");
    let page = with_remarks(&measured, &old);
    fs::write(PAGE, page).with_context(|| format!("cannot write {PAGE}"))?;
    eprintln!("Written to {PAGE}");
    Ok(())
}

/// What was measured, and what was remarked on the page before.
fn with_remarks(measured: &str, old: &str) -> String {
    let remarks = old.find(REMARKS).map_or("", |at| &old[at..]);
    format!("{}\n{remarks}", measured.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remarks_outlive_what_they_were_made_about() {
        let old = "# Benchmarks\n\n| old |\n\n## Remarks\n\nBy hand.\n\n### More\n\nAlso.\n";
        let new = "# Benchmarks\n\n| new |\n\n";
        let both = with_remarks(new, old);
        assert_eq!(
            both,
            "# Benchmarks\n\n| new |\n\n## Remarks\n\nBy hand.\n\n### More\n\nAlso.\n"
        );
        assert_eq!(with_remarks(new, &both), both);
        assert_eq!(
            with_remarks(new, "# Benchmarks\n"),
            "# Benchmarks\n\n| new |\n"
        );
        let page = include_str!("../../docs/benchmarks.md");
        assert!(page.contains(REMARKS));
    }
}
