//! A JACK client: ports `send_N` and `receive_N`, paced by the server's cycle.
//!
//! What is paced (a session's audio path, say) sits in a cell that the process callback empties for the time of one cycle. When the server
//! goes away the path stays in its cell, and a new client is made as soon as a server is back.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use arrayvec::ArrayVec;
use crossbeam_utils::atomic::AtomicCell;
use farsend_units::{Channels, Frames, SampleRate};
use jack::{
    AsyncClient, AudioIn, AudioOut, Client, ClientOptions, ClientStatus, Control, LatencyType,
    Port, PortFlags, ProcessScope,
};
use thiserror::Error;

use super::{MOST_MISSED, Paced};
use crate::settings::MAX_CHANNELS;

/// Why there is no JACK client.
#[derive(Debug, Error)]
pub enum JackError {
    /// libjack is not installed.
    #[error(
        "libjack is not installed, so there is no JACK here: install JACK (Debian: jackd2) or PipeWire's JACK (pipewire-jack)"
    )]
    NoLibrary,
    /// No server runs under that name.
    #[error("no JACK server{} is running: start one (`jackd -d alsa`, QjackCtl, or PipeWire)", named(.server))]
    NoServer {
        /// What `JACK_DEFAULT_SERVER` says.
        server: Option<String>,
    },
    /// One is there and says nothing.
    #[error(
        "the JACK server{} does not answer: end it (`killall -9 jackd`, or as your desktop does it), and start it again", named(.server)
    )]
    Hangs {
        /// What `JACK_DEFAULT_SERVER` says.
        server: Option<String>,
    },
    /// The server is there and says no.
    #[error("the JACK server refuses the client \"{name}\": {why}")]
    Refused {
        /// The client name wanted.
        name: String,
        /// What the library said.
        why: String,
    },
}

fn named(server: &Option<String>) -> String {
    server
        .as_ref()
        .map_or_else(String::new, |name| format!(" named \"{name}\""))
}

/// What the control thread is told when it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JackEvent {
    /// The server ended; we wait for one.
    ServerGone,
    /// A server is back at the same rate, and so are our ports.
    ServerBack,
    /// The server is there and has no cycles any more: it hangs, or is stopped.
    ServerStands,
    /// It has cycles again.
    ServerGoesOn,
    /// A server is back at another rate: the session has to be made anew.
    RateChanged {
        /// The server's rate now.
        to: SampleRate,
    },
    /// The server's period is another one from now on.
    PeriodChanged {
        /// Frames a cycle.
        to: Frames,
    },
}

/// The JACK end of what is paced. Used by the control thread; the process callback belongs to libjack.
pub struct JackBackend<P: Paced + 'static> {
    name: String,
    connect: bool,
    send: Channels,
    receive: Channels,
    rate: SampleRate,
    period: Frames,
    path: Cell<P>,
    shared: Arc<Shared>,
    running: Option<AsyncClient<Notifications, Process<P>>>,
    retry_at: Instant,
    /// When the ports' latencies are looked at again.
    look_at: Instant,
    idle: Idle,
}

type Cell<P> = Arc<AtomicCell<Option<Box<P>>>>;

/// What the callbacks tell the control thread.
#[derive(Debug, Default)]
struct Shared {
    gone: AtomicBool,
    period: AtomicU64,
    cycles: AtomicU64,
    xruns: AtomicU64,
    /// Frames that sounds are under way outside of the server's cycles, out and in.
    converters: AtomicU64,
}

impl<P: Paced> std::fmt::Debug for JackBackend<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JackBackend")
            .field("name", &self.name)
            .field("rate", &self.rate)
            .field("period", &self.period)
            .finish_non_exhaustive()
    }
}

/// An open client that does not run yet: its server's rate and period are known.
#[derive(Debug)]
pub struct OpenClient {
    client: Client,
}

impl OpenClient {
    /// Opens a client of the server that `JACK_DEFAULT_SERVER` names. Never starts a server.
    ///
    /// # Errors
    /// [`JackError`], each with what to do about it.
    pub fn open(name: &str) -> Result<Self, JackError> {
        quiet_library();
        let called = name.to_owned();
        let open = move || Client::new(&called, ClientOptions::NO_START_SERVER);
        match within(OPENED_WITHIN, open) {
            Some(Ok((client, _))) => Ok(Self { client }),
            Some(Err(error)) => Err(explain(name, &error)),
            None => Err(JackError::Hangs {
                server: std::env::var("JACK_DEFAULT_SERVER").ok(),
            }),
        }
    }

    /// The server's rate.
    pub fn rate(&self) -> SampleRate {
        SampleRate(self.client.sample_rate())
    }

    /// The server's period now.
    pub fn period(&self) -> Frames {
        Frames(self.client.buffer_size())
    }

    /// The name that the server gave us: the one asked for, or with a number behind it.
    pub fn name(&self) -> &str {
        self.client.name()
    }

    /// Registers the ports, starts the callback and connects to the physical ports if wanted.
    ///
    /// # Errors
    /// [`JackError::Refused`], such as for too many ports.
    pub fn start<P: Paced>(
        self,
        path: Box<P>,
        send: Channels,
        receive: Channels,
        connect: bool,
    ) -> Result<JackBackend<P>, JackError> {
        let mut backend = JackBackend {
            name: self.name().to_owned(),
            connect,
            send,
            receive,
            rate: self.rate(),
            period: self.period(),
            path: Arc::new(AtomicCell::new(Some(path))),
            shared: Arc::default(),
            running: None,
            retry_at: Instant::now(),
            look_at: Instant::now(),
            idle: Idle::new(),
        };
        backend.activate(self.client)?;
        Ok(backend)
    }
}

impl<P: Paced + 'static> JackBackend<P> {
    /// Looks after the server; to be called some times a second.
    pub fn poll(&mut self) -> Option<JackEvent> {
        if self.running.is_some() && self.shared.gone.load(Relaxed) {
            // The server is dead: libjack's clean-up of the old client needs no answer from it.
            drop(self.running.take());
            self.retry_at = Instant::now() + RETRY_EVERY;
            return Some(JackEvent::ServerGone);
        }
        let Some(running) = &self.running else {
            return self.retry();
        };
        let cycles = self.shared.cycles.load(Relaxed);
        if let Some(event) = self.idle.look(cycles, Instant::now()) {
            return Some(event);
        }
        if Instant::now() >= self.look_at {
            self.look_at = Instant::now() + LOOK_EVERY;
            let frames = converters(running.as_client());
            self.shared.converters.store(frames, Relaxed);
        }
        let period = Frames(u32::try_from(self.shared.period.load(Relaxed)).unwrap_or(0));
        if period != Frames::ZERO && period != self.period {
            self.period = period;
            return Some(JackEvent::PeriodChanged { to: period });
        }
        None
    }

    /// Cycles that the server reported as missed.
    pub fn xruns(&self) -> u64 {
        self.shared.xruns.load(Relaxed)
    }

    /// Stops the callback and gives the path back. `None` when a dying server holds on to it.
    pub fn stop(mut self) -> Option<Box<P>> {
        let running = self.running.take();
        // A cycle has the path for less than a period; wait for it, but not for a hung server.
        for _ in 0..200 {
            if let Some(path) = self.path.take() {
                // Which asks the server.
                within(CLOSED_WITHIN, move || drop(running));
                return Some(path);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        None
    }

    fn retry(&mut self) -> Option<JackEvent> {
        if Instant::now() < self.retry_at {
            return None;
        }
        self.retry_at = Instant::now() + RETRY_EVERY;
        let open = OpenClient::open(&self.name)
            .inspect_err(|error| {
                // Each try leaves a thread with a server that hangs.
                if matches!(error, JackError::Hangs { .. }) {
                    self.retry_at = Instant::now() + OPENED_WITHIN * 6;
                }
            })
            .ok()?;
        if open.rate() != self.rate {
            return Some(JackEvent::RateChanged { to: open.rate() });
        }
        self.period = open.period();
        if let Some(mut path) = self.path.take() {
            path.resume();
            self.path.store(Some(path));
        }
        self.activate(open.client).ok()?;
        Some(JackEvent::ServerBack)
    }

    fn activate(&mut self, client: Client) -> Result<(), JackError> {
        let refused = |error: jack::Error| JackError::Refused {
            name: self.name.clone(),
            why: error.to_string(),
        };
        let inputs = (1..=self.send.get())
            .map(|i| client.register_port(&format!("send_{i}"), AudioIn::default()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(refused)?;
        let outputs = (1..=self.receive.get())
            .map(|i| client.register_port(&format!("receive_{i}"), AudioOut::default()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(refused)?;
        self.shared.gone.store(false, Relaxed);
        self.shared.period.store(0, Relaxed);
        let notifications = Notifications {
            shared: self.shared.clone(),
        };
        let process = Process {
            inputs,
            outputs,
            path: self.path.clone(),
            shared: self.shared.clone(),
            next: None,
        };
        let running = client
            .activate_async(notifications, process)
            .map_err(refused)?;
        if self.connect {
            self.connect_to_hardware(running.as_client());
        }
        self.running = Some(running);
        self.idle = Idle::new();
        Ok(())
    }

    /// Capture i to `send_i`, `receive_i` to playback i, as many as there are. A connection that fails is
    /// left to the user's patch bay.
    fn connect_to_hardware(&self, client: &Client) {
        let name = client.name();
        let hardware = |flags| client.ports(None, Some(AUDIO_TYPE), PortFlags::IS_PHYSICAL | flags);
        let sends = (1..=self.send.get()).map(|i| format!("{name}:send_{i}"));
        for (capture, send) in hardware(PortFlags::IS_OUTPUT).iter().zip(sends) {
            _ = client.connect_ports_by_name(capture, &send);
        }
        let receives = (1..=self.receive.get()).map(|i| format!("{name}:receive_{i}"));
        for (playback, receive) in hardware(PortFlags::IS_INPUT).iter().zip(receives) {
            _ = client.connect_ports_by_name(&receive, playback);
        }
    }
}

/// For how long there was no cycle, as far as we were awake ourselves.
#[derive(Debug)]
struct Idle {
    cycles: u64,
    looked: Instant,
    idle: Duration,
}

impl Idle {
    fn new() -> Self {
        Self {
            cycles: 0,
            looked: Instant::now(),
            idle: Duration::ZERO,
        }
    }

    /// Says once that it stands, and once that it goes on.
    fn look(&mut self, cycles: u64, now: Instant) -> Option<JackEvent> {
        let passed = now.saturating_duration_since(self.looked);
        self.looked = now;
        let stood = self.idle >= STANDS_AFTER;
        if self.cycles == cycles {
            self.idle += passed.min(MOST_AWAKE);
            return (!stood && self.idle >= STANDS_AFTER).then_some(JackEvent::ServerStands);
        }
        self.cycles = cycles;
        self.idle = Duration::ZERO;
        stood.then_some(JackEvent::ServerGoesOn)
    }
}

struct Process<P> {
    inputs: Vec<Port<AudioIn>>,
    outputs: Vec<Port<AudioOut>>,
    path: Cell<P>,
    shared: Arc<Shared>,
    /// The frame, in JACK's count of cycles, that the next cycle begins with.
    next: Option<jack::Frames>,
}

impl<P> Process<P> {
    /// Frames of the cycles since the last that we were not called for, or came too late for.
    fn missed(&mut self, scope: &ProcessScope) -> Frames {
        let begins = scope.last_frame_time();
        let next = self.next.replace(begins.wrapping_add(scope.n_frames()));
        let missed = begins.wrapping_sub(next.unwrap_or(begins));
        // Beyond that the server stood, or counts anew.
        Frames(if missed <= MOST_MISSED.0 { missed } else { 0 })
    }
}

impl<P: Paced + 'static> jack::ProcessHandler for Process<P> {
    fn process(&mut self, _: &Client, scope: &ProcessScope) -> Control {
        self.shared.cycles.fetch_add(1, Relaxed);
        let missed = self.missed(scope);
        let mut outputs: ArrayVec<&mut [f32], MAX_CHANNELS> = self
            .outputs
            .iter_mut()
            .map(|port| port.as_mut_slice(scope))
            .collect();
        let Some(mut path) = self.path.take() else {
            outputs.iter_mut().for_each(|channel| channel.fill(0.0));
            return Control::Continue;
        };
        let inputs: ArrayVec<&[f32], MAX_CHANNELS> = self
            .inputs
            .iter()
            .map(|port| port.as_slice(scope))
            .collect();
        path.miss(missed);
        let converters = self.shared.converters.load(Relaxed);
        path.set_converters(Frames(u32::try_from(converters).unwrap_or(0)));
        path.period(&inputs, &mut outputs);
        self.path.store(Some(path));
        Control::Continue
    }

    fn buffer_size(&mut self, _: &Client, period: jack::Frames) -> Control {
        self.shared.period.store(u64::from(period), Relaxed);
        Control::Continue
    }
}

struct Notifications {
    shared: Arc<Shared>,
}

impl jack::NotificationHandler for Notifications {
    #[allow(unsafe_code, reason = "the trait has it so")]
    // SAFETY: the trait asks for an async-signal-safe body: one atomic store is.
    unsafe fn shutdown(&mut self, _: ClientStatus, _: &str) {
        self.shared.gone.store(true, Relaxed);
    }

    fn xrun(&mut self, _: &Client) -> Control {
        self.shared.xruns.fetch_add(1, Relaxed);
        Control::Continue
    }
}

/// What the server says of our first ports: how much later than its cycle something that leaves is heard, and how much earlier
/// something that comes was captured. Nothing, where they are not connected to anything that takes time.
fn converters(client: &Client) -> u64 {
    let latency = |port: &str, way| {
        let port = client.port_by_name(&format!("{}:{port}", client.name()));
        port.map_or(0, |port| u64::from(port.get_latency_range(way).1))
    };
    let frames =
        latency("send_1", LatencyType::Capture) + latency("receive_1", LatencyType::Playback);
    // A minute is no latency of a converter, but a broken driver's.
    if frames < 60 * 192_000 { frames } else { 0 }
}

fn explain(name: &str, error: &jack::Error) -> JackError {
    match error {
        jack::Error::LibraryError(_) => JackError::NoLibrary,
        jack::Error::ClientError(status)
            if status.intersects(ClientStatus::SERVER_FAILED | ClientStatus::SERVER_ERROR) =>
        {
            JackError::NoServer {
                server: std::env::var("JACK_DEFAULT_SERVER").ok(),
            }
        }
        other => JackError::Refused {
            name: name.to_owned(),
            why: other.to_string(),
        },
    }
}

/// libjack writes its own complaints to standard error; ours say the same and what to do.
fn quiet_library() {
    jack::set_logger(jack::LoggerType::None);
}

/// Does this on a thread of its own, and waits for it no longer than that: libjack waits for ever for a server that hangs.
/// Then the thread stays with it, and what is found too late is dropped there.
fn within<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (done, found) = mpsc::sync_channel(1);
    let work = move || _ = done.send(work());
    std::thread::Builder::new()
        .name("jack-server".into())
        .spawn(work)
        .ok()?;
    found.recv_timeout(limit).ok()
}

/// A server answers at once; one whose machine is busy within this.
const OPENED_WITHIN: Duration = Duration::from_secs(5);

/// At the end nobody wants to wait.
const CLOSED_WITHIN: Duration = Duration::from_secs(1);

const AUDIO_TYPE: &str = "32 bit float mono audio";

/// How often the ports' latencies are looked at: who is connected may change.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Longer than any period, and than a server takes to change it.
const STANDS_AFTER: Duration = Duration::from_secs(3);

/// We look more often than that, unless we stood ourselves.
const MOST_AWAKE: Duration = Duration::from_millis(100);

/// How often a lost server is looked for.
const RETRY_EVERY: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_without_cycles_is_told_once_and_not_while_we_stood_ourselves() {
        let mut idle = Idle::new();
        let mut now = Instant::now();
        let mut look = |cycles, passed| {
            now += Duration::from_millis(passed);
            idle.look(cycles, now)
        };
        assert_eq!(look(5, 50), None);
        assert_eq!(look(5, 60_000), None);
        let told: Vec<_> = (0..200).filter_map(|_| look(5, 50)).collect();
        assert_eq!(told, [JackEvent::ServerStands]);
        assert_eq!(look(6, 50), Some(JackEvent::ServerGoesOn));
        assert_eq!(look(7, 50), None);
    }
}
