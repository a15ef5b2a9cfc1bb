//! What a host can automate, and what it saves.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

use farsend_ipc::message::Listening;
use nice_plug::prelude::*;

use crate::choice::{self, Choice, Names};
use crate::mix::Gains;
use crate::state::{QUEUE, Session, SessionStore};

/// The plugin's parameters and its saved session.
#[derive(Params)]
pub struct FarsendParams {
    /// What is sent, and what comes out.
    #[id = "mode"]
    pub mode: EnumParam<Mode>,

    /// How much of the input is heard beside the far end, linear. Off by default.
    #[id = "dry"]
    pub dry: FloatParam,

    /// Gain before sending, linear.
    #[id = "send"]
    pub send: FloatParam,

    /// Gain of what the far end plays, linear.
    #[id = "return"]
    pub returned: FloatParam,

    /// The host's bypass: the input passes, and nothing is sent or returned.
    #[id = "bypass"]
    pub bypass: BoolParam,

    /// Record what the far end plays, and what is sent, while the host rolls.
    #[id = "record"]
    pub record: BoolParam,

    /// What the host is told of the delay.
    #[id = "latency"]
    pub latency: EnumParam<Latency>,

    /// Each change to *on* measures the delay once.
    #[id = "ping"]
    pub ping: BoolParam,

    /// Whether there should be a connection; the session says it, too.
    #[id = "connect"]
    pub connect: BoolParam,

    /// The queue in packets, 0: automatic; the session says it, too.
    #[id = "queue"]
    pub queue: IntParam,

    /// Nothing is sent.
    #[id = "mute-send"]
    pub mute_send: BoolParam,

    /// The far end is not heard.
    #[id = "mute-return"]
    pub mute_return: BoolParam,

    /// Whom this track hears, in place of what the session says: see [`choice`].
    #[id = "player"]
    pub player: IntParam,

    /// Where the host renders, the takes are heard in place of the far end.
    #[id = "render"]
    pub render: BoolParam,

    /// What the players are called that *Player* tells of.
    pub names: Arc<Names>,

    /// The session that is wanted.
    #[nested]
    pub session: Arc<SessionStore>,
}

impl std::fmt::Debug for FarsendParams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FarsendParams")
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

/// What is sent, and what comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum Mode {
    /// The input is sent and passes on unchanged; the far end is not heard.
    #[id = "send"]
    #[name = "Send"]
    Send,
    /// Nothing is sent; the far end is heard, with as much of the input as `dry` says.
    #[id = "return"]
    #[name = "Return"]
    Return,
    /// Both at once.
    #[id = "send-return"]
    #[name = "Send and return"]
    SendReturn,
}

/// What the host is told of the delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum Latency {
    /// That there is none: what comes back is heard as soon as it can be. For playing together.
    #[id = "live"]
    #[name = "Live"]
    Live,
    /// The truth, so that it compensates: for a way out and back in a mix.
    #[id = "aligned"]
    #[name = "Aligned"]
    Aligned,
}

impl FarsendParams {
    /// As a new instance has them. `pings` counts what is asked of *Ping*.
    pub fn new(session: Arc<SessionStore>, pings: Arc<AtomicU32>) -> Self {
        let ping = move |on: bool| {
            // May be the audio thread's.
            if on {
                pings.fetch_add(1, Relaxed);
            }
        };
        let names = Arc::new(Names::default());
        Self {
            mode: EnumParam::new("Mode", Mode::SendReturn),
            dry: gain("Dry", 0.0),
            send: gain("Send gain", 1.0),
            returned: gain("Return gain", 1.0),
            bypass: BoolParam::new("Bypass", false).make_bypass(),
            record: BoolParam::new("Record takes", false),
            latency: EnumParam::new("Latency", Latency::Live),
            ping: switch("Ping", ["Off", "Ping"]).with_callback(Arc::new(ping)),
            connect: switch("Connect", ["Off", "On"]),
            queue: queue(),
            mute_send: switch("Mute send", ["Off", "Muted"]),
            mute_return: switch("Mute return", ["Off", "Muted"]),
            player: choice::parameter(&names),
            render: BoolParam::new("Render from takes", true),
            names,
            session,
        }
    }

    /// Has the parameters say what the session says, which was just loaded. The host looks at them anew after that.
    #[allow(unsafe_code, reason = "the framework sets parameters by pointers")]
    pub fn agree(&self, session: &Session) {
        let queue = self.queue.preview_normalized(session.queue.into());
        let connect = f32::from(u8::from(session.connected));
        for (parameter, value) in [
            (self.connect.as_ptr(), connect),
            (self.queue.as_ptr(), queue),
            // Nobody presses a button by loading a project.
            (self.ping.as_ptr(), 0.0),
        ] {
            // SAFETY: it points to a field of ours, and a parameter's value is atomic.
            unsafe { parameter._internal_set_normalized_value(value) };
        }
    }

    /// Whom this track hears: as the host says, else as the session does.
    pub fn listening(&self, session: &Session) -> Listening {
        let chosen = self.names.look(Choice::of(self.player.value()));
        chosen.unwrap_or_else(|| session.listening())
    }

    /// What the parameters ask of the audio now.
    pub fn gains(&self) -> Gains {
        let (dry, send, returned) = (
            audible(self.dry.value()),
            audible(self.send.value()),
            audible(self.returned.value()),
        );
        if self.bypass.value() {
            return Gains {
                dry: 1.0,
                send: 0.0,
                returned: 0.0,
            };
        }
        let send = if self.mute_send.value() { 0.0 } else { send };
        let returned = if self.mute_return.value() {
            0.0
        } else {
            returned
        };
        match self.mode.value() {
            Mode::Send => Gains {
                dry: 1.0,
                send,
                returned: 0.0,
            },
            Mode::Return => Gains {
                dry,
                send: 0.0,
                returned,
            },
            Mode::SendReturn => Gains {
                dry,
                send,
                returned,
            },
        }
    }
}

/// Off or on, in these words; read in others, too.
fn switch(name: &str, words: [&'static str; 2]) -> BoolParam {
    let [off, on] = words;
    BoolParam::new(name, false)
        .with_value_to_string(Arc::new(move |value| {
            if value { on } else { off }.to_owned()
        }))
        .with_string_to_value(Arc::new(move |text| {
            let text = text.trim().to_lowercase();
            let is = |words: [&str; 4]| words.iter().any(|word| word.to_lowercase() == text);
            if is([on, "on", "yes", "1"]) {
                Some(true)
            } else if is([off, "off", "no", "0"]) {
                Some(false)
            } else {
                None
            }
        }))
}

/// 0 and up, in packets.
fn queue() -> IntParam {
    let range = IntRange::Linear {
        min: i32::from(*QUEUE.start()),
        max: i32::from(*QUEUE.end()),
    };
    IntParam::new("Queue", 0, range)
        .with_value_to_string(Arc::new(|packets| match packets {
            0 => "Automatic".to_owned(),
            1 => "1 packet".to_owned(),
            packets => format!("{packets} packets"),
        }))
        .with_string_to_value(Arc::new(|text| {
            let text = text.trim().to_lowercase();
            let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
            if "automatic".starts_with(&text) && !text.is_empty() {
                Some(0)
            } else {
                digits.parse().ok()
            }
        }))
}

/// The loudest that a gain goes, in dB.
const MOST_DB: f32 = 12.0;

/// From off to [`MOST_DB`], most of the way for what is musical; shown in dB.
fn gain(name: &str, default: f32) -> FloatParam {
    let range = FloatRange::Skewed {
        min: 0.0,
        max: util::db_to_gain(MOST_DB),
        factor: FloatRange::gain_skew_factor(-60.0, MOST_DB),
    };
    FloatParam::new(name, default, range)
        .with_unit(" dB")
        .with_value_to_string(formatters::v2s_f32_gain_to_db(1))
        .with_string_to_value(formatters::s2v_f32_gain_to_db())
}

/// A gain that a saved state may have made anything.
fn audible(gain: f32) -> f32 {
    if gain.is_finite() {
        gain.clamp(0.0, util::db_to_gain(MOST_DB))
    } else {
        0.0
    }
}
