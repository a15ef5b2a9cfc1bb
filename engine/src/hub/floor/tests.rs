//! What is ordered about the delay of a player, on the audio thread.

use assert_no_alloc::assert_no_alloc;
use farsend_stream::Conceal;
use farsend_units::{Channels, Frames};
use farsend_wire::SampleFormat;
use farsend_wire::jacktrip::Format;
use rtrb::RingBuffer;

use super::*;
use crate::peers::kernels;

#[test]
fn a_delay_that_shifts_has_moved_and_nothing_that_is_ordered_about_it_allocates() {
    let settings = HubSettings {
        players: 2,
        depth: DepthPolicy::Fixed(2),
        period: Frames(128),
        ..HubSettings::default()
    };
    let (mut orders, obeyed) = RingBuffer::new(8);
    let lines = Lines {
        orders: obeyed,
        ..Lines::to_nobody()
    };
    let mut floor = Floor::new(&settings, HubSocket::of_many(false), lines);
    let format = Format {
        rate: settings.rate,
        period: settings.period,
        channels: Channels(1),
        wants: Channels(1),
        samples: SampleFormat::I16,
    };
    let address = SocketAddr::from(([192, 0, 2, 1], 4464));
    let player = Player::new(
        &settings,
        &kernels(settings.rate),
        Conceal::Fade,
        address,
        format,
        1,
    );
    let (mut player, mut watch) = player.expect("such packets can be sent");
    player.take_knock(clock::now(), &packet(0));
    for order in [
        Order::Admit(0, player, 0),
        Order::KeepDelay(0, true),
        Order::KeepDelay(1, true),
    ] {
        orders.push(order).expect("there is room");
    }
    let play = |floor: &mut Floor, number: u16| {
        let packet = packet(number);
        std::thread::sleep(settings.period.duration(settings.rate));
        assert_no_alloc(|| {
            if let Some(player) = floor.player(0) {
                player.take(clock::now(), &packet);
            }
            floor.period(None);
            floor.note_heard(u64::from(number) * 128 + 4000);
        });
    };
    (1..100).for_each(|number| play(&mut floor, number));
    let moves = watch.statistics.read().buffer.moves;
    assert!(moves > 0, "it began to play");
    assert_no_alloc(|| {
        floor.shift(false);
        floor.shift(true);
    });
    let measured = Loop {
        frames: 700,
        player: 1,
        moves: moves + 2,
    };
    orders
        .push(Order::Loop(0, measured))
        .expect("there is room");
    (100..200).for_each(|number| play(&mut floor, number));
    let now = watch.statistics.read().buffer.moves;
    assert!(now >= moves + 2, "{now} after {moves}");
}

/// 128 frames of a channel at 48 kHz, 16 bits.
fn packet(number: u16) -> Vec<u8> {
    let mut packet = vec![0; 16 + 256];
    packet[8..10].copy_from_slice(&number.to_le_bytes());
    packet[10..12].copy_from_slice(&128_u16.to_le_bytes());
    packet[12..16].copy_from_slice(&[3, 16, 1, 0]);
    packet
}
