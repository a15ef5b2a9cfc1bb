//! File names for tracks whose names come from anywhere.

use std::collections::HashSet;

use farsend_ipc::message::file_name;

/// Gives each track a file name that no other has and that every file system takes, whatever it is called.
#[derive(Debug, Default)]
pub struct Names {
    /// In lower case: some file systems do not tell the two apart.
    taken: HashSet<String>,
}

impl Names {
    /// `NAME.wav`, or `NAME (2).wav` where that is taken, and so on.
    pub fn give(&mut self, name: &str) -> String {
        let stem = file_name(name, LONGEST, "player");
        let mut n = 1_u64;
        loop {
            let candidate = match n {
                1 => format!("{stem}.wav"),
                n => format!("{stem} ({n}).wav"),
            };
            if self.taken.insert(candidate.to_lowercase()) {
                return candidate;
            }
            n += 1;
        }
    }
}

/// Bytes of a name; with a number and the ending they make less than the 255 of any file system, encrypted ones
/// (143) included.
const LONGEST: usize = 120;

#[cfg(test)]
mod tests {
    use std::path::{Component, Path};

    use super::*;

    #[test]
    fn plain_names_stay_as_they_are() {
        let mut names = Names::default();
        assert_eq!(names.give("Ann"), "Ann.wav");
        assert_eq!(names.give("Zoë 2nd violin"), "Zoë 2nd violin.wav");
        assert_eq!(names.give("192.0.2.7"), "192.0.2.7.wav");
    }

    #[test]
    fn equal_names_are_numbered_in_whatever_case() {
        let mut names = Names::default();
        assert_eq!(names.give("ann"), "ann.wav");
        assert_eq!(names.give("Ann"), "Ann (2).wav");
        assert_eq!(names.give("ann (2)"), "ann (2) (2).wav");
        assert_eq!(names.give("ann"), "ann (3).wav");
    }

    #[test]
    fn no_name_leads_out_of_the_folder_or_to_a_device() {
        let mut names = Names::default();
        let long = "x".repeat(1000);
        let wide = "🎻".repeat(100);
        for name in [
            "",
            " ",
            ".",
            "..",
            "...",
            "../../etc/passwd",
            "/etc/passwd",
            "a/b",
            "a\\b",
            "C:\\x",
            "CON",
            "con",
            "NUL",
            "LPT1",
            "COM1.txt",
            "a\0b",
            "a\nb",
            "-rf",
            "~",
            "a:b",
            "a*?<>|\"",
            "trailing. ",
            "\u{202e}gnp",
            "\u{fffd}\u{fffd}",
            &long,
            &wide,
        ] {
            let file = names.give(name);
            println!("{name:?} -> {file:?}");
            let path = Path::new(&file);
            let parts: Vec<_> = path.components().collect();
            assert!(matches!(parts[..], [Component::Normal(_)]), "{name:?}");
            assert!(file.len() <= 140 && file.ends_with(".wav"));
            assert!(!file.starts_with(['-', '.', ' ']), "{file:?}");
            assert!(
                !file.contains(['/', '\\', ':', '*', '?', '<', '>', '|', '"'])
                    && !file.contains(char::is_control)
            );
            let device = file.split('.').next().unwrap_or_default().to_lowercase();
            assert!(!["con", "nul", "lpt1", "com1"].contains(&&device[..]));
        }
    }
}
