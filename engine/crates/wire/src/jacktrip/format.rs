//! What a stream is made of, and the header's codes for it.

use farsend_units::{Channels, Frames, SampleRate};

use crate::SampleFormat;

/// What the sender of a stream announces: enough to cut and decode its datagrams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Format {
    /// The sampling rate.
    pub rate: SampleRate,
    /// Frames in a packet.
    pub period: Frames,
    /// Channels in a packet, which is what the sender sends.
    pub channels: Channels,
    /// Channels that the sender wants back.
    pub wants: Channels,
    /// How each sample is written.
    pub samples: SampleFormat,
}

impl Format {
    /// Bytes of the samples of one packet.
    pub const fn samples_len(&self) -> usize {
        self.period.get() * self.channels.get() * self.samples.bytes()
    }
}

/// The header's code for `rate`: that of the nominal rate less than 100 Hz away, or 7 at 192 kHz.
///
/// 7 is "undefined"; JackTrip sends it at 192 kHz since it compares with 19200 by mistake, and another
/// JackTrip would refuse the 6 that was meant. None for rates that the header cannot say.
pub fn rate_code(rate: SampleRate) -> Option<u8> {
    let near = |nominal: SampleRate| rate.0.abs_diff(nominal.0) < 100;
    if near(SampleRate::HZ_192000) {
        return Some(UNDEFINED_RATE);
    }
    let code = RATES.iter().position(|&nominal| near(nominal))?;
    u8::try_from(code).ok()
}

/// The rate that a header's code stands for; 6 and 7 are both taken for 192 kHz.
pub(super) fn rate_of_code(code: u8) -> Option<SampleRate> {
    match code {
        UNDEFINED_RATE => Some(SampleRate::HZ_192000),
        _ => RATES.get(usize::from(code)).copied(),
    }
}

/// The header's two channel bytes, `in` and `out`, for one who receives `incoming` channels and sends
/// `outgoing`.
///
/// `out` is 0 where both are the same, as 1.3 and older need it, and 255 for none at all. A hub of
/// JackTrip 2.7.2 hangs on a 255, so send one silent channel instead.
pub fn channel_bytes(incoming: Channels, outgoing: Channels) -> (u8, u8) {
    let out = match outgoing.0 {
        0 => NONE,
        same if same == incoming.0 => 0,
        other => other,
    };
    (incoming.0, out)
}

/// `out` of a sender that sends no audio.
pub(super) const NONE: u8 = 255;

const UNDEFINED_RATE: u8 = 7;

/// All rates that a header can say, by code.
pub const RATES: [SampleRate; 7] = [
    SampleRate::HZ_22050,
    SampleRate::HZ_32000,
    SampleRate::HZ_44100,
    SampleRate::HZ_48000,
    SampleRate::HZ_88200,
    SampleRate::HZ_96000,
    SampleRate::HZ_192000,
];
