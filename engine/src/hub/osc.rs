//! The hub's OSC port, on this machine only, as JackTrip's hubs have it. Served by the control thread, which never waits.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};

use farsend_stream::DepthPolicy;
use farsend_units::{Frames, SampleRate};
use farsend_wire::jacktrip::{MOST_OSC, OscError, OscRequest};

/// Where a hub takes OSC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OscPort {
    /// At the UDP port with the number of the hub's TCP port, as JackTrip does, unless audio or another program has it.
    #[default]
    OfDoor,
    /// At this UDP port, or the hub does not start; 0: any free one.
    At(u16),
    /// Nowhere.
    Nowhere,
}

/// The socket.
#[derive(Debug)]
pub(super) struct OscSocket {
    socket: UdpSocket,
    port: u16,
}

impl OscSocket {
    /// Binds the port on the loopback address; 0 takes any.
    pub(super) fn open(port: u16) -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, port))?;
        socket.set_nonblocking(true)?;
        let port = socket.local_addr()?.port();
        Ok(Self { socket, port })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Takes what has come, [`MOST_PACKETS`] at most, and sends its sender what `obey` gives for each.
    pub(super) fn attend(
        &self,
        obey: &mut dyn FnMut(Result<Vec<OscRequest>, OscError>) -> Vec<Vec<u8>>,
    ) {
        // One byte more, so that what is too long is seen to be.
        let mut bytes = [0; MOST_OSC + 1];
        for _ in 0..MOST_PACKETS {
            let Ok((length, from)) = self.socket.recv_from(&mut bytes) else {
                return;
            };
            let packet = bytes.get(..length).unwrap_or_default();
            for answer in obey(OscRequest::read(packet)) {
                // Who does not take it has not waited for it.
                _ = self.socket.send_to(&answer, from);
            }
        }
    }
}

/// What `/config queueBuffer` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QueueWish {
    /// As the lateness that is seen makes worth it.
    Auto,
    /// A queue of so many milliseconds.
    Milliseconds(u16),
}

impl QueueWish {
    /// Its whole part counts, as in JackTrip. None: more than a player's buffer is made for.
    pub(super) fn of(value: f32) -> Option<Self> {
        match value as i64 {
            ..=0 => Some(Self::Auto),
            ms => u16::try_from(ms)
                .ok()
                .filter(|ms| *ms <= MOST_MS)
                .map(Self::Milliseconds),
        }
    }

    /// The same for one who sends packets of `period` at `rate`.
    pub(super) fn policy(self, period: Frames, rate: SampleRate) -> DepthPolicy {
        match self {
            Self::Auto => DepthPolicy::AUTO,
            Self::Milliseconds(ms) => {
                let frames = u64::from(ms) * u64::from(rate.0) / 1000;
                let packets = frames.div_ceil(u64::from(period.0.max(1)));
                DepthPolicy::Fixed(packets.clamp(1, u64::from(u16::MAX)) as u16)
            }
        }
    }
}

/// Packets that are looked at in a fiftieth of a second: whoever sends more waits.
const MOST_PACKETS: usize = 32;
/// The longest queue that can be asked for. Buffers for an automatic one hold a third of a second.
pub(super) const MOST_MS: u16 = 250;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_queue_is_so_many_milliseconds_of_anybodys_packets_or_automatic() {
        let wish = QueueWish::of(20.9).unwrap();
        assert_eq!(wish, QueueWish::Milliseconds(20));
        let packets = |period, rate| wish.policy(Frames(period), SampleRate(rate));
        assert_eq!(packets(128, 48_000), DepthPolicy::Fixed(8));
        assert_eq!(packets(1024, 44_100), DepthPolicy::Fixed(1));
        assert_eq!(packets(0, 0), DepthPolicy::Fixed(1));
        for value in [0.9, 0.0, -1.0, -500.0, f32::MIN] {
            assert_eq!(QueueWish::of(value), Some(QueueWish::Auto));
        }
        assert_eq!(QueueWish::of(250.0), Some(QueueWish::Milliseconds(250)));
        for value in [251.0, 1e9, f32::MAX] {
            assert_eq!(QueueWish::of(value), None);
        }
    }

    #[test]
    fn whoever_asks_is_answered_and_nobody_else() {
        let osc = OscSocket::open(0).unwrap();
        let [asks, tells, noise] = [(); 3].map(|()| {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            socket.connect((Ipv4Addr::LOCALHOST, osc.port())).unwrap();
            socket
        });
        asks.send(b"/get\0\0\0\0,s\0\0latency\0").unwrap();
        tells.send(b"/tell\0\0\0,s\0\0latency\0").unwrap();
        noise.send(&[b'/'; 3000]).unwrap();
        let mut heard = Vec::new();
        while heard.len() < 3 {
            osc.attend(&mut |requests| {
                let asked = matches!(requests.as_deref(), Ok([OscRequest::Get { .. }]));
                heard.push(requests);
                asked.then(|| b"answer".to_vec()).into_iter().collect()
            });
        }
        assert!(heard.contains(&Err(OscError::TooLong)), "{heard:?}");
        let mut answer = [0; 100];
        asks.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let length = asks.recv(&mut answer).unwrap();
        assert_eq!(&answer[..length], b"answer");
        for silent in [tells, noise] {
            silent.set_nonblocking(true).unwrap();
            assert!(silent.recv(&mut answer).is_err());
        }
    }
}
