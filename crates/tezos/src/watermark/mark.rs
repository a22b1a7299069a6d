//! One watermark: a level, a round, and what was signed there.

use std::fmt;

use super::pace::Pace;

/// A level, a round, the message that was signed there, and when.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub struct Mark {
    pub(super) level: i32,
    pub(super) round: i32,
    pub(super) digest: Option<[u8; 32]>,
    /// `None` where the time is unknown.
    pub(super) pace: Option<Pace>,
}

impl Mark {
    /// A mark of an unknown time; `None` when level or round is negative, which they never are. Without a digest no message is signed
    /// again.
    #[must_use]
    pub const fn new(level: i32, round: i32, digest: Option<[u8; 32]>) -> Option<Self> {
        if level < 0 || round < 0 {
            return None;
        }
        Some(Self { level, round, digest, pace: None })
    }

    /// The same mark, with when it rose.
    #[must_use]
    pub const fn with_pace(self, pace: Option<Pace>) -> Self {
        Self { pace, ..self }
    }

    /// Its level.
    #[must_use]
    pub const fn level(&self) -> i32 {
        self.level
    }

    /// Its round.
    #[must_use]
    pub const fn round(&self) -> i32 {
        self.round
    }

    /// The BLAKE2b-256 digest of the message, magic byte included.
    #[must_use]
    pub const fn digest(&self) -> Option<&[u8; 32]> {
        self.digest.as_ref()
    }

    /// When it rose last, and how much of its allowance is used up; `None` where the time is unknown.
    #[must_use]
    pub const fn pace(&self) -> Option<&Pace> {
        self.pace.as_ref()
    }

    pub(super) const fn place(&self) -> (i32, i32) {
        (self.level, self.round)
    }

    /// One mark that forbids all that either forbids: for stores that are joined and for names that are unified.
    ///
    /// The higher place stands, with its time. At one place, a known digest stands; two different ones leave none, and nothing there is
    /// signed again. A known time stands there too; of two the later one, with the allowance of which more is used up.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        match self.place().cmp(&other.place()) {
            std::cmp::Ordering::Less => other,
            std::cmp::Ordering::Greater => self,
            std::cmp::Ordering::Equal => {
                let digest = match (self.digest, other.digest) {
                    (Some(one), Some(two)) if one != two => None,
                    (one, two) => one.or(two),
                };
                let pace = match (self.pace, other.pace) {
                    (Some(one), Some(two)) => Some(one.join(two)),
                    (one, two) => one.or(two),
                };
                Self { digest, pace, ..self }
            }
        }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "level {}, round {}", self.level, self.round)
    }
}
