//! Libraries that stand in for what a machine has not, or has in good order only: in C, made as they are needed.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Machine;

/// An ALSA sequencer that does nothing, to be preloaded by what asks for one. Needs [`Need::Compiler`](super::Need::Compiler).
///
/// # Panics
///
/// If it cannot be made.
pub fn no_sequencer(machine: &Machine) -> PathBuf {
    library(machine, "no_sequencer")
}

/// A disk that is slow with files that end in `.part`, and does not answer for a folder called `hung` until there is a file `let-go` beside
/// it. Needs [`Need::Compiler`](super::Need::Compiler).
///
/// # Panics
///
/// If it cannot be made.
pub fn bad_disk(machine: &Machine) -> PathBuf {
    library(machine, "bad_disk")
}

fn library(machine: &Machine, name: &str) -> PathBuf {
    let library = machine.path(&format!("{name}.so"));
    if !library.exists() {
        let sources = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/hosts"));
        let status = Command::new("cc")
            .args(["-shared", "-fPIC", "-o"])
            .arg(&library)
            .arg(sources.join(format!("{name}.c")))
            .status();
        assert!(status.is_ok_and(|status| status.success()), "cc failed");
    }
    library
}
