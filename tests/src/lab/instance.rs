//! Instances of the plugin without a DAW: they speak to a real engine as the plugin does, and are called one after another
//! in each block of a host that keeps time.

use std::process::Command;
use std::time::{Duration, Instant};

use farsend_ipc::connection::{ClientConnection, connect};
use farsend_ipc::message::{
    About, ChatLine, Delay, Fate, FromEngine, HubUser, HubWish, Listening, Loop, Players, Role,
    SessionState, Share, Sharing, Take, TakeWishes, ToEngine, WantedSession,
};
use farsend_ipc::runtime::RuntimeDir;
use farsend_ipc::segment::{PluginEnd, Transport};
use farsend_rt::clock;
use farsend_units::{Channels, Frames, MonoTime, SampleRate};

use super::Machine;
use super::farsend::command;
use super::program::Running;
use super::wait::wait_until;

/// The host's rate, and frames in its block.
pub const RATE: SampleRate = SampleRate(22_050);
/// Frames in its block: 12 ms.
pub const BLOCK: usize = 256;

/// An engine of this machine, for instances to meet; killed when dropped.
///
/// # Panics
///
/// If it does not start.
pub fn engine(machine: &Machine) -> Running {
    engine_by(machine, &mut command(&["engine"]))
}

/// The same, started by this command.
///
/// # Panics
///
/// If it does not start.
pub fn engine_by(machine: &Machine, command: &mut Command) -> Running {
    let running = Running::start(machine, "engine", command);
    let socket = runtime().socket();
    wait_until("the engine is there", LIMIT, || socket.exists());
    running
}

fn runtime() -> RuntimeDir {
    RuntimeDir::find().expect("the private machine has one")
}

/// A stereo instance's wish to call this port of this machine, as a part of the session of this name.
pub fn call(port: u16, session: Option<&str>) -> WantedSession {
    WantedSession {
        role: Role::Client,
        host: "127.0.0.1".into(),
        port: 0,
        peer_port: port,
        send: Channels(2),
        receive: Channels(2),
        bits: 16,
        queue: 8,
        redundancy: 1,
        period: Frames(BLOCK as u32),
        rate: RATE,
        block: Frames(BLOCK as u32),
        name: "Track".into(),
        user: HubUser::default(),
        share: session.map(|name| Share {
            session: name.into(),
            channels: Channels(0),
            first: Channels(0),
        }),
        listening: Listening::Mix,
        outputs: Vec::new(),
        hub: HubWish::default(),
    }
}

/// A stereo instance's wish to open a hub at this port, as the session of this name.
pub fn hub(port: u16, session: Option<&str>) -> WantedSession {
    WantedSession {
        role: Role::Hub,
        port,
        ..call(0, session)
    }
}

/// One instance.
#[derive(Debug)]
pub struct Instance {
    connection: ClientConnection,
    end: Option<PluginEnd>,
    /// What it sends, a constant in each channel.
    pub voice: Vec<f32>,
    /// Stereo outputs beside as many channels as it sends.
    outputs: usize,
    /// Of the last block that it heard: each channel's mean, and how far its samples are from that.
    pub heard: Vec<(f32, f32)>,
    /// What the engine said last.
    pub state: Option<SessionState>,
    /// What the engine said last of how it shares its session.
    pub sharing: Option<Sharing>,
    /// What the engine said last of who is there, and whom it hears.
    pub players: Option<Players>,
    /// Why it has no session.
    pub refused: Option<String>,
    /// Segments that it was given.
    pub segments: usize,
    /// The session's takes, as the engine told last.
    pub takes: Vec<Take>,
    /// Whether the other end answers as a Farsend does.
    pub meets_farsend: bool,
    /// What the engine said last of the delay.
    pub delay: Delay,
    /// What was written, as the engine told last.
    pub chat: Vec<ChatLine>,
    /// Where its host's timeline is, while it rolls.
    pub rolls_at: Option<i64>,
    /// Whether it sends a ramp that tells each frame's place on the host's timeline, in place of its voice.
    pub ramps: bool,
    /// Where its own time is, for a ramp while the host does not roll.
    time: i64,
    /// How late the ramp came back at the last blocks, and for how many of them.
    lag: (i64, u32),
}

impl Instance {
    /// One that wants this of the running engine, and will send this in its channels.
    ///
    /// # Panics
    ///
    /// If there is no engine.
    pub fn new(wanted: &WantedSession, voice: &[f32]) -> Instance {
        let connection =
            connect(&runtime().socket(), "test", Duration::from_secs(5)).expect("the engine runs");
        let mut instance = Instance {
            connection,
            end: None,
            voice: voice.to_vec(),
            outputs: wanted.outputs.len(),
            heard: Vec::new(),
            state: None,
            sharing: None,
            players: None,
            refused: None,
            segments: 0,
            takes: Vec::new(),
            meets_farsend: false,
            delay: Delay::default(),
            chat: Vec::new(),
            rolls_at: None,
            ramps: false,
            time: 1000,
            lag: (0, 0),
        };
        instance.want(wanted);
        instance
    }

    /// Wants this from now on.
    ///
    /// # Panics
    ///
    /// If the engine has gone.
    pub fn want(&mut self, wanted: &WantedSession) {
        let open = ToEngine::Open(Box::new(wanted.clone()));
        let sent = self.connection.send(&open, Duration::from_secs(5));
        sent.expect("the engine listens");
    }

    /// Writes this to the other end.
    ///
    /// # Panics
    ///
    /// If the engine has gone.
    pub fn say(&mut self, text: &str) {
        let say = ToEngine::Say(text.into());
        let sent = self.connection.send(&say, Duration::from_secs(5));
        sent.expect("the engine listens");
    }

    /// Its track is called this from now on.
    ///
    /// # Panics
    ///
    /// If the engine has gone.
    pub fn rename(&mut self, name: &str) {
        self.tell_about(name, None);
    }

    /// Its track is called this, and has this colour, from now on.
    ///
    /// # Panics
    ///
    /// If the engine has gone.
    pub fn tell_about(&mut self, name: &str, colour: Option<[u8; 3]>) {
        let name = name.into();
        let about = About { name, colour };
        let sent = self
            .connection
            .send(&ToEngine::About(about), Duration::from_secs(5));
        sent.expect("the engine listens");
    }

    /// What those are called who are there.
    pub fn player_names(&self) -> Vec<&str> {
        let players = self.players.iter().flat_map(|players| &players.players);
        players.map(|player| player.name.as_str()).collect()
    }

    /// What was written as this one knows it: by whom (nobody: at this end), what, and whether it has arrived.
    pub fn talk(&self) -> Vec<(Option<&str>, &str, bool)> {
        let lines = self.chat.iter();
        lines
            .map(|line| {
                (
                    line.from.as_deref(),
                    &*line.text,
                    line.fate == Fate::Arrived,
                )
            })
            .collect()
    }

    /// Hears this from now on.
    ///
    /// # Panics
    ///
    /// If the engine has gone.
    pub fn listen(&mut self, listening: Listening) {
        let listen = ToEngine::Listen(listening);
        let sent = self.connection.send(&listen, Duration::from_secs(5));
        sent.expect("the engine listens");
    }

    /// Takes in what the engine says.
    ///
    /// # Panics
    ///
    /// If the engine has gone.
    pub fn attend(&mut self) {
        while let Some(message) = self
            .connection
            .receive(Duration::ZERO)
            .expect("the engine is there")
        {
            match message {
                FromEngine::Opened { .. } => {
                    let handle = self.connection.take_segment().expect("it comes along");
                    self.end = Some(PluginEnd::open(handle).expect("it is a segment"));
                    (self.refused, self.segments) = (None, self.segments + 1);
                }
                FromEngine::State(state) => self.state = Some(state),
                FromEngine::Sharing(sharing) => self.sharing = Some(sharing),
                FromEngine::Players(players) => self.players = Some(*players),
                FromEngine::Refused { why, .. } => self.refused = Some(why),
                FromEngine::Takes(takes) => {
                    for take in takes {
                        self.takes.retain(|known| known.path != take.path);
                        self.takes.push(take);
                    }
                }
                FromEngine::Chat(line) => {
                    self.chat.retain(|known| known.number != line.number);
                    self.chat.push(line);
                }
                FromEngine::Statistics(numbers) => {
                    self.meets_farsend = numbers.round_trip_us.is_some();
                    self.delay = numbers.delay;
                }
                FromEngine::Status(_) => {}
            }
        }
    }

    /// Wants takes, or wants none.
    ///
    /// # Panics
    ///
    /// If the engine has gone.
    pub fn want_takes(&mut self, wishes: &TakeWishes) {
        let sent = self
            .connection
            .send(&ToEngine::Takes(wishes.clone()), Duration::from_secs(5));
        sent.expect("the engine listens");
    }

    /// How long ago, in frames, what is heard was sent, if that has been so for some blocks.
    pub fn heard_ramp(&self) -> Option<i64> {
        let (lag, blocks) = self.lag;
        (blocks >= STEADY).then_some(lag)
    }

    /// How late the ramp comes back, as it was measured.
    ///
    /// # Panics
    ///
    /// If it does not.
    pub fn measured(&self) -> Loop {
        Loop {
            frames: self.heard_ramp().expect("it comes back") as u32,
            player: self.delay.player,
            moves: self.delay.moves,
        }
    }

    /// The delay is to stay as it is from now on, or may move again.
    ///
    /// # Panics
    ///
    /// If the engine has gone.
    pub fn keep_delay(&mut self, keep: bool) {
        let keep = ToEngine::KeepDelay(keep);
        let sent = self.connection.send(&keep, Duration::from_secs(5));
        sent.expect("the engine listens");
    }

    /// So many packets are to be kept from now on, 0: as many as are needed.
    ///
    /// # Panics
    ///
    /// If the engine has gone.
    pub fn set_queue(&mut self, packets: u16) {
        let queue = ToEngine::Queue(packets);
        let sent = self.connection.send(&queue, Duration::from_secs(5));
        sent.expect("the engine listens");
    }

    /// How long the audio of the player of this name waits at the hub, if that is known.
    pub fn delay_of(&self, player: &str) -> Option<Duration> {
        let mut players = self.players.iter().flat_map(|players| &players.players);
        let player = players.find(|one| one.name == player)?;
        player.delay_us.map(|us| Duration::from_micros(us.into()))
    }

    /// Tells the engine of a loop that was measured.
    ///
    /// # Panics
    ///
    /// If it has gone.
    pub fn note_loop(&mut self, measured: Loop) {
        let sent = self
            .connection
            .send(&ToEngine::Loop(measured), Duration::from_secs(5));
        sent.expect("the engine listens");
    }

    /// The place on the timeline, within a ramp's length, of which this is the sample.
    pub fn ramp_place(sample: f32) -> i64 {
        (f64::from(sample) * STEPS).round() as i64
    }

    /// One block of the host.
    fn block(&mut self) {
        let Some(end) = &mut self.end else {
            return;
        };
        let at = self.rolls_at.unwrap_or(self.time);
        let lane = |level: &f32| {
            let ramp = |frame| ramp(at + frame as i64);
            if self.ramps {
                std::array::from_fn(ramp)
            } else {
                [*level; BLOCK]
            }
        };
        let sent: Vec<[f32; BLOCK]> = self.voice.iter().map(lane).collect();
        let channels = self.voice.len() + 2 * self.outputs;
        let mut heard = vec![[0.0_f32; BLOCK]; channels];
        let inputs: Vec<&[f32]> = sent.iter().map(|lane| &lane[..]).collect();
        let mut outputs: Vec<&mut [f32]> = heard.iter_mut().map(|lane| &mut lane[..]).collect();
        end.set_transport(Transport {
            rolling: self.rolls_at.is_some(),
            recording: false,
            position: self.rolls_at,
        });
        if let Some(at) = &mut self.rolls_at {
            *at += BLOCK as i64;
        }
        self.time = at + BLOCK as i64;
        let _ = end.exchange(&inputs, &mut outputs);
        let (lag, blocks) = self.lag;
        let sample = heard.first().map_or(0.0, |lane| lane[BLOCK - 1]);
        let now = (at + BLOCK as i64 - 1 - Self::ramp_place(sample)).rem_euclid(RAMP);
        self.lag = match (sample > 0.0, now == lag) {
            (true, true) => (lag, blocks + 1),
            (true, false) => (now, 1),
            (false, _) => (0, 0),
        };
        let level = |lane: &[f32; BLOCK]| {
            let mean = lane.iter().sum::<f32>() / BLOCK as f32;
            let off = lane.iter().map(|sample| (sample - mean).abs());
            (mean, off.fold(0.0, f32::max))
        };
        self.heard = heard.iter().map(level).collect();
    }

    /// Whether its last block holds these levels, and nothing else.
    pub fn hears(&self, levels: &[f32]) -> bool {
        let near =
            |(heard, level): (&(f32, f32), &f32)| (heard.0 - level).abs() < NEAR && heard.1 < NEAR;
        self.heard.len() == levels.len() && self.heard.iter().zip(levels).all(near)
    }
}

/// The host of some instances.
#[derive(Debug, Default)]
pub struct Host {
    /// They are called in this order.
    pub instances: Vec<Instance>,
    next: Option<MonoTime>,
}

impl Host {
    /// Calls the instances, block after block, for so long.
    pub fn play_for(&mut self, duration: Duration) {
        let begun = Instant::now();
        self.play_until("time goes by", |_| begun.elapsed() >= duration);
    }

    /// Calls the instances, block after block, until something is so.
    ///
    /// # Panics
    ///
    /// If it never is.
    pub fn play_until(&mut self, what: &str, is_so: impl Fn(&[Instance]) -> bool) {
        let started = Instant::now();
        let next = self.next.get_or_insert_with(clock::now);
        loop {
            clock::sleep_until(*next);
            // One that is late goes on from there, as a sound card would.
            *next = (*next).max(clock::now()) + Frames(BLOCK as u32).duration(RATE);
            for instance in &mut self.instances {
                instance.attend();
                instance.block();
            }
            if is_so(&self.instances) {
                return;
            }
            assert!(
                started.elapsed() < LIMIT,
                "not within {LIMIT:?}: {what}; {:#?}",
                self.instances
            );
        }
    }
}

const LIMIT: Duration = Duration::from_secs(20);
/// Blocks that a loop has to be as long as it was.
const STEADY: u32 = 5;
/// A ramp tells a frame's place up to this, ...
const RAMP: i64 = 1 << 20;
/// ... in steps of so many to full scale: whole numbers in 24 bits.
const STEPS: f64 = 8_388_608.0 / 4.0;

fn ramp(place: i64) -> f32 {
    (place.rem_euclid(RAMP) as f64 / STEPS) as f32
}

/// Between levels that are the same.
const NEAR: f32 = 0.01;
