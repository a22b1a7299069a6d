//! The members of a key as JSON, before a look at what they say.

use serde_json::{Map, Value};

use super::error::KeyError;
use crate::{json, jwa::KeyAlgorithm};

/// 64 KiB for one key or one set: a hundred RSA keys.
pub const MAX_JWK_BYTES: usize = 64 << 10;

/// `keys` → key → `x5c` → string, with slack for members that are ignored.
pub(super) const MAX_JWK_DEPTH: usize = 8;

/// The purpose of a key, RFC 7517 §4.2.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum KeyUse {
    /// `sig`.
    Signature,
    /// `enc`.
    Encryption,
}

impl KeyUse {
    /// The `use` value.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Signature => "sig",
            Self::Encryption => "enc",
        }
    }

    pub(super) const fn of(alg: KeyAlgorithm) -> Self {
        match alg {
            KeyAlgorithm::Signature(_) => Self::Signature,
            KeyAlgorithm::KeyManagement(_) => Self::Encryption,
        }
    }
}

pub(super) fn object(json: &[u8]) -> Result<Map<String, Value>, KeyError> {
    if json.len() > MAX_JWK_BYTES {
        return Err(KeyError::TooLong(MAX_JWK_BYTES));
    }
    match json::parse(json, MAX_JWK_DEPTH)? {
        Value::Object(members) => Ok(members),
        _ => Err(KeyError::NotAnObject),
    }
}

pub(super) fn text<'a>(
    members: &'a Map<String, Value>,
    member: &'static str,
) -> Result<Option<&'a str>, KeyError> {
    match members.get(member) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(KeyError::WrongType(member, "a string")),
    }
}

pub(super) fn required<'a>(
    members: &'a Map<String, Value>,
    member: &'static str,
) -> Result<&'a str, KeyError> {
    text(members, member)?.ok_or(KeyError::Missing(member))
}

/// Refuses members that would make a public key a secret. A symmetric key is a secret as a whole.
pub(crate) fn refuse_private_members(members: &Map<String, Value>) -> Result<(), KeyError> {
    let kty = members.get("kty").and_then(Value::as_str);
    let private: &[&'static str] = match kty {
        Some("oct") => &["k"],
        Some("EC" | "OKP" | "RSA") => &["d", "p", "q", "dp", "dq", "qi", "oth", "k"],
        _ => &[],
    };
    match private.iter().find(|member| members.contains_key(**member)) {
        Some(member) => Err(KeyError::PrivateMember(member)),
        None => Ok(()),
    }
}
