//! Blocks of audio to datagrams.

use farsend_units::{Channels, Frames, SampleRate, SeqNum};
use farsend_wire::SampleFormat;
use farsend_wire::jacktrip::{
    CONTROL_LEN, Header, HeaderKind, MAX_DATAGRAM, MAX_PERIOD, MAX_REDUNDANCY, channel_bytes,
    rate_code,
};
use thiserror::Error;

/// What to send, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketizerConfig {
    /// The header in front of each packet.
    pub header: HeaderKind,
    /// The sampling rate of the blocks.
    pub rate: SampleRate,
    /// Frames in a packet, 1 to 8192.
    pub period: Frames,
    /// Channels to send, 1 to 254.
    pub send: Channels,
    /// Channels that the peer is asked to send.
    pub receive: Channels,
    /// How samples are written.
    pub samples: SampleFormat,
    /// Packets in a datagram, 1 to 64: 1 is no redundancy.
    pub redundancy: u8,
}

/// Cuts blocks of any size into periods, encodes them and hands out datagrams.
///
/// Samples are encoded right where they leave from. With blocks of one period a datagram leaves in the
/// same call as its last frame came in.
#[derive(Debug)]
pub struct Packetizer {
    config: PacketizerConfig,
    rate_code: u8,
    /// Applied when the next packet starts.
    next_samples: SampleFormat,
    /// The packets of a datagram, newest first: the newest is being filled.
    datagram: Box<[u8]>,
    /// Frames in the newest packet.
    filled: usize,
    number: u64,
}

impl Packetizer {
    /// Allocates for the largest datagram, so for the control thread.
    ///
    /// # Errors
    /// What the header or a UDP datagram cannot carry.
    pub fn new(config: PacketizerConfig) -> Result<Self, PacketizerError> {
        let rate_code = check(&config)?;
        Ok(Self {
            config,
            rate_code,
            next_samples: config.samples,
            datagram: vec![0; MAX_DATAGRAM].into(),
            filled: 0,
            number: 0,
        })
    }

    /// Takes a block, one slice a channel, and hands each datagram that it completes to `emit`.
    ///
    /// The longest slice is the length of the block, which may be any; shorter slices end in silence,
    /// missing channels are silent and surplus ones are not sent. `time_stamp_us` is microseconds since
    /// the Unix epoch; no known receiver uses it. Wait-free.
    pub fn push(&mut self, time_stamp_us: u64, block: &[&[f32]], emit: &mut dyn FnMut(&[u8])) {
        let frames = block.iter().map(|channel| channel.len()).max().unwrap_or(0);
        self.push_frames(time_stamp_us, block, frames, emit);
    }

    /// Sends blocks of another rate, in other packets, from here on, or other samples from the next packet on. Where rate or
    /// period change, frames of an unfinished packet are gone. Numbers go on, and the datagrams after the change do not
    /// repeat packets from before it. Wait-free.
    ///
    /// # Errors
    /// As [`new`](Self::new); nothing changes then.
    pub fn set_stream(
        &mut self,
        rate: SampleRate,
        period: Frames,
        samples: SampleFormat,
    ) -> Result<(), PacketizerError> {
        let config = PacketizerConfig {
            rate,
            period,
            samples,
            ..self.config
        };
        let rate_code = check(&config)?;
        if (rate, period) != (self.config.rate, self.config.period) {
            self.config = config;
            self.rate_code = rate_code;
            self.reset();
        }
        self.next_samples = samples;
        Ok(())
    }

    /// Forgets the frames of an unfinished packet, and what was sent: numbers go on, copies do not.
    pub fn reset(&mut self) {
        self.filled = 0;
        self.datagram.fill(0);
    }

    /// What is being sent now.
    pub const fn config(&self) -> &PacketizerConfig {
        &self.config
    }

    /// Bytes of each datagram.
    pub fn datagram_len(&self) -> usize {
        datagram_len(&self.config)
    }

    /// The number of the packet that is being filled.
    pub const fn seq(&self) -> SeqNum {
        SeqNum(self.number as u16)
    }

    /// The same, which does not wrap: how many packets there were.
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Frames that wait for the rest of their period.
    pub fn pending(&self) -> Frames {
        Frames(u32::try_from(self.filled).unwrap_or(0))
    }

    fn push_frames(
        &mut self,
        time_stamp_us: u64,
        block: &[&[f32]],
        frames: usize,
        emit: &mut dyn FnMut(&[u8]),
    ) {
        let period = self.config.period.get();
        let mut taken = 0;
        while taken < frames {
            if self.filled == 0 {
                self.begin_packet();
            }
            let count = (frames - taken).min(period - self.filled);
            self.encode(block, taken, count);
            taken += count;
            self.filled += count;
            if self.filled == period {
                self.finish_packet(time_stamp_us);
                emit(&self.datagram[..self.datagram_len()]);
            }
        }
    }

    /// Makes room for a packet in front of the older ones.
    fn begin_packet(&mut self) {
        if self.next_samples != self.config.samples {
            self.config.samples = self.next_samples;
            self.datagram.fill(0);
        }
        let (packet, all) = (packet_len(&self.config), self.datagram_len());
        self.datagram.copy_within(..all - packet, packet);
    }

    /// Writes `count` frames of `block` from `start` on behind the `filled` ones of each channel.
    fn encode(&mut self, block: &[&[f32]], start: usize, count: usize) {
        let PacketizerConfig {
            header,
            period,
            send,
            samples,
            ..
        } = self.config;
        let width = samples.bytes();
        let line = period.get() * width;
        let lines = self.datagram[header.len()..][..line * send.get()].chunks_exact_mut(line);
        for (i, line) in lines.enumerate() {
            let out = &mut line[self.filled * width..][..count * width];
            let channel = block.get(i).copied().unwrap_or_default();
            let given = channel.get(start..).unwrap_or_default();
            let given = &given[..given.len().min(count)];
            samples.encode(given, out);
            out[given.len() * width..].fill(0);
        }
    }

    fn finish_packet(&mut self, time_stamp: u64) {
        let PacketizerConfig {
            period,
            send,
            receive,
            samples,
            ..
        } = self.config;
        match self.config.header {
            HeaderKind::Default => {
                let (incoming, outgoing) = channel_bytes(receive, send);
                let header = Header {
                    time_stamp,
                    seq: self.seq(),
                    frames: u16::try_from(period.0).expect("at most MAX_PERIOD, checked by new"),
                    rate_code: self.rate_code,
                    bits: samples.bits(),
                    incoming,
                    outgoing,
                };
                header.write(&mut self.datagram);
            }
            // As JackTrip does it: the rest of the header is 0 in every packet.
            HeaderKind::JamLink => self.datagram[..8].copy_from_slice(&JAMLINK),
            HeaderKind::Empty => {}
        }
        self.number += 1;
        self.filled = 0;
    }
}

/// Whether all this can be sent; the code of the rate.
fn check(config: &PacketizerConfig) -> Result<u8, PacketizerError> {
    let PacketizerConfig {
        rate,
        period,
        send,
        receive,
        redundancy,
        ..
    } = *config;
    let rate_code = rate_code(rate).ok_or(PacketizerError::Rate(rate))?;
    if !(1..=u32::from(MAX_PERIOD)).contains(&period.0) {
        return Err(PacketizerError::Period(period));
    }
    if !(1..=254).contains(&send.0) || receive.0 == 255 {
        return Err(PacketizerError::Channels { send, receive });
    }
    if !(1..=MAX_REDUNDANCY).contains(&redundancy) {
        return Err(PacketizerError::Redundancy(redundancy));
    }
    let jamlink = (Channels(1), Frames(64), SampleRate::HZ_48000);
    if config.header == HeaderKind::JamLink && (send, period, rate) != jamlink {
        return Err(PacketizerError::JamLink { send, period, rate });
    }
    check_len(config)?;
    Ok(rate_code)
}

fn packet_len(config: &PacketizerConfig) -> usize {
    config.header.len() + config.period.get() * config.send.get() * config.samples.bytes()
}

fn datagram_len(config: &PacketizerConfig) -> usize {
    packet_len(config) * usize::from(config.redundancy)
}

fn check_len(config: &PacketizerConfig) -> Result<(), PacketizerError> {
    match datagram_len(config) {
        CONTROL_LEN => Err(PacketizerError::LooksLikeControl),
        bytes if bytes > MAX_DATAGRAM => Err(PacketizerError::TooLarge { bytes }),
        _ => Ok(()),
    }
}

/// Why audio cannot be sent like this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PacketizerError {
    /// More than UDP carries.
    #[error(
        "datagrams of {bytes} bytes, more than the {MAX_DATAGRAM} of UDP: \
         take fewer channels, bits or frames, or less redundancy"
    )]
    TooLarge {
        /// Bytes that a datagram would have.
        bytes: usize,
    },
    /// A length that every receiver takes for a control datagram.
    #[error("datagrams of {CONTROL_LEN} bytes, a length that JackTrip keeps for control")]
    LooksLikeControl,
    /// A rate that the header has no code for.
    #[error("{0}, a sampling rate that JackTrip's header cannot say")]
    Rate(SampleRate),
    /// No frames, or too many.
    #[error("a period of {0}, not 1 to {MAX_PERIOD}")]
    Period(Frames),
    /// Numbers of channels that the header cannot say.
    #[error("{send} to send and {receive} to receive, where 1 to 254 and 0 to 254 are possible")]
    Channels {
        /// To send.
        send: Channels,
        /// To receive.
        receive: Channels,
    },
    /// No packets in a datagram, or too many.
    #[error("a redundancy of {0}, not 1 to {MAX_REDUNDANCY}")]
    Redundancy(u8),
    /// Something that a JamLink header does not do.
    #[error("{send}, {period} and {rate}, where a JamLink has 1 channel, 64 frames and 48000 Hz")]
    JamLink {
        /// To send.
        send: Channels,
        /// Of a packet.
        period: Frames,
        /// Of the session.
        rate: SampleRate,
    },
}

/// Extended header, 48 kHz, 16 bit, mono, 64 frames; number 0, time 0.
const JAMLINK: [u8; 8] = [0x40, 0x40, 0, 0, 0, 0, 0, 0];
