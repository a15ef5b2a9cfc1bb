//! Any configuration and any blocks: what leaves is the same audio in periods, and is understood.
#![no_main]

use farsend_protocol::jacktrip::{Depacketizer, Packetizer, PacketizerConfig, Taken};
use farsend_units::{Channels, Frames, SampleRate};
use farsend_wire::jacktrip::HeaderKind;
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = run(&mut Unstructured::new(bytes));
});

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    let config = PacketizerConfig {
        header: HeaderKind::Default,
        rate: SampleRate(*input.choose(&[44_100, 48_000, 192_000, 8_000])?),
        period: Frames(input.int_in_range(0..=300)?),
        send: Channels(input.arbitrary()?),
        receive: Channels(input.arbitrary()?),
        samples: farsend_fuzz::samples(input)?,
        redundancy: input.int_in_range(0..=4)?,
    };
    let Ok(mut packetizer) = Packetizer::new(config) else {
        return Ok(());
    };
    let mut depacketizer = Depacketizer::new(HeaderKind::Default, None);
    let (mut pushed, mut expected) = (0, 0);
    while !input.is_empty() {
        if input.ratio(1, 8)? {
            let samples = farsend_fuzz::samples(input)?;
            let _ = packetizer.set_stream(config.rate, config.period, samples);
        }
        let frames = input.int_in_range(0..=700)?;
        let channels = input.int_in_range(1..=4)?;
        // Levels that every sample format can say.
        let line: Vec<f32> = (pushed..pushed + frames).map(level).collect();
        pushed += frames;
        packetizer.push(1, &vec![&line[..]; channels], &mut |bytes| {
            let taken = depacketizer.take(bytes, &mut |arrival| {
                let frames = config.period.get();
                let first = arrival.number as usize * frames;
                let mut out = vec![9.0; frames];
                arrival.packet.decode_channel(0, &mut out);
                let close = |(i, x): (usize, f32)| (x - level(first + i)).abs() < 0.02;
                assert!(out.into_iter().enumerate().all(close));
                assert_eq!(
                    arrival.number, expected,
                    "nothing twice and nothing left out"
                );
                expected += 1;
            });
            assert!(!matches!(taken, Taken::Malformed(_)), "{taken:?}");
        });
        assert_eq!(packetizer.pending().get(), pushed % config.period.get());
    }
    assert_eq!(expected as usize, pushed / config.period.get());
    Ok(())
}

fn level(frame: usize) -> f32 {
    (frame % 64) as f32 / 64.0 - 0.5
}
