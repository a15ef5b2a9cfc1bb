//! Samples as bytes: the four forms in which JackTrip carries audio.
//!
//! The loops are plain enough that the compiler makes vector code of them, since they run for every
//! channel on the audio thread; the widest that the processor has, found out when it runs. None looks at more than the shorter of its two slices.
//!
//! Source: for encoding, captures of JackTrip 1.7.0 and 2.7.2 in `tests/golden/`; for decoding, what
//! both make of datagrams with known samples. Floats are as JackTrip receives them: what it sends is no
//! audio, see [`classify_words`](crate::jacktrip::classify_words).

use pulp::{Arch, Simd, WithSimd};

/// How one sample is written down.
///
/// Full scale is ±1.0. One trip through [`I8`](Self::I8) or [`I16`](Self::I16) scales by 127/128 or
/// 32767/32768, as between two JackTrips: they multiply by the smaller and divide by the larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SampleFormat {
    /// One signed byte. Clips at ±127.
    I8,
    /// Two bytes, little endian. Clips at ±32767.
    I16,
    /// Three bytes in the order middle, high, low. Clips at full scale, where JackTrip wraps around.
    I24,
    /// An IEEE float, little endian. Decoding makes silence of what is not finite.
    F32,
}

impl SampleFormat {
    /// All of them, the smallest first.
    pub const ALL: [Self; 4] = [Self::I8, Self::I16, Self::I24, Self::F32];

    /// Bits a sample, as the header says it.
    pub const fn bits(self) -> u8 {
        match self {
            Self::I8 => 8,
            Self::I16 => 16,
            Self::I24 => 24,
            Self::F32 => 32,
        }
    }

    /// Bytes a sample.
    pub const fn bytes(self) -> usize {
        self.bits() as usize / 8
    }

    /// The format that a header means by `bits`; none for other numbers than 8, 16, 24 and 32.
    pub const fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            8 => Some(Self::I8),
            16 => Some(Self::I16),
            24 => Some(Self::I24),
            32 => Some(Self::F32),
            _ => None,
        }
    }

    /// Writes `samples` to `out`, as many as both have room for.
    ///
    /// What is not a number becomes silence in the integer formats.
    pub fn encode(self, samples: &[f32], out: &mut [u8]) {
        Arch::new().dispatch(Encode {
            format: self,
            samples,
            out,
        });
    }

    #[inline(always)]
    fn encode_here(self, samples: &[f32], out: &mut [u8]) {
        match self {
            Self::I8 => {
                for (byte, &x) in out.iter_mut().zip(samples) {
                    *byte = nearest(x, 127.0) as u8;
                }
            }
            Self::I16 => {
                for (bytes, &x) in out.as_chunks_mut::<2>().0.iter_mut().zip(samples) {
                    *bytes = (nearest(x, 32_767.0) as i16).to_le_bytes();
                }
            }
            Self::I24 => {
                // In two steps, of which the first at least becomes vector code.
                let mut values = [0; 64];
                let chunks = samples.chunks(values.len());
                for (samples, out) in chunks.zip(out.chunks_mut(values.len() * 3)) {
                    for (value, &x) in values.iter_mut().zip(samples) {
                        *value = floor_24(x);
                    }
                    let whole = samples.len();
                    for (bytes, value) in
                        out.as_chunks_mut::<3>().0.iter_mut().zip(&values[..whole])
                    {
                        let [low, middle, high, _] = value.to_le_bytes();
                        *bytes = [middle, high, low];
                    }
                }
            }
            Self::F32 => {
                for (bytes, x) in out.as_chunks_mut::<4>().0.iter_mut().zip(samples) {
                    *bytes = x.to_le_bytes();
                }
            }
        }
    }

    /// Reads samples from `bytes` to `out`, as many as both have room for. Floats as they were sent: any 32 bits, and not to
    /// be heard before somebody has looked whether they are audio.
    pub fn decode(self, bytes: &[u8], out: &mut [f32]) {
        Arch::new().dispatch(Decode {
            format: self,
            bytes,
            out,
        });
    }

    #[inline(always)]
    fn decode_here(self, bytes: &[u8], out: &mut [f32]) {
        match self {
            Self::I8 => {
                for (x, &byte) in out.iter_mut().zip(bytes) {
                    *x = f32::from(byte.cast_signed()) * (1.0 / 128.0);
                }
            }
            Self::I16 => {
                for (x, &bytes) in out.iter_mut().zip(bytes.as_chunks::<2>().0) {
                    *x = f32::from(i16::from_le_bytes(bytes)) * (1.0 / 32_768.0);
                }
            }
            Self::I24 => {
                for (x, &[middle, high, low]) in out.iter_mut().zip(bytes.as_chunks::<3>().0) {
                    // In the upper three bytes, so that the sign is in its place; exact as a float.
                    let value = i32::from_le_bytes([0, low, middle, high]);
                    *x = value as f32 * (1.0 / 2_147_483_648.0);
                }
            }
            Self::F32 => {
                for (x, &bytes) in out.iter_mut().zip(bytes.as_chunks::<4>().0) {
                    *x = f32::from_le_bytes(bytes);
                }
            }
        }
    }
}

/// [`SampleFormat::encode`], for each kind of processor.
struct Encode<'a> {
    format: SampleFormat,
    samples: &'a [f32],
    out: &'a mut [u8],
}

impl WithSimd for Encode<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        self.format.encode_here(self.samples, self.out);
    }
}

/// [`SampleFormat::decode`], likewise.
struct Decode<'a> {
    format: SampleFormat,
    bytes: &'a [u8],
    out: &'a mut [f32],
}

impl WithSimd for Decode<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        self.format.decode_here(self.bytes, self.out);
    }
}

/// `x * scale` to the nearest whole number within ±`scale`. The lower 16 bits are 0 for what is not a
/// number.
///
/// Adding [`ROUNDING`] leaves the whole number in the low bits of the sum: rounding without a branch
/// or a call. It rounds halves to even where JackTrip rounds them away from zero; with scales of 127
/// and 32767 the only half within the range is that of ±0.5, whose neighbour away from zero is even.
#[inline(always)]
fn nearest(x: f32, scale: f64) -> i32 {
    // The product is exact: 24 bits by 15.
    let scaled = (f64::from(x) * scale).clamp(-scale, scale);
    (scaled + ROUNDING).to_bits() as i32
}

/// `x * 2^23` rounded down to within 24 bits. The lower 24 bits are 0 for what is not a number.
#[inline(always)]
fn floor_24(x: f32) -> i32 {
    // By way of the nearest whole number, which needs neither a branch nor a call; all of it is exact.
    let scaled = (f64::from(x) * 8_388_608.0).clamp(-8_388_608.0, 8_388_607.0);
    let sum = scaled + ROUNDING;
    let rounded_up = sum - ROUNDING > scaled;
    sum.to_bits() as i32 - i32::from(rounded_up)
}

/// 1.5 * 2^52: a double of this size has no bits left for fractions.
const ROUNDING: f64 = 6_755_399_441_055_744.0;
