//! A clip from one program to its like, through a relay, on two JACK servers.

use anyhow::{Result, ensure};
use farsend_netsim::PathConfig;
use farsend_score::{Plan as ScorePlan, Score, score};
use farsend_units::SampleRate;

use crate::lab::Machine;
use crate::lab::probe::{Plan, Probe};
use crate::lab::session::{Kind, Session, Setup};

/// Who carries the clip: the same program at both ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contender {
    /// JackTrip with `-q 4`, its default.
    Jacktrip,
    /// JackTrip with `-q 4 --bufstrategy 3`: with its concealment.
    JacktripConceals,
    /// JackTrip with `-q auto --bufstrategy 3`: that, and a queue that adapts.
    JacktripAuto,
    /// Farsend with its defaults.
    Farsend,
    /// Farsend as it is towards a JackTrip: without repair.
    FarsendAlone,
}

impl Contender {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Contender::Jacktrip => "JackTrip `-q 4`",
            Contender::JacktripConceals => "JackTrip `-q 4 --bufstrategy 3`",
            Contender::JacktripAuto => "JackTrip `-q auto --bufstrategy 3`",
            Contender::Farsend => "Farsend",
            Contender::FarsendAlone => "Farsend `--repair off`",
        }
    }

    fn kind(self) -> Kind {
        match self {
            Contender::Jacktrip | Contender::JacktripConceals | Contender::JacktripAuto => {
                Kind::Jacktrip
            }
            Contender::Farsend | Contender::FarsendAlone => Kind::Farsend,
        }
    }

    fn has_auto_queue(self) -> bool {
        !matches!(self, Contender::Jacktrip | Contender::JacktripConceals)
    }

    fn options(self) -> &'static [&'static str] {
        match self {
            Contender::Jacktrip | Contender::Farsend => &[],
            Contender::JacktripConceals | Contender::JacktripAuto => &["--bufstrategy", "3"],
            Contender::FarsendAlone => &["--repair", "off"],
        }
    }
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Found {
    /// How much of the clip came out.
    pub score: Score,
    /// Whether JACK kept its time at both ends; otherwise the machine was disturbed.
    pub undisturbed: bool,
    /// What Farsend says of the receiving end: dry blocks since its start.
    pub dry: Option<u64>,
}

/// Plays `clip` into the server and records it at the client, 48 kHz, 128 frames, mono, 16 bit.
///
/// # Errors
///
/// Where nothing can be recorded.
///
/// # Panics
///
/// Where a program does not start.
pub fn through(
    machine: &Machine,
    contender: Contender,
    network: PathConfig,
    clip: &[f32],
) -> Result<Found> {
    let kind = contender.kind();
    let setup = Setup {
        server: kind,
        client: kind,
        auto_queue: contender.has_auto_queue(),
        down: 1,
        up: 1,
        network: Some(network),
        ..Setup::MEASURED
    };
    let mut session = Session::start_with(machine, setup, contender.options());
    // What finds its depth by what it sees has seen something by then.
    std::thread::sleep(std::time::Duration::from_secs(SETTLE));
    let frames = clip.len() as u32 + LEAD_AND_TAIL * RATE.0;
    let listener = Plan {
        name: "listener",
        play: None,
        record: Some(("client:receive_", 1)),
        frames,
        sine: None,
    };
    let mut listener = Probe::start(machine, &session.b, &listener);
    listener.wait_connected();
    std::thread::sleep(std::time::Duration::from_secs(1));
    let mut player = Probe::start_clip(machine, &session.a, "player", ("server:send_", 1), clip);
    let begun_us = player.begun_us();
    let recording = listener.recording();
    let dry = match kind {
        Kind::Farsend => Some(session.client.farsend().next_statistics().dry),
        Kind::Jacktrip => None,
    };
    // Both servers' times are the machine's.
    let after_us = begun_us.checked_sub(recording.report.first_us);
    ensure!(after_us.is_some(), "the clip began before the recording");
    let skip = (after_us.unwrap_or(0) as f64 * f64::from(RATE.0) * 1e-6).round() as usize;
    let heard = recording.channels[0].get(skip..).unwrap_or_default();
    ensure!(
        heard.len() >= clip.len(),
        "the recording ended before the clip"
    );
    Ok(Found {
        score: score(clip, heard, &ScorePlan::new(RATE)),
        undisturbed: recording.report.is_undisturbed(),
        dry,
    })
}

const RATE: SampleRate = SampleRate::HZ_48000;

/// Seconds before anything is recorded.
const SETTLE: u64 = 6;

/// Seconds: from the recording's beginning to that of the clip, and behind its end.
const LEAD_AND_TAIL: u32 = 6;
