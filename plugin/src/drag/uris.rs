//! Files as `text/uri-list`, which is what programs take when files are dropped on them.
//!
//! Source: RFC 2483, section 5; RFC 8089, appendix B; RFC 3986, section 2.3.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

/// A line `file:///...` for each, in their order, each ended by CR LF. Whatever bytes a path has, a line is ASCII. A path that is not absolute has no
/// line.
pub(super) fn uri_list<'a>(files: impl IntoIterator<Item = &'a Path>) -> String {
    let uris = files.into_iter().filter_map(uri);
    uris.map(|uri| format!("{uri}\r\n")).collect()
}

/// `file:///...`, in ASCII and without quotes and commas; `None`: the path is not absolute.
pub(crate) fn uri(file: &Path) -> Option<String> {
    let path = percent_encode(file.as_os_str().as_bytes(), ESCAPED);
    file.is_absolute().then(|| format!("file://{path}"))
}

/// All but what a path can hold as it is: the unreserved letters, and what is between folders.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::path::PathBuf;

    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_take_is_a_line_with_its_spaces_escaped() {
        let take = Path::new("/home/ada/Music/Farsend/Duo/Duo - Zoë - take 3 - 04.05.06.wav");
        assert_eq!(
            uri_list([take]),
            "file:///home/ada/Music/Farsend/Duo/Duo%20-%20Zo%C3%AB%20-%20take%203%20-%2004.05.06.wav\r\n"
        );
    }

    #[test]
    fn several_files_are_lines_in_their_order() {
        let files = [
            Path::new("/b.wav"),
            Path::new("a.wav"),
            Path::new("/#?%.wav"),
        ];
        assert_eq!(
            uri_list(files),
            "file:///b.wav\r\nfile:///%23%3F%25.wav\r\n"
        );
    }

    proptest! {
        #[test]
        fn any_path_comes_back_as_it_was_from_one_line(bytes in prop::collection::vec(1_u8.., 0..200)) {
            let file = PathBuf::from(OsStr::from_bytes(&[b"/", &bytes[..]].concat()));
            let list = uri_list([file.as_path()]);
            let line = list.strip_suffix("\r\n").expect("it is ended");
            prop_assert!(line.bytes().all(|one| one.is_ascii_graphic()));
            let path = line.strip_prefix("file://").expect("it is a file");
            let path: Vec<u8> = percent_decode_str(path).collect();
            prop_assert_eq!(path, file.as_os_str().as_bytes());
        }
    }
}
