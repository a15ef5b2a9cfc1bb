//! A number that moves without a click.

use farsend_units::SampleRate;

/// A factor (linear) that glides to each new value in 20 ms, in a straight line, frame by frame.
#[derive(Debug, Clone)]
pub struct Glide {
    now: f32,
    target: f32,
    /// What `now` still has to move by per frame, and for how many frames.
    step: f32,
    left: u32,
    length: u32,
}

impl Glide {
    /// One at rest at `value` for audio of `rate`. Not finite counts as 0.
    pub fn new(rate: SampleRate, value: f32) -> Self {
        let value = sane(value);
        Self {
            now: value,
            target: value,
            step: 0.0,
            left: 0,
            length: (rate.0 / 50).max(1),
        }
    }

    /// Glides to `value` from where it is. Not finite counts as 0.
    pub fn set(&mut self, value: f32) {
        let value = sane(value);
        if value != self.target {
            self.target = value;
            self.step = (value - self.now) / self.length as f32;
            self.left = self.length;
        }
    }

    /// Where it is heading.
    pub fn target(&self) -> f32 {
        self.target
    }

    /// Its value, unless it is on its way to another.
    pub fn resting(&self) -> Option<f32> {
        (self.left == 0).then_some(self.target)
    }

    /// Its value in each frame from now on, without end. [`pass`](Self::pass) says when they are over.
    pub fn values(&self) -> impl Iterator<Item = f32> + use<> {
        let Self {
            now,
            target,
            step,
            left,
            ..
        } = *self;
        let moving = (1..=left).map(move |frame| {
            if frame == left {
                target
            } else {
                now + step * frame as f32
            }
        });
        moving.chain(std::iter::repeat(target))
    }

    /// So many frames are over.
    pub fn pass(&mut self, frames: usize) {
        let moved = frames.min(self.left as usize) as u32;
        self.left -= moved;
        self.now = if self.left == 0 {
            self.target
        } else {
            self.now + self.step * moved as f32
        };
    }
}

fn sane(value: f32) -> f32 {
    if value.is_finite() { value } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_value_is_reached_in_equal_steps_and_exactly_in_blocks_of_any_size() {
        let mut glide = Glide::new(SampleRate::HZ_48000, 1.0);
        assert_eq!(glide.resting(), Some(1.0));
        glide.set(-1.0);
        assert_eq!((glide.resting(), glide.target()), (None, -1.0));
        let whole: Vec<f32> = glide.values().take(1000).collect();
        let mut pieces = Vec::new();
        for frames in [1, 63, 128, 200, 600, 8] {
            pieces.extend(glide.values().take(frames));
            glide.pass(frames);
        }
        assert_eq!(glide.resting(), Some(-1.0));
        assert_eq!(whole[958..962], [whole[958], -1.0, -1.0, -1.0]);
        for (one, other) in whole.iter().zip(&pieces) {
            assert!((one - other).abs() < 1e-5, "{one} {other}");
        }
        let mut last = 1.0;
        for value in pieces {
            assert!((value - last).abs() < 0.0022, "{last} to {value}");
            last = value;
        }
    }

    #[test]
    fn it_turns_round_where_it_is() {
        let mut glide = Glide::new(SampleRate::HZ_48000, 0.0);
        glide.set(1.0);
        glide.pass(480);
        glide.set(0.0);
        let next = glide.values().next();
        assert!(
            next.is_some_and(|next| (next - 0.5).abs() < 0.001),
            "{next:?}"
        );
    }

    #[test]
    fn nonsense_is_nothing() {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(Glide::new(SampleRate::HZ_48000, value).target(), 0.0);
        }
    }
}
