//! Arithmetic in the field of 256 elements, and what the parities are made of.
//!
//! An element is a byte: a polynomial over the field of two, modulo x^8 + x^4 + x^3 + x^2 + 1. Adding is exclusive
//! or, so that what was added can be taken away by adding it again.

/// `to += factor * from`, byte by byte as far as the shorter one goes.
///
/// Without tables: eight steps that compilers turn into vector instructions, about a byte a clock cycle.
pub(super) fn add_scaled(to: &mut [u8], from: &[u8], factor: u8) {
    const LANES: usize = 32;
    let (to_chunks, to_rest) = to.as_chunks_mut::<LANES>();
    let (from_chunks, _) = from.as_chunks::<LANES>();
    for (to, from) in to_chunks.iter_mut().zip(from_chunks) {
        let mut power = *from;
        for bit in 0..8 {
            let mask = 0_u8.wrapping_sub(factor >> bit & 1);
            for (to, power) in to.iter_mut().zip(&mut power) {
                *to ^= *power & mask;
                *power = double(*power);
            }
        }
    }
    let done = to_chunks.len() * LANES;
    for (to, from) in to_rest.iter_mut().zip(from.get(done..).unwrap_or_default()) {
        *to ^= multiply(*from, factor);
    }
}

/// `all *= factor`.
pub(super) fn scale(all: &mut [u8], factor: u8) {
    // all + (factor + 1) * all, with a copy of a few bytes at a time.
    for chunk in all.chunks_mut(256) {
        let mut copy = [0; 256];
        let copy = &mut copy[..chunk.len()];
        copy.copy_from_slice(chunk);
        add_scaled(chunk, copy, factor ^ 1);
    }
}

pub(super) const fn multiply(a: u8, b: u8) -> u8 {
    let (mut product, mut power, mut bit) = (0, a, 0);
    while bit < 8 {
        product ^= power & 0_u8.wrapping_sub(b >> bit & 1);
        power = double(power);
        bit += 1;
    }
    product
}

/// One over `a`; 0 for 0.
pub(super) const fn invert(a: u8) -> u8 {
    // a^254, since a^255 is 1.
    let (mut result, mut power, mut i) = (1, a, 0);
    while i < 7 {
        power = multiply(power, power);
        result = multiply(result, power);
        i += 1;
    }
    result
}

/// What audio datagram `number` is multiplied with in parity `index`: an entry of a Cauchy matrix, each square part
/// of which can be inverted. So as many parities as datagrams are missing give them back, if each is over them all.
/// Never 0.
pub(super) const fn coefficient(index: u8, number: u16) -> u8 {
    invert((0x80 | index) ^ (number & 0x7f) as u8)
}

/// Tells whether a datagram was calculated from what belongs together. Not linear, so that sums of wrong datagrams
/// do not have the sums of their checks.
pub(super) fn check(datagram: &[u8]) -> [u8; 4] {
    const PRIME: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut state = (datagram.len() as u64).wrapping_mul(PRIME);
    let (words, rest) = datagram.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    for word in words.iter().chain([&last]) {
        state = (state ^ u64::from_le_bytes(*word)).wrapping_mul(PRIME);
        state ^= state >> 29;
    }
    (((state >> 32) ^ state) as u32).to_le_bytes()
}

const fn double(a: u8) -> u8 {
    (a << 1) ^ (0x1d & 0_u8.wrapping_sub(a >> 7))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_field() {
        for a in 1..=255 {
            assert_eq!(multiply(a, invert(a)), 1);
            assert_eq!(multiply(a, 1), a);
            for b in [1, 2, 77, 255] {
                assert_eq!(multiply(a, b), multiply(b, a));
                assert_eq!(multiply(a, b ^ 29), multiply(a, b) ^ multiply(a, 29));
                assert_eq!(multiply(multiply(a, b), 29), multiply(a, multiply(b, 29)));
            }
        }
    }

    #[test]
    fn many_bytes_at_once_are_as_one_by_one() {
        let from: Vec<u8> = (0..=255).chain(0..77).collect();
        for factor in [0, 1, 2, 0x80, 255] {
            let mut to = vec![0xa5; from.len()];
            add_scaled(&mut to, &from, factor);
            let expected: Vec<u8> = from.iter().map(|x| 0xa5 ^ multiply(*x, factor)).collect();
            assert_eq!(to, expected);
            let mut all = from.clone();
            scale(&mut all, factor);
            let expected: Vec<u8> = from.iter().map(|x| multiply(*x, factor)).collect();
            assert_eq!(all, expected);
        }
    }

    #[test]
    fn no_coefficient_is_nothing_and_none_is_twice_in_a_row_or_column() {
        for index in 0..128 {
            let row: std::collections::HashSet<u8> =
                (0..128).map(|number| coefficient(index, number)).collect();
            let column: std::collections::HashSet<u8> = (0..128)
                .map(|other| coefficient(other, index.into()))
                .collect();
            assert_eq!((row.len(), column.len()), (128, 128));
            assert!(!row.contains(&0));
        }
    }
}
