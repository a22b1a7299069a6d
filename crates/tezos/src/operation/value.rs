//! The values of an operation's fields, for the policy and for people.

use serde_json::{Map, Value as Json, json};

use crate::base58check::{self, Prefix};
use crate::operation::{Address, Entrypoint, Vote};

/// The value of a field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FieldValue {
    /// A number of fixed size.
    Int(i64),
    /// A number of any size.
    Number(Number),
    /// An amount of tez, in mutez.
    Mutez(u64),
    /// A boolean.
    Flag(bool),
    /// Bytes without a text form of their own.
    Bytes(Vec<u8>),
    /// Bytes that people write in base58check.
    Hash(Prefix, Vec<u8>),
    /// An account.
    Address(Address),
    /// A name.
    Text(String),
    /// The entrypoint of a call.
    Entrypoint(Entrypoint),
    /// A vote.
    Vote(Vote),
    /// One Micheline expression, in its binary form.
    Micheline(Vec<u8>),
    /// An optional field that is not there.
    Absent,
    /// One of several forms, by its name.
    Variant(&'static str, Box<FieldValue>),
    /// Fields by name.
    Record(Vec<(&'static str, FieldValue)>),
    /// Members of a list.
    List(Vec<FieldValue>),
}

impl FieldValue {
    /// For `policy explain` and logs. Numbers that JSON readers may round are texts.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Int(value) => Json::from(*value),
            Self::Number(value) => Json::from(value.to_string()),
            Self::Mutez(value) => Json::from(value.to_string()),
            Self::Flag(value) => Json::from(*value),
            Self::Bytes(bytes) | Self::Micheline(bytes) => Json::from(hex(bytes)),
            Self::Hash(prefix, bytes) => Json::from(base58check::encode(*prefix, bytes)),
            Self::Address(address) => Json::from(address.to_string()),
            Self::Text(text) => Json::from(text.as_str()),
            Self::Entrypoint(entrypoint) => Json::from(entrypoint.name()),
            Self::Vote(vote) => Json::from(vote.name()),
            Self::Absent => Json::Null,
            Self::Variant(name, value) => json!({ *name: value.to_json() }),
            Self::Record(fields) => Json::Object(fields_to_json(fields)),
            Self::List(values) => values.iter().map(Self::to_json).collect(),
        }
    }
}

/// Fields by name, in their order.
pub(crate) type NamedFields = [(&'static str, FieldValue)];

pub(crate) fn fields_to_json(fields: &NamedFields) -> Map<String, Json> {
    fields.iter().map(|(name, value)| ((*name).to_owned(), value.to_json())).collect()
}

pub(super) fn field<'f>(fields: &'f NamedFields, name: &str) -> Option<&'f FieldValue> {
    fields.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
}

pub(super) fn address(fields: &NamedFields, name: &str) -> Option<Address> {
    match field(fields, name)? {
        FieldValue::Address(address) => Some(*address),
        _ => None,
    }
}

pub(super) fn mutez(fields: &NamedFields, name: &str) -> Option<u64> {
    match field(fields, name)? {
        FieldValue::Mutez(amount) => Some(*amount),
        _ => None,
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A number of any size, in its one wire form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Number {
    groups: Vec<u8>,
    signed: bool,
}

impl Number {
    pub(crate) fn natural(groups: &[u8]) -> Self {
        Self { groups: groups.to_vec(), signed: false }
    }

    pub(crate) fn integer(groups: &[u8]) -> Self {
        Self { groups: groups.to_vec(), signed: true }
    }

    /// The value, when it has at most 126 bits.
    pub fn to_i128(&self) -> Option<i128> {
        let first = *self.groups.first()?;
        let (width, negative) = if self.signed { (6_u32, first & 0x40 != 0) } else { (7, false) };
        let mask = if self.signed { 0x3f } else { 0x7f };
        let mut value = i128::from(first & mask);
        let mut shift = width;
        for group in self.groups.get(1..)? {
            if shift > 119 {
                return None;
            }
            value |= i128::from(group & 0x7f) << shift;
            shift = shift.saturating_add(7);
        }
        Some(if negative { -value } else { value })
    }

    /// The value of an amount: not negative, and in 63 bits as in the protocol.
    pub(crate) fn to_mutez(&self) -> Option<u64> {
        let value = i64::try_from(self.to_i128()?).ok()?;
        u64::try_from(value).ok()
    }

    /// Decimal digits of a number of any size, by limbs of nine digits.
    fn large_decimal(&self) -> String {
        const LIMB: u64 = 1_000_000_000;
        let mut limbs: Vec<u64> = Vec::new();
        let mut push = |factor: u64, digit: u8| {
            let mut carry = u64::from(digit);
            for limb in &mut limbs {
                // Below 128 · 10⁹ + 128: this does not overflow.
                let next = limb.wrapping_mul(factor).wrapping_add(carry);
                *limb = next % LIMB;
                carry = next / LIMB;
            }
            if carry > 0 {
                limbs.push(carry);
            }
        };
        let Some((&first, others)) = self.groups.split_first() else { return String::new() };
        for group in others.iter().rev() {
            push(128, group & 0x7f);
        }
        let negative = self.signed && first & 0x40 != 0;
        if self.signed {
            push(64, first & 0x3f)
        } else {
            push(128, first & 0x7f)
        }

        let mut text = String::from(if negative { "-" } else { "" });
        for (place, limb) in limbs.iter().rev().enumerate() {
            let digits = if place == 0 { limb.to_string() } else { format!("{limb:09}") };
            text.push_str(&digits);
        }
        text
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.to_i128() {
            Some(value) => write!(formatter, "{value}"),
            None => formatter.write_str(&self.large_decimal()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_by_name() {
        for (name, number, wanted) in [
            ("zero", Number::natural(&[0]), Some(0)),
            ("seven_bits", Number::natural(&[0x7f]), Some(127)),
            ("eight_bits", Number::natural(&[0x80, 0x01]), Some(128)),
            ("a_million", Number::natural(&[0xc0, 0x84, 0x3d]), Some(1_000_000)),
            ("minus_one", Number::integer(&[0x41]), Some(-1)),
            ("sixty_four", Number::integer(&[0x80, 0x01]), Some(64)),
            ("minus_sixty_four", Number::integer(&[0xc0, 0x01]), Some(-64)),
            ("126_bits", Number::natural(&[[0xff].repeat(17), vec![0x7f]].concat()), Some((1 << 126) - 1)),
            ("127_bits", Number::natural(&[[0xff].repeat(18), vec![0x01]].concat()), None),
        ] {
            assert_eq!(number.to_i128(), wanted, "{name}");
        }
    }

    #[test]
    fn large_numbers_are_shown_in_full() {
        for (name, number) in [
            ("one_million", Number::natural(&[0xc0, 0x84, 0x3d])),
            ("minus_sixty_four", Number::integer(&[0xc0, 0x01])),
            ("126_bits", Number::natural(&[[0xff].repeat(17), vec![0x7f]].concat())),
            ("a_limb_of_zeros", Number::natural(&[0x80, 0xa8, 0xd6, 0xb9, 0x07])),
        ] {
            assert_eq!(number.large_decimal(), number.to_i128().unwrap().to_string(), "{name}");
        }
        let two_to_the_133 = Number::natural(&[[0x80].repeat(19), vec![0x01]].concat());
        assert_eq!(two_to_the_133.to_string(), "10889035741470030830827987437816582766592");
    }

    #[test]
    fn amounts_have_63_bits() {
        let largest = Number::natural(&[[0xff].repeat(8), vec![0x7f]].concat());
        assert_eq!(largest.to_mutez(), Some(i64::MAX.unsigned_abs()));
        let beyond = Number::natural(&[[0x80].repeat(9), vec![0x01]].concat());
        assert_eq!(beyond.to_i128(), Some(1 << 63));
        assert_eq!(beyond.to_mutez(), None);
    }
}
