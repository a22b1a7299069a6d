//! Fields of an operation, by name.

use super::address::Address;
use super::value::Value;

pub(super) fn field<'v>(fields: &'v [(&'static str, Value)], name: &str) -> Option<&'v Value> {
    fields.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
}

pub(super) fn address(fields: &[(&'static str, Value)], name: &str) -> Option<Address> {
    match field(fields, name)? {
        Value::Address(address) => Some(*address),
        _ => None,
    }
}

pub(super) fn mutez(fields: &[(&'static str, Value)], name: &str) -> Option<u64> {
    match field(fields, name)? {
        Value::Mutez(amount) => Some(*amount),
        _ => None,
    }
}
