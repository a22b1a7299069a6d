//! A set of public keys, RFC 7517 §5.

use serde::Serialize;
use serde_json::Value;

use super::{Jwk, KeyError, object};

/// Public keys that a verifier may choose from by `kid`.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct JwkSet {
    /// In the order of preference.
    pub keys: Vec<Jwk>,
}

impl JwkSet {
    /// Reads a set. Keys of a type, curve or algorithm that this crate does not have are skipped, as RFC 7517 §5 asks:
    /// an issuer may publish keys for others.
    ///
    /// # Errors
    /// [`KeyError`] for everything else that is wrong with the set or with one of its keys, two equal `kid` and private
    /// members included.
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
                Err(
                    KeyError::UnknownKeyType { .. }
                    | KeyError::UnknownCurve { .. }
                    | KeyError::UnknownAlgorithm(_),
                ) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(set)
    }

    /// The key with this name.
    #[must_use]
    pub fn find(&self, kid: &str) -> Option<&Jwk> {
        self.keys.iter().find(|jwk| jwk.kid() == Some(kid))
    }

    fn add(&mut self, jwk: Jwk) -> Result<(), KeyError> {
        if let Some(kid) = jwk.kid().filter(|kid| self.find(kid).is_some()) {
            return Err(KeyError::DuplicateKid { kid: kid.chars().take(100).collect() });
        }
        self.keys.push(jwk);
        Ok(())
    }
}
