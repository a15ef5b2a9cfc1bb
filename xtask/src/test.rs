//! `cargo xtask test`: runs all tests, those with other people's programs included.
//!
//! It installs these programs where it can, builds and bundles everything once with the dev profile, and leaves
//! the rest to cargo-nextest, or to `cargo test` where that is not installed.

use std::ffi::OsString;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::lab::{self, is_ci};
use crate::{bundle, packages, workspace};

/// What `cargo xtask test` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only the tests of this package (farsend-wire, farsend-tests, ...).
    #[arg(long, short, value_name = "PACKAGE")]
    package: Option<String>,
    /// Only the tests with this in their name.
    filter: Option<String>,
}

/// Runs the command from the workspace's root.
pub(crate) fn run(args: Args) -> Result<()> {
    packages::ensure(&[packages::LINKER, packages::JACK_TO_BUILD])?;
    lab::ensure_if_possible(&[
        lab::NAMESPACES,
        lab::JACKD,
        lab::JACKTRIP,
        lab::OPENSSL,
        lab::XVFB,
        lab::PYTHON,
        lab::ARDOUR,
        lab::QTRACTOR,
        lab::SNDFILE,
    ])?;
    let bundle = bundle::run(bundle::Args {
        dev: true,
        with_tests: true,
    })?;
    let target = workspace::target_dir()?;
    let python = lab::python_with_hosts(&target)?;
    // For the tests: what is built already, and where.
    let mut settings: Vec<(&str, OsString)> = vec![
        ("FARSEND_BUILT", "1".into()),
        ("FARSEND_CLAP", bundle.clap.into()),
        ("FARSEND_VST3", bundle.vst3.into()),
    ];
    settings.extend(python.map(|python| ("FARSEND_PEDALBOARD_PYTHON", python.into())));

    let packages: Vec<OsString> = match &args.package {
        Some(package) => vec!["--package".into(), package.into()],
        None => vec!["--workspace".into()],
    };
    let mut runner = workspace::cargo();
    if has_nextest() {
        if args.filter.is_none() && args.package.is_none() {
            // What nextest leaves out: the examples in the documentation.
            workspace::run(workspace::cargo().args(["test", "--quiet", "--doc", "--workspace"]))?;
        }
        runner
            .args(["nextest", "run"])
            .args(packages)
            .args(&args.filter);
        if is_ci() {
            runner.args(["--profile", "ci"]);
        }
    } else {
        eprintln!(
            "cargo-nextest is not installed: with it, tests that keep real time have the machine to themselves, those that take \
             too long are ended, and in CI one that fails may try again (.config/nextest.toml). `cargo install cargo-nextest`"
        );
        runner.args(["test", "--no-fail-fast"]);
        runner.args(packages).args(&args.filter);
        // One after the other: tests in real time would hear each other's load.
        runner.args(["--", "--test-threads=1"]);
    }
    // The runner has the last word: its summary, and its exit code.
    let status = runner
        .envs(settings)
        .status()
        .context("cannot run the tests")?;
    if !status.success() {
        std::process::exit(status.code().unwrap_or(1));
    }
    Ok(())
}

fn has_nextest() -> bool {
    let tried = Command::new("cargo")
        .args(["nextest", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    tried.is_ok_and(|status| status.success())
}
