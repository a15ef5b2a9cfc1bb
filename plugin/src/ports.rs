//! What of the ports that a host passes with a block is as agreed, for the guards of both formats.
//!
//! The framework plays a block whole or not at all: every output has to have all of its channels, each with memory of its own. Hosts
//! are not that strict with the outputs behind the first, where nobody may listen: Qtractor passes none of them with a CLAP,
//! Ardour the same memory for all that are not connected, and others none for those that are switched off. What is played there goes to [`Spare`] memory.

use std::cell::UnsafeCell;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

use arrayvec::ArrayVec;

/// More than the plugin has in one direction.
pub(crate) const MOST_PORTS: usize = 16;

/// The ports of one direction, as they were when the plugin was activated.
#[derive(Debug, Default)]
pub(crate) struct Ports {
    count: AtomicU32,
    channels: [AtomicU32; MOST_PORTS],
    spare: OnceLock<Spare>,
}

/// One port of a block as the framework is to have it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fitted {
    /// One for each channel; null: the port is not there.
    pub(crate) channels: *mut *mut f32,
    /// How many.
    pub(crate) count: usize,
    /// Whether it is the host's memory.
    pub(crate) is_hosts: bool,
}

/// The ports of one direction of a block.
pub(crate) type AllFitted = ArrayVec<Fitted, MOST_PORTS>;

impl Ports {
    /// These are agreed from now on, with so many channels each. On the main thread; allocates.
    pub(crate) fn agree(&self, channels: impl IntoIterator<Item = usize>) {
        let mut count = 0;
        for (agreed, place) in channels.into_iter().zip(&self.channels) {
            place.store(agreed as u32, Relaxed);
            count += 1;
        }
        self.count.store(count, Relaxed);
    }

    /// The same for outputs; there is [`Spare`] memory for those behind the first afterwards, unless there are more than the first time.
    pub(crate) fn agree_outputs(&self, channels: impl IntoIterator<Item = usize>) {
        self.agree(channels);
        if self.count.load(Relaxed) > 1 {
            self.spare.get_or_init(|| Spare::new(self.agreed().skip(1)));
        }
    }

    /// The channels of each port.
    pub(crate) fn agreed(&self) -> impl Iterator<Item = usize> {
        let ports = self.count.load(Relaxed) as usize;
        let channels = self.channels.iter().take(ports);
        channels.map(|channels| channels.load(Relaxed) as usize)
    }

    /// The inputs of a block, as far as they go; the framework takes what is missing for silent.
    pub(crate) fn inputs<'a>(&self, given: impl Fn(usize) -> &'a [*mut f32]) -> AllFitted {
        let ports = self.agreed().enumerate();
        ports
            .map(|(port, agreed)| Fitted::of_host(given(port), agreed))
            .collect()
    }

    /// The outputs of a block of so many frames; `None` if it cannot be played, since the first is not as agreed.
    ///
    /// Whoever calls has the turn: nobody else may write to what is given before that is over.
    pub(crate) fn outputs<'a>(
        &self,
        frames: usize,
        given: impl Fn(usize) -> &'a [*mut f32],
    ) -> Option<AllFitted> {
        let mut fitted = AllFitted::new();
        for (port, agreed) in self.agreed().enumerate() {
            let hosts = Fitted::of_host(given(port), agreed);
            let before = (0..port).zip(self.agreed());
            let before = before.map(|(port, agreed)| first(given(port), agreed));
            let is_whole = hosts.count == agreed;
            let fit = if is_whole && (port == 0 || is_apart(first(given(port), agreed), before)) {
                hosts
            } else {
                let spare = self.spare.get().filter(|_| port > 0)?;
                spare.port(port - 1, agreed, frames)?
            };
            fitted.push(fit);
        }
        Some(fitted)
    }
}

impl Fitted {
    const MISSING: Fitted = Fitted {
        channels: ptr::null_mut(),
        count: 0,
        is_hosts: false,
    };

    /// What the host gives of so many channels, up to the first without memory.
    fn of_host(given: &[*mut f32], agreed: usize) -> Fitted {
        let there = given.iter().take_while(|channel| !channel.is_null());
        match there.take(agreed).count() {
            0 => Self::MISSING,
            count => Fitted {
                channels: given.as_ptr().cast_mut(),
                count,
                is_hosts: true,
            },
        }
    }
}

fn first(given: &[*mut f32], most: usize) -> &[*mut f32] {
    &given[..given.len().min(most)]
}

/// Whether each of these channels has memory of its own, that of no other, nor of any `before` them.
fn is_apart<'a>(channels: &[*mut f32], mut before: impl Iterator<Item = &'a [*mut f32]>) -> bool {
    let is_double = |(at, channel): (usize, &*mut f32)| channels[..at].contains(channel);
    !channels.iter().enumerate().any(is_double)
        && !before.any(|others| others.iter().any(|other| channels.contains(other)))
}

/// Memory for what is played at outputs that the host has none for, or the same for several. Who may write there is said at
/// [`Ports::outputs`].
#[derive(Debug)]
struct Spare {
    /// Of each port the channels' memory.
    ports: Vec<Vec<*mut f32>>,
    /// All of it; held for what points to it.
    _samples: Vec<UnsafeCell<f32>>,
}

impl Spare {
    /// For ports of so many channels.
    fn new(ports: impl Iterator<Item = usize>) -> Spare {
        let ports: Vec<usize> = ports.collect();
        let total: usize = ports.iter().sum();
        let samples: Vec<UnsafeCell<f32>> = (0..total * LONGEST).map(|_| 0.0.into()).collect();
        let mut starts = samples.chunks_exact(LONGEST);
        let mut channel = || UnsafeCell::raw_get(starts.next().map_or(ptr::null(), <[_]>::as_ptr));
        Spare {
            ports: ports
                .iter()
                .map(|channels| (0..*channels).map(|_| channel()).collect())
                .collect(),
            _samples: samples,
        }
    }

    /// A port of so many channels, if there is such a one with room for that many frames.
    fn port(&self, port: usize, agreed: usize, frames: usize) -> Option<Fitted> {
        let channels = self.ports.get(port)?;
        (channels.len() == agreed && frames <= LONGEST).then(|| Fitted {
            channels: channels.as_ptr().cast_mut(),
            count: agreed,
            is_hosts: false,
        })
    }
}

/// A longer block is not played where outputs are missing.
const LONGEST: usize = 8192;
