//! Builds the parts of a session on the control thread, hands the audio to its thread, watches, and takes it back.

mod failure;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use farsend_protocol::jacktrip::{Event, Remark};
use farsend_rt::{LatestReader, clock, latest};
use farsend_units::{Frames, SampleRate};
use farsend_wire::jacktrip::{Hello, Name};
use rtrb::{Consumer, Producer, RingBuffer};

pub use self::failure::RunError;
use crate::audio::AudioPath;
use crate::backend::file::{FileEars, Progress, WavInput};
use crate::backend::jack::{JackBackend, JackEvent, OpenClient};
use crate::backend::timer::{Deaf, Ears, TimerBackend};
use crate::control::report::Reporter;
use crate::control::typed::Typed;
use crate::control::writing;
use crate::exit::Exit;
use crate::keeping::{Keeping, keeping};
use crate::membership::{Membership, Told};
use crate::net::resolve::resolve;
use crate::net::tcp::LogInError;
use crate::net::udp::{AudioSocket, BindError, SendHandle};
use crate::peers::{Beat, Line, LinkEvent, PeerLink, Word, say_goodbye};
use crate::settings::{BackendSettings, Role, SessionSettings};
use crate::sounding::Sounding;
use crate::statistics::Statistics;

/// A session's halves: the audio for whoever paces it, and what the control thread keeps.
#[derive(Debug)]
pub struct Session {
    /// For the audio thread.
    pub path: Box<AudioPath>,
    /// For the control thread.
    pub desk: Desk,
}

/// The control thread's end of a session.
#[derive(Debug)]
pub struct Desk {
    /// What happened.
    pub events: Consumer<LinkEvent>,
    /// What it is doing.
    pub statistics: LatestReader<Statistics>,
    /// Whom we call, if we do. Of a hub: its TCP port.
    pub remote: Option<SocketAddr>,
    /// Our UDP port.
    pub port: u16,
    /// What a peer that records wants to be kept. Nothing is unless it is looked after.
    keeping: Keeping,
    sounding: Sounding,
    /// Our place at a hub, if we join one. Nobody is called unless it is polled.
    pub membership: Option<Membership>,
    /// `None`: nobody is called from here.
    goodbye: Option<SendHandle>,
    /// `None`: nobody can be told anything from here.
    words: Option<Producer<Word>>,
}

impl Session {
    /// Resolves, binds and allocates everything. `period` is what each packet of ours will hold, `block` the
    /// largest local block.
    ///
    /// # Errors
    /// [`RunError`], for a host, port, rate or shape of packets that cannot be had.
    pub fn build(
        settings: &SessionSettings,
        rate: SampleRate,
        period: Frames,
        block: Frames,
    ) -> Result<Self, RunError> {
        let remote = match &settings.role {
            Role::Client { host, port } | Role::Member { host, port, .. } => {
                Some(resolve(host, *port)?)
            }
            Role::Server => None,
        };
        let socket = match AudioSocket::bind(settings.bind_port, remote) {
            Err(BindError::PortBusy { .. }) if settings.or_any_port => AudioSocket::bind(0, remote),
            bound => bound,
        }?;
        let system = |source| RunError::System {
            what: "a second handle to the socket",
            source,
        };
        let (out, goodbye) = (
            socket.try_clone().map_err(system)?,
            socket.try_clone().map_err(system)?,
        );
        let port = socket.port().unwrap_or(settings.bind_port);
        let (events, received) = RingBuffer::new(EVENTS);
        let (publisher, statistics) = latest(Statistics::default());
        let line = Line {
            socket,
            out,
            remote,
        };
        let beat = Beat {
            rate,
            period,
            block,
        };
        let mut link = PeerLink::new(settings, line, beat, events)?;
        let (keeping, histories) = keeping();
        link.keep_in(histories);
        let membership = match (&settings.role, remote) {
            (Role::Member { name, .. }, Some(hub)) => {
                let hello = Hello { port, name: *name };
                let credentials = settings.credentials.clone();
                let (membership, invitations) =
                    Membership::new(hub, hello, credentials, settings.give_up);
                link.await_invitations(invitations);
                Some(membership)
            }
            _ => None,
        };
        let (words, said) = RingBuffer::new(WORDS);
        link.await_words(said);
        let path = Box::new(AudioPath::new(
            link,
            settings.loopback,
            rate,
            settings.send,
            settings.receive,
            publisher,
        ));
        Ok(Self {
            path,
            desk: Desk {
                events: received,
                statistics,
                remote,
                port,
                keeping,
                sounding: Sounding::default(),
                membership,
                goodbye: Some(goodbye),
                words: Some(words),
            },
        })
    }
}

impl Desk {
    /// Of a hub of ours, which looks after its players itself: its port, and how its own audio does.
    pub fn of_hub(port: u16, statistics: LatestReader<Statistics>) -> Self {
        Self {
            events: RingBuffer::new(1).1,
            statistics,
            remote: None,
            port,
            keeping: keeping().0,
            sounding: Sounding::default(),
            membership: None,
            words: None,
            goodbye: None,
        }
    }

    /// Says goodbye, through the path if its thread gave it back, else around it.
    pub fn leave(&mut self, path: Option<Box<AudioPath>>) {
        if let Some(mut path) = path {
            path.leave();
            return;
        }
        let may = self.membership.as_ref().is_none_or(Membership::is_heard);
        let remote = self.statistics.read().remote.filter(|_| may);
        if let (Some(remote), Some(goodbye)) = (remote, &self.goodbye) {
            say_goodbye(goodbye, remote);
        }
    }

    /// Looks after what the session needs of the control thread. Some times a second.
    pub fn attend(&mut self) {
        let now = self.statistics.read();
        self.keeping.attend(&now);
        self.sounding.attend(&now);
        if let Some(trip) = self.sounding.news()
            && self.tell(Word::Sounded(trip))
        {
            self.sounding.told(trip);
        }
    }

    /// What the session is doing, with what only the control thread knows of it.
    pub fn numbers(&mut self) -> Statistics {
        Statistics {
            echoed: self.sounding.round_trip(),
            ..self.statistics.read()
        }
    }

    /// Has this written to the peer: [`LinkEvent::Talked`] tells what becomes of it. False if too much waits.
    pub fn say(&mut self, line: Remark) -> bool {
        self.tell(Word::Line(line))
    }

    /// What we are called from now on, for a peer that is a Farsend. False if too much waits.
    pub fn call_us(&mut self, name: Name) -> bool {
        self.tell(Word::Called(name))
    }

    /// The colour of what we play on from now on, likewise.
    pub fn colour_us(&mut self, colour: Option<[u8; 3]>) -> bool {
        self.tell(Word::Coloured(colour))
    }

    fn tell(&mut self, word: Word) -> bool {
        let words = self.words.as_mut();
        words.is_some_and(|words| words.push(word).is_ok())
    }

    /// Looks after our place at a hub; what has happened to it, if anything.
    pub fn poll_membership(&mut self) -> Option<Told> {
        let membership = self.membership.as_mut()?;
        membership.poll(self.statistics.read().refused)
    }
}

/// What the program was asked to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The session.
    pub session: SessionSettings,
    /// Who paces it.
    pub backend: BackendSettings,
}

/// Runs one session from the beginning to its end, which is a signal, the end of a file or of the peer.
///
/// # Errors
/// [`RunError`] when it cannot begin.
pub fn run(
    request: &Request,
    reporter: &mut Reporter,
    quit: &Arc<AtomicBool>,
) -> Result<Exit, RunError> {
    let mut typed = Typed::of_terminal();
    loop {
        let mut running = Running::start(request, reporter)?;
        match running.watch(request, reporter, &mut typed, quit) {
            Ended::For(exit) => return running.finish(exit, reporter),
            Ended::NotLetIn(why) => {
                _ = running.finish(Exit::Other, reporter)?;
                return Err(why.into());
            }
            Ended::ToStartAnew => _ = running.finish(Exit::Done, reporter)?,
        }
    }
}

/// A session in progress.
struct Running {
    desk: Desk,
    pacer: Pacer,
    rate: SampleRate,
}

/// Who paces it, running.
enum Pacer {
    Jack(JackBackend<AudioPath>),
    Timer(TimerBackend),
    File {
        timer: TimerBackend,
        progress: Progress,
    },
}

enum Ended {
    For(Exit),
    /// By the hub.
    NotLetIn(LogInError),
    /// The local rate changed.
    ToStartAnew,
}

impl Running {
    fn start(request: &Request, reporter: &mut Reporter) -> Result<Self, RunError> {
        match &request.backend {
            BackendSettings::Jack { name, connect } => {
                let open = OpenClient::open(name)?;
                let (rate, period) = (open.rate(), open.period());
                let settings = &request.session;
                check_rate(rate)?;
                let Session { path, desk } =
                    Session::build(settings, rate, period, LARGEST_JACK_PERIOD)?;
                reporter.started(&desk, settings, rate, period);
                let backend = open.start(path, settings.send, settings.receive, *connect)?;
                Ok(Self {
                    desk,
                    pacer: Pacer::Jack(backend),
                    rate,
                })
            }
            BackendSettings::Timer { rate, period } => {
                let session = Self::timed(request, reporter, *rate, *period)?;
                Self::pace(request, session, Box::new(Deaf), *rate, *period, None)
            }
            BackendSettings::File {
                input,
                record,
                rate,
                period,
                tail,
            } => {
                let input = input.as_deref().map(WavInput::open).transpose()?;
                let rate = rate
                    .or(input.as_ref().map(WavInput::rate))
                    .unwrap_or(SampleRate::HZ_48000);
                if let Some(input) = input.as_ref().filter(|input| input.rate() != rate) {
                    reporter.note(&format!(
                        "the input's rate is {}, not {rate}: it is converted",
                        input.rate(),
                    ));
                }
                if let Some(input) = &input {
                    reporter.note(&format!(
                        "the input plays for {:.1} s once the peer is there",
                        input.duration().as_secs_f64()
                    ));
                }
                let session = Self::timed(request, reporter, rate, *period)?;
                let input = input.map(|input| input.converted_to(rate));
                let receive = request.session.receive;
                let ears = FileEars::start(input, record.as_deref(), rate, receive, *tail)?;
                let progress = ears.progress();
                reporter.recording(&progress.news());
                Self::pace(
                    request,
                    session,
                    Box::new(ears),
                    rate,
                    *period,
                    Some(progress),
                )
            }
        }
    }

    fn timed(
        request: &Request,
        reporter: &mut Reporter,
        rate: SampleRate,
        period: Frames,
    ) -> Result<Session, RunError> {
        check_rate(rate)?;
        let session = Session::build(&request.session, rate, period, period)?;
        reporter.started(&session.desk, &request.session, rate, period);
        Ok(session)
    }

    fn pace(
        request: &Request,
        session: Session,
        ears: Box<dyn Ears>,
        rate: SampleRate,
        period: Frames,
        progress: Option<Progress>,
    ) -> Result<Self, RunError> {
        let SessionSettings { send, receive, .. } = request.session;
        let timer = TimerBackend::start(session.path, ears, rate, period, send, receive).map_err(
            |source| RunError::System {
                what: "an audio thread",
                source,
            },
        )?;
        let pacer = match progress {
            Some(progress) => Pacer::File { timer, progress },
            None => Pacer::Timer(timer),
        };
        Ok(Self {
            desk: session.desk,
            pacer,
            rate,
        })
    }

    /// Reports until something ends the session.
    fn watch(
        &mut self,
        request: &Request,
        reporter: &mut Reporter,
        typed: &mut Option<Typed>,
        quit: &AtomicBool,
    ) -> Ended {
        let mut next_report = Instant::now() + REPORT_EVERY;
        loop {
            if quit.load(Relaxed) {
                return Ended::For(Exit::Done);
            }
            std::thread::sleep(LOOK_EVERY);
            while let Ok(event) = self.desk.events.pop() {
                reporter.event(&event, &self.desk);
                if let Some(exit) = ending(&event, &request.session) {
                    return Ended::For(exit);
                }
                if let Some(membership) = &mut self.desk.membership {
                    membership.note(&event);
                }
            }
            self.desk.attend();
            for text in typed.iter_mut().flat_map(Typed::lines) {
                self.write(&text, reporter);
            }
            match self.desk.poll_membership() {
                Some(Told::Failed(why)) => return Ended::NotLetIn(why),
                Some(told) => {
                    reporter.membership(&told);
                    if request.session.once && matches!(told, Told::Lost(_)) {
                        return Ended::For(Exit::PeerSilent);
                    }
                }
                None => {}
            }
            if let Pacer::Jack(backend) = &mut self.pacer
                && let Some(event) = backend.poll()
            {
                reporter.jack(event);
                if matches!(event, JackEvent::RateChanged { .. }) {
                    return Ended::ToStartAnew;
                }
            }
            if let Pacer::File { progress, .. } = &self.pacer
                && progress.done.load(Relaxed)
            {
                return Ended::For(Exit::Done);
            }
            if Instant::now() >= next_report {
                next_report += REPORT_EVERY;
                if let Pacer::File { progress, .. } = &self.pacer {
                    reporter.recording(&progress.news());
                }
                let statistics = self.desk.numbers();
                reporter.statistics(&statistics, &self.desk, self.rate, self.xruns());
            }
        }
    }

    /// What was typed is for the peer.
    fn write(&mut self, text: &str, reporter: &mut Reporter) {
        reporter.entered(text);
        for line in writing::lines(text, 0) {
            if self.desk.say(line) {
                reporter.wrote(&line);
            } else {
                reporter.note("too much is on its way already: that was not sent");
            }
        }
    }

    fn xruns(&self) -> u64 {
        match &self.pacer {
            Pacer::Jack(backend) => backend.xruns(),
            Pacer::Timer(timer) | Pacer::File { timer, .. } => timer.xruns(),
        }
    }

    /// Takes the audio back, says goodbye, completes the recording.
    fn finish(mut self, exit: Exit, reporter: &mut Reporter) -> Result<Exit, RunError> {
        let xruns = self.xruns();
        let (path, progress) = match self.pacer {
            Pacer::Jack(backend) => (backend.stop(), None),
            Pacer::Timer(timer) => (timer.stop(), None),
            Pacer::File { timer, progress } => (timer.stop(), Some(progress)),
        };
        self.desk.leave(path);
        if let Some(progress) = progress {
            reporter.recording(&progress.news());
            let recorded = progress.finish();
            let lost = progress.lost.load(Relaxed);
            if lost > 0 && recorded.is_ok() {
                reporter.note(&format!(
                    "the disk was too slow: {lost} frames are silence in the recording"
                ));
            }
            recorded?;
        }
        reporter.ended(&self.desk.statistics.read(), self.rate, xruns);
        Ok(exit)
    }
}

/// Whether an event ends the program, and with what.
fn ending(event: &LinkEvent, settings: &SessionSettings) -> Option<Exit> {
    let ends_alone = settings.once || settings.role != Role::Server;
    match event {
        LinkEvent::Peer(Event::Left) if settings.once => Some(Exit::Done),
        LinkEvent::Peer(Event::GaveUp) => Some(Exit::PeerSilent),
        LinkEvent::Unplayable(_) if ends_alone => Some(Exit::Mismatch),
        _ => None,
    }
}

fn check_rate(rate: SampleRate) -> Result<(), RunError> {
    farsend_wire::jacktrip::rate_code(rate)
        .map(|_| ())
        .ok_or(RunError::Rate(rate))
}

/// Sets `quit` on the first SIGINT or SIGTERM; a second one ends the program at once.
///
/// # Errors
/// When the system refuses the handler.
pub fn quit_on_signals() -> std::io::Result<Arc<AtomicBool>> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let quit = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 1, quit.clone())?;
        signal_hook::flag::register(signal, quit.clone())?;
    }
    // So that the clock's first reading is not on an audio thread.
    _ = clock::now();
    Ok(quit)
}

/// Events that the control thread may be behind.
const EVENTS: usize = 256;

/// What people can have written in a period: a bound on the work of one.
const WORDS: usize = 8;

/// How often the control thread looks around.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How often the numbers are told.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// JACK's largest period: its server may change to it while we run.
const LARGEST_JACK_PERIOD: Frames = Frames(8192);
