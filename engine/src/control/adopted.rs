//! What is sent to a peer whose rate, bits or packets are other ones than ours, as a sentence and as facts.

use std::net::SocketAddr;

use farsend_units::SampleRate;
use farsend_wire::jacktrip::rate_code;
use serde_json::{Value, json};

use crate::sending::{Adopted, Wire};

/// The sentence: "JackTrip at 203.0.113.7 plays 44.1 kHz, 24 bit, 128 frames: sent in its format, converted here".
pub fn sentence(adopted: &Adopted, remote: Option<SocketAddr>) -> String {
    let who = if adopted.farsend {
        "Farsend"
    } else {
        "JackTrip"
    };
    let peer = remote.map_or_else(
        || "the other end".to_owned(),
        |remote| remote.ip().to_string(),
    );
    format!("{who} at {peer} {}", predicate(adopted))
}

/// The same without its subject.
pub fn predicate(adopted: &Adopted) -> String {
    let Adopted {
        farsend,
        theirs,
        own,
        sent,
    } = adopted;
    let plays = format!("plays {}", format(theirs));
    if *farsend && !same_rate(theirs, own) {
        return format!(
            "{plays}: it is sent {}, and each end converts what it hears",
            format(sent)
        );
    }
    let same =
        same_rate(theirs, sent) && (theirs.period, theirs.samples) == (sent.period, sent.samples);
    let what = if same {
        "in its format".to_owned()
    } else {
        format!("as {}", format(sent))
    };
    let how = if same_rate(sent, own) && sent.samples == own.samples {
        "cut to its packets here"
    } else {
        "converted here"
    };
    format!("{plays}: sent {what}, {how}")
}

/// The same for programs: what the peer plays, and what it is sent.
pub fn facts(adopted: &Adopted, remote: Option<SocketAddr>) -> Value {
    let Adopted { theirs, sent, .. } = adopted;
    json!({
        "remote": remote, "peer_is_farsend": adopted.farsend,
        "rate": theirs.rate.0, "period": theirs.period.0, "bits": theirs.samples.bits(),
        "sent_rate": sent.rate.0, "sent_period": sent.period.0, "sent_bits": sent.samples.bits(),
    })
}

/// The rate and bits, for a line of numbers.
pub fn short(wire: &Wire) -> String {
    format!("{} {} bit", kilohertz(wire.rate), wire.samples.bits())
}

/// A rate as musicians say it.
fn kilohertz(rate: SampleRate) -> String {
    format!("{} kHz", f64::from(rate.0) / 1000.0)
}

fn format(wire: &Wire) -> String {
    format!(
        "{}, {} bit, {}",
        kilohertz(wire.rate),
        wire.samples.bits(),
        wire.period
    )
}

/// Rates that are a hertz apart have the same name in a header.
fn same_rate(a: &Wire, b: &Wire) -> bool {
    rate_code(a.rate) == rate_code(b.rate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use farsend_units::Frames;
    use farsend_wire::SampleFormat;

    #[test]
    fn a_jacktrip_of_another_rate_is_sent_its_own_format() {
        let theirs = wire(44_100, 24, 128);
        assert_eq!(
            told(false, theirs, theirs),
            "JackTrip at 203.0.113.7 plays 44.1 kHz, 24 bit, 128 frames: sent in its format, converted here"
        );
    }

    #[test]
    fn packets_of_ours_that_fit_are_kept_and_said() {
        assert_eq!(
            told(false, wire(48_000, 24, 64), wire(48_000, 24, 128)),
            "JackTrip at 203.0.113.7 plays 48 kHz, 24 bit, 64 frames: sent as 48 kHz, 24 bit, 128 frames, converted here"
        );
        let theirs = wire(48_000, 16, 96);
        assert_eq!(
            told(false, theirs, theirs),
            "JackTrip at 203.0.113.7 plays 48 kHz, 16 bit, 96 frames: sent in its format, cut to its packets here"
        );
    }

    #[test]
    fn a_farsend_is_sent_what_there_is() {
        assert_eq!(
            told(true, wire(88_200, 16, 256), OWN),
            "Farsend at 203.0.113.7 plays 88.2 kHz, 16 bit, 256 frames: it is sent 48 kHz, 16 bit, 128 frames, and each end converts what it hears"
        );
        let bits = wire(48_000, 24, 128);
        assert_eq!(
            told(true, bits, bits),
            "Farsend at 203.0.113.7 plays 48 kHz, 24 bit, 128 frames: sent in its format, converted here"
        );
    }

    const OWN: Wire = wire(48_000, 16, 128);

    const fn wire(rate: u32, bits: u8, period: u32) -> Wire {
        let samples = match bits {
            16 => SampleFormat::I16,
            _ => SampleFormat::I24,
        };
        Wire {
            rate: SampleRate(rate),
            period: Frames(period),
            samples,
        }
    }

    fn told(farsend: bool, theirs: Wire, sent: Wire) -> String {
        let adopted = Adopted {
            farsend,
            theirs,
            own: OWN,
            sent,
        };
        sentence(&adopted, Some(([203, 0, 113, 7], 4464).into()))
    }
}
