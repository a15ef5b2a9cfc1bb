//! Systems that this is not written for yet, such as Windows: everything says so.

use std::convert::Infallible;
use std::io;
use std::ptr::NonNull;

use super::MemoryError;

/// What a process hands to another.
#[derive(Debug)]
pub(crate) struct Handle(Infallible);

impl Handle {
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        match self.0 {}
    }
}

#[derive(Debug)]
pub(crate) struct Memory(Infallible);

impl Memory {
    pub(crate) fn create(_length: usize) -> io::Result<(Self, Handle)> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn open(handle: &Handle, _most: usize) -> Result<Self, MemoryError> {
        match handle.0 {}
    }

    pub(crate) fn base(&self) -> NonNull<u8> {
        match self.0 {}
    }

    pub(crate) fn length(&self) -> usize {
        match self.0 {}
    }

    pub(crate) fn settle(&self) {
        match self.0 {}
    }
}

#[derive(Debug)]
pub(crate) struct Bell(Infallible);

impl Bell {
    pub(crate) fn create() -> io::Result<(Self, Handle)> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn open(handle: Handle) -> io::Result<Self> {
        match handle.0 {}
    }

    pub(crate) fn ring(&self) {
        match self.0 {}
    }

    pub(crate) fn hush(&self) {
        match self.0 {}
    }
}
