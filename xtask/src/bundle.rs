//! `cargo xtask bundle`: the plugin in both formats, each with the engine where it will find it.

use std::path::PathBuf;

/// What `cargo xtask bundle` takes.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Args {
    /// Build quicker, with the dev profile, rather than for release.
    #[arg(long)]
    pub(crate) dev: bool,
}

/// What was made.
#[derive(Debug, Clone)]
pub(crate) struct Bundle {
    /// The CLAP: a file, on macOS a folder.
    pub(crate) clap: PathBuf,
    /// The VST3 folder, the engine inside.
    pub vst3: PathBuf,
    /// The engine, apart: what the CLAP runs, and what goes into the `PATH`.
    pub(crate) engine: PathBuf,
}

/// Builds and bundles.
pub(crate) fn run(_args: Args) -> anyhow::Result<Bundle> {
    anyhow::bail!("not written yet")
}
