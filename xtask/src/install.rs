//! `cargo xtask install` and `uninstall`: plugin and engine in the current user's folders.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::bundle::{self, ENGINE, copy_file};

/// What `cargo xtask install` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct InstallArgs {
    #[command(flatten)]
    bundle: bundle::Args,
}

/// Where things go for this user.
#[derive(Debug)]
struct Places {
    clap: PathBuf,
    vst3: PathBuf,
    /// Where the CLAP looks for the engine.
    engine: PathBuf,
    /// What makes `farsend` a command, where a link in some folder does.
    command: Option<PathBuf>,
}

/// Bundles, and copies to the user's folders.
pub(crate) fn install(args: InstallArgs) -> Result<()> {
    let places = Places::of_user()?;
    let bundle = bundle::run(args.bundle)?;

    copy_anything(&bundle.clap, &places.clap)?;
    println!("installed {}", places.clap.display());
    copy_anything(&bundle.vst3, &places.vst3)?;
    println!("installed {}", places.vst3.display());
    copy_file(&bundle.engine, &places.engine)?;
    println!("installed {}", places.engine.display());
    if let Some(command) = &places.command {
        link(&places.engine, command)?;
    }
    println!("Rescan plugins in your DAW; \"Farsend\" and \"Farsend Players\" are effects.");
    Ok(())
}

/// Removes what [`install`] copied, and nothing else.
pub(crate) fn uninstall() -> Result<()> {
    let places = Places::of_user()?;
    if let Some(command) = &places.command {
        if leads_to(command, &places.engine) {
            remove(command)?;
        } else if command.exists() {
            println!("left {}: not a link of ours", command.display());
        }
    }
    remove(&places.clap)?;
    remove(&places.vst3)?;
    remove(&places.engine)?;
    if let Some(folder) = places.engine.parent() {
        // Fails when something else is in there, which then is not ours to remove.
        let _ = fs::remove_dir(folder);
    }
    Ok(())
}

impl Places {
    fn of_user() -> Result<Self> {
        let home =
            std::env::home_dir().context("cannot tell your home folder: set HOME to its path")?;
        Ok(Self::under(&home))
    }

    #[cfg(target_os = "macos")]
    fn under(home: &Path) -> Self {
        let plugins = home.join("Library/Audio/Plug-Ins");
        Self {
            clap: plugins.join("CLAP/Farsend.clap"),
            vst3: plugins.join("VST3/Farsend.vst3"),
            engine: home
                .join("Library/Application Support/Farsend")
                .join(ENGINE),
            command: Some(home.join(".local/bin").join(ENGINE)),
        }
    }

    #[cfg(windows)]
    fn under(home: &Path) -> Self {
        let local = std::env::var_os("LOCALAPPDATA")
            .map_or_else(|| home.join("AppData").join("Local"), PathBuf::from);
        let common = local.join("Programs").join("Common");
        Self {
            clap: common.join("CLAP").join("Farsend.clap"),
            vst3: common.join("VST3").join("Farsend.vst3"),
            engine: local.join("Programs").join("Farsend").join(ENGINE),
            command: None,
        }
    }

    #[cfg(not(any(target_os = "macos", windows)))]
    fn under(home: &Path) -> Self {
        Self {
            clap: home.join(".clap/Farsend.clap"),
            vst3: home.join(".vst3/Farsend.vst3"),
            engine: home.join(".local/lib/farsend").join(ENGINE),
            command: Some(home.join(".local/bin").join(ENGINE)),
        }
    }
}

/// Copies a file, or a folder in place of the one that is there.
fn copy_anything(from: &Path, to: &Path) -> Result<()> {
    if !from.is_dir() {
        return copy_file(from, to);
    }
    if to.exists() {
        fs::remove_dir_all(to).with_context(|| format!("cannot replace {}", to.display()))?;
    }
    copy_folder(from, to)
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    let entries = fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))?;
    for entry in entries {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &to)?;
        } else {
            copy_file(&entry.path(), &to)?;
        }
    }
    Ok(())
}

/// Makes `command` lead to `engine`, unless something that is not ours is there.
fn link(engine: &Path, command: &Path) -> Result<()> {
    if leads_to(command, engine) {
        remove_quietly(command)?;
    } else if command.symlink_metadata().is_ok() {
        println!(
            "left {}: there already, and not a link of ours",
            command.display()
        );
        return Ok(());
    }
    let folder = command.parent().context("a command lies in a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    #[cfg(unix)]
    std::os::unix::fs::symlink(engine, command)
        .with_context(|| format!("cannot link {}", command.display()))?;
    println!("installed {} -> {}", command.display(), engine.display());
    let on_path = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|entry| entry == folder));
    if !on_path {
        println!(
            "  {} is not in your PATH: add it to call `farsend`",
            folder.display()
        );
    }
    Ok(())
}

fn leads_to(link: &Path, target: &Path) -> bool {
    fs::read_link(link).is_ok_and(|found| found == target)
}

fn remove(path: &Path) -> Result<()> {
    if path.symlink_metadata().is_err() {
        println!("not there: {}", path.display());
        return Ok(());
    }
    remove_quietly(path)?;
    println!("removed {}", path.display());
    Ok(())
}

fn remove_quietly(path: &Path) -> Result<()> {
    let folder = path.symlink_metadata().is_ok_and(|found| found.is_dir());
    if folder {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    }
    .with_context(|| format!("cannot remove {}", path.display()))
}
