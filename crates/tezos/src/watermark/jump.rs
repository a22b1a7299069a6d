//! How far a level may rise at one moment, as a pure rule.
//!
//! A signature at level 2³¹−1 would end a key: the signer refuses every real level from then on. So a level rises no faster than a
//! chain can. Since the last signature it may rise by twice the elapsed time ÷ the chain's shortest block time, plus an allowance of
//! [`ALLOWANCE`] levels. A larger rise uses the allowance up, and time gives it back. All requests of one moment share it, since it is
//! kept with the watermark.
//!
//! The factor of two leaves room for clocks that disagree, and for a protocol whose blocks come twice as fast.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use super::value::{Pace, Watermark};
use crate::ChainId;

/// Levels that a watermark may rise at once, beyond what the elapsed time allows.
pub const ALLOWANCE: u32 = 120;

/// When mainnet's first block was made: 2018-06-30 16:07:32 UTC. No chain of Tezos is older.
pub const MAINNET_GENESIS_MS: u64 = 1_530_374_852_000;

/// How many times faster than its shortest block time a chain is believed to go.
const SPEED: u64 = 2;

const WEEK_MS: u64 = 7 * 24 * 60 * 60 * 1000;

/// The shortest time between two blocks of a chain.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct BlockTime(u64);

impl BlockTime {
    /// Mainnet's since protocol Tallinn (024): the shortest of all protocols that are understood here.
    pub const MAINNET: Self = Self(6_000);
    /// The shortest that can be configured.
    pub const SHORTEST: Duration = Duration::from_millis(100);
    /// The longest that can be configured.
    pub const LONGEST: Duration = Duration::from_secs(3600);

    /// A block time; `None` where it is not from [`Self::SHORTEST`] to [`Self::LONGEST`].
    pub fn new(time: Duration) -> Option<Self> {
        if !(Self::SHORTEST..=Self::LONGEST).contains(&time) {
            return None;
        }
        u64::try_from(time.as_millis()).ok().map(Self)
    }

    /// The time.
    pub const fn as_duration(self) -> Duration {
        Duration::from_millis(self.0)
    }

    /// Blocks in so much time; 0 never divides, since no block time is 0.
    fn blocks_in(self, milliseconds: u64) -> u64 {
        milliseconds.checked_div(self.0).unwrap_or(0)
    }
}

/// The most that a level rises from a watermark whose time is unknown.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum MaxJump {
    /// Nothing bounds the levels of the chain: for sandboxes, which begin anew and go as fast as they like.
    Off,
    /// So many levels.
    Levels(NonZeroU32),
}

/// The operator's settings about levels: `watermark.max_jump` and `watermark.chains`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct JumpRules {
    /// For chains that do not say it themselves. Without it a week of blocks.
    pub max_jump: Option<MaxJump>,
    /// Chains by name.
    pub chains: BTreeMap<ChainId, ChainJumps>,
}

/// The operator's settings of one chain.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct ChainJumps {
    /// Without it [`BlockTime::MAINNET`].
    pub block_time: Option<BlockTime>,
    /// Without it that of all chains.
    pub max_jump: Option<MaxJump>,
}

impl JumpRules {
    /// Rules that bound nothing, for a signer whose chains are all sandboxes.
    pub fn off() -> Self {
        Self { max_jump: Some(MaxJump::Off), chains: BTreeMap::new() }
    }

    /// The rule of a chain.
    pub fn on(&self, chain: &ChainId) -> JumpRule {
        self.rule(self.chains.get(chain).copied().unwrap_or_default())
    }

    /// The rule of every chain that is not named.
    pub fn on_others(&self) -> JumpRule {
        self.rule(ChainJumps::default())
    }

    fn rule(&self, said: ChainJumps) -> JumpRule {
        let block_time = said.block_time.unwrap_or(BlockTime::MAINNET);
        match said.max_jump.or(self.max_jump) {
            Some(MaxJump::Off) => JumpRule::Off,
            Some(MaxJump::Levels(levels)) => JumpRule::Bounded { block_time, max_jump: levels.get() },
            None => {
                let week = u32::try_from(block_time.blocks_in(WEEK_MS)).unwrap_or(u32::MAX);
                JumpRule::Bounded { block_time, max_jump: week }
            }
        }
    }
}

/// How far levels of one chain may rise.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum JumpRule {
    /// As far as they like.
    Off,
    /// No faster than the chain can go.
    Bounded {
        /// The chain's shortest block time.
        block_time: BlockTime,
        /// Levels that are believed where the time of the last signature is unknown.
        max_jump: u32,
    },
}

/// Why a level may not rise so far now.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Limit {
    /// The highest level that may be signed at this moment.
    pub highest: i32,
    /// Where it comes from.
    pub basis: Basis,
}

/// The basis of a limit.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Basis {
    /// The time since the last signature, and the allowance.
    Elapsed,
    /// `max_jump`: the watermark was imported, or is of a version that kept no time.
    UnknownTime,
    /// The age of mainnet: nothing was signed yet.
    First,
}

impl JumpRule {
    /// The rule as a sentence.
    pub fn in_words(&self) -> String {
        match self {
            Self::Off => "nothing bounds levels on this chain, since its `max_jump` is `off`".to_owned(),
            Self::Bounded { block_time, max_jump } => format!(
                "its level may rise by twice the time since the last signature ÷ {:?}, and by {ALLOWANCE} at once; by {max_jump} where that time is unknown",
                block_time.as_duration()
            ),
        }
    }

    /// The pace of a watermark that rises from `stored` to `level` now.
    ///
    /// # Errors
    /// The [`Limit`] that `level` is above.
    pub(super) fn rise(&self, stored: Option<&Watermark>, level: i32, now_ms: u64) -> Result<Pace, Limit> {
        let before = stored.and_then(|watermark| watermark.pace);
        let (block_time, max_jump) = match *self {
            Self::Off => return Ok(Pace::next(before, now_ms, 0)),
            Self::Bounded { block_time, max_jump } => (block_time, max_jump),
        };
        let Some(stored) = stored else {
            let blocks = block_time.blocks_in(now_ms.saturating_sub(MAINNET_GENESIS_MS));
            let highest = i32::try_from(blocks).unwrap_or(i32::MAX);
            if level > highest {
                return Err(Limit { highest, basis: Basis::First });
            }
            return Ok(Pace::at(now_ms));
        };
        let rise = u64::from(level.saturating_sub(stored.level).unsigned_abs());
        let cost = rise.saturating_mul(block_time.0);
        let whole = u64::from(ALLOWANCE).saturating_mul(block_time.0);
        let above = |levels: u64| {
            let levels = i32::try_from(levels).unwrap_or(i32::MAX);
            stored.level.saturating_add(levels)
        };
        let Some(pace) = before else {
            if rise > u64::from(max_jump) {
                return Err(Limit { highest: above(max_jump.into()), basis: Basis::UnknownTime });
            }
            return Ok(Pace::next(None, now_ms, cost.min(whole)));
        };
        // A block time that was shortened since leaves no debt beyond the allowance.
        let used = pace.used_ms.min(whole);
        let earned = pace.elapsed_ms(now_ms).saturating_mul(SPEED);
        let after = used.saturating_add(cost).saturating_sub(earned);
        if after > whole {
            let free = earned.saturating_add(whole).saturating_sub(used);
            return Err(Limit { highest: above(block_time.blocks_in(free)), basis: Basis::Elapsed });
        }
        Ok(Pace::next(before, now_ms, after))
    }
}
