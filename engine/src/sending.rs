//! What we send is what the other end can take: its rate, its bits, and packets that it can use.
//!
//! A JackTrip ends the session when the rate or the bits of the first audio that it hears differ from its own. Farsend
//! does not mind: towards a JackTrip it adopts what the peer's header announces, and converts on its own side.
//!
//! ```text
//!   blocks ──▶ resampler (if the rates differ) ──▶ Packetizer
//! ```
//!
//! A JackTrip that waits for a call, or a hub for its client's, drops the very first datagram, whatever it is, and then sends. So a client
//! makes its *call* with one datagram, and waits with all others until it knows what comes from there: after
//! a second datagram of another rate the other would be gone.

use std::sync::Arc;
use std::time::Duration;

use arrayvec::ArrayVec;
use farsend_protocol::jacktrip::Packetizer;
use farsend_stream::{Kernel, Kernels, Resampler};
use farsend_units::{Channels, Frames, MonoTime, SampleRate};
use farsend_wire::SampleFormat;
use farsend_wire::jacktrip::{Format, Header, HeaderKind, Stamp, rate_code};

use crate::settings::MAX_CHANNELS;

/// What a stream is on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wire {
    /// Frames a second.
    pub rate: SampleRate,
    /// Frames in each packet.
    pub period: Frames,
    /// How samples are written.
    pub samples: SampleFormat,
}

/// What a peer is sent where that is not what we have, or where it plays at another rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adopted {
    /// Whether the peer is a Farsend.
    pub farsend: bool,
    /// What it plays and sends.
    pub theirs: Wire,
    /// What we play, and would send.
    pub own: Wire,
    /// What it is sent.
    pub sent: Wire,
}

/// The way of our blocks to the packetizer. Audio thread, but for `new`.
#[derive(Debug)]
pub struct Sending {
    /// Our own, and what the peer gets.
    own: Wire,
    wire: Wire,
    resampler: Resampler,
    kernels: Arc<Kernels>,
    /// What comes out of it: `OUT` frames a channel.
    out: Box<[f32]>,
    /// Before this time no call is made.
    call_at: MonoTime,
}

impl Sending {
    /// Blocks leave as they come, until [`begin`](Self::begin) asks for one of the rates that there are `kernels` for.
    /// Allocates.
    pub fn new(own: Wire, channels: Channels, kernels: &Arc<Kernels>) -> Self {
        let channels = channels.get().min(MAX_CHANNELS);
        let even = kernels.get(own.rate, own.rate).cloned();
        let kernel = even.unwrap_or_else(|| Kernel::new(own.rate, own.rate));
        Self {
            own,
            wire: own,
            resampler: Resampler::with_kernel(channels, kernel, IN),
            kernels: Arc::clone(kernels),
            out: vec![0.0; channels * OUT].into(),
            call_at: MonoTime::default(),
        }
    }

    /// What to send to a peer of this format. `its_samples`: a Farsend's are taken over.
    ///
    /// Another Farsend plays anything, so it gets what we have. A JackTrip gets its own rate and bits, in packets as
    /// long as its own unless ours go into them (or it into ours) at the same rate, which every JackTrip can play.
    pub fn choose(&self, peer: Format, farsend: bool, its_samples: bool) -> Wire {
        if farsend {
            let samples = if its_samples {
                peer.samples
            } else {
                self.own.samples
            };
            return Wire {
                samples,
                ..self.own
            };
        }
        let (a, b) = (self.own.period.0.max(1), peer.period.0.max(1));
        // The header says nominal rates; ours may be a hertz beside one.
        let same_rate = rate_code(peer.rate) == rate_code(self.own.rate)
            || self.kernels.get(self.own.rate, peer.rate).is_none();
        let fits = same_rate && (a % b == 0 || b % a == 0);
        Wire {
            rate: if same_rate { self.own.rate } else { peer.rate },
            period: if fits { self.own.period } else { peer.period },
            samples: peer.samples,
        }
    }

    /// The packetizer sends this, as it was [chosen](Self::choose), from now on.
    pub fn begin(&mut self, wire: Wire) {
        if let Some(kernel) = self.kernels.get(self.own.rate, wire.rate)
            && wire.rate != self.wire.rate
        {
            // Not the last of its kind: `kernels` has it, too.
            drop(self.resampler.set_kernel(kernel.clone()));
            self.resampler.reset();
        }
        self.wire = wire;
    }

    /// What the peer gets.
    pub fn wire(&self) -> Wire {
        self.wire
    }

    /// What is worth telling of that, if a peer of this format gets it.
    pub fn adopted(&self, peer: Format, farsend: bool) -> Option<Adopted> {
        let other_rate = rate_code(peer.rate) != rate_code(self.own.rate);
        (self.wire != self.own || other_rate).then_some(Adopted {
            farsend,
            theirs: Wire {
                rate: peer.rate,
                period: peer.period,
                samples: peer.samples,
            },
            own: self.own,
            sent: self.wire,
        })
    }

    /// Whether blocks leave as they are, frame by frame.
    pub fn is_even(&self) -> bool {
        self.wire.rate == self.own.rate
    }

    /// Whether this block becomes whole packets, with nothing of what came before it in them.
    pub fn is_whole(&self, packetizer: &Packetizer, block: &[&[f32]]) -> bool {
        let frames = block.first().map_or(0, |channel| channel.len());
        self.wire.rate == self.own.rate
            && packetizer.pending() == Frames::ZERO
            && frames.is_multiple_of(packetizer.config().period.get().max(1))
    }

    /// Hands a block (planar) on as the frames that it makes on the wire, in one or more blocks.
    pub fn pass(&mut self, block: &[&[f32]], on: &mut dyn FnMut(&[&[f32]])) {
        if self.wire.rate == self.own.rate {
            return on(block);
        }
        let frames = block.iter().map(|channel| channel.len()).max().unwrap_or(0);
        let step = self.resampler.nominal_step();
        for begin in (0..frames).step_by(IN) {
            let count = (frames - begin).min(IN);
            self.resampler.push(count, |lines| {
                for (i, line) in lines.iter_mut().enumerate() {
                    let channel = block.get(i).and_then(|channel| channel.get(begin..));
                    let given = channel.unwrap_or_default();
                    let given = &given[..given.len().min(count)];
                    line[..given.len()].copy_from_slice(given);
                    line[given.len()..].fill(0.0);
                }
            });
            // At most ten frames for each that came, and some that were left.
            loop {
                let ready = self.resampler.ready(step).min(OUT);
                if ready == 0 {
                    break;
                }
                let lines = self.out.chunks_exact_mut(OUT);
                let mut lines: ArrayVec<&mut [f32], MAX_CHANNELS> =
                    lines.map(|line| &mut line[..ready]).collect();
                self.resampler.bend(step, step, &mut lines);
                let lines: ArrayVec<&[f32], MAX_CHANNELS> =
                    lines.iter().map(|line| &**line).collect();
                on(&lines);
            }
        }
    }

    /// How many datagrams may call now: one or none.
    pub fn calls_due(&self, now: MonoTime) -> usize {
        usize::from(now >= self.call_at)
    }

    /// Somebody else is to be called, without delay.
    pub fn call_at_once(&mut self) {
        self.call_at = MonoTime::default();
    }

    /// A call was made.
    pub fn note_called(&mut self, now: MonoTime) {
        self.call_at = now + CALL_EVERY;
    }

    /// Nothing listened when we called: nothing has begun there, and it may be called again soon.
    pub fn note_refused(&mut self, now: MonoTime) {
        self.call_at = self.call_at.min(now + CALL_AGAIN);
    }
}

/// What the first header of a datagram says with its time stamp.
pub fn stamp_of(kind: HeaderKind, datagram: &[u8]) -> Stamp {
    match Header::parse(datagram) {
        Ok(header) if kind == HeaderKind::Default => Stamp::parse(header.time_stamp),
        _ => Stamp::default(),
    }
}

/// Frames that go into the resampler at once, and that come out.
const IN: usize = 256;
const OUT: usize = 256;

/// A JackTrip answers a call within some hundredths of a second and the way there and back; a call
/// that comes after its answer has left is taken for audio.
const CALL_EVERY: Duration = Duration::from_secs(1);
const CALL_AGAIN: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::kernels;

    const OWN: Wire = Wire {
        rate: SampleRate::HZ_48000,
        period: Frames(128),
        samples: SampleFormat::I16,
    };

    fn sending() -> Sending {
        Sending::new(OWN, Channels(2), &kernels(OWN.rate))
    }

    fn format(rate: u32, period: u32, samples: SampleFormat) -> Format {
        Format {
            rate: SampleRate(rate),
            period: Frames(period),
            channels: Channels(2),
            wants: Channels(2),
            samples,
        }
    }

    #[test]
    fn a_jacktrip_gets_its_own_rate_and_bits_and_packets_that_fit() {
        let sending = sending();
        for (rate, period, sent) in [
            (48_000, 128, 128),
            (48_000, 64, 128),
            (48_000, 512, 128),
            (48_000, 96, 96),
            (44_100, 64, 64),
            (96_000, 256, 256),
        ] {
            let wire = sending.choose(format(rate, period, SampleFormat::I24), false, false);
            let expected = Wire {
                rate: SampleRate(rate),
                period: Frames(sent),
                samples: SampleFormat::I24,
            };
            assert_eq!(wire, expected);
        }
    }

    #[test]
    fn a_farsend_gets_what_there_is() {
        let sending = sending();
        let peer = format(44_100, 96, SampleFormat::I24);
        assert_eq!(sending.choose(peer, true, false), OWN);
        let its = Wire {
            samples: SampleFormat::I24,
            ..OWN
        };
        assert_eq!(sending.choose(peer, true, true), its);
    }

    #[test]
    fn what_is_adopted_is_told_and_what_is_not_is_not() {
        let mut sending = sending();
        let mut adopted = |peer: Format, farsend| {
            let wire = sending.choose(peer, farsend, false);
            sending.begin(wire);
            sending.adopted(peer, farsend).map(|adopted| adopted.sent)
        };
        let i16 = SampleFormat::I16;
        assert_eq!(adopted(format(48_000, 64, i16), false), None);
        assert_eq!(adopted(format(48_000, 480, SampleFormat::I24), true), None);
        let other_rate = format(44_100, 128, i16);
        assert_eq!(adopted(other_rate, true), Some(OWN));
        let sent = Wire {
            rate: SampleRate::HZ_44100,
            ..OWN
        };
        assert_eq!(adopted(other_rate, false), Some(sent));
        let sent = Wire {
            samples: SampleFormat::I24,
            ..OWN
        };
        let bits = format(48_000, 128, SampleFormat::I24);
        assert_eq!(adopted(bits, false), Some(sent));
    }

    #[test]
    fn all_frames_come_out_at_the_other_rate() {
        for rate in [22_050, 44_100, 96_000, 192_000] {
            let mut sending = sending();
            sending.begin(Wire {
                rate: SampleRate(rate),
                ..OWN
            });
            let (mut frames, block) = (0, [0.5f32; 700]);
            for _ in 0..1000 {
                sending.pass(&[&block], &mut |block| {
                    assert_eq!(block.len(), 2);
                    frames += block[0].len();
                });
            }
            let expected = 700_000.0 * f64::from(rate) / 48_000.0;
            assert!((frames as f64 - expected).abs() < 200.0, "{rate}: {frames}");
        }
    }

    #[test]
    fn a_call_is_repeated_after_a_second_or_soon_after_it_was_refused() {
        let mut sending = sending();
        let ms = |ms: u64| MonoTime::from_nanos(ms * 1_000_000);
        assert_eq!(sending.calls_due(ms(10)), 1);
        sending.note_called(ms(10));
        assert_eq!(sending.calls_due(ms(900)), 0);
        assert_eq!(sending.calls_due(ms(1010)), 1);
        sending.note_called(ms(1010));
        sending.note_refused(ms(1011));
        assert_eq!(sending.calls_due(ms(1100)), 0);
        assert_eq!(sending.calls_due(ms(1111)), 1);
    }
}
