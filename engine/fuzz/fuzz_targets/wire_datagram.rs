//! Any payload: parsed, cut and decoded without a panic, and what was parsed is what the bytes say.
#![no_main]

use farsend_fuzz::Payload;
use farsend_wire::jacktrip::{
    Control, Datagram, Format, Header, HeaderKind, classify_words, is_stop,
};
use farsend_wire::repair::Repair;
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = look(&mut Unstructured::new(bytes));
    judge(bytes, HeaderKind::Default, None);
});

fn look(input: &mut Unstructured<'_>) -> Result<()> {
    let kind = farsend_fuzz::kind(input)?;
    let fallback = if input.arbitrary()? {
        Some(farsend_fuzz::format(input)?)
    } else {
        None
    };
    let Payload(payload) = input.arbitrary()?;
    judge(&payload, kind, fallback);
    Ok(())
}

fn judge(payload: &[u8], kind: HeaderKind, fallback: Option<Format>) {
    let control = Control::parse(payload);
    assert_eq!(control.is_some(), payload.len() == 63);
    assert_eq!(control == Some(Control::Stop), is_stop(payload));
    if let Some(control) = control.filter(|control| *control != Control::Unknown) {
        assert_eq!(control.to_bytes(), payload);
    }
    if let Ok(repair) = Repair::parse(payload) {
        let length = u16::try_from(repair.length()).expect("two bytes say it");
        let header = Repair::header(repair.first, repair.count, repair.index, length);
        assert_eq!([&header, repair.parity].concat(), payload);
        assert!(control.is_none());
        assert!(Datagram::parse(payload, HeaderKind::Default, None).is_err());
    }
    if let Ok(header) = Header::parse(payload) {
        assert_eq!(header.to_bytes(), payload[..Header::LEN]);
    }

    let datagram = match Datagram::parse(payload, kind, fallback) {
        Ok(datagram) => datagram,
        Err(error) => {
            let _ = error.to_string();
            return;
        }
    };
    assert!(control.is_none());
    let format = datagram.format();
    let packet_len = kind.len() + format.samples_len();
    assert_eq!(
        packet_len * usize::from(datagram.redundancy()),
        payload.len()
    );
    let mut out = [9.0; 100];
    let mut forwards = Vec::new();
    for packet in datagram.packets() {
        assert_eq!(packet.samples.len(), format.samples_len());
        classify_words(packet.samples);
        for channel in [0, 1, format.channels.get() - 1, format.channels.get(), 1000] {
            packet.decode_channel(channel, &mut out);
            // Floats are what was sent; who plays them looks whether they are audio.
            let is_float = packet.header.bits == 32;
            assert!(out.iter().all(|x| is_float || x.abs() <= 1.0));
        }
        forwards.push((packet.header, packet.samples));
    }
    assert!(!forwards.is_empty());
    let mut backwards: Vec<_> = datagram
        .packets()
        .rev()
        .map(|packet| (packet.header, packet.samples))
        .collect();
    backwards.reverse();
    assert_eq!(forwards, backwards);
}
