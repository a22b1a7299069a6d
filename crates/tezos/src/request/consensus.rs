//! Preattestations and attestations as messages of their own.
//!
//! The tag decides where level and round stand: tags 40 and 41, which tz4 keys sign, have no slot. At the offsets of the other tags the
//! round of such a message would be garbage, and so would its watermark.

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
        let branch = cursor.named("branch", Cursor::array)?;
        let at = cursor.position();
        let tag = cursor.named("operation", Cursor::u8)?;
        if !tags.contains(&tag) || (is_bls(tag) && protocol < Protocol::Tallinn) {
            return Err(MessageError::new(MessageFault::UnknownTag(tag), at).within("operation"));
        }
        Ok(Self {
            tag,
            branch,
            slot: if is_bls(tag) { None } else { Some(cursor.named("slot", Cursor::u16)?) },
            level: cursor.named("level", Cursor::counter)?,
            round: cursor.named("round", Cursor::counter)?,
            payload_hash: cursor.named("block_payload_hash", Cursor::array)?,
            dal_attestation: match tag {
                23 => Some(Number::integer(cursor.named("dal_attestation", Cursor::integer)?)),
                _ => None,
            },
        })
    }

    /// 20, 21, 23, 40 or 41.
    pub const fn tag(&self) -> u8 {
        self.tag
    }

    /// Whether it is of the form that tz4 keys sign.
    pub const fn is_bls(&self) -> bool {
        is_bls(self.tag)
    }

    /// Its level.
    pub const fn level(&self) -> i32 {
        self.level
    }

    /// Its round.
    pub const fn round(&self) -> i32 {
        self.round
    }

    /// The attester's first slot. Messages of tz4 keys do not say it.
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
