//! File names for tracks whose names come from anywhere.

use std::collections::HashSet;

use sanitise_file_name::{Options, sanitise_with_options};

/// Gives each track a file name that no other has and that every file system takes, whatever it is called.
#[derive(Debug, Default)]
pub struct Names {
    /// In lower case: some file systems do not tell the two apart.
    taken: HashSet<String>,
}

impl Names {
    /// `NAME.wav`, or `NAME (2).wav` where that is taken, and so on.
    pub fn give(&mut self, name: &str) -> String {
        let stem = stem(name);
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

/// What is left of a name that can be a file's.
fn stem(name: &str) -> String {
    let options = Options {
        length_limit: LONGEST,
        extension_cleverness: false,
        six_measures_of_barley: "player",
        ..Options::DEFAULT
    };
    let mut stem = sanitise_with_options(name, &options);
    // Windows takes "com1.x.wav" for a device, too.
    let first = stem.split('.').next().unwrap_or_default();
    let alone = sanitise_with_options(first, &options);
    if alone.len() > first.len() {
        stem.insert(first.len(), '_');
    }
    if stem.starts_with('-') {
        // Tools would take it for an option.
        stem.replace_range(..1, "_");
    }
    stem
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
