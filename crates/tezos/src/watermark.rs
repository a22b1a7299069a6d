//! The watermark rule: protection against double signing.
//!
//! Each network, key and magic byte has one watermark: the highest level and round that was signed, and the digest of the message. Only
//! a higher level or round may be signed, and the same message again. The caller makes the new watermark durable **before** the key is
//! used. If the signature then fails, it costs a slot and never a stake.
//!
//! Tags 21 and 23 share a watermark. With one for each, as in Signatory, a client obtains two conflicting attestations of one level and
//! round.
//!
//! [`jump`] bounds how far a level may rise at one moment.

mod format;
pub mod jump;
mod value;

use crate::ChainId;
use crate::request::{Body, SignRequest};

pub use format::{FormatError, Printer};
pub use jump::{JumpRule, JumpRules};
pub use value::{AllWatermarks, ChainWatermarks, KeyWatermarks, Pace, Watermark, WatermarkKind};

use jump::{Basis, Limit};

/// The watermark that a request asks for, and where it belongs.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// The network.
    pub chain: ChainId,
    /// The magic byte.
    pub kind: WatermarkKind,
    /// The watermark as it would be kept.
    pub watermark: Watermark,
}

/// Whether a request needs a watermark.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[must_use]
pub enum Need {
    /// A generic request or packed data. It has no level and passes without a look at the store.
    Nothing,
    /// A block, a preattestation or an attestation.
    Watermark(Asked),
    /// A consensus message whose kind or level nobody can tell. It must not be signed.
    CannotTell,
}

impl Need {
    /// The watermark that is needed, if one is.
    pub const fn asked(&self) -> Option<&Asked> {
        match self {
            Self::Watermark(asked) => Some(asked),
            Self::Nothing | Self::CannotTell => None,
        }
    }
}

impl SignRequest {
    /// The watermark that this request needs.
    pub fn watermark(&self) -> Need {
        let (chain, kind, level, round) = match self.body() {
            Body::Block { chain, header } => (*chain, WatermarkKind::Block, header.level(), header.round()),
            Body::Consensus { chain, operation } => match kind_of(operation.tag()) {
                Some(kind) => (*chain, kind, operation.level(), operation.round()),
                None => return Need::CannotTell,
            },
            Body::Generic { .. } | Body::Pack => return Need::Nothing,
        };
        match Watermark::new(level, round, Some(self.digest())) {
            Some(watermark) => Need::Watermark(Asked { chain, kind, watermark }),
            None => Need::CannotTell,
        }
    }
}

/// The watermark of a consensus operation.
const fn kind_of(tag: u8) -> Option<WatermarkKind> {
    match tag {
        20 | 40 => Some(WatermarkKind::Preattestation),
        21 | 23 | 41 => Some(WatermarkKind::Attestation),
        _ => None,
    }
}

/// The decision about a request.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[must_use]
pub enum Judgement {
    /// Sign, after this watermark is durable.
    Advance(Watermark),
    /// Sign the same message again, after this watermark is durable. It differs from the stored one only after an import.
    Repeat(Watermark),
    /// Do not sign.
    Refuse(Refusal),
}

/// Decides whether `asked` may be signed at `now_ms`. `stored` is the watermark of its network, key and magic byte; `jump` bounds the levels
/// of its network.
pub fn judge(stored: Option<&Watermark>, asked: &Watermark, jump: &JumpRule, now_ms: u64) -> Judgement {
    if let Some(stored) = stored {
        if asked.digest.is_some() && stored.digest == asked.digest && asked.level <= stored.level {
            // The level and round differ only if another signer kept the watermark and read the round elsewhere. The higher stays.
            return Judgement::Repeat(stored.join(*asked).with_pace(stored.pace));
        }
        if asked.level_and_round() <= stored.level_and_round() {
            return Judgement::Refuse(Refusal::NotAbove { stored: *stored, asked: *asked });
        }
    }
    match jump.rise(stored, asked.level, now_ms) {
        Ok(pace) => Judgement::Advance(asked.with_pace(Some(pace))),
        Err(limit) => Judgement::Refuse(Refusal::Jump { stored: stored.copied(), asked: *asked, limit }),
    }
}

/// Why a request is not signed. The signer answers with status 409.
#[derive(Copy, Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("watermark validation failed")]
pub enum Refusal {
    /// The request is not above its watermark.
    NotAbove {
        /// The stored watermark.
        stored: Watermark,
        /// The watermark of the request.
        asked: Watermark,
    },
    /// The level is further above the watermark than the chain can have gone.
    Jump {
        /// The stored watermark, if there is one.
        stored: Option<Watermark>,
        /// The watermark of the request.
        asked: Watermark,
        /// The highest level that may be signed now.
        limit: Limit,
    },
}

impl Refusal {
    /// The sentence for people: the watermark of the request, and what stands against it.
    pub fn detail(&self) -> String {
        match self {
            Self::NotAbove { stored, asked } if stored.level_and_round() == asked.level_and_round() => {
                format!("{self}: another message of {stored} has been signed")
            }
            Self::NotAbove { stored, asked } => {
                format!("{self}: {asked} was asked, and {stored} has been signed")
            }
            Self::Jump { stored, asked, limit: Limit { highest, basis } } => {
                let signed = match stored {
                    Some(stored) => format!("{asked} was asked, and {stored} has been signed"),
                    None => format!("{asked} was asked, and nothing has been signed"),
                };
                let allowed = match basis {
                    Basis::Elapsed => "the time since then allows",
                    Basis::UnknownTime => "nobody knows when, and `watermark.max_jump` allows",
                    Basis::First => "the age of mainnet by the clock of this machine allows",
                };
                format!("{self}: {signed}; {allowed} level {highest} at most")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_of_no_known_consensus_operation_has_no_watermark_to_be_judged_by() {
        for tag in 0..=u8::MAX {
            let wanted = match tag {
                20 | 40 => Some(WatermarkKind::Preattestation),
                21 | 23 | 41 => Some(WatermarkKind::Attestation),
                _ => None,
            };
            assert_eq!(kind_of(tag), wanted, "{tag}");
        }
    }
}
