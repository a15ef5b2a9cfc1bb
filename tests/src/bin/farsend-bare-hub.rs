//! What a hub costs at least: a program that receives, sums, subtracts and sends, and does nothing else.
//!
//! It lets anybody in who knocks at TCP port 4464 and takes stereo of 16 bit in packets of 128 frames at 48 kHz, one UDP
//! port for all. There is no buffer: once a period what has come is mixed, and everyone is sent the others' sum. So it is no
//! hub for music; `cargo xtask bench hub` measures its processor time beside that of hubs, under the same load.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::AsFd as _;
use std::time::Duration;

use anyhow::{Context as _, Result};
use farsend_rt::batch::{Inbox, Outbox};
use farsend_rt::{clock, promote_current_thread};
use nix::sys::socket::{setsockopt, sockopt};

fn main() -> Result<()> {
    let door = TcpListener::bind((Ipv4Addr::LOCALHOST, DOOR)).context("no port for log-ins")?;
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, PORT)).context("no port for audio")?;
    setsockopt(&socket, sockopt::RcvBuf, &SOCKET_BUFFER)?;
    setsockopt(&socket, sockopt::SndBuf, &SOCKET_BUFFER)?;
    std::thread::spawn(move || let_in(&door));
    promote_current_thread(PRIORITY);
    let mut hub = BareHub::new(socket);
    let mut next = clock::now();
    loop {
        next = next + PERIOD;
        clock::sleep_until(next);
        hub.period();
    }
}

/// Tells everyone the one port.
fn let_in(door: &TcpListener) {
    for guest in door.incoming().flatten() {
        let mut guest = guest;
        let mut hello = [0; HELLO];
        // Whoever says something else or leaves is not let in.
        if guest.read_exact(&mut hello).is_ok() {
            _ = guest.write_all(&u32::from(PORT).to_le_bytes());
        }
    }
}

struct BareHub {
    socket: UdpSocket,
    inbox: Inbox,
    outbox: Outbox,
    known: HashMap<SocketAddr, usize>,
    players: Vec<Player>,
}

struct Player {
    address: SocketAddr,
    header: [u8; HEADER],
    number: u16,
    /// Both channels, one after the other, of the last packet.
    block: [i16; SAMPLES],
}

impl BareHub {
    fn new(socket: UdpSocket) -> Self {
        Self {
            socket,
            inbox: Inbox::new(AT_ONCE, DATAGRAM),
            outbox: Outbox::new(AT_ONCE, AT_ONCE * DATAGRAM, false),
            known: HashMap::new(),
            players: Vec::new(),
        }
    }

    fn period(&mut self) {
        while self.receive() == AT_ONCE {}
        let mut total = [0_i32; SAMPLES];
        for player in &self.players {
            for (sum, sample) in total.iter_mut().zip(player.block) {
                *sum += i32::from(sample);
            }
        }
        let mut datagram = [0; DATAGRAM];
        for player in &mut self.players {
            player.number = player.number.wrapping_add(1);
            let (header, mix) = datagram.split_at_mut(HEADER);
            header.copy_from_slice(&player.header);
            header[8..10].copy_from_slice(&player.number.to_le_bytes());
            for ((bytes, sum), own) in mix.chunks_exact_mut(2).zip(total).zip(player.block) {
                let others = sum - i32::from(own);
                let sample = others.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
                bytes.copy_from_slice(&sample.to_le_bytes());
            }
            if !self.outbox.push(player.address, &datagram) {
                self.outbox.flush(self.socket.as_fd());
                _ = self.outbox.push(player.address, &datagram);
            }
        }
        self.outbox.flush(self.socket.as_fd());
    }

    /// How many came in one batch.
    fn receive(&mut self) -> usize {
        let came = self.inbox.receive(self.socket.as_fd()).unwrap_or(0);
        for one in self.inbox.iter() {
            let payload = one.payload().split_first_chunk::<HEADER>();
            let (Some(from), Some((header, samples))) = (one.sender(), payload) else {
                continue;
            };
            if samples.len() != 2 * SAMPLES {
                continue;
            }
            let index = *self.known.entry(from).or_insert_with(|| {
                self.players.push(Player {
                    address: from,
                    header: *header,
                    number: 0,
                    block: [0; SAMPLES],
                });
                self.players.len() - 1
            });
            let block = &mut self.players[index].block;
            for (sample, bytes) in block.iter_mut().zip(samples.chunks_exact(2)) {
                *sample = i16::from_le_bytes([bytes[0], bytes[1]]);
            }
        }
        came
    }
}

const DOOR: u16 = 4464;
const PORT: u16 = 61_002;
/// Of a JackTrip client's first words.
const HELLO: usize = 68;
const HEADER: usize = 16;
/// Of both channels.
const SAMPLES: usize = 2 * 128;
const DATAGRAM: usize = HEADER + 2 * SAMPLES;
/// Of 128 frames at 48 kHz.
const PERIOD: Duration = Duration::from_nanos(2_666_667);
/// Datagrams in a batch.
const AT_ONCE: usize = 256;
const SOCKET_BUFFER: usize = 1 << 20;
/// As that of Farsend's own audio threads.
const PRIORITY: u8 = 70;
