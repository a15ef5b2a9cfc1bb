//! What a session and each of its seats is opened with.

use farsend_ipc::message::WantedSession;
use farsend_ipc::segment::{EngineEnd, SegmentConfig, Watch};
use farsend_units::{Channels, Frames, SampleRate};

use super::Entrance;
use crate::backend::link::{Place, Seat, Source};
use crate::control::wishes::Refused;
use crate::engine::{RunError, Session};
use crate::net::tcp::LogInError;
use crate::net::udp::BindError;
use crate::settings::SessionSettings;

/// A segment for an instance, and its part of the session.
pub(super) fn seat(
    id: u64,
    wanted: &WantedSession,
    sources: &[Source],
) -> Result<((Box<Seat>, Watch), Entrance), Refused> {
    let block = wanted.block.clamp(Frames(1), LARGEST_BLOCK);
    let period = wanted.period.min(LARGEST_BLOCK);
    let capacity = (4 * block.0 + 4 * period.0)
        .next_power_of_two()
        .clamp(4096, 131_072);
    let config = SegmentConfig {
        send: wanted.send,
        receive: wanted.receive,
        rate: wanted.rate,
        capacity: Frames(capacity),
    };
    let (end, handle) =
        EngineEnd::create(config).map_err(|error| Refused::because(&error, TRY_AGAIN))?;
    let (watch, generation) = (end.watch(), end.generation());
    let first = wanted
        .share
        .as_ref()
        .map_or(Channels(0), |share| share.first);
    let seat = Seat::hearing(id, end, Place { first }, sources);
    let entrance = Entrance {
        seat: id,
        generation,
        handle,
    };
    Ok(((seat, watch), entrance))
}

/// Whether a hub that says this is not to be asked again as it is.
pub(super) fn is_final(error: &LogInError) -> bool {
    error.is_about_the_user()
        || matches!(
            error,
            LogInError::Denied { .. }
                | LogInError::OtherCertificate { .. }
                | LogInError::TooOld { .. }
        )
}

/// Builds the session.
pub(super) fn build(
    settings: &SessionSettings,
    rate: SampleRate,
    period: Frames,
    block: Frames,
) -> Result<Session, Refused> {
    Session::build(settings, rate, period, block).map_err(|error| match error {
            RunError::Bind(BindError::PortBusy { port, owner, .. }) => {
                let ours = format!("(pid {})", std::process::id());
                let (owner, advice) = match owner {
                    Some(owner) if owner.ends_with(&ours) => (
                        "another instance of the plugin".into(),
                        "Choose another port, or give both instances the same session's name to share it.",
                    ),
                    Some(owner) => (owner, "Choose another port, or end that program."),
                    None => (
                        "another program".into(),
                        "Choose another port, or end that program.",
                    ),
                };
                Refused::new(
                    format!("UDP port {port} is taken by {owner}"),
                    advice,
                )
            }
            error @ RunError::Resolve(_) => {
                Refused::because(
                    &error,
                    "Check the address and that this machine is online.",
                )
            }
            error => Refused::because(&error, "Check the session's settings."),
    })
}

/// The largest block that is handled as one.
pub(super) const LARGEST_BLOCK: Frames = Frames(8192);

pub(super) const TRY_AGAIN: &str = "Close other plugins or programs and try again.";
