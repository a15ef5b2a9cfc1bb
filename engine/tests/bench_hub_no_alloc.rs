//! The players of a load test neither allocate nor fail while they play, whatever the hub sends.

use std::net::UdpSocket;
use std::time::Duration;

use assert_no_alloc::{AllocDisabler, assert_no_alloc};
use farsend::bench::hub::ear::{Form, Scene, Times};
use farsend::bench::hub::levels::Levels;
use farsend::bench::hub::player::{Desk, Moment, Part, Player, packet};
use farsend_units::{Channels, Frames, SampleRate};

#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

#[test]
fn a_player_plays_and_listens_without_allocating() {
    for is_dated in [true, false] {
        let form = Form {
            rate: SampleRate::HZ_48000,
            period: Frames(128),
            channels: Channels(2),
            levels: Levels::for_players(3),
        };
        let hub = UdpSocket::bind("127.0.0.1:0").unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(hub.local_addr().unwrap()).unwrap();
        socket.set_nonblocking(true).unwrap();
        hub.connect(socket.local_addr().unwrap()).unwrap();
        hub.set_nonblocking(true).unwrap();

        let mut player = Player::new(0, Part::Steady, socket, form, is_dated);
        let mut voice = packet(form, form.levels.plain()).unwrap();
        let mut mix = packet(form, 2 * form.levels.plain()).unwrap();
        let (mut desk, mut times) = (Desk::new(form), Times::default());
        for number in 0..200_u16 {
            mix[8..10].copy_from_slice(&number.to_le_bytes());
            // Sounds of all kinds on the way, and a loss.
            mix[20 + usize::from(number)] ^= 0x55;
            if number != 100 {
                hub.send(&mix).unwrap();
            }
            std::thread::sleep(Duration::from_micros(200));
            let moment = Moment::read();
            assert_no_alloc(|| {
                let mut scene = Scene {
                    others: 2,
                    counting: true,
                    marked: &[],
                    times: Some(&mut times),
                };
                player.send(&mut voice, &moment);
                player.receive(&moment, &mut desk, &mut scene);
            });
        }
        let counts = player.ear.counts();
        assert!(counts.packets > 190, "{counts:?}");
        assert_eq!(counts.lost, 1, "{counts:?}");
        let mut heard = [0; 2048];
        assert_eq!(hub.recv(&mut heard).unwrap(), voice.len());
        assert_eq!(heard[16..voice.len()], voice[16..]);
    }
}
