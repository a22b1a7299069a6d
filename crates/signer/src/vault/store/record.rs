//! A signing key as the store keeps it, and the records that make aliases unique.

use std::sync::Arc;

use jwtis_base::json::{decode_json, encode_json};
use jwtis_store::{DecodeError, Record, Table};
use jwtis_tezos::{PublicKey, PublicKeyHash, SecretKey, SecretKeyError};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A key of the store, without its secret half. The alias is its name for people, and may be empty.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct StoredKey {
    pub alias: String,
    pub public_key: PublicKey,
    pub created_at_ms: u64,
}

/// A key with its secret half, by its address. The bytes are the length of a header (two bytes), the header, and the secret's text.
pub(crate) struct KeyRecord {
    header: KeyHeader,
    secret: Zeroizing<String>,
    key: Arc<SecretKey>,
}

#[derive(Serialize, Deserialize)]
struct KeyHeader {
    alias: String,
    created_at_ms: u64,
}

impl KeyRecord {
    /// A copy of `key`.
    pub(super) fn of(key: &SecretKey, alias: &str, created_at_ms: u64) -> Result<Self, SecretKeyError> {
        let secret = key.danger_to_base58()?;
        let key = Arc::new(secret.parse()?);
        Ok(Self { header: KeyHeader { alias: alias.to_owned(), created_at_ms }, secret, key })
    }

    /// Its name for people.
    pub(super) fn alias(&self) -> &str {
        &self.header.alias
    }

    /// All but the secret half.
    pub(crate) fn public(&self) -> StoredKey {
        StoredKey {
            alias: self.header.alias.clone(),
            public_key: self.key.public_key().clone(),
            created_at_ms: self.header.created_at_ms,
        }
    }

    /// The key, ready to sign.
    pub(super) fn into_key(self) -> Arc<SecretKey> {
        self.key
    }
}

impl Record for KeyRecord {
    const TABLE: Table = Table { id: 7, name: "signing-keys", time_ordered: false };

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        let header = encode_json(&self.header);
        // An alias has 64 characters at most. One exact allocation: a vector that grows would leave copies of the secret behind.
        let length = u16::try_from(header.len()).unwrap_or(u16::MAX).to_be_bytes();
        let total =
            [length.len(), header.len(), self.secret.len()].into_iter().fold(0, usize::saturating_add);
        let mut bytes = Zeroizing::new(Vec::with_capacity(total));
        bytes.extend_from_slice(&length);
        bytes.extend_from_slice(&header);
        bytes.extend_from_slice(self.secret.as_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let short = || DecodeError::new("the record ends too early");
        let (length, rest) = bytes.split_first_chunk::<2>().ok_or_else(short)?;
        let (header, secret) = rest.split_at_checked(u16::from_be_bytes(*length).into()).ok_or_else(short)?;
        let secret = std::str::from_utf8(secret).map_err(DecodeError::new)?;
        let key = secret.parse().map_err(|error: SecretKeyError| DecodeError::new(error))?;
        Ok(Self {
            header: decode_json(header)?,
            secret: Zeroizing::new(secret.to_owned()),
            key: Arc::new(key),
        })
    }
}

/// Whose an alias is.
pub(crate) struct AliasRecord(pub(crate) PublicKeyHash);

impl Record for AliasRecord {
    const TABLE: Table = Table { id: 8, name: "signing-key-aliases", time_ordered: false };

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.0.to_tagged().to_vec())
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let tagged = bytes.try_into().ok();
        tagged.and_then(PublicKeyHash::from_tagged).map(Self).ok_or_else(|| "not a tagged key hash".into())
    }
}

#[cfg(test)]
mod tests {
    use jwtis_tezos::Curve;

    use super::*;

    #[test]
    fn keys_of_every_curve_come_back_and_damage_is_noticed() {
        for curve in Curve::ALL {
            let key = SecretKey::generate(curve).unwrap();
            let bytes = KeyRecord::of(&key, "a \"key\" ü", 7).unwrap().encode();
            assert_eq!(bytes.len(), bytes.capacity());
            let back = KeyRecord::decode(&bytes).unwrap();
            assert_eq!(back.public().alias, "a \"key\" ü");
            assert_eq!(back.public().created_at_ms, 7);
            assert_eq!(back.public().public_key.hash(), key.public_key().hash());
            for cut in 0..bytes.len() {
                assert!(KeyRecord::decode(&bytes[..cut]).is_err(), "cut at {cut}");
            }
        }
    }
}
