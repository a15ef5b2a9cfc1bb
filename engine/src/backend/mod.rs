//! Who paces the audio thread, and where its audio comes from and goes to.
//!
//! Each backend owns the thread (or the callback) that runs a [`Paced`] (of a session [`crate::audio::AudioPath`]), and gives it
//! back when it is stopped, so that the control thread can say goodbye with it.

use farsend_units::Frames;

mod convert;
pub mod file;
pub mod jack;
pub mod link;
pub mod timer;
pub mod wav;

pub use wav::WavError;

/// What plays as it captures, one period after the other. Audio thread: no method may allocate, lock or wait.
pub trait Paced: Send {
    /// Right before the next period so many frames were neither captured nor played: the sound server missed cycles.
    fn miss(&mut self, frames: Frames);

    /// One period: `inputs` was captured, `outputs` is to be filled. Planar, all of one length.
    fn period(&mut self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]);

    /// A sound that goes out with a period comes in again so many frames later than the line of periods says, when somebody hears it and plays along: what the
    /// converters take, as far as the sound server knows.
    fn set_converters(&mut self, _: Frames) {}

    /// The audio clock stood still (a JACK server went and came back).
    fn resume(&mut self);
}

/// The most frames that are made up for when they were missed: a tenth of a second at 48 kHz.
pub const MOST_MISSED: Frames = Frames(4800);

/// Of a thread that plays: above everything but the sound card's own.
pub(crate) const AUDIO_PRIORITY: u8 = 70;
