//! Block headers.

use crate::base58check::Prefix;
use crate::codec::{Cursor, MessageError, MessageFault};
use crate::operation::{FieldValue, Protocol};

/// An unsigned block header, without magic byte and chain id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BlockHeader {
    level: i32,
    proto: u8,
    predecessor: [u8; 32],
    timestamp: i64,
    validation_pass: u8,
    operations_hash: [u8; 32],
    fitness: Fitness,
    context: [u8; 32],
    payload_hash: [u8; 32],
    payload_round: i32,
    proof_of_work_nonce: [u8; 8],
    seed_nonce_hash: Option<[u8; 32]>,
    per_block_votes: u8,
}

impl BlockHeader {
    /// Reads a header and leaves the cursor behind it.
    pub(crate) fn decode(cursor: &mut Cursor<'_>, protocol: Protocol) -> Result<Self, MessageError> {
        Ok(Self {
            level: cursor.named("level", Cursor::counter)?,
            proto: cursor.u8()?,
            predecessor: cursor.named("predecessor", Cursor::array)?,
            timestamp: cursor.named("timestamp", Cursor::i64)?,
            validation_pass: cursor.u8()?,
            operations_hash: cursor.named("operations_hash", Cursor::array)?,
            fitness: cursor.named("fitness", |cursor| Fitness::decode(cursor.frame()?))?,
            context: cursor.named("context", Cursor::array)?,
            payload_hash: cursor.named("payload_hash", Cursor::array)?,
            payload_round: cursor.named("payload_round", Cursor::counter)?,
            proof_of_work_nonce: cursor.named("proof_of_work_nonce", Cursor::array)?,
            seed_nonce_hash: cursor
                .named("seed_nonce_hash", |cursor| cursor.boolean()?.then(|| cursor.array()).transpose())?,
            per_block_votes: cursor.named("per_block_votes", |cursor| votes(cursor, protocol))?,
        })
    }

    /// Its level.
    pub const fn level(&self) -> i32 {
        self.level
    }

    /// Its round: the last element of the fitness. The payload's round is another number if a payload is proposed again.
    pub const fn round(&self) -> i32 {
        self.fitness.round
    }

    /// The round in which the payload was first proposed.
    pub const fn payload_round(&self) -> i32 {
        self.payload_round
    }

    pub(crate) fn fields(&self) -> Vec<(&'static str, FieldValue)> {
        let hash = |prefix, bytes: &[u8]| FieldValue::Hash(prefix, bytes.to_vec());
        let int = |value: i32| FieldValue::Int(value.into());
        let Fitness { level, locked_round, predecessor_round, round } = &self.fitness;
        vec![
            ("level", int(self.level)),
            ("round", int(*round)),
            ("proto", int(self.proto.into())),
            ("predecessor", hash(Prefix::B, &self.predecessor)),
            ("timestamp", FieldValue::Int(self.timestamp)),
            ("validation_pass", int(self.validation_pass.into())),
            ("operations_hash", hash(Prefix::Llo, &self.operations_hash)),
            ("locked_round", locked_round.map_or(FieldValue::Absent, int)),
            ("predecessor_round", int(*predecessor_round)),
            ("fitness_level", int(*level)),
            ("context", hash(Prefix::Co, &self.context)),
            ("payload_hash", hash(Prefix::Vh, &self.payload_hash)),
            ("payload_round", int(self.payload_round)),
            ("proof_of_work_nonce", FieldValue::Bytes(self.proof_of_work_nonce.to_vec())),
            (
                "seed_nonce_hash",
                self.seed_nonce_hash.map_or(FieldValue::Absent, |nonce| hash(Prefix::Nce, &nonce)),
            ),
            ("per_block_votes", int(self.per_block_votes.into())),
        ]
    }
}

/// The vote on liquidity baking (0 on, 1 off, 2 pass) and, before Tallinn, above it the one on adaptive issuance.
fn votes(cursor: &mut Cursor<'_>, protocol: Protocol) -> Result<u8, MessageError> {
    let at = cursor.position();
    let votes = cursor.u8()?;
    let (liquidity, issuance) = (votes & 0b11, votes >> 2);
    let most = if protocol < Protocol::Tallinn { 2 } else { 0 };
    if liquidity > 2 || issuance > most {
        return Err(MessageError::new(MessageFault::UnknownTag(votes), at));
    }
    Ok(votes)
}

/// The fitness of a Tenderbake block: five elements, each with its length in front.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Fitness {
    level: i32,
    locked_round: Option<i32>,
    predecessor_round: i32,
    round: i32,
}

impl Fitness {
    fn decode(mut cursor: Cursor<'_>) -> Result<Self, MessageError> {
        if cursor.frame()?.rest()? != [2] {
            return Err(cursor.fault(MessageFault::Fitness("its first element is not the version 02")));
        }
        let level = element(&mut cursor, "its second element is not a level", to_number)?;
        let locked_round = element(&mut cursor, "its third element is neither empty nor a round", |bytes| {
            if bytes.is_empty() { Some(None) } else { to_number(bytes).map(Some) }
        })?;
        // The predecessor's round is stored as -1 - round, so that a lower one is fitter.
        let predecessor_round =
            element(&mut cursor, "its fourth element is not a predecessor's round", |bytes| {
                let stored = i32::from_be_bytes(bytes.try_into().ok()?);
                (stored < 0).then_some(!stored)
            })?;
        let round = element(&mut cursor, "its fifth element is not a round", to_number)?;
        cursor.finish()?;
        Ok(Self { level, locked_round, predecessor_round, round })
    }
}

/// An element with its length in front, as `read` understands it.
fn element<T>(
    cursor: &mut Cursor<'_>,
    why: &'static str,
    read: impl FnOnce(&[u8]) -> Option<T>,
) -> Result<T, MessageError> {
    let malformed = cursor.fault(MessageFault::Fitness(why));
    read(cursor.frame()?.rest()?).ok_or(malformed)
}

fn to_number(bytes: &[u8]) -> Option<i32> {
    bytes.try_into().ok().map(i32::from_be_bytes).filter(|value| *value >= 0)
}
