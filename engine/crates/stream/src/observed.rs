//! What a stream's depth is judged by: blocks, and what they had to spare, of the recent past.

/// The least that the blocks of some time had to spare.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spare {
    blocks: i64,
    frames: i64,
    keep: i64,
    less: i64,
    there: i64,
    own: i64,
}

impl Default for Spare {
    fn default() -> Self {
        Self {
            blocks: 0,
            frames: 0,
            keep: i64::MAX,
            less: i64::MAX,
            there: i64::MAX,
            own: i64::MAX,
        }
    }
}

impl Spare {
    /// A block of `frames` had this to spare: with the wanted reserve, with more than that, of what had really come, and with
    /// the wanted reserve if it were not held back.
    pub(crate) fn note(&mut self, [keep, less, there, own]: [i64; 4], frames: i64) {
        self.blocks += 1;
        self.frames += frames;
        self.keep = self.keep.min(keep);
        self.less = self.less.min(less);
        self.there = self.there.min(there);
        self.own = self.own.min(own);
    }

    pub(crate) fn keep(&self) -> i64 {
        if self.blocks == 0 { 0 } else { self.keep }
    }

    pub(crate) fn less(&self) -> i64 {
        if self.blocks == 0 { 0 } else { self.less }
    }

    pub(crate) fn there(&self) -> i64 {
        if self.blocks == 0 { 0 } else { self.there }
    }

    pub(crate) fn own(&self) -> i64 {
        if self.blocks == 0 { 0 } else { self.own }
    }

    pub(crate) fn blocks(&self) -> i64 {
        self.blocks
    }

    pub(crate) fn frames(&self) -> i64 {
        self.frames
    }
}

/// The blocks of this second and the one before: the smallest and the largest.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Blocks {
    before: Sizes,
    now: Sizes,
    frames: i64,
}

#[derive(Debug, Clone, Copy)]
struct Sizes(i64, i64);

impl Default for Sizes {
    fn default() -> Self {
        Self(i64::MAX, 1)
    }
}

impl Blocks {
    /// A block of `block` frames is played.
    pub(crate) fn note(&mut self, block: i64, rate: i64) {
        self.now = Sizes(self.now.0.min(block), self.now.1.max(block));
        self.frames += block;
        if self.frames >= rate {
            (self.before, self.now, self.frames) = (self.now, Sizes(block, block), 0);
        }
    }

    /// The largest, at least 1.
    pub(crate) fn largest(&self) -> i64 {
        self.before.1.max(self.now.1)
    }

    /// Whether they are not all of one size.
    pub(crate) fn vary(&self) -> bool {
        self.before.0.min(self.now.0) < self.largest()
    }
}
