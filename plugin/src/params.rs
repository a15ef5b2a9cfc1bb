//! What a host can automate, and what it saves.

use std::sync::Arc;

use nice_plug::prelude::*;

use crate::mix::Gains;
use crate::state::SessionStore;

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

impl FarsendParams {
    /// As a new instance has them.
    pub fn new(session: Arc<SessionStore>) -> Self {
        Self {
            mode: EnumParam::new("Mode", Mode::SendReturn),
            dry: gain("Dry", 0.0),
            send: gain("Send gain", 1.0),
            returned: gain("Return gain", 1.0),
            bypass: BoolParam::new("Bypass", false).make_bypass(),
            record: BoolParam::new("Record takes", false),
            session,
        }
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
