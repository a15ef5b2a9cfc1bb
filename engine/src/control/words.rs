//! Events and numbers as sentences: what is the matter, and what to do about it.

use std::net::SocketAddr;
use std::time::Duration;

use farsend_protocol::jacktrip::{Event, Talked};
use farsend_wire::jacktrip::Format;

use super::adopted;
use crate::peers::LinkEvent;
use crate::statistics::Statistics;

/// A short name of the event for programs.
pub fn name(event: &LinkEvent) -> &'static str {
    match event {
        LinkEvent::Peer(Event::Arrived { .. }) => "connected",
        LinkEvent::Peer(Event::FellQuiet) => "quiet",
        LinkEvent::Peer(Event::Returned) => "returned",
        LinkEvent::Peer(Event::Left) => "left",
        LinkEvent::Peer(Event::SentAway { .. }) => "sent_away",
        LinkEvent::Peer(Event::GaveUp) => "gave_up",
        LinkEvent::Peer(Event::Forgotten) => "forgotten",
        LinkEvent::Peer(Event::FormatChanged { .. }) => "format_changed",
        LinkEvent::Peer(Event::Replaced { .. }) => "replaced",
        LinkEvent::Talked(Talked::Theirs(_)) => "chat",
        LinkEvent::Talked(Talked::Ours { arrived: true }) => "chat_arrived",
        LinkEvent::Talked(Talked::Ours { arrived: false }) => "chat_lost",
        LinkEvent::Called(_) => "called",
        LinkEvent::Unplayable(_) => "unplayable",
        LinkEvent::Adopted(_) => "adopted",
        LinkEvent::Refused => "refused",
        LinkEvent::Restarted => "restarted",
        LinkEvent::Malformed(_) => "malformed",
    }
}

/// The event as a sentence.
pub fn sentence(event: &LinkEvent, remote: Option<SocketAddr>) -> String {
    let peer = remote.map_or_else(|| "the peer".to_owned(), |remote| remote.to_string());
    match event {
        LinkEvent::Peer(Event::Arrived { from, format }) => {
            format!("connected to {from}: {}", shape(format))
        }
        LinkEvent::Peer(Event::FellQuiet) => {
            format!("nothing from {peer} for half a second; waiting for it to come back")
        }
        LinkEvent::Peer(Event::Returned) => format!("{peer} is back"),
        LinkEvent::Peer(Event::Left) => format!("{peer} ended the session"),
        LinkEvent::Peer(Event::SentAway { .. }) => format!("the host of {peer} sends us away"),
        LinkEvent::Peer(Event::GaveUp) => format!("{peer} was silent for too long: giving up"),
        LinkEvent::Peer(Event::Forgotten) => format!(
            "{peer} was heard for a moment only and is silent: nothing is sent there any more; waiting for a call"
        ),
        LinkEvent::Peer(Event::FormatChanged { to, .. }) => {
            format!("{peer} now sends {}", shape(to))
        }
        LinkEvent::Peer(Event::Replaced { from, to, .. }) => {
            format!("{from} has been silent, and {to} calls: taking that one")
        }
        LinkEvent::Talked(Talked::Theirs(line)) => format!("{peer} writes: {}", line.as_str()),
        LinkEvent::Talked(Talked::Ours { arrived: true }) => format!("{peer} has what was written"),
        LinkEvent::Talked(Talked::Ours { arrived: false }) => {
            format!("what was written did not reach {peer}: only a Farsend understands it")
        }
        LinkEvent::Called(name) if name.is_empty() => format!("{peer} has no name any more"),
        LinkEvent::Called(name) => format!("{peer} is called \"{name}\""),
        LinkEvent::Unplayable(format) => unplayable(&peer, format),
        LinkEvent::Adopted(adopted) => adopted::sentence(adopted, remote),
        LinkEvent::Refused => remote.map_or_else(|| "nobody listens there".to_owned(), refused),
        LinkEvent::Restarted => format!("{peer} was restarted"),
        LinkEvent::Malformed(error) => {
            format!("datagrams that are no JackTrip audio come in and are dropped: {error}")
        }
    }
}

/// A stream's shape.
pub fn shape(format: &Format) -> String {
    let Format {
        rate,
        period,
        channels,
        samples,
        ..
    } = format;
    format!(
        "{channels}, {rate}, {period} a packet, {} bit",
        samples.bits()
    )
}

/// Why a peer's stream is not heard, and what to do.
pub fn unplayable(peer: &str, format: &Format) -> String {
    format!(
        "{peer} sends {}, which is more than can be played here: a shorter queue or shorter packets may do",
        shape(format)
    )
}

/// Nobody listens where we send.
pub fn refused(remote: SocketAddr) -> String {
    format!(
        "{} is reached, but nothing listens on its UDP port {}: start `jacktrip -s` or `farsend server` there. Calling on",
        remote.ip(),
        remote.port()
    )
}

/// Why nothing was heard from the peer that we have been calling for `calling`.
pub fn no_answer(remote: SocketAddr, calling: Duration, now: &Statistics) -> String {
    let seconds = calling.as_secs();
    if now.refused > 0 {
        return refused(remote);
    }
    if now.unsent > 0 && now.sent == 0 {
        return format!(
            "nothing can be sent to {remote}: is this machine on a network that leads there?"
        );
    }
    format!(
        "{seconds} s without an answer from {remote}: is `jacktrip -s` (or `farsend server`) running there, and does every firewall between let UDP port {} in?",
        remote.port()
    )
}

/// A hub that has let us in is not heard.
pub fn no_answer_of_hub(remote: SocketAddr) -> String {
    format!(
        "the hub has let us in, but nothing comes from its UDP port {port}: does every firewall between let UDP port {port} through, both ways?",
        port = remote.port()
    )
}

/// Why a server has no peer yet, where the numbers tell.
pub fn no_caller(port: u16, waiting: Duration, now: &Statistics) -> Option<String> {
    (waiting >= Duration::from_secs(30) && now.peer.malformed == 0).then(|| {
        format!(
            "no datagram has reached UDP port {port} yet: the caller needs this machine's address, and a router or firewall here has to let UDP {port} in"
        )
    })
}

/// The sentence about destroyed 32 bit samples.
pub const BROKEN_FLOATS: &str = "the peer is a JackTrip of 1.3 to 2.7.2 with 32 bit samples, which it destroys before sending (its issue 1469): nothing of it can be heard until it uses -b 16 or -b 24";

/// The rest of a sentence about samples that are none.
pub const NONSENSE: &str = "samples that are no audio (no numbers, or beyond +48 dB): silence is heard in their place; a plugin or program there has gone wrong and wants to be restarted";

/// A peak as decibels below full scale, -120 at the least.
pub fn decibels(peak: f32) -> f32 {
    20.0 * peak.max(1e-6).log10()
}
