//! An insert, and a segment behind it whose other end is the test's.

use farsend_ipc::segment::{EngineEnd, PluginEnd, SegmentConfig};
use farsend_plugin::insert::Insert;
use farsend_plugin::link::{LinkSender, link};
use farsend_units::{Channels, Frames, SampleRate};

/// An insert of so many channels for blocks of so many frames, and its link, which leads nowhere yet.
pub(crate) fn insert(channels: u8, frames: usize) -> (Insert, LinkSender) {
    let (sender, link) = link();
    let mut insert = Insert::new(link);
    insert.prepare(channels.into(), frames, RATE.0 as f32);
    (insert, sender)
}

/// Gives the link a segment with so many channels to the far end and from there, and gives the engine's end of it.
pub(crate) fn connect(sender: &mut LinkSender, [send, receive]: [u8; 2]) -> EngineEnd {
    let config = SegmentConfig {
        send: Channels(send),
        receive: Channels(receive),
        rate: RATE,
        capacity: Frames(8192),
    };
    let (engine, handle) = EngineEnd::create(config).expect("there is shared memory");
    sender.install(Some(PluginEnd::open(handle).expect("it was just made")));
    engine
}

const RATE: SampleRate = SampleRate::HZ_48000;
