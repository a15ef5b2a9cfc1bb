//! A player who sends back what they get, packet for packet, and whom a hub takes for a plain JackTrip: nothing is said of what is heard.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

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
            if let Some((socket, port)) = log_in(&name, &ends) {
                play(&socket, port, queue, &ends, &hesitates);
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

/// Our socket, and the hub's port.
fn log_in(name: &str, stop: &AtomicBool) -> Option<(UdpSocket, u16)> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("some port is free");
    let own = socket.local_addr().expect("it is bound").port();
    let mut hello = i32::from(own).to_le_bytes().to_vec();
    hello.extend(name.as_bytes());
    hello.resize(68, 0);
    while !stop.load(Relaxed) {
        let mut answer = [0; 4];
        let answered = TcpStream::connect((Ipv4Addr::LOCALHOST, 4464)).and_then(|mut door| {
            door.write_all(&hello)?;
            door.read_exact(&mut answer)
        });
        if answered.is_ok() {
            let port = u16::try_from(i32::from_le_bytes(answer)).expect("the hub lets us in");
            return Some((socket, port));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    None
}

fn play(socket: &UdpSocket, port: u16, queue: usize, stop: &AtomicBool, hesitation_ms: &AtomicU64) {
    let hub = (Ipv4Addr::LOCALHOST, port);
    let silence = vec![0; AUDIO];
    let mut queued: VecDeque<Vec<u8>> = std::iter::repeat_n(silence.clone(), queue).collect();
    let mut number = 0_u16;
    let mut send = |audio: &[u8]| {
        let packet = [&header(number)[..], audio].concat();
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
        if length != HEADER + AUDIO {
            continue;
        }
        is_heard = true;
        queued.push_back(bytes[HEADER..length].to_vec());
        let sent = queued.pop_front().map(|audio| send(&audio));
        let pause = hesitation_ms.load(Relaxed);
        if pause > 0 && sent.is_some_and(|number| number % PAUSE_EVERY == 0) {
            std::thread::sleep(Duration::from_millis(pause));
        }
    }
    for _ in 0..2 {
        _ = socket.send_to(&[0xff; 63], hub);
    }
}

/// Two channels of 24 bits, there and back.
fn header(number: u16) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[8..10].copy_from_slice(&number.to_le_bytes());
    header[10..12].copy_from_slice(&(BLOCK as u16).to_le_bytes());
    header[12..].copy_from_slice(&[0, 24, 2, 0]);
    header
}

const HEADER: usize = 16;
const AUDIO: usize = BLOCK * 2 * 3;
/// Packets from one pause to the next.
const PAUSE_EVERY: u16 = 40;
