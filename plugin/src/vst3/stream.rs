//! A host's streams for the state, and streams of our own to the framework's.

use std::cell::RefCell;
use std::ffi::c_void;

use ::vst3::Class;
use ::vst3::Steinberg::IBStream_::IStreamSeekMode_;
use ::vst3::Steinberg::{
    IBStream, IBStreamTrait, int32, int64, kInvalidArgument, kResultOk, tresult,
};

use crate::unread::{Came, MOST};

/// All that comes from the host's stream from where it stands, in parts of whatever size.
///
/// # Safety
///
/// The stream is the host's, during its call.
pub(super) unsafe fn read(stream: &impl IBStreamTrait) -> Came {
    let (mut bytes, mut part) = (Vec::new(), vec![0_u8; PART]);
    let in_part = loop {
        let room = part.len().min(MOST + 1 - bytes.len());
        if room == 0 {
            break true;
        }
        let mut count = 0;
        // SAFETY: the caller says so, and there is as much room. At the end some hosts say that it failed: the count counts.
        let _ = unsafe { stream.read(part.as_mut_ptr().cast(), room as int32, &raw mut count) };
        match usize::try_from(count) {
            Ok(0) => break false,
            Ok(count) if count <= room => bytes.extend_from_slice(&part[..count]),
            _ => break true,
        }
    };
    Came { bytes, in_part }
}

/// Gives all of it to the host's stream, in parts as large as that takes. Whether it took all.
///
/// # Safety
///
/// As [`read`].
pub(super) unsafe fn write(stream: &impl IBStreamTrait, mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        let now = &bytes[..bytes.len().min(PART)];
        let mut count = 0;
        let from = now.as_ptr().cast_mut().cast();
        // SAFETY: the caller says so; the stream only reads as many bytes as are there.
        let result = unsafe { stream.write(from, now.len() as int32, &raw mut count) };
        match usize::try_from(count) {
            Ok(count @ 1..) if result == kResultOk && count <= now.len() => {
                bytes = &bytes[count..];
            }
            _ => return false,
        }
    }
    true
}

/// Bytes as the framework reads and writes them.
#[derive(Debug, Default)]
pub(super) struct Memory(RefCell<Contents>);

#[derive(Debug, Default)]
struct Contents {
    bytes: Vec<u8>,
    at: usize,
}

impl Memory {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self(RefCell::new(Contents { bytes, at: 0 }))
    }

    /// What is in it now.
    pub(super) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.borrow_mut().bytes)
    }
}

impl Class for Memory {
    type Interfaces = (IBStream,);
}

impl IBStreamTrait for Memory {
    unsafe fn read(&self, to: *mut c_void, room: int32, count: *mut int32) -> tresult {
        let contents = &mut *self.0.borrow_mut();
        let left = contents.bytes.get(contents.at..).unwrap_or(&[]);
        let now = left.len().min(usize::try_from(room).unwrap_or(0));
        contents.at += now;
        // SAFETY: the framework has as much room as it says, and wants to know how much was read, or not.
        unsafe {
            to.cast::<u8>().copy_from_nonoverlapping(left.as_ptr(), now);
            if let Some(count) = count.as_mut() {
                *count = now as int32;
            }
        }
        kResultOk
    }

    unsafe fn write(&self, from: *mut c_void, room: int32, count: *mut int32) -> tresult {
        let length = usize::try_from(room).unwrap_or(0);
        // SAFETY: the framework has as many bytes as it says.
        unsafe {
            let bytes = std::slice::from_raw_parts(from.cast::<u8>(), length);
            self.0.borrow_mut().bytes.extend_from_slice(bytes);
            if let Some(count) = count.as_mut() {
                *count = length as int32;
            }
        }
        kResultOk
    }

    unsafe fn seek(&self, by: int64, mode: int32, result: *mut int64) -> tresult {
        let contents = &mut *self.0.borrow_mut();
        let from = match mode {
            FROM_START => 0,
            FROM_HERE => contents.at,
            FROM_END => contents.bytes.len(),
            _ => return kInvalidArgument,
        };
        contents.at = usize::try_from((from as int64).saturating_add(by)).unwrap_or(0);
        // SAFETY: the framework has room for the answer, or wants none.
        if let Some(result) = unsafe { result.as_mut() } {
            *result = contents.at as int64;
        }
        kResultOk
    }

    unsafe fn tell(&self, at: *mut int64) -> tresult {
        // SAFETY: the framework has room for the answer.
        unsafe { at.write(self.0.borrow().at as int64) };
        kResultOk
    }
}

const FROM_START: int32 = IStreamSeekMode_::kIBSeekSet as int32;
const FROM_HERE: int32 = IStreamSeekMode_::kIBSeekCur as int32;
const FROM_END: int32 = IStreamSeekMode_::kIBSeekEnd as int32;

/// What is read or written at once.
const PART: usize = 64 << 10;
