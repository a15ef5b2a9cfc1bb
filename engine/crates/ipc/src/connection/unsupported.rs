//! Systems that this is not written for yet, such as Windows: everything says so.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::path::Path;

use super::Deadline;
use crate::sys::Handle;

/// Of a path.
pub(super) const MOST_PATH: usize = 255;

#[derive(Debug)]
pub(super) struct Stream(Infallible);

impl Stream {
    pub(super) fn connect(_path: &Path, _deadline: Deadline) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn read(
        &self,
        _bytes: &mut [u8],
        _handles: &mut VecDeque<Handle>,
        _deadline: Deadline,
    ) -> io::Result<usize> {
        match self.0 {}
    }

    pub(super) fn write(
        &self,
        _bytes: &[u8],
        _handles: &[&Handle],
        _deadline: Deadline,
    ) -> io::Result<usize> {
        match self.0 {}
    }
}

#[derive(Debug)]
pub(super) struct Listener(Infallible);

impl Listener {
    pub(super) fn bind(_path: &Path) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn accept(&self, _deadline: Deadline) -> io::Result<Option<Stream>> {
        match self.0 {}
    }
}
