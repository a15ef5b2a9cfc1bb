//! What a sample can be.

/// 48 dB above full scale: no instrument, and no mix of hundreds, is as loud. Floats that are louder come from a program
/// that has gone wrong, and heard at any volume they harm.
pub const LOUDEST: f32 = 256.0;

/// Whether this is a sample of audio: a number, and within ±[`LOUDEST`]. What is not is no signal that could be saved by
/// clipping it, and is best left out.
#[inline(always)]
pub const fn is_audio(sample: f32) -> bool {
    // No comparison with what is not a number holds.
    sample.abs() <= LOUDEST
}

/// The sample, or silence where it is none.
#[inline(always)]
pub const fn audio_or_silence(sample: f32) -> f32 {
    if is_audio(sample) { sample } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_or_louder_than_anything_is_no_audio() {
        for sample in [f32::NAN, -f32::NAN, f32::INFINITY, f32::MIN, 1e30, -256.001] {
            assert!(!is_audio(sample), "{sample}");
            assert_eq!(audio_or_silence(sample).to_bits(), 0);
        }
        for sample in [0.0, -0.0, 1e-42, -1.0, 16.0, LOUDEST, -LOUDEST] {
            assert!(is_audio(sample), "{sample}");
            assert_eq!(audio_or_silence(sample).to_bits(), sample.to_bits());
        }
    }
}
