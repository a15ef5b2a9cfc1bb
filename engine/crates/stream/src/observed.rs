//! What a stream's depth is judged by: depths, arrivals and blocks of the recent past.

/// The depths seen over some blocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub(crate) blocks: i64,
    pub(crate) frames: i64,
    pub(crate) least: i64,
    pub(crate) most: i64,
    /// Blocks before which there was a packet more than the target.
    pub(crate) over: i64,
    /// At times it was less than the block.
    pub(crate) short: bool,
    /// Packets came.
    pub(crate) came: bool,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            blocks: 0,
            frames: 0,
            least: i64::MAX,
            most: i64::MIN,
            over: 0,
            short: false,
            came: false,
        }
    }
}

impl Window {
    /// A block was played at this depth; `over`: that was a packet more than the target.
    pub(crate) fn note(&mut self, depth: i64, block: i64, came: bool, over: bool) {
        self.blocks += 1;
        self.frames += block;
        self.least = self.least.min(depth);
        self.most = self.most.max(depth);
        self.over += i64::from(over);
        self.short |= depth < block;
        self.came |= came;
    }
}

/// How packets came.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Arrivals {
    pub(crate) came: i64,
    pub(crate) late: i64,
    /// The sum of how late, and the most.
    pub(crate) late_by: i64,
    pub(crate) latest: i64,
}

impl Arrivals {
    pub(crate) fn note(&mut self, late_by: i64) {
        self.came += 1;
        if late_by > 0 {
            self.late += 1;
            self.late_by += late_by;
            self.latest = self.latest.max(late_by);
        }
    }
}

/// The blocks of this second and the one before.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Blocks {
    before: Sizes,
    now: Sizes,
    frames: i64,
}

/// The smallest and the largest.
#[derive(Debug, Clone, Copy)]
struct Sizes(i64, i64);

impl Default for Sizes {
    fn default() -> Self {
        Self(i64::MAX, 1)
    }
}

impl Blocks {
    pub(crate) fn note(&mut self, block: i64, rate: i64) {
        self.now = Sizes(self.now.0.min(block), self.now.1.max(block));
        self.frames += block;
        if self.frames >= rate {
            *self = Self {
                before: self.now,
                now: Sizes(block, block),
                frames: 0,
            };
        }
    }

    pub(crate) fn largest(&self) -> i64 {
        self.before.1.max(self.now.1)
    }

    pub(crate) fn vary(&self) -> bool {
        self.before.0.min(self.now.0) < self.largest()
    }
}
