//! A file or folder, shown in the system's file manager.

use std::path::{Path, PathBuf};

/// Shows a folder, or a file chosen in its folder. Where the file manager cannot choose one, its folder is opened; where there is none nothing
/// happens: the path is in the list.
pub(super) fn reveal(path: &Path) {
    let path = path.to_owned();
    // On a thread of its own: some systems take their time.
    _ = std::thread::Builder::new()
        .name("farsend-show".into())
        .spawn(move || show(&path, run, |folder| _ = opener::open(folder)));
}

fn show(path: &Path, run: impl Fn(&[String]) -> bool, open: impl FnOnce(PathBuf)) {
    if path.is_dir() {
        return open(path.to_owned());
    }
    let chosen = commands(path).iter().any(|command| run(command));
    if let (false, Some(folder)) = (chosen, path.parent()) {
        open(folder.to_owned());
    }
}

/// What asks the file manager for that, the first that is there and succeeds.
///
/// Source: freedesktop.org, "File Manager DBus Interface", ShowItems.
#[cfg(target_os = "linux")]
fn commands(path: &Path) -> Vec<Vec<String>> {
    const MANAGER: &str = "org.freedesktop.FileManager1";
    const OBJECT: &str = "/org/freedesktop/FileManager1";
    // It has no comma and no quote: those are escaped.
    let Some(uri) = crate::drag::uri(path) else {
        return Vec::new();
    };
    let (destination, method) = (format!("--dest={MANAGER}"), format!("{MANAGER}.ShowItems"));
    let (items, list) = (format!("array:string:{uri}"), format!("['{uri}']"));
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    vec![
        words(&[
            "gdbus",
            "call",
            "--session",
            "--timeout=3",
            "--dest",
            MANAGER,
            "--object-path",
            OBJECT,
            "--method",
            &method,
            &list,
            "",
        ]),
        words(&[
            "dbus-send",
            "--session",
            "--print-reply",
            "--reply-timeout=3000",
            &destination,
            OBJECT,
            &method,
            &items,
            "string:",
        ]),
    ]
}

#[cfg(not(target_os = "linux"))]
fn commands(_: &Path) -> Vec<Vec<String>> {
    Vec::new()
}

/// Whether it is there and succeeds.
fn run(command: &[String]) -> bool {
    let [program, arguments @ ..] = command else {
        return false;
    };
    let mut process = std::process::Command::new(program);
    let nowhere = std::process::Stdio::null;
    process
        .args(arguments)
        .stdin(nowhere())
        .stdout(nowhere())
        .stderr(nowhere());
    process.status().is_ok_and(|status| status.success())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// The programs that were asked, and the folder that was opened.
    fn shown(path: &Path, works: &str) -> (Vec<String>, Option<PathBuf>) {
        let (asked, mut opened) = (RefCell::new(Vec::new()), None);
        let run = |command: &[String]| {
            asked.borrow_mut().push(command.join(" "));
            command[0] == works
        };
        show(path, run, |folder| opened = Some(folder));
        (asked.into_inner(), opened)
    }

    #[test]
    fn a_take_is_chosen_in_its_folder_or_at_least_that_is_opened() {
        let take = Path::new("/takes/Zoë, it's - take 1.wav");
        let uri = "file:///takes/Zo%C3%AB%2C%20it%27s%20-%20take%201.wav";
        let (asked, opened) = shown(take, "gdbus");
        assert!(
            asked.len() == 1 && asked[0].ends_with(&format!("ShowItems ['{uri}'] ")),
            "{asked:?}"
        );
        assert_eq!(opened, None);
        let (asked, opened) = shown(take, "dbus-send");
        assert!(
            asked[1].ends_with(&format!("array:string:{uri} string:")),
            "{asked:?}"
        );
        assert_eq!(opened, None);
        let (asked, opened) = shown(take, "neither");
        assert_eq!((asked.len(), opened), (2, Some("/takes".into())));
        // A folder is opened itself.
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let (asked, opened) = shown(folder.path(), "gdbus");
        assert_eq!((asked, opened.as_deref()), (vec![], Some(folder.path())));
    }
}
