//! Any datagrams, times and calls in any order: the peer machine holds on to one address, waits in
//! the end, and sends to nobody else.
#![no_main]

use std::net::SocketAddr;
use std::time::Duration;

use farsend_fuzz::Payload;
use farsend_protocol::jacktrip::{Output, Peer, PeerConfig, Remark, Talked, Verdict};
use farsend_units::{MonoTime, SeqNum};
use farsend_wire::jacktrip::{Control, Hearing, Keep, Kept, Name, Piece, Reception, STOP, Wanted};
use libfuzzer_sys::arbitrary::{self, Arbitrary, Result, Unstructured};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
enum Step {
    Payload {
        later: u16,
        from: u8,
        payload: Payload,
    },
    Audio {
        later: u8,
        from: u8,
        seq: u8,
    },
    Stop {
        from: u8,
    },
    Ping {
        from: u8,
        stamp: u64,
    },
    Pong {
        from: u8,
        late: bool,
    },
    Word {
        from: u8,
        lost: u32,
        wanted: bool,
    },
    /// Of one who records, and for one.
    Take {
        from: u8,
        kind: u8,
        number: u16,
        more: u32,
    },
    /// The same, of ours.
    Say {
        kind: u8,
        number: u16,
        more: u32,
    },
    /// Of ours.
    Note {
        lost: u32,
    },
    Want,
    Timeout {
        later: u32,
    },
    Back {
        by: u32,
    },
    SentAway {
        from: u8,
        seconds: u32,
    },
    /// By us.
    SendAway {
        seconds: u32,
    },
    Leave,
    Unpolled,
    /// A line of ours.
    Write {
        text: String,
    },
    /// A piece of theirs.
    Chat {
        from: u8,
        talk: bool,
        number: u8,
        ends: [bool; 2],
        text: Vec<u8>,
    },
    /// Their answer to a piece.
    Heard {
        from: u8,
        known: bool,
        number: u16,
    },
    /// What they are called.
    Called {
        from: u8,
        name: Vec<u8>,
    },
    /// And we.
    CallUs {
        name: String,
    },
}

fuzz_target!(|bytes: &[u8]| {
    let _ = run(&mut Unstructured::new(bytes));
});

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    let format = farsend_fuzz::format(input)?;
    let mut ms = |most| Ok(Duration::from_millis(input.int_in_range(0..=most)?));
    let config = PeerConfig {
        quiet_limit: ms(1000)?,
        give_up: Some(ms(20_000)?).filter(|limit| !limit.is_zero()),
        takeover_after: ms(10_000)?,
        forget_after: ms(20_000)?,
        ping_every: ms(3000)?,
        ..PeerConfig::default()
    };
    let called = if input.arbitrary()? {
        Some(host(1))
    } else {
        None
    };
    let mut peer = match called {
        Some(remote) => Peer::client(config, remote),
        None => Peer::server(config),
    };
    let mut now = MonoTime::from_nanos(0);
    let (mut pinged, mut said) = (0, None);
    let mut polled = true;
    while !input.is_empty() {
        let before = peer.remote();
        let step: Step = input.arbitrary()?;
        let datagram = match &step {
            Step::Payload {
                later,
                from,
                payload,
            } => {
                now = now + Duration::from_millis(u64::from(*later));
                Some((host(from % 3), payload.0.clone()))
            }
            Step::Audio { later, from, seq } => {
                now = now + Duration::from_millis(u64::from(*later));
                Some((
                    host(from % 3),
                    farsend_fuzz::datagram(format, (*seq).into(), 1, 0),
                ))
            }
            Step::Stop { from } => Some((host(from % 3), STOP.to_vec())),
            Step::Ping { from, stamp } => Some((
                host(from % 3),
                Control::Ping { stamp: *stamp }.to_bytes().to_vec(),
            )),
            Step::Pong { from, late } => {
                let stamp = pinged + u64::from(*late);
                Some((host(from % 3), Control::Pong { stamp }.to_bytes().to_vec()))
            }
            Step::Word { from, lost, wanted } => {
                let word = if *wanted {
                    Control::Wanted(WANTED)
                } else {
                    Control::Reception(reception(*lost))
                };
                Some((host(from % 3), word.to_bytes().to_vec()))
            }
            Step::Take {
                from,
                kind,
                number,
                more,
            } => Some((
                host(from % 3),
                word(*kind, *number, *more).to_bytes().to_vec(),
            )),
            Step::Say { kind, number, more } => {
                peer.say(word(*kind, *number, *more));
                None
            }
            Step::Note { lost } => {
                peer.note_reception(now, reception(*lost));
                None
            }
            Step::Want => {
                peer.want(now, WANTED);
                None
            }
            Step::Timeout { later } => {
                now = now + Duration::from_micros(u64::from(*later));
                peer.handle_timeout(now);
                None
            }
            Step::Back { by } => {
                now = now.saturating_sub(Duration::from_micros(u64::from(*by)));
                None
            }
            Step::SentAway { from, seconds } => {
                let word = Control::SentAway { seconds: *seconds };
                Some((host(from % 3), word.to_bytes().to_vec()))
            }
            Step::SendAway { seconds } => {
                peer.handle_send_away(now, *seconds);
                None
            }
            Step::Leave => {
                peer.handle_leave(now);
                assert!(peer.is_over());
                None
            }
            Step::Write { text } => {
                if let Some(line) = Remark::new(text) {
                    assert_eq!(Remark::new(line.as_str()), Some(line));
                    peer.write(now, line);
                }
                None
            }
            Step::Chat {
                from,
                talk,
                number,
                ends,
                text,
            } => {
                let piece = Piece::new(u32::from(*talk), u16::from(*number), *ends, text);
                let chat = Control::Chat(piece).to_bytes().to_vec();
                Some((host(from % 3), chat))
            }
            Step::Heard {
                from,
                known,
                number,
            } => {
                let (talk, number) = said.filter(|_| *known).unwrap_or((1, *number));
                let heard = Control::Heard { talk, number }.to_bytes().to_vec();
                Some((host(from % 3), heard))
            }
            Step::Called { from, name } => {
                let called = Control::Called(Name::from_bytes(name));
                Some((host(from % 3), called.to_bytes().to_vec()))
            }
            Step::CallUs { name } => {
                peer.call_us(Name::new(name));
                None
            }
            Step::Unpolled => {
                polled = !polled;
                None
            }
        };
        if let Some((from, payload)) = datagram {
            match peer.handle_datagram(now, from, &payload) {
                Verdict::Audio(_) => assert_eq!(peer.remote(), Some(from)),
                Verdict::Stranger => assert_ne!(before, Some(from)),
                Verdict::Repair => assert_eq!(peer.remote(), Some(from)),
                Verdict::Consumed | Verdict::Malformed(_) | Verdict::Ignored => {}
            }
        }
        if let Some(called) = called {
            assert!(peer.remote().is_none_or(|remote| remote == called));
        }
        if polled {
            pinged = drain(&mut peer, &mut said).unwrap_or(pinged);
        }
    }
    Ok(())
}

/// Polls until the machine waits. The stamp of a ping, if it sends one; `said`: the last piece of a line that it sends.
fn drain(peer: &mut Peer, said: &mut Option<(u32, u16)>) -> Option<u64> {
    let mut pinged = None;
    for _ in 0..60 {
        match peer.poll_output() {
            Output::Wait => return pinged,
            Output::Event(_) | Output::Reception(_) | Output::Wanted(_) => {}
            Output::Keep(_) | Output::Kept(_) | Output::Hearing(_) => assert!(peer.is_farsend()),
            Output::Talked(Talked::Theirs(line)) => {
                assert!(!line.as_str().contains(char::is_control));
            }
            Output::Talked(Talked::Ours { .. }) => {}
            Output::Called(name) => assert!(!name.as_str().contains(char::is_control)),
            Output::Send { to, payload } => match Control::parse(&payload) {
                Some(Control::Ping { stamp }) => {
                    assert_eq!(Some(to), peer.remote());
                    pinged = Some(stamp);
                }
                Some(Control::Chat(piece)) => {
                    assert_eq!(Some(to), peer.remote());
                    *said = Some((piece.talk, piece.number));
                }
                _ => {}
            },
        }
    }
    panic!("it never waits");
}

fn reception(lost: u32) -> Reception {
    Reception {
        due: lost,
        lost,
        bursts: 1,
        depth: 4,
    }
}

fn word(kind: u8, number: u16, more: u32) -> Control {
    let number = SeqNum(number);
    match kind % 3 {
        0 => Control::Keep(Keep { from: number }),
        1 => Control::Kept(Kept {
            oldest: number,
            count: more as u16,
        }),
        _ => Control::Hearing(Hearing {
            packet: number,
            heard: SeqNum(more as u16),
            offset: more,
            step: more,
        }),
    }
}

const WANTED: Wanted = Wanted {
    first: SeqNum(1),
    missing: 1,
};

fn host(number: u8) -> SocketAddr {
    SocketAddr::from(([10, 77, 0, number], 4464))
}
