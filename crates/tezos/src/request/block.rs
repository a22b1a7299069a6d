//! Block messages and block headers (specification 6.7).

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
            level: cursor.counter().map_err(|error| error.within("level"))?,
            proto: cursor.u8()?,
            predecessor: cursor.array().map_err(|error| error.within("predecessor"))?,
            timestamp: cursor.i64().map_err(|error| error.within("timestamp"))?,
            validation_pass: cursor.u8()?,
            operations_hash: cursor.array().map_err(|error| error.within("operations_hash"))?,
            fitness: Fitness::decode(cursor.frame().map_err(|error| error.within("fitness"))?)
                .map_err(|error| error.within("fitness"))?,
            context: cursor.array().map_err(|error| error.within("context"))?,
            payload_hash: cursor.array().map_err(|error| error.within("payload_hash"))?,
            payload_round: cursor.counter().map_err(|error| error.within("payload_round"))?,
            proof_of_work_nonce: cursor.array().map_err(|error| error.within("proof_of_work_nonce"))?,
            seed_nonce_hash: match cursor.boolean().map_err(|error| error.within("seed_nonce_hash"))? {
                true => Some(cursor.array().map_err(|error| error.within("seed_nonce_hash"))?),
                false => None,
            },
            per_block_votes: votes(cursor, protocol).map_err(|error| error.within("per_block_votes"))?,
        })
    }

    /// Its level.
    #[must_use]
    pub const fn level(&self) -> i32 {
        self.level
    }

    /// Its round: the last element of the fitness. The payload's round is another number, when a payload is proposed again.
    #[must_use]
    pub const fn round(&self) -> i32 {
        self.fitness.round
    }

    /// The round in which the payload was first proposed.
    #[must_use]
    pub const fn payload_round(&self) -> i32 {
        self.payload_round
    }

    pub(crate) fn fields(&self) -> Vec<(&'static str, FieldValue)> {
        let hash = |prefix, bytes: &[u8]| FieldValue::Hash(prefix, bytes.to_vec());
        vec![
            ("level", FieldValue::Int(self.level.into())),
            ("round", FieldValue::Int(self.fitness.round.into())),
            ("proto", FieldValue::Int(self.proto.into())),
            ("predecessor", hash(Prefix::B, &self.predecessor)),
            ("timestamp", FieldValue::Int(self.timestamp)),
            ("validation_pass", FieldValue::Int(self.validation_pass.into())),
            ("operations_hash", hash(Prefix::Llo, &self.operations_hash)),
            (
                "locked_round",
                self.fitness.locked_round.map_or(FieldValue::Absent, |round| FieldValue::Int(round.into())),
            ),
            ("predecessor_round", FieldValue::Int(self.fitness.predecessor_round.into())),
            ("fitness_level", FieldValue::Int(self.fitness.level.into())),
            ("context", hash(Prefix::Co, &self.context)),
            ("payload_hash", hash(Prefix::Vh, &self.payload_hash)),
            ("payload_round", FieldValue::Int(self.payload_round.into())),
            ("proof_of_work_nonce", FieldValue::Bytes(self.proof_of_work_nonce.to_vec())),
            (
                "seed_nonce_hash",
                self.seed_nonce_hash.map_or(FieldValue::Absent, |nonce| hash(Prefix::Nce, &nonce)),
            ),
            ("per_block_votes", FieldValue::Int(self.per_block_votes.into())),
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
        return Err(MessageError::new(MessageFault::UnknownTag { tag: votes }, at));
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
        if element(&mut cursor)? != [2] {
            return Err(
                cursor.fault(MessageFault::Fitness { why: "its first element is not the version 02" })
            );
        }
        let level = number(&mut cursor, "its second element is not a level")?;
        let at = cursor.position();
        let locked_round = match element(&mut cursor)? {
            [] => None,
            bytes => Some(to_number(bytes).ok_or(MessageError::new(
                MessageFault::Fitness { why: "its third element is neither empty nor a round" },
                at,
            ))?),
        };
        // Stored as -1 - round, so that a lower one is fitter.
        let at = cursor.position();
        let predecessor_round = element(&mut cursor)?;
        let predecessor_round = <[u8; 4]>::try_from(predecessor_round).ok().map(i32::from_be_bytes);
        let predecessor_round =
            predecessor_round.filter(|stored| *stored < 0).map(|stored| !stored).ok_or(MessageError::new(
                MessageFault::Fitness { why: "its fourth element is not a predecessor's round" },
                at,
            ))?;
        let round = number(&mut cursor, "its fifth element is not a round")?;
        cursor.finish()?;
        Ok(Self { level, locked_round, predecessor_round, round })
    }
}

fn element<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], MessageError> {
    cursor.frame()?.rest()
}

fn number(cursor: &mut Cursor<'_>, why: &'static str) -> Result<i32, MessageError> {
    let at = cursor.position();
    to_number(element(cursor)?).ok_or(MessageError::new(MessageFault::Fitness { why }, at))
}

fn to_number(bytes: &[u8]) -> Option<i32> {
    <[u8; 4]>::try_from(bytes).ok().map(i32::from_be_bytes).filter(|value| *value >= 0)
}
