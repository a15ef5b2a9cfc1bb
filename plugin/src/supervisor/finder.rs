//! Where the engine's program is.

use std::path::{Path, PathBuf};

/// The places where the engine may be, in the order in which they are looked at.
///
/// `named` is what the user says (`FARSEND_ENGINE`): then it is that one or none.
pub(super) fn candidates(named: Option<&Path>) -> Vec<PathBuf> {
    if let Some(named) = named {
        return vec![named.to_owned()];
    }
    let mut places = Vec::new();
    if let Some(folder) = own_module().as_deref().and_then(Path::parent) {
        places.push(folder.join(BUNDLED));
        places.push(folder.join("farsend-engine").join(PROGRAM));
    }
    places.extend(
        install_folders()
            .into_iter()
            .map(|folder| folder.join(PROGRAM)),
    );
    if let Some(path) = std::env::var_os("PATH") {
        let folders = std::env::split_paths(&path).filter(|folder| folder.is_absolute());
        places.extend(folders.map(|folder| folder.join(PROGRAM)));
    }
    places
}

/// Whether this file can be run.
pub(super) fn is_program(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        path.metadata()
            .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    }
    #[cfg(not(unix))]
    path.is_file()
}

/// The engine inside a plugin's bundle: not plainly `farsend`, which on a file system that takes no
/// notice of case would be the module.
const BUNDLED: &str = if cfg!(windows) {
    "farsend-engine.exe"
} else {
    "farsend-engine"
};

/// The engine elsewhere.
const PROGRAM: &str = if cfg!(windows) {
    "farsend.exe"
} else {
    "farsend"
};

/// Where `cargo xtask install` and packages put the engine.
fn install_folders() -> Vec<PathBuf> {
    let home = std::env::home_dir();
    let at_home = |path: &str| home.as_ref().map(|home| home.join(path));
    if cfg!(windows) {
        let folder = |name| std::env::var_os(name).map(PathBuf::from);
        let local = folder("LOCALAPPDATA").map(|local| local.join("Programs").join("Farsend"));
        let all = folder("ProgramFiles").map(|all| all.join("Farsend"));
        [local, all].into_iter().flatten().collect()
    } else if cfg!(target_os = "macos") {
        let all = PathBuf::from("/Library/Application Support/Farsend");
        at_home("Library/Application Support/Farsend")
            .into_iter()
            .chain([all])
            .collect()
    } else {
        let all = ["/usr/local/lib/farsend", "/usr/lib/farsend"].map(PathBuf::from);
        at_home(".local/lib/farsend")
            .into_iter()
            .chain(all)
            .collect()
    }
}

/// The file that this code was loaded from; `current_exe` would be the host.
#[cfg(target_os = "linux")]
fn own_module() -> Option<PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    module_at(&maps, candidates as *const () as usize)
}

/// The file mapped at `address`, from the lines of `/proc/PID/maps`:
/// `start-end permissions offset device inode   path`.
#[cfg(any(target_os = "linux", test))]
fn module_at(maps: &str, address: usize) -> Option<PathBuf> {
    maps.lines().find_map(|line| {
        let (start, rest) = line.split_once('-')?;
        let (end, rest) = rest.split_once(' ')?;
        let parse = |text| usize::from_str_radix(text, 16).ok();
        let path = &rest[rest.find('/')?..];
        (parse(start)?..parse(end)?).contains(&address).then(|| {
            // So it is marked when the file was replaced since, as by an update.
            PathBuf::from(path.strip_suffix(" (deleted)").unwrap_or(path))
        })
    })
}

/// The file that this code was loaded from; `current_exe` would be the host.
#[cfg(all(unix, not(target_os = "linux")))]
#[allow(unsafe_code, reason = "the system is asked by pointers")]
fn own_module() -> Option<PathBuf> {
    use std::ffi::{CStr, OsStr};
    use std::os::unix::ffi::OsStrExt;

    let mut found = std::mem::MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: the address is one of ours, and `found` is good for what is written there.
    let outcome = unsafe { libc::dladdr(candidates as *const libc::c_void, found.as_mut_ptr()) };
    // SAFETY: zeroes are a valid value, and dladdr writes only valid ones.
    let name = unsafe { found.assume_init() }.dli_fname;
    if outcome == 0 || name.is_null() {
        return None;
    }
    // SAFETY: dladdr gives a C string that lives as long as the module.
    let name = unsafe { CStr::from_ptr(name) };
    std::fs::canonicalize(OsStr::from_bytes(name.to_bytes())).ok()
}

/// Not told apart from the host yet.
#[cfg(not(unix))]
fn own_module() -> Option<PathBuf> {
    None
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::{candidates, module_at};

    #[test]
    fn a_named_engine_is_the_only_one() {
        assert_eq!(
            candidates(Some(Path::new("/x/farsend"))),
            [PathBuf::from("/x/farsend")]
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_own_module_is_this_test() {
        assert_eq!(super::own_module(), std::env::current_exe().ok());
    }

    #[test]
    fn a_module_is_the_file_mapped_at_an_address() {
        let maps = "1000-2000 r--p 00000000 00:1f 1   /host/ardour 7\n\
                    2000-3000 rw-p 00000000 00:00 0 \n\
                    3000-4000 r-xp 00001000 00:1f 2   /home/a b/.clap/Farsend.clap (deleted)\n\
                    5000-6000 rw-p 00000000 00:00 0   [stack]\n";
        assert_eq!(module_at(maps, 0x1fff), Some("/host/ardour 7".into()));
        assert_eq!(
            module_at(maps, 0x3000),
            Some("/home/a b/.clap/Farsend.clap".into())
        );
        for address in [0, 0x2800, 0x4000, 0x5000] {
            assert_eq!(module_at(maps, address), None);
        }
        assert_eq!(module_at("nonsense\n-\n1-zz /a\n", 1), None);
    }
}
