//! A set of public keys, RFC 7517 §5.

use serde::Serialize;
use serde_json::Value;

use super::members::object;
use super::{Jwk, KeyError};

/// Public keys that a verifier may choose from by `kid`.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct JwkSet {
    /// In the order of preference.
    pub keys: Vec<Jwk>,
}

impl JwkSet {
    /// Reads a set. Keys that this crate cannot use are skipped, as RFC 7517 §5 asks: of an unknown type, curve or
    /// algorithm, without a required member, or with a value out of range, such as RSA of 1024 bits. An issuer may
    /// publish keys for others, and one bad key must not take away the good ones.
    ///
    /// # Errors
    /// [`KeyError`] when the text is no set, when two usable keys have one `kid`, and when a key shows private members:
    /// then its owner must know at once.
    pub fn parse(json: &[u8]) -> Result<Self, KeyError> {
        let members = object(json)?;
        let Some(Value::Array(items)) = members.get("keys") else {
            return Err(KeyError::NotASet);
        };

        let mut set = Self::default();
        for item in items {
            let Value::Object(members) = item else {
                return Err(KeyError::NotAnObject);
            };
            match Jwk::from_members(members) {
                Ok(jwk) => set.add(jwk)?,
                Err(error @ KeyError::PrivateMember(_)) => return Err(error),
                Err(_) => {}
            }
        }
        Ok(set)
    }

    /// The key with this name.
    pub fn find(&self, kid: &str) -> Option<&Jwk> {
        self.keys.iter().find(|jwk| jwk.kid() == Some(kid))
    }

    fn add(&mut self, jwk: Jwk) -> Result<(), KeyError> {
        if let Some(kid) = jwk.kid().filter(|kid| self.find(kid).is_some()) {
            return Err(KeyError::DuplicateKid(kid.chars().take(100).collect()));
        }
        self.keys.push(jwk);
        Ok(())
    }
}
