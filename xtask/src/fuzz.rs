//! `cargo xtask fuzz`: fuzzes what reads bytes from outside.

/// What `cargo xtask fuzz` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Runs the command from the workspace's root.
pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    let Args {} = args;
    anyhow::bail!("`cargo xtask fuzz` is not written yet")
}
