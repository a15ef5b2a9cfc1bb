//! Any file that lies in a folder of takes: read as one, or refused, without a panic.
#![no_main]

use std::io::Cursor;

use farsend_ipc::take_file::TakeHead;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let length = bytes.len() as u64;
    if let Ok(head) = TakeHead::read(&mut Cursor::new(bytes), length) {
        assert!(head.channels > 0 && head.rate.0 > 0);
        assert!(head.audio + head.frames * head.frame_bytes() as u64 <= length);
    }
});
