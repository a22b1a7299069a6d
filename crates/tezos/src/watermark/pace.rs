//! When a watermark rose.

/// When a watermark rose last, and how much of its allowance is used up. Kept with the watermark.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Pace {
    /// What the clock said at the last signature.
    pub(super) last_ms: u64,
    /// The latest that the clock has said at any signature. Where it is ahead of `last_ms`, the clock was set back.
    pub(super) latest_ms: u64,
    /// The part of the allowance that is used up, as time of the chain.
    pub(super) used_ms: u64,
}

impl Pace {
    /// A watermark that rose at `now_ms`, with its whole allowance.
    #[must_use]
    pub const fn at(now_ms: u64) -> Self {
        Self { last_ms: now_ms, latest_ms: now_ms, used_ms: 0 }
    }

    /// What a store has kept.
    #[must_use]
    pub const fn kept(last_ms: u64, latest_ms: u64, used_ms: u64) -> Self {
        let latest_ms = if latest_ms < last_ms { last_ms } else { latest_ms };
        Self { last_ms, latest_ms, used_ms }
    }

    /// What a store keeps: the time of the last signature, the latest time ever seen, and the used part of the allowance, all in
    /// milliseconds.
    #[must_use]
    pub const fn parts(&self) -> (u64, u64, u64) {
        (self.last_ms, self.latest_ms, self.used_ms)
    }

    /// When the last signature was made.
    #[must_use]
    pub const fn last_ms(&self) -> u64 {
        self.last_ms
    }

    /// The later time, and the allowance of which more is used up.
    pub(super) fn join(self, other: Self) -> Self {
        Self {
            last_ms: self.last_ms.max(other.last_ms),
            latest_ms: self.latest_ms.max(other.latest_ms),
            used_ms: self.used_ms.max(other.used_ms),
        }
    }

    /// Time since the last signature, as far as it can be believed.
    ///
    /// A clock that was behind for a while lends no time: once it is right again, time counts from the latest moment. A clock that was
    /// ahead for a moment takes none for ever: until the time comes that it showed, time counts from the last signature.
    pub(super) const fn elapsed_ms(&self, now_ms: u64) -> u64 {
        let since = if now_ms >= self.latest_ms { self.latest_ms } else { self.last_ms };
        now_ms.saturating_sub(since)
    }

    pub(super) fn next(before: Option<Self>, now_ms: u64, used_ms: u64) -> Self {
        let latest_ms = before.map_or(now_ms, |before| before.latest_ms.max(now_ms));
        Self { last_ms: now_ms, latest_ms, used_ms }
    }
}
