//! Protection against double signing, as a pure rule (specification 5.1).
//!
//! For each network, key and magic byte there is one mark: the highest level and round that was signed, and the digest of
//! the message. Only what is higher may be signed, and the very message of the mark once more. The caller makes the new mark
//! durable **before** the key is used; a signature that then fails costs a slot, never a stake.
//!
//! Tags 21 and 23 share a mark: with one for each, as Signatory has them, a client obtains two conflicting attestations of
//! one level and round.
//!
//! How far a level may rise at one moment is bounded, too: see [`jump`].

pub mod format;
pub mod jump;
mod kind;
mod mark;
mod pace;

use crate::ChainId;
use crate::request::{Body, SignRequest};

pub use jump::{JumpRule, JumpRules};
pub use kind::WatermarkKind;
pub use mark::Mark;
pub use pace::Pace;

use jump::{Basis, Limit};

/// Where a request's mark belongs, and the mark that it asks for.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// The network.
    pub chain: ChainId,
    /// The magic byte.
    pub kind: WatermarkKind,
    /// What would be remembered.
    pub mark: Mark,
}

/// Whether a request needs a watermark. "None is needed" and "nobody can tell" are different answers: the second is refused.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[must_use]
pub enum Need {
    /// A generic request, or packed data: it has no level, and passes without a look at the store.
    Nothing,
    /// A block, a preattestation or an attestation.
    Watermark(Asked),
    /// A consensus message that does not say which watermark is its own, or at which level it is. It must not be signed.
    CannotTell,
}

impl Need {
    /// The watermark that is needed, for those who only look.
    #[must_use]
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
        match Mark::new(level, round, Some(self.digest())) {
            Some(mark) => Need::Watermark(Asked { chain, kind, mark }),
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

/// What to do with a request.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[must_use]
pub enum Judgement {
    /// Sign, once this mark is durable.
    Advance(Mark),
    /// Sign the message of the mark once more, once this mark, which is hardly ever another one, is durable.
    Repeat(Mark),
    /// Do not sign.
    Refuse(Refusal),
}

/// Decides whether `asked` may be signed at `now_ms` when `stored` is the mark of its network, key and magic byte, and `jump` bounds the
/// levels of its network.
pub fn judge(stored: Option<&Mark>, asked: &Mark, jump: &JumpRule, now_ms: u64) -> Judgement {
    if let Some(stored) = stored {
        if asked.digest.is_some() && stored.digest == asked.digest && asked.level <= stored.level {
            // The same message is at the same place, unless the mark is of a signer that read the round elsewhere. The higher stays.
            return Judgement::Repeat(stored.join(*asked).with_pace(stored.pace));
        }
        if asked.place() <= stored.place() {
            return Judgement::Refuse(Refusal::NotAbove { stored: *stored, asked: *asked });
        }
    }
    match jump.rise(stored, asked.level, now_ms) {
        Ok(pace) => Judgement::Advance(asked.with_pace(Some(pace))),
        Err(limit) => Judgement::Refuse(Refusal::Jump { stored: stored.copied(), asked: *asked, limit }),
    }
}

/// Why a request is not signed: status 409.
#[derive(Copy, Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("watermark validation failed")]
pub enum Refusal {
    /// It is not above its mark.
    NotAbove {
        /// The mark.
        stored: Mark,
        /// What was asked.
        asked: Mark,
    },
    /// Its level is further above the mark than the chain can have gone.
    Jump {
        /// The mark, where there is one.
        stored: Option<Mark>,
        /// What was asked.
        asked: Mark,
        /// What may be asked now.
        limit: Limit,
    },
}

impl Refusal {
    /// The sentence for people: what was asked, and what stands against it.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Self::NotAbove { stored, asked } if stored.place() == asked.place() => {
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

/// The marks of one key on one network.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct KeyMarks {
    /// Of blocks.
    pub block: Option<Mark>,
    /// Of preattestations.
    pub preattestation: Option<Mark>,
    /// Of attestations, with and without DAL.
    pub attestation: Option<Mark>,
}

impl KeyMarks {
    /// The mark of `kind`.
    #[must_use]
    pub const fn get(&self, kind: WatermarkKind) -> Option<&Mark> {
        match kind {
            WatermarkKind::Block => self.block.as_ref(),
            WatermarkKind::Preattestation => self.preattestation.as_ref(),
            WatermarkKind::Attestation => self.attestation.as_ref(),
        }
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        WatermarkKind::ALL.iter().all(|kind| self.get(*kind).is_none())
    }

    /// Replaces the mark of `kind`: for the step that [`judge`] has allowed.
    pub const fn set(&mut self, kind: WatermarkKind, mark: Mark) {
        match kind {
            WatermarkKind::Block => self.block = Some(mark),
            WatermarkKind::Preattestation => self.preattestation = Some(mark),
            WatermarkKind::Attestation => self.attestation = Some(mark),
        }
    }

    /// Raises the mark of `kind` to at least `mark`.
    pub fn raise(&mut self, kind: WatermarkKind, mark: Mark) {
        self.set(kind, self.get(kind).map_or(mark, |stored| stored.join(mark)));
    }

    /// Raises every mark to at least that of `other`.
    pub fn join(&mut self, other: &Self) {
        for kind in WatermarkKind::ALL {
            if let Some(mark) = other.get(kind) {
                self.raise(kind, *mark);
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
