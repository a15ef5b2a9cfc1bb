//! Which program holds a UDP port, so that an error can name it.

/// A text such as `jacktrip (pid 812)`. `None` where the system does not tell us.
#[cfg(target_os = "linux")]
pub(crate) fn find(port: u16) -> Option<String> {
    let inode = ["/proc/net/udp6", "/proc/net/udp"]
        .iter()
        .find_map(|table| inode_of(&std::fs::read_to_string(table).ok()?, port))?;
    let link = format!("socket:[{inode}]");
    let mut processes = std::fs::read_dir("/proc").ok()?.flatten();
    let holder = processes.find(|process| {
        // Beside the processes, /proc has links to our own: `self`, `thread-self`.
        if process
            .file_name()
            .to_string_lossy()
            .parse::<u32>()
            .is_err()
        {
            return false;
        }
        let Ok(open) = std::fs::read_dir(process.path().join("fd")) else {
            return false;
        };
        open.flatten().any(|file| {
            std::fs::read_link(file.path()).is_ok_and(|to| to.to_string_lossy() == link)
        })
    })?;
    let name = std::fs::read_to_string(holder.path().join("comm")).ok()?;
    Some(format!(
        "{} (pid {})",
        name.trim(),
        holder.file_name().to_string_lossy()
    ))
}

/// A text such as `jacktrip (pid 812)`. `None` where the system does not tell us.
#[cfg(not(target_os = "linux"))]
pub fn find(_port: u16) -> Option<String> {
    None
}

/// The inode of the socket bound to `port` in the text of `/proc/net/udp` (proc(5)): the second
/// field is `ADDRESS:PORT` in hexadecimal, the tenth the inode.
#[cfg(target_os = "linux")]
fn inode_of(table: &str, port: u16) -> Option<u64> {
    let ending = format!(":{port:04X}");
    table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_whitespace();
        let local = fields.nth(1)?;
        let inode = fields.nth(7)?;
        if local.ends_with(&ending) {
            inode.parse().ok()
        } else {
            None
        }
    })
}
