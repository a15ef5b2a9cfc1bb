//! Fills a gap between two sides, given a predictor.
//!
//! Of all continuations this is the one whose prediction errors, within the gap and in the known
//! frames behind it, are least in sum of squares (A. J. E. M. Janssen, R. N. J. Veldhuis,
//! L. B. Vries, "Adaptive Interpolation of Discrete-Time Signals That Can Be Modeled as
//! Autoregressive Processes", 1986). With nothing known behind the gap it is plain prediction.
//!
//! With `u` the plain prediction, the correction `d` solves `B d = r`, where `B` is the matrix of
//! the products of the predictor, shifted by each frame of the gap, with itself, cut off where the
//! known frames end, and `r` what the errors behind the gap have in common with each. `B` is
//! Toeplitz but for what is cut off: `B` less `B` shifted down its diagonal has rank 3, so that
//! Schur's algorithm finds its triangular factor in `4 * frames²` multiply-adds (T. Kailath,
//! A. H. Sayed, "Displacement Structure: Theory and Applications", SIAM Review 37, 1995).

use super::sums::{dot, dot64};

/// The memory that is needed for gaps of up to [`Bridge::frames`].
#[derive(Debug)]
pub(crate) struct Bridge {
    /// Column after column of the factor, each from its diagonal down.
    factor: Box<[f64]>,
    /// The three generators; the first is the next column.
    column: Box<[f64]>,
    first: Box<[f64]>,
    second: Box<[f64]>,
    /// `r`, then the correction.
    correction: Box<[f64]>,
    /// The errors behind the gap.
    errors: Box<[f64]>,
    /// The predictor in double precision, `a[0]` = 1 first.
    predictor: Box<[f64]>,
}

impl Bridge {
    /// For gaps of up to `frames`, known frames of up to `context` and predictors up to `order`.
    pub(crate) fn new(frames: usize, context: usize, order: usize) -> Self {
        let zeros = |len: usize| vec![0f64; len].into_boxed_slice();
        Self {
            factor: zeros(frames * (frames + 1) / 2),
            column: zeros(frames),
            first: zeros(frames),
            second: zeros(frames),
            correction: zeros(frames),
            errors: zeros(context),
            predictor: zeros(order + 1),
        }
    }

    /// The longest gap.
    pub(crate) fn frames(&self) -> usize {
        self.column.len()
    }

    /// The most frames behind the gap that count.
    pub(crate) fn context(&self) -> usize {
        self.errors.len()
    }

    /// The multiply-adds (those in double precision count twice) for a gap of `frames` with `context` frames behind it.
    #[cfg(test)]
    pub(crate) const fn cost(order: usize, frames: usize, context: usize) -> usize {
        // Prediction, errors, first column, right side, factor, the two substitutions.
        let double = 2 * frames * (2 * context) + 5 * frames * frames;
        (frames + context) * order + 2 * double
    }

    /// `line` is `order` frames of the past, a gap of `frames`, and known frames; the gap holds the
    /// plain prediction, to which the correction is added. `weights` is the predictor as
    /// [`predict`](super::forecast::predict) takes it. False, and nothing is done, if it cannot be
    /// solved.
    pub(crate) fn close(&mut self, weights: &[f32], frames: usize, line: &mut [f32]) -> bool {
        let order = weights.len();
        let context = line.len().saturating_sub(order + frames);
        let context = context.min(self.context()).min(order);
        if frames == 0 || frames > self.frames() || context == 0 || order >= self.predictor.len() {
            return false;
        }
        for (t, error) in self.errors[..context].iter_mut().enumerate() {
            let past = &line[frames + t..frames + t + order];
            *error = f64::from(line[order + frames + t] - dot(weights, past));
        }
        self.predictor[0] = 1.0;
        for (a, weight) in self.predictor[1..=order]
            .iter_mut()
            .zip(weights.iter().rev())
        {
            *a = -f64::from(*weight);
        }
        let a = &self.predictor[..=order];
        // The predictor shifted by i reaches the errors i to order; the first is at `frames`.
        let end = frames + context;
        for (i, r) in self.correction[..frames].iter_mut().enumerate() {
            let reached = frames - i..(end - i).min(order + 1);
            *r = -a.get(reached).map_or(0.0, |a| dot64(a, &self.errors));
        }
        let kept = &a[..end.min(order + 1)];
        for (i, b) in self.column[..frames].iter_mut().enumerate() {
            *b = kept.get(i..).map_or(0.0, |shifted| dot64(shifted, kept));
        }
        let cut = |i: usize| {
            if i == 0 {
                0.0
            } else {
                a.get(end - i).copied().unwrap_or(0.0)
            }
        };
        for (i, second) in self.second[..frames].iter_mut().enumerate() {
            *second = cut(i);
        }
        if !self.solve(frames) {
            return false;
        }
        let gap = &mut line[order..order + frames];
        for (sample, d) in gap.iter_mut().zip(&self.correction) {
            *sample += *d as f32;
        }
        gap.iter().all(|sample| sample.is_finite())
    }

    /// From the first column in `column`, the part that is cut off in `second` and the right side in
    /// `correction`, the solution in `correction`.
    fn solve(&mut self, frames: usize) -> bool {
        let root = self.column[0].sqrt();
        if !(root > 0.0 && root.is_finite()) {
            return false;
        }
        let column = &mut self.column[..frames];
        column.iter_mut().for_each(|b| *b /= root);
        self.first[..frames].copy_from_slice(column);
        let mut rest = &mut self.factor[..frames * (frames + 1) / 2];
        for k in 0..frames {
            // The column of the row before, shifted down by one, is this row's before rotation.
            let column = &mut self.column[..frames - k];
            if k > 0 {
                let rotated = rotate(column, &mut self.first[k..frames])
                    && rotate(column, &mut self.second[k..frames]);
                if !rotated {
                    return false;
                }
            }
            let (kept, others) = rest.split_at_mut(frames - k);
            rest = others;
            kept.copy_from_slice(column);
            let (r, below) = self.correction[k..frames].split_at_mut(1);
            r[0] /= column[0];
            let r = r[0];
            for (below, column) in below.iter_mut().zip(&column[1..]) {
                *below -= r * column;
            }
        }
        let mut end = frames * (frames + 1) / 2;
        for k in (0..frames).rev() {
            let column = &self.factor[end - (frames - k)..end];
            end -= frames - k;
            let (r, below) = self.correction[k..frames].split_at_mut(1);
            r[0] = (r[0] - dot64(&column[1..], below)) / column[0];
        }
        self.correction[..frames].iter().all(|d| d.is_finite())
    }
}

/// The hyperbolic rotation that makes the first of `other` zero; false if there is none.
fn rotate(column: &mut [f64], other: &mut [f64]) -> bool {
    let ratio = other[0] / column[0];
    let cosine = ((1.0 - ratio) * (1.0 + ratio)).sqrt();
    if cosine.is_nan() || cosine <= SINGULAR {
        return false;
    }
    let scale = 1.0 / cosine;
    for (column, other) in column.iter_mut().zip(other) {
        *column = (*column - ratio * *other) * scale;
        *other = cosine * *other - ratio * *column;
    }
    true
}

/// A matrix that is this near to a singular one is not solved.
const SINGULAR: f64 = 1e-7;

#[cfg(test)]
mod tests {
    use super::super::forecast::predict;
    use super::*;

    /// Least squares over the gap by elimination.
    fn directly(weights: &[f32], frames: usize, line: &[f32]) -> Vec<f64> {
        let order = weights.len();
        let a = |i: usize| match i {
            0 => 1.0,
            i if i <= order => -f64::from(weights[order - i]),
            _ => 0.0,
        };
        let end = line.len() - order;
        let mut known: Vec<f64> = line.iter().copied().map(f64::from).collect();
        known[order..order + frames].fill(0.0);
        let error = |t: usize| {
            (0..=order)
                .map(|i| a(i) * known[order + t - i])
                .sum::<f64>()
        };
        let mut rows: Vec<Vec<f64>> = (0..frames)
            .map(|i| {
                let mut row: Vec<f64> = (0..frames)
                    .map(|j| (i.max(j)..end).map(|t| a(t - i) * a(t - j)).sum())
                    .collect();
                row.push(-(i..end).map(|t| a(t - i) * error(t)).sum::<f64>());
                row
            })
            .collect();
        for k in 0..frames {
            for i in 0..frames {
                if i != k {
                    let factor = rows[i][k] / rows[k][k];
                    let above = rows[k].clone();
                    rows[i]
                        .iter_mut()
                        .zip(above)
                        .for_each(|(a, b)| *a -= factor * b);
                }
            }
        }
        (0..frames).map(|k| rows[k][frames] / rows[k][k]).collect()
    }

    #[test]
    fn the_gap_is_filled_as_least_squares_would() {
        let mut random = farsend_netsim::Random::new(9);
        for (order, frames, context) in
            [(8, 5, 3), (8, 5, 8), (3, 20, 3), (32, 64, 20), (32, 20, 32)]
        {
            // Anything stable will do: a comb that decays.
            let weights: Vec<f32> = (0..order)
                .map(|_| (random.unit() as f32 - 0.5) * 1.8 / order as f32)
                .collect();
            let mut line: Vec<f32> = (0..order + frames + context)
                .map(|i| (i as f32 * 0.3).sin() + 0.1 * random.unit() as f32)
                .collect();
            let want = directly(&weights, frames, &line);
            predict(&weights, &mut line, order, frames);
            assert!(Bridge::new(64, 32, 32).close(&weights, frames, &mut line));
            for (got, want) in line[order..].iter().zip(&want) {
                assert!(
                    (f64::from(*got) - want).abs() < 1e-4,
                    "{order} {frames} {context}"
                );
            }
        }
    }
}
