//! What belongs to the person and not to the project: addresses, and how the window looks.
//!
//! Both are small JSON files in Farsend's folder of settings, shared by every instance in every host.

mod book;
mod file;
mod preferences;

pub use book::{Book, Entry, List};
pub use file::{Stamp, UserFile, UserFileError};
pub use preferences::{Preferences, Theme};

use std::ffi::OsString;
use std::path::PathBuf;

/// Farsend's folder of settings: `$XDG_CONFIG_HOME/farsend`, else `%APPDATA%\farsend`, else `~/.config/farsend`.
pub fn folder() -> Option<PathBuf> {
    let given = |name| std::env::var_os(name).filter(|value: &OsString| !value.is_empty());
    if let Some(config) = given("XDG_CONFIG_HOME") {
        return Some(PathBuf::from(config).join("farsend"));
    }
    if cfg!(windows) {
        return Some(PathBuf::from(given("APPDATA")?).join("farsend"));
    }
    Some(PathBuf::from(given("HOME")?).join(".config/farsend"))
}
