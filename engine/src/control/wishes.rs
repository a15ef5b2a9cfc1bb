//! What a plugin instance wants, checked: it came from another process.

use std::path::Path;
use std::time::Duration;

use farsend_ipc::message::{
    HubUser, MOST_OUTPUTS, Patch, Role as WantedRole, Share, WantedSession,
};
use farsend_stream::DepthPolicy;
use farsend_units::Channels;
use farsend_wire::jacktrip::Name;
use farsend_wire::sample::SampleFormat;

use crate::cli::secret;
use crate::credentials::{Credentials, Password};
use crate::engine::RunError;
use crate::hub::{AuthSettings, HubSettings, LocalSettings, OscPort, PatchMode, Through};
use crate::settings::{MAX_CHANNELS, Role, SessionSettings};

/// Why a plugin does not get what it wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    /// What is wrong.
    pub(super) why: String,
    /// What to do.
    pub(super) advice: String,
    /// It may pass by itself in a moment.
    pub(super) passes: bool,
}

impl Refused {
    /// For this reason.
    pub(super) fn new(why: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            advice: advice.into(),
            passes: false,
        }
    }

    /// The same, which may pass by itself.
    pub(super) fn for_now(self) -> Self {
        Self {
            passes: true,
            ..self
        }
    }

    /// Because of an error.
    pub(super) fn because(error: &dyn std::error::Error, advice: &str) -> Self {
        Self::new(error.to_string(), advice)
    }
}

/// Whether this instance takes part in a session that it cannot open itself: it does not say whom to call.
pub(super) fn is_guest(wanted: &WantedSession) -> bool {
    let calls = matches!(wanted.role, WantedRole::Client | WantedRole::Member);
    wanted.share.is_some() && calls && wanted.host.trim().is_empty()
}

/// Whether both want the same connection, whatever part of it they want. That one knows the password is enough.
pub(super) fn is_same(one: &WantedSession, other: &WantedSession) -> bool {
    let connection = |wanted: &WantedSession| {
        let host = wanted.host.trim().to_owned();
        let at = match wanted.role {
            WantedRole::Server | WantedRole::Hub => (String::new(), wanted.port),
            WantedRole::Client | WantedRole::Member => (host, wanted.peer_port),
        };
        let HubUser {
            name,
            user,
            fingerprint,
            ..
        } = &wanted.user;
        let user = (wanted.role == WantedRole::Member)
            .then(|| [name, user, fingerprint].map(|text| text.trim().to_owned()));
        let channels = wanted.share.as_ref().map(|share| share.channels);
        let hub = (wanted.role == WantedRole::Hub).then(|| wanted.hub.clone());
        (wanted.role, at, user, channels, hub)
    };
    let packets =
        |wanted: &WantedSession| (wanted.bits, wanted.queue, wanted.redundancy, wanted.period);
    connection(one) == connection(other) && packets(one) == packets(other)
}

/// What is about the instance itself.
///
/// # Errors
/// [`Refused`], in words for the plugin's window.
pub(super) fn check_instance(wanted: &WantedSession) -> Result<(), Refused> {
    let most = MAX_CHANNELS as u64;
    let (send, receive) = (wanted.send.get() as u64, wanted.receive.get() as u64);
    in_range("The number of channels to send", send, 1, most)?;
    in_range("The number of channels to receive", receive, 1, most)?;
    let outputs = wanted.outputs.len() as u64;
    in_range(
        "The number of further outputs",
        outputs,
        0,
        MOST_OUTPUTS as u64,
    )?;
    let first = first_output(wanted).get() as u64;
    in_range("The number of channels of the first output", first, 1, most)?;
    if farsend_wire::jacktrip::rate_code(wanted.rate).is_none() {
        let error = RunError::Rate(wanted.rate);
        return Err(Refused::because(&error, "Set the project to one of these."));
    }
    let Some(Share {
        session,
        channels,
        first,
    }) = &wanted.share
    else {
        return Ok(());
    };
    let name = session.trim();
    if name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
        let advice = format!("Use 1 to {LONGEST_NAME} letters, digits or spaces.");
        return Err(Refused::new("That is no name of a session", advice));
    }
    in_range(
        "The number of channels of the session",
        channels.get() as u64,
        0,
        most,
    )?;
    in_range("The first channel", first.get() as u64, 0, most)
}

/// Channels of an instance's first output, which the others leave.
pub(super) fn first_output(wanted: &WantedSession) -> Channels {
    let others = 2 * wanted.outputs.len().min(MOST_OUTPUTS) as u8;
    Channels(wanted.receive.0.saturating_sub(others))
}

/// Channels each way of the connection that this instance opens.
pub(super) fn width(wanted: &WantedSession) -> [Channels; 2] {
    match &wanted.share {
        None => [wanted.send, first_output(wanted)],
        Some(share) if share.channels > Channels(0) => [share.channels; 2],
        // Others come with stereo tracks.
        Some(_) => [
            wanted.send.max(Channels(2)),
            first_output(wanted).max(Channels(2)),
        ],
    }
}

/// What the connection is to be, that this instance opens.
///
/// # Errors
/// [`Refused`], in words for the plugin's window.
pub(super) fn settings(wanted: &WantedSession) -> Result<SessionSettings, Refused> {
    let depth = depth(wanted.queue)?;
    in_range("The redundancy", wanted.redundancy.into(), 1, 16)?;
    let period = wanted.period.0.into();
    in_range("The number of frames in a packet", period, 1, 8192)?;
    let samples = SampleFormat::from_bits(wanted.bits).ok_or_else(|| {
        let why = format!("{} bits a sample", wanted.bits);
        Refused::new(why, "Set it to 8, 16, 24 or 32.")
    })?;
    let (host, port) = (wanted.host.trim().to_owned(), wanted.peer_port);
    if host.is_empty() && matches!(wanted.role, WantedRole::Client | WantedRole::Member) {
        let advice = "Type the far end's name or IP address.";
        return Err(Refused::new("There is no address to call", advice));
    }
    let (role, samples) = match wanted.role {
        // A JackTrip that calls ends the session unless it is answered in its own bits.
        WantedRole::Server | WantedRole::Hub => (Role::Server, None),
        WantedRole::Client => (Role::Client { host, port }, Some(samples)),
        WantedRole::Member => {
            let name = if wanted.user.name.trim().is_empty() {
                &wanted.name
            } else {
                &wanted.user.name
            };
            let name = Name::new(name.trim());
            (Role::Member { host, port, name }, Some(samples))
        }
    };
    let credentials = match wanted.role {
        WantedRole::Member => credentials(&wanted.user)?,
        WantedRole::Server | WantedRole::Client | WantedRole::Hub => None,
    };
    let name = match wanted.role {
        WantedRole::Client | WantedRole::Server => Name::new(wanted.name.trim()),
        // Said at the log-in, or nobody asks.
        WantedRole::Member | WantedRole::Hub => Name::EMPTY,
    };
    let [send, receive] = width(wanted);
    Ok(SessionSettings {
        name,
        // A project is left open over night, and the hub is back in the morning.
        give_up: matches!(role, Role::Member { .. }).then_some(HUB_PATIENCE),
        role,
        bind_port: wanted.port,
        // Another instance may have it.
        or_any_port: !matches!(wanted.role, WantedRole::Server),
        send,
        receive,
        samples,
        credentials,
        depth,
        redundancy: wanted.redundancy,
        ..SessionSettings::default()
    })
}

/// What the hub is to be, that this instance opens.
///
/// # Errors
/// [`Refused`], in words for the plugin's window.
pub(super) fn hub(wanted: &WantedSession) -> Result<HubSettings, Refused> {
    let session = settings(wanted)?;
    let players = match wanted.hub.players {
        0 => USUAL_PLAYERS,
        players => players,
    };
    in_range("The number of players", players.into(), 1, MOST_PLAYERS)?;
    let auth = wanted.hub.users.as_ref().map(|files| AuthSettings {
        certificate: files.certificate.trim().into(),
        key: files.key.trim().into(),
        users: files.users.trim().into(),
    });
    let [send, receive] = width(wanted);
    Ok(HubSettings {
        port: wanted.port,
        udp_port: wanted.port,
        osc: OscPort::Nowhere,
        rate: wanted.rate,
        period: wanted.period,
        auth,
        patch: match wanted.hub.patch {
            Patch::Others => PatchMode::Others,
            Patch::All => PatchMode::All,
            // Of what is captured at the hub only.
            Patch::Nobody => PatchMode::Server,
        },
        // Tracks are stereo, and a voice has one channel.
        upmix: true,
        local: Some(LocalSettings {
            channels: send.max(receive),
            through: Through::Instances,
        }),
        include_local: wanted.hub.patch != Patch::Nobody,
        players: usize::from(players),
        depth: session.depth,
        ..HubSettings::default()
    })
}

/// How deep a queue of so many packets is; 0: automatic.
///
/// # Errors
/// [`Refused`], in words for the plugin's window.
pub(super) fn depth(queue: u16) -> Result<DepthPolicy, Refused> {
    in_range("The queue", queue.into(), 0, 1000)?;
    Ok(match queue {
        0 => DepthPolicy::AUTO,
        queue => DepthPolicy::Fixed(queue),
    })
}

/// Who we are at a hub, if we are to say.
fn credentials(user: &HubUser) -> Result<Option<Credentials>, Refused> {
    if user.user.is_empty() {
        return Ok(None);
    }
    let password = match (&user.password, &user.password_file) {
        (Some(typed), _) => Password::new(typed.as_str().to_owned()),
        (None, Some(file)) => {
            let path = Path::new(file);
            // A pipe would keep us waiting.
            if !path.is_file() {
                let why = format!("{file} is no file that a password could be in");
                return Err(Refused::new(
                    why,
                    "Type the password, or name another file.",
                ));
            }
            secret::from_file(path)
                .map_err(|error| Refused::because(&error, "Or type the password."))?
        }
        (None, None) => {
            let why = format!("There is no password for the user {}", user.user);
            return Err(Refused::new(why, "Type it."));
        }
    };
    let fingerprint = match user.fingerprint.trim() {
        "" => None,
        text => Some(text.parse().map_err(|error| {
            Refused::because(&error, "Copy it from the hub, or leave it empty.")
        })?),
    };
    Ok(Some(Credentials {
        user: user.user.clone(),
        password,
        fingerprint,
    }))
}

fn in_range(what: &str, value: u64, least: u64, most: u64) -> Result<(), Refused> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let advice = format!("Set it to {least} to {most}.");
    Err(Refused::new(format!("{what} is {value}"), advice))
}

/// Players at a hub of ours, unless said, ...
const USUAL_PLAYERS: u16 = 32;

/// ... and at the most.
const MOST_PLAYERS: u64 = 512;

/// Bytes of a session's name.
const LONGEST_NAME: usize = 200;

/// How long a hub that is away is knocked at.
const HUB_PATIENCE: Duration = Duration::from_secs(30 * 24 * 3600);
