//! Preattestations and attestations as messages of their own (specification 6.8).
//!
//! The tag decides where level and round stand: tz4 keys sign tags 40 and 41, which have no slot. Read by the offsets of
//! the other tags, the round of such a message would be garbage, and so would its watermark.

use crate::base58check::Prefix;
use crate::codec::{Cursor, MessageError, MessageFault};
use crate::operation::{FieldValue, Number, Protocol};

/// A consensus operation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Consensus {
    tag: u8,
    branch: [u8; 32],
    slot: Option<u16>,
    level: i32,
    round: i32,
    payload_hash: [u8; 32],
    dal_attestation: Option<Number>,
}

impl Consensus {
    /// Reads what stands behind the chain id. `tags` are those that belong to the magic byte.
    pub(crate) fn decode(
        cursor: &mut Cursor<'_>,
        protocol: Protocol,
        tags: &[u8],
    ) -> Result<Self, MessageError> {
        let branch = cursor.array().map_err(|error| error.within("branch"))?;
        let at = cursor.position();
        let tag = cursor.u8().map_err(|error| error.within("operation"))?;
        if !tags.contains(&tag) || (is_bls(tag) && protocol < Protocol::Tallinn) {
            return Err(MessageError::new(MessageFault::UnknownTag { tag }, at).within("operation"));
        }
        Ok(Self {
            tag,
            branch,
            slot: if is_bls(tag) { None } else { Some(cursor.u16().map_err(|error| error.within("slot"))?) },
            level: cursor.counter().map_err(|error| error.within("level"))?,
            round: cursor.counter().map_err(|error| error.within("round"))?,
            payload_hash: cursor.array().map_err(|error| error.within("block_payload_hash"))?,
            dal_attestation: match tag {
                23 => {
                    Some(Number::integer(cursor.integer().map_err(|error| error.within("dal_attestation"))?))
                }
                _ => None,
            },
        })
    }

    /// 20, 21, 23, 40 or 41.
    #[must_use]
    pub const fn tag(&self) -> u8 {
        self.tag
    }

    /// Whether it is of the form that tz4 keys sign.
    #[must_use]
    pub const fn is_bls(&self) -> bool {
        is_bls(self.tag)
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

    /// The attester's first slot. Messages of tz4 keys do not say it.
    #[must_use]
    pub const fn slot(&self) -> Option<u16> {
        self.slot
    }

    pub(crate) fn fields(&self) -> Vec<(&'static str, FieldValue)> {
        let mut fields = vec![
            ("tag", FieldValue::Int(self.tag.into())),
            ("branch", FieldValue::Hash(Prefix::B, self.branch.to_vec())),
            ("slot", self.slot.map_or(FieldValue::Absent, |slot| FieldValue::Int(slot.into()))),
            ("level", FieldValue::Int(self.level.into())),
            ("round", FieldValue::Int(self.round.into())),
            ("block_payload_hash", FieldValue::Hash(Prefix::Vh, self.payload_hash.to_vec())),
        ];
        if let Some(dal) = &self.dal_attestation {
            fields.push(("dal_attestation", FieldValue::Number(dal.clone())));
        }
        fields
    }
}

const fn is_bls(tag: u8) -> bool {
    matches!(tag, 40 | 41)
}
