//! `cargo xtask test`: runs all tests.

/// What `cargo xtask test` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Runs the command from the workspace's root.
pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    let Args {} = args;
    anyhow::bail!("`cargo xtask test` is not written yet")
}
