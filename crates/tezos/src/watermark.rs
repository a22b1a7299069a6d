//! Protection against double signing, as a pure rule (specification 5.1).
//!
//! For each network, key and magic byte there is one mark: the highest level and round that was signed, and the digest of
//! the message. Only what is higher may be signed, and the very message of the mark once more. The caller makes the new mark
//! durable **before** the key is used; a signature that then fails costs a slot, never a stake.
//!
//! Tags 21 and 23 share a mark: with one for each, as Signatory has them, a client obtains two conflicting attestations of
//! one level and round.

pub mod format;

use std::fmt;

use crate::ChainId;
use crate::request::{Body, SignRequest};

/// What has a mark of its own: a magic byte.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum WatermarkKind {
    /// `11`
    Block,
    /// `12`, tags 20 and 40.
    Preattestation,
    /// `13`, tags 21, 23 and 41.
    Attestation,
}

impl WatermarkKind {
    /// Every kind, by name.
    pub const ALL: [Self; 3] = [Self::Attestation, Self::Block, Self::Preattestation];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Preattestation => "preattestation",
            Self::Attestation => "attestation",
        }
    }
}

impl fmt::Display for WatermarkKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A level, a round, and the message that was signed there.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub struct Mark {
    level: i32,
    round: i32,
    digest: Option<[u8; 32]>,
}

impl Mark {
    /// A mark; `None` when level or round is negative, which they never are. Without a digest no message is signed again.
    #[must_use]
    pub const fn new(level: i32, round: i32, digest: Option<[u8; 32]>) -> Option<Self> {
        if level < 0 || round < 0 {
            return None;
        }
        Some(Self { level, round, digest })
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

    const fn place(&self) -> (i32, i32) {
        (self.level, self.round)
    }

    /// One mark that forbids all that either forbids: for stores that are joined and for names that are unified.
    ///
    /// At one place, a known digest stands; two different ones leave none, and nothing there is signed again.
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
                Self { digest, ..self }
            }
        }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "level {}, round {}", self.level, self.round)
    }
}

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

impl SignRequest {
    /// The mark that this request asks for. Generic requests and packed data have none, and pass without a look at the store.
    #[must_use]
    pub fn watermark(&self) -> Option<Asked> {
        let (chain, kind) = match self.body() {
            Body::Block { chain, .. } => (*chain, WatermarkKind::Block),
            Body::Consensus { chain, operation } => match operation.tag() {
                20 | 40 => (*chain, WatermarkKind::Preattestation),
                _ => (*chain, WatermarkKind::Attestation),
            },
            Body::Generic { .. } | Body::Pack => return None,
        };
        let (level, round) = self.level_and_round()?;
        Some(Asked { chain, kind, mark: Mark { level, round, digest: Some(self.digest()) } })
    }
}

/// What to do with a request.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[must_use]
pub enum Step {
    /// Sign, once this mark is durable.
    Advance(Mark),
    /// Sign the message of the mark once more, once this mark, which is hardly ever another one, is durable.
    Repeat(Mark),
    /// Do not sign.
    Refuse(Refusal),
}

/// Decides whether `asked` may be signed when `stored` is the mark of its network, key and magic byte.
pub fn judge(stored: Option<&Mark>, asked: &Mark) -> Step {
    let Some(stored) = stored else { return Step::Advance(*asked) };
    if asked.digest.is_some() && stored.digest == asked.digest {
        // The same message is at the same place, unless the mark is of a signer that read the round elsewhere. The higher stays.
        return Step::Repeat(stored.join(*asked));
    }
    if asked.place() > stored.place() { Step::Advance(*asked) } else { refuse(stored, asked) }
}

const fn refuse(stored: &Mark, asked: &Mark) -> Step {
    Step::Refuse(Refusal { stored: *stored, asked: *asked })
}

/// A request that is not above its mark: status 409.
#[derive(Copy, Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("watermark validation failed")]
pub struct Refusal {
    /// The mark.
    pub stored: Mark,
    /// What was asked.
    pub asked: Mark,
}

impl Refusal {
    /// The sentence for people: what was asked, and what stands against it.
    #[must_use]
    pub fn detail(&self) -> String {
        let Self { stored, asked } = self;
        if stored.place() == asked.place() {
            format!("{self}: another message of {stored} has been signed")
        } else {
            format!("{self}: {asked} was asked, and {stored} has been signed")
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
