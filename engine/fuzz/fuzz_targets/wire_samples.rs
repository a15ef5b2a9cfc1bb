//! Any floats to bytes as the specification says, and any bytes to samples, of which only floats can be loud.
#![no_main]

use farsend_wire::SampleFormat;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Vec<f32>, Vec<u8>)| {
    let (samples, bytes) = input;
    for format in SampleFormat::ALL {
        let mut encoded = vec![0; samples.len() * format.bytes()];
        format.encode(&samples, &mut encoded);
        for (&x, bytes) in samples.iter().zip(encoded.chunks_exact(format.bytes())) {
            assert_eq!(value(bytes), specified(format, x), "{x:?} as {format:?}");
        }
        let mut decoded = vec![9.0; bytes.len() / format.bytes()];
        format.decode(&bytes, &mut decoded);
        let is_float = format == SampleFormat::F32;
        assert!(decoded.iter().all(|x| is_float || x.abs() <= 1.0));
    }
});

/// The number that was written.
fn value(bytes: &[u8]) -> f64 {
    match *bytes {
        [a] => f64::from(a as i8),
        [a, b] => f64::from(i16::from_le_bytes([a, b])),
        [a, b, c] => f64::from(i32::from_le_bytes([0, c, a, b]) >> 8),
        [a, b, c, d] => f64::from(f32::from_le_bytes([a, b, c, d])),
        _ => unreachable!("no sample is longer"),
    }
    .max(f64::MIN)
}

fn specified(format: SampleFormat, x: f32) -> f64 {
    let wide = f64::from(x);
    let quiet = if x.is_nan() { 0.0 } else { wide };
    match format {
        SampleFormat::I8 => (127.0 * quiet).round().clamp(-127.0, 127.0),
        SampleFormat::I16 => (32_767.0 * quiet).round().clamp(-32_767.0, 32_767.0),
        SampleFormat::I24 => (8_388_608.0 * quiet)
            .floor()
            .clamp(-8_388_608.0, 8_388_607.0),
        SampleFormat::F32 => wide.max(f64::MIN),
    }
}
