//! `cargo xtask fuzz`: feeds what reads bytes from outside with bytes that nobody thought of.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{packages, workspace};

/// Where the targets are; a workspace of its own.
const FUZZ: &str = "engine/fuzz";

/// What `cargo xtask fuzz` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only these targets; all of them unless given.
    targets: Vec<String>,
    /// How long each target is fuzzed.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

/// Runs the command from the workspace's root.
pub(crate) fn run(args: Args) -> Result<()> {
    packages::ensure(&[packages::LINKER])?;
    if !packages::has_program("cargo-fuzz") {
        eprintln!("Installing cargo-fuzz, which builds and runs the targets");
        workspace::run(workspace::cargo().args(["install", "--locked", "cargo-fuzz"]))?;
    }
    let all = targets()?;
    let unknown = args.targets.iter().find(|name| !all.contains(name));
    ensure!(
        unknown.is_none(),
        "no target {}; there are: {}",
        unknown.map_or("", String::as_str),
        all.join(", ")
    );
    let chosen = if args.targets.is_empty() {
        all
    } else {
        args.targets
    };
    for target in &chosen {
        eprintln!("Fuzzing {target} for {} s", args.seconds);
        workspace::run(&mut fuzz(target, args.seconds)).with_context(|| {
            format!("{target} fails; the input is in {FUZZ}/artifacts/{target}")
        })?;
    }
    println!(
        "Nothing found in {} s each: {}",
        args.seconds,
        chosen.join(", ")
    );
    Ok(())
}

fn fuzz(target: &str, seconds: u32) -> Command {
    let mut command = workspace::cargo();
    command.args(["fuzz", "run", "--fuzz-dir", FUZZ, target, "--"]);
    command.arg(format!("-max_total_time={seconds}"));
    // The sanitizers are not stable yet; this lets any toolchain build with them.
    command.env("RUSTC_BOOTSTRAP", "1");
    command
}

/// The names of all targets.
fn targets() -> Result<Vec<String>> {
    let folder = Path::new(FUZZ).join("fuzz_targets");
    let entries =
        fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut names: Vec<String> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    Ok(names)
}
