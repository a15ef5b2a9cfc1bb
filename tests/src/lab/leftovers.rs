//! What is still there of Farsend when a host has gone: processes, sockets, shared memory, temporary files.

use std::path::Path;
use std::time::Duration;

use super::engines;
use super::wait::wait_for;

/// A script that runs this build's engine so that it goes soon after its last plugin, rather than after ten seconds.
///
/// # Panics
///
/// If the folder is not writable.
pub fn hasty_engine(folder: &Path) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let script = folder.join("hasty-engine");
    let engine = super::need::own_program("farsend", "farsend");
    let text = format!("#!/bin/sh\nexec '{}' engine --grace 1\n", engine.display());
    std::fs::write(&script, text).expect("the test's folder is writable");
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&script, executable).expect("it was just written");
    script
}

/// What is there of Farsend on this machine, one thing a line; nothing but logs in `runtime`, where plugins and engine
/// meet, and nothing of ours in `temporary`, is empty.
pub fn leftovers(runtime: &Path, temporary: &Path) -> Vec<String> {
    let mut left: Vec<String> = engines::all()
        .iter()
        .map(|pid| format!("engine {pid}"))
        .collect();
    // A log and the file of a lock are for the next engine.
    let kept = |name: &str| name.ends_with(".log") || name.ends_with(".lock");
    let names = |folder: &Path| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned())
    };
    left.extend(
        names(runtime)
            .filter(|name| !kept(name))
            .map(|name| format!("runtime: {name}")),
    );
    let ours = |name: &String| name.to_lowercase().contains("farsend");
    left.extend(
        names(temporary)
            .filter(ours)
            .map(|name| format!("temporary: {name}")),
    );
    left.extend(
        names(Path::new("/dev/shm"))
            .filter(ours)
            .map(|name| format!("shared: {name}")),
    );
    let sockets = std::fs::read_to_string("/proc/net/unix").unwrap_or_default();
    let runtime = runtime.to_string_lossy();
    let open = sockets
        .lines()
        .filter(|line| line.contains(runtime.as_ref()));
    left.extend(open.map(|line| format!("socket: {line}")));
    left
}

/// Waits until nothing is left.
///
/// # Panics
///
/// If something is, after `limit`.
pub fn wait_for_none(runtime: &Path, temporary: &Path, limit: Duration) {
    wait_for("nothing is left", limit, || {
        let left = leftovers(runtime, temporary);
        if left.is_empty() { Ok(()) } else { Err(left) }
    });
}
