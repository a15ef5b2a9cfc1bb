//! Messages as bytes on a stream, and back.

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

/// The largest message, without its length: some hundred times what is ever sent.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// Why bytes are no message. The stream cannot be read on: where the next one starts is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FrameError {
    /// A length beyond any message.
    #[error("a message of {length} bytes, more than the {MAX_MESSAGE} allowed")]
    TooLong {
        /// As announced.
        length: usize,
    },
    /// The bytes do not say a message of this kind.
    #[error("a message that cannot be read: {0}")]
    Unreadable(#[from] postcard::Error),
    /// A message was read, and more bytes follow inside its length.
    #[error("a message with {left} bytes too many")]
    TooMuch {
        /// Bytes after the message's end.
        left: usize,
    },
}

/// A message with its length before it, ready to be written.
pub fn encode<M: Serialize>(message: &M) -> Result<Vec<u8>, FrameError> {
    let bytes = postcard::to_extend(message, vec![0; LENGTH])?;
    seal(bytes)
}

/// The same for bytes that are no postcard: the greeting.
pub(crate) fn encode_raw(body: &[u8]) -> Result<Vec<u8>, FrameError> {
    let mut bytes = vec![0; LENGTH];
    bytes.extend(body);
    seal(bytes)
}

fn seal(mut bytes: Vec<u8>) -> Result<Vec<u8>, FrameError> {
    let length = bytes.len() - LENGTH;
    if length > MAX_MESSAGE {
        return Err(FrameError::TooLong { length });
    }
    bytes[..LENGTH].copy_from_slice(&(length as u32).to_le_bytes());
    Ok(bytes)
}

/// Cuts a stream of bytes into messages. Bytes may come in pieces of any size.
#[derive(Debug, Default)]
pub struct Deframer {
    bytes: Vec<u8>,
}

impl Deframer {
    /// Takes in what was read. Holds at most what was pushed since the last whole message.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// The next message, `None` while it is incomplete.
    pub fn next_message<M: DeserializeOwned>(&mut self) -> Result<Option<M>, FrameError> {
        let Some(body) = self.next_raw()? else {
            return Ok(None);
        };
        let (message, rest) = postcard::take_from_bytes(&body)?;
        match rest.len() {
            0 => Ok(Some(message)),
            left => Err(FrameError::TooMuch { left }),
        }
    }

    /// The next message's bytes, `None` while it is incomplete.
    pub(crate) fn next_raw(&mut self) -> Result<Option<Vec<u8>>, FrameError> {
        let Some(length) = self.bytes.first_chunk::<LENGTH>() else {
            return Ok(None);
        };
        let length = u32::from_le_bytes(*length) as usize;
        if length > MAX_MESSAGE {
            return Err(FrameError::TooLong { length });
        }
        if self.bytes.len() < LENGTH + length {
            return Ok(None);
        }
        let rest = self.bytes.split_off(LENGTH + length);
        let mut body = std::mem::replace(&mut self.bytes, rest);
        body.drain(..LENGTH);
        Ok(Some(body))
    }
}

const LENGTH: usize = 4;
