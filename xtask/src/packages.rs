//! System packages that a step needs: installed on Debian and Ubuntu, named on other systems.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::workspace;

/// Something that has to be on the system before a step can run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Need {
    /// Debian's and Ubuntu's packages that bring it.
    pub(crate) debian: &'static [&'static str],
    /// What it is, for people on other systems.
    pub(crate) what: &'static str,
    /// What for.
    pub(crate) why: &'static str,
    /// Whether it is there already.
    pub(crate) present: fn() -> bool,
}

/// JACK's headers and `.pc` file. The engine loads libjack at run time, but its build asks for them.
pub(crate) const JACK_TO_BUILD: Need = Need {
    debian: &["libjack-jackd2-dev", "pkg-config"],
    what: "JACK's development files (jack.pc) and pkg-config",
    why: "the engine's build asks pkg-config for JACK",
    present: || !cfg!(target_os = "linux") || pkg_config_knows("jack"),
};

/// A linker and a C compiler.
pub(crate) const LINKER: Need = Need {
    debian: &["build-essential"],
    what: "a C compiler and linker",
    why: "Rust links with it",
    present: || !cfg!(target_os = "linux") || has_program("cc"),
};

/// Sees to it that all of `needs` are there.
///
/// On Debian and Ubuntu what is missing is installed with apt-get, through sudo unless this is root;
/// it says what and why first. Elsewhere, or when that fails, the error names what to install.
pub(crate) fn ensure(needs: &[Need]) -> Result<()> {
    let missing: Vec<&Need> = needs.iter().filter(|need| !(need.present)()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !(Path::new("/etc/debian_version").exists() && has_program("apt-get")) {
        bail!("please install first:{}", list(&missing));
    }
    eprintln!("Installing with apt-get:{}", list(&missing));
    let names: Vec<&str> = missing
        .iter()
        .flat_map(|need| need.debian)
        .copied()
        .collect();
    apt_install(&names).with_context(|| format!("please install by hand: {}", names.join(" ")))?;
    let still: Vec<&Need> = missing
        .into_iter()
        .filter(|need| !(need.present)())
        .collect();
    if !still.is_empty() {
        bail!("installed, but still not found:{}", list(&still));
    }
    Ok(())
}

/// Whether `name` can be run from `PATH`.
pub(crate) fn has_program(name: &str) -> bool {
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(&file).is_file()))
}

/// Whether pkg-config is there and finds `library`.
pub(crate) fn pkg_config_knows(library: &str) -> bool {
    Command::new("pkg-config")
        .args(["--exists", library])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Installs `names`; with package lists that are absent or too old, once more after an update.
fn apt_install(names: &[&str]) -> Result<()> {
    let never_updated = !apt_lists_are_there();
    if never_updated {
        workspace::run(&mut apt_get(&["update"])?)?;
    }
    let mut install = vec!["install", "--yes", "--no-install-recommends"];
    install.extend(names);
    match workspace::run(&mut apt_get(&install)?) {
        Err(_) if !never_updated => {
            workspace::run(&mut apt_get(&["update"])?)?;
            workspace::run(&mut apt_get(&install)?)
        }
        done => done,
    }
}

/// apt-get with the rights to install.
fn apt_get(args: &[&str]) -> Result<Command> {
    let mut command = if is_root() {
        Command::new("apt-get")
    } else if has_program("sudo") {
        let mut sudo = Command::new("sudo");
        sudo.arg("apt-get");
        sudo
    } else {
        bail!("not root, and there is no sudo");
    };
    command
        .args(["--quiet", "--quiet"])
        .args(args)
        .env("DEBIAN_FRONTEND", "noninteractive");
    Ok(command)
}

fn is_root() -> bool {
    Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim() == "0")
}

fn apt_lists_are_there() -> bool {
    std::fs::read_dir("/var/lib/apt/lists").is_ok_and(|entries| {
        entries
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().contains("Packages"))
    })
}

/// One line for each need.
fn list(needs: &[&Need]) -> String {
    needs
        .iter()
        .map(|need| {
            format!(
                "\n  {} ({}): {}",
                need.what,
                need.debian.join(", "),
                need.why
            )
        })
        .collect()
}
