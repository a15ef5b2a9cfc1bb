//! What the files of takes are called, and what they say of themselves.

use std::path::Path;

use farsend_ipc::message::file_name;

use crate::record::Moment;

/// What a file of a take is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Label(&'static str);

impl Label {
    /// What was sent.
    pub(super) const SEND: Self = Self("send");
    /// What came.
    pub(super) const RETURN: Self = Self("return");

    /// For the file's `bext` chunk, where an instance that renders finds it again.
    pub(super) fn describe(self, number: u32, player: &str) -> String {
        format!("{DESCRIBED}{number};kind={};player={player}", self.0)
    }
}

/// Whether a file that begins so says of itself that it is one of a take.
pub(super) fn is_described(bytes: &[u8]) -> bool {
    let mut places = bytes.windows(DESCRIBED.len());
    places.any(|place| place == DESCRIBED.as_bytes())
}

/// `SESSION - PLAYER - take 3 - 2026-11-21 21.37.05.wav`, whatever they are called.
pub(super) fn name(session: &str, player: &str, number: u32, moment: &Moment) -> String {
    let session = file_name(session, LONGEST, "session");
    let player = file_name(player, LONGEST, "player");
    let (date, time) = (moment.date(), moment.time('.'));
    format!("{session} - {player} - take {number} - {date} {time}.wav")
}

/// Whether it is called as files of takes are, whatever it ends with.
pub(super) fn is_take(name: &str) -> bool {
    number(name).is_some()
}

/// The number in a file's name.
fn number(name: &str) -> Option<u32> {
    let (_, rest) = name.rsplit_once(" - take ")?;
    rest.split(' ').next()?.parse().ok()
}

/// The name, or one like it that is not taken in this folder.
pub(super) fn free(folder: &Path, name: &str) -> String {
    let stem = name.strip_suffix(".wav").unwrap_or(name);
    let names = std::iter::once(name.to_owned());
    let others = (2..MOST_ALIKE).map(|n| format!("{stem} ({n}).wav"));
    let mut names = names.chain(others);
    let free = names.find(|name| !folder.join(name).exists());
    free.unwrap_or_else(|| name.to_owned())
}

/// The first number that no take in this folder has.
pub(super) fn next_number(folder: &Path) -> u32 {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 1;
    };
    let names = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok());
    let highest = names.filter_map(|name| number(&name)).max();
    highest.map_or(1, |number| number.saturating_add(1))
}

/// A name among all files that there are, in 32 bytes.
pub(super) fn reference(number: u32, moment: &Moment) -> String {
    let digits: String = format!("{}{}", moment.date(), moment.time('.'))
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    format!("Farsend{digits}-take{number}")
}

/// What the description begins with.
const DESCRIBED: &str = "Farsend take=";
/// Bytes of a session's or player's part of a name: with all else it is less than any file system takes.
const LONGEST: usize = 48;
const MOST_ALIKE: u32 = 10_000;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn moment() -> Moment {
        Moment::new([2026, 11, 21], Duration::from_secs(77_825))
    }

    #[test]
    fn a_file_is_named_by_session_player_take_and_time() {
        assert_eq!(
            name("band", "Zoë", 3, &moment()),
            "band - Zoë - take 3 - 2026-11-21 21.37.05.wav"
        );
        assert_eq!(reference(3, &moment()), "Farsend20261121213705-take3");
    }

    #[test]
    fn two_hundred_emoji_or_a_path_make_a_name_that_every_file_system_takes() {
        for player in [
            "🎻".repeat(200).as_str(),
            "../../etc/passwd",
            "",
            "a/b\\c:d\0",
            "-rf",
        ] {
            let file = name(player, player, u32::MAX, &moment());
            assert!(file.len() <= 170, "{} bytes: {file}", file.len());
            assert_eq!(Path::new(&file).components().count(), 1, "{file}");
            assert!(!file.starts_with(['-', '.']) && !file.contains(char::is_control));
        }
    }

    #[test]
    fn numbers_go_on_after_those_in_the_folder() {
        let folder = tempfile::tempdir().expect("the folder for temporary files is writable");
        assert_eq!(next_number(folder.path()), 1);
        assert_eq!(next_number(&folder.path().join("not there")), 1);
        for other in [
            name("s - take 99", "p", 7, &moment()),
            "take 12.wav".into(),
            "x - take y.wav".into(),
        ] {
            std::fs::write(folder.path().join(other), b"").expect("it is writable");
        }
        assert_eq!(next_number(folder.path()), 8);
        let taken = name("s - take 99", "p", 7, &moment());
        let next = free(folder.path(), &taken);
        assert!(next.ends_with("21.37.05 (2).wav"), "{next}");
    }
}
