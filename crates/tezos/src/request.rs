//! Sign requests: from bytes to what they ask for (specification 1.4, 1.9, 4.1).
//!
//! A [`SignRequest`] owns the very bytes that were decoded, so what is signed is what was looked at. Everything is used
//! up: bytes behind the end of a message, a boolean that is neither `00` nor `ff`, a number with a second spelling and a
//! batch without operations are all refused.
//!
//! **Which protocol reads a generic message.** The latest ones; they differ in one content, and where their readings of
//! one message differ, it is refused. Only when none of them can read it are the older ones tried, on the whole message:
//! that is how an old client's `reveal` without the flag of its proof is still understood, alone and inside a batch
//! (6.6, last note). The policy sees the reading; a chain that reads otherwise cannot read the message at all.
//!
//! ```
//! use jwtis_tezos::{Caller, Circumstances, Policy, RequestKind, SignRequest, SigningVersion, Verdict, policy::Usage};
//!
//! let mut message = vec![0x13, 0xb3, 0xd7, 0x9f, 0x99];      // attestation, chain id
//! message.extend([0; 32]);                                   // branch
//! message.extend([21, 0, 7, 0, 0, 0, 120, 0, 0, 0, 0]);      // tag, slot, level, round
//! message.extend([0x11; 32]);                                // payload hash
//! let request = SignRequest::decode(&message, SigningVersion::LATEST)?;
//! assert_eq!(request.kind(), RequestKind::Attestation);
//! assert_eq!(request.level_and_round(), Some((120, 0)));
//!
//! let key = "tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2Q".parse()?;
//! let at = Circumstances { key: &key, caller: &Caller::Anonymous, usage: &Usage::default(), now_ms: 0 };
//! assert_eq!(Policy::baker().evaluate(&request, &at), Verdict::Allow(None));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub(crate) mod block;
mod consensus;
mod view;

use std::fmt;

use crate::codec::{Cursor, MAX_MESSAGE_BYTES, MessageError, MessageFault};
use crate::hash::blake2b_256;
use crate::micheline;
use crate::operation::{Operation, Protocol};
use crate::{ChainId, Curve, SigningVersion};

pub use self::block::BlockHeader;
pub use self::consensus::Consensus;

/// A message that was understood completely.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignRequest {
    message: Vec<u8>,
    version: SigningVersion,
    kind: RequestKind,
    body: Body,
}

/// What a request asks to be signed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Body {
    /// `11`: a block.
    Block {
        /// The network.
        chain: ChainId,
        /// The block.
        header: BlockHeader,
    },
    /// `12` and `13`: a preattestation or an attestation.
    Consensus {
        /// The network.
        chain: ChainId,
        /// The operation.
        operation: Consensus,
    },
    /// `03`: a batch of operations.
    Generic {
        /// The block that the batch follows.
        branch: [u8; 32],
        /// At least one.
        operations: Vec<Operation>,
        /// Whose layouts they were read by.
        protocol: Protocol,
    },
    /// `05`: packed data, which is one Micheline expression.
    Pack,
}

/// The names of requests in configurations, logs and refusals (specification 3.2, 4.1).
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RequestKind {
    /// `attestation`: tags 21 and 41.
    Attestation,
    /// `attestation_with_dal`: tag 23.
    AttestationWithDal,
    /// `block`
    Block,
    /// `generic`
    Generic,
    /// `pack`
    Pack,
    /// `preattestation`: tags 20 and 40.
    Preattestation,
}

impl RequestKind {
    /// Every kind, by name.
    pub const ALL: [Self; 6] = [
        Self::Attestation,
        Self::AttestationWithDal,
        Self::Block,
        Self::Generic,
        Self::Pack,
        Self::Preattestation,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Attestation => "attestation",
            Self::AttestationWithDal => "attestation_with_dal",
            Self::Block => "block",
            Self::Generic => "generic",
            Self::Pack => "pack",
            Self::Preattestation => "preattestation",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for RequestKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl SignRequest {
    /// Decodes `message`, magic byte included.
    ///
    /// # Errors
    /// [`MessageError`]; its `Display` is the text of the answer with status 400.
    pub fn decode(message: &[u8], version: SigningVersion) -> Result<Self, MessageError> {
        if message.len() > MAX_MESSAGE_BYTES {
            return Err(MessageError::new(MessageFault::TooLong, 0));
        }
        let (latest, older) = Protocol::readings(version);
        // Consensus messages and packed data have one reading: that of the first protocol.
        let protocol = latest.first().copied().unwrap_or(Protocol::Rio);
        let mut cursor = Cursor::new(message);
        let (kind, body) = match cursor.u8()? {
            0x03 => (RequestKind::Generic, generic(&cursor, latest, older)?),
            0x05 => {
                micheline::skip(&mut cursor, protocol).map_err(|error| error.known_to(latest))?;
                cursor.finish()?;
                (RequestKind::Pack, Body::Pack)
            }
            0x11 => {
                let chain = chain(&mut cursor)?;
                let header = BlockHeader::decode(&mut cursor, protocol)?;
                cursor.finish()?;
                (RequestKind::Block, Body::Block { chain, header })
            }
            0x12 => {
                let body = consensus(cursor, protocol, &[20, 40]).map_err(|error| error.known_to(latest))?;
                (RequestKind::Preattestation, body)
            }
            0x13 => {
                let body =
                    consensus(cursor, protocol, &[21, 23, 41]).map_err(|error| error.known_to(latest))?;
                let dal = matches!(&body, Body::Consensus { operation, .. } if operation.tag() == 23);
                (if dal { RequestKind::AttestationWithDal } else { RequestKind::Attestation }, body)
            }
            tag => {
                let error = MessageError::new(MessageFault::UnknownTag { tag }, 0).within("magic byte");
                return Err(error.known_to(latest));
            }
        };
        Ok(Self { message: message.to_vec(), version, kind, body })
    }

    /// Decodes `message` for a key of `curve`: of consensus operations it may sign one form only (specification 4.1).
    ///
    /// # Errors
    /// As [`Self::decode`], and [`MessageFault::WrongKeyKind`].
    pub fn decode_for(message: &[u8], version: SigningVersion, curve: Curve) -> Result<Self, MessageError> {
        let request = Self::decode(message, version)?;
        match &request.body {
            Body::Consensus { operation, .. } if operation.is_bls() != (curve == Curve::Bls12381) => {
                let fault = MessageFault::WrongKeyKind { tag: operation.tag() };
                Err(MessageError::new(fault, CONSENSUS_TAG_AT).within("operation"))
            }
            Body::Consensus { .. } | Body::Generic { .. } | Body::Block { .. } | Body::Pack => Ok(request),
        }
    }

    /// The message: what will be signed.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        &self.message
    }

    /// By which version of the signer protocol it was read, and must be signed.
    #[must_use]
    pub const fn version(&self) -> SigningVersion {
        self.version
    }

    /// What it is called.
    #[must_use]
    pub const fn kind(&self) -> RequestKind {
        self.kind
    }

    /// What it asks for.
    #[must_use]
    pub const fn body(&self) -> &Body {
        &self.body
    }

    /// The network, of consensus requests only.
    #[must_use]
    pub const fn chain(&self) -> Option<&ChainId> {
        match &self.body {
            Body::Block { chain, .. } | Body::Consensus { chain, .. } => Some(chain),
            Body::Generic { .. } | Body::Pack => None,
        }
    }

    /// Level and round, of consensus requests only.
    #[must_use]
    pub const fn level_and_round(&self) -> Option<(i32, i32)> {
        match &self.body {
            Body::Block { header, .. } => Some((header.level(), header.round())),
            Body::Consensus { operation, .. } => Some((operation.level(), operation.round())),
            Body::Generic { .. } | Body::Pack => None,
        }
    }

    /// The operations, of generic requests only.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        match &self.body {
            Body::Generic { operations, .. } => operations,
            Body::Block { .. } | Body::Consensus { .. } | Body::Pack => &[],
        }
    }

    /// The BLAKE2b-256 digest of the message.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        blake2b_256(&self.message)
    }
}

/// Where the tag of a consensus message stands (6.8).
const CONSENSUS_TAG_AT: usize = 37;

fn chain(cursor: &mut Cursor<'_>) -> Result<ChainId, MessageError> {
    cursor.array().map(ChainId::new).map_err(|error| error.within("chain id"))
}

fn consensus(mut cursor: Cursor<'_>, protocol: Protocol, tags: &[u8]) -> Result<Body, MessageError> {
    let chain = chain(&mut cursor)?;
    let operation = Consensus::decode(&mut cursor, protocol, tags)?;
    cursor.finish()?;
    Ok(Body::Consensus { chain, operation })
}

/// Reads a batch by all of `latest`, which must agree, or else by the first of `older` that can.
fn generic(
    cursor: &Cursor<'_>,
    latest: &'static [Protocol],
    older: &'static [Protocol],
) -> Result<Body, MessageError> {
    let mut agreed: Option<Batch> = None;
    let mut furthest: Option<MessageError> = None;
    for &protocol in latest {
        match (Batch::decode(cursor.clone(), protocol), &agreed) {
            (Ok(batch), None) => agreed = Some(batch),
            (Ok(batch), Some(first)) if batch.operations != first.operations => {
                return Err(cursor.fault(MessageFault::Ambiguous));
            }
            (Ok(_), Some(_)) => {}
            (Err(error), _) => {
                // The reading that got furthest says best what is wrong.
                if furthest.as_ref().is_none_or(|known| known.offset() < error.offset()) {
                    furthest = Some(error);
                }
            }
        }
    }
    let batch = match agreed {
        Some(batch) => Some(batch),
        None => older.iter().find_map(|&protocol| Batch::decode(cursor.clone(), protocol).ok()),
    };
    match (batch, furthest) {
        (Some(batch), _) => {
            Ok(Body::Generic { branch: batch.branch, operations: batch.operations, protocol: batch.protocol })
        }
        (None, Some(error)) => Err(error.known_to(latest)),
        (None, None) => Err(cursor.fault(MessageFault::EmptyBatch)),
    }
}

struct Batch {
    branch: [u8; 32],
    operations: Vec<Operation>,
    protocol: Protocol,
}

impl Batch {
    fn decode(mut cursor: Cursor<'_>, protocol: Protocol) -> Result<Self, MessageError> {
        let branch = cursor.array().map_err(|error| error.within("branch"))?;
        let operations = Operation::decode_batch(&mut cursor, protocol)?;
        cursor.finish()?;
        Ok(Self { branch, operations, protocol })
    }
}
