//! What one insert does with a block: input to the far end, far end and input to the output.
//!
//! ```text
//!   block ──┬── send ─────────▶ link ──▶ far end
//!           │                              │
//!           └─ delay ─ dry ─▶ + ◀── return ┘
//!                             │
//!                             ▼ block
//! ```
//! While a [ping](crate::ping) is under way it is sent in place of the block, and what comes back is not heard.
//! Made on a control thread, used by the audio thread. Nothing of [`Insert::process`] allocates, locks
//! or waits (but while the host [renders](Insert::set_rendering)), and it takes time in proportion to the samples.

use arrayvec::ArrayVec;
use farsend_ipc::segment::Transport;
use farsend_units::SampleRate;

use crate::link::Link;
use crate::mix::{BlockGains, Gains, Mix};
use crate::playback::Player;

/// The most channels of a layout.
pub const MOST_CHANNELS: usize = 64;

/// One insert on a track.
#[derive(Debug)]
pub struct Insert {
    link: Link,
    mix: Mix,
    /// What goes to the far end, planar, `frames` a channel.
    sent: Vec<f32>,
    /// What comes from there, likewise.
    returned: Vec<f32>,
    channels: usize,
    /// Channels that come beside those.
    more: usize,
    frames: usize,
    /// What the host says of the next block.
    transport: Option<Transport>,
    /// What is heard in place of the far end while the host renders.
    player: Option<Player>,
    rendering: bool,
}

impl Insert {
    /// Ready for nothing yet: a block passes unchanged until [`prepare`](Self::prepare).
    pub fn new(link: Link) -> Self {
        let mix = Mix::new(48_000.0);
        Self {
            link,
            mix,
            sent: Vec::new(),
            returned: Vec::new(),
            channels: 0,
            more: 0,
            frames: 0,
            transport: None,
            player: None,
            rendering: false,
        }
    }

    /// The same with further channels that come, of outputs beside the track's own.
    pub fn with_more(link: Link, channels: usize) -> Self {
        Self {
            more: channels.min(MOST_CHANNELS),
            ..Self::new(link)
        }
    }

    /// Makes room for blocks of `frames`, and sets the pace of the gains; `rate` is in Hz. Longer
    /// blocks do no harm: they are taken in parts. Allocates.
    pub fn prepare(&mut self, channels: usize, frames: usize, rate: f32) {
        self.channels = channels.min(MOST_CHANNELS);
        self.frames = frames.clamp(SHORTEST, LONGEST);
        self.sent = vec![0.0; self.channels * self.frames];
        self.returned = vec![0.0; (self.channels + self.more) * self.frames];
        self.mix = Mix::new(rate);
        self.link.wire.set_rate(SampleRate(rate.round() as u32));
    }

    /// Starts anew, as after a pause: the next gains are there at once.
    pub fn reset(&mut self) {
        self.mix.reset();
        self.link.delays.reset();
    }

    /// How late what comes out is meant to be, for the host: frames. Takes up what is new; wait-free.
    pub fn latency(&mut self) -> u32 {
        self.link.delays.refresh()
    }

    /// What the host says of its timeline at the beginning of the next block.
    pub fn set_transport(&mut self, transport: Transport) {
        self.transport = Some(transport);
    }

    /// What is to be heard while the host renders.
    pub fn play_takes(&mut self, player: Player) {
        self.player = Some(player);
    }

    /// Whether the host renders: then nothing is exchanged with the far end, and its part is played by the
    /// [player](Self::play_takes), for which a block may wait.
    pub fn set_rendering(&mut self, rendering: bool) {
        if let Some(player) = self.player.as_mut().filter(|_| !rendering) {
            player.rest();
        }
        self.rendering = rendering;
    }

    /// One block of any length, in place and planar. Channels beyond those prepared for pass
    /// unchanged.
    pub fn process(&mut self, wanted: Gains, block: &mut [&mut [f32]]) {
        self.process_with(wanted, block, &mut |_, _, _| {});
    }

    /// The same; gives each part of what came in [further channels](Self::with_more) to `more`: the channel's number from 0, the part's
    /// first frame, its samples.
    pub fn process_with(
        &mut self,
        wanted: Gains,
        block: &mut [&mut [f32]],
        more: &mut dyn FnMut(usize, usize, &[f32]),
    ) {
        let length = block.iter().map(|channel| channel.len()).min().unwrap_or(0);
        let channels = block.len().min(self.channels);
        let transport = self.transport.take();
        if channels == 0 {
            return;
        }
        let mut done = 0;
        while done < length {
            let mut frames = (length - done).min(self.frames);
            let mut wanted = wanted;
            if let Some(shot) = self.link.pings.current() {
                frames = shot.part(frames);
                (wanted.send, wanted.returned) = (0.0, 0.0);
            }
            let gains = self.mix.next(wanted, frames);
            let transport = transport.map(|transport| transport.later(done));
            if let Some(transport) = transport.filter(|_| !self.rendering) {
                self.link.wire.set_transport(transport);
            }
            // What comes out now the host puts where it was that long before.
            let late = i64::from(self.latency());
            let place = transport.filter(|transport| transport.rolling);
            let place = place.and_then(|transport| transport.position?.checked_sub(late));
            let mut part: ArrayVec<&mut [f32], MOST_CHANNELS> = block[..channels]
                .iter_mut()
                .map(|c| &mut c[done..done + frames])
                .collect();
            self.part(gains, &mut part, frames, place, &mut |channel, samples| {
                more(channel, done, samples);
            });
            done += frames;
        }
    }

    /// One block that is no longer than was prepared for, and its place on the host's timeline.
    fn part(
        &mut self,
        gains: BlockGains,
        block: &mut [&mut [f32]],
        frames: usize,
        place: Option<i64>,
        more: &mut dyn FnMut(usize, &[f32]),
    ) {
        let is_quiet = gains.send.is_off() && gains.returned.is_off();
        let Link {
            wire,
            pings,
            delays,
        } = &mut self.link;
        let mut shot = pings.current().filter(|_| is_quiet);
        let probe = shot.as_deref().and_then(|shot| shot.sent(frames));
        let sent: ArrayVec<&[f32], MOST_CHANNELS> = if let Some(probe) = probe {
            block.iter().map(|_| probe).collect()
        } else if gains.send.is_off() {
            ArrayVec::new()
        } else if gains.send.is_level(1.0) {
            block.iter().map(|channel| &**channel).collect()
        } else {
            let room = self.sent.chunks_exact_mut(self.frames);
            block
                .iter()
                .zip(room)
                .map(|(channel, room)| {
                    gains.send.copy(channel, &mut room[..frames]);
                    &room[..frames]
                })
                .collect()
        };
        let room = self
            .returned
            .chunks_exact_mut(self.frames)
            .take((block.len() + self.more).min(MOST_CHANNELS));
        let mut returned: ArrayVec<&mut [f32], MOST_CHANNELS> =
            room.map(|room| &mut room[..frames]).collect();
        let player = self.player.as_mut().filter(|_| self.rendering);
        let rendering = player.is_some();
        match player {
            Some(player) => player.play(place, &mut returned),
            None => {
                // Whether it was dry, the segment counts.
                let _ = wire.exchange(&sent, &mut returned);
            }
        }
        drop(sent);
        if let Some(shot) = &mut shot {
            shot.listen(&returned, frames);
        }

        let [mut late, mut held] = delays.lines();
        for (index, (channel, returned)) in block.iter_mut().zip(&mut returned).enumerate() {
            if let Some(lines) = &mut late {
                lines.run(index, channel);
            }
            gains.dry.apply(channel);
            if let Some(lines) = held.as_mut().filter(|_| !rendering) {
                lines.run(index, returned);
            }
            gains.returned.add(returned, channel);
        }
        for (channel, returned) in returned.iter_mut().skip(block.len()).enumerate() {
            if let Some(lines) = held.as_mut().filter(|_| !rendering) {
                lines.run(block.len() + channel, returned);
            }
            gains.returned.apply(returned);
            more(channel, returned);
        }
    }
}

/// Below this a part is not worth a call to the engine.
const SHORTEST: usize = 64;

/// Above this a host only promises what it never does, and memory is dear.
const LONGEST: usize = 16_384;
