//! Two Farsends find out that both repair; a JackTrip never notices.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use farsend_protocol::jacktrip::{Event, Output, Peer, PeerConfig, Remark, Talked, Verdict};
use farsend_units::{MonoTime, SeqNum};
use farsend_wire::jacktrip::{Control, Keep, Name, Reception, STOP, Wanted};
use farsend_wire::repair::Repair;
use support::{FORMAT, Wants, audio, drain, host, ms};

const WANTED: Wanted = Wanted {
    first: SeqNum(7),
    missing: 5,
};

fn reception(lost: u32) -> Reception {
    Reception {
        due: 1000,
        lost,
        bursts: lost,
        depth: 4,
    }
}

fn repair() -> Vec<u8> {
    let mut bytes = Repair::header(SeqNum(1), 3, 0, 100).to_vec();
    bytes.resize(120, 1);
    bytes
}

/// Two ends that hear each other's audio, and what each has sent last.
struct Two {
    ends: [Peer; 2],
    seq: u16,
    at: u64,
    sent: [Vec<Control>; 2],
    wants: [Wants; 2],
}

impl Two {
    fn new(configs: [PeerConfig; 2]) -> Self {
        let ends = [Peer::server(configs[0]), Peer::client(configs[1], host(1))];
        Self {
            ends,
            seq: 0,
            at: 0,
            sent: [vec![], vec![]],
            wants: [Wants::default(), Wants::default()],
        }
    }

    /// Some milliseconds of audio both ways, with each end's word of how it comes.
    fn run(&mut self, milliseconds: u64, lost: u32) {
        for _ in 0..milliseconds / 10 {
            self.at += 10;
            self.seq = self.seq.wrapping_add(1);
            let at = ms(self.at);
            for end in 0..2 {
                let _ = self.ends[end].handle_datagram(
                    at,
                    host(2 - end as u8),
                    &audio(FORMAT, self.seq),
                );
                self.ends[end].handle_timeout(at);
                self.ends[end].note_reception(at, reception(lost));
            }
            for _ in 0..2 {
                for end in 0..2 {
                    let wants = drain(&mut self.ends[end]);
                    for (_, payload) in &wants.sends {
                        self.sent[end].push(Control::parse(payload).unwrap());
                        let from = host(1 + end as u8);
                        let verdict = self.ends[1 - end].handle_datagram(at, from, payload);
                        assert_eq!(verdict, Verdict::Consumed);
                    }
                    self.wants[end].receptions.extend(wants.receptions);
                    self.wants[end].wanted.extend(wants.wanted);
                    self.wants[end].words.extend(wants.words);
                    self.wants[end].talked.extend(wants.talked);
                    self.wants[end].names.extend(wants.names);
                }
            }
        }
    }

    fn now(&self) -> MonoTime {
        ms(self.at)
    }

    fn said(&self, end: usize) -> usize {
        let all = self.sent[end].iter();
        all.filter(|control| matches!(control, Control::Reception(_)))
            .count()
    }
}

#[test]
fn both_know_after_the_first_pong_and_say_how_it_comes_every_second_or_soon_after_a_loss() {
    let mut two = Two::new([PeerConfig::default(); 2]);
    two.run(900, 0);
    assert!(!two.ends[0].is_farsend() && !two.ends[0].understands_repair(two.now()));
    assert_eq!((two.said(0), two.said(1)), (0, 0), "nothing before a pong");
    two.run(300, 0);
    for end in &two.ends {
        assert!(end.is_farsend() && end.understands_repair(two.now()));
    }
    assert_eq!((two.said(0), two.said(1)), (1, 1));
    two.run(5000, 0);
    assert_eq!(two.said(0), 6);
    two.run(100, 3);
    two.run(100, 4);
    assert_eq!(two.said(0), 7, "at most five times a second");
    assert_eq!(two.wants[1].receptions.last(), Some(&reception(3)));
}

#[test]
fn what_is_wanted_is_told_to_the_one_who_has_sent_it() {
    let mut two = Two::new([PeerConfig::default(); 2]);
    let now = two.now();
    two.ends[0].want(now, WANTED);
    two.run(1500, 0);
    assert_eq!(
        two.wants[1].wanted,
        [],
        "asked before it was known that it would be understood"
    );
    let now = two.now();
    two.ends[0].want(now, WANTED);
    two.run(20, 0);
    assert_eq!(two.wants[1].wanted, [WANTED]);
}

#[test]
fn what_a_farsend_said_before_it_fell_quiet_is_told_when_it_is_heard_again() {
    let mut two = Two::new([PeerConfig::default(); 2]);
    two.run(1500, 0);
    let keep = Keep { from: SeqNum(9) };
    let payload = Control::Keep(keep).to_bytes();
    let now = two.now();
    let _ = two.ends[0].handle_datagram(now, host(2), &payload);
    // Nobody has asked yet when it is quiet already.
    two.at += 2000;
    let now = two.now();
    two.ends[0].handle_timeout(now);
    assert!(!two.ends[0].is_farsend());
    assert_eq!(drain(&mut two.ends[0]).words, []);
    two.run(1500, 0);
    assert_eq!(two.wants[0].words, [Output::Keep(keep)]);
}

#[test]
fn repair_is_off_at_both_ends_where_one_does_not_wish_it() {
    for off in 0..2 {
        let mut configs = [PeerConfig::default(); 2];
        configs[off].repair = false;
        let mut two = Two::new(configs);
        two.run(5000, 9);
        for end in &two.ends {
            assert!(end.is_farsend() && !end.understands_repair(two.now()));
        }
        assert_eq!(two.said(off), 0);
        let from = host(2 - off as u8);
        let now = two.now();
        let verdict = two.ends[off].handle_datagram(now, from, &repair());
        assert!(matches!(verdict, Verdict::Malformed(_)), "{verdict:?}");
    }
}

#[test]
fn a_jacktrip_is_told_nothing_and_asked_nothing() {
    let mut peer = Peer::server(PeerConfig::default());
    for i in 0..2000_u16 {
        let at = ms(u64::from(i) * 10);
        let _ = peer.handle_datagram(at, host(2), &audio(FORMAT, i));
        peer.handle_timeout(at);
        peer.note_reception(at, reception(i.into()));
        peer.want(at, WANTED);
        peer.call_us(Name::new("Violin 1"));
        assert!(!peer.is_farsend() && !peer.understands_repair(at));
        for (_, payload) in drain(&mut peer).sends {
            let control = Control::parse(&payload);
            assert!(matches!(control, Some(Control::Ping { .. })), "{control:?}");
        }
    }
}

#[test]
fn one_who_is_sent_away_is_told_for_how_long_once_and_before_the_goodbye() {
    let mut two = Two::new([PeerConfig::default(); 2]);
    two.run(1500, 0);
    let now = two.now();
    two.ends[0].handle_send_away(now, 600);
    let word = Control::SentAway { seconds: 600 }.to_bytes();
    assert_eq!(drain(&mut two.ends[0]).sends, [(host(2), word)]);
    two.ends[0].handle_leave(now);
    let sends = drain(&mut two.ends[0]).sends;
    assert_eq!(sends, [(host(2), word), (host(2), STOP), (host(2), STOP)]);
    // Whoever else says so is not believed.
    assert_eq!(
        two.ends[1].handle_datagram(now, host(3), &word),
        Verdict::Stranger
    );
    for (_, payload) in sends {
        _ = two.ends[1].handle_datagram(now, host(1), &payload);
    }
    let told = drain(&mut two.ends[1]).events;
    assert_eq!(told, [Event::SentAway { seconds: 600 }, Event::Left]);
}

#[test]
fn a_jacktrip_that_is_sent_away_hears_the_goodbye_and_nothing_else() {
    let mut peer = Peer::server(PeerConfig::default());
    let _ = peer.handle_datagram(ms(0), host(2), &audio(FORMAT, 0));
    let _ = drain(&mut peer);
    peer.handle_send_away(ms(1), 600);
    assert_eq!(drain(&mut peer).sends, []);
    peer.handle_leave(ms(1));
    assert_eq!(drain(&mut peer).sends, [(host(2), STOP); 2]);
}

#[test]
fn a_caller_cannot_send_away_the_one_it_has_called() {
    let mut two = Two::new([PeerConfig::default(); 2]);
    two.run(1500, 0);
    let word = Control::SentAway { seconds: 600 }.to_bytes();
    let now = two.now();
    assert_eq!(
        two.ends[0].handle_datagram(now, host(2), &word),
        Verdict::Consumed
    );
    assert_eq!(drain(&mut two.ends[0]).events, []);
}

#[test]
fn words_without_a_pong_before_are_not_believed() {
    let mut peer = Peer::server(PeerConfig::default());
    for i in 0..500_u16 {
        let at = ms(u64::from(i) * 10);
        let _ = peer.handle_datagram(at, host(2), &audio(FORMAT, i));
        let word = Control::Reception(reception(1)).to_bytes();
        assert_eq!(peer.handle_datagram(at, host(2), &word), Verdict::Consumed);
        assert!(!peer.understands_repair(at));
    }
}

#[test]
fn another_program_in_the_same_place_has_to_prove_itself_anew() {
    let mut two = Two::new([PeerConfig::default(); 2]);
    two.run(2000, 0);
    assert!(two.ends[0].understands_repair(two.now()));
    // Its numbers begin anew without a pause: believed at the second datagram.
    for seq in [30_000, 30_001] {
        let now = two.now();
        let _ = two.ends[0].handle_datagram(now, host(2), &audio(FORMAT, seq));
    }
    assert!(!two.ends[0].is_farsend() && !two.ends[0].understands_repair(two.now()));

    let mut two = Two::new([PeerConfig::default(); 2]);
    two.run(2000, 0);
    let later = two.now() + Duration::from_millis(600);
    two.ends[0].handle_timeout(later);
    assert!(!two.ends[0].understands_repair(later), "it is quiet");
    let _ = two.ends[0].handle_datagram(later, host(2), &audio(FORMAT, two.seq + 1));
    assert!(
        !two.ends[0].understands_repair(later),
        "it is back, and has not answered since"
    );
}

#[test]
fn a_word_holds_for_some_seconds_only() {
    let mut two = Two::new([PeerConfig::default(); 2]);
    two.run(2000, 0);
    for i in 0..600_u64 {
        let at = two.now() + Duration::from_millis(10 * i);
        let _ = two.ends[0].handle_datagram(at, host(2), &audio(FORMAT, two.seq + 1 + i as u16));
        let _ = drain(&mut two.ends[0]);
    }
    let later = two.now() + Duration::from_secs(6);
    assert!(!two.ends[0].understands_repair(later));
}

#[test]
fn a_repair_datagram_is_the_peers_or_nobodys_and_makes_nobody_a_peer() {
    let mut server = Peer::server(PeerConfig::default());
    assert_eq!(
        server.handle_datagram(ms(0), host(2), &repair()),
        Verdict::Ignored
    );
    assert_eq!(server.remote(), None);
    let _ = server.handle_datagram(ms(1), host(2), &audio(FORMAT, 0));
    assert_eq!(
        server.handle_datagram(ms(2), host(2), &repair()),
        Verdict::Repair
    );
    assert_eq!(
        server.handle_datagram(ms(2), host(3), &repair()),
        Verdict::Stranger
    );
    // Quiet for long, it may be replaced: by audio.
    assert_eq!(
        server.handle_datagram(ms(60_000), host(3), &repair()),
        Verdict::Stranger
    );
    assert_eq!(
        server.handle_datagram(ms(60_000), host(2), &repair()),
        Verdict::Repair
    );
    assert_eq!(server.remote(), Some(host(2)));
    let _ = server.handle_datagram(ms(60_000), host(2), &STOP);
    assert_eq!(
        server.handle_datagram(ms(60_500), host(2), &repair()),
        Verdict::Ignored
    );
}

#[test]
fn what_is_written_arrives_at_a_farsend_and_is_never_sent_to_a_jacktrip() {
    let line =
        Remark::new("Ready when you are: from bar 17, with the pick-up, and without the click.")
            .unwrap();
    let mut two = Two::new([PeerConfig::default(); 2]);
    two.run(900, 0);
    let now = two.now();
    assert!(!two.ends[0].write(now, line), "it has not answered yet");
    two.run(600, 0);
    let now = two.now();
    assert!(two.ends[0].write(now, line) && two.ends[1].write(now, line));
    two.run(1000, 0);
    let both = [Talked::Ours { arrived: true }, Talked::Theirs(line)];
    for wants in &two.wants {
        assert!(wants.talked.len() == 2 && both.iter().all(|talked| wants.talked.contains(talked)));
    }
    let said = two.sent[0]
        .iter()
        .filter(|control| matches!(control, Control::Chat(_)));
    assert_eq!(
        said.count(),
        2,
        "a line of 73 bytes in two pieces, each once"
    );
}

#[test]
fn each_end_is_told_what_the_other_is_called_and_when_that_changes() {
    let mut two = Two::new([PeerConfig::default(); 2]);
    two.ends[0].call_us(Name::new("Violin 1"));
    two.run(5000, 0);
    assert_eq!(two.wants[1].names, ["Violin 1"]);
    assert_eq!(two.ends[1].called().as_str(), "Violin 1");
    assert_eq!(two.wants[0].names, [""; 0], "the other has no name");
    two.ends[0].call_us(Name::new("Violin 2"));
    two.ends[1].call_us(Name::new("Viola"));
    two.run(1000, 0);
    two.ends[0].call_us(Name::EMPTY);
    two.run(1000, 0);
    assert_eq!(two.wants[1].names, ["Violin 1", "Violin 2", ""]);
    assert_eq!(two.wants[0].names, ["Viola"]);
}

#[test]
fn each_end_sees_the_others_colour() {
    let mut two = Two::new([PeerConfig::default(); 2]);
    two.ends[0].colour_us(Some([206, 130, 58]));
    two.run(2000, 0);
    assert_eq!(two.ends[1].colour(), Some([206, 130, 58]));
    assert_eq!(two.ends[0].colour(), None);
    assert_eq!(two.wants[1].names, [""; 0], "that is no name");
    two.ends[0].colour_us(None);
    two.run(1000, 0);
    assert_eq!(two.ends[1].colour(), None);
}

#[test]
fn a_name_is_gone_with_the_one_who_had_it() {
    let mut two = Two::new([PeerConfig::default(); 2]);
    two.ends[1].call_us(Name::new("Viola"));
    two.run(2000, 0);
    let now = two.now();
    assert_eq!(two.ends[0].called().as_str(), "Viola");
    let _ = two.ends[0].handle_datagram(now, host(2), &STOP);
    let wants = drain(&mut two.ends[0]);
    assert_eq!(
        (wants.events, wants.names),
        (vec![Event::Left], vec![String::new()])
    );
    assert_eq!(two.ends[0].called(), Name::EMPTY);
    // Whoever calls next has not said a name yet.
    let later = now + Duration::from_secs(1);
    let _ = two.ends[0].handle_datagram(later, host(3), &audio(FORMAT, 1));
    assert_eq!(two.ends[0].called(), Name::EMPTY);
}
