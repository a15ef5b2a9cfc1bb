//! A JackTrip at 32 bit, which destroys its samples before sending: nobody at a hub hears noise, and the hub says why.

use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use farsend_tests::lab::by_hand::{header, log_in};
use farsend_tests::lab::hub::{member, start};
use farsend_tests::lab::on_a_private_machine;

const LIMIT: Duration = Duration::from_secs(10);

#[test]
fn at_a_hub_what_the_32_bit_bug_leaves_of_a_player_is_silence_and_its_host_is_told() {
    on_a_private_machine(&[], |machine| {
        let mut hub = start(machine, &[]);
        let mut ann = member(machine, "ann", &[]);
        ann.wait_for_peer();
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("some port is free");
        let own = socket.local_addr().expect("it is bound").port();
        let to = log_in(own, "wide");
        let mut number = 0;
        while hub.events("advice").is_empty() || ann.events("statistics").len() < 2 {
            assert!(number < 2_000, "nothing is said: {}", hub.running.output());
            let audio = broken(number);
            socket.send_to(&audio, to).expect("loopback takes it");
            number += 1;
            std::thread::sleep(Duration::from_millis(5));
        }
        let advice = &hub.events("advice")[0];
        assert_eq!(advice["name"], "wide");
        let text = advice["text"].to_string();
        assert!(text.contains("-b 16"), "{text}");
        let heard = ann.events("statistics");
        for now in heard {
            let level = now["level_in_db"][0].as_f64().expect("it is a number");
            assert!(level < -50.0, "noise: {now}");
        }
        hub.wait_for_event("joined", 2, LIMIT);
    });
}

/// 256 frames of two channels at 48 kHz: the low halves of a loud tone's samples as doubles, as JackTrip 2.7.2 sends them.
fn broken(number: u16) -> Vec<u8> {
    let mut bytes = header(number, 256, [3, 32, 2, 0]).to_vec();
    for frame in 0..512_u16 {
        let sample = (f32::from(frame) * 0.1).sin() * 0.9;
        bytes.extend(&f64::from(sample).to_le_bytes()[..4]);
    }
    bytes
}
