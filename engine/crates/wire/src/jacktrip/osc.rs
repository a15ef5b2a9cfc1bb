//! OSC as a JackTrip hub takes it: UDP on the machine itself, messages or bundles of them.
//!
//! ```text
//!   /config ,sf "queueBuffer" MS     a queue of so many milliseconds for everybody; 0 and less: automatic
//!   /get    ,s  "latency"            is answered: a bundle of one message,
//!                                    /response/latency ,sfsf... NAME MS NAME MS ...
//! ```
//! Source: JackTrip 2.7.2, src/OscServer.cpp and src/UdpHubListener.cpp; the format is that of Open Sound Control 1.0.

use rosc::{OscBundle, OscMessage, OscPacket, OscTime, OscType};
use thiserror::Error;

/// What one message asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum OscRequest {
    /// `/config`: something is to be another from now on.
    Config {
        /// What.
        key: String,
        /// Finite.
        value: f32,
    },
    /// `/get`: something is to be told.
    Get {
        /// What.
        key: String,
    },
    /// Any other message, or one of those with other arguments. More arguments are passed over, as by JackTrip.
    Other {
        /// Where it was sent to.
        address: String,
    },
}

/// What is wrong with a packet.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OscError {
    /// It is not looked at.
    #[error("a packet of more than {MOST_OSC} bytes")]
    TooLong,
    /// It is no OSC.
    #[error("no OSC: {0}")]
    Malformed(String),
}

impl OscRequest {
    /// Reads a packet: its message, or those of its bundle, in order. Time tags are passed over, as by JackTrip.
    ///
    /// # Errors
    /// [`OscError`]: nothing of it counts then.
    pub fn read(packet: &[u8]) -> Result<Vec<Self>, OscError> {
        // Bundles in bundles are read by recursion: this bounds it, too.
        if packet.len() > MOST_OSC {
            return Err(OscError::TooLong);
        }
        let malformed = |error: rosc::OscError| OscError::Malformed(error.to_string());
        let (_, packet) = rosc::decoder::decode_udp(packet).map_err(malformed)?;
        let mut requests = Vec::new();
        collect(packet, &mut requests);
        Ok(requests)
    }

    fn of(message: OscMessage) -> Self {
        let OscMessage { addr, args } = message;
        match (addr.as_str(), &args[..]) {
            ("/config", [OscType::String(key), value, ..]) => match number(value) {
                Some(value) => Self::Config {
                    key: key.clone(),
                    value,
                },
                None => Self::Other { address: addr },
            },
            ("/get", [OscType::String(key), ..]) => Self::Get { key: key.clone() },
            _ => Self::Other { address: addr },
        }
    }
}

/// The answer to `/get latency`: whom it is about, and milliseconds. More than one datagram for more than some hundreds.
pub fn latency_response(players: &[(String, f32)]) -> Vec<Vec<u8>> {
    let none: &[(String, f32)] = &[];
    let some = players.chunks(IN_A_DATAGRAM);
    let chunks = some.chain(players.is_empty().then_some(none));
    chunks.filter_map(|players| encode(players).ok()).collect()
}

fn encode(players: &[(String, f32)]) -> rosc::Result<Vec<u8>> {
    let args = players.iter().flat_map(|(name, ms)| {
        let name: String = name.chars().filter(|c| *c != '\0').collect();
        [OscType::String(name), OscType::Float(*ms)]
    });
    let message = OscMessage {
        addr: "/response/latency".to_owned(),
        args: args.collect(),
    };
    rosc::encoder::encode(&OscPacket::Bundle(OscBundle {
        timetag: IMMEDIATELY,
        content: vec![OscPacket::Message(message)],
    }))
}

fn collect(packet: OscPacket, requests: &mut Vec<OscRequest>) {
    match packet {
        OscPacket::Message(message) => requests.push(OscRequest::of(message)),
        OscPacket::Bundle(bundle) => {
            for packet in bundle.content {
                collect(packet, requests);
            }
        }
    }
}

/// JackTrip takes floats only; the tools that people send OSC with make whole numbers of `20`.
fn number(value: &OscType) -> Option<f32> {
    let value = match value {
        OscType::Float(value) => *value,
        OscType::Double(value) => *value as f32,
        OscType::Int(value) => *value as f32,
        OscType::Long(value) => *value as f32,
        _ => return None,
    };
    value.is_finite().then_some(value)
}

/// The longest packet that is read.
pub const MOST_OSC: usize = 1024;

/// With names of 80 bytes that is less than the 64 KiB that UDP carries.
const IN_A_DATAGRAM: usize = 600;

const IMMEDIATELY: OscTime = OscTime {
    seconds: 0,
    fractional: 1,
};

#[cfg(test)]
mod tests {
    use super::*;

    /// `/config ,sf "queueBuffer" 20.0`, written out.
    const CONFIG: &[u8] = b"/config\0,sf\0queueBuffer\0\x41\xa0\0\0";
    /// `/get ,s "latency"`.
    const GET: &[u8] = b"/get\0\0\0\0,s\0\0latency\0";

    fn bundle(messages: &[&[u8]]) -> Vec<u8> {
        let mut bytes = b"#bundle\0\0\0\0\0\0\0\0\x01".to_vec();
        for message in messages {
            bytes.extend((message.len() as u32).to_be_bytes());
            bytes.extend_from_slice(message);
        }
        bytes
    }

    fn config(value: f32) -> OscRequest {
        OscRequest::Config {
            key: "queueBuffer".into(),
            value,
        }
    }

    fn get() -> OscRequest {
        OscRequest::Get {
            key: "latency".into(),
        }
    }

    #[test]
    fn messages_are_read_alone_in_bundles_and_in_bundles_of_bundles() {
        assert_eq!(OscRequest::read(CONFIG), Ok(vec![config(20.0)]));
        assert_eq!(OscRequest::read(GET), Ok(vec![get()]));
        let more = b"/get\0\0\0\0,si\0latency\0\0\0\0\x07";
        assert_eq!(OscRequest::read(more), Ok(vec![get()]));
        let inner = bundle(&[GET, CONFIG]);
        let all = Ok(vec![config(20.0), get(), config(20.0)]);
        assert_eq!(OscRequest::read(&bundle(&[CONFIG, &inner])), all);
        assert_eq!(OscRequest::read(&bundle(&[])), Ok(vec![]));
    }

    #[test]
    fn a_whole_number_will_do_and_what_is_no_number_will_not() {
        let whole = b"/config\0,si\0queueBuffer\0\xff\xff\xff\xff";
        assert_eq!(OscRequest::read(whole), Ok(vec![config(-1.0)]));
        let other = OscRequest::Other {
            address: "/config".into(),
        };
        for bytes in [
            &b"/config\0,sf\0queueBuffer\0\x7f\xc0\0\0"[..],
            b"/config\0,ss\0queueBuffer\0many\0\0\0\0",
            b"/config\0,s\0\0queueBuffer\0",
        ] {
            assert_eq!(OscRequest::read(bytes), Ok(vec![other.clone()]));
        }
    }

    #[test]
    fn what_is_no_osc_and_what_is_too_long_is_an_error_however_deep_it_goes() {
        for bytes in [
            &b""[..],
            b"\0",
            b"noise",
            b"/get",
            &CONFIG[..20],
            &[0xff; 63],
        ] {
            assert!(
                matches!(OscRequest::read(bytes), Err(OscError::Malformed(_))),
                "{bytes:?}"
            );
        }
        let mut deep = bundle(&[GET]);
        while deep.len() + 20 <= MOST_OSC {
            deep = bundle(&[&deep]);
        }
        assert_eq!(OscRequest::read(&deep), Ok(vec![get()]));
        assert_eq!(OscRequest::read(&bundle(&[&deep])), Err(OscError::TooLong));
    }

    #[test]
    fn latencies_are_one_message_in_a_bundle_as_jacktrip_writes_them() {
        let answer = latency_response(&[("ann".into(), 2.5), ("ben".into(), -1.0)]);
        let message = b"/response/latency\0\0\0,sfsf\0\0\0ann\0\x40\x20\0\0ben\0\xbf\x80\0\0";
        assert_eq!(answer, [bundle(&[message])]);
        // What the hub of JackTrip 2.7.2 (Qt 6) told of two players, but for the time.
        let answer = latency_response(&[
            ("__ffff_127.0.0.1".into(), f32::from_bits(0x412c_6141)),
            ("anna".into(), f32::from_bits(0x412a_8a12)),
        ]);
        let seen = b"#bundle\0\0\0\0\0\x6b\x02\xc8\xaf\0\0\0\x40/response/latency\0\0\0,sfsf\0\0\0__ffff_127.0.0.1\0\0\0\0\x41\x2c\x61\x41anna\0\0\0\0\x41\x2a\x8a\x12";
        assert_eq!(
            (&answer[0][..8], &answer[0][16..]),
            (&seen[..8], &seen[16..])
        );
        let nobody = b"/response/latency\0\0\0,\0\0\0";
        assert_eq!(latency_response(&[]), [bundle(&[nobody])]);
    }

    #[test]
    fn thousands_of_players_are_told_in_datagrams_that_can_be_sent() {
        let players: Vec<(String, f32)> = (0..4096).map(|n| (format!("{n:080}"), 1.0)).collect();
        let answer = latency_response(&players);
        assert!(answer.len() < 10);
        assert!(answer.iter().all(|datagram| datagram.len() < 65_000));
    }
}
