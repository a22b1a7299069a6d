//! Watermarks as values: of one kind, of one key, of one network, of all networks.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use crate::text::named;
use crate::{ChainId, PublicKeyHash};

named! {
    /// The magic byte of a watermark.
    WatermarkKind {
        /// `13`, tags 21, 23 and 41.
        Attestation "attestation",
        /// `11`
        Block "block",
        /// `12`, tags 20 and 40.
        Preattestation "preattestation",
    }
}

/// A level, a round, the message that was signed there, and when.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub struct Watermark {
    pub(super) level: i32,
    pub(super) round: i32,
    pub(super) digest: Option<[u8; 32]>,
    pub(super) pace: Option<Pace>,
}

impl Watermark {
    /// A watermark of unknown time. `None` if level or round is negative. Without a digest no message is signed again.
    pub const fn new(level: i32, round: i32, digest: Option<[u8; 32]>) -> Option<Self> {
        if level < 0 || round < 0 {
            return None;
        }
        Some(Self { level, round, digest, pace: None })
    }

    /// The same watermark, with the time when it rose.
    #[must_use]
    pub const fn with_pace(self, pace: Option<Pace>) -> Self {
        Self { pace, ..self }
    }

    /// Its level.
    pub const fn level(&self) -> i32 {
        self.level
    }

    /// Its round.
    pub const fn round(&self) -> i32 {
        self.round
    }

    /// The BLAKE2b-256 digest of the message, magic byte included.
    pub const fn digest(&self) -> Option<&[u8; 32]> {
        self.digest.as_ref()
    }

    /// When it last rose, and how much of its allowance is used up. `None` if the time is unknown.
    pub const fn pace(&self) -> Option<&Pace> {
        self.pace.as_ref()
    }

    pub(super) const fn level_and_round(&self) -> (i32, i32) {
        (self.level, self.round)
    }

    /// Whether `other` names a message of this level and round that is not known to be the one signed here.
    #[must_use]
    pub fn conflicts_with(&self, other: &Self) -> bool {
        self.level_and_round() == other.level_and_round()
            && other.digest.is_some()
            && self.digest != other.digest
    }

    /// The watermark that forbids all that either forbids.
    ///
    /// The higher one stands, with its time. At equal level and round a digest stands only if both have it: once either side signs nothing
    /// again there, no further join changes that. Of two times the later one stands, with the allowance of which more is used up.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        match self.level_and_round().cmp(&other.level_and_round()) {
            Ordering::Less => other,
            Ordering::Greater => self,
            Ordering::Equal => {
                let digest = self.digest.filter(|_| self.digest == other.digest);
                let pace = match (self.pace, other.pace) {
                    (Some(one), Some(two)) => Some(one.join(two)),
                    (one, two) => one.or(two),
                };
                Self { digest, pace, ..self }
            }
        }
    }
}

impl fmt::Display for Watermark {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "level {}, round {}", self.level, self.round)
    }
}

/// When a watermark last rose, and how much of its allowance is used up. It is kept with the watermark.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Pace {
    /// The clock's time at the last signature.
    last_ms: u64,
    /// The clock's latest time at any signature. It is ahead of `last_ms` if the clock was set back.
    latest_ms: u64,
    /// The part of the allowance that is used up, as time of the chain.
    pub(super) used_ms: u64,
}

impl Pace {
    /// A watermark that rose at `now_ms`, with its whole allowance.
    pub const fn at(now_ms: u64) -> Self {
        Self::kept(now_ms, now_ms, 0)
    }

    /// The pace that a store has kept: the parts as [`Self::parts`] gave them.
    pub const fn kept(last_ms: u64, latest_ms: u64, used_ms: u64) -> Self {
        let latest_ms = if latest_ms < last_ms { last_ms } else { latest_ms };
        Self { last_ms, latest_ms, used_ms }
    }

    /// In milliseconds: the time of the last signature, the latest time ever seen, and the used part of the allowance.
    pub const fn parts(&self) -> (u64, u64, u64) {
        (self.last_ms, self.latest_ms, self.used_ms)
    }

    fn join(self, other: Self) -> Self {
        Self {
            last_ms: self.last_ms.max(other.last_ms),
            latest_ms: self.latest_ms.max(other.latest_ms),
            used_ms: self.used_ms.max(other.used_ms),
        }
    }

    /// The time since the last signature, as far as it can be believed.
    ///
    /// A clock that was behind for a while lends no time: once it is right again, time counts from the latest moment. A clock that was
    /// ahead for a moment takes none for ever: until the time comes that it showed, time counts from the last signature.
    pub(super) const fn elapsed_ms(&self, now_ms: u64) -> u64 {
        let since = if now_ms >= self.latest_ms { self.latest_ms } else { self.last_ms };
        now_ms.saturating_sub(since)
    }

    pub(super) fn next(before: Option<Self>, now_ms: u64, used_ms: u64) -> Self {
        Self::kept(now_ms, before.map_or(0, |before| before.latest_ms), used_ms)
    }
}

/// The watermarks of one key on one network.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct KeyWatermarks {
    /// Of blocks.
    pub block: Option<Watermark>,
    /// Of preattestations.
    pub preattestation: Option<Watermark>,
    /// Of attestations, with and without DAL.
    pub attestation: Option<Watermark>,
}

impl KeyWatermarks {
    /// The watermark of `kind`.
    pub const fn get(&self, kind: WatermarkKind) -> Option<&Watermark> {
        match kind {
            WatermarkKind::Block => self.block.as_ref(),
            WatermarkKind::Preattestation => self.preattestation.as_ref(),
            WatermarkKind::Attestation => self.attestation.as_ref(),
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Replaces the watermark of `kind`, for the step that [`judge`](super::judge) has allowed.
    pub const fn set(&mut self, kind: WatermarkKind, watermark: Watermark) {
        match kind {
            WatermarkKind::Block => self.block = Some(watermark),
            WatermarkKind::Preattestation => self.preattestation = Some(watermark),
            WatermarkKind::Attestation => self.attestation = Some(watermark),
        }
    }

    /// Raises the watermark of `kind` to at least `watermark`.
    pub fn raise(&mut self, kind: WatermarkKind, watermark: Watermark) {
        self.set(kind, self.get(kind).map_or(watermark, |stored| stored.join(watermark)));
    }

    /// Raises every watermark to at least that of `other`.
    pub fn join(&mut self, other: &Self) {
        for kind in WatermarkKind::ALL {
            if let Some(watermark) = other.get(kind) {
                self.raise(kind, *watermark);
            }
        }
    }
}

/// The watermarks of one network.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ChainWatermarks(BTreeMap<PublicKeyHash, KeyWatermarks>);

/// The watermarks of all networks.
pub type AllWatermarks = BTreeMap<ChainId, ChainWatermarks>;

impl ChainWatermarks {
    /// The watermarks of `key`.
    pub fn get(&self, key: &PublicKeyHash) -> Option<&KeyWatermarks> {
        self.0.get(key)
    }

    /// The watermarks of `key`, to change them.
    pub fn entry(&mut self, key: PublicKeyHash) -> &mut KeyWatermarks {
        self.0.entry(key).or_default()
    }

    /// All keys and their watermarks.
    pub fn iter(&self) -> impl Iterator<Item = (&PublicKeyHash, &KeyWatermarks)> {
        self.0.iter()
    }

    /// Raises every watermark to at least that of `other`.
    pub fn join(&mut self, other: &Self) {
        for (key, watermarks) in &other.0 {
            self.entry(*key).join(watermarks);
        }
    }
}

impl FromIterator<(PublicKeyHash, KeyWatermarks)> for ChainWatermarks {
    fn from_iter<I: IntoIterator<Item = (PublicKeyHash, KeyWatermarks)>>(watermarks: I) -> Self {
        Self(watermarks.into_iter().collect())
    }
}
