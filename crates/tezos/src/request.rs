//! Sign requests: from bytes to what they ask for (docs/reference/signer-protocol.md).
//!
//! A [`SignRequest`] owns the bytes that were decoded, so that exactly those are signed. Every byte is used up. Refused are bytes behind
//! the end, a boolean that is neither `00` nor `ff`, a number with a second spelling, and a batch without operations.
//!
//! **Which protocol reads a generic message.** The latest ones read it. A message that they read differently is refused. If none of them
//! can read it, the older ones are tried on the whole message. In this way an old client's `reveal` without the flag of its proof is
//! understood. The policy sees the reading; a chain that reads otherwise cannot read the message at all.
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

use crate::codec::{Cursor, MAX_MESSAGE_BYTES, MessageError, MessageFault};
use crate::hash::blake2b_256;
use crate::micheline;
use crate::operation::{Operation, Protocol};
use crate::text::named;
use crate::{ChainId, Curve, SigningVersion};

pub use self::block::BlockHeader;
pub use self::consensus::Consensus;

/// A message that was decoded completely.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignRequest {
    message: Vec<u8>,
    version: SigningVersion,
    kind: RequestKind,
    body: Body,
}

/// The content of a request.
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
        /// The operations, at least one.
        operations: Vec<Operation>,
        /// The protocol that read them.
        protocol: Protocol,
    },
    /// `05`: packed data, which is one Micheline expression.
    Pack,
}

named! {
    /// The kind of a request, by its name in configurations, logs and refusals.
    RequestKind {
        /// Tags 21 and 41.
        Attestation "attestation",
        /// Tag 23.
        AttestationWithDal "attestation_with_dal",
        /// A block.
        Block "block",
        /// A batch of operations.
        Generic "generic",
        /// Packed data.
        Pack "pack",
        /// Tags 20 and 40.
        Preattestation "preattestation",
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
        let read = match cursor.u8()? {
            0x03 => generic(&cursor, latest, older).map(|body| (RequestKind::Generic, body)),
            0x05 => packed(cursor, protocol).map(|()| (RequestKind::Pack, Body::Pack)),
            0x11 => block(cursor, protocol).map(|body| (RequestKind::Block, body)),
            0x12 => consensus(cursor, protocol, &[20, 40]).map(|body| (RequestKind::Preattestation, body)),
            0x13 => consensus(cursor, protocol, &[21, 23, 41]).map(|body| match &body {
                Body::Consensus { operation, .. } if operation.tag() == 23 => {
                    (RequestKind::AttestationWithDal, body)
                }
                _ => (RequestKind::Attestation, body),
            }),
            tag => Err(MessageError::new(MessageFault::UnknownTag(tag), 0).within("magic byte")),
        };
        let (kind, body) = read.map_err(|error| error.known_to(latest))?;
        Ok(Self { message: message.to_vec(), version, kind, body })
    }

    /// Decodes `message` for a key of `curve`, which may sign one form of consensus operations only.
    ///
    /// # Errors
    /// As [`Self::decode`], and [`MessageFault::WrongKeyKind`].
    pub fn decode_for(message: &[u8], version: SigningVersion, curve: Curve) -> Result<Self, MessageError> {
        let request = Self::decode(message, version)?;
        match &request.body {
            Body::Consensus { operation, .. } if operation.is_bls() != (curve == Curve::Bls12381) => {
                let fault = MessageFault::WrongKeyKind(operation.tag());
                Err(MessageError::new(fault, CONSENSUS_TAG_AT).within("operation"))
            }
            Body::Consensus { .. } | Body::Generic { .. } | Body::Block { .. } | Body::Pack => Ok(request),
        }
    }

    /// The bytes that will be signed.
    pub fn message(&self) -> &[u8] {
        &self.message
    }

    /// The version of the signer protocol that read the request, and that signs it.
    pub const fn version(&self) -> SigningVersion {
        self.version
    }

    /// Its kind.
    pub const fn kind(&self) -> RequestKind {
        self.kind
    }

    /// Its content.
    pub const fn body(&self) -> &Body {
        &self.body
    }

    /// The network, of consensus requests only.
    pub const fn chain(&self) -> Option<&ChainId> {
        match &self.body {
            Body::Block { chain, .. } | Body::Consensus { chain, .. } => Some(chain),
            Body::Generic { .. } | Body::Pack => None,
        }
    }

    /// Level and round, of consensus requests only.
    pub const fn level_and_round(&self) -> Option<(i32, i32)> {
        match &self.body {
            Body::Block { header, .. } => Some((header.level(), header.round())),
            Body::Consensus { operation, .. } => Some((operation.level(), operation.round())),
            Body::Generic { .. } | Body::Pack => None,
        }
    }

    /// The operations, of generic requests only.
    pub fn operations(&self) -> &[Operation] {
        match &self.body {
            Body::Generic { operations, .. } => operations,
            Body::Block { .. } | Body::Consensus { .. } | Body::Pack => &[],
        }
    }

    /// The BLAKE2b-256 digest of the message.
    pub fn digest(&self) -> [u8; 32] {
        blake2b_256(&self.message)
    }
}

/// The offset of a consensus message's tag.
const CONSENSUS_TAG_AT: usize = 37;

fn chain(cursor: &mut Cursor<'_>) -> Result<ChainId, MessageError> {
    cursor.named("chain id", Cursor::array).map(ChainId::new)
}

fn packed(mut cursor: Cursor<'_>, protocol: Protocol) -> Result<(), MessageError> {
    micheline::skip(&mut cursor, protocol)?;
    cursor.finish()
}

fn block(mut cursor: Cursor<'_>, protocol: Protocol) -> Result<Body, MessageError> {
    let chain = chain(&mut cursor)?;
    let header = BlockHeader::decode(&mut cursor, protocol)?;
    cursor.finish()?;
    Ok(Body::Block { chain, header })
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
            // The reading that got furthest says best what is wrong.
            (Err(error), _) if furthest.as_ref().is_none_or(|known| known.offset() < error.offset()) => {
                furthest = Some(error);
            }
            (Err(_), _) => {}
        }
    }
    let older = || older.iter().find_map(|&protocol| Batch::decode(cursor.clone(), protocol).ok());
    match agreed.or_else(older) {
        Some(Batch { branch, operations, protocol }) => Ok(Body::Generic { branch, operations, protocol }),
        None => Err(furthest.unwrap_or_else(|| cursor.fault(MessageFault::EmptyBatch))),
    }
}

struct Batch {
    branch: [u8; 32],
    operations: Vec<Operation>,
    protocol: Protocol,
}

impl Batch {
    fn decode(mut cursor: Cursor<'_>, protocol: Protocol) -> Result<Self, MessageError> {
        let branch = cursor.named("branch", Cursor::array)?;
        let operations = Operation::decode_batch(&mut cursor, protocol)?;
        cursor.finish()?;
        Ok(Self { branch, operations, protocol })
    }
}
