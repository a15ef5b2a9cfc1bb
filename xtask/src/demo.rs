//! `cargo xtask demo`: plays music through the plugin to a peer and back, and reports on it.
//!
//! The work is done by the program `farsend-demo` of the package `farsend-tests`: it holds the host that loads the
//! plugin, and starts the peer.

use std::time::Instant;

use anyhow::{Context, Result};

use crate::{bundle, lab, packages, workspace};

/// What `cargo xtask demo` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Build quicker, with the dev profile.
    #[arg(long)]
    dev: bool,
    /// Let Farsend itself be the peer, and install neither JACK nor JackTrip.
    #[arg(long)]
    no_jacktrip: bool,
}

/// Runs the command from the workspace's root.
pub(crate) fn run(args: Args) -> Result<()> {
    let started = Instant::now();
    packages::ensure(&[packages::LINKER, packages::JACK_TO_BUILD])?;
    if !args.no_jacktrip {
        // Without them Farsend plays the peer, so that is no reason to stop.
        for need in [lab::NAMESPACES, lab::JACKD, lab::JACKTRIP] {
            if let Err(error) = packages::ensure(&[need]) {
                eprintln!("Going on without: {error:#}");
            }
        }
    }
    eprintln!("Building plugin, engine and host (the first time takes a few minutes)");
    let bundle = bundle::run(bundle::Args {
        dev: args.dev,
        with_tests: false,
    })?;
    let programs = lab::build_programs(args.dev)?;
    eprintln!("Built in {:.0} s", started.elapsed().as_secs_f64());

    let target = workspace::target_dir()?;
    let mut demo = std::process::Command::new(programs.join("farsend-demo"));
    demo.arg("--clap")
        .arg(&bundle.clap)
        .arg("--engine")
        .arg(&bundle.engine);
    demo.arg("--out").arg(target.join("demo"));
    if args.no_jacktrip {
        demo.args(["--peer", "farsend"]);
    }
    // It shall take what was just built, and build nothing itself.
    workspace::run(demo.env("FARSEND_BUILT", "1")).context("the demo did not come to its end")
}
