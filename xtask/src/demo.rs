//! `cargo xtask demo`: plays music through the plugin to a peer and back.

/// What `cargo xtask demo` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Runs the command from the workspace's root.
pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    let Args {} = args;
    anyhow::bail!("`cargo xtask demo` is not written yet")
}
