//! What players hear of each other at a hub that is told to pan and to align: to the sample, by players who are played by hand.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use farsend_tests::lab::by_hand::{HEADER_LEN, header, log_in};
use farsend_tests::lab::hub::{start, status, told};
use farsend_tests::lab::{on_a_private_machine, wait_until};

const LIMIT: Duration = Duration::from_secs(40);

#[test]
fn one_who_is_panned_is_heard_so_by_that_listener_and_by_nobody_else() {
    on_a_private_machine(&[], |machine| {
        let mut hub = start(machine, &[]);
        let begun = Instant::now();
        let constant = |_| LOUD;
        let stereo = Voice {
            signal: [constant; 2],
            ..Voice::silent(4501, "ann")
        };
        let mono = Voice {
            channels: 1,
            ..stereo
        };
        let ann = Player::start(stereo, begun);
        let ben = Player::start(Voice::silent(4502, "ben"), begun);
        let carl = Player::start(Voice::silent(4503, "carl"), begun);
        hub.wait_for_event("joined", 3, LIMIT);
        let hears = |player: &Player, levels: [f32; 2]| {
            wait_until(&format!("{levels:?} are heard"), LIMIT, || {
                let close = |(heard, level): (f32, f32)| (heard - level).abs() < 0.01;
                player.levels().into_iter().zip(levels).all(close)
            });
        };
        hears(&ben, [0.25, 0.25]);
        told(&["pan", "ann", "-1", "--for", "ben"]);
        hears(&ben, [0.25, 0.0]);
        hears(&carl, [0.25, 0.25]);
        told(&["pan", "ann", "0.5", "--for", "ben"]);
        hears(&ben, [0.125, 0.25]);
        assert_eq!(status()["wishes"][0]["pan"], 0.5);
        told(&["pan", "ann", "off", "--for", "ben"]);
        hears(&ben, [0.25, 0.25]);

        // Who sends one channel is heard on the left, and by one who pans them on both sides.
        drop(ann);
        hub.wait_for_event("left", 1, LIMIT);
        told(&["pan", "ben", "0", "--for", "carl"]);
        let _ann = Player::start(mono, begun);
        hub.wait_for_event("joined", 4, LIMIT);
        hears(&carl, [0.25, 0.0]);
        told(&["pan", "ann", "1", "--for", "carl"]);
        hears(&carl, [0.0, 0.25]);
        hears(&ben, [0.25, 0.0]);
    });
}

#[test]
fn players_who_are_aligned_are_heard_at_once_and_as_early_as_can_be_again_without_it() {
    on_a_private_machine(&[], |machine| {
        let mut hub = start(machine, &[]);
        let begun = Instant::now();
        let pulse = |frame: u64| if frame % PULSES < PULSE { LOUD } else { 0 };
        let nothing = |_| 0;
        let ann = Voice {
            signal: [pulse, nothing],
            ..Voice::silent(4501, "ann")
        };
        // Somebody whose packets come eight at a time has to be kept for longer.
        let ben = Voice {
            signal: [nothing, pulse],
            burst: 8,
            ..Voice::silent(4502, "ben")
        };
        let _players = [ann, ben].map(|voice| Player::start(voice, begun));
        let carl = Player::start(Voice::silent(4503, "carl"), begun);
        hub.wait_for_event("joined", 3, LIMIT);
        wait_until("ben is heard later", LIMIT, || {
            carl.later()
                .is_some_and(|later| later.iter().all(|ms| *ms > 9.0))
        });
        told(&["align", "on"]);
        wait_until("both are heard at once", LIMIT, || {
            carl.later()
                .is_some_and(|later| later.iter().all(|ms| ms.abs() < 4.0))
        });
        let status = status();
        let players = status["players"].as_array().expect("a list").iter();
        let added = |name: &str| {
            let one = players.clone().find(|one| one["name"] == name);
            let aligned = one.expect("they are here")["aligned"].clone();
            assert_eq!(aligned["standing"], "with");
            aligned["added_ms"].as_f64().expect("a number")
        };
        assert!(added("ann") > added("ben") + 5.0, "{status:?}");
        told(&["align", "off"]);
        wait_until("ben is heard later again", LIMIT, || {
            carl.later()
                .is_some_and(|later| later.iter().all(|ms| *ms > 9.0))
        });
    });
}

/// What somebody plays, at 48 kHz, in packets of 128 frames.
#[derive(Clone, Copy)]
struct Voice {
    port: u16,
    name: &'static str,
    channels: u8,
    /// Each channel's samples, by the number of the frame since a time that all have in common.
    signal: [fn(u64) -> i16; 2],
    /// So many packets at a time.
    burst: u32,
}

impl Voice {
    fn silent(port: u16, name: &'static str) -> Self {
        Self {
            port,
            name,
            channels: 2,
            signal: [|_| 0; 2],
            burst: 1,
        }
    }

    fn datagram(&self, number: u64) -> Vec<u8> {
        let mut datagram = header(number as u16, FRAMES as u16, [3, 16, 2, self.channels]).to_vec();
        for channel in self.signal.iter().take(self.channels.into()) {
            let frames = number * FRAMES..(number + 1) * FRAMES;
            datagram.extend(frames.flat_map(|frame| channel(frame).to_le_bytes()));
        }
        datagram
    }
}

/// Somebody who plays and listens, until dropped.
struct Player {
    heard: Arc<Mutex<Heard>>,
    quit: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What came of late.
#[derive(Default)]
struct Heard {
    /// The loudest of the last packet, of each channel.
    levels: [f32; 2],
    /// Frames sent to us, by their numbers.
    frames: u64,
    /// At which of them each channel became loud.
    onsets: [Vec<u64>; 2],
}

impl Player {
    fn start(voice: Voice, begun: Instant) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, voice.port)).expect("a free port");
        socket.set_nonblocking(true).expect("a socket can do that");
        let to = log_in(voice.port, voice.name);
        let (heard, quit) = (Arc::<Mutex<Heard>>::default(), Arc::<AtomicBool>::default());
        let thread = {
            let (heard, quit) = (Arc::clone(&heard), Arc::clone(&quit));
            std::thread::spawn(move || play(voice, &socket, to, begun, &heard, &quit))
        };
        Self {
            heard,
            quit,
            thread: Some(thread),
        }
    }

    fn levels(&self) -> [f32; 2] {
        self.heard.lock().expect("nobody panics").levels
    }

    /// By how many milliseconds the right channel was later than the left one, of the last few pulses.
    fn later(&self) -> Option<Vec<f64>> {
        let heard = self.heard.lock().expect("nobody panics");
        let [left, right] = &heard.onsets;
        // The last may have come on one side only.
        let last = left.iter().rev().skip(1).take(4);
        let later = last.map(|at| {
            let apart = |other: &&u64| other.abs_diff(*at);
            let nearest = *right.iter().min_by_key(apart)?;
            Some((nearest as f64 - *at as f64) / 48.0)
        });
        let later: Option<Vec<f64>> = later.collect();
        later.filter(|later| later.len() == 4)
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        self.quit.store(true, Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(ended.is_none_or(|ended| ended.is_ok()) || std::thread::panicking());
    }
}

fn play(
    voice: Voice,
    socket: &UdpSocket,
    to: SocketAddr,
    begun: Instant,
    heard: &Mutex<Heard>,
    quit: &AtomicBool,
) {
    let burst = u64::from(voice.burst);
    let mut number = begun.elapsed().as_micros() as u64 * 48 / 1000 / FRAMES / burst * burst;
    let mut bytes = [0; 4096];
    while !quit.load(Relaxed) {
        let captured = Duration::from_micros((number + burst) * FRAMES * 1000 / 48);
        let early = captured.saturating_sub(begun.elapsed());
        std::thread::sleep(early.min(Duration::from_millis(1)));
        if early.is_zero() {
            for number in number..number + burst {
                _ = socket.send_to(&voice.datagram(number), to);
            }
            number += burst;
        }
        while let Ok(length) = socket.recv(&mut bytes) {
            heard.lock().expect("nobody panics").take(&bytes[..length]);
        }
    }
}

impl Heard {
    /// Takes a packet of two channels.
    fn take(&mut self, datagram: &[u8]) {
        let samples = FRAMES as usize * 2;
        if datagram.len() != HEADER_LEN + 2 * samples {
            return;
        }
        let number = u16::from_le_bytes([datagram[8], datagram[9]]);
        let past = number.wrapping_sub((self.frames / FRAMES) as u16);
        self.frames += u64::from(past) * FRAMES;
        for (channel, bytes) in datagram[HEADER_LEN..].chunks(samples).enumerate() {
            let samples = bytes
                .chunks(2)
                .map(|two| i16::from_le_bytes([two[0], two[1]]));
            let loud = samples.clone().position(|sample| sample > LOUD / 2);
            if let Some(frame) = loud {
                let at = self.frames + frame as u64;
                let onsets = &mut self.onsets[channel];
                if onsets.last().is_none_or(|last| at - last > PULSES / 2) {
                    onsets.push(at);
                }
            }
            let loudest = samples.map(|sample| sample.unsigned_abs()).max();
            self.levels[channel] = f32::from(loudest.unwrap_or(0)) / 32_768.0;
        }
    }
}

/// Of a packet.
const FRAMES: u64 = 128;
/// A quarter of full scale.
const LOUD: i16 = 8192;
/// A pulse begins every half a second, and takes 50 ms: both in frames.
const PULSES: u64 = 24_000;
const PULSE: u64 = 2400;
