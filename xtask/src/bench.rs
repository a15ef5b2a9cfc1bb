//! `cargo xtask bench`: measures.

/// What `cargo xtask bench` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Runs the command from the workspace's root.
pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    let Args {} = args;
    anyhow::bail!("`cargo xtask bench` is not written yet")
}
