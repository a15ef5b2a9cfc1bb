//! `cargo xtask bundle`: the plugin in both formats, each with the engine where it will find it.
//!
//! ```text
//! target/bundled/Farsend.clap                                  a file (macOS: a folder, the engine inside)
//! target/bundled/Farsend.vst3/Contents/x86_64-linux/Farsend.so
//!                                                   farsend-engine
//! target/bundled/farsend-engine/farsend                        for the CLAP, which finds it there
//! ```
//! Inside a bundle the engine is `farsend-engine`: on a file system that takes no notice of case,
//! `farsend` would be the module itself.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nice_plug_xtask::{Architecture, CompilationTarget, maybe_codesign};

use crate::{packages, workspace};

/// What `cargo xtask bundle` takes.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Args {
    /// Build quicker, with the dev profile, rather than for release.
    #[arg(long)]
    pub(crate) dev: bool,
    /// Build the whole workspace with its tests rather than plugin and engine alone: together they ask for other
    /// features of what they depend on, and nothing should be built twice.
    #[arg(skip)]
    pub(crate) with_tests: bool,
}

/// What was made.
#[derive(Debug, Clone)]
pub(crate) struct Bundle {
    /// The CLAP: a file, on macOS a folder.
    pub(crate) clap: PathBuf,
    /// The VST3 folder, the engine inside.
    pub(crate) vst3: PathBuf,
    /// The engine, apart: what the CLAP runs, and what goes into the `PATH`.
    pub(crate) engine: PathBuf,
}

/// The engine's file name where it is called by people.
pub(crate) const ENGINE: &str = if cfg!(windows) {
    "farsend.exe"
} else {
    "farsend"
};

/// The engine's file name inside a plugin's bundle.
const ENGINE_INSIDE: &str = if cfg!(windows) {
    "farsend-engine.exe"
} else {
    "farsend-engine"
};

/// The plugin's package, the key of `bundler.toml`.
const PLUGIN: &str = "farsend-plugin";

/// Builds and bundles.
pub(crate) fn run(args: Args) -> Result<Bundle> {
    packages::ensure(&[packages::LINKER, packages::JACK_TO_BUILD])?;
    let profile: &[String] = if args.dev {
        &[]
    } else {
        &["--release".to_owned()]
    };
    let what: &[&str] = if args.with_tests {
        &["--workspace", "--lib", "--bins", "--tests"]
    } else {
        &["-p", PLUGIN, "-p", "farsend"]
    };
    workspace::run(workspace::cargo().arg("build").args(what).args(profile))?;

    let target = workspace::target_dir()?;
    nice_plug_xtask::bundle(&target, PLUGIN, profile, false)?;

    let built = target
        .join(if args.dev { "debug" } else { "release" })
        .join(ENGINE);
    let bundled = target.join("bundled");
    let bundle = Bundle {
        clap: bundled.join("Farsend.clap"),
        vst3: bundled.join("Farsend.vst3"),
        engine: bundled.join("farsend-engine").join(ENGINE),
    };
    copy_file(&built, &bundle.engine)?;
    copy_file(&built, &module_folder(&bundle.vst3)?.join(ENGINE_INSIDE))?;
    if cfg!(target_os = "macos") {
        copy_file(
            &built,
            &bundle.clap.join("Contents/MacOS").join(ENGINE_INSIDE),
        )?;
        for folder in [&bundle.clap, &bundle.vst3] {
            describe_and_sign(folder)?;
        }
    }
    eprintln!(
        "Bundled the engine with them, and at '{}'",
        bundle.engine.display()
    );
    Ok(bundle)
}

/// Copies a file so that whoever runs or has mapped the old one keeps it.
pub(crate) fn copy_file(from: &Path, to: &Path) -> Result<()> {
    let folder = to.parent().context("a file lies in a folder")?;
    let name = to
        .file_name()
        .context("a file has a name")?
        .to_string_lossy();
    let fresh = folder.join(format!(".{name}.new"));
    fs::create_dir_all(folder)
        .and_then(|()| fs::copy(from, &fresh))
        .and_then(|_| fs::rename(&fresh, to))
        .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}

/// The folder in a VST3 that holds the module: the only one under `Contents` on Linux and Windows.
fn module_folder(vst3: &Path) -> Result<PathBuf> {
    let contents = vst3.join("Contents");
    if cfg!(target_os = "macos") {
        return Ok(contents.join("MacOS"));
    }
    fs::read_dir(&contents)
        .with_context(|| format!("cannot read {}", contents.display()))?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.join("Farsend.so").exists() || path.join("Farsend.vst3").exists())
        .with_context(|| format!("no module in {}", contents.display()))
}

/// Gives a macOS bundle its own identifier and version, and signs it with what was added to it.
fn describe_and_sign(folder: &Path) -> Result<()> {
    let path = folder.join("Contents/Info.plist");
    let text = fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?
        .replace("com.nice-plug.farsend-plugin", "org.farsend.farsend")
        .replace("1.0.0", env!("CARGO_PKG_VERSION"));
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    // Only the system counts here, not the architecture.
    maybe_codesign(folder, CompilationTarget::MacOS(Architecture::AArch64));
    Ok(())
}
