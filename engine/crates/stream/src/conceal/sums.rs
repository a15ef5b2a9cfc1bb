//! Sums of products, in lanes that a compiler can put into vector registers.

/// The sum of the products of two slices, as long as the shorter one.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let frames = a.len().min(b.len());
    let (a, b) = (&a[..frames], &b[..frames]);
    let (chunks, others) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = chunks
        .remainder()
        .iter()
        .zip(others.remainder())
        .map(|(a, b)| a * b)
        .sum();
    let mut lanes = [0f32; 8];
    for (a, b) in chunks.zip(others) {
        for lane in 0..8 {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + e) + (b + f)) + ((c + g) + (d + h)) + rest
}

/// The same in double precision.
pub(crate) fn dot64(a: &[f64], b: &[f64]) -> f64 {
    let frames = a.len().min(b.len());
    let (a, b) = (&a[..frames], &b[..frames]);
    let (chunks, others) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest: f64 = chunks
        .remainder()
        .iter()
        .zip(others.remainder())
        .map(|(a, b)| a * b)
        .sum();
    let mut lanes = [0f64; 4];
    for (a, b) in chunks.zip(others) {
        for lane in 0..4 {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    let [a, b, c, d] = lanes;
    (a + c) + (b + d) + rest
}

/// The autocorrelation of `x` at the lags `lag` to `lag + 3`, nothing being outside of it.
///
/// Products are summed in single precision over 64 of them and in double precision beyond: the
/// error is some 1e-8 of the energy.
pub(crate) fn correlate(x: &[f32], lag: usize) -> [f64; 4] {
    let mut sums = [0f64; 4];
    let begin = lag + 3;
    for (k, sum) in sums.iter_mut().enumerate() {
        for t in (lag + k..begin).take_while(|t| *t < x.len()) {
            *sum += f64::from(x[t]) * f64::from(x[t - lag - k]);
        }
    }
    let mut at = begin;
    while at < x.len() {
        let frames = (x.len() - at).min(256);
        let now = &x[at..at + frames];
        let [a, b, c, d] = [0, 1, 2, 3].map(|k| &x[at - lag - k..][..frames]);
        let mut lanes = [[0f64; 4]; 4];
        let whole = frames / 4 * 4;
        for i in (0..whole).step_by(4) {
            let now = [now[i], now[i + 1], now[i + 2], now[i + 3]].map(f64::from);
            for (lanes, then) in lanes.iter_mut().zip([a, b, c, d]) {
                let then = &then[i..i + 4];
                for lane in 0..4 {
                    lanes[lane] += now[lane] * f64::from(then[lane]);
                }
            }
        }
        for ((sum, lanes), then) in sums.iter_mut().zip(lanes).zip([a, b, c, d]) {
            *sum += lanes.iter().sum::<f64>();
            for i in whole..frames {
                *sum += f64::from(now[i]) * f64::from(then[i]);
            }
        }
        at += frames;
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_definition_at_every_length_and_lag() {
        let x: Vec<f32> = (0..700).map(|i| ((i * i) as f32 * 0.37).sin()).collect();
        for frames in [0, 1, 3, 7, 8, 9, 260, 700] {
            let x = &x[..frames];
            let y: Vec<f64> = x.iter().copied().map(f64::from).collect();
            let sum: f64 = y.iter().map(|y| y * y).sum();
            assert!((f64::from(dot(x, x)) - sum).abs() <= 1e-5 * sum);
            assert!((dot64(&y, &y) - sum).abs() <= 1e-12 * sum);
            for lag in [0, 1, 4, 250, 697, 900] {
                for (k, got) in correlate(x, lag).into_iter().enumerate() {
                    let want: f64 = (lag + k..frames).map(|t| y[t] * y[t - lag - k]).sum();
                    assert!(
                        (got - want).abs() <= 1e-6 * sum,
                        "{frames} {lag} {got} {want}"
                    );
                }
            }
        }
    }
}
