//! The audio thread's end of the link to the engine.
//!
//! The supervisor makes an end of a segment and puts it into a mailbox; the audio thread takes it from
//! there at its next block and uses it until another one comes. With none, or with an engine that does
//! not answer, there is silence. Nothing here allocates, locks or waits.

use farsend_ipc::segment::{Exchanged, PluginEnd, Transport};
use farsend_rt::{MailboxReader, MailboxSender, mailbox};
use farsend_units::SampleRate;

use crate::delays::{DelayReader, DelaySender, delays};
use crate::ping::{ShotReader, ShotSender, shots};

/// Both halves: the supervisor's and the audio thread's.
pub fn link() -> (LinkSender, Link) {
    let (sender, reader) = mailbox();
    let (pings, pinged) = shots();
    let (delays, delayed) = delays();
    (
        LinkSender {
            sender,
            pings,
            delays,
        },
        Link {
            wire: Wire { reader, rate: None },
            pings: pinged,
            delays: delayed,
        },
    )
}

/// The supervisor's half.
#[derive(Debug)]
pub struct LinkSender {
    sender: MailboxSender<Option<PluginEnd>>,
    /// Pings on their way through the audio thread.
    pub pings: ShotSender,
    /// What makes the delay that the host is told of true.
    pub delays: DelaySender,
}

impl LinkSender {
    /// Gives the audio thread another end, or none. What it used before is dropped here, at once or
    /// by a later call.
    pub fn install(&mut self, end: Option<PluginEnd>) {
        drop(self.sender.install(Box::new(end)));
    }

    /// Drops what the audio thread has given back.
    pub fn collect(&mut self) {
        drop(self.sender.collect());
        self.delays.collect();
    }
}

/// The audio thread's half.
#[derive(Debug)]
pub struct Link {
    /// To the engine.
    pub wire: Wire,
    /// The ping that is under way.
    pub pings: ShotReader,
    /// What makes the delay that the host is told of true.
    pub delays: DelayReader,
}

/// The way to the engine.
#[derive(Debug)]
pub struct Wire {
    reader: MailboxReader<Option<PluginEnd>>,
    /// The host's, once it has said so.
    rate: Option<SampleRate>,
}

impl Wire {
    /// The host's blocks are of this rate from now on.
    ///
    /// An end of another rate is of the session before, until the supervisor has opened the next: there the host stands,
    /// is silent and hears nothing.
    pub fn set_rate(&mut self, rate: SampleRate) {
        self.rate = Some(rate);
    }

    /// What the host says of its timeline at the beginning of the next block. Wait-free.
    pub fn set_transport(&mut self, transport: Transport) {
        let rate = self.rate;
        if let Some(Some(end)) = self.reader.newest() {
            end.set_transport(if is_of(end, rate) {
                transport
            } else {
                Transport::default()
            });
        }
    }

    /// One block: sends `inputs` and fills `outputs` with the far end, both planar and of one length.
    ///
    /// An input that is missing is sent as silence. Wait-free.
    pub fn exchange(&mut self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) -> Exchanged {
        let rate = self.rate;
        match self.reader.newest() {
            Some(Some(end)) if is_of(end, rate) => end.exchange(inputs, outputs),
            Some(Some(end)) => {
                let _ = end.exchange(&[], outputs);
                outputs.iter_mut().for_each(|channel| channel.fill(0.0));
                Exchanged::Dry
            }
            _ => {
                outputs.iter_mut().for_each(|channel| channel.fill(0.0));
                Exchanged::Dry
            }
        }
    }
}

/// Whether a host of this rate may use this end.
fn is_of(end: &PluginEnd, rate: Option<SampleRate>) -> bool {
    rate.is_none_or(|rate| rate == end.config().rate)
}
