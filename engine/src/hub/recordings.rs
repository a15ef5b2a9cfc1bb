//! Recordings one after the other: begun and ended while the hub plays, each a take of its own, in a folder of its own.
//!
//! ```text
//!   start ──▶ coming ── its files are open ──▶ under way ── stop ──▶ ending ── the disk has all ──▶ told of, gone
//! ```
//! The tape is put together here, with a pen for each who plays already, so that all files begin with the first period that
//! the audio thread has it. Nobody waits for a disk: what is left of a take is written by its own thread.

use std::collections::VecDeque;
use std::path::PathBuf;

use farsend_ipc::hub::RecordingStatus;
use rtrb::Consumer;
use thiserror::Error;

use super::floor::Order;
use super::recording::Recording;
use super::report::HubReporter;
use super::roster::{Entry, Roster};
use super::{HubSettings, RecordSettings};
use crate::record::{Depth, RecordError, Tape};

/// All of a hub's recordings. Control thread.
#[derive(Debug)]
pub(super) struct Recordings {
    /// Where the next one goes, and how, unless something else is wished.
    usual: Option<RecordSettings>,
    current: Option<Recording>,
    /// The tape of `current`, until its files are open.
    coming: Option<Tape>,
    ending: Vec<Recording>,
    /// Tapes that the audio thread is done with.
    tapes: Consumer<Tape>,
}

/// Why a recording is not begun or ended.
#[derive(Debug, Error)]
pub(super) enum NoRecording {
    /// There is one.
    #[error("everything is recorded already: end that first with `farsend hub record stop`")]
    UnderWay,
    /// There is none.
    #[error("nothing is being recorded")]
    None,
    /// Nobody has said where.
    #[error("where to? farsend hub record start DIR")]
    NoFolder,
    /// The disk is behind.
    #[error("the disk still writes what was recorded before: try again in a moment")]
    Behind,
    /// There can be none.
    #[error("{0}")]
    Unable(#[from] RecordError),
}

impl Recordings {
    /// With the first recording, if the settings wish for one. `tapes` is where the audio thread gives them back.
    ///
    /// # Errors
    /// [`RecordError`].
    pub(super) fn open(settings: &HubSettings, tapes: Consumer<Tape>) -> Result<Self, RecordError> {
        let usual = settings.record.clone();
        let first = usual
            .as_ref()
            .map(|record| Recording::open(settings, record));
        let (current, coming) = first.transpose()?.unzip();
        Ok(Self {
            usual,
            current,
            coming,
            ending: Vec::new(),
            tapes,
        })
    }

    /// Opens the files of a recording that was wished for from the beginning, and tells of it.
    pub(super) fn begin(&mut self, reporter: &mut HubReporter) {
        if let (Some(takes), Some(tape)) = (&mut self.current, &mut self.coming) {
            takes.begin(reporter, |slot, pen| tape.put(slot, pen));
        }
    }

    /// Begins another take of all who are here: in this folder, so many bits; or as the one before. Says what is done.
    ///
    /// # Errors
    /// [`NoRecording`]; then nothing has changed.
    pub(super) fn start(
        &mut self,
        settings: &HubSettings,
        folder: Option<PathBuf>,
        depth: Option<Depth>,
        roster: &Roster,
        (reporter, pending): (&mut HubReporter, &mut VecDeque<Order>),
    ) -> Result<String, NoRecording> {
        if self.current.as_ref().is_some_and(|one| !one.is_stopped()) {
            return Err(NoRecording::UnderWay);
        }
        if self.ending.len() >= MOST_ENDING {
            return Err(NoRecording::Behind);
        }
        let usual = self.usual.as_ref();
        let record = RecordSettings {
            folder: folder
                .or_else(|| Some(usual?.folder.clone()))
                .ok_or(NoRecording::NoFolder)?,
            depth: depth.or_else(|| Some(usual?.depth)).unwrap_or(Depth::Int24),
        };
        let (mut takes, mut tape) = Recording::open(settings, &record)?;
        // One that a full disk has ended.
        _ = self.stop(pending);
        takes.begin(reporter, |slot, pen| tape.put(slot, pen));
        for (place, entry) in roster.iter() {
            takes.admit(place, entry, reporter, |slot, pen| tape.put(slot, pen));
        }
        let text = format!("records to {} from now on", takes.folder().display());
        self.usual = Some(record);
        (self.current, self.coming) = (Some(takes), Some(tape));
        Ok(text)
    }

    /// Ends the take. Its files are complete a little later, which is told then.
    ///
    /// # Errors
    /// [`NoRecording::None`].
    pub(super) fn stop(&mut self, pending: &mut VecDeque<Order>) -> Result<String, NoRecording> {
        let takes = self.current.take().ok_or(NoRecording::None)?;
        match self.coming.take() {
            Some(tape) => tape.finish(),
            None => pending.push_back(Order::Tape(None)),
        }
        let text = format!("the recording ends: it is in {}", takes.folder().display());
        self.ending.push(takes);
        Ok(text)
    }

    /// Somebody takes a place.
    pub(super) fn admit(
        &mut self,
        place: u16,
        entry: &Entry,
        reporter: &mut HubReporter,
        pending: &mut VecDeque<Order>,
    ) {
        let Some(takes) = &mut self.current else {
            return;
        };
        let coming = &mut self.coming;
        takes.admit(place, entry, reporter, |slot, pen| match coming {
            Some(tape) => tape.put(slot, pen),
            None => pending.push_back(Order::Record(slot, pen)),
        });
    }

    /// The player in this place has left, and may come back.
    pub(super) fn leave(&mut self, place: u16) {
        if let Some(tape) = &mut self.coming {
            tape.lift(usize::from(place));
        }
        if let Some(takes) = &mut self.current {
            takes.leave(place);
        }
    }

    /// Hands a tape over that is ready, and sees to those that come back. Never waits for a disk.
    pub(super) fn attend(&mut self, reporter: &mut HubReporter, pending: &mut VecDeque<Order>) {
        while let Ok(tape) = self.tapes.pop() {
            tape.finish();
        }
        if let Some(takes) = &mut self.current {
            if takes.is_ready()
                && let Some(tape) = self.coming.take()
            {
                pending.push_back(Order::Tape(Some(tape)));
            }
            takes.attend(reporter);
        }
        for over in self.ending.extract_if(.., |takes| takes.is_over()) {
            over.finish(reporter);
        }
    }

    /// How the one goes that is under way.
    pub(super) fn status(&self) -> Option<RecordingStatus> {
        self.current.as_ref().map(Recording::status)
    }

    /// Completes all, when the audio thread has ended and nothing is on its way to it. Blocks until the disk has it.
    pub(super) fn close(mut self, reporter: &mut HubReporter) {
        while let Ok(tape) = self.tapes.pop() {
            tape.finish();
        }
        if let Some(tape) = self.coming {
            tape.finish();
        }
        for takes in self.ending.into_iter().chain(self.current) {
            takes.finish(reporter);
        }
    }
}

/// Takes that may be on their way to the disk when another begins: each may hold 256 MiB.
const MOST_ENDING: usize = 2;
/// Tapes that may be on their way back.
pub(super) const TAPES: usize = 2 * MOST_ENDING + 2;

#[cfg(test)]
mod tests;
