//! A player who sends back what they get, packet for packet, and whom a hub takes for a plain JackTrip: nothing is said of what is heard.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::by_hand::{GOODBYE, HEADER_LEN, header, try_log_in};
use super::instance::BLOCK;

/// One that has joined the hub on this machine, or is about to. Dropped, it says goodbye.
#[derive(Debug)]
pub struct LoopingPlayer {
    stop: Arc<AtomicBool>,
    hesitation_ms: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl LoopingPlayer {
    /// Under this name, at 22.05 kHz, with 24 bits and so many packets in a queue, as soon as there is a hub.
    pub fn join(name: &str, queue: usize) -> LoopingPlayer {
        let stop = Arc::<AtomicBool>::default();
        let hesitation_ms = Arc::<AtomicU64>::default();
        let (ends, hesitates) = (stop.clone(), hesitation_ms.clone());
        let name = name.to_owned();
        let thread = std::thread::spawn(move || {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("some port is free");
            let own = socket.local_addr().expect("it is bound").port();
            if let Some(hub) = log_in(own, &name, &ends) {
                play(&socket, hub, queue, &ends, &hesitates);
            }
        });
        LoopingPlayer {
            stop,
            hesitation_ms,
            thread: Some(thread),
        }
    }

    /// Stands still for so long every now and then.
    pub fn hesitate(&self, pause: Duration) {
        self.hesitation_ms.store(pause.as_millis() as u64, Relaxed);
    }
}

impl Drop for LoopingPlayer {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}

/// Where audio is to be sent, once there is a hub.
fn log_in(port: u16, name: &str, stop: &AtomicBool) -> Option<SocketAddr> {
    while !stop.load(Relaxed) {
        if let Ok(hub) = try_log_in(port, name) {
            return Some(hub);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    None
}

fn play(
    socket: &UdpSocket,
    hub: SocketAddr,
    queue: usize,
    stop: &AtomicBool,
    hesitation_ms: &AtomicU64,
) {
    let silence = vec![0; AUDIO];
    let mut queued: VecDeque<Vec<u8>> = std::iter::repeat_n(silence.clone(), queue).collect();
    let mut number = 0_u16;
    let mut send = |audio: &[u8]| {
        let packet = [&header(number, BLOCK as u16, FORMAT)[..], audio].concat();
        number = number.wrapping_add(1);
        // A hub that has gone takes nothing.
        _ = socket.send_to(&packet, hub);
        number
    };
    let patience = Some(Duration::from_millis(20));
    socket.set_read_timeout(patience).expect("it is not zero");
    let mut bytes = [0; 4096];
    let (mut is_heard, mut knocked) = (false, None::<Instant>);
    while !stop.load(Relaxed) {
        let is_due = knocked.is_none_or(|at| at.elapsed() > Duration::from_millis(200));
        if !is_heard && is_due {
            knocked = Some(Instant::now());
            send(&silence);
        }
        let length = socket.recv(&mut bytes).unwrap_or(0);
        if length != HEADER_LEN + AUDIO {
            continue;
        }
        is_heard = true;
        queued.push_back(bytes[HEADER_LEN..length].to_vec());
        let sent = queued.pop_front().map(|audio| send(&audio));
        let pause = hesitation_ms.load(Relaxed);
        if pause > 0 && sent.is_some_and(|number| number % PAUSE_EVERY == 0) {
            std::thread::sleep(Duration::from_millis(pause));
        }
    }
    for _ in 0..2 {
        _ = socket.send_to(&GOODBYE, hub);
    }
}

/// 22.05 kHz, two channels of 24 bits, there and back.
const FORMAT: [u8; 4] = [0, 24, 2, 0];
const AUDIO: usize = BLOCK * 2 * 3;
/// Packets from one pause to the next.
const PAUSE_EVERY: u16 = 40;
