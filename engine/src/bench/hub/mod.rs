//! `farsend bench hub`: plays many players against a hub and listens to what each of them gets back.
//!
//! ```text
//!   control thread: log-ins, churn, processor time        audio thread: Pacer
//!       │  Order ─────────────────────ring───────────────▶  Schedule: who sends when
//!       ◀──────────────────ring──── players that left ───   Player × N: socket, Ear ─▶ Counts
//!       ◀────────────────── Outcome at the end ──────────   Marker: whose packets are told apart
//! ```
//! Any hub of JackTrip's protocol will do, as long as everyone hears everyone but himself (`farsend hub`, `jacktrip -S -p 2`).
//!
//! **Contributions.** All players play the same constant level ([`levels`]), so what one hears is a number of players.
//! Fewer than the others there are: that many contributions are missing, to the sample. This sees silence. It does
//! not see a packet that a hub repeats or foretells, as that has the same level. So one player at a time is marked: each of
//! its packets differs from the one before, and every listener's packets of it are accounted for one by one ([`proof`]).
//! The marks also date what is heard, which is the delay through the hub.

pub mod ear;
pub mod histogram;
pub mod levels;
pub mod login;
mod marker;
pub mod pacer;
pub mod player;
pub mod processor;
pub mod proof;
pub mod report;
mod schedule;
mod sequence;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use farsend_units::{Channels, Frames, SampleRate};
use rtrb::{Consumer, Producer, RingBuffer};
use thiserror::Error;

use self::ear::Form;
use self::levels::Levels;
use self::login::{LoginError, log_in};
use self::pacer::{Order, Outcome, Pacer};
use self::player::{Part, Player};
use self::processor::ProcessorTime;
use self::report::{Load, Passed, Report, Used};

/// What to play against which hub.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The hub's TCP port.
    pub hub: SocketAddr,
    /// Players that stay, 1 to [`levels::MAX_PLAYERS`].
    pub clients: u32,
    /// How long to measure, once all are there.
    pub measure: Duration,
    /// How long to wait before that.
    pub settle: Duration,
    /// Frames a second.
    pub rate: SampleRate,
    /// Frames a packet.
    pub period: Frames,
    /// Channels each way.
    pub channels: Channels,
    /// Log-ins a second at the start.
    pub join_rate: f64,
    /// Players a second that come, stay for a second and leave, while it is measured.
    pub churn: u32,
    /// The processes of the server.
    pub pids: Vec<u32>,
    /// The core that all our threads shall keep to.
    pub cpu: Option<usize>,
}

/// Why nothing was measured.
#[derive(Debug, Error)]
pub enum LoadError {
    /// Not even the first player got in.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// No process of this number.
    #[error("there is no process {pid} to take the processor time of: {source}")]
    NoProcess {
        /// As given.
        pid: u32,
        /// What the system said.
        source: std::io::Error,
    },
    /// The core is not there or not ours.
    #[error("cannot keep to core {core}: {source}")]
    Core {
        /// As given.
        core: usize,
        /// What the system said.
        source: std::io::Error,
    },
    /// A rate or a period that no header can say.
    #[error("JackTrip's header cannot say {0} and packets of {1}")]
    Form(SampleRate, Frames),
    /// No thread.
    #[error("no audio thread: {0}")]
    Thread(std::io::Error),
    /// The audio thread is gone.
    #[error("the audio thread ended by itself")]
    Lost,
}

/// Plays, measures and tells. `quit` ends it early, with what was measured until then; `tell` gets a line now and then.
///
/// # Errors
/// [`LoadError`]; once the first player is in, whatever happens is part of the report.
pub fn run(
    plan: &Plan,
    quit: &AtomicBool,
    tell: &mut dyn FnMut(&str),
) -> Result<Report, LoadError> {
    keep_to(plan.cpu)?;
    // Before anybody joins: a wrong pid is a slip at the keyboard.
    times_of(&plan.pids)?;
    let mut control = Control::start(plan)?;

    let refusal = control.fill(plan, quit, tell)?;
    control.wait(plan.settle, quit);
    tell("measuring");
    let (own, server) = (own_time(), times_of(&plan.pids)?);
    control.order(Order::Count(true));
    let began = Instant::now();
    let mut passed = control.play(plan, quit);
    control.order(Order::Count(false));
    let took = began.elapsed();
    let own = own_time().since(own);
    let server = server.into_iter().map(Before::used).collect();
    let entered = control.entered;
    let outcome = control.end(&mut passed)?;
    let load = Load {
        entered,
        refusal: refusal.map(|error| error.to_string()),
        took,
        passed,
        own,
        server,
    };
    Ok(Report::new(plan, load, &outcome))
}

/// The control thread's side.
struct Control {
    form: Form,
    orders: Producer<Order>,
    gone: Consumer<Box<Player>>,
    put_out: Arc<AtomicU32>,
    thread: JoinHandle<Outcome>,
    entered: u32,
}

/// A process of the server when the measurement begins.
struct Before {
    pid: u32,
    name: String,
    time: ProcessorTime,
}

impl Before {
    /// Until now. A server that is gone has used what nobody knows.
    fn used(self) -> Used {
        let now = ProcessorTime::of(self.pid).ok();
        Used {
            pid: self.pid,
            name: self.name,
            time: now.map(|now| now.since(self.time)),
        }
    }
}

impl Control {
    fn start(plan: &Plan) -> Result<Self, LoadError> {
        let &Plan {
            rate,
            period,
            channels,
            clients,
            churn,
            ..
        } = plan;
        let form = Form {
            rate,
            period,
            channels,
            levels: Levels::for_players(clients as usize),
        };
        // Whoever passes stays for a second, or a little longer when log-ins take their time.
        let room = clients as usize + 4 * churn as usize + 16;
        let (orders, orders_in) = RingBuffer::new(ORDERS);
        let (gone_in, gone) = RingBuffer::new(room);
        let put_out = Arc::new(AtomicU32::new(0));
        let pacer = Pacer::new(form, room, orders_in, gone_in, put_out.clone())
            .ok_or(LoadError::Form(rate, period))?;
        let thread = std::thread::Builder::new()
            .name("players".into())
            .spawn(|| pacer.run())
            .map_err(LoadError::Thread)?;
        Ok(Self {
            form,
            orders,
            gone,
            put_out,
            thread,
            entered: 0,
        })
    }

    /// Logs the steady players in. Gives why some of them did not get in.
    fn fill(
        &mut self,
        plan: &Plan,
        quit: &AtomicBool,
        tell: &mut dyn FnMut(&str),
    ) -> Result<Option<LoginError>, LoadError> {
        let began = Instant::now();
        let mut told = began;
        for index in 0..plan.clients {
            let due = began + Duration::from_secs_f64(f64::from(index) / plan.join_rate);
            wait_until(due, quit);
            if quit.load(Relaxed) {
                break;
            }
            match self.enter(plan, index, Part::Steady) {
                Ok(()) => self.entered += 1,
                Err(error) if index == 0 => return Err(error.into()),
                Err(error) => {
                    tell(&format!("player {index} did not get in: {error}"));
                    return Ok(Some(error));
                }
            }
            if told.elapsed() > TELL_EVERY {
                tell(&format!("{} of {} players are in", index + 1, plan.clients));
                told = Instant::now();
            }
        }
        let took = began.elapsed().as_secs_f64();
        tell(&format!(
            "{} of {} players are in, after {took:.1} s",
            self.entered, plan.clients
        ));
        Ok(None)
    }

    /// Waits out the measurement, with players passing through. Gives how those fared.
    fn play(&mut self, plan: &Plan, quit: &AtomicBool) -> Passed {
        let mut passed = Passed::default();
        let began = Instant::now();
        let end = began + plan.measure;
        let mut inside: std::collections::VecDeque<(u32, Instant)> = Default::default();
        let turns = if plan.churn > 0 { u32::MAX } else { 0 };
        for turn in 0..turns {
            let due = began + Duration::from_secs_f64(f64::from(turn) / f64::from(plan.churn));
            if due >= end || self.is_over(quit) {
                break;
            }
            wait_until(due, quit);
            let now = Instant::now();
            while let Some((index, _)) = inside.pop_front_if(|(_, until)| *until <= now) {
                self.order(Order::Leave(index));
            }
            self.take_back(&mut passed);
            let index = plan.clients + turn;
            passed.tried += 1;
            match self.enter(plan, index, Part::Passing) {
                Ok(()) => inside.push_back((index, Instant::now() + STAY)),
                Err(_) => passed.refused += 1,
            }
        }
        while Instant::now() < end && !self.is_over(quit) {
            let left = end.saturating_duration_since(Instant::now());
            std::thread::sleep(left.min(LOOK_EVERY));
        }
        passed
    }

    fn enter(&mut self, plan: &Plan, index: u32, part: Part) -> Result<(), LoginError> {
        let seat = log_in(plan.hub, index)?;
        let every = plan.clients.div_ceil(MOST_DATED);
        let is_dated = part == Part::Steady && index.is_multiple_of(every);
        let player = Player::new(index, part, seat.socket, self.form, is_dated);
        self.order(Order::Enter(Box::new(player)));
        Ok(())
    }

    fn order(&mut self, order: Order) {
        let mut order = Some(order);
        while let Some(one) = order.take() {
            match self.orders.push(one) {
                Err(rtrb::PushError::Full(one)) if !self.thread.is_finished() => {
                    order = Some(one);
                    std::thread::sleep(Duration::from_millis(1));
                }
                // The end of the thread is noticed when it is joined.
                _ => return,
            }
        }
    }

    fn wait(&self, time: Duration, quit: &AtomicBool) {
        wait_until(Instant::now() + time, quit);
    }

    fn is_over(&self, quit: &AtomicBool) -> bool {
        quit.load(Relaxed) || self.put_out.load(Relaxed) >= self.entered
    }

    /// Takes back players that passed; they are dropped here rather than on the audio thread.
    fn take_back(&mut self, passed: &mut Passed) {
        while let Ok(player) = self.gone.pop() {
            passed.note(&player);
        }
    }

    fn end(mut self, passed: &mut Passed) -> Result<Outcome, LoadError> {
        self.order(Order::End);
        let Self { thread, gone, .. } = &mut self;
        while !thread.is_finished() {
            std::thread::sleep(Duration::from_millis(1));
        }
        while let Ok(player) = gone.pop() {
            passed.note(&player);
        }
        self.thread.join().map_err(|_| LoadError::Lost)
    }
}

fn wait_until(due: Instant, quit: &AtomicBool) {
    while !quit.load(Relaxed) {
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        std::thread::sleep(left.min(LOOK_EVERY));
    }
}

fn times_of(pids: &[u32]) -> Result<Vec<Before>, LoadError> {
    let time_of = |&pid: &u32| {
        let time = ProcessorTime::of(pid).map_err(|source| LoadError::NoProcess { pid, source })?;
        let name = processor::name_of(pid).unwrap_or_default();
        Ok(Before { pid, name, time })
    };
    pids.iter().map(time_of).collect()
}

fn own_time() -> ProcessorTime {
    ProcessorTime::of(std::process::id()).unwrap_or_default()
}

#[cfg(target_os = "linux")]
fn keep_to(core: Option<usize>) -> Result<(), LoadError> {
    use nix::sched::{CpuSet, sched_setaffinity};
    use nix::unistd::Pid;
    let Some(core) = core else {
        return Ok(());
    };
    let mut cores = CpuSet::new();
    let kept = cores
        .set(core)
        .and_then(|()| sched_setaffinity(Pid::from_raw(0), &cores));
    kept.map_err(|errno| LoadError::Core {
        core,
        source: errno.into(),
    })
}

#[cfg(not(target_os = "linux"))]
fn keep_to(core: Option<usize>) -> Result<(), LoadError> {
    core.map_or(Ok(()), |core| {
        let source = std::io::ErrorKind::Unsupported.into();
        Err(LoadError::Core { core, source })
    })
}

/// Orders that the audio thread may be behind.
const ORDERS: usize = 256;

/// Players whose datagrams are dated; a hub treats the others no better.
const MOST_DATED: u32 = 64;

/// How long a passing player stays.
const STAY: Duration = Duration::from_secs(1);

/// How often the control thread looks around.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How often the log-ins are told of.
const TELL_EVERY: Duration = Duration::from_secs(2);
