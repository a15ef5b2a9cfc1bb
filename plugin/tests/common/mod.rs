//! An engine that is none: a real control socket and real segments, and no network behind them.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use farsend_ipc::connection::{Server, ServerConnection};
use farsend_ipc::message::{
    Delay, FromEngine, Listening, PeerFormat, PlayerInfo, Players, SessionState, Statistics,
    ToEngine, WantedSession,
};
use farsend_ipc::runtime::RuntimeDir;
use farsend_ipc::segment::{EngineEnd, SegmentConfig, Stretch};
use farsend_rt::clock;
use farsend_units::Frames;
use parking_lot::Mutex;

/// How an engine answers to [`ToEngine::Open`].
#[allow(dead_code, reason = "not all tests need all")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// With a peer that plays back what it gets, times [`ECHO`].
    Echo,
    /// With a hub, at which Anna and Ben are as such a peer.
    Hub,
    /// With a refusal.
    Refuse,
    /// With a session that fails.
    Fail,
}

/// What the far end makes of a sample.
pub(crate) const ECHO: f32 = -0.5;

/// What is in a channel that comes beside those that were sent, times its number.
pub(crate) const NUMBERED: f32 = 0.0078125;

/// A running engine. Dropped, it is gone at once, as if killed.
pub(crate) struct FakeEngine {
    stop: Arc<AtomicBool>,
    asked: Arc<Mutex<Vec<WantedSession>>>,
    told: Arc<Mutex<Vec<ToEngine>>>,
    delay: Arc<Mutex<Option<Delay>>>,
    stretches: Arc<Mutex<Vec<Stretch>>>,
    thread: Option<JoinHandle<()>>,
}

impl FakeEngine {
    pub(crate) fn start(directory: &RuntimeDir, answer: Answer) -> Self {
        let server = Server::bind(directory).unwrap();
        let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let told = Arc::default();
        let delay = Arc::<Mutex<Option<Delay>>>::default();
        let stretches = Arc::<Mutex<Vec<Stretch>>>::default();
        let thread = {
            let seen = Arc::clone(&stretches);
            let (stop, asked) = (Arc::clone(&stop), Arc::clone(&asked));
            let (told, delay) = (Arc::clone(&told), Arc::clone(&delay));
            std::thread::spawn(move || serve(&server, answer, &stop, &asked, &told, &delay, &seen))
        };
        Self {
            stop,
            asked,
            told,
            delay,
            stretches,
            thread: Some(thread),
        }
    }

    /// What else it was told, in order.
    #[allow(dead_code, reason = "not all tests ask")]
    pub(crate) fn told(&self) -> Vec<ToEngine> {
        self.told.lock().clone()
    }

    /// The stretches of the host's timeline that it saw, in order.
    #[allow(dead_code, reason = "not all tests ask")]
    pub(crate) fn stretches(&self) -> Vec<Stretch> {
        self.stretches.lock().clone()
    }

    /// Tells all instances that this has become of the delay.
    #[allow(dead_code, reason = "not all tests tell")]
    pub(crate) fn tell_delay(&self, delay: Delay) {
        *self.delay.lock() = Some(delay);
    }

    /// The sessions that were asked for, in order.
    pub(crate) fn asked(&self) -> Vec<WantedSession> {
        self.asked.lock().clone()
    }
}

impl Drop for FakeEngine {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}

fn serve(
    server: &Server,
    answer: Answer,
    stop: &AtomicBool,
    asked: &Mutex<Vec<WantedSession>>,
    told: &Mutex<Vec<ToEngine>>,
    delay: &Mutex<Option<Delay>>,
    stretches: &Mutex<Vec<Stretch>>,
) {
    let mut plugins: Vec<(ServerConnection, Option<EngineEnd>)> = Vec::new();
    while !stop.load(Relaxed) {
        if let Some(pending) = server.accept(Duration::ZERO).unwrap() {
            plugins.push((pending.greet("fake", Duration::from_secs(1)).unwrap(), None));
        }
        plugins.retain_mut(|(connection, end)| {
            let Ok(message) = connection.receive(Duration::from_millis(1)) else {
                return false;
            };
            match message {
                Some(ToEngine::Open(wanted)) => {
                    asked.lock().push((*wanted).clone());
                    *end = open(connection, &wanted, answer);
                }
                Some(other) => {
                    if let ToEngine::Listen(listening) = &other {
                        // The next free player is Bob.
                        let is_free = matches!(listening, Listening::Free { .. });
                        let players = Players {
                            heard: is_free.then(|| "Bob".into()),
                            players: ["Anna", "Ben"].map(player).into(),
                            ..Players::default()
                        };
                        let said = FromEngine::Players(Box::new(players));
                        let _ = connection.send(&said, Duration::from_secs(1));
                        let numbers = FromEngine::Statistics(Box::new(numbers(listening)));
                        let _ = connection.send(&numbers, Duration::from_secs(1));
                    }
                    told.lock().push(other);
                }
                None => {}
            }
            if let Some(end) = end {
                echo(end);
                let mut seen = stretches.lock();
                let stretch = end.stretch().filter(|stretch| seen.last() != Some(stretch));
                seen.extend(stretch);
            }
            true
        });
        if let Some(delay) = delay.lock().take() {
            let numbers = Statistics {
                delay,
                ..numbers(&Listening::Mix)
            };
            let numbers = FromEngine::Statistics(Box::new(numbers));
            for (connection, _) in &mut plugins {
                let _ = connection.send(&numbers, Duration::from_secs(1));
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn player(name: &str) -> PlayerInfo {
    PlayerInfo {
        name: name.into(),
        ..PlayerInfo::default()
    }
}

/// Those of whoever hears this.
fn numbers(listening: &Listening) -> Statistics {
    let player = match listening {
        Listening::Player(name) if name == "Anna" => 1,
        Listening::Player(name) if name == "Ben" => 2,
        _ => 0,
    };
    Statistics {
        received: 7,
        queued: Frames(256),
        delay: Delay {
            player,
            ..Delay::default()
        },
        ..Statistics::default()
    }
}

fn open(
    connection: &mut ServerConnection,
    wanted: &WantedSession,
    answer: Answer,
) -> Option<EngineEnd> {
    let patience = Duration::from_secs(1);
    let mut end = None;
    let message = match answer {
        Answer::Refuse => FromEngine::Refused {
            why: "No.".into(),
            advice: "Ask nicely.".into(),
        },
        Answer::Fail => FromEngine::State(SessionState::Failed {
            why: "Nobody is called that.".into(),
            advice: "Look at the name.".into(),
        }),
        Answer::Echo | Answer::Hub => {
            let config = SegmentConfig {
                send: wanted.send,
                receive: wanted.receive,
                rate: wanted.rate,
                capacity: Frames(4096),
            };
            let (made, handle) = EngineEnd::create(config).unwrap();
            // The plugin may be gone already, here and below.
            let _ = connection.send_segment(made.generation(), &handle, patience);
            end = Some(made);
            let format = PeerFormat {
                rate: wanted.rate,
                period: wanted.period,
                channels: wanted.receive,
                wants: wanted.send,
                bits: wanted.bits,
                redundancy: 1,
            };
            let peer = "10.0.0.2:4464".into();
            FromEngine::State(match answer {
                Answer::Hub => SessionState::Hosting {
                    port: 4464,
                    players: 2,
                },
                _ => SessionState::Connected { peer, format },
            })
        }
    };
    let _ = connection.send(&message, patience);
    if end.is_some() {
        let numbers = numbers(&wanted.listening);
        let _ = connection.send(&FromEngine::Statistics(Box::new(numbers)), patience);
    }
    end
}

fn echo(end: &mut EngineEnd) {
    end.beat(clock::now());
    let frames = end.available().get();
    let mut audio = vec![vec![0.0; frames]; end.config().send.get()];
    let mut channels: Vec<&mut [f32]> = audio.iter_mut().map(Vec::as_mut_slice).collect();
    let _ = end.take(&mut channels);
    audio
        .iter_mut()
        .flatten()
        .for_each(|sample| *sample *= ECHO);
    for channel in audio.len()..end.config().receive.get() {
        audio.push(vec![NUMBERED * channel as f32; frames]);
    }
    let channels: Vec<&[f32]> = audio.iter().map(Vec::as_slice).collect();
    let _ = end.release(&channels);
}

/// Waits until `condition` holds, and tells how long that took.
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(10), "in vain: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
    start.elapsed()
}
