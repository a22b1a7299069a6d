//! Fields of an operation, by name.

use super::address::Address;
use super::value::FieldValue;

pub(super) fn field<'v>(fields: &'v [(&'static str, FieldValue)], name: &str) -> Option<&'v FieldValue> {
    fields.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
}

pub(super) fn address(fields: &[(&'static str, FieldValue)], name: &str) -> Option<Address> {
    match field(fields, name)? {
        FieldValue::Address(address) => Some(*address),
        _ => None,
    }
}

pub(super) fn mutez(fields: &[(&'static str, FieldValue)], name: &str) -> Option<u64> {
    match field(fields, name)? {
        FieldValue::Mutez(amount) => Some(*amount),
        _ => None,
    }
}
