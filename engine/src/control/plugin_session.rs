//! One plugin instance's session: from what it wants to what it is told.

use std::time::{Duration, Instant};

use farsend_ipc::message::{
    FromEngine, Minute as ToldMinute, PeerFormat, Role as WantedRole, SessionState,
    Statistics as Told, WantedSession,
};
use farsend_ipc::segment::{EngineEnd, SegmentConfig, SegmentHandle, Watch};
use farsend_protocol::jacktrip::Event;
use farsend_stream::DepthPolicy;
use farsend_units::{Channels, Frames, SampleRate};
use farsend_wire::jacktrip::Format;
use farsend_wire::sample::SampleFormat;

use super::health::Health;
use super::trouble::Caller;
use super::words;
use crate::backend::link::LinkBackend;
use crate::engine::{Desk, RunError, Session};
use crate::net::udp::BindError;
use crate::peers::LinkEvent;
use crate::settings::{MAX_CHANNELS, Role, SessionSettings};
use crate::statistics::Statistics;

/// A session that runs for a plugin. Control thread.
#[derive(Debug)]
pub(super) struct PluginSession {
    title: String,
    desk: Desk,
    backend: LinkBackend,
    watch: Watch,
    wanted: WantedSession,
    state: SessionState,
    told_state: Option<SessionState>,
    /// Since when there is no peer.
    alone_since: Instant,
    next_numbers: Instant,
    since: Instant,
    health: Health,
}

/// Why a plugin does not get what it wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    /// What is wrong.
    pub(super) why: String,
    /// What to do.
    pub(super) advice: String,
}

impl PluginSession {
    /// Opens what is wanted. Blocks on the name service.
    ///
    /// # Errors
    /// [`Refused`], in words for the plugin's window.
    pub(super) fn open(wanted: &WantedSession) -> Result<(Self, SegmentHandle), Refused> {
        let settings = settings(wanted)?;
        let health = Health::new(wanted.rate, settings.depth, Caller::Daw);
        let block = wanted.block.clamp(Frames(1), LARGEST_BLOCK);
        let session = build(settings, wanted.rate, wanted.period, block)?;
        let capacity = (4 * block.0 + 4 * wanted.period.0)
            .next_power_of_two()
            .clamp(4096, 131_072);
        let config = SegmentConfig {
            send: wanted.send,
            receive: wanted.receive,
            rate: wanted.rate,
            capacity: Frames(capacity),
        };
        let (end, handle) = EngineEnd::create(config)
            .map_err(|error| refused(&error, "Close other plugins or programs and try again."))?;
        let watch = end.watch();
        let backend = LinkBackend::start(session.path, end)
            .map_err(|error| refused(&error, "Close other plugins or programs and try again."))?;
        let title = match wanted.role {
            WantedRole::Client => format!("a call to {}:{}", wanted.host, wanted.peer_port),
            WantedRole::Server => format!("a wait on UDP port {}", session.desk.port),
        };
        let mut opened = Self {
            title,
            desk: session.desk,
            backend,
            watch,
            wanted: wanted.clone(),
            state: SessionState::Connecting,
            told_state: None,
            alone_since: Instant::now(),
            next_numbers: Instant::now(),
            since: Instant::now(),
            health,
        };
        opened.state = opened.alone();
        Ok((opened, handle))
    }

    /// What it is about.
    pub(super) fn title(&self) -> &str {
        &self.title
    }

    /// Its segment's.
    pub(super) fn generation(&self) -> u64 {
        self.watch.generation()
    }

    /// Told before a session is opened.
    pub(super) fn connecting() -> FromEngine {
        FromEngine::State(SessionState::Connecting)
    }

    /// Told after one was closed as wanted.
    pub(super) fn closed() -> FromEngine {
        FromEngine::State(SessionState::Ended {
            why: "Disconnected".into(),
        })
    }

    /// What is to be told now: the state when it changed, the numbers some times a second.
    pub(super) fn poll(&mut self) -> Vec<FromEngine> {
        while let Ok(event) = self.desk.events.pop() {
            self.note(&event);
        }
        let mut messages = Vec::new();
        let numbers = self.desk.statistics.read();
        self.age(&numbers);
        // A DAW's xruns are not known here; late calls are seen.
        _ = self.health.look(self.since.elapsed(), &numbers, 0);
        if self.told_state.as_ref() != Some(&self.state) {
            self.told_state = Some(self.state.clone());
            messages.push(FromEngine::State(self.state.clone()));
        }
        if Instant::now() >= self.next_numbers {
            self.next_numbers = Instant::now() + NUMBERS_EVERY;
            messages.push(FromEngine::Statistics(Box::new(self.numbers(&numbers))));
        }
        messages
    }

    /// Says goodbye to the peer and lets go of everything.
    pub(super) fn close(mut self) {
        let path = self.backend.stop();
        self.desk.leave(path);
    }

    fn note(&mut self, event: &LinkEvent) {
        let peer = self.peer();
        match event {
            LinkEvent::Peer(
                Event::Arrived { format, .. }
                | Event::FormatChanged { to: format, .. }
                | Event::Replaced { format, .. },
            ) => {
                self.state = SessionState::Connected {
                    peer,
                    format: peer_format(format, 1),
                }
            }
            LinkEvent::Peer(Event::FellQuiet) => {
                self.alone_since = Instant::now();
                self.state = SessionState::Quiet {
                    peer,
                    heard_nothing_s: 0,
                };
            }
            LinkEvent::Peer(Event::Returned) => {
                if let Some(format) = self.desk.statistics.read().format {
                    self.state = SessionState::Connected {
                        peer,
                        format: peer_format(&format, 1),
                    };
                }
            }
            LinkEvent::Peer(Event::Left | Event::GaveUp) => {
                self.alone_since = Instant::now();
                self.state = self.alone();
            }
            LinkEvent::Unplayable(format) => {
                let text = words::unplayable(&peer, format);
                let (why, advice) = text.split_once(": ").unwrap_or((&text, ""));
                self.state = SessionState::Failed {
                    why: why.into(),
                    advice: advice.into(),
                };
            }
            LinkEvent::Adopted(_)
            | LinkEvent::Peer(Event::SentAway { .. })
            | LinkEvent::Refused
            | LinkEvent::Restarted
            | LinkEvent::Malformed(_) => {}
        }
    }

    /// Seconds go by without a peer.
    fn age(&mut self, numbers: &Statistics) {
        let seconds = u32::try_from(self.alone_since.elapsed().as_secs()).unwrap_or(u32::MAX);
        match &mut self.state {
            SessionState::Calling {
                heard_nothing_s, ..
            }
            | SessionState::Quiet {
                heard_nothing_s, ..
            } => *heard_nothing_s = seconds,
            SessionState::Connected { format, .. } => format.redundancy = numbers.redundancy,
            _ => {}
        }
        if !self.backend.is_running() {
            self.state = SessionState::Failed {
                why: "The engine's audio thread has ended".into(),
                advice: "Disconnect and connect again.".into(),
            };
        }
    }

    fn alone(&self) -> SessionState {
        match self.wanted.role {
            WantedRole::Server => SessionState::WaitingForPeer {
                port: self.desk.port,
            },
            WantedRole::Client => SessionState::Calling {
                host: self.wanted.host.clone(),
                port: self.wanted.peer_port,
                heard_nothing_s: 0,
            },
        }
    }

    fn peer(&mut self) -> String {
        let remote = self.desk.statistics.read().remote.or(self.desk.remote);
        remote.map_or_else(|| "the peer".into(), |remote| remote.to_string())
    }

    fn numbers(&self, now: &Statistics) -> Told {
        let peaks = |all: &[f32], channels: Channels| all[..channels.get()].to_vec();
        let counts = &now.buffer;
        let [queue, target] = self.health.queue(now);
        let minute = self.health.minute();
        let jitter = [now.jitter.half, now.jitter.most, now.jitter.nearly_all];
        Told {
            sent: now.sent,
            received: counts.received,
            lost: counts.lost,
            late: counts.late,
            duplicate: counts.duplicate,
            revived: counts.revived,
            dry: counts.dry,
            skipped: counts.skipped,
            dropped: now.peer.strangers + now.peer.malformed,
            minute: self.told_minute(now),
            queued: now.queued,
            queue_us: us(queue),
            target_us: us(target),
            jitter_us: jitter.map(us),
            round_trip_us: now.round_trip.map(us),
            one_way_us: minute.one_way(queue).map(us),
            drift_ppm: now.drift_ppm.map(|ppm| ppm as f32),
            sent_peaks: peaks(&now.peaks_out, self.wanted.send),
            received_peaks: peaks(&now.peaks_in, self.wanted.receive),
            advice: self.advice(now),
        }
    }

    fn told_minute(&self, now: &Statistics) -> ToldMinute {
        let minute = self.health.minute();
        let counts = &minute.buffer;
        let concealed = Frames(clipped(counts.concealed.into()));
        ToldMinute {
            seconds: clipped(minute.length.as_secs().into()),
            lost: counts.lost,
            late: counts.late,
            dry: counts.dry,
            repaired: counts.repaired + counts.revived,
            concealed_ms: us(now.duration(concealed, self.wanted.rate)) / 1000,
        }
    }

    fn advice(&self, now: &Statistics) -> Vec<String> {
        let mut advice = Vec::new();
        let alone = self.alone_since.elapsed();
        match (&self.state, self.desk.remote) {
            (SessionState::Calling { .. }, Some(remote)) if alone >= FIRST_ADVICE => {
                advice.push(words::no_answer(remote, alone, now));
            }
            (SessionState::WaitingForPeer { port }, _) => {
                advice.extend(words::no_caller(*port, alone, now));
            }
            _ => {}
        }
        if now.broken_floats {
            advice.push(words::BROKEN_FLOATS.into());
        } else if let (SessionState::Connected { .. }, Some(wrong)) =
            (&self.state, self.health.wrong())
        {
            advice.push(wrong.to_string());
        }
        advice
    }
}

/// Builds the session. A client whose port is taken (by another instance, say) takes any other: the server
/// answers to wherever it is called from.
fn build(
    mut settings: SessionSettings,
    rate: SampleRate,
    period: Frames,
    block: Frames,
) -> Result<Session, Refused> {
    loop {
        let error = match Session::build(&settings, rate, period, block) {
            Ok(session) => return Ok(session),
            Err(error) => error,
        };
        let is_client = matches!(settings.role, Role::Client { .. });
        match error {
            RunError::Bind(BindError::PortBusy { .. }) if is_client && settings.bind_port != 0 => {
                settings.bind_port = 0;
            }
            RunError::Bind(BindError::PortBusy { port, owner }) => {
                let owner = owner.unwrap_or_else(|| "another program".into());
                return Err(Refused {
                    why: format!("UDP port {port} is taken by {owner}"),
                    advice: "Choose another port, or end that program.".into(),
                });
            }
            error @ RunError::Resolve(_) => {
                return Err(refused(
                    &error,
                    "Check the address and that this machine is online.",
                ));
            }
            error => return Err(refused(&error, "Check the session's settings.")),
        }
    }
}

/// What is wanted, checked: it came from another process.
fn settings(wanted: &WantedSession) -> Result<SessionSettings, Refused> {
    let in_range = |what: &str, value: u64, least: u64, most: u64| {
        if (least..=most).contains(&value) {
            return Ok(());
        }
        Err(Refused {
            why: format!("{what} is {value}"),
            advice: format!("Set it to {least} to {most}."),
        })
    };
    let most_channels = MAX_CHANNELS as u64;
    in_range(
        "The number of channels to send",
        wanted.send.get() as u64,
        1,
        most_channels,
    )?;
    in_range(
        "The number of channels to receive",
        wanted.receive.get() as u64,
        1,
        most_channels,
    )?;
    in_range("The queue", wanted.queue.into(), 0, 1000)?;
    in_range("The redundancy", wanted.redundancy.into(), 1, 16)?;
    in_range(
        "The number of frames in a packet",
        wanted.period.0.into(),
        1,
        8192,
    )?;
    if farsend_wire::jacktrip::rate_code(wanted.rate).is_none() {
        return Err(refused(
            &RunError::Rate(wanted.rate),
            "Set the project to one of these.",
        ));
    }
    let samples = SampleFormat::from_bits(wanted.bits).ok_or_else(|| Refused {
        why: format!("{} bits a sample", wanted.bits),
        advice: "Set it to 8, 16, 24 or 32.".into(),
    })?;
    let (role, samples) = match wanted.role {
        // A JackTrip that calls ends the session unless it is answered in its own bits.
        WantedRole::Server => (Role::Server, None),
        WantedRole::Client => {
            let (host, port) = (wanted.host.trim().to_owned(), wanted.peer_port);
            if host.is_empty() {
                return Err(Refused {
                    why: "There is no address to call".into(),
                    advice: "Type the far end's name or IP address.".into(),
                });
            }
            (Role::Client { host, port }, Some(samples))
        }
    };
    Ok(SessionSettings {
        role,
        bind_port: wanted.port,
        send: wanted.send,
        receive: wanted.receive,
        samples,
        depth: match wanted.queue {
            0 => DepthPolicy::AUTO,
            queue => DepthPolicy::Fixed(queue),
        },
        redundancy: wanted.redundancy,
        ..SessionSettings::default()
    })
}

fn peer_format(format: &Format, redundancy: u8) -> PeerFormat {
    PeerFormat {
        rate: format.rate,
        period: format.period,
        channels: format.channels,
        wants: format.wants,
        bits: format.samples.bits(),
        redundancy,
    }
}

fn refused(error: &dyn std::error::Error, advice: &str) -> Refused {
    Refused {
        why: error.to_string(),
        advice: advice.into(),
    }
}

fn us(time: Duration) -> u32 {
    clipped(time.as_micros())
}

fn clipped(number: u128) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The largest block that is handled as one.
const LARGEST_BLOCK: Frames = Frames(8192);

/// How often the numbers are told.
const NUMBERS_EVERY: Duration = Duration::from_millis(200);

/// When a silent line first gets a reason.
const FIRST_ADVICE: Duration = Duration::from_secs(2);
